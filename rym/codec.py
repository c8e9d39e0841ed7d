"""Messages as bytes and back.

JSON for everything but windows; a window is a frame of a JSON header and its raw samples:

    b"RYMW" | header length, 4 bytes, little-endian | header, JSON | samples, float32, little-endian

A payload that is not exactly its topic's type does not become a `Message`.
"""

from __future__ import annotations

import struct
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from rym.errors import FormatError
from rym.messages import Identity, Message, Meta
from rym.topics import TOPICS, Topic

MAX_BYTES = 8 * 2**20
"""Largest payload that is looked at, in bytes: 30 times a window of 32 channels at 2 kHz."""

_MAGIC = b"RYMW"
_HEADER = struct.Struct("<4sI")

# The type of a whole message depends on its topic, so that one strict decoder a topic is made here.
_WIRE: dict[str, Any] = {
    short: msgspec.defstruct(
        "Wire",
        [
            ("id", Identity),
            ("cause", tuple[Identity, ...]),
            ("content", topic.content),
            ("meta", Meta),
        ],
        frozen=True,
        forbid_unknown_fields=True,
    )
    for short, topic in TOPICS.items()
}


def encode(message: Message) -> bytes:
    """Return a message's payload.

    Parameters
    ----------
    message : Message
        Its content must be of its topic's type.
    """
    return _pack(message, with_meta=True)


def content_bytes(message: Message) -> bytes:
    """Return identity, cause and content as bytes: what replay compares; meta is left out."""
    return _pack(message, with_meta=False)


def _pack(message: Message, *, with_meta: bool) -> bytes:
    samples: list[bytes] = []

    def put_aside(value: object) -> object:
        if isinstance(value, np.ndarray):
            samples.append(np.ascontiguousarray(value, dtype="<f4").tobytes())
            return {"dtype": "<f4", "shape": value.shape}
        raise NotImplementedError(f"{type(value)} has no JSON form.")

    fields = {"id": message.id, "cause": message.cause, "content": message.content}
    if with_meta:
        fields["meta"] = message.meta
    head = msgspec.json.encode(fields, enc_hook=put_aside)
    if not samples:
        return head
    return b"".join([_HEADER.pack(_MAGIC, len(head)), head, *samples])


def decode(topic: Topic, payload: bytes) -> Message:
    """Return the message that a payload holds.

    Parameters
    ----------
    topic : Topic
        Where it arrived; it decides the type.
    payload : bytes
        As `encode` makes it.

    Raises
    ------
    FormatError
        If the payload is too large, is not JSON of the topic's type, or names another topic.
    """
    if len(payload) > MAX_BYTES:
        raise _refused(topic, f"{len(payload)} bytes, at most {MAX_BYTES} are read")
    try:
        if topic.binary:
            wire = _unpack_frame(topic, payload)
        else:
            wire = msgspec.json.decode(payload, type=_WIRE[topic.short])
    except (msgspec.DecodeError, struct.error, ValueError, RecursionError) as error:
        raise _refused(topic, str(error)) from None
    if wire.id.topic != topic.short:
        raise _refused(topic, f"it calls itself {wire.id.topic[:60]!r}")
    return Message(id=wire.id, cause=wire.cause, content=wire.content, meta=wire.meta)


def _unpack_frame(topic: Topic, payload: bytes) -> Any:
    magic, length = _HEADER.unpack_from(payload)
    if magic != _MAGIC:
        raise ValueError(f"it begins with {magic!r}, expected {_MAGIC!r}")
    body = memoryview(payload)[_HEADER.size + length :]

    def restore(_kind: type, value: Any) -> npt.NDArray[np.float32]:
        if value.get("dtype") != "<f4":
            raise ValueError(f"{value} is not an array of float32")
        return np.frombuffer(body, dtype="<f4").reshape(value["shape"])

    return msgspec.json.decode(
        payload[_HEADER.size : _HEADER.size + length], type=_WIRE[topic.short], dec_hook=restore
    )


def _refused(topic: Topic, what: str) -> FormatError:
    return FormatError(
        f"A message on {topic.short} cannot be read: {what}.",
        "Run the same version of RYM on every machine.",
        topic=topic.short,
    )

"""Messages survive their way as bytes; anything else is refused with a sentence."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rym import codec, topics
from rym.bus import Stamper
from rym.clock import ManualClock
from rym.errors import FormatError
from rym.messages import Label, Quality, Valence, Window


def _window(samples: np.ndarray, channels: tuple[str, ...] = ("Fz", "Cz")) -> Window:
    return Window(
        segment=0,
        first_sample=125,
        n_new=125,
        t_first=12.5,
        rate=500.0,
        channels=channels,
        samples=samples,
        bad=("Cz",),
        valid=True,
        reason="",
    )


def _stamp(topic: topics.Topic, content: object):
    stamper = Stamper("stream", 1_700_000_000_000, ManualClock(5.0))
    return stamper.stamp(topic, content, (), 0.5, None)


VALENCE = Valence(
    t=1.0,
    state="unknown",
    valence=None,
    probabilities=None,
    confidence=0.0,
    reason="no model",
    model="",
)


@given(st.integers(1, 50), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_a_window_comes_back_to_the_bit(n_times: int, n_channels: int, seed: int) -> None:
    """Samples, identity, cause and meta of a window are the same after encode and decode."""
    samples = np.random.default_rng(seed).normal(size=(n_times, n_channels)).astype(np.float32)
    channels = tuple(f"C{i}" for i in range(n_channels))
    message = _stamp(topics.WINDOW, _window(samples, channels))
    back = codec.decode(topics.WINDOW, codec.encode(message))
    np.testing.assert_array_equal(back.content.samples, samples)
    assert (back.id, back.cause, back.meta) == (message.id, message.cause, message.meta)
    assert back.content.channels == channels
    assert codec.content_bytes(back) == codec.content_bytes(message)


def test_a_decoded_window_cannot_be_written_to() -> None:
    """Whoever receives samples may not change them."""
    message = _stamp(topics.WINDOW, _window(np.zeros((4, 2), np.float32)))
    with pytest.raises(ValueError, match="read-only"):
        codec.decode(topics.WINDOW, codec.encode(message)).content.samples[0, 0] = 1


def test_content_bytes_leave_meta_out() -> None:
    """Two runs that differ in time and host alone have the same content bytes."""
    one = Stamper("decoder", 1, ManualClock(5.0)).stamp(topics.VALENCE, VALENCE, (), None, None)
    two = Stamper("decoder", 1, ManualClock(9.0)).stamp(topics.VALENCE, VALENCE, (), 0.2, None)
    assert codec.encode(one) != codec.encode(two)
    assert codec.content_bytes(one) == codec.content_bytes(two)


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"content": {"type": "Valence", "t": "now"}},
        {"id": ["decoder", 1, "player/now", 0]},
        {"meta": None},
    ],
)
def test_another_form_is_refused(change: dict[str, object]) -> None:
    """Extra fields, wrong types and a foreign topic are refused with the topic's name."""
    message = msgspec.json.decode(codec.encode(_stamp(topics.VALENCE, VALENCE)))
    with pytest.raises(FormatError, match="decoder/valence"):
        codec.decode(topics.VALENCE, msgspec.json.encode(message | change))


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(payload: bytes) -> None:
    """No payload leads to any other exception, on a JSON topic or a binary one."""
    for topic in (topics.VALENCE, topics.WINDOW, topics.LABEL):
        with pytest.raises(FormatError):
            codec.decode(topic, payload)


@given(st.integers(0, 400))
def test_a_torn_window_is_refused(kept: int) -> None:
    """A frame that ends early is refused, wherever it was cut."""
    payload = codec.encode(_stamp(topics.WINDOW, _window(np.zeros((4, 2), np.float32))))
    with pytest.raises(FormatError):
        codec.decode(topics.WINDOW, payload[: min(kept, len(payload) - 1)])


def test_deep_and_large_payloads_are_refused() -> None:
    """Nesting and size have limits that are told."""
    for payload in (b"[" * 100_000, b" " * (codec.MAX_BYTES + 1)):
        with pytest.raises(FormatError):
            codec.decode(topics.VALENCE, payload)


@pytest.mark.parametrize(
    ("topic", "content"),
    [
        (topics.LABEL, Label(state="none", t=1.0, source="terminal")),
        (topics.QUALITY, Quality(t=1.0, overall=1.0, level="good", channels=())),
        (topics.VALENCE, VALENCE),
    ],
)
def test_json_topics_come_back_equal(topic: topics.Topic, content: object) -> None:
    """A content is equal after its way as bytes."""
    assert codec.decode(topic, codec.encode(_stamp(topic, content))).content == content

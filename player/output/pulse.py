"""Where a sound server has put our streams (adapter of libpulse, PulseAudio's and PipeWire's).

Measured with PulseAudio 16.1 and ALSA's pulse plugin: when a sink goes, the server moves what
played there to another one, also where the stream had named its sink, and tells PortAudio nothing.
Music for headphones would come out of loudspeakers. The plugin offers no flag that forbids it
(PA_STREAM_DONT_MOVE), and PortAudio no handle on the stream. So the server is asked to tell of
every change; a stream of ours that is found elsewhere than where it began is killed there, from the
callback itself, and the player then finds its stream ended.

Only the heads of libpulse's structures are described, which its ABI keeps.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
from collections.abc import Callable
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_uint32, c_uint64, c_void_p
from typing import Any, NamedTuple

READY, FAILED = 4, (5, 6)
"""States of a context: PA_CONTEXT_READY; FAILED and TERMINATED."""
NO_AUTOSPAWN = 1
SINK_INPUTS = 0x0004
"""PA_SUBSCRIPTION_MASK_SINK_INPUT."""
PATIENCE = 1.0
"""Seconds that an answer of the server is waited for."""


class _Spec(Structure):
    _fields_ = (("format", c_int), ("rate", c_uint32), ("channels", ctypes.c_uint8))


class _Map(Structure):
    _fields_ = (("channels", ctypes.c_uint8), ("map", c_int * 32))


class _Volume(Structure):
    _fields_ = (("channels", ctypes.c_uint8), ("values", c_uint32 * 32))


class _SinkInput(Structure):
    _fields_ = (
        ("index", c_uint32),
        ("name", c_char_p),
        ("owner", c_uint32),
        ("client", c_uint32),
        ("sink", c_uint32),
        ("spec", _Spec),
        ("map", _Map),
        ("volume", _Volume),
        ("buffer_usec", c_uint64),
        ("sink_usec", c_uint64),
        ("resampler", c_char_p),
        ("driver", c_char_p),
        ("mute", c_int),
        ("properties", c_void_p),
    )


class _Device(Structure):
    """The head that a sink's and a source's description share."""

    _fields_ = (("name", c_char_p), ("index", c_uint32), ("description", c_char_p))


_STATE = CFUNCTYPE(None, c_void_p, c_void_p)
_EVENT = CFUNCTYPE(None, c_void_p, c_int, c_uint32, c_void_p)
_INPUT = CFUNCTYPE(None, c_void_p, POINTER(_SinkInput), c_int, c_void_p)
_DEVICE = CFUNCTYPE(None, c_void_p, POINTER(_Device), c_int, c_void_p)


class Place(NamedTuple):
    """A sink or source of the server."""

    name: str
    description: str


class Watch:
    """A connection to the sound server that is there, if one is.

    All of libpulse's callbacks run in its own thread, and change what is here one after the other;
    `_changed` tells the others that they may look.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._streams: dict[int, tuple[int, int]] = {}
        """Client and sink of every stream of this process, by its index."""
        self._coming: dict[int, tuple[int, int]] = {}
        self._bound: dict[int, int] = {}
        """Sink by client, for streams that have to stay where they are."""
        self._places: dict[str, dict[int, Place]] = {"sink": {}, "source": {}}
        self._rounds = 0
        self._pid = str(os.getpid()).encode()
        self._pulse: Any = None
        self._context: Any = None
        self._kept: list[Any] = []  # callbacks that C holds must not be collected
        self._loop: Any = None

    @classmethod
    def begin(cls) -> Watch | None:
        """Return a watch, or None where there is no such server."""
        watch = cls()
        try:
            watch._connect()
        except (OSError, AttributeError):  # no libpulse
            return None
        if watch._wait(lambda: watch._state() in (READY, *FAILED)) and watch._state() == READY:
            watch._subscribe()
            # A callback into an interpreter that has ended would crash the process.
            atexit.register(watch.close)
            return watch
        watch.close()
        return None

    @property
    def alive(self) -> bool:
        """True while the server answers."""
        return self._context is not None and self._state() == READY

    def places(self, kind: str) -> list[Place]:
        """Return the server's sinks or sources, as `kind` says."""
        self._look()
        return list(self._places[kind].values())

    def clients(self) -> set[int]:
        """Return the connections of this process that have a stream now."""
        self._look()
        return {client for client, _ in self._streams.values()}

    def bind(self, before: set[int]) -> str:
        """Keep a stream that was begun since `before` where it is; return its sink's name.

        Returns
        -------
        str
            Empty where no stream of this process has come: its device does not lead through the
            server.
        """
        for _ in range(10):
            if self.clients() - before:
                break
            # Not under the lock: libpulse's thread wants it while it holds its own.
            threading.Event().wait(0.05)
        for client, sink in list(self._streams.values()):
            if client not in before:
                self._bound[client] = sink
                place = self._places["sink"].get(sink)
                return place.name if place else ""
        return ""

    def close(self) -> None:
        """End the connection."""
        atexit.unregister(self.close)
        if self._loop is not None:
            self._pulse.pa_threaded_mainloop_stop(self._loop)
            self._pulse.pa_context_disconnect(self._context)
            self._loop = None
            self._context = None

    # -- in libpulse's thread ------------------------------------------------------------------

    def _on_state(self, *_: object) -> None:
        with self._changed:
            self._changed.notify_all()

    def _on_event(self, *_: object) -> None:
        self._ask_inputs()

    def _on_input(self, _context: object, info: Any, end: int, _data: object) -> None:
        if end == 0:
            one = info.contents
            owner = self._pulse.pa_proplist_gets(one.properties, b"application.process.id")
            if owner == self._pid:
                self._coming[one.index] = (one.client, one.sink)
                if self._bound.get(one.client, one.sink) != one.sink:
                    self._drop(self._pulse.pa_context_kill_sink_input(
                        self._context, one.index, None, None
                    ))  # fmt: skip
            return
        with self._changed:
            self._streams, self._coming = self._coming, {}
            self._rounds += 1
            self._changed.notify_all()

    def _on_device(self, kind: str) -> Callable[..., None]:
        coming: dict[int, Place] = {}

        def take(_context: object, info: Any, end: int, _data: object) -> None:
            if end == 0:
                one = info.contents
                coming[one.index] = Place(
                    (one.name or b"").decode(errors="replace"),
                    (one.description or b"").decode(errors="replace"),
                )
                return
            self._places[kind] = dict(coming)
            coming.clear()

        return take

    # -- asking ----------------------------------------------------------------------------------

    def _look(self) -> None:
        """Ask for everything, and wait for the answer."""
        if not self.alive:
            return
        rounds = self._rounds
        pulse = self._pulse
        pulse.pa_threaded_mainloop_lock(self._loop)
        for kind in ("sink", "source"):
            ask = getattr(pulse, f"pa_context_get_{kind}_info_list")
            self._drop(ask(self._context, self._device_callbacks[kind], None))
        self._ask_inputs()
        pulse.pa_threaded_mainloop_unlock(self._loop)
        self._wait(lambda: self._rounds > rounds)

    def _ask_inputs(self) -> None:
        self._drop(
            self._pulse.pa_context_get_sink_input_info_list(self._context, self._input, None)
        )

    def _drop(self, operation: Any) -> None:
        if operation:
            self._pulse.pa_operation_unref(operation)

    def _state(self) -> int:
        return int(self._pulse.pa_context_get_state(self._context))

    def _wait(self, done: Callable[[], bool]) -> bool:
        with self._changed:
            return self._changed.wait_for(done, PATIENCE)

    def _connect(self) -> None:
        pulse = self._pulse = _library()
        self._input = _INPUT(self._on_input)
        self._device_callbacks = {kind: _DEVICE(self._on_device(kind)) for kind in self._places}
        self._kept = [_STATE(self._on_state), _EVENT(self._on_event)]
        self._loop = pulse.pa_threaded_mainloop_new()
        api = pulse.pa_threaded_mainloop_get_api(self._loop)
        self._context = pulse.pa_context_new(api, b"RYM")
        pulse.pa_context_set_state_callback(self._context, self._kept[0], None)
        pulse.pa_context_connect(self._context, None, NO_AUTOSPAWN, None)
        pulse.pa_threaded_mainloop_start(self._loop)

    def _subscribe(self) -> None:
        pulse = self._pulse
        pulse.pa_threaded_mainloop_lock(self._loop)
        pulse.pa_context_set_subscribe_callback(self._context, self._kept[1], None)
        self._drop(pulse.pa_context_subscribe(self._context, SINK_INPUTS, None, None))
        pulse.pa_threaded_mainloop_unlock(self._loop)


def _library() -> Any:
    """Return libpulse with the types that are not `int`."""
    pulse = ctypes.CDLL("libpulse.so.0")
    for name in (
        "pa_threaded_mainloop_new",
        "pa_threaded_mainloop_get_api",
        "pa_context_new",
        "pa_context_subscribe",
        "pa_context_get_sink_info_list",
        "pa_context_get_source_info_list",
        "pa_context_get_sink_input_info_list",
        "pa_context_kill_sink_input",
    ):
        getattr(pulse, name).restype = c_void_p
    pulse.pa_proplist_gets.restype = c_char_p
    handle = (c_void_p,)
    for name, types in {
        "pa_threaded_mainloop_get_api": handle,
        "pa_threaded_mainloop_start": handle,
        "pa_threaded_mainloop_stop": handle,
        "pa_threaded_mainloop_lock": handle,
        "pa_threaded_mainloop_unlock": handle,
        "pa_context_new": (c_void_p, c_char_p),
        "pa_context_connect": (c_void_p, c_char_p, c_int, c_void_p),
        "pa_context_disconnect": handle,
        "pa_context_get_state": handle,
        "pa_context_set_state_callback": (c_void_p, _STATE, c_void_p),
        "pa_context_set_subscribe_callback": (c_void_p, _EVENT, c_void_p),
        "pa_context_subscribe": (c_void_p, c_int, c_void_p, c_void_p),
        "pa_context_get_sink_info_list": (c_void_p, _DEVICE, c_void_p),
        "pa_context_get_source_info_list": (c_void_p, _DEVICE, c_void_p),
        "pa_context_get_sink_input_info_list": (c_void_p, _INPUT, c_void_p),
        "pa_context_kill_sink_input": (c_void_p, c_uint32, c_void_p, c_void_p),
        "pa_operation_unref": handle,
        "pa_proplist_gets": (c_void_p, c_char_p),
    }.items():
        getattr(pulse, name).argtypes = types
    return pulse

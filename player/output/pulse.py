"""Where a sound server has put our streams (adapter of libpulse, PulseAudio's and PipeWire's).

Measured with PulseAudio 16.1 and ALSA's pulse plugin: when a sink goes, the server moves what
played there to another one, also where the stream had named its sink, and tells PortAudio nothing.
Music for headphones would come out of loudspeakers. The plugin offers no flag that forbids it
(PA_STREAM_DONT_MOVE), and PortAudio no handle on the stream. So the server is asked to tell of
every change: a stream whose sink has gone is killed at once, from the callback itself, and the
player then finds its stream ended; one that is found elsewhere while its sink is there is moved
back. In between lies about a millisecond. What is heard elsewhere is what that sink renders then:
mostly nothing, a bufferful if it was just about to; only a device that is had exclusively spares
that.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from .libpulse import DEVICE, EVENT, INPUT, STATE, SUCCESS, library

READY, FAILED = 4, (5, 6)
"""States of a context: PA_CONTEXT_READY; FAILED and TERMINATED."""
NO_AUTOSPAWN = 1
SINKS_AND_INPUTS = 0x0001 | 0x0004
"""PA_SUBSCRIPTION_MASK_SINK and _SINK_INPUT."""
WHAT, SINK_REMOVED = 0x003F, 0x0020
"""Bits of an event that say of what it is and what became of it; PA_SUBSCRIPTION_EVENT_SINK with
_REMOVE."""
PATIENCE = 1.0
"""Seconds that an answer of the server is waited for."""


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

    def _on_event(self, _context: object, event: int, index: int, _data: object) -> None:
        if event & WHAT == SINK_REMOVED:
            # To ask first what has become of its streams would take two answers more.
            for stream, (client, _) in self._streams.items():
                if self._bound.get(client) == index:
                    self._kill(stream)
        self._ask_inputs()

    def _on_input(self, _context: object, info: Any, end: int, _data: object) -> None:
        if end == 0:
            one = info.contents
            owner = self._pulse.pa_proplist_gets(one.properties, b"application.process.id")
            if owner == self._pid:
                self._coming[one.index] = (one.client, one.sink)
                if self._bound.get(one.client, one.sink) != one.sink:
                    self._take_back(one.index, self._bound[one.client])
            return
        with self._changed:
            self._streams, self._coming = self._coming, {}
            self._rounds += 1
            self._changed.notify_all()

    def _take_back(self, stream: int, sink: int) -> None:
        """Move a stream to where it belongs; where that is gone, `_on_moved` ends it."""
        ask = self._pulse.pa_context_move_sink_input_by_index
        self._drop(ask(self._context, stream, sink, self._moved, stream))

    def _on_moved(self, _context: object, success: int, stream: int | None) -> None:
        if not success:
            self._kill(stream or 0)

    def _kill(self, stream: int) -> None:
        kill = self._pulse.pa_context_kill_sink_input
        self._drop(kill(self._context, stream, None, None))

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
        pulse = self._pulse = library()
        self._input = INPUT(self._on_input)
        self._moved = SUCCESS(self._on_moved)
        self._device_callbacks = {kind: DEVICE(self._on_device(kind)) for kind in self._places}
        self._kept = [STATE(self._on_state), EVENT(self._on_event)]
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
        self._drop(pulse.pa_context_subscribe(self._context, SINKS_AND_INPUTS, None, None))
        pulse.pa_threaded_mainloop_unlock(self._loop)

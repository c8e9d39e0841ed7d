"""Lab streaming layer, receiving side: finding streams, and the EEG inlet (adapter)."""

from __future__ import annotations

import asyncio
import ctypes
import threading
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pylsl

from rym.clock import Clock
from rym.errors import DeviceError, SignalError
from rym.messages import ClockOffset

from .checks import Declared, agree
from .items import Chunk, Item, split_late
from .settings import StreamSettings

RESOLVE_S = 1.0
"""Seconds in which every stream of the network answers; below 0.5 s some are missed."""
ANSWER_S = 5.0
"""Seconds that a stream may take to answer at its set-up."""
POLL_S = 0.01
"""Seconds between two looks at the stream. Waiting for the next sample instead would wake this
process once for every sample of a sender that does not send chunks."""
PULL_SAMPLES = 1024
"""Samples taken in one look at most."""
CLOCK_OFF_S = 0.001
"""Seconds by which LSL's clock and the rig's may differ."""

FORMS = ("undefined", "float32", "double64", "string", "int32", "int16", "int8", "int64")
"""Names of the sample formats, in liblsl's order."""


class Seen(NamedTuple):
    """One stream on the network."""

    name: str
    kind: str
    source_id: str
    host: str
    uid: str
    n_channels: int
    rate: float
    """Declared samples per second; 0 for an irregular stream."""
    form: str
    """`float32`, `double64`, `int8`, `int16`, `int32`, `int64` or `string`."""

    def __str__(self) -> str:
        return (
            f"{self.name} (type {self.kind}, source id {self.source_id or 'none'}) on {self.host}"
        )


class EegInlet:
    """An open way to one EEG stream.

    Parameters
    ----------
    settings : StreamSettings
        Which stream, and what it must be.
    clock : Clock
        The rig's; on this host equal to LSL's.

    Raises
    ------
    DeviceError
        If LSL's clock and the rig's differ by more than 1 ms.
    SignalError
        If no stream or more than one matches, or it is not what the settings expect.

    Notes
    -----
    Building it finds and checks the stream, which takes seconds; samples flow from `items` on. LSL
    itself changes nothing: its processing flags are off, and stamps come as the sender gave them.
    Nothing is flushed: an outlet queues samples only from the opening on, which is the last step of
    the set-up, so that a source that starts when it is opened loses none. What waited too long,
    after an outage or while this process stood still, comes marked as late.
    """

    def __init__(self, settings: StreamSettings, clock: Clock) -> None:
        _check_clock(clock)
        self._settings = settings
        self._clock = clock
        info = _find(settings, clock)
        self._inlet = pylsl.StreamInlet(
            info, max_buflen=settings.buffer, recover=True, processing_flags=pylsl.proc_none
        )
        if self._inlet.np_dtype is None:
            raise SignalError(
                f"The stream {info.name()} carries text, EEG is numbers.",
                "Choose another stream with [stream] lsl_type or lsl_name.",
            )
        self.declared = _declared(self._inlet.info(ANSWER_S))
        self.signal = agree(self.declared, settings)
        self._buffer = np.empty((PULL_SAMPLES, self.declared.n_channels), self._inlet.np_dtype)
        self._count = 0
        self._offset = 0.0

    async def items(self) -> AsyncGenerator[Item, None]:
        """Open the stream and hand out what arrives, in order; close it (`aclosing`) to end.

        Yields
        ------
        Chunk or ClockOffset
            Samples in µV with their raw stamps; before the first sample, and every few seconds,
            the measured offset of the sender's clock.

        Raises
        ------
        SignalError
            If the stream ended and cannot be found again, for want of a source id. One that has an
            id is waited for.
        """
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[Item | None] = asyncio.Queue()
        stop = threading.Event()

        def hand_over(item: Item) -> None:
            loop.call_soon_threadsafe(arrived.put_nowait, item)

        pulling = asyncio.create_task(asyncio.to_thread(self._pull, hand_over, stop))
        pulling.add_done_callback(lambda _: arrived.put_nowait(None))
        try:
            while (item := await arrived.get()) is not None:
                yield item
            await pulling
        finally:
            stop.set()
            await asyncio.wait([pulling])

    def _pull(self, hand_over: Callable[[Item], None], stop: threading.Event) -> None:
        """Read the stream, in the one thread that touches it, until told to stop."""
        try:
            hand_over(self._measure(ANSWER_S))
            self._inlet.open_stream(ANSWER_S)
            due = self._clock.now() + self._settings.offset_every
            while not stop.wait(POLL_S):
                if self._clock.now() >= due:
                    due = self._clock.now() + self._settings.offset_every
                    # While the sender is away there is no answer: the last offset stays.
                    with suppress(pylsl.util.TimeoutError):
                        hand_over(self._measure(POLL_S))
                for chunk in self._take():
                    hand_over(chunk)
        except (pylsl.util.LostError, pylsl.util.TimeoutError) as error:
            raise SignalError(
                f"The stream {self.declared.name} (source id {self.declared.source_id or 'none'}) "
                f"ended: {error}",
                "Start it again; with a source id of its own it would be waited for.",
                stream=self.declared.name,
            ) from None
        finally:
            self._inlet.close_stream()

    def _take(self) -> list[Chunk]:
        """Return what has arrived, at most two pieces: backlog and live."""
        _, stamps = self._inlet.pull_chunk(
            timeout=0.0, max_samples=PULL_SAMPLES, dest_obj=self._buffer
        )
        n = len(stamps)
        self._count += n
        samples = (self._buffer[:n].astype(np.float64) * self.signal.scale).astype(np.float32)
        oldest = self._clock.now() - self._settings.max_age - self._offset
        return split_late(Chunk(samples, np.array(stamps, np.float64)), oldest)

    def _measure(self, within: float) -> ClockOffset:
        """Return LSL's estimate of the offset between the sender's clock and the rig's."""
        self._offset, uncertainty = _time_correction(self._inlet, within)
        return ClockOffset(
            stream=self.declared.uid,
            offset=self._offset,
            uncertainty=uncertainty,
            from_sample=self._count,
        )


class Tap:
    """An inlet on any one stream, numbers or text.

    Belongs to one thread from its building on. What is sent arrives once, in order, with the
    sender's own stamps. A sender that vanishes is waited for if it has a source id; what it sent
    before can still be pulled.

    Parameters
    ----------
    seen : Seen
        From `listing`.
    clock : Clock
        The rig's; on this host equal to LSL's.
    buffer : int
        Seconds that wait at most while nobody pulls; of a stream with no rate, hundreds of
        samples.

    Attributes
    ----------
    declared : Declared
        What the stream says about itself.
    header : str
        The sender's whole XML.

    Raises
    ------
    DeviceError
        If LSL's clock and the rig's differ by more than 1 ms.
    SignalError
        If the stream has gone since it was seen, or does not answer.
    """

    def __init__(self, seen: Seen, clock: Clock, *, buffer: int = 60) -> None:
        _check_clock(clock)
        self.seen = seen
        with self._answering():
            infos = pylsl.resolve_byprop("uid", seen.uid, 1, ANSWER_S)
            if not infos:
                raise pylsl.util.LostError("it is no longer there")
            self._inlet = pylsl.StreamInlet(
                infos[0], max_buflen=buffer, recover=True, processing_flags=pylsl.proc_none
            )
            info = self._inlet.info(ANSWER_S)
            self._inlet.open_stream(ANSWER_S)
        self.declared = _declared(info)
        self.header = str(info.as_xml())
        self._buffer: npt.NDArray[Any] | None = None
        if self._inlet.np_dtype is not None:
            self._buffer = np.empty((PULL_SAMPLES, seen.n_channels), self._inlet.np_dtype)

    def pull(self, timeout: float) -> tuple[npt.NDArray[Any] | list[list[str]], npt.NDArray[Any]]:
        """Wait until something is there and return all of it, up to a thousand samples.

        Parameters
        ----------
        timeout : float
            Seconds to wait at most.

        Returns
        -------
        samples : array of shape (n_times, n_channels), or list of list of str
            In the stream's own type and unit; none where the time was over.
        stamps : array of shape (n_times,)
            Raw, on the sender's clock, in seconds.

        Raises
        ------
        SignalError
            If the stream has gone and, for want of a source id, cannot come back.
        """
        with self._answering():
            samples, stamps = self._inlet.pull_chunk(
                timeout, PULL_SAMPLES, dest_obj=self._buffer, min_samples=1
            )
        if self._buffer is not None:
            samples = self._buffer[: len(stamps)].copy()
        return samples, np.array(stamps, np.float64)

    def offset(self, within: float) -> tuple[float, float]:
        """Return LSL's estimate of the offset to the sender's clock.

        Parameters
        ----------
        within : float
            Seconds that the first measurement may take; later ones are there at once.

        Returns
        -------
        offset : float
            Seconds to add to a raw stamp to get rig time.
        uncertainty : float
            Round-trip time of the exchange that it rests on, in seconds.

        Raises
        ------
        SignalError
            If the sender did not answer in time.
        """
        with self._answering():
            return _time_correction(self._inlet, within)

    def close(self) -> None:
        """Tell the sender that nothing more is wanted."""
        self._inlet.close_stream()

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Turn liblsl's two ways of saying that nobody answers into an error with a remedy."""
        try:
            yield
        except (pylsl.util.LostError, pylsl.util.TimeoutError) as error:
            raise SignalError(
                f"The stream {self.seen} ended: {error}",
                "Start it again; with a source id of its own it would be waited for.",
                stream=self.seen.name,
            ) from None


def library() -> str:
    """Return the version of liblsl, for the record."""
    return str(pylsl.library_info())


def listing(seconds: float = RESOLVE_S) -> list[Seen]:
    """Return every stream that answers within `seconds`."""
    return [_seen(info) for info in pylsl.resolve_streams(seconds)]


def _seen(info: pylsl.StreamInfo) -> Seen:
    return Seen(
        name=info.name(),
        kind=info.type(),
        source_id=info.source_id(),
        host=info.hostname(),
        uid=info.uid(),
        n_channels=info.channel_count(),
        rate=info.nominal_srate(),
        form=FORMS[info.channel_format()],
    )


def _check_clock(clock: Clock) -> None:
    """Refuse a rig whose clock is not LSL's: stamps and deadlines would not fit together."""
    before = clock.now()
    lsl = float(pylsl.local_clock())
    after = clock.now()
    # Between the two readings this process may have stood still; LSL's must only lie within them.
    off = max(before - lsl, lsl - after)
    if off > CLOCK_OFF_S:
        raise DeviceError(
            f"LSL's clock shows {lsl:.4f} s, the rig's {after:.4f} s; they may differ by "
            f"{CLOCK_OFF_S * 1000:g} ms.",
            "Run stream on a system where both read the monotonic clock.",
            lsl=lsl,
            rig=after,
        )


def _find(settings: StreamSettings, clock: Clock) -> pylsl.StreamInfo:
    """Return the one stream that matches; wait for it to appear."""
    wanted = {
        "type": settings.lsl_type,
        "name": settings.lsl_name,
        "source id": settings.source_id,
        "host": settings.lsl_host,
    }
    asked = ", ".join(f"{key} {value!r}" for key, value in wanted.items() if value)
    give_up = clock.now() + settings.wait
    while True:
        infos = pylsl.resolve_streams(RESOLVE_S)
        seen = list(map(_seen, infos))
        matching = [
            info
            for info, it in zip(infos, seen, strict=True)
            if all(
                value in ("", has)
                for value, has in zip(
                    wanted.values(), (it.kind, it.name, it.source_id, it.host), strict=True
                )
            )
        ]
        if len(matching) == 1:
            return matching[0]
        if matching:
            raise SignalError(
                f"{len(matching)} LSL streams match {asked}: {_enumerate(map(_seen, matching))}.",
                "Choose one with [stream] lsl_name, source_id or lsl_host.",
                streams=[_seen(info) for info in matching],
            )
        if clock.now() >= give_up:
            raise SignalError(
                f"No LSL stream with {asked} was found within {settings.wait:g} s; "
                f"seen: {_enumerate(seen) or 'none at all'}.",
                "Turn on the LSL output (in NIC: Settings, LSL), let it through the firewall, or "
                "change [stream] lsl_type, lsl_name, source_id or lsl_host.",
                wanted=wanted,
                streams=seen,
            )


def _enumerate(streams: Iterable[Seen]) -> str:
    return "; ".join(sorted(map(str, streams)))


def _declared(info: pylsl.StreamInfo) -> Declared:
    """Read a stream's own description, in LSL's standard form or in NIC's."""
    desc = info.desc()
    labels: list[str] = []
    units: list[str] = []
    for parent, key in ((desc.child("channels"), "label"), (desc, "name")):
        channel = parent.child("channel")
        while not channel.empty():
            labels.append(channel.child_value(key))
            units.append(channel.child_value("unit"))
            channel = channel.next_sibling("channel")
        if labels:
            break
    return Declared(
        name=info.name(),
        source_id=info.source_id(),
        uid=info.uid(),
        host=info.hostname(),
        rate=info.nominal_srate(),
        n_channels=info.channel_count(),
        labels=tuple(labels),
        units=tuple(units),
    )


def _time_correction(inlet: pylsl.StreamInlet, within: float) -> tuple[float, float]:
    """Return offset and uncertainty in seconds; pylsl's own method leaves the second out."""
    remote, uncertainty, code = ctypes.c_double(), ctypes.c_double(), ctypes.c_int()
    ask = pylsl.lib.lib.lsl_time_correction_ex
    ask.restype = ctypes.c_double
    offset = ask(
        inlet.obj,
        ctypes.byref(remote),
        ctypes.byref(uncertainty),
        ctypes.c_double(within),
        ctypes.byref(code),
    )
    pylsl.util.handle_error(code)
    return float(offset), uncertainty.value

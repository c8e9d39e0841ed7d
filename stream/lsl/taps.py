"""Lab streaming layer, receiving side: what there is, and a tap on one stream (adapter)."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pylsl

from rym.clock import Clock
from rym.errors import DeviceError, SignalError

from ..checks import Declared
from .resolve import Seen

__all__ = ["ANSWER_S", "RESOLVE_S", "Seen", "Tap", "check_clock", "library", "listing"]

RESOLVE_S = 1.0
"""Seconds in which every stream of the network answers; below 0.5 s some are missed."""
ANSWER_S = 5.0
"""Seconds that a stream may take to answer at its set-up."""
PULL_SAMPLES = 1024
"""Samples taken at once at most."""
CLOCK_OFF_S = 0.001
"""Seconds by which LSL's clock and the rig's may differ."""

FORMS = ("undefined", "float32", "double64", "string", "int32", "int16", "int8", "int64")
"""Names of the sample formats, in liblsl's order."""


class Tap:
    """An inlet on any one stream, numbers or text.

    Only one thread at a time may use it. What is sent arrives once, in order, with the sender's own
    stamps. A sender that vanishes is waited for if it has a source id; what it sent before can
    still be pulled.

    liblsl finds such a sender again in every LSL session of the network: in the next room's, too,
    where a device may have the same source id. So what it finds is only taken as a sign, and the
    sender is looked for once more in this session. liblsl tells a return only once `offset` has
    been measured; who does not measure it must not let liblsl recover.

    Parameters
    ----------
    seen : Seen
        From `listing`.
    clock : Clock
        The rig's; on this host equal to LSL's.
    buffer : int
        Seconds that wait at most while nobody pulls; of a stream with no rate, hundreds of
        samples.
    opened : bool
        If True, samples begin to queue now; else from `open` or the first `pull` on.
    recover : bool
        If False, a sender that vanishes is gone for good, whatever its source id.

    Attributes
    ----------
    seen : Seen
        The stream that is listened to; after `came_back`, the new one.
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

    def __init__(
        self,
        seen: Seen,
        clock: Clock,
        *,
        buffer: int = 60,
        opened: bool = True,
        recover: bool = True,
    ) -> None:
        check_clock(clock)
        self.seen = seen
        self._seconds = buffer
        self._recover = recover
        self._back = False
        with self._answering():
            infos = pylsl.resolve_byprop("uid", seen.uid, 1, ANSWER_S)
            if not infos:
                raise pylsl.util.LostError("it is no longer there")
            self._connect(infos[0])
        if opened:
            self.open()
        self._buffer: npt.NDArray[Any] | None = None
        if self._inlet.np_dtype is not None:
            self._buffer = np.empty((PULL_SAMPLES, seen.n_channels), self._inlet.np_dtype)

    def _connect(self, info: pylsl.StreamInfo) -> None:
        inlet = pylsl.StreamInlet(
            info,
            max_buflen=self._seconds,
            recover=self._recover,
            processing_flags=pylsl.proc_none,
        )
        said = inlet.info(ANSWER_S)
        self._inlet = inlet
        self.declared = _declared(said)
        self.header = str(said.as_xml())

    def open(self) -> None:
        """Have the sender queue its samples from now on.

        Raises
        ------
        SignalError
            If it does not answer.
        """
        with self._answering():
            self._inlet.open_stream(ANSWER_S)

    def came_back(self) -> bool:
        """Return, once, that the sender vanished and is there again, maybe as another process.

        Asked after every pull it says so before the new sender's first sample comes.
        """
        back, self._back = self._back, False
        return back

    def _return(self) -> None:
        """Go over to the sender that came back, in this LSL session."""
        old = self.seen
        said = {
            "name": old.name,
            "type": old.kind,
            "source_id": old.source_id,
            "channel_count": str(old.n_channels),
            "channel_format": old.form,
        }
        asked = " and ".join(f"{key}={_quoted(value)}" for key, value in said.items())
        with self._answering():
            infos = pylsl.resolve_bypred(asked, 1, ANSWER_S)
            if len(infos) != 1:
                raise pylsl.util.LostError(f"there are {len(infos)} with its name and source id")
            wrong = self._inlet
            self._connect(infos[0])
            wrong.close_stream()
        self.seen = _seen(infos[0])
        self._back = True

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
            If the stream has gone and, for want of a source id, cannot come back, or if liblsl
            found another one in its place.
        """
        with self._answering():
            samples, stamps = self._inlet.pull_chunk(
                timeout, PULL_SAMPLES, dest_obj=self._buffer, min_samples=1, as_numpy=True
            )
        if self._recover and self._inlet.was_clock_reset():
            self._return()
            samples, stamps = samples[:0], stamps[:0]
        if self._buffer is not None:
            return samples.copy(), stamps
        # Senders on Windows are known to send what is not UTF-8.
        return [[word.decode(errors="replace") for word in row] for row in samples], stamps

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
                f"The stream {self.seen} ended: {str(error).rstrip('.')}.",
                "Start it again; with a source id of its own it would be waited for.",
                stream=self.seen.name,
            ) from None


def library() -> str:
    """Return the version of liblsl, for the record."""
    return str(pylsl.library_info())


def listing(seconds: float | None = None) -> list[Seen]:
    """Return every stream that answers within `seconds`, by default `RESOLVE_S`."""
    return [_seen(info) for info in pylsl.resolve_streams(seconds or RESOLVE_S)]


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
        created=info.created_at(),
    )


def _quoted(value: str) -> str:
    """Return a text as XPath writes it."""
    return f'"{value}"' if "'" in value else f"'{value}'"


def check_clock(clock: Clock) -> None:
    """Refuse a rig whose clock is not LSL's: stamps and deadlines would not fit together.

    Raises
    ------
    DeviceError
        If the two differ by more than 1 ms.
    """
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
        form=FORMS[info.channel_format()],
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

"""Lab streaming layer, sending side: streams as an amplifier's software sends them (adapter)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pylsl

from ..simulated.devices import Dialect
from ..simulated.faultscript import Act
from ..simulated.headers import Form

Stamps = float | npt.NDArray[np.float64]

ACCELEROMETER_HZ = 100.0
QUALITY_HZ = 1.0
G = 9806.65
"""mm/s²."""
EARLIEST_S = 1e-9
"""Stamp that is sent in place of exactly 0 s, which LSL would replace by the time of sending."""
_RANGES = {"int16": (-32_768, 32_767), "int32": (-2_147_483_648, 2_147_483_520)}
"""Smallest and largest value of a whole-number format; the last is a float32, too."""


class NicOutlets:
    """An amplifier's LSL streams: EEG, Quality, Accelerometer and Markers, as NIC has them.

    They are visible on the network from the moment this object exists until `close`.

    Parameters
    ----------
    name : str
        Name of all streams in the dialects `nic1` and `muse`, otherwise the part before `-EEG`,
        `-Quality` and so on.
    source_id : str
        Source id of the EEG stream; the others append their type. A consumer finds a stream that
        vanished and came back by this id.
    channels : sequence of str
        Names of the EEG channels.
    rate : float
        EEG samples per second.
    unit : str
        Unit that the EEG stream declares for every channel.
    dialect : {'nic1', 'nic2', 'standard', 'muse'}
        `nic1`: NIC 1.4, one name for all streams. `nic2`: NIC 2, one name per stream. Both describe
        a channel under `desc/channel`. `standard`: LSL's own form, `desc/channels/channel`.
        `muse`: the same, with the accelerometer in g as type `ACC`, and without Quality, as the
        common programs for the Muse have it.
    form : {'float32', 'double64', 'int16', 'int32', 'string'}
        Format of the EEG samples.
    motion_rate : float
        Samples of the accelerometer per second.
    """

    def __init__(
        self,
        *,
        name: str,
        source_id: str,
        channels: Sequence[str],
        rate: float,
        unit: str = "microvolts",
        dialect: Dialect = "nic2",
        form: Form = "float32",
        motion_rate: float = ACCELEROMETER_HZ,
    ) -> None:
        def outlet(
            kind: str, labels: Sequence[str], hz: float, form: str, of: str
        ) -> pylsl.StreamOutlet:
            info = pylsl.StreamInfo(
                name if dialect in ("nic1", "muse") else f"{name}-{kind}",
                kind,
                len(labels),
                hz,
                form,
                source_id if kind == "EEG" or not source_id else f"{source_id}-{kind.lower()}",
            )
            _describe(info, labels, of, dialect)
            return pylsl.StreamOutlet(info)

        axes = ("X", "Y", "Z")
        self._eeg = outlet("EEG", channels, rate, form, unit)
        of_muse = dialect == "muse"
        self._quality = (
            None if of_muse else outlet("Quality", channels, QUALITY_HZ, "float32", "none")
        )
        kind, unit = ("ACC", "g") if of_muse else ("Accelerometer", "mm/s^2")
        self._motion = outlet(kind, axes, motion_rate, "float32", unit)
        self._per_unit = np.float32(G if of_muse else 1.0)
        self._markers = outlet("Markers", ("Marker",), 0.0, "int32", "none")
        self._form = form

    def push_eeg(self, samples: npt.NDArray[np.float32], stamp: Stamps) -> None:
        """Send one chunk of EEG.

        Parameters
        ----------
        samples : array of shape (n_times, n_channels)
            In the declared unit.
        stamp : float or array of shape (n_times,)
            Rig time of the last sample, from which LSL derives the others by the declared rate, or
            of every sample, in seconds.
        """
        if samples.shape[1] == 0:
            return
        rows: object = samples
        if self._form == "string":
            rows = [[f"{value:g}" for value in row] for row in samples.tolist()]
        elif self._form in _RANGES:
            rows = np.clip(np.nan_to_num(samples), *_RANGES[self._form])
        self._eeg.push_chunk(rows, _sent(stamp))

    def push_quality(self, values: npt.NDArray[np.float32]) -> None:
        """Send NIC's own quality index.

        Parameters
        ----------
        values : array of shape (n_channels,)
            0 (good) to 1 (bad), no unit.
        """
        if self._quality is not None:
            self._quality.push_sample(values.tolist())

    def push_accelerometer(self, samples: npt.NDArray[np.float32], stamp: Stamps) -> None:
        """Send one chunk of acceleration.

        Parameters
        ----------
        samples : array of shape (n_times, 3)
            In mm/s².
        stamp : float or array of shape (n_times,)
            Rig time of the last sample, or of every sample, in seconds.
        """
        self._motion.push_chunk(samples / self._per_unit, _sent(stamp))

    def push_marker(self, code: int, stamp: float) -> None:
        """Send one trigger code that holds at rig time `stamp`, in seconds."""
        self._markers.push_sample([code], stamp)

    def has_consumer(self) -> bool:
        """Return whether somebody has opened the EEG stream."""
        return bool(self._eeg.have_consumers())

    def close(self) -> None:
        """Take all streams off the network; nothing can be sent afterwards."""
        del self._eeg, self._quality, self._motion, self._markers


class Amplifier:
    """An amplifier whose streams may vanish, come back, or be there twice.

    Parameters
    ----------
    source_id : str
        Source id of the EEG stream.
    make : callable
        Puts a set of streams with a source id on the network.
    """

    def __init__(self, source_id: str, make: Callable[[str], NicOutlets]) -> None:
        self._source_id = source_id
        self._make = make
        self._first: NicOutlets | None = make(source_id)
        self._second: NicOutlets | None = None

    def push_eeg(self, samples: npt.NDArray[np.float32], stamp: Stamps) -> None:
        """Send one chunk of EEG, as `NicOutlets.push_eeg`; nothing while the streams are away."""
        for outlets in self._there():
            outlets.push_eeg(samples, stamp)

    def push_quality(self, values: npt.NDArray[np.float32]) -> None:
        """Send the quality index of every channel."""
        for outlets in self._there():
            outlets.push_quality(values)

    def push_accelerometer(self, samples: npt.NDArray[np.float32], stamp: Stamps) -> None:
        """Send one chunk of acceleration, as `NicOutlets.push_accelerometer`."""
        for outlets in self._there():
            outlets.push_accelerometer(samples, stamp)

    def push_marker(self, code: int, stamp: float) -> None:
        """Send one trigger code that holds at rig time `stamp`, in seconds."""
        for outlets in self._there():
            outlets.push_marker(code, stamp)

    def has_consumer(self) -> bool:
        """Return whether somebody has opened the EEG stream."""
        return any(outlets.has_consumer() for outlets in self._there())

    def act(self, act: Act) -> None:
        """Let the streams vanish, come back, or be there a second time."""
        source_id = {"same": self._source_id, "empty": "", "other": f"{self._source_id}-other"}
        match act.what:
            case "vanish":
                self._first = _close(self._first)
            case "back":
                self._first = self._first or self._make(source_id[act.source_id])
            case "second":
                self._second = self._second or self._make(source_id[act.source_id])
            case "second gone":
                self._second = _close(self._second)

    def close(self) -> None:
        """Take everything off the network."""
        self._first, self._second = _close(self._first), _close(self._second)

    def _there(self) -> list[NicOutlets]:
        return [outlets for outlets in (self._first, self._second) if outlets is not None]


def _close(outlets: NicOutlets | None) -> NicOutlets | None:
    """Take streams off the network; return what is left, which is nothing."""
    if outlets is not None:
        outlets.close()
    return None


def _sent(stamp: Stamps) -> Stamps:
    """Return stamps that LSL takes as they are."""
    sent = np.where(np.asarray(stamp) == 0.0, EARLIEST_S, stamp)
    return float(sent) if sent.ndim == 0 else sent


def _describe(info: pylsl.StreamInfo, labels: Sequence[str], unit: str, dialect: Dialect) -> None:
    desc = info.desc()
    standard = dialect in ("standard", "muse")
    desc.append_child_value("manufacturer", "Muse" if dialect == "muse" else "Neuroelectrics")
    parent = desc.append_child("channels") if standard else desc
    for label in labels:
        channel = parent.append_child("channel")
        channel.append_child_value("label" if standard else "name", label)
        channel.append_child_value("unit", unit)

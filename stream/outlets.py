"""Lab streaming layer, sending side: streams as an amplifier's software sends them (adapter)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pylsl

Dialect = Literal["nic1", "nic2", "standard"]

ACCELEROMETER_HZ = 100.0
QUALITY_HZ = 1.0


class NicOutlets:
    """NIC's four LSL streams: EEG, Quality, Accelerometer and Markers.

    They are visible on the network from the moment this object exists until `close`.

    Parameters
    ----------
    name : str
        Name of all four streams in the dialect `nic1`, otherwise the part before `-EEG`, `-Quality`
        and so on.
    source_id : str
        Source id of the EEG stream; the others append their type. A consumer finds a stream that
        vanished and came back by this id.
    channels : sequence of str
        Names of the EEG channels.
    rate : float
        EEG samples per second.
    unit : str
        Unit that the EEG stream declares for every channel.
    dialect : {'nic1', 'nic2', 'standard'}
        `nic1`: NIC 1.4, one name for all streams. `nic2`: NIC 2, one name per stream. Both describe
        a channel under `desc/channel`. `standard`: LSL's own form, `desc/channels/channel`.
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
    ) -> None:
        def outlet(
            kind: str, labels: Sequence[str], hz: float, form: str, of: str
        ) -> pylsl.StreamOutlet:
            info = pylsl.StreamInfo(
                name if dialect == "nic1" else f"{name}-{kind}",
                kind,
                len(labels),
                hz,
                form,
                source_id if kind == "EEG" else f"{source_id}-{kind.lower()}",
            )
            _describe(info, labels, of, dialect)
            return pylsl.StreamOutlet(info)

        axes = ("X", "Y", "Z")
        self._eeg = outlet("EEG", channels, rate, "float32", unit)
        self._quality = outlet("Quality", channels, QUALITY_HZ, "float32", "none")
        self._motion = outlet("Accelerometer", axes, ACCELEROMETER_HZ, "float32", "mm/s^2")
        self._markers = outlet("Markers", ("Marker",), 0.0, "int32", "none")

    def push_eeg(self, samples: npt.NDArray[np.float32], stamp: float) -> None:
        """Send one chunk of EEG.

        Parameters
        ----------
        samples : array of shape (n_times, n_channels)
            In the declared unit.
        stamp : float
            Rig time of the last sample, in seconds.
        """
        self._eeg.push_chunk(samples, stamp)

    def push_quality(self, values: npt.NDArray[np.float32]) -> None:
        """Send NIC's own quality index.

        Parameters
        ----------
        values : array of shape (n_channels,)
            0 (good) to 1 (bad), no unit.
        """
        self._quality.push_sample(values.tolist())

    def push_accelerometer(self, samples: npt.NDArray[np.float32], stamp: float) -> None:
        """Send one chunk of acceleration.

        Parameters
        ----------
        samples : array of shape (n_times, 3)
            In mm/s².
        stamp : float
            Rig time of the last sample, in seconds.
        """
        self._motion.push_chunk(samples, stamp)

    def push_marker(self, code: int, stamp: float) -> None:
        """Send one trigger code that holds at rig time `stamp`, in seconds."""
        self._markers.push_sample([code], stamp)

    def has_consumer(self) -> bool:
        """Return whether somebody has opened the EEG stream."""
        return bool(self._eeg.have_consumers())

    def close(self) -> None:
        """Take all four streams off the network; nothing can be sent afterwards."""
        del self._eeg, self._quality, self._motion, self._markers


def _describe(info: pylsl.StreamInfo, labels: Sequence[str], unit: str, dialect: Dialect) -> None:
    desc = info.desc()
    desc.append_child_value("manufacturer", "Neuroelectrics")
    parent = desc.append_child("channels") if dialect == "standard" else desc
    for label in labels:
        channel = parent.append_child("channel")
        channel.append_child_value("label" if dialect == "standard" else "name", label)
        channel.append_child_value("unit", unit)

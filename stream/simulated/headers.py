"""Faults of a stream's header, fixed from the start: names, order, form, declared rate (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from rym.errors import UsageError

Form = Literal["float32", "double64", "int16", "int32", "string"]
Rows = npt.NDArray[np.float32]

EXTRA = ("X", "Y", "Z", "Trigger")
EXTRA_VALUES = (180.0, -340.0, 9280.0, 0.0)
"""What appended columns carry: gravity in mm/s², and no trigger."""


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table `[source.header]`: what the EEG stream says of itself, where it should not."""

    only: tuple[str, ...] | None = None
    """Channels that are sent; nothing: all. An empty list is a stream without channels."""
    shuffle: bool = False
    """Sends the channels in another order, each under its own name."""
    rename: dict[str, str] = {}
    """Other names for channels."""
    duplicate: str = ""
    """Name that the channel next to it carries, too."""
    extra: bool = False
    """Appends three accelerometer columns and a trigger to the EEG."""
    form: Form = "float32"
    """Format of the samples; `string` is text."""
    rate: Annotated[float, msgspec.Meta(ge=0)] | None = None
    """Declared samples per second, whatever the true rate is; 0: irregular."""
    unit: str = ""
    """Declared unit; empty: µV, as it is."""


class Dress:
    """Puts a header's faults on names and samples.

    Parameters
    ----------
    header : Header
        Which faults.
    channels : sequence of str
        Names of the source's channels.
    seed : int
        Decides another order.

    Raises
    ------
    UsageError
        If the header names a channel that is not there.
    """

    def __init__(self, header: Header, channels: Sequence[str], seed: int) -> None:
        named = [*(header.only or ()), *header.rename, header.duplicate]
        unknown = [name for name in named if name and name not in channels]
        if unknown:
            raise UsageError(
                f"[source.header] names the channel {unknown[0]}, the source has "
                f"{', '.join(channels)}.",
                "Name one of these.",
            )
        wanted = channels if header.only is None else header.only
        if header.duplicate and header.duplicate not in wanted:
            raise UsageError(
                f"[source.header] duplicates {header.duplicate}, but sends "
                f"{', '.join(wanted) or 'no channel'} only.",
                "Duplicate one that is sent.",
            )
        order = [channels.index(name) for name in wanted]
        if header.shuffle:
            order = [order[i] for i in np.random.default_rng([seed, 6]).permutation(len(order))]
        names = [header.rename.get(channels[i], channels[i]) for i in order]
        if header.duplicate:
            twin = order.index(channels.index(header.duplicate))
            names[(twin + 1) % len(names)] = names[twin]
        self.channels = (*names, *(EXTRA if header.extra else ()))
        self._order = order
        self._same = order == list(range(len(channels))) and not header.extra
        self._extra = np.array(EXTRA_VALUES if header.extra else (), np.float32)

    def samples(self, samples: Rows) -> Rows:
        """Return samples of the source, shape (n_times, n_channels), as they are sent."""
        if self._same:
            return samples
        extra = np.broadcast_to(self._extra, (len(samples), len(self._extra)))
        return np.concatenate([samples[:, self._order], extra], axis=1)

    def quality(self, values: Rows) -> Rows:
        """Return NIC's index of every channel, shape (n_channels,), for the channels sent."""
        return np.concatenate([values[self._order], np.zeros(len(self._extra), np.float32)])

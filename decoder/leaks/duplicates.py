"""Files that hold the same minutes, whatever they are called (pure).

A recording that was exported twice, renamed, cut, scaled, or read through a clock that stumbled is
still the same recording: what is learned from one copy is remembered in the other. Pieces of one
file are looked for in all places of the other by cross-correlation, so that another start, lost
samples and irregular clocks do not hide it.

Measured over the 203 pairs of 34 files from six public data sets (Enobio 8 and 20, StarStim 32,
DSI-24, Muse, 19 channels of EDF) that share channel names: between files that are different the
largest likeness is 0.27, and 0.32 for the best piece instead of the third-best; of the one pair
that is a copy it is 1.00.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .found import Found, counted, listed

Array = npt.NDArray[np.float64]
Samples = npt.NDArray[np.float32]

LIKE = 0.6
"""Likeness of copies, at least; see the measurement above."""
PIECE_S = 8.0
"""Seconds of a piece. With 5 s the likeness of different files rises from 0.33 to 0.40."""
N_PIECES = 8
"""Pieces of the shorter file, evenly spread."""
NEEDED = 3
"""Pieces that must be found, so that half a minute shared by two files suffices and one artifact
of the same shape does not."""
MOST_CHANNELS = 8
"""Channels looked at, evenly spread over those in common."""
EMPHASIS = 0.9
"""Share of the sample before that is taken off: slow waves would resemble one another anywhere."""
CLIP = 3.0
"""Robust standard deviations at which a value is cut: a blink would resemble any blink."""
ALONE_S = 1.0
"""Seconds around the best place beyond which the likeness must be smaller."""
FLAT = 1e-6
"""Mean square, in robust variances, below which a stretch holds no signal."""
ALONE = 0.15
"""By how much: a rhythm resembles itself at every period, a copy in one place only."""


class Trace(NamedTuple):
    """One file's signal with few samples."""

    name: str
    person: str
    sha256: str
    """Of the file's content; empty where it is not known."""
    channels: tuple[str, ...]
    samples: Samples
    """Shape (n_times, n_channels)."""
    rate: float
    """Samples per second."""


class Pair(NamedTuple):
    """Two files that hold the same minutes."""

    first: int
    """Place in the list of files."""
    second: int
    likeness: float
    """0…1 of the third-best piece; 1 where the files are equal to the byte."""
    seconds: float
    """How much later the same moment comes in the second file."""
    exact: bool
    """Whether the files are equal to the byte."""


def _prepared(trace: Trace, rate: float) -> Samples:
    """Return the signal at a rate, flat in its spectrum, each channel on its own scale."""
    x = trace.samples.astype(np.float64)
    if abs(trace.rate / rate - 1.0) > 1e-3:
        at = np.arange(int(len(x) * rate / trace.rate)) * (trace.rate / rate)
        old = np.arange(len(x))
        x = np.stack([np.interp(at, old, column) for column in x.T], axis=1)
    x = x[1:] - EMPHASIS * x[:-1]
    x = x - np.median(x, axis=0)
    size = 1.4826 * np.median(np.abs(x), axis=0)
    return np.clip(x / np.where(size > 0, size, np.inf), -CLIP, CLIP).astype(np.float32)


def _common(a: Trace, b: Trace) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the columns of channels in common; by place where names differ but not their number.

    Another name for a channel is no other signal.
    """
    names = [name for name in a.channels if name in b.channels]
    if not names:
        n = len(a.channels) if len(a.channels) == len(b.channels) else 0
        places = tuple(range(min(n, MOST_CHANNELS)))
        return places, places
    if len(names) > MOST_CHANNELS:
        chosen = np.linspace(0, len(names) - 1, MOST_CHANNELS).round().astype(int)
        names = [names[i] for i in chosen]
    return tuple(map(a.channels.index, names)), tuple(map(b.channels.index, names))


class _Pieces:
    """Pieces of one signal, ready to be looked for in others.

    Parameters
    ----------
    samples : array of shape (n_times, n_channels)
        Prepared signal, at least one piece long.
    size : int
        Samples of a piece.
    n : int
        Length of the transforms: the longest signal looked in and one piece.
    """

    def __init__(self, samples: Samples, size: int, n: int) -> None:
        n_pieces = min(N_PIECES, len(samples) // size)
        self.starts = np.linspace(0, len(samples) - size, n_pieces).astype(int)
        pieces = np.stack([samples[at : at + size] for at in self.starts])
        self.energy = (pieces.astype(np.float64) ** 2).sum(axis=(1, 2))
        self.spectra = np.conj(_fft().rfft(pieces, n, axis=1))
        self.size, self.n = size, n

    def places_in(self, other: Samples) -> Array:
        """Return how alike each piece is to each place of another signal, (n_pieces, n_places).

        |Normalized cross-correlation| over all channels.
        """
        fft = _fft()
        spectra = (self.spectra * fft.rfft(other, self.n, axis=0)).sum(axis=2)
        shared = fft.irfft(spectra, self.n, axis=1)[:, : len(other) - self.size + 1]
        power = np.cumsum((other.astype(np.float64) ** 2).sum(axis=1))
        there = power[self.size - 1 :] - np.concatenate([[0.0], power[: -self.size]])
        energy = self.energy[:, None] * np.maximum(there, 0.0)
        some = energy > self.size**2 * FLAT
        like: Array = np.zeros_like(energy)
        np.divide(np.abs(shared), np.sqrt(energy), out=like, where=some)
        return like

    def likeness(self, other: Samples, rate: float) -> tuple[float, float]:
        """Return how well the third-best piece is found, and how much later it is there."""
        best = [_alone(row, rate) for row in self.places_in(other)]
        order = np.argsort([-value for value, _ in best], kind="stable")
        chosen = int(order[min(NEEDED, len(best)) - 1])
        value, place = best[chosen]
        return value, float(place - self.starts[chosen]) / rate


def _fft() -> ModuleType:
    # Here, because the live decoder must not carry scipy.
    from scipy import fft  # noqa: PLC0415

    return fft


def _alone(like: Array, rate: float) -> tuple[float, int]:
    """Return the largest likeness and its place; 0 where another place is nearly as good."""
    place = int(like.argmax())
    reach = round(ALONE_S * rate)
    others = np.concatenate([like[: max(0, place - reach)], like[place + reach + 1 :]])
    value = float(like[place])
    return (value if value - others.max(initial=0.0) >= ALONE else 0.0), place


def pairs_of(traces: Sequence[Trace]) -> tuple[list[Pair], int]:
    """Return all pairs of files that hold the same minutes, and how many could not be compared.

    Parameters
    ----------
    traces : sequence of Trace
        All files.

    Returns
    -------
    pairs : list of Pair
        With at least `LIKE`, the likest first.
    n_skipped : int
        Pairs without common channels, or with less than one piece of signal.
    """
    if not traces:
        return [], 0
    rate = min(trace.rate for trace in traces)
    ready = [_prepared(trace, rate) for trace in traces]
    size = round(PIECE_S * rate)
    n = _fft().next_fast_len(max(map(len, ready)) + size, real=True)
    found, skipped = [], 0
    # The pieces come from the shorter file of a pair: a cut copy lies wholly in the other.
    order = sorted(range(len(traces)), key=lambda i: len(ready[i]))
    for place, i in enumerate(order):
        pieces: dict[tuple[int, ...], _Pieces] = {}
        for j in order[place + 1 :]:
            a, b = traces[i], traces[j]
            if a.sha256 and a.sha256 == b.sha256:
                found.append(Pair(min(i, j), max(i, j), 1.0, 0.0, True))
                continue
            mine, theirs = _common(a, b)
            if not mine or len(ready[i]) < size:
                skipped += 1
                continue
            if mine not in pieces:
                pieces[mine] = _Pieces(ready[i][:, mine], size, n)
            like, later = pieces[mine].likeness(ready[j][:, theirs], rate)
            if like >= LIKE:
                found.append(_pair(i, j, min(1.0, like), later))
    return sorted(found, key=lambda pair: (-pair.likeness, pair.first, pair.second)), skipped


def _pair(i: int, j: int, like: float, later: float) -> Pair:
    return Pair(i, j, like, later, False) if i < j else Pair(j, i, like, -later, False)


def duplicates(traces: Sequence[Trace], pairs: Sequence[Pair], n_skipped: int = 0) -> Found:
    """Tell which files are copies, and which people bear two names.

    Parameters
    ----------
    traces : sequence of Trace
        All files.
    pairs : sequence of Pair
        See `pairs_of`.
    n_skipped : int
        Pairs that could not be compared.

    Returns
    -------
    Found
    """
    n_pairs = len(traces) * (len(traces) - 1) // 2
    if n_pairs == n_skipped:
        return Found(
            "near-duplicates",
            None,
            None,
            LIKE,
            f"No two of {len(traces)} files have channels and {PIECE_S:g} s of signal in common.",
            "Whether one recording occurs twice is not known.",
        )
    skipped = f" {n_skipped} could not be compared." if n_skipped else ""
    if not pairs:
        return Found(
            "near-duplicates",
            False,
            0.0,
            LIKE,
            f"Of {counted(n_pairs, 'pair')} of files none holds the same minutes (likeness "
            f"{LIKE:g} or more).{skipped}",
            "No recording stands on two sides of a split under two names.",
        )
    names = sorted({_two_names(traces[p.first].person, traces[p.second].person) for p in pairs})
    names = [name for name in names if name]
    meaning = "What is learned from one copy is remembered in the other: leave one of them out."
    if names:
        meaning = f"Two names may be one person's ({listed(names)}): leave one copy out."
    return Found(
        "near-duplicates",
        True,
        pairs[0].likeness,
        LIKE,
        f"{len(pairs)} of {counted(n_pairs, 'pair')} of files found that hold the same minutes "
        f"(likeness up to {pairs[0].likeness:.2f}, {LIKE:g} suffices).{skipped}",
        meaning,
        tuple(_told(traces, pair) for pair in pairs),
    )


def _two_names(a: str, b: str) -> str:
    return f"{a} = {b}" if a != b else ""


def _told(traces: Sequence[Trace], pair: Pair) -> str:
    a, b = traces[pair.first].name, traces[pair.second].name
    if pair.exact:
        return f"{a} and {b} are equal to the byte"
    return f"{a} and {b}: likeness {pair.likeness:.2f}, {pair.seconds:+.2f} s"

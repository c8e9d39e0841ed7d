"""Labelled embeddings in arrays laid out beforehand, one ring per class, searched exactly.

Neighbours that follow one another are one observation, not ten: their windows overlap and so do
their receptive fields. So each *stretch* of one receptive field has one vote, cast by its nearest
row; k is the square root of the number of stretches, made odd, 3 to 51, or fixed.

The search is a scan over columns, one per dimension: at 10 000 rows of seven dimensions it takes
0.03 ms, and a row's nearness has the same bits wherever the row lies, which BLAS does not promise.
float32 would save 0.01 ms of it and cost the equality with what was saved.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from rym.errors import FormatError, SignalError, UsageError

from .index import EMPTY, Index, index_of
from .votes import Electorate, Votes, count, electorate, odd_root

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Metric = Literal["cosine", "euclidean"]

N_CLASSES = 3
_FAINTEST = 2.0**-10
"""Share of a vote below which a stretch is forgotten: what is left there is no vote in all."""


class Before(NamedTuple):
    """What lay where a row was learned: all that is needed to take that row back."""

    label: int
    written: int
    """Rows of this class that were learned, this one included."""
    z: Array
    stretch: int
    """−1: nothing lay there."""
    t: float


class Memory:
    """The kNN memory.

    Parameters
    ----------
    n_dimensions : int
        Length of an embedding.
    capacity : int
        Rows kept per class; then the oldest row of that class goes, so that a common class cannot
        push a rare one out.
    n_classes : int
        Number of classes.
    metric : {"cosine", "euclidean"}
        What nearness means. For `cosine`, embeddings are unit vectors (see `unit`).
    k : int or None
        Stretches that vote; None: see `odd_root`. Where the memory holds fewer, all of them vote.
    exclusion : float
        Rows nearer in time than this to the moment asked about cast no vote, in seconds: for
        answers about data that the memory itself holds.
    half_life : float or None
        Later stretches of its own class after which a stretch's vote counts half; None: nothing is
        forgotten. Not seconds: a state that comes rarely would be left with its newest few
        stretches, and a memory that is not taught would change.
    prior : float
        Votes spread over the classes present before any is counted.

    Raises
    ------
    UsageError
        If one of these is out of range.
    """

    def __init__(
        self,
        n_dimensions: int,
        capacity: int,
        n_classes: int = N_CLASSES,
        *,
        metric: Metric = "cosine",
        k: int | None = None,
        exclusion: float = 0.0,
        half_life: float | None = None,
        prior: float = 1.0,
    ) -> None:
        _positive(n_dimensions=n_dimensions, capacity=capacity, n_classes=n_classes)
        _positive(k=1 if k is None else k, half_life=1.0 if half_life is None else half_life)
        if not (exclusion >= 0 and prior >= 0):
            raise UsageError(
                f"exclusion is {exclusion:g} s and prior {prior:g}; neither can be below 0.",
                "Name 0 or more.",
            )
        self.capacity, self.n_classes, self.metric = capacity, n_classes, metric
        self.k, self.exclusion, self.prior = k, exclusion, prior
        self._half_life = half_life
        n_rows = n_classes * capacity
        self._z = np.zeros((n_dimensions, n_rows))
        self._stretch = np.full(n_rows, EMPTY, dtype=np.int64)
        self._t = np.zeros(n_rows)
        self._written = [0] * n_classes
        self._away = np.full(n_rows, -np.inf)
        self._product = np.empty_like(self._z)
        self._index: Index | None = None
        self._electorate: Electorate | None = None

    def __len__(self) -> int:
        return sum(min(n, self.capacity) for n in self._written)

    @property
    def n_dimensions(self) -> int:
        """Length of an embedding."""
        return len(self._z)

    @property
    def half_life(self) -> float | None:
        """Later stretches of its class after which a vote counts half; None: never."""
        return self._half_life

    @property
    def counts(self) -> tuple[int, ...]:
        """Rows held of every class."""
        return tuple(min(n, self.capacity) for n in self._written)

    @property
    def n_stretches(self) -> int:
        """Number of stretches, which is the number of votes that there are."""
        return len(self._indexed().classes)

    @property
    def next_stretch(self) -> int:
        """A number that no stretch bears."""
        return int(self._stretch.max()) + 1

    @property
    def note(self) -> str:
        """What should be said about k: empty where as many vote as were asked for."""
        n = self.n_stretches
        if not n:
            return "The memory is empty: it answers nothing."
        asked = self.k or odd_root(n)
        return "" if asked <= n else f"{asked} neighbours are asked for, there are {n}: all vote."

    def learn(self, z: Array, label: int, stretch: int, t: float = 0.0) -> Before:
        """Keep one labelled embedding.

        Parameters
        ----------
        z : array of shape (n_dimensions,)
            The embedding; a unit vector for `cosine`.
        label : int
            0…n_classes − 1.
        stretch : int
            0 or more; rows of one stretch and one class share one vote.
        t : float
            Data time in seconds.

        Returns
        -------
        Before
            For `take_back`.

        Raises
        ------
        SignalError
            If the embedding or its time is no number.
        UsageError
            If there is no such class, or the stretch is below 0.
        """
        if not 0 <= label < self.n_classes or stretch < 0:
            raise UsageError(
                f"A row of class {label} and stretch {stretch} cannot be learned: classes are "
                f"0…{self.n_classes - 1}, stretches 0 or more.",
                "Number them from 0.",
            )
        if not (np.isfinite(z).all() and math.isfinite(t)):
            raise SignalError(
                "An embedding to be learned, or its time, holds values that are no numbers.",
                "Leave this window out.",
            )
        place = label * self.capacity + self._written[label] % self.capacity
        self._written[label] += 1
        lay = self._z[:, place].copy(), int(self._stretch[place]), float(self._t[place])
        self._put(place, z, stretch, t)
        return Before(label, self._written[label], *lay)

    def take_back(self, before: Before) -> None:
        """Put things back as they were before a row was learned, to the bit.

        Parameters
        ----------
        before : Before
            What `learn` returned for the newest row of its class that is not yet taken back.

        Raises
        ------
        UsageError
            If it is not the newest one's.
        """
        label = before.label
        if before.written != self._written[label]:
            raise UsageError(
                f"Row {before.written} of class {label} is to be taken back, the newest is "
                f"{self._written[label]}.",
                "Take rows back from the newest on.",
            )
        self._written[label] -= 1
        place = label * self.capacity + self._written[label] % self.capacity
        self._put(place, before.z, before.stretch, before.t)

    def _put(self, place: int, z: Array, stretch: int, t: float) -> None:
        self._z[:, place] = z
        self._stretch[place] = stretch
        self._t[place] = t
        self._away[place] = -np.inf if stretch == EMPTY else 0.0
        self._index = self._electorate = None

    def _indexed(self) -> Index:
        """Return which rows make which stretch; made anew after learning."""
        if self._index is None:
            self._index = index_of(self._stretch, self.capacity)
        return self._index

    def _nearness(self, z: Array) -> Array:
        """Return a value per place that falls with the distance; −inf where there is no row."""
        if self.metric == "cosine":
            np.multiply(self._z, z[:, None], out=self._product)
        else:
            np.subtract(self._z, z[:, None], out=self._product)
            np.multiply(self._product, self._product, out=self._product)
        near: Array = np.add.reduce(self._product, axis=0)
        if self.metric == "euclidean":
            np.negative(near, out=near)
        near += self._away
        return near

    def _distances(self, nearness: Array) -> Array:
        return 1.0 - nearness if self.metric == "cosine" else np.sqrt(-nearness)

    def ask(self, z: Array, t: float | None = None) -> Votes:
        """Ask the nearest stretches.

        Parameters
        ----------
        z : array of shape (n_dimensions,)
            The embedding asked about; a unit vector for `cosine`.
        t : float or None
            Its data time in seconds, by which rows too near in time are left out (`exclusion`).

        Returns
        -------
        Votes
            All zero where nobody may vote: the memory is empty, all of it lies too near in time, or
            the embedding is no number, or has no direction.
        """
        if not np.isfinite(z).all() or (self.metric == "cosine" and not z.any()):
            return self._nobody()
        index = self._indexed()
        rows = self._nearness(z)
        if t is not None and self.exclusion > 0:
            rows[np.abs(self._t - t) < self.exclusion] = -np.inf
            near, voters = self._remaining(index, rows)
        else:
            near, voters = index.of_stretches(rows), self._all(index)
        if voters.places is not None:
            near = near[voters.places]
        if not len(near):
            return self._nobody()
        k = voters.seats(self.k)
        p, voted = count(near, voters, k, self.prior)
        return Votes(p, round(k), float(self._distances(voted).mean()))

    def predict_proba(self, z: Array, t: float | None = None) -> Array:
        """Return the classes' probabilities, referring to equal priors; see `ask`.

        Returns
        -------
        array of shape (n_classes,)
        """
        return self.ask(z, t).p

    def _nobody(self) -> Votes:
        return Votes(np.zeros(self.n_classes), 0, math.nan)

    def _all(self, index: Index) -> Electorate:
        if self._electorate is None:
            share = self._share(index, self._away)
            self._electorate = self._left(index, share, None)
        return self._electorate

    def _remaining(self, index: Index, rows: Array) -> tuple[Array, Electorate]:
        """Return nearness and votes as of a memory that holds only the rows not left out."""
        near = index.of_stretches(rows)
        return near, self._left(index, self._share(index, rows), near > -np.inf)

    def _left(
        self, index: Index, share: Array | None, there: npt.NDArray[np.bool_] | None
    ) -> Electorate:
        """Return who may vote: stretches that are there and of which something is left."""
        if share is not None:
            there = (share >= _FAINTEST) if there is None else there & (share >= _FAINTEST)
        if there is None:
            return electorate(index.classes, None, self.n_classes)
        left = None if share is None else share[there]
        return electorate(index.classes[there], left, self.n_classes, np.flatnonzero(there))

    def _share(self, index: Index, rows: Array) -> Array | None:
        """Return what forgetting has left of every stretch, 0…1; None: all of all.

        Rows at −inf are not there. A stretch is as old as the newest of its others.
        """
        if self._half_life is None:
            return None
        newest = index.of_stretches(np.where(rows > -np.inf, self._t, -np.inf))
        later = np.zeros(len(newest))
        for state in range(self.n_classes):
            own = index.classes == state
            t = newest[own]
            later[own] = len(t) - np.sort(t).searchsorted(t, "right")
        return np.asarray(0.5 ** (later / self._half_life)) if later.any() else None

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return all that the memory holds, for `restore`.

        Returns
        -------
        dict of str to array
            `embedding` (n, n_dimensions), `label` (n,), `stretch` (n,), `t` (n,), in order of
            learning within each class, and `written` (n_classes,), how many were learned of each.
        """
        places = np.concatenate([self._places(label) for label in range(self.n_classes)])
        return {
            "embedding": np.ascontiguousarray(self._z[:, places].T),
            "label": places // self.capacity,
            "stretch": self._stretch[places],
            "t": self._t[places],
            "written": np.array(self._written, dtype=np.int64),
        }

    def _places(self, label: int) -> Ints:
        n = self._written[label]
        oldest = max(0, n - self.capacity)
        return label * self.capacity + np.arange(oldest, n, dtype=np.int64) % self.capacity

    def restore(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Hold what `arrays` gave, each row at the place where it lay.

        Parameters
        ----------
        arrays : mapping of str to array
            From a memory of the same dimensions, classes and capacity.

        Raises
        ------
        FormatError
            If an array is missing, or they do not fit this memory; it stays as it was.
        """
        parts = _checked(arrays, self)
        self._written = parts["written"].tolist()
        self._stretch[:], self._away[:], self._t[:], self._z[:] = EMPTY, -np.inf, 0.0, 0.0
        places = np.concatenate([self._places(label) for label in range(self.n_classes)])
        self._z[:, places] = parts["embedding"].T
        self._stretch[places], self._t[places] = parts["stretch"], parts["t"]
        self._away[places] = 0.0
        self._index = self._electorate = None


def unit(z: Array) -> Array:
    """Return embeddings divided by their lengths; those without a length stay zero.

    Parameters
    ----------
    z : array of shape (..., n_dimensions)
    """
    length = np.sqrt((z * z).sum(axis=-1, keepdims=True))
    out: Array = z / np.where(length > 0, length, 1.0)
    return out


def memory_of(
    z: Array,
    label: Ints,
    stretch: Ints,
    t: Array | None = None,
    *,
    capacity: int | None = None,
    n_classes: int = N_CLASSES,
    k: int | None = None,
    exclusion: float = 0.0,
    half_life: float | None = None,
) -> Memory:
    """Return a memory by cosine that has learned these rows in order.

    Parameters
    ----------
    z : array of shape (n, n_dimensions)
        Unit vectors.
    label, stretch : array of shape (n,)
        0…n_classes − 1; 0 or more.
    t : array of shape (n,) or None
        Data time in seconds; None: all the same.
    capacity : int or None
        Rows kept per class; None: as many as the commonest class has.
    n_classes : int
        Number of classes.
    k, exclusion, half_life
        See `Memory`.
    """
    written = np.bincount(label, minlength=n_classes)
    kept = capacity or max(1, int(written.max()))
    memory = Memory(z.shape[1], kept, n_classes, k=k, exclusion=exclusion, half_life=half_life)
    of = [np.flatnonzero(label == c)[-kept:] for c in range(n_classes)]
    rows = np.concatenate(of)
    times = np.zeros(len(z)) if t is None else t
    parts = {"embedding": z[rows], "label": label[rows], "stretch": stretch[rows]}
    memory.restore({**parts, "t": times[rows], "written": written})
    return memory


def _checked(
    arrays: Mapping[str, npt.NDArray[np.generic]], memory: Memory
) -> dict[str, npt.NDArray[np.generic]]:
    again = "Take the arrays from where they were saved, or train the model again."
    names = ("embedding", "label", "stretch", "t", "written")
    missing = [name for name in names if name not in arrays]
    if missing:
        raise FormatError(f"The memory lacks {', '.join(missing)}.", again)
    parts = {name: np.asarray(arrays[name]) for name in names}
    written = parts["written"].astype(np.int64)
    counts = np.minimum(written, memory.capacity)
    n = len(parts["label"])
    shapes = {
        "embedding": (n, memory.n_dimensions),
        "label": (int(counts.sum()),),
        "stretch": (n,),
        "t": (n,),
        "written": (memory.n_classes,),
    }
    for name, shape in shapes.items():
        if parts[name].shape != shape:
            raise FormatError(
                f"The memory's {name} has shape {parts[name].shape}, expected {shape}.", again
            )
    if not np.array_equal(parts["label"], np.repeat(np.arange(memory.n_classes), counts)):
        raise FormatError("The memory's labels are not in order of their classes.", again)
    if n and not (np.isfinite(parts["embedding"].astype(np.float64)).all()):
        raise FormatError("The memory holds values that are no numbers.", again)
    if n and int(parts["stretch"].astype(np.int64).min()) < 0:
        raise FormatError("The memory holds stretches below 0.", again)
    return parts


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise UsageError(f"{name} is {value:g}, it must be above 0.", "Name a larger one.")

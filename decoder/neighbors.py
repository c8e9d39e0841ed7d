"""The kNN memory: which labelled moments lie nearest to this one.

Neighbours that follow one another are one observation, not ten: their windows overlap and so do
their receptive fields. So each *stretch* of one receptive field has one vote, cast by its nearest
row; k is the square root of the number of stretches, made odd, 3 to 51. (The study says "square of
the number of time points", which is more neighbours than there are; √n is the reading that fits
its published k = 15.) Votes are uniform: weights by distance grow without limit near a duplicate.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

N_CLASSES = 3


def odd_root(n: int) -> int:
    """Return √n made odd, within 3 and 51."""
    k = round(math.sqrt(n))
    return min(51, max(3, k if k % 2 else k + 1))


class Memory:
    """Labelled embeddings in arrays laid out beforehand; exact search by cosine.

    Parameters
    ----------
    n_dimensions : int
        Length of an embedding.
    capacity : int
        Rows kept per class; then the oldest row of that class goes, so that a common class cannot
        push a rare one out.
    n_classes : int
        Number of classes.
    """

    def __init__(self, n_dimensions: int, capacity: int, n_classes: int = N_CLASSES) -> None:
        self.capacity = capacity
        self.n_classes = n_classes
        n_rows = n_classes * capacity
        self._z = np.zeros((n_rows, n_dimensions))
        self._stretch = np.full(n_rows, -1, dtype=np.int64)
        self._written = [0] * n_classes
        self._rank: Ints = np.zeros(0, dtype=np.int64)
        self._first: Ints = np.zeros(0, dtype=np.int64)
        self._classes: Ints = np.zeros(0, dtype=np.int64)
        self._weights = np.zeros(n_classes)
        self._sorted = True

    def __len__(self) -> int:
        return sum(min(n, self.capacity) for n in self._written)

    @property
    def n_stretches(self) -> int:
        """Number of stretches, which is the number of votes that there are."""
        self._index()
        return len(self._first)

    def learn(self, z: Array, label: int, stretch: int) -> None:
        """Keep one labelled embedding.

        Parameters
        ----------
        z : array of shape (n_dimensions,)
            Unit vector.
        label : int
            0…n_classes − 1.
        stretch : int
            0 or more; rows of one stretch and one class share one vote.
        """
        place = label * self.capacity + self._written[label] % self.capacity
        self._z[place] = z
        self._stretch[place] = stretch
        self._written[label] += 1
        self._sorted = False

    def _index(self) -> None:
        """Group the rows by (class, stretch) anew after learning."""
        if self._sorted:
            return
        used = np.flatnonzero(self._stretch >= 0)
        label = used // self.capacity
        order = np.lexsort((self._stretch[used], label))
        used, label = used[order], label[order]
        stretch = self._stretch[used]
        new = np.ones(len(used), dtype=bool)
        new[1:] = (stretch[1:] != stretch[:-1]) | (label[1:] != label[:-1])
        self._rank, self._first = used, np.flatnonzero(new)
        self._classes = label[self._first]
        counts = np.bincount(self._classes, minlength=self.n_classes)
        present = counts > 0
        self._weights = np.zeros(self.n_classes)
        self._weights[present] = counts.sum() / (present.sum() * counts[present])
        self._sorted = True

    def predict_proba(self, z: Array) -> Array:
        """Return the classes' probabilities, referring to equal priors.

        Parameters
        ----------
        z : array of shape (n_dimensions,)
            Unit vector.

        Returns
        -------
        array of shape (n_classes,)
            Votes of the k nearest stretches, each weighted by the rarity of its class, with one
            vote spread over the classes that the memory holds (Laplace); zero for a class that it
            does not hold. All zero where the memory is empty.
        """
        self._index()
        if not len(self._first):
            return np.zeros(self.n_classes)
        nearness = np.maximum.reduceat((self._z[self._rank] * z).sum(axis=1), self._first)
        k = min(odd_root(len(self._first)), len(self._first))
        nearest = np.argsort(-nearness, kind="stable")[:k]
        votes = np.bincount(self._classes[nearest], minlength=self.n_classes) * self._weights
        present = self._weights > 0
        votes[present] += 1.0 / present.sum()
        out: Array = votes / votes.sum()
        return out

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return embeddings, labels and stretches, in order of learning within each class."""
        places = np.concatenate([self._places(label) for label in range(self.n_classes)])
        return {
            "embedding": self._z[places],
            "label": places // self.capacity,
            "stretch": self._stretch[places],
        }

    def _places(self, label: int) -> Ints:
        n = self._written[label]
        oldest = max(0, n - self.capacity)
        return label * self.capacity + np.arange(oldest, n, dtype=np.int64) % self.capacity


def memory_of(
    z: Array, label: Ints, stretch: Ints, capacity: int | None = None, n_classes: int = N_CLASSES
) -> Memory:
    """Return a memory that has learned these rows in order.

    Parameters
    ----------
    z : array of shape (n, n_dimensions)
        Unit vectors.
    label : array of shape (n,)
        0…n_classes − 1.
    stretch : array of shape (n,)
        0 or more.
    capacity : int or None
        Rows kept per class; None: as many as the commonest class has.
    n_classes : int
        Number of classes.
    """
    counts = np.bincount(label, minlength=n_classes)
    memory = Memory(z.shape[1], capacity or max(1, int(counts.max())), n_classes)
    for vector, of, part in zip(z, label.tolist(), stretch.tolist(), strict=True):
        memory.learn(vector, of, part)
    return memory

"""Which moments a step compares: references, their positives, and negatives (pure).

The pairing over sessions is the published one (Schneider, Lee & Mathis 2023): every session gives
as many references, positives and negatives; each reference's positive, a moment of its class, is
looked for in a session that a random permutation deals to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from .sessions import Session

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

Prior = Literal["balanced", "found"]
"""`balanced`: every class equally often. `found`: every moment equally often, as in `paper`."""

SAYS: dict[Prior, str] = {
    "balanced": "Whole receptive fields are drawn, every class equally often.",
    "found": "Every moment is drawn equally often, so that frequent classes weigh more.",
}


class Drawn(NamedTuple):
    """One step's moments, numbered over all sessions, session after session; (n,) each."""

    reference: Ints
    positive: Ints
    """In the order of the references: `positive[i]` is of the class of `reference[i]`."""
    negative: Ints


class Draws:
    """Draws moments of sessions that have the same classes.

    Parameters
    ----------
    sessions : sequence of Session
        See `sessions.alike`.
    prior : {'balanced', 'found'}
        How references and negatives are drawn; positives follow the references' classes.
    """

    def __init__(self, sessions: Sequence[Session], prior: Prior = "balanced") -> None:
        self.prior = prior
        lengths = np.array([len(session.labels) for session in sessions])
        self._first = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        self._length = lengths
        self.labels = np.concatenate([session.labels for session in sessions])
        self._session = np.repeat(np.arange(len(sessions)), lengths)
        n_classes = int(self.labels.max()) + 1
        group = self._session * n_classes + self.labels
        self._order = np.argsort(group, kind="stable")
        counts = np.bincount(group, minlength=len(sessions) * n_classes)
        self._counts = counts.reshape(len(sessions), n_classes)
        self._starts = (np.cumsum(counts) - counts).reshape(self._counts.shape)

    @property
    def n_sessions(self) -> int:
        """Number of sessions."""
        return len(self._counts)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return self._counts.shape[1]

    def _of_class(self, session: Ints, label: Ints, rng: np.random.Generator) -> Ints:
        """Return a moment of each session and class."""
        within = (rng.random(len(label)) * self._counts[session, label]).astype(np.int64)
        moments: Ints = self._order[self._starts[session, label] + within]
        return moments

    def _of_prior(self, session: Ints, rng: np.random.Generator) -> Ints:
        if self.prior == "balanced":
            return self._of_class(session, rng.integers(0, self.n_classes, len(session)), rng)
        within = (rng.random(len(session)) * self._length[session]).astype(np.int64)
        moments: Ints = self._first[session] + within
        return moments

    def __call__(self, batch: int, rng: np.random.Generator) -> Drawn:
        """Draw one step's moments.

        Parameters
        ----------
        batch : int
            References per session.
        rng : numpy.random.Generator
            Whom chance is asked of.

        Returns
        -------
        Drawn
            `batch` × n_sessions of each.
        """
        session = np.repeat(np.arange(self.n_sessions), batch)
        reference = self._of_prior(session, rng)
        negative = self._of_prior(session, rng)
        # A permutation and not a draw of sessions: each gives exactly `batch` positives.
        dealt = rng.permutation(session)
        positive = self._of_class(dealt, self.labels[reference], rng)
        return Drawn(reference, positive, negative)

    def weights(self) -> Array:
        """Return the chance of every moment to be a reference, shape (n,); they sum to 1."""
        if self.prior == "found":
            per = 1.0 / (self.n_sessions * self._length)
            return np.asarray(per[self._session])
        per_class = 1.0 / (self.n_sessions * self.n_classes * self._counts)
        return np.asarray(per_class[self._session, self.labels])

    def means(self) -> Array:
        """Return what makes a class's average positive of all moments, shape (n_classes, n).

        The mean over sessions of the mean of the class within each.
        """
        weight = 1.0 / (self.n_sessions * self._counts[self._session, self.labels])
        out = np.zeros((self.n_classes, len(self.labels)))
        out[self.labels, np.arange(len(self.labels))] = weight
        return out

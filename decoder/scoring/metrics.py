"""How good answers are: scores of what was answered beside what was true (pure).

Probabilities refer to equal priors, one column per state; an answer is the likeliest state. Every
score is of rows that have an answer: rows without one are the caller's to leave out and to count.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def balanced_accuracy(truth: Ints, answer: Ints) -> float:
    """Return the mean over true states of the share of rows answered rightly.

    Parameters
    ----------
    truth : array of shape (n,)
        True states; any whole numbers.
    answer : array of shape (n,)
        What was answered; a number that is no state counts as wrong.
    """
    shares = [float((answer[truth == state] == state).mean()) for state in np.unique(truth)]
    return sum(shares) / len(shares)

"""The words for affect on screens and in reports."""

from __future__ import annotations

from collections.abc import Sequence

from rym.messages import AFFECTS

WORDS = {
    "negative": "unpleasant",
    "neutral": "neither",
    "positive": "pleasant",
    "unknown": "not known",
    "none": "no key",
}


def never(states: Sequence[str]) -> str:
    """Say what an estimate never names.

    Parameters
    ----------
    states : sequence of str
        Those that the model knows.

    Returns
    -------
    str
        Empty where it knows all of them, or none: then there is no estimate.
    """
    lacking = [WORDS[affect] for affect in AFFECTS if affect not in states]
    return f"never says {' or '.join(lacking)}" if states and lacking else ""

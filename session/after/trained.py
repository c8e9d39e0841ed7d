"""What training gave; apart from what does it, for a session's own process reads only this."""

from __future__ import annotations

from typing import Literal

import msgspec


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """How one decoder did on held-out episodes."""

    balanced_accuracy: float
    critical_value: float | None
    """What chance reaches in at most 5 of 100 runs; null where no score could."""
    kind: Literal["candidate", "control"] = "candidate"


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """What training gave."""

    model: str
    """Folder."""
    decoder: str
    """What was chosen; `none` where nothing could be learned."""
    verdict: str
    """`follows`, `unclear` or `guessing`."""
    scores: dict[str, Score]
    seconds: float
    id: str
    """First 16 hex digits of the manifest's SHA-256, as in every Valence."""
    why: str
    """One sentence behind the verdict."""
    choice: str
    """One sentence behind the choice of the decoder."""
    doubt: str
    """One sentence where a control did as well as what was chosen; empty otherwise."""
    balanced_accuracy: float
    """On held-out episodes, choice of the decoder included."""
    chance_low: float
    chance_high: float
    n_states: int
    """Independent states: episodes learned from."""
    n_rows: int
    visits: tuple[str, ...] = ()
    """Earlier sessions whose calibrations were added, oldest first."""
    excluded: tuple[str, ...] = ()
    """Trials that were left out, each with its reason, where labels are hardware markers."""

    @property
    def exit_code(self) -> int:
        """0, or 3 where the score cannot be told from chance."""
        return 3 if self.verdict == "guessing" else 0

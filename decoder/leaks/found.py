"""What one detector found."""

from __future__ import annotations

from typing import NamedTuple


class Found(NamedTuple):
    """One detector's answer."""

    name: str
    found: bool | None
    """None where it could not be looked for."""
    score: float | None
    critical: float | None
    """What `score` is held against."""
    what: str
    """What was measured, with both numbers, one sentence."""
    meaning: str
    """What follows for who looks at the scores, one sentence."""
    details: tuple[str, ...] = ()


def listed(names: list[str], most: int = 6) -> str:
    """Return names in a row, the last ones counted where there are many."""
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} others"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def counted(n: int, one: str, many: str = "") -> str:
    """Return a number with its noun."""
    return f"{n} {one}" if n == 1 else f"{n} {many or one + 's'}"

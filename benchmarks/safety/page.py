"""The sections of docs/safety.md that are written by a program (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from .cases import PROMISES
from .measure import Heard


class NoPlaceError(Exception):
    """The page has no place for a section."""


def placed(page: str, name: str, text: str) -> str:
    """Return the page with a section between its marks.

    Raises
    ------
    NoPlaceError
        If the marks are not there.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise NoPlaceError(f"docs/safety.md has no place for {name!r}: {begin} … {end}")
    return f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}"


def measured(heard: Sequence[Heard]) -> str:
    """Return what was heard of every case, in Markdown."""
    heads = (
        "where",
        "what came",
        "silence after, s",
        "neutral alone after, s",
        "sound after, s",
        "20 dB lower after, s",
        "up again after, s",
        "largest jump given",
        "captured",
        "louder by, dB",
        "",
    )
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for one in heard:
        cells = [_against(getattr(one, name), getattr(one.case, name)) for name in PROMISES]
        louder = "–" if one.louder < -0.05 else f"{max(one.louder, 0.0):.1f}"
        faults = "; ".join(one.faults) or ("holds, within the 0.25 s" if one.late else "holds")
        if one.disturbed:
            faults += "; broken behind the player"
        lines.append(
            f"| {one.case.situation} | {one.case.act} | {' | '.join(cells)} "
            f"| {one.steepest:.2f} | {one.captured:.2f} | {louder} | {faults} |"
        )
    return "\n".join(lines)


def _against(was: float | None, most: float | None) -> str:
    if most is None:
        return ""
    return f"{'never' if was is None else f'{was:.2f}'} (≤ {most:g})"

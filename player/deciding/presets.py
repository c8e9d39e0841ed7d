"""When a change of affect begins, and how long it takes: one table per preset."""

from __future__ import annotations

from typing import Literal, NamedTuple

from rym.messages import AFFECTS, Affect


class Rule(NamedTuple):
    """One row: how to go from one affect to another. The position in the music stays."""

    when: Literal["at once", "next half-beat", "next bar"]
    """`next half-beat`: on a beat or midway between two. A fade that is half-way on a beat would be
    as soon, but then both layers' onsets sound together, a fifth larger than either's."""
    fade: float
    """Length of the fade, in `unit`."""
    unit: Literal["seconds", "bars"] = "seconds"
    patience: float = float("inf")
    """For `next bar`: longest wait in seconds; a bar farther off gives way to the next beat."""


class Preset(NamedTuple):
    """All rows, and whether opposite affects need neutral in between."""

    rules: dict[tuple[Affect, Affect], Rule]
    through_neutral: bool
    """Negative and positive are parted by at least one bar of neutral."""


def _all(rule: Rule) -> dict[tuple[Affect, Affect], Rule]:
    return {(a, b): rule for a in AFFECTS for b in AFFECTS if a != b}


PRESETS: dict[str, Preset] = {
    "close": Preset(_all(Rule("next half-beat", 0.4)), through_neutral=False),
    "gentle": Preset(_all(Rule("next bar", 1.0, "bars", patience=2.5)), through_neutral=True),
    "paper": Preset(_all(Rule("at once", 0.04)), through_neutral=False),
}

"""The section of docs/loop.md that `make loop` writes (pure)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from decoder.settings import DecoderSettings
from player.settings import PlayerSettings

from .cases import DRIFT, RUNAWAY_S, STEADY_S, TWINS_S
from .lines import Line

BEGIN, END = "<!-- make loop: begin -->", "<!-- make loop: end -->"
HOLDS = {True: "holds", False: "**does not hold**", None: "–"}


def section(found: Sequence[Line], n_seeds: int) -> str:
    """Return the section, with the marks around it.

    Parameters
    ----------
    found : sequence of Line
        What was asked.
    n_seeds : int
        Persons, the seeds 0, 1, …
    """
    learning, player = DecoderSettings().learning, PlayerSettings()
    rows = [
        f"| {line.what} | {line.asked} | {line.found} | {line.n} | {HOLDS[line.holds]} |"
        for line in found
    ]
    ahead = player.depth + player.latency
    text = f"""{BEGIN}

## Does the closed loop keep its word?

`make loop`: {n_seeds} simulated persons rest for 20 s and calibrate for 5 minutes; then feedback
lasts for {STEADY_S:g} s (time to the right state, `unknown`), {TWINS_S:g} s (twins) or
{RUNAWAY_S:g} s (runaway). What is decided is heard when the player's own engine gets to it (preset
{player.preset}, dwell {player.dwell:g} s, 3.3 s a bar), {ahead:.2f} s after the answer at the
soonest, and acts back on the person by the coupling. Keys go on in feedback, 0.3 to 1.0 s late,
5 % of them wrong. Twins are of the kind CEBRA + kNN, one learning (half-life
{_or_never(learning.half_life)}), one frozen: deaf ones answer the same windows, others live a life
each. Else the calibration chooses the decoder. The drift turns the pattern of every state by
{DRIFT:g}° in 20 minutes, as large as before, among the states. Where it turns to what no state had
shown (`drift_new = 1`), an encoder that stays as it was is nearly blind to it, whatever its memory
learns: two persons gained 0.00 ± 0.02. Means over persons with Student's 95 % interval.

| what | asked | found | persons | |
|---|---|---|---|---|
{chr(10).join(rows)}

{END}"""
    return text + "\n"


def _or_never(half_life: float | None) -> str:
    return "none" if half_life is None else f"{half_life:g} later stretches of the same state"


def placed(page: str, new: str) -> str:
    """Return a page with the section in place of the one before, or at its end."""
    if BEGIN not in page:
        return page.rstrip("\n") + "\n\n" + new
    before, _, rest = page.partition(BEGIN)
    return before + new.rstrip("\n") + rest.partition(END)[2]


def as_json(found: Sequence[Line]) -> str:
    """Return the lines as one JSON array."""
    return msgspec.json.encode(found).decode()

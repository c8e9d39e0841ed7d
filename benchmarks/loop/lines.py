"""What is asked of the closed loop, and whether it holds (pure). SIMULATED."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from decoder.scoring.intervals import over_people
from player.settings import PlayerSettings
from rym.messages import Affect

from .cases import COUPLINGS, DRIFT, Kept, Lived, Part

HOP = 0.25
"""Seconds from one answer to the next."""
STEPS = 100
"""Changes of what is felt that a median rests on at least."""
MOST_UNKNOWN, LEAST_UNKNOWN = 0.15, 0.80
GAIN, GAIN_LOW, LOSS_LOW = 0.10, 0.05, -0.02
AFFECTS: tuple[Affect, ...] = ("negative", "positive")
"""Those whose exposure is limited."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is asked."""

    what: str
    asked: str
    found: str
    n: int
    """Persons."""
    holds: bool | None
    """None where nothing is asked: it is told beside the others."""


def lines(kept: Sequence[Kept]) -> list[Line]:
    """Return every line that these lives can say something of.

    Parameters
    ----------
    kept : sequence of Kept
        In any order; each seed counts once in a part.
    """
    found: list[Line | None] = []
    for coupling in COUPLINGS:
        found += [_median(kept, coupling), _unknown(kept, "steady", coupling, "verdict")]
        found += [_unknown(kept, "nothing", coupling, "verdict")]
    found += [_unknown(kept, part, 0.0, "always") for part in ("steady", "nothing")]
    for coupling in COUPLINGS:
        found += [_gain(kept, coupling, DRIFT), _gain(kept, coupling, 0.0)]
    found += [_exposed(kept, affect) for affect in AFFECTS]
    found += [_flagged(kept, "runaway", "verdict", "30 min of runaway coupling", asked=True)]
    found += [_flagged(kept, "steady", "verdict", "5 min, deaf, nothing changed")]
    found += [_flagged(kept, "twins", "frozen", "20 min, deaf, nothing changed", drift=0.0)]
    found += [_flagged(kept, "twins", "frozen", "20 min, deaf, signature turned", drift=DRIFT)]
    return [line for line in found if line is not None]


def _lived(kept: Sequence[Kept], part: Part, which: Callable[[Lived], bool]) -> list[Lived]:
    """Return one life of every seed, in the order of the seeds."""
    of = sorted((one for one in kept if one.part == part), key=lambda one: one.seed)
    return [life for one in of for life in one.lives if which(life)]


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f} %"


def _with_interval(values: Sequence[float], digits: int = 3) -> tuple[str, float, float, float]:
    """Return mean and 95 % interval as words and as numbers; NaN where there is no interval."""
    found = over_people(np.array(values))
    low, high = found.interval or (math.nan, math.nan)
    words = f"{found.mean:.{digits}f}, 95 % {low:.{digits}f} to {high:.{digits}f}"
    return words, found.mean, low, high


def _median(kept: Sequence[Kept], coupling: float) -> Line | None:
    lived = _lived(kept, "steady", lambda x: x.coupling == coupling and x.name == "verdict")
    if not lived:
        return None
    medians = [one.measured.median_to_right for one in lived]
    beyond = [m - one.measured.delay for m, one in zip(medians, lived, strict=True)]
    steps = [math.inf if s is None else s for one in lived for s in one.measured.to_right]
    never = sum(map(math.isinf, steps)) / len(steps)
    declared = float(np.mean([one.measured.delay for one in lived]))
    words, mean, *_ = _with_interval(beyond, 2) if all(map(math.isfinite, beyond)) else (
        "infinite in a person", math.inf
    )  # fmt: skip
    return Line(
        what=f"time to the right state, strength 1, coupling {coupling:g}",
        asked=f"median = declared delay ± {HOP:g} s, over ≥ {STEPS} steps",
        found=f"median of {len(steps)} steps {np.median(steps):.2f} s, declared {declared:.2f} s; "
        f"a person's median lies beyond the delay declared for them by {words} s; "
        f"{_percent(never, 1)} of the states were never named",
        n=len(lived),
        holds=abs(mean) <= HOP and len(steps) >= STEPS,
    )


def _unknown(kept: Sequence[Kept], part: Part, coupling: float, name: str) -> Line | None:
    lived = _lived(kept, part, lambda x: x.coupling == coupling and x.name == name)
    if not lived:
        return None
    words, mean, *_ = _with_interval([one.measured.unknown for one in lived])
    nothing = part == "nothing"
    holds = mean >= LEAST_UNKNOWN if nothing else mean <= MOST_UNKNOWN
    verdicts = [one.verdict for one in lived]
    counted = ", ".join(f"{verdicts.count(v)} × {v}" for v in sorted(set(verdicts)))
    asked = f"≥ {_percent(LEAST_UNKNOWN)}" if nothing else f"≤ {_percent(MOST_UNKNOWN)}"
    return Line(
        what=f"share of `unknown`, strength {0 if nothing else 1}, coupling {coupling:g}, "
        f"`drive = {name}`",
        asked=asked if name == "verdict" else "told only",
        found=f"{words}; {counted}",
        n=len(lived),
        holds=holds if name == "verdict" else None,
    )


def _gain(kept: Sequence[Kept], coupling: float, drift: float) -> Line | None:
    def twin(name: str) -> list[Lived]:
        same = (coupling, drift, name)
        return _lived(kept, "twins", lambda x: (x.coupling, x.drift, x.name) == same)

    learning, frozen = twin("learning"), twin("frozen")
    if not learning:
        return None
    last = np.array([[one.measured.quarters[-1] for one in of] for of in (learning, frozen)])
    words, mean, low, _ = _with_interval((last[0] - last[1]).tolist())
    lessons = np.mean([one.measured.lessons for one in learning])
    asked, holds = f"lower end ≥ {LOSS_LOW:g}", bool(low >= LOSS_LOW)
    if drift:
        asked, holds = f"≥ {GAIN:.2f}, lower end ≥ {GAIN_LOW:g}", mean >= GAIN and low >= GAIN_LOW
    way = f"signature turns by {drift:g}° in 20 min, among the states"
    turned = way if drift else "no drift"
    return Line(
        what=f"last quarter, learning − frozen, {turned}, coupling {coupling:g}",
        asked=asked,
        found=f"{words} ({last[0].mean():.3f} against {last[1].mean():.3f}, {lessons:.0f} lessons)",
        n=len(learning),
        holds=holds,
    )


def _exposed(kept: Sequence[Kept], affect: Affect) -> Line | None:
    lived = _lived(kept, "runaway", lambda _: True)
    if not lived:
        return None
    limits = PlayerSettings()
    longest = limits.negative_longest if affect == "negative" else limits.positive_longest
    share = limits.negative_share if affect == "negative" else limits.positive_share
    most = max(one.heard[affect].longest for one in lived)
    shares = [one.heard[affect].share for one in lived]
    return Line(
        what=f"{affect} heard in 30 min of runaway coupling",
        asked=f"≤ {longest:g} s in one go, ≤ {_percent(share)} of the run",
        found=f"at most {most:.1f} s in one go, at most "
        f"{_percent(max(shares), 1)}, mean {_percent(float(np.mean(shares)), 1)}",
        n=len(lived),
        holds=most <= longest + 0.01 and max(shares) <= share,
    )


def _flagged(
    kept: Sequence[Kept],
    part: Part,
    name: str,
    what: str,
    *,
    asked: bool = False,
    drift: float = 0.0,
) -> Line | None:
    def same(x: Lived) -> bool:
        own = 1.0 if part == "runaway" else 0.0
        return (x.coupling, x.name, x.drift) == (own, name, drift)

    lived = _lived(kept, part, same)
    if not lived:
        return None
    up = sum(bool(one.measured.drifts) for one in lived)
    by = {m: sum(m in one.measured.drifts for one in lived) for m in _measures(lived)}
    told = ", ".join(f"{name} {count}" for name, count in by.items()) or "none"
    return Line(
        what=f"drift flag, {what}",
        asked="up in every run" if asked else "told only",
        found=f"up in {up} of {len(lived)} ({told})",
        n=len(lived),
        holds=up == len(lived) if asked else None,
    )


def _measures(lived: Sequence[Lived]) -> list[str]:
    return sorted({name for one in lived for name in one.measured.drifts})

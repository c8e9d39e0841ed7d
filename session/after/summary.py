"""What the last screen and `--json` say of a session, and the warnings that stand above it; pure.

The warnings are the same sentences on the last screen, in `--json` and in the report.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rym.messages import AFFECTS

from ..drawing.svg import clock
from ..words import never
from .analysis import Analysis, QualityFacts, heard_after, percentile
from .episodes import typical
from .latency import TOTAL, by_cause
from .learning import MEASURES, Learning
from .signal_page import in_short

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
FLATTERED = (
    "Later moments of a state may be answered by rows learned from its earlier ones: where states "
    "last long, that alone lifts the agreement."
)
"""On noise that knows no state (autocorrelation 0.95 to 0.998 from window to window, three states,
means of 12) agreement was 0.33 to 0.35 with states of 12 to 20 s, learned from or not; with states
of 60 to 120 s it rose from 0.35 and 0.38 to 0.58 and 0.67."""
OFTEN = 0.5
"""Share of the windows from which a channel, or low quality, is worth a warning."""
LATE = 0.5
"""Share of a typical state that may be over when it is half-way heard: beyond, what is heard
answers the state before for longer than the one that is felt."""


def cautions(a: Analysis) -> tuple[str, ...]:
    """Return the warnings of a session, that which makes its score worthless first.

    Parameters
    ----------
    a : Analysis
        The session.
    """
    told = (*_files(a), *_late(a), *a.facts.warnings, *_signal(a.quality), *_model(a), *_drive(a))
    return (*told, *_taught(a), *_drift(a))


def _late(a: Analysis) -> list[str]:
    """Where states pass faster than the music follows, a session says little about its music."""
    median = percentile(heard_after(a), 50)
    lasts = typical(a.truth if a.truth.times else a.keys, a.phases)
    if median is None or lasts is None or median <= LATE * lasts:
        return []
    told = f"What was felt was half-way heard after {median:.1f} s (median), and a state lasted "
    return [f"{told}{lasts:.1f} s (median): for more than half of it the state before was heard."]


def _files(a: Analysis) -> list[str]:
    """Where each file carries one label, whatever tells the files apart looks like a state."""
    files, labels = a.facts.n_files, a.facts.n_labels
    if not labels:
        return []
    counted = f"{_count(files, 'file')}, {_count(labels, 'label')}"
    return [f"{counted}: this score cannot tell state from file."]


def _count(n: int, what: str) -> str:
    word = NUMBERS[n] if n < len(NUMBERS) else str(n)
    return f"{word} {what}" if n == 1 else f"{word} {what}s"


def _signal(q: QualityFacts) -> list[str]:
    low = dict(q.levels).get("low", 0.0)
    often = [channel.name for channel in q.bad if channel.share >= OFTEN]
    told = []
    if low >= OFTEN:
        told.append(f"Signal quality was low in {100 * low:.0f} % of the windows.")
    if often:
        told.append(f"Not usable in most of the windows: {', '.join(often)}.")
    if q.n_windows and q.n_invalid >= OFTEN * q.n_windows:
        told.append(f"{q.n_invalid} of {q.n_windows} windows could not be decoded.")
    return [" ".join(told)] if told else []


def _model(a: Analysis) -> list[str]:
    if a.facts.verdict:
        words = never(a.facts.states)
        return (
            [f"The model {words}: there was none of it in what it was trained on."] if words else []
        )
    if not any(phase.name == "feedback" for phase in a.phases):
        return []
    return ["There was no model: no estimate could steer, and the neutral version was played."]


def _drive(a: Analysis) -> list[str]:
    if a.facts.verdict in ("", "follows") or a.facts.drive != "always":
        return []
    return ["The estimate steered all the same, as the settings of this session ask."]


def _taught(a: Analysis) -> list[str]:
    n = len(a.learning.lessons)
    rows = "1 row was" if n == 1 else f"{n} rows were"
    return [f"{rows} learned from the keys of this session while it ran. {FLATTERED}"] if n else []


def _drift(a: Analysis) -> list[str]:
    """Return the newest flag of every measure; the ones before it held already."""
    newest = {drift.measure: drift for drift in a.learning.drifts}
    return [
        f"Drift of the {MEASURES[name]}, found at {clock(drift.t - a.start)}. {drift.suggestion}"
        for name, drift in newest.items()
    ]


def _learning(one: Learning, start: float) -> dict[str, Any]:
    return {
        "rows": {state: one.rows(state) for state in AFFECTS},
        "taken_back": one.n_taken_back,
        "why_none": one.why_none or None,
        "orders": len(one.orders),
        "refused_orders": sum(bool(order.refused) for order in one.orders),
        "novel": _round(one.novel),
        "drift": [
            {
                "at_s": _round(drift.t - start),
                "measure": drift.measure,
                "before": _round(drift.before),
                "after": _round(drift.after),
                "suggestion": drift.suggestion,
            }
            for drift in one.drifts
        ],
    }


def summary(a: Analysis, paths: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the one object that `demo --json` and `run --json` print.

    Parameters
    ----------
    a : Analysis
        The session.
    paths : mapping of str to str or None
        `session`, `report`, `journal`, `heard`, `model`, `bank`; null where there is none.

    Returns
    -------
    dict
        Numbers are rounded to 4 places, null where nothing was measured. The screen needs
        `kind`, and `without_delay` beside the score at the declared delay.
    """
    main = a.scores[0] if a.scores else None
    total = next((h for h in a.hops if h.name == TOTAL), None)
    seconds = heard_after(a)
    return {
        **{k: paths.get(k) for k in ("session", "report", "journal", "heard", "model", "bank")},
        "kind": a.facts.kind,
        "decoding": {
            "balanced_accuracy": _round(main.balanced_accuracy if main else None),
            "without_delay": _round(a.scores[1].balanced_accuracy if main else None),
            "chance_low": _round(main.chance_low if main else None),
            "chance_high": _round(main.chance_high if main else None),
            "n_states": main.n_states if main else 0,
            "verdict": a.facts.verdict or None,
        },
        "signal": in_short(a.signal),
        "learning": _learning(a.learning, a.start),
        "latency_ms": {
            "software_p50": _round(total.p50 * 1e3 if total else None),
            "software_p99": _round(total.p99 * 1e3 if total else None),
        },
        "felt_to_heard_s": {
            "p50": _round(percentile(seconds, 50)),
            "p90": _round(percentile(seconds, 90)),
            "by": {
                cause: {
                    "n": len(times),
                    "p50": _round(percentile(times, 50)),
                    "p90": _round(percentile(times, 90)),
                }
                for cause, times in by_cause(a.felt).items()
            },
        },
        "hearing": a.facts.hearing or None,
        "warnings": list(cautions(a)),
    }


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)

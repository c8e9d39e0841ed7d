"""The report's section on the signal: what the acquisition knew, calmly and short."""

from __future__ import annotations

from collections.abc import Sequence

from ..drawing import svg
from ..drawing.markup import (
    caption,
    details,
    figure,
    milliseconds,
    paragraph,
    percent,
    rows_of,
    section,
)
from . import figures
from .analysis import Analysis, Log
from .signal import Counts, Gap, Signal

TITLE = "Signal"
MANY = 8
"""Rows from which a list is folded."""


def render(a: Analysis, log: Log) -> str:
    """Return the section; `log` holds the messages for its figure."""
    q = a.quality
    if q.overall is None:
        return section(TITLE, paragraph("Nothing is known of it."))
    level = ", ".join(f"{name} {percent(share)}" for name, share in q.levels)
    notes = (
        f"On average {percent(q.overall)} of the scalp channels were usable ({level} of "
        f"{q.n_windows} windows); {q.n_invalid} windows were left out by the decoder."
    )
    return section(
        TITLE,
        figure(figures.quality(a, log))
        + caption(notes)
        + rows_of(("of the signal", ""), lines(a.signal))
        + _gaps(a.signal.gaps, a.start)
        + _channels(a),
    )


def lines(s: Signal) -> list[tuple[str, str]]:
    """Return what is worth a line each, as (what, which); what is not known is left out."""
    samples = (
        f"{s.lost} never came and were filled in, {s.dropped} came twice, out of order or without "
        "a time and were left out"
    )
    rows = [
        ("gaps", _gaps_in_words(s)),
        ("samples", samples),
        ("disturbed by", _shares(s.artifacts, s.n_windows, " of the windows") or "nothing"),
        ("windows left out", _shares(s.invalid, s.n_windows) or "none"),
        ("replaced by what neighbours say", _shares(s.interpolated, s.n_windows)),
        ("for information", _hints(s)),
        ("filters and reference", _filters(s)),
        ("reconstruction", _reconstruction(s)),
        ("rate", _rate(s)),
        ("sender's clock", _clock(s)),
        ("sender", _sender(s)),
        ("triggers", _triggers(s)),
        ("recording", "; ".join(s.recordings)),
    ]
    return [(name, words) for name, words in rows if words]


def in_short(s: Signal) -> str:
    """Return the signal in one sentence, for the last screen."""
    if not s.n_windows:
        return ""
    n_invalid = sum(n for _, n in s.invalid)
    told = [f"{percent(1 - n_invalid / s.n_windows)} of {s.n_windows} windows usable"]
    told.append(_gaps_in_words(s) if s.gaps else "no gap")
    if s.lost:
        told.append(f"{s.lost} samples filled in")
    if s.artifacts:
        told.append(f"disturbed by {_shares(s.artifacts[:3], s.n_windows)}")
    return "; ".join(told)


def _gaps(gaps: Sequence[Gap], start: float) -> str:
    rows = [(svg.clock(g.t - start), f"{g.seconds:.2f} s", g.reason) for g in gaps]
    return _folded(rows_of(("gap at", "length", "because"), rows), "every gap", rows)


def _channels(a: Analysis) -> str:
    rows = [(c.name, percent(c.share, 1), c.reason) for c in a.quality.bad]
    table = rows_of(
        ("channel", "not usable", "most often"), rows, "Every channel was usable all the time."
    )
    return _folded(table, "every channel that was not usable at some time", rows)


def _folded(table: str, name: str, rows: Sequence[object]) -> str:
    return details(f"{name} ({len(rows)})", table) if len(rows) > MANY else table


def _gaps_in_words(s: Signal) -> str:
    pieces = f"; the signal broke off {s.broke_off} times" if s.broke_off > len(s.gaps) else ""
    if not s.gaps:
        return f"none{pieces}"
    n, longest = len(s.gaps), max(g.seconds for g in s.gaps)
    if n == 1:
        return f"1 gap of {longest:.2f} s{pieces}"
    whole = sum(g.seconds for g in s.gaps)
    return f"{n} gaps, {whole:.2f} s together, the longest {longest:.2f} s{pieces}"


def _shares(counts: Counts, whole: int, of: str = "") -> str:
    if not counts:
        return ""
    return ", ".join(f"{name} {_share(n, whole)}" for name, n in counts) + of


def _share(n: int, whole: int) -> str:
    """Return a share in percent; what is rare is not called nothing."""
    share = n / max(whole, 1)
    return "< 1 %" if 0 < share < 0.01 else percent(share)


def _hints(s: Signal) -> str:
    told = _shares(s.hints, s.n_windows, " of the windows")
    return f"{told}: nothing rests on them" if told else ""


def _filters(s: Signal) -> str:
    if s.group_delay is None:
        return s.conditioning
    return f"{s.conditioning}; they delay a rhythm of 10 Hz by {milliseconds(s.group_delay)} ms"


def _reconstruction(s: Signal) -> str:
    if s.asr_delay is None:
        return ""
    cost = f"delays everything by {milliseconds(s.asr_delay)} ms"
    if s.removed is None:
        return f"never calibrated; {cost}"
    middle, most = s.removed
    return (
        f"took out {percent(middle, 1)} of the power in a typical window, {percent(most, 1)} or "
        f"more in 5 of 100; {cost}"
    )


def _rate(s: Signal) -> str:
    if s.rate is None:
        return ""
    measured = "not measured" if s.rate_measured is None else f"{s.rate_measured:g} Hz measured"
    return f"{s.rate:g} Hz declared, {measured}"


def _clock(s: Signal) -> str:
    if s.uncertainty is None:
        return ""
    middle, most = (f"{1e3 * t:.2f} ms" for t in s.uncertainty)
    return f"offset known within {middle} (median of {s.n_offsets}), {most} at worst"


def _sender(s: Signal) -> str:
    times = "once" if s.returns == 1 else f"{s.returns} times"
    told = [f"came back {times}, started anew" if s.returns else "the same all the time"]
    if s.elsewhere:
        told.append("from another machine")
    if s.sides:
        told.append(f"with its streams {', '.join(s.sides)}")
    return ", ".join(told)


def _triggers(s: Signal) -> str:
    if not s.n_triggers:
        return "none"
    codes = ", ".join(f"code {code} {n}×" for code, n in s.codes[:MANY])
    more = " …" if len(s.codes) > MANY else ""
    doubt = ", ".join(f"{note} {n}×" for note, n in s.notes)
    return f"{s.n_triggers} ({codes}{more})" + (f"; not to be trusted: {doubt}" if doubt else "")

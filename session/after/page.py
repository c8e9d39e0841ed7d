"""The report's page: one HTML file, complete in itself, readable on paper and without scripts."""

from __future__ import annotations

from html import escape

from rym import messages as m

from ..drawing import svg
from ..drawing.markup import (
    NONE,
    bullets,
    caption,
    document,
    figure,
    headline,
    legend,
    milliseconds,
    paragraph,
    percent,
    rows_of,
    section,
    share,
)
from ..drawing.style import CSS
from ..words import WORDS
from . import figures, latent_page, signal_page
from .analysis import Analysis, Log, heard_after, percentile
from .episodes import Score
from .injected import HEAD, cells
from .latency import TOTAL, PlayerClock, by_cause
from .provenance import Change
from .summary import FLATTERED, cautions

NOTICE = (
    "The music is steered by an experimental estimate from EEG. It is often wrong. "
    "You know best how you feel."
)
VERDICTS = {
    "follows": "On held-out parts of the calibration the estimate did better than guessing would.",
    "unclear": "The calibration cannot tell the estimate from guessing.",
    "guessing": "On held-out parts of the calibration the estimate did no better than "
    "guessing would.",
    "": "No model was reported, so nothing steered by EEG.",
}
BANNERS = {
    "simulated": "Nobody wore the cap: EEG, feelings and keys were made by a program.",
    "recorded": "The EEG was replayed from files; nobody listened.",
}


def render(a: Analysis, log: Log) -> str:
    """Return the whole page.

    Parameters
    ----------
    a : Analysis
        What the session's messages say.
    log : mapping of str to sequence of Message
        The messages themselves, for the figures over time.

    Returns
    -------
    str
        HTML of one self-contained file.
    """
    clock = PlayerClock.of(log.get("player/now", ()), a.facts.rate)
    body = "".join(
        (
            _head(a),
            _short(a),
            _notes(a),
            _affect(a, log, clock),
            _scores(a),
            _felt(a),
            latent_page.render(a, log),
            signal_page.render(a, log),
            _faults(a),
            _played(a, log, clock),
            _latency(a),
            _provenance(a),
            _services(a),
            _files(a),
        )
    )
    mark = f"{a.facts.kind.upper()}: " if a.facts.kind in BANNERS else ""
    return document(f"{mark}RYM session report {a.facts.session}", CSS, body)


def missing(a: Analysis) -> list[str]:
    """Return what a whole session would have and this one lacks, a sentence each."""
    names = {p.name for p in a.phases}
    checks = (
        (a.n_messages == 0, "The journal holds no message: nothing is known of what happened."),
        (not a.phases, "No phase was announced."),
        (
            a.n_messages > 0 and not a.ended,
            "The session did not come to its end: it was cut short.",
        ),
        ("calibration" not in names, "There was no calibration."),
        ("feedback" not in names, "There was no feedback, so there is no score and no delay."),
        (not a.facts.verdict and "feedback" not in names, "There is no model."),
        (a.n_estimates == 0, "Nothing was estimated from EEG: no window was decoded."),
        (not a.changes, "Nothing was played."),
        (not a.keys.times, "No key was pressed."),
        (a.quality.overall is None, "Nothing is known of the signal's quality."),
    )
    cut = [
        f"The phase {p.name} ended before its time, after {svg.clock(p.end - p.start)}."
        for p in a.phases
        if p.cut and p.name != "training"
    ]
    return [*(words for absent, words in checks if absent), *cut]


def _head(a: Analysis) -> str:
    banner = ""
    if a.facts.kind in BANNERS:
        words = f"<b>{a.facts.kind.upper()}</b>{escape(BANNERS[a.facts.kind])}"
        banner = f'<p class="banner">{words}</p>'
    lasted = f"lasted {svg.clock(a.end - a.start)}, counted from the first phase"
    facts = [a.facts.started, lasted]
    line = " · ".join(escape(x) for x in facts if x)
    name = escape(a.facts.session or "unnamed session")
    return (
        f'{banner}<header><p class="kind">RYM · session report</p><h1>{name}</h1>'
        f'<p class="facts">{line}</p><p class="notice">{escape(NOTICE)}</p></header>'
    )


def _short(a: Analysis) -> str:
    """Return the four things that a reader looks for first, the gate and its choice ahead."""
    verdict = VERDICTS.get(a.facts.verdict, a.facts.verdict)
    gate = f"<b>{escape(a.facts.verdict or 'no model')}</b>"
    gate += paragraph(verdict) + paragraph(a.facts.verdict_why) + paragraph(_choice(a))
    seconds = heard_after(a)
    heard = headline(NONE)
    p50, p90 = percentile(seconds, 50), percentile(seconds, 90)
    if p50 is not None and p90 is not None:
        heard = headline(f"{p50:.1f} s", f"median; 90 % within {p90:.1f} s")
    if a.felt:
        answered = f"{len(seconds)} of {len(a.felt)} changes were answered before the next one."
        heard += paragraph(answered)
    total = next((h for h in a.hops if h.name == TOTAL), None)
    software = headline(NONE)
    if total is not None:
        within = f"median; 99 % within {milliseconds(total.p99)} ms"
        software = headline(f"{milliseconds(total.p50)} ms", within)
    software += paragraph("the software's share of it")
    cards = (
        ("The gate", "gate", gate),
        ("Agreement in feedback", "", _agreement(a)),
        ("Felt → half-way heard", "", heard),
        ("Newest sample → player", "", software),
    )
    return '<section class="cards">' + "".join(
        f'<div class="card {style}"><h3>{name}</h3>{inside}</div>' for name, style, inside in cards
    ) + "</section>"  # fmt: skip


def _choice(a: Analysis) -> str:
    """Say what followed from the verdict."""
    if not a.changes:
        return "Nothing was played."
    if not a.facts.verdict:
        return "The neutral version was played."
    if a.facts.verdict == "follows":
        return "The estimate steered what was played."
    if a.facts.drive == "always":
        return "The estimate steered all the same."
    return "The estimate did not steer: the neutral version was played."


def _agreement(a: Analysis) -> str:
    main = a.scores[0] if a.scores else None
    if main is None or main.balanced_accuracy is None:
        return headline(NONE) + paragraph("Nothing could be compared.")
    flattered = (
        "Perhaps flattered: the decoder learned from these keys. " if a.learning.lessons else ""
    )
    return headline(
        share(main.balanced_accuracy), f"balanced accuracy; chance {share(main.chance)}"
    ) + paragraph(
        f"{_caution(a)}{flattered}Guessing stays within {share(main.chance_low)} … "
        f"{share(main.chance_high)} in 95 of 100 runs of {main.n_states} independent states. "
        "One run proves nothing."
    )


def _notes(a: Analysis) -> str:
    lacks = missing(a)
    parts = []
    if lacks:
        parts.append(f'<div class="note"><h3>What is missing</h3>{bullets(lacks)}</div>')
    told = cautions(a)
    if told:
        parts.append(f'<div class="note"><h3>Warnings</h3>{bullets(told)}</div>')
    return "".join(parts)


def _affect(a: Analysis, log: Log, clock: PlayerClock) -> str:
    title = "Felt, pressed, estimated, heard"
    if not (a.keys.times or a.truth.times or a.changes or a.n_estimates):
        return section(title, paragraph("Nothing of this is in the journal."))
    chips = [(svg.COLOURS[k], WORDS[k]) for k in ("positive", "neutral", "negative")]
    hatched = f"repeating-linear-gradient(45deg, #fff 0 3px, {svg.HAIR} 3px 5px)"
    key = legend([*chips, (hatched, WORDS["unknown"])])
    notes = (
        "Probabilities refer to equal priors and are drawn as the decoder gives them, before the "
        "gate. Dots on the line of valence mark windows whose state passed the gate."
        if a.n_estimates
        else "No window gave probabilities."
    )
    if a.coverage is not None:
        notes += f" In feedback, {percent(a.coverage)} of the windows had a known state"
        reasons = ", ".join(f"{reason} ({n})" for reason, n in a.unknown[:5])
        notes += f"; the others: {reasons}." if reasons else "."
    return section(
        title,
        key + figure(figures.affect(a, log, clock)) + caption(notes),
    )


def _scores(a: Analysis) -> str:
    head = ("compared with", "delay", "balanced accuracy (chance)", "guessing stays within",
            "independent states", "windows")  # fmt: skip
    keys = _keys(a)
    rows = [_score_row(s, keys) for s in a.scores]
    states = (
        f"{_caution(a)}By the {keys}, there were {a.n_calibration} independent states in "
        f"calibration and {a.n_feedback} in feedback. "
    )
    notes = (
        f"{states}Compared is the most probable class of every window in feedback, whatever the "
        f"gate said; {_independence(a)} The declared delay was fixed "
        "before the feedback (against keys, less the time that a key is late). The windows of one "
        "state are right or wrong together, hence the band is counted in states. This run claims "
        f"nothing by itself: a score inside the band is what guessing gives, and {_outside(a)}"
    )
    if not rows:
        return section("Agreement", paragraph("There was no feedback that could be compared."))
    return section("Agreement", rows_of(head, rows, "") + caption(notes))


def _independence(a: Analysis) -> str:
    """Say whether the scores are of a decoder that knew nothing of the feedback."""
    if not a.learning.lessons:
        return "nothing of the feedback was used by the decoder."
    return f"the decoder learned from the feedback's own keys while it ran. {FLATTERED}"


def _outside(a: Analysis) -> str:
    if not a.learning.lessons:
        return "a score outside it happens to guessing in 5 of 100 runs."
    return "a score outside it proves nothing either, since the band knows of no learning."


def _keys(a: Analysis) -> str:
    """Return what the labels come from."""
    return "labels of the files" if a.facts.n_labels else "keys"


def _caution(a: Analysis) -> str:
    return (
        "One label per file: this score cannot tell state from file. " if a.facts.n_labels else ""
    )


def _score_row(s: Score, reference: str) -> tuple[str, ...]:
    delay = f"{s.delay:.2f} s, declared" if s.declared else "none"
    return (
        "what was felt (simulated)" if s.reference == "truth" else reference,
        delay,
        f"{share(s.balanced_accuracy)} ({share(s.chance)})",
        f"{share(s.chance_low)} … {share(s.chance_high)}",
        str(s.n_states),
        str(s.n_windows),
    )


def _felt(a: Analysis) -> str:
    head = ("at", "changed to", "half-way heard", "after", "moved by")
    rows = [
        (
            svg.clock(f.t - a.start),
            WORDS[f.state],
            {"heard": "yes", "already heard": "was playing already", "not heard": "no"}[f.outcome],
            f"{f.seconds:.1f} s" if f.seconds is not None else NONE,
            f.by or NONE,
        )
        for f in a.felt
    ]
    source = "what was felt (simulated)" if a.truth.times else f"the {_keys(a)}"
    p50, p90 = (percentile(heard_after(a), q) for q in (50, 90))
    typical = f"Median {p50:.1f} s, 90 % within {p90:.1f} s. " if p50 and p90 else ""
    typical += _by_cause(a)
    notes = (
        f"{typical}Every change of {source} during feedback, until the fade towards it is half-way "
        "audible at the device. An answer must come before the next change. The player asks that a "
        "state be kept for a while before it may change again, so that not every change can be "
        "answered."
    )
    title = "Felt → half-way heard"
    if not rows:
        return section(title, paragraph("No change was felt or reported during feedback."))
    return section(title, rows_of(head, rows, "") + caption(notes))


def _by_cause(a: Analysis) -> str:
    """Return median and nine of ten for every cause, where there is more than one."""
    found = by_cause(a.felt)
    rows = [
        f"{cause} {percentile(times, 50):.1f} s, 90 % within {percentile(times, 90):.1f} s"
        f" ({len(times)})"
        for cause, times in found.items()
    ]
    return f"By what moved it: {'; '.join(rows)}. " if len(rows) > 1 else ""


def _faults(a: Analysis) -> str:
    if not a.faults:
        return ""
    rows = [(svg.clock(f.t - a.start), *cells(f)) for f in a.faults]
    unseen = ", ".join(dict.fromkeys(f.name for f in a.faults if not f.noticed))
    notes = (
        "This session's simulator put these faults into the signal on purpose. Each row holds what "
        "the other parts said and did until the next fault began; times of the player count from "
        f"the fault's beginning. Of these, nobody took notice: {unseen or 'none'}."
    )
    return section("Faults put in on purpose", rows_of(("at", *HEAD), rows) + caption(notes))


def _played(a: Analysis, log: Log, clock: PlayerClock) -> str:
    if not a.changes:
        return section("What was played", paragraph("Nothing was played."))
    notes = (
        "Gains of the three versions, before level and limiter. Numbers are those of the table "
        "“From sound back to samples”."
    )
    rows = [(svg.clock(s.t - a.start), s.state, s.reason or NONE, s.text or NONE) for s in a.safety]
    below = rows_of(
        ("at", "safety", "because", "said to the person"), rows, "No safety state was reported."
    )
    return section(
        "What was played",
        figure(figures.played(a, log, clock))
        + caption(notes)
        + (paragraph(a.facts.hearing) if a.facts.hearing else "")
        + below,
    )


def _latency(a: Analysis) -> str:
    n = {hop.name: hop.n for hop in a.hops}
    head = ("delay", "kind", "declared", "p50", "p99", "measured", "how it comes about")
    rows: list[tuple[str, ...]] = []
    for line in a.budget:
        measured = f"{n[line.name]}×" if line.name in n else NONE
        times = [milliseconds(t) for t in (line.declared, line.p50, line.p99)]
        rows.append((line.name, line.kind, *times, measured, line.why))
    total = next((h for h in a.hops if h.name == TOTAL), None)
    if total is not None:
        times = [milliseconds(t) for t in (None, total.p50, total.p99)]
        why = "the software steps together, window by window"
        rows.append((TOTAL, "software", *times, f"{total.n}×", why))
    known = [line.typical for line in a.budget if line.typical is not None]
    why = "measured median, else as declared; most changes meet only some of these"
    whole = milliseconds(sum(known) if known else None)
    rows.append(("sum of what is typical", "", "", whole, "", "", why))
    key = legend((colour, kind) for kind, colour in figures.KINDS.items())
    drawn = key + figure(figures.budget(a)) if known else ""
    notes = (
        "In milliseconds. Declared delays follow from the settings; measured ones from the stamps "
        "of this session's own messages, all on the rig's clock. The EEG device's own delay, "
        "before the first stamp, is not known here."
    )
    return section("Latency budget", drawn + rows_of(head, rows, "") + caption(notes))


def _provenance(a: Analysis) -> str:
    head = ("no.", "at", "change", "moved by", "rests on", "samples")
    rows = [_change_row(a, i, c) for i, c in enumerate(a.changes, start=1)]
    notes = (
        "Every audible change, followed back by the causes that each message names. Samples count "
        "from 0 within their file; a change that the player made by itself rests on no sample."
    )
    title = "From sound back to samples"
    if not rows:
        return section(title, paragraph("Nothing was played."))
    return section(title, rows_of(head, rows, "") + caption(notes))


def _change_row(a: Analysis, number: int, c: Change) -> tuple[str, ...]:
    what = {
        "fade": f"fade to {WORDS.get(c.what, c.what)}",
        "start": "sound begins",
        "order": f"order: {c.what}",
        "safety": f"safety: {c.what}",
    }[c.kind]
    chain = " ← ".join(_short_name(x) for x in c.chain[:4]) or NONE
    lost = f" (not in the journal: {', '.join(map(_short_name, c.missing))})" if c.missing else ""
    samples = NONE
    if c.samples is not None:
        s = c.samples
        samples = f"{s.file}: {s.first} … {s.first + s.n - 1} (segment {s.segment})"
    return (
        str(number),
        svg.clock(c.t - a.start),
        what,
        NONE if c.why == "tick" else c.why,
        chain + lost,
        samples,
    )


def _short_name(x: m.Identity) -> str:
    return f"{x.topic} #{x.seq}"


def _services(a: Analysis) -> str:
    count: dict[str, int] = {}
    rows = []
    for life in a.lives:
        count[life.service] = count.get(life.service, 0) + 1
        drops = ", ".join(f"{topic}: {n}" for topic, n in life.drops) or "none"
        rows.append(
            (life.service, str(count[life.service]), svg.clock(life.first - a.start), life.life,
             svg.clock(life.last - a.start), life.detail or NONE, drops)
        )  # fmt: skip
    head = ("part", "start", "at", "last said", "at", "detail", "given up by overload")
    below = rows_of(head, rows, "No part reported its state.")
    again = [f"{name} ({n - 1}×)" for name, n in sorted(count.items()) if n > 1]
    notes = f"Started again: {', '.join(again) or 'none'}. "
    lost = sum(h.last - h.first + 1 for h in a.holes)
    notes += f"The journal holds {a.n_messages} messages and lacks {lost} that were sent"
    where = ", ".join(f"{h.topic} #{h.first}–{h.last}" for h in a.holes[:8])
    notes += f": {where}{' …' if len(a.holes) > 8 else ''}." if lost else "."
    return section("Parts", below + caption(notes))


def _files(a: Analysis) -> str:
    rows = [*a.facts.files]
    if a.facts.settings_hash:
        rows.append(("settings (SHA-256)", a.facts.settings_hash))
    rows += a.facts.versions
    return section("Files and versions", rows_of(("what", "which"), rows, "Nothing is known."))

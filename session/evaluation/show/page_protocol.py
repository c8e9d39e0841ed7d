"""One protocol's section of the evaluation's page: scores, table, answers of each candidate."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby

import numpy as np

from ...drawing.markup import NONE, caption, details, figure, paragraph, percent, rows_of, share
from ..result import Curve, Evaluation, MethodResult, PersonScore, ProtocolResult
from . import curves, figures, told
from .derived import answered, best, between, candidates, n_above

LEAK_LINE = (
    "LEAKY: the answer was let in. Nothing below says anything of the decoder; it is shown to be "
    "told apart from honest scores."
)


def render(e: Evaluation, p: ProtocolResult) -> str:
    """Return the section of one protocol.

    Parameters
    ----------
    e : Evaluation
        All of it, for its data.
    p : ProtocolResult
        One of its protocols.
    """
    water = told.water(e, leaky=p.leaky)
    drawn = figure(figures.people(p, water)) if p.decoders else paragraph("No method was scored.")
    inside = (
        _head(p) + drawn + caption(_about_scores(p)) + _table(p) + _everybody(p)
        + _answers(e, p, water)
    )  # fmt: skip
    return f'<section class="{"leaky" if p.leaky else "protocol"}">{inside}</section>'


def _head(p: ProtocolResult) -> str:
    tag = "LEAKY" if p.leaky else p.verdict
    rests = " The verdict rests on this protocol." if p.primary and not p.leaky else ""
    below = f'<p class="leakline">{escape(LEAK_LINE)}</p>' if p.leaky else ""
    why = "" if p.leaky else paragraph(p.why)
    return (
        f'<div class="head"><h2>{escape(p.name)}</h2><span class="tag">{escape(tag)}</span></div>'
        f"{below}<p>{escape(p.what + rests)}</p>{why}"
    )


def _about_scores(p: ProtocolResult) -> str:
    return (
        f"{told.who(p.n_people)}, {p.n_units} units in {p.n_folds} folds, {p.purge_s:g} s between "
        f"what is learned from and what is scored. Chance is {share(p.chance)}; always answering "
        f"the commonest state gives a weighted F1 of {share(p.majority)}, guessing with the "
        f"states' own shares {share(p.stratified)}."
    )


def _table(p: ProtocolResult) -> str:
    """Return candidates and controls, one below the other."""
    if not p.decoders:
        return ""
    heard = any(m.audible is not None for m in p.decoders)
    head = [
        f"balanced accuracy (chance {share(p.chance)})", "95 % interval", "null up to", "p",
        "people above own null", "macro F1", "κ", "weighted F1", "Brier", "ECE",
        "flips per minute",
    ]  # fmt: skip
    if heard:
        head.append("within what was audible")
    top = "".join(f'<th scope="col" class="n">{escape(h)}</th>' for h in head)
    body = ""
    chosen = None if p.leaky else best(p)
    ordered = sorted(p.decoders, key=lambda m: m.kind != "candidate")
    for kind, group in groupby(ordered, key=lambda m: m.kind):
        name = "candidates" if kind == "candidate" else "controls (never chosen)"
        body += f'<tr class="group"><td colspan="{len(head) + 1}">{name}</td></tr>'
        body += "".join(_row(m, heard=heard, chosen=m is chosen) for m in group)
    last = "All of them LEAKY." if p.leaky else "In bold the best candidate."
    below = caption(
        "Null up to: 95 % of the null's mean scores lie at or below. κ and F1: 1 is best, κ 0 is "
        f"chance. Brier and ECE (how far confidence is off): 0 is best. {last}"
    )
    names = f'<tr><th scope="col">method</th>{top}</tr>'
    return (
        f'<div class="wide"><table class="scores"><thead>{names}</thead>'
        f"<tbody>{body}</tbody></table></div>{below}"
    )


def _row(m: MethodResult, *, heard: bool, chosen: bool) -> str:
    counted = n_above(m.people)
    cells = [
        share(m.balanced_accuracy),
        between(m.interval) if m.interval else NONE,
        share(m.null.null_95),
        figures.p_text(m.null.p),
        f"{counted[0]} of {counted[1]}" if counted else NONE,
        share(m.macro_f1),
        share(m.kappa),
        share(m.weighted_f1),
        share(m.brier),
        share(m.ece),
        NONE if m.timing.flips_per_minute is None else f"{m.timing.flips_per_minute:.1f}",
    ]
    if heard:
        cells.append(share(m.audible))
    inside = "".join(f'<td class="n">{escape(_minus(cell))}</td>' for cell in cells)
    name = f'<th scope="row">{escape(m.name)}<small>{escape(m.what)}</small></th>'
    return f'<tr class="{"best" if chosen else m.kind}">{name}{inside}</tr>'


def _minus(cell: str) -> str:
    """Return a number with a minus sign that is one, and none before zero."""
    return "0.00" if cell == "-0.00" else cell.replace("-", "−")


def _everybody(p: ProtocolResult) -> str:
    """Return the numbers behind the figure of scores, folded away."""
    names = list(dict.fromkeys(one.person for m in p.decoders for one in m.people))
    if not names:
        return ""
    ordered = sorted(p.decoders, key=lambda m: m.kind != "candidate")
    own = [{one.person: one for one in m.people} for m in ordered]
    rows = [[name, *(_one(scores.get(name)) for scores in own)] for name in names]
    notes = (
        f"Balanced accuracy (chance {share(p.chance)}), and in brackets what 95 % of the person's "
        "own null lie at or below."
    )
    head = ("person", *(m.name for m in ordered))
    return details("Everybody's score in numbers", rows_of(head, rows) + caption(notes))


def _one(person: PersonScore | None) -> str:
    if person is None:
        return NONE
    return f"{share(person.balanced_accuracy)} ({share(person.null_95)})"


def _answers(e: Evaluation, p: ProtocolResult, water: Sequence[str]) -> str:
    """Return how each candidate answered: the best one open, the others folded away."""
    first = best(p)
    if first is None:
        return ""
    others = [m for m in candidates(p) if m is not first]
    shown = f'<h3 class="part">How {escape(first.name)} answered</h3>{_panels(e, p, first, water)}'
    if p.leaky:
        shown = details(f"How {first.name} answered (LEAKY)", _panels(e, p, first, water))
    mark = " (LEAKY)" if p.leaky else ""
    return shown + "".join(
        details(f"How {m.name} answered{mark}", _panels(e, p, m, water)) for m in others
    )


def _panels(e: Evaluation, p: ProtocolResult, m: MethodResult, water: Sequence[str]) -> str:
    four = "".join(
        f"<figure><h4>{escape(name)}</h4>{drawing}</figure>"
        for name, drawing in curves.panels(p, m, e.data.states, water)
    )
    numbers = details("These four in numbers", _numbers(m, e.data.states, p.chance))
    return (
        f'<div class="panels">{four}</div>{caption(_about_answers(m))}'
        f'<div class="screen">{numbers}</div>'
    )


def _about_answers(m: MethodResult) -> str:
    came, never = answered(m.timing.seconds_to_right)
    words = f"Brier {share(m.brier)}, ECE {share(m.ece)}. "
    if m.timing.flips_per_minute is not None:
        words += f"The answer changes {m.timing.flips_per_minute:.1f} times per minute. "
    if came:
        p50, p90 = (float(np.quantile(came, q)) for q in (0.5, 0.9))
        words += (
            f"After a change of the state the right answer comes within {p50:.1f} s (median; 90 % "
            f"within {p90:.1f} s)"
        )
        words += f", and before the next change not at all in {never} of {never + len(came)}. "
    elif never:
        words += f"After none of {never} changes did the right answer come before the next one. "
    return words.rstrip()


def _numbers(m: MethodResult, states: Sequence[str], chance: float) -> str:
    rows = [
        (f"true {state}", *(f"{n} ({percent(n / total)})" if total else "0" for n in row))
        for state, row in zip(states, m.confusion, strict=True)
        for total in (sum(row),)
    ]
    came, never = answered(m.timing.seconds_to_right)
    listed = ", ".join(f"{s:.1f}" for s in came[:60]) + (" …" if len(came) > 60 else "")
    return (
        rows_of(("", *(f"answered {s}" for s in states)), rows)
        + _points(("confidence", "share right", "windows"), m.calibration)
        + _points(
            ("share answered", f"balanced accuracy (chance {share(chance)})", "windows"),
            m.abstention,
        )
        + paragraph(f"Seconds until right: {listed or 'none'}; never: {never}.")
    )


def _points(head: Sequence[str], curve: Curve) -> str:
    rows = [(share(x), share(y), str(n)) for x, y, n in zip(curve.x, curve.y, curve.n, strict=True)]
    return rows_of(head, rows, f"There is no point of {head[1]}.")

"""The evaluation's page: one HTML file, complete in itself, the verdict first."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from urllib.parse import quote

from ...drawing import svg
from ...drawing.markup import (
    bullets,
    caption,
    details,
    document,
    figure,
    paragraph,
    rows_of,
    section,
    share,
)
from ...drawing.style import CSS
from ..result import Evaluation, Finding
from . import curves, figures, plot, told
from .derived import Difference, in_order, leaky_minus_honest
from .page_protocol import render as protocol_section

SIMULATED = "Nobody wore the cap: EEG and states were made by a program."


def _tile(word: str, colour: str, opacity: float) -> str:
    """Return a watermark that repeats behind what has no figure: a picture within the page."""
    drawn = (
        "<svg xmlns='http://www.w3.org/2000/svg' width='330' height='190'>"
        "<text x='165' y='105' text-anchor='middle' transform='rotate(-14 165 95)' "
        "font-family='Arial' font-size='40' font-weight='700' letter-spacing='5' "
        f"fill='{colour}' fill-opacity='{opacity}'>{word}</text></svg>"
    )
    return f'url("data:image/svg+xml,{quote(drawn)}")'


OWN_CSS = f"""
.verdict {{ margin-top: 26px; background: #fff; border: 2px solid {svg.INK}; border-radius: 6px;
  padding: 18px 22px 20px; }}
.verdict .word {{ margin: 0; font-size: 30px; font-weight: 650; line-height: 1.2; }}
.verdict .plain {{ margin: 8px 0 0; font-size: 18px; max-width: 56em; }}
.verdict .why {{ margin: 8px 0 0; color: {svg.SOFT}; max-width: 62em; }}
.sides {{ display: grid; grid-template-columns: 1fr 1fr; gap: 14px; margin-top: 14px; }}
.sides h3 {{ color: {svg.INK}; font-size: 16px; }}
.sides ul {{ margin: 0; padding-left: 20px; }}
.sides li {{ margin-bottom: 5px; }}
.panels {{ display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px; margin-top: 12px; }}
.panels figure {{ padding: 10px 6px 4px; }}
h4 {{ margin: 0 0 4px; font-size: 14px; font-weight: 600; }}
.part {{ margin: 22px 0 0; font-size: 16px; color: {svg.INK}; }}
.findings {{ display: grid; grid-template-columns: repeat(2, 1fr); gap: 14px; margin-top: 12px; }}
.finding {{ background: #fff; border: 1px solid {svg.HAIR}; border-radius: 6px;
  padding: 12px 16px; break-inside: avoid; }}
.finding.found {{ border: 2px solid {svg.INK}; }}
.finding .mark {{ float: right; font-size: 14px; font-weight: 600; }}
.finding p {{ margin: 4px 0 0; font-size: 14.5px; }}
.finding p.meaning {{ font-weight: 600; }}
.verdict h2 {{ font-size: 15px; font-weight: 400; margin: 0 0 2px; }}
td.n, th.n {{ text-align: right; padding: 6px 0 6px 12px; }}
td.n {{ white-space: nowrap; }}
.scores th:first-child {{ min-width: 190px; }}
tr.group td {{ color: {svg.SOFT}; font-weight: 600; padding-top: 12px; }}
tr.best th, tr.best td {{ font-weight: 650; }}
tbody th {{ color: {svg.INK}; font-weight: 600; border-bottom: 1px solid {svg.HAIR};
  vertical-align: top; padding-top: 6px; }}
tbody th small {{ display: block; color: {svg.SOFT}; font-weight: 400; }}
.head {{ display: flex; gap: 14px; align-items: baseline; flex-wrap: wrap; }}
.head h2 {{ margin: 0; }}
.head + figure {{ margin-top: 12px; }}
.tag {{ border: 1.5px solid {svg.INK}; border-radius: 4px; padding: 0 9px; font-size: 15px;
  font-weight: 600; background: #fff; }}
.simulated {{ background-image: {_tile("SIMULATED", svg.INK, 0.045)}; }}
.leaky {{ border: 2px solid {plot.LEAK}; border-radius: 6px; padding: 18px 20px 20px;
  background-color: #fff; background-image: {_tile("LEAKY", plot.LEAK, 0.11)}; }}
.leaky .tag {{ border-color: {plot.LEAK}; background: {plot.LEAK}; color: #fff;
  letter-spacing: .2em; }}
.leakline {{ margin: 8px 0 0; color: {plot.LEAK}; font-weight: 600; }}
svg .leak {{ fill: {plot.LEAK}; font-weight: 650; }}
svg .water, svg .leakwater {{ font-size: 46px; font-weight: 700; letter-spacing: .14em;
  fill: {plot.WATER}; }}
svg .leakwater {{ fill: {plot.LEAK_WATER}; }}
svg .water, svg .leakwater {{ pointer-events: none; }}
svg .small {{ font-size: 24px; }}
@media screen and (max-width: 1000px) {{ .panels {{ grid-template-columns: repeat(2, 1fr); }} }}
@media screen and (max-width: 760px) {{ .sides, .findings {{ grid-template-columns: 1fr; }}
  section > figure {{ overflow-x: auto; }} section > figure svg {{ min-width: 760px; }} }}
@media screen and (max-width: 520px) {{ .panels {{ grid-template-columns: 1fr; }} }}
@media print {{ .screen {{ display: none; }} .head, .leakline, .part {{ break-after: avoid; }}
  .finding, .verdict, .panels figure {{ break-inside: avoid; }}
  .panels {{ grid-template-columns: repeat(2, 1fr); }} table {{ font-size: 8.5pt; }} }}
"""


def render(evaluation: Evaluation) -> str:
    """Return the whole page.

    Parameters
    ----------
    evaluation : Evaluation
        What is written to `evaluation.json`.

    Returns
    -------
    str
        HTML of one self-contained file.
    """
    body = "".join(
        (
            _head(evaluation),
            _verdict(evaluation),
            _warnings(evaluation),
            _leaks(evaluation),
            *(protocol_section(evaluation, p) for p in in_order(evaluation)),
            _latent(evaluation),
            _leaky_minus_honest(evaluation),
            _how(evaluation),
            _again(evaluation),
        )
    )
    body = body.replace(" %", "\u00a0%")
    simulated = evaluation.data.simulated
    title = f"{'SIMULATED: ' if simulated else ''}RYM evaluation of {evaluation.data.name}"
    return document(title, CSS + OWN_CSS, body, "simulated" if simulated else "")


def _head(e: Evaluation) -> str:
    banner = ""
    if e.data.simulated:
        banner = f'<p class="banner"><b>SIMULATED</b>{escape(SIMULATED)}</p>'
    facts = " · ".join(escape(words) for words in told.facts(e.data))
    return (
        f'{banner}<header><p class="kind">RYM · evaluation</p><h1>{escape(e.data.name)}</h1>'
        f'<p class="facts">{facts}</p></header>'
    )


def _verdict(e: Evaluation) -> str:
    """Return what can be believed and what not, before any number is explained."""
    sides = "".join(
        f'<div class="card"><h3>{escape(title)}</h3>{bullets(lines)}</div>'
        for title, lines in (
            ("What can be believed", told.believed(e)),
            ("What cannot", told.not_believed(e)),
        )
        if lines
    )
    return (
        f'<section class="verdict"><h2 class="kind">The verdict</h2>'
        f'<p class="word">{escape(e.verdict)}</p>'
        f'<p class="plain">{escape(told.meaning(e.verdict))}</p>'
        f'<p class="why">{escape(e.why)}</p></section><div class="sides">{sides}</div>'
    )


def _warnings(e: Evaluation) -> str:
    if not e.warnings:
        return ""
    return section("Warnings", f'<div class="note">{bullets(e.warnings)}</div>')


MARKS = {True: "FOUND", False: "not found", None: "could not be looked for"}


def _leaks(e: Evaluation) -> str:
    """Return what the leak detectors found, what was found first; leaky protocols folded away."""
    if not e.leaks:
        return section("Leaks that were looked for", paragraph("None was looked for."))
    aside = [f for f in e.leaks if told.about_leaky(e, f)]
    inside = _cards(f for f in e.leaks if f not in aside)
    if aside:
        inside += details("Checks of the protocols marked LEAKY", _cards(aside))
    return section("Leaks that were looked for", inside)


def _cards(leaks: Iterable[Finding]) -> str:
    order = {True: 0, None: 1, False: 2}
    cards = "".join(_finding(f) for f in sorted(leaks, key=lambda f: order[f.found]))
    return f'<div class="findings">{cards}</div>'


def _finding(f: Finding) -> str:
    n = len(f.details)
    more = details("one detail" if n == 1 else f"{n} details", bullets(f.details)) if n else ""
    return (
        f'<div class="finding{" found" if f.found else ""}">'
        f'<span class="mark">{MARKS[f.found]}</span><h4>{escape(f.name)}</h4>'
        f'{paragraph(f.what)}<p class="meaning">{escape(f.meaning)}</p>{more}</div>'
    )


def _latent(e: Evaluation) -> str:
    if e.latent is None or not e.latent.points:
        return ""
    leaky = any(p.leaky for p in e.protocols if p.name == e.latent.protocol)
    drawn = curves.latent(e.latent, e.data.states, told.water(e, leaky=leaky))
    notes = (
        f"{len(e.latent.points)} windows of one fold of {e.latent.protocol}, placed by "
        f"{e.latent.method}, which had not learned from them. Clouds of one colour that lie apart "
        "are what the decoder goes by. A picture proves nothing: noise that was learned from "
        "looks as good, which is why only windows that were held out are drawn."
    )
    return section("Latent space", figure(drawn) + caption(notes))


def _leaky_minus_honest(e: Evaluation) -> str:
    differences = leaky_minus_honest(e)
    if not differences:
        return ""
    chosen = [d for d in differences if d.kind == "candidate"] or list(differences)
    head = ("decoder", "leaky protocol", "leaky: balanced accuracy (chance)", "honest protocol",
            "honest: balanced accuracy (chance)", "leaky minus honest")  # fmt: skip
    controls = [d for d in differences if d not in chosen]
    below = rows_of(head, map(_difference, chosen))
    if controls:
        below += details("Controls", rows_of(head, map(_difference, controls)))
    notes = (
        "The same decoders on the same data; only the protocol differs. What a leaky protocol adds "
        "is no ability of the decoder: it is the answer, let in. A published score that was made "
        "like this may fall by as much. A small difference does not clear the honest score, which "
        "may rest on something else: see its controls."
    )
    drawn = figure(figures.dumbbell(chosen, told.water(e, leaky=True)))
    title = '<div class="head"><h2>Leaky minus honest</h2><span class="tag">LEAKY</span></div>'
    return f'<section class="leaky">{title}{drawn}{below}{caption(notes)}</section>'


def _difference(d: Difference) -> tuple[str, ...]:
    leaky, honest = (f"{share(v)} ({share(d.chance)})" for v in (d.leaky_score, d.honest_score))
    return (d.method, f"{d.leaky} (LEAKY)", leaky, d.honest, honest, figures.signed(d.difference))


def _how(e: Evaluation) -> str:
    head = ("protocol", "learned from, scored", "folds", "purge", "people", "units",
            "relabelings", "smallest p", "null")  # fmt: skip
    rows = [told.how(p) for p in in_order(e)]
    below = rows_of(("what", "which"), told.provenance(e))
    notes = (
        "Purge: what is learned from keeps at least so many seconds away from what is scored. "
        "Units are what labels are dealt over in the null (here: "
        f"{e.data.exchangeable_unit}); relabelings count how often they can be dealt differently, "
        "and with so many no p can be smaller than the one named. Scores are means over people of "
        "each person's balanced accuracy (chance: one divided by the number of states); the "
        "interval is Student's t over people. Every fit saw what is learned from, the z-score also "
        "each person's own baseline, which is never scored; nothing else, but for protocols marked "
        "LEAKY."
    )
    return section("How it was done", rows_of(head, rows) + caption(notes) + below)


def _again(e: Evaluation) -> str:
    """Return how every number can be recomputed."""
    files = rows_of(("protocol", "method", "predictions", "null scores"), _files(e))
    return section(
        "How to recompute it",
        paragraph(
            "Every number on this page stands unrounded in evaluation.json and follows from the "
            "predictions and null scores stored beside it; docs/evaluation.md has a script of ten "
            "lines that does it. The same files, settings and seed give the same numbers, "
            "whatever the number of workers."
        )
        + details("Files behind every score", files),
    )


def _files(e: Evaluation) -> Iterable[tuple[str, ...]]:
    for p in in_order(e):
        for m in p.decoders:
            yield (f"{p.name} (LEAKY)" if p.leaky else p.name, m.name, m.predictions,
                   m.nulls or "none drawn")  # fmt: skip
        if p.nested is not None:
            yield (p.name, "chosen per fold", p.nested.predictions, "none drawn")

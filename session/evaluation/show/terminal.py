"""What `rym evaluate` shows on a terminal: one table, the verdict, what to beware of (pure)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path

from ..result import Evaluation, Finding, MethodResult, ProtocolResult
from .derived import between, in_order, primary
from .told import choice, meaning

WIDTH = 100
NONE = "—"
HEAD = ("", "balanced", "95 % interval", "null 95 %", "p")
WIDTHS = (26, 10, 15, 12, 16)
BY_CHANCE = "balanced accuracy; chance {chance:.2f}"


def in_words(evaluation: Evaluation, paths: Iterable[Path] = ()) -> str:
    """Return the screen of an evaluation.

    Parameters
    ----------
    evaluation : Evaluation
        What was found.
    paths : iterable of Path
        Files that were written.
    """
    data = evaluation.data
    n = len(data.people)
    about = (
        f"{data.name}: {n} {'person' if n == 1 else 'people'}, {data.n_recordings} recordings, "
        f"{data.seconds / 60:.0f} min of usable signal, states {', '.join(data.states)}"
    )
    lines = ["SIMULATED: nobody wore a cap."] if data.simulated else []
    lines += [about, "", _cells(HEAD)]
    for protocol in in_order(evaluation):
        lines += _protocol(protocol)
    lines += ["", *_named("verdict", f"{evaluation.verdict}. {evaluation.why}")]
    lines += _quoted(evaluation)
    lines += _named("", meaning(evaluation.verdict))
    for warning in evaluation.warnings:
        lines += _named("warning", warning)
    for finding in evaluation.leaks:
        lines += _leak(finding)
    lines += _unlooked(evaluation.leaks)
    lines += ["", *(f"  {path}" for path in paths)]
    return "\n".join(lines) + "\n"


def _protocol(protocol: ProtocolResult) -> list[str]:
    mark = "LEAKY " if protocol.leaky else ""
    which = "  ← the verdict rests on it" if protocol.primary else ""
    head = f"{mark}{protocol.name}  ({BY_CHANCE.format(chance=protocol.chance)}){which}"
    return ["", head, *(_method(protocol, method) for method in protocol.decoders)]


def _method(protocol: ProtocolResult, method: MethodResult) -> str:
    control = " *" if method.kind == "control" else ""
    null = method.null
    cells = (
        f"  {method.name}{control}",
        f"{method.balanced_accuracy:.2f}",
        between(method.interval) if method.interval else NONE,
        NONE if null.null_95 is None else f"{null.null_95:.2f}",
        "LEAKY" if protocol.leaky else "not run" if null.p is None else f"{null.p:.3f}",
    )
    return _cells(cells)


def _quoted(evaluation: Evaluation) -> list[str]:
    """Return the score to quote, which holds no luck of the choice."""
    protocol = primary(evaluation)
    if protocol is None or protocol.nested is None:
        return []
    nested = protocol.nested
    sure = f", 95 % interval {between(nested.interval)}" if nested.interval else ""
    words = (
        f"{nested.balanced_accuracy:.2f} (chance {protocol.chance:.2f}{sure}) under "
        f"{protocol.name}. {choice(nested)}"
    )
    return _named("to quote", words)


def _cells(cells: Iterable[str]) -> str:
    first, *rest = zip(cells, WIDTHS, strict=True)
    return f"{first[0]:<{first[1]}}" + "".join(f"{cell:>{width}}" for cell, width in rest)


def _leak(finding: Finding) -> list[str]:
    if not finding.found:
        return []
    details = "".join(f" ({detail})" for detail in finding.details[:3])
    return _named("leak", f"{finding.name}: {finding.what}{details} {finding.meaning}")


def _unlooked(findings: Iterable[Finding]) -> list[str]:
    """Return what nothing was found of, and what could not be looked for, in two rows."""
    every = list(findings)
    clean = [finding.name for finding in every if finding.found is False]
    blind = [finding.name for finding in every if finding.found is None]
    lines = _named("no leak", ", ".join(clean) + ".") if clean else []
    return lines + (_named("not checked", ", ".join(blind) + ".") if blind else [])


def _named(name: str, words: str) -> list[str]:
    """Return a paragraph with its name in front."""
    return textwrap.wrap(words, WIDTH, initial_indent=f"{name:<13}", subsequent_indent=" " * 13)

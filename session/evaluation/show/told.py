"""What an evaluation means, in plain words, with chance beside every score (pure)."""

from __future__ import annotations

from decoder.scoring.verdicts import ALIKE

from ...drawing.markup import NONE, share
from ..result import DataFacts, Evaluation, Finding, MethodResult, Nested, Null, ProtocolResult
from .derived import (
    LEVEL,
    MEANS,
    best,
    between,
    candidates,
    cannot_be_significant,
    confound,
    ends,
    n_above,
    primary,
    right_in_a_hundred,
)

VERDICTS = {
    "follows": "From recordings that it had not learned from, the decoder told the states apart "
    "better than guessing would, and nothing simpler that was tried does it as well.",
    "unclear": "These recordings cannot settle whether the decoder tells the states apart or "
    "guesses.",
    "guessing": "From recordings that it had not learned from, the decoder told the states apart "
    "no better than guessing would.",
    "LEAKY": "Whoever computed these scores let the answer in. They say nothing of the decoder.",
}
NEW_PERSON = {"leave-one-person-out"}
"""Protocols that score people of whom nothing was learned."""


def meaning(verdict: str) -> str:
    """Return what a verdict means, one or two sentences."""
    control = confound(verdict)
    if not control:
        return VERDICTS.get(verdict, "")
    return (
        f"The states can be told apart, but {MEANS.get(control, control)} ({control}) tells them "
        "apart about as well. What was found may be that, and not the state: this is no evidence "
        "that the state itself was decoded."
    )


def water(e: Evaluation, *, leaky: bool) -> list[str]:
    """Return the watermarks of a figure."""
    return ["LEAKY"] * leaky + ["SIMULATED"] * e.data.simulated


def facts(data: DataFacts) -> list[str]:
    """Return what was evaluated, in a few words each."""
    return [
        who(len(data.people)),
        f"{len(data.states)} states: {', '.join(data.states)}",
        f"{data.n_recordings} recordings" if data.n_recordings != 1 else "one recording",
        f"{minutes(data.seconds)} of usable signal ({data.n_usable} of {data.n_rows} windows)",
    ]


def who(n: int) -> str:
    """Return how many people, in words."""
    return "one person" if n == 1 else f"{n} people"


def minutes(seconds: float) -> str:
    """Return a duration as people say it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def believed(e: Evaluation) -> list[str]:
    """Return what can be believed, a sentence or two each."""
    protocol = primary(e)
    top = best(protocol) if protocol else None
    if protocol is None or protocol.leaky or top is None:
        return []
    found = [_quoted(protocol.nested, protocol)] if protocol.nested else []
    found += [_in_a_hundred(top, protocol), _sure(top)]
    counted = n_above(top.people)
    if counted is not None:
        found.append(_counted(*counted))
    return [words for words in found if words]


def choice(nested: Nested) -> str:
    """Return how the decoders behind the score to quote were chosen, three sentences."""
    n = sum(one.n_folds for one in nested.chosen)
    named = ", ".join(f"{one.name} in {one.n_folds} of {n}" for one in nested.chosen)
    return (
        "Each fold's decoder was chosen by what the fold learns from alone "
        f"({nested.default} unless another was better by more than one standard error): {named}. "
        "So there is no luck of the choice in it, as there is in the best of the scores. "
        f"Beside each alone: {_beside(nested)}."
    )


def _beside(nested: Nested) -> str:
    """Return by how much what is quoted differs from each candidate alone."""
    said = []
    for one in nested.beside:
        sure = "" if one.standard_error is None else f" ± {one.standard_error:.3f}"
        said.append(f"{one.name} {one.difference:+.3f}{sure}")
    return ", ".join(said)


def _quoted(nested: Nested, p: ProtocolResult) -> str:
    sure = ""
    if nested.interval is not None:
        sure = f", 95 % interval {between(nested.interval)}"
    return (
        f"The score to quote is {share(nested.balanced_accuracy)} (balanced accuracy; chance "
        f"{share(p.chance)}{sure}). {choice(nested)}"
    )


def _in_a_hundred(m: MethodResult, p: ProtocolResult) -> str:
    right, guessed = right_in_a_hundred(m.balanced_accuracy), right_in_a_hundred(p.chance)
    return (
        f"Of 100 moments, spread equally over the states, {m.name} answers about {right} rightly; "
        f"guessing gets {guessed}. (Balanced accuracy {share(m.balanced_accuracy)}, chance "
        f"{share(p.chance)}, protocol {p.name}.)"
    )


def _sure(m: MethodResult) -> str:
    if m.interval is None:
        return ""
    low, high = (right_in_a_hundred(v) for v in ends(m.interval))
    return (
        f"For people like these the average lies between {low} and {high} of 100 (95 % interval)."
    )


def _counted(n: int, of: int) -> str:
    if of == 1:
        return (
            "The person's score lies above what 95 of 100 guessing decoders reach."
            if n
            else "The person's score does not lie above what 95 of 100 guessing decoders reach."
        )
    return (
        f"{n or 'None'} of {of} people {'scores' if n < 2 else 'score'} above what 95 of 100 "
        "guessing decoders reach on the same person; by guessing, one in 20 would."
    )


def not_believed(e: Evaluation) -> list[str]:
    """Return what cannot be believed, a sentence or two each."""
    return [
        words
        for words in (
            _confounded(e), _too_few(e), _leaky_scores(e), _nobody_new(e), _found(e), _no_null(e),
            _wrong(e),
            "Nothing here says what a person feels; it says how often answers agreed with labels.",
        )
        if words
    ]  # fmt: skip


def _confounded(e: Evaluation) -> str:
    protocol, control = primary(e), confound(e.verdict)
    rival = next((m for m in protocol.decoders if m.name == control), None) if protocol else None
    if protocol is None or rival is None:
        return ""
    return (
        f"That the state itself was decoded: {MEANS.get(control, control)} ({control}) answers "
        f"{right_in_a_hundred(rival.balanced_accuracy)} of 100 rightly; guessing gets "
        f"{right_in_a_hundred(protocol.chance)}."
    )


def _too_few(e: Evaluation) -> str:
    protocol = primary(e)
    m = cannot_be_significant(protocol) if protocol and not protocol.leaky else None
    if m is None:
        return ""
    if m.null.smallest_p >= 1.0:
        return ALIKE
    return (
        f"No score under {protocol.name if protocol else ''} can be significant with "
        f"{who(len(e.data.people))}: their "
        f"labels can be dealt in {m.null.n_relabelings} ways only, so that even a perfect score "
        f"has p = {m.null.smallest_p:.3g}, above {LEVEL:g}."
    )


def _leaky_scores(e: Evaluation) -> str:
    leaky = [p for p in e.protocols if p.leaky and p.decoders]
    if not leaky:
        return ""
    if len(leaky) == len(e.protocols):
        return "Every protocol here let the answer in: no score on this page says anything."
    top = max(m.balanced_accuracy for p in leaky for m in p.decoders)
    names = ", ".join(p.name for p in leaky)
    return (
        f"The scores marked LEAKY ({names}; up to {share(top)}, chance {share(leaky[0].chance)}) "
        "are shown as a warning only: the answer was let in."
    )


def _nobody_new(e: Evaluation) -> str:
    if any(p.name in NEW_PERSON for p in e.protocols):
        return ""
    return "Nothing here says how well it works for a person it has not learned from."


def _found(e: Evaluation) -> str:
    names = [f.name for f in e.leaks if f.found and not about_leaky(e, f)]
    if not names:
        return ""
    return (
        f"Leak checks that found something: {', '.join(names)}. Scores may rest on that in part; "
        "what follows from each is told below."
    )


def about_leaky(e: Evaluation, f: Finding) -> bool:
    """Return whether a check was about a leaky protocol, where finding something is expected."""
    return f.name.rpartition(": ")[2] in {p.name for p in e.protocols if p.leaky}


def _no_null(e: Evaluation) -> str:
    protocol = primary(e)
    if protocol is None or protocol.leaky:
        return ""
    names = [m.name for m in candidates(protocol) if m.null.p is None]
    if not names:
        return ""
    return (
        f"What guessing gives was not computed for {', '.join(names)}: no statement about chance "
        "is possible for these scores."
    )


def _wrong(e: Evaluation) -> str:
    protocol = primary(e)
    top = best(protocol) if protocol else None
    if protocol is None or protocol.leaky or top is None:
        return ""
    wrong = 100 - right_in_a_hundred(top.balanced_accuracy)
    return f"A single answer is weak evidence: about {wrong} of 100 are wrong." if wrong else ""


def null_words(null: Null) -> str:
    """Return what a null is, in a few words."""
    if null.kind == "not run":
        return f"not run: {null.why}" if null.why else "not run"
    drawn = "all" if null.complete else f"{null.n_drawn} drawn at random"
    return f"{null.kind}, {drawn}" + (f"; {null.why}" if null.why else "")


def how(p: ProtocolResult) -> tuple[str, ...]:
    """Return one protocol's line in the table of how it was done."""
    drawn = [m.null for m in p.decoders if m.null.kind != "not run"]
    null = drawn[0] if drawn else (p.decoders[0].null if p.decoders else None)
    return (
        f"{p.name} (LEAKY)" if p.leaky else p.name,
        p.what,
        str(p.n_folds),
        f"{p.purge_s:g} s",
        str(p.n_people),
        str(p.n_units),
        big(null.n_relabelings) if null else NONE,
        f"{null.smallest_p:.3g}" if null else NONE,
        null_words(null) if null else NONE,
    )


def big(digits: str) -> str:
    """Return a whole number so that it can be read: long ones as a power of ten."""
    if not digits.isdigit():
        return digits or NONE
    if len(digits) <= 7:
        return f"{int(digits):,}".replace(",", "\u202f")
    return f"{digits[0]}.{digits[1]} · 10^{len(digits) - 1}"


def provenance(e: Evaluation) -> list[tuple[str, str]]:
    """Return seeds, versions and hashes, a line each."""
    return [
        ("data (SHA-256)", e.data.sha256),
        ("exchangeable unit", e.data.exchangeable_unit),
        ("seed", str(e.seed)),
        ("nulls", e.nulls),
        ("format of evaluation.json", str(e.schema)),
        *sorted(e.versions.items()),
    ]

"""All leak detectors on a gathered data set, as `Finding`s.

What the EEG says is asked of the table (drift, files, canary), what a file is of its facts
(filters, copies), what the protocol does of its splits, what else explains a score of the controls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from decoder.leaks.canary import canary, honest_score
from decoder.leaks.confounds import MEANINGS, Rivalry, confound
from decoder.leaks.drift import drift
from decoder.leaks.duplicates import Pair, Trace, duplicates, pairs_of
from decoder.leaks.filters import Spectrum, filters
from decoder.leaks.found import Found
from decoder.leaks.identity import file_identity
from decoder.leaks.overlap import NAME as OVERLAP
from decoder.leaks.overlap import overlap
from decoder.methods.catalog import of
from decoder.methods.method import Method
from decoder.scoring.held_out import seed_of
from decoder.scoring.intervals import over_people
from decoder.scoring.protocols import PROTOCOLS, protocol
from decoder.scoring.splits import Rules, purge_of
from decoder.table import Table

from .data.assemble import Gathered
from .data.facts import RecordingFacts
from .result import Finding, MethodResult, ProtocolResult

CANARY = "lda"
"""What the canary is answered with: fitted in milliseconds, and as good as any on what leaks."""
N_CANARIES = 8

Told = Callable[[float, str], None]
"""Share done, what comes next."""


def silent(_share: float, _what: str) -> None:
    """Show nothing."""


def findings(
    data: Gathered,
    rules: Rules,
    protocols: Sequence[str],
    primary: ProtocolResult | None,
    seed: int,
    *,
    n_canaries: int = N_CANARIES,
    progress: Told = silent,
) -> tuple[Finding, ...]:
    """Return what every detector found.

    Parameters
    ----------
    data : Gathered
        The data set.
    rules : Rules
        What the protocols are told.
    protocols : sequence of str
        Protocols that are run, leaky ones too; their splits are looked at.
    primary : ProtocolResult or None
        Scores of candidates and controls on which the verdict rests; None: not run, so that no
        control can be held against a candidate.
    seed : int
        Of the evaluation; each detector's own follows from it and the detector's name.
    n_canaries : int
        Draws of noise.
    progress : callable
        Called before each detector.

    Returns
    -------
    tuple of Finding
        canary, time index, early against late, file identity, nearness to rest, motor, audible
        clip, filter settings, near-duplicates, overlap of every protocol.
    """
    jobs = _Detectors(data, rules, primary, seed, n_canaries).jobs(protocols)
    found = []
    for i, (name, job) in enumerate(jobs):
        progress(i / len(jobs), name)
        found.append(finding(job()))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class _Detectors:
    """Every detector, ready to be asked."""

    data: Gathered
    rules: Rules
    primary: ProtocolResult | None
    seed: int
    n_canaries: int

    def jobs(self, protocols: Sequence[str]) -> list[tuple[str, Callable[[], Found]]]:
        """Return name and call of every detector."""
        return [
            ("canary", self.noise),
            ("time index", partial(self.control, "time index")),
            ("early against late", partial(self.contrast, drift)),
            ("file identity", partial(self.contrast, file_identity)),
            ("nearness to rest", partial(self.control, "nearness to rest")),
            ("motor", partial(self.control, "motor")),
            ("audible clip", partial(self.control, "audible clip")),
            ("filter settings", self.filtered),
            ("near-duplicates", self.same),
            *((f"overlap: {name}", partial(self.sides, name)) for name in protocols),
        ]

    def noise(self) -> Found:
        first = protocol(self.data.primary)
        score = honest_score(first, self.rules, of(CANARY))
        own = seed_of(self.seed, "leaks", "canary")
        return canary(self.data.table, first, self.rules, score, own, n_seeds=self.n_canaries)

    def contrast(self, detector: Callable[[Table, float, np.random.Generator], Found]) -> Found:
        rng = np.random.default_rng(seed_of(self.seed, "leaks", detector.__name__))
        return detector(self.data.table, purge_of(self.data.table, self.rules), rng)

    def control(self, name: str) -> Found:
        return confound(rivalry(name, of(name), self.data, self.primary))

    def filtered(self) -> Found:
        return filters([spectrum_of(facts) for facts in self.data.facts])

    @cached_property
    def traces(self) -> list[Trace]:
        return [trace_of(facts) for facts in self.data.facts]

    @cached_property
    def copies(self) -> tuple[list[Pair], int]:
        return pairs_of(self.traces)

    def same(self) -> Found:
        return duplicates(self.traces, *self.copies)

    def sides(self, name: str) -> Found:
        splits = protocol(name).make(self.data.table, self.rules)
        copies = [(pair.first, pair.second) for pair in self.copies[0]]
        return overlap(self.data.table, name, splits, copies)


def warnings(found: Sequence[Finding]) -> tuple[str, ...]:
    """Return two sentences for everything that was found in honest protocols: what, and so what."""
    leaky = {f"{OVERLAP}: {one.name}" for one in PROTOCOLS if one.leaky}
    return tuple(
        f"{one.what} {one.meaning}" for one in found if one.found and one.name not in leaky
    )


def finding(found: Found) -> Finding:
    """Return a detector's answer as it is stored."""
    return Finding(**found._asdict())


def trace_of(facts: RecordingFacts) -> Trace:
    """Return what copies are looked for in."""
    return Trace(
        facts.name, facts.person, facts.sha256, facts.channels, facts.trace, facts.trace_rate
    )


def spectrum_of(facts: RecordingFacts) -> Spectrum:
    """Return what filters are seen in."""
    declared = ", ".join(f"{name} {value}" for name, value in sorted(facts.filters.items()))
    return Spectrum(facts.name, facts.person, facts.state, facts.frequencies, facts.power, declared)


def rivalry(name: str, method: Method, data: Gathered, primary: ProtocolResult | None) -> Rivalry:
    """Return a control beside the best candidate.

    Parameters
    ----------
    name : str
        One of `MEANINGS`.
    method : Method
        The control: why it cannot be fitted, where it was not.
    data : Gathered
        The data set.
    primary : ProtocolResult or None
        All scores.
    """
    if name not in MEANINGS:
        raise ValueError(name)
    if primary is None:
        return Rivalry(data.primary, name, 0.5, why_not=f"No protocol was run, {name} neither.")
    by_name = {one.name: one for one in primary.decoders}
    candidates = [one for one in primary.decoders if one.kind == "candidate"]
    if name not in by_name:
        return Rivalry(primary.name, name, primary.chance, why_not=method.why_not(data.table))
    own = by_name[name]
    alone = Rivalry(primary.name, name, primary.chance, own.balanced_accuracy, own.null.null_95)
    if not candidates:
        return alone
    best = max(candidates, key=lambda one: one.balanced_accuracy)
    difference, error = _difference(best, own)
    return alone._replace(
        candidate=best.name,
        best=best.balanced_accuracy,
        difference=difference,
        standard_error=error,
    )


def _difference(best: MethodResult, control: MethodResult) -> tuple[float, float | None]:
    """Return candidate less control and its standard error, paired by person.

    One person has no spread over people: then the candidate's own error over units stands for it.
    """
    own = {one.person: one.balanced_accuracy for one in control.people}
    pairs = [one.balanced_accuracy - own[one.person] for one in best.people if one.person in own]
    if len(pairs) < 2:
        return best.balanced_accuracy - control.balanced_accuracy, best.standard_error
    found = over_people(np.array(pairs))
    return found.mean, found.standard_error

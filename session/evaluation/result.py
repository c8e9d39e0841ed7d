"""What an evaluation found, as it is written to `evaluation.json`.

Every number in here follows from the predictions and null scores that are stored beside it
(`predictions/`, `nulls/`) and from the folds named here; nothing is rounded. How long it took is
not said: a run that was killed and resumed ends with the same bytes as one that was not.
"""

from __future__ import annotations

from typing import Literal

import msgspec

SCHEMA = 1


class PersonScore(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One person's score in one protocol."""

    person: str
    balanced_accuracy: float
    macro_f1: float
    kappa: float
    null_95: float | None
    """95 % of this person's null scores lie at or below; null where none was drawn."""
    n_rows: int
    n_units: int
    """Exchangeable units among the scored rows."""


class Null(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What scores are worth nothing."""

    kind: Literal["permuted units", "pseudosessions", "circular shift", "not run"]
    why: str
    """Why it was not run, or what has to be known of it; empty otherwise."""
    n_drawn: int
    complete: bool
    """Whether every relabeling was tried, so that p is exact."""
    n_relabelings: str
    """How many different relabelings there are, as a whole number in decimal digits."""
    smallest_p: float
    """Smallest p that so many allow."""
    null_95: float | None
    """95 % of the null's mean scores over people lie at or below."""
    p: float | None


class Curve(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Points of a curve."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    n: tuple[int, ...]
    """Rows behind each point."""


class Timing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How answers behave in time."""

    flips_per_minute: float | None
    seconds_to_right: tuple[float, ...]
    """For every change of the true state: seconds until the first right answer that lasts a
    receptive field; infinite where none came before the next change (stored as -1)."""


class MethodResult(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One candidate or control in one protocol."""

    name: str
    kind: Literal["candidate", "control"]
    what: str
    balanced_accuracy: float
    """Mean over people."""
    interval: tuple[float, float] | None
    """95 %, over people; null with fewer than three."""
    standard_error: float | None
    """Over people; over units where there is one person."""
    macro_f1: float
    kappa: float
    weighted_f1: float
    brier: float
    ece: float
    null: Null
    people: tuple[PersonScore, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Rows true, columns answered; counts of rows."""
    calibration: Curve
    """x: mean confidence of a bin, y: share right, n: rows."""
    abstention: Curve
    """x: share of rows answered, y: balanced accuracy of those, n: rows; a point per threshold."""
    timing: Timing
    audible: float | None
    """Balanced accuracy within what was audible, averaged over clips; null without clips."""
    predictions: str
    """File with the predictions, relative to `evaluation.json`."""
    nulls: str
    """File with the null scores; empty where none were drawn."""


class Chosen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often a candidate was chosen."""

    name: str
    n_folds: int


class Beside(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is quoted beside one candidate alone."""

    name: str
    difference: float
    """By how much what is quoted is better, in balanced accuracy: mean over people, each with the
    own difference; over units where there is one person."""
    standard_error: float | None
    """Of that mean."""


class Nested(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The score to quote: every fold's candidate chosen by what the fold learns from alone."""

    balanced_accuracy: float
    """Mean over people."""
    interval: tuple[float, float] | None
    """95 %, over people; null with fewer than three."""
    standard_error: float | None
    people: tuple[tuple[str, float], ...]
    """Name and balanced accuracy of everybody."""
    chosen: tuple[Chosen, ...]
    default: str
    """Chosen unless another is better by more than one standard error."""
    beside: tuple[Beside, ...]
    """Every candidate alone, the default first."""
    predictions: str
    """File with the predictions, relative to `evaluation.json`."""


class ProtocolResult(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All methods under one protocol."""

    name: str
    what: str
    """One sentence: what is learned from, what is scored."""
    leaky: bool
    """Whether the protocol lets the answer in, so that its score says nothing (LEAKY)."""
    primary: bool
    """Whether the verdict rests on it."""
    purge_s: float
    n_folds: int
    n_people: int
    n_units: int
    chance: float
    majority: float
    """Weighted F1 of always answering the commonest state."""
    stratified: float
    """Weighted F1 of guessing with the states' own shares."""
    decoders: tuple[MethodResult, ...]
    nested: Nested | None
    """Null where the verdict does not rest on this protocol, or there is one candidate."""
    verdict: str
    """`follows`, `unclear`, `guessing`, `confounded by …`; for a leaky protocol `LEAKY`."""
    why: str


class Finding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one leak detector found."""

    name: str
    found: bool | None
    """None where it could not be looked for."""
    score: float | None
    critical: float | None
    what: str
    """What was measured, with both numbers, one sentence."""
    meaning: str
    """What follows from it for who reads the scores, one sentence."""
    details: tuple[str, ...] = ()


class Latent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Held-out embeddings of one fold, for the picture."""

    method: str
    protocol: str
    points: tuple[tuple[float, float, float], ...]
    states: tuple[int, ...]


class DataFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was evaluated."""

    name: str
    sha256: str
    """Of every file's content and of what the data set's TOML says about them."""
    people: tuple[str, ...]
    states: tuple[str, ...]
    n_recordings: int
    n_rows: int
    n_usable: int
    seconds: float
    """Signal behind the usable rows."""
    simulated: bool
    exchangeable_unit: str


class Evaluation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it."""

    schema: int
    verdict: str
    """Of the primary protocol."""
    why: str
    """The verdict in plain language."""
    data: DataFacts
    protocols: tuple[ProtocolResult, ...]
    leaks: tuple[Finding, ...]
    warnings: tuple[str, ...]
    latent: Latent | None
    seed: int
    nulls: Literal["fast", "full"]
    versions: dict[str, str]

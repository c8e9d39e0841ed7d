"""A simulated cohort with known truth, drawn as rows (pure). SIMULATED: no finding about people.

Whether an interval and a verdict keep their word can be seen only where the truth is known, and
only over hundreds of cohorts: too many to make sample by sample. So the rows are drawn themselves,
with the statistics of the simulated person's (`cohort_rows`). `cohort_files` writes the samples of
one such cohort.

A person rests for 30 s, then one state follows another in episodes of 12–20 s. The order of the
states is dealt at random, every order being equally likely, so that the episodes are exchangeable
by design. People differ in level and spread of every feature, in how strongly states show, and, but
for the part that is common to all, in where.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from decoder.embedding import FIELD
from decoder.table import Table
from rym.errors import UsageError
from rym.messages import AFFECTS
from stream.simulated.head import SCALP
from stream.simulated.simulator import STATE_SECONDS

from .rows import (
    HOP,
    HOP_S,
    N_BANDS,
    N_CHANNELS,
    N_FEATURES,
    N_TIMES,
    RATE,
    ROW_BANDS,
    common_signature,
    gain,
    hands,
    leakage,
    noise,
    own_signature,
    response,
    whitened,
)

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Size = Annotated[float, Meta(ge=0.0, le=5.0)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]

N_STATES = len(AFFECTS)
LEVEL, SCALE = 0.5, 0.15
"""By how much people differ in a feature's level (nepers) and in the logarithm of its spread."""
REST_S = 30.0
MARGIN_S = 1.0
FOLLOW_S = 2.0
"""Seconds after a change of the keys at which another clip is heard, in feedback."""


class Cohort(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is true of a cohort."""

    people: Annotated[int, Meta(ge=1, le=999)] = 12
    visits: Annotated[int, Meta(ge=1, le=20)] = 1
    """Recordings of each person."""
    episodes: Annotated[int, Meta(ge=6)] = 12
    """Of each visit, as many of every state; a multiple of three."""
    strength: Size = 0.0
    """How strongly a state shows, 0 not at all; 1 as `[source] strength = 1`. See
    `ideal_accuracy`."""
    shared: Share = 0.5
    """Share of the state's trace (of its squared size) that is the same in everybody."""
    varies: Annotated[float, Meta(ge=0.0, lt=1.0)] = 0.5
    """A person's own strength lies anywhere between (1 − varies) and (1 + varies) times it."""
    motor: Size = 0.0
    """Trace of the hand that holds the key, 1 as in the simulated person: left for positive, right
    for the others."""
    auditory: Size = 0.0
    """The brain's response to what is heard, which follows the keys; 1: as large as a state's."""
    leak: Size = 0.0
    """How much of the headphones' signal reaches the electrodes, most near the ears."""
    drift: Size = 0.3
    """Standard deviation of the drift over minutes beside that of a row."""

    def __post_init__(self) -> None:
        """Refuse episodes that cannot be dealt evenly."""
        if self.episodes % N_STATES:
            raise ValueError(f"episodes is {self.episodes}, no multiple of {N_STATES}.")

    @property
    def heard(self) -> bool:
        """Whether there is sound, which then follows the keys."""
        return self.auditory > 0 or self.leak > 0


def cohort_of(**values: Any) -> Cohort:
    """Return a cohort of checked values.

    Raises
    ------
    UsageError
        If one of them cannot be.
    """
    try:
        return msgspec.convert(values, Cohort)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"There is no such cohort: {str(error).rstrip('.')}.", "Give other values."
        ) from None


class Person(NamedTuple):
    """What is true of one person."""

    strength: float
    felt: Array
    """What every state adds to a row, shape (3, 95), in nepers."""
    held: Array
    """What the hand adds that holds the key of each state, shape (3, 95)."""
    heard: Array
    """What every audible affect adds, shape (3, 95)."""
    level: Array
    """Of every feature, shape (95,)."""
    scale: Array


def person(cohort: Cohort, rng: np.random.Generator) -> Person:
    """Draw a person of a cohort.

    Parameters
    ----------
    cohort : Cohort
        What is true of all.
    rng : numpy.random.Generator
        Draws what is this person's own.
    """
    own = np.sqrt(1 - cohort.shared) * own_signature(rng)
    strength = cohort.strength * (1 + cohort.varies * float(rng.uniform(-1.0, 1.0)))
    pleasant = np.array([[-1.0], [0.0], [1.0]])
    left, right = hands()
    return Person(
        strength=strength,
        felt=strength * (np.sqrt(cohort.shared) * common_signature() + own),
        held=cohort.motor * np.array([right, right, left]),
        heard=pleasant * (cohort.auditory * response() + cohort.leak * leakage()),
        level=LEVEL * rng.standard_normal(N_FEATURES),
        scale=np.exp(SCALE * rng.standard_normal(N_FEATURES)),
    )


class Visit(NamedTuple):
    """What happens in one recording."""

    state: Ints
    """Of every episode."""
    seconds: Array
    """How long each lasts."""


def visit(cohort: Cohort, rng: np.random.Generator) -> Visit:
    """Draw the states of one recording and how long they last, in whole hops."""
    state = rng.permutation(np.arange(cohort.episodes) % N_STATES)
    hops = np.round(rng.uniform(*STATE_SECONDS, size=cohort.episodes) / HOP_S)
    return Visit(state, hops * HOP_S)


class Member(NamedTuple):
    """One person of a cohort, and what happens in each visit."""

    name: str
    person: Person
    visits: tuple[Visit, ...]
    noise: np.random.Generator
    """Draws everything else."""


def members(cohort: Cohort, seed: int) -> list[Member]:
    """Draw the people of a cohort and their episodes.

    Parameters
    ----------
    cohort : Cohort
        What is true.
    seed : int
        Everything that is drawn follows from it, each person by itself: a larger cohort of the same
        seed begins with the same people.
    """
    found = []
    for i, sequence in enumerate(np.random.SeedSequence(seed).spawn(cohort.people)):
        own, course, rest = (np.random.default_rng(child) for child in sequence.spawn(3))
        visits = tuple(visit(cohort, course) for _ in range(cohort.visits))
        found.append(Member(f"P{i + 1:02}", person(cohort, own), visits, rest))
    return found


def draw(cohort: Cohort, seed: int) -> Table:
    """Draw the rows of a cohort.

    Parameters
    ----------
    cohort : Cohort
        What is true.
    seed : int
        See `members`.

    Returns
    -------
    Table
        Windows of 1 s every 0.25 s, 19 channels, five bands; no covariances. An episode is a unit.
    """
    parts: list[dict[str, Any]] = []
    people = members(cohort, seed)
    for number, member in enumerate(people):
        for what in member.visits:
            columns = _recording(cohort, member, what)
            parts.append(_numbered(columns, cohort, number, len(parts)))
    return _joined(cohort, people, parts)


_COLUMNS = (
    *("features", "label", "person", "session", "recording", "unit", "stimulus", "audible"),
    *("first", "t", "run", "usable", "baseline", "muscle", "motor"),
)


def _joined(cohort: Cohort, everybody: list[Member], parts: list[dict[str, Any]]) -> Table:
    columns: dict[str, Any] = {
        name: np.concatenate([part[name] for part in parts]) for name in _COLUMNS
    }
    people = tuple(member.name for member in everybody)
    visits = tuple(f"{one} visit {i + 1}" for one in people for i in range(cohort.visits))
    return Table(
        **columns,
        states=AFFECTS,
        people=people,
        sessions=visits,
        recordings=visits,
        channels=SCALP,
        bands=ROW_BANDS,
        rate=RATE,
        n_times=N_TIMES,
        hop=HOP,
    )


def _numbered(columns: dict[str, Any], cohort: Cohort, who: int, number: int) -> dict[str, Any]:
    """Add whose rows these are and which recording's; units are numbered over all."""
    n, unit = len(columns["label"]), columns["unit"]
    same = {"person": who, "session": number, "recording": number, "run": number, "stimulus": -1}
    return {
        **columns,
        **{name: np.full(n, value) for name, value in same.items()},
        "unit": np.where(unit >= 0, number * cohort.episodes + unit, -1),
    }


def _recording(cohort: Cohort, member: Member, what: Visit) -> dict[str, Any]:
    """Return the columns of one recording's rows.

    A row bears the state in which its newest sample lies. What its older samples saw of the state
    before is not drawn: such rows are never learned from.
    """
    rest = round((REST_S - N_TIMES / RATE) / HOP_S)  # rows that end before the first episode
    n_rows = np.round(what.seconds / HOP_S).astype(np.int64)
    episode = np.concatenate([np.full(rest, -1), np.repeat(np.arange(len(n_rows)), n_rows)])
    label = np.concatenate([what.state, [-1]])[episode]
    n, place = len(label), np.arange(len(label))
    audible = _audible(label) if cohort.heard else np.full(n, -1)
    one, rows = member.person, noise(n, cohort.drift, member.noise)
    rows += _of(one.felt, label) + _of(one.held, label) + _of(one.heard, audible)
    features = one.level + one.scale * rows
    start = np.searchsorted(episode, episode)  # episodes are in order of time
    after = np.searchsorted(episode, episode, side="right") - 1 - place
    field = N_TIMES // HOP + FIELD - 1 + round(MARGIN_S / HOP_S)
    usable = (label >= 0) & (place - start >= field) & (after >= round(MARGIN_S / HOP_S))
    return {
        "features": features,
        "label": label,
        "unit": episode,
        "audible": audible,
        "first": place * HOP,
        "t": (place * HOP + N_TIMES) / RATE,
        "usable": usable,
        "baseline": label < 0,
        **_of_controls(features),
    }


def _of(shift: Array, column: Ints) -> Array:
    """Return what each row's value adds; −1 adds nothing."""
    return np.concatenate([shift, np.zeros((1, shift.shape[1]))])[column]


def _audible(label: Ints) -> Ints:
    """Return what is heard: what the keys said a little earlier, neutral before."""
    late, neutral = round(FOLLOW_S / HOP_S), AFFECTS.index("neutral")
    held = np.where(label < 0, neutral, label)
    return np.concatenate([np.full(late, neutral), held])[: len(label)]


def _of_controls(features: Array) -> dict[str, Array]:
    """Return the power in the controls' bands, as the bands of a row give it.

    8–30 Hz is α and β exactly. Of 20–45 Hz the lower part is taken to be as dense as β.
    """
    power = np.exp(features.reshape(-1, N_CHANNELS, N_BANDS))
    width = np.array([band.high - band.low for band in ROW_BANDS])
    alpha, beta, gamma = (power[:, :, i] for i in (2, 3, 4))
    motor = (width[2] * alpha + width[3] * beta) / (width[2] + width[3])
    muscle = (10.0 * beta + width[4] * gamma) / (10.0 + width[4])
    return {"motor": np.log(motor), "muscle": np.log(muscle)}


def ideal_accuracy(cohort: Cohort, *, n_rows: int = FIELD) -> float:
    """Return how often the ideal observer is right about the state of one usable row.

    It knows the model and every number of the person, but the noise; it sees the rows of one field
    and takes three equally likely states. Hands and sound are left out. By integration, exact to
    1e-3: what is right is where a state's own density is the largest of the three,
    P = ⅓ ∫ max p(x | s) dx over the plane in which the states lie.

    Parameters
    ----------
    cohort : Cohort
        Its strength, drift, and how much people vary; the mean over people is returned.
    n_rows : int
        1 or the whole field: one row, or all ten.
    """
    worth = gain(cohort.drift) if n_rows == FIELD else 1.0 / (1.0 + cohort.drift**2)
    nodes, weights = np.polynomial.legendre.leggauss(7)
    sizes = cohort.strength * (1 + cohort.varies * nodes) * np.sqrt(worth)
    return float(sum(0.5 * w * _right(s) for s, w in zip(sizes, weights, strict=True)))


def _right(size: float) -> float:
    means = size * _plane()
    reach = float(np.abs(means).max()) + 5.0
    axis, step = np.linspace(-reach, reach, 301, retstep=True)
    x, y = np.meshgrid(axis, axis)
    nearest = np.min([(x - mx) ** 2 + (y - my) ** 2 for mx, my in means], axis=0)
    return float(np.exp(-nearest / 2).sum() * step**2 / (2 * np.pi) / N_STATES)


@lru_cache(maxsize=1)
def _plane() -> Array:
    """Return where the states lie at strength 1 where the noise is a unit circle, shape (3, 2)."""
    u, s, _ = np.linalg.svd(whitened(common_signature()), full_matrices=False)
    out: Array = u[:, :2] * s[:2]
    return out


def strength_for(accuracy: float, cohort: Cohort | None = None) -> float:
    """Return the strength at which the ideal observer has a given accuracy.

    Parameters
    ----------
    accuracy : float
        Above a third, below 0.999.
    cohort : Cohort or None
        Drift and how much people vary; None: those by default.

    Raises
    ------
    UsageError
        If no strength up to 5 gives it.
    """
    cohort = cohort or Cohort()
    low, high = 0.0, 5.0
    if not 1 / N_STATES < accuracy < _at(cohort, high):
        raise UsageError(
            f"No strength gives the ideal observer {accuracy:g} of {N_STATES} states.",
            f"Ask for more than {1 / N_STATES:.3f} and less than {_at(cohort, high):.3f}.",
        )
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if _at(cohort, middle) < accuracy else (low, middle)
    return low


def _at(cohort: Cohort, strength: float) -> float:
    return ideal_accuracy(msgspec.structs.replace(cohort, strength=strength))

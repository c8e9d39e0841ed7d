"""From a calibration to a model with an honest verdict.

Every fold fits everything anew on its training part: network, memory, linear decisions, and the
z-score unless it comes from a rest that precedes all. Temperature and gate are fitted on
out-of-fold answers. The quoted score is that of the procedure *including* the choice of candidate,
see `choice.nested`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from rym.messages import AFFECTS

from . import doubts, scoring
from .choice import Choice, choose, nested
from .embedding import FIELD
from .features import Standardizer
from .fitting import LEAST_ROWS, Answers, Fitted, Task, fit_one, possible, task_of, versions
from .gate import CLOSED, fit_temperature, smooth, soften
from .manifest import SCHEMA, CandidateScore, Manifest
from .memory.drift import Measure, novelty_threshold
from .model import Model, build
from .pacing import Line, pace_for
from .rows import Rows, clean_of
from .scoring.held_out import seed_of
from .scoring.metrics import balanced_right, right_of
from .settings import HYSTERESIS, SMOOTHING, Candidate, DecoderSettings

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Progress = Callable[[float, str], None]


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """What a fit found out."""

    verdict: scoring.Verdict
    why: str
    chosen: Candidate | str
    choice: str
    """One sentence with the numbers behind the choice."""
    score: float
    """Balanced accuracy of held-out rows, choice of candidate included."""
    critical: float | None
    chance: tuple[float, float]
    """Shares between which 95 % of guesses lie, counted in episodes."""
    n_episodes: int
    n_rows: int
    """Rows learned from."""
    candidates: dict[str, CandidateScore]
    """Every candidate alone, on the same held-out rows."""
    controls: dict[str, CandidateScore]
    """What could pass for a decoder without being one, likewise; see `doubts`."""
    doubt: str
    """One sentence where a control did as well as what was chosen; empty otherwise."""


def _quiet(share: float, what: str) -> None:
    """Tell nobody about progress."""


class _Counted:
    """Tells the share of fits that are done."""

    def __init__(self, progress: Progress, n_all: int) -> None:
        self._progress, self._n_all, self._n = progress, n_all, 0

    def __call__(self, what: str) -> None:
        self._n += 1
        self._progress(min(1.0, self._n / self._n_all), what)


def fit(
    calibration: Rows,
    settings: DecoderSettings,
    seed: int,
    progress: Progress = _quiet,
) -> tuple[Model, Scores]:
    """Learn a model from a calibration and judge it on held-out episodes.

    Labels of one state only, or too few rows, are an outcome, not an error: the model says
    `guessing`, why, and answers nothing, so that the music stays neutral.

    Parameters
    ----------
    calibration : Rows
        See `rows.rows_from`, and `visits.joined` for several.
    settings : DecoderSettings
        What to fit and how.
    seed : int
        0 or more; the same seed gives the same model on one machine.
    progress : callable
        Called with the share done (0…1) and what was done.

    Returns
    -------
    model : Model
    scores : Scores

    Raises
    ------
    UsageError
        If CEBRA is asked for and torch is missing, or a candidate cannot be fitted to these rows.
    """
    task = task_of(calibration, settings)
    if len(np.unique(task.label)) < 2:
        progress(1.0, "nothing to learn")
        return _nothing(task)
    names = possible(calibration, settings.training.candidate)
    folds = folds_of(task)
    n_fits = len(folds) + (len(folds) * (len(folds) - 1) // 2 if len(names) > 1 else 0)
    done = _Counted(progress, len(names) * n_fits + 1)
    heard = {name: held_out(task, name, folds, seed, done) for name in names}
    held: dict[Candidate, Array] = {name: one.p for name, one in heard.items()}
    everything = np.ones(len(task.newest), dtype=bool)
    choice = choose(held, task.label, task.episode)
    quoted = nested(held, folds, task.label, task.episode, fit=_refit(task, seed, done))
    fitted = fit_one(task, choice.candidate, everything, seed_of(seed, "all"))
    found = _found(task, choice, held, quoted, heard[choice.candidate])
    found = _doubted(task, folds, quoted, found)
    progress(1.0, f"{choice.candidate}: all episodes")
    return _built(task, seed, found, fitted), _scores(task, found)


def folds_of(task: Task) -> list[scoring.Fold]:
    """Return what is held out together: neighbouring episodes of one visit."""
    t_last = task.rows.t_last[task.newest]
    n_folds = task.settings.training.folds
    return scoring.folds_of(
        task.label, task.episode, t_last, n_folds, _purge(task), visit=task.visit
    )


def _purge(task: Task) -> float:
    """Return the seconds kept free around a held-out block: window, field and smoothing."""
    return _field_seconds(task.rows) + task.settings.longest_smoothing


def _field_seconds(rows: Rows) -> float:
    """Return the seconds of signal that one answer rests on."""
    n_hops = (FIELD - 1) * (2 if rows.touched.any() else 1)  # a stand-in reaches back as far again
    return (rows.n_times + n_hops * rows.hop) / rows.rate


class HeldOut(NamedTuple):
    """What one candidate's fits say of rows that they had not seen."""

    p: Array
    """Of the usable rows, shape (n_usable, 3); NaN where a row was in no fold's test."""
    asked: Ints
    """All rows that were answered, in order: the seconds around a change, too, shape (n_asked,)."""
    answers: Answers
    """Of these."""
    level: Array
    """Of these, shape (n_asked,)."""


def held_out(
    task: Task,
    candidate: Candidate,
    folds: list[scoring.Fold],
    seed: int,
    done: Callable[[str], None],
) -> HeldOut:
    """Return what is said of every row by the fold that held it out."""
    n = len(task.rows.label)
    p, distance, level = np.full((n, 3), np.nan), np.full(n, np.nan), np.full(n, np.nan)
    asked = np.zeros(n, dtype=bool)
    for i, fold in enumerate(folds, start=1):
        fitted = fit_one(task, candidate, fold.train, seed_of(seed, f"fold {i}"))
        own = _asked(task, fold)
        p[own], distance[own] = fitted.answers(own)
        level[own] = fitted.level[own]
        asked[own] = True
        done(f"{candidate}: held-out part {i} of {len(folds)}")
    rows = np.flatnonzero(asked)
    return HeldOut(p[task.newest], rows, Answers(p[rows], distance[rows]), level[rows])


def _asked(task: Task, fold: scoring.Fold) -> Ints:
    """Return the rows that a fold answers for: those it holds out, and those around them.

    A row is around if a row that is held out is the nearest usable one, less than a field away, and
    if it shares no sample with a row that is learned from.
    """
    rows, newest = task.rows, task.newest
    around = _answerable(rows, task.settings.features.clean_rows)
    t, usable = rows.t_last, rows.t_last[newest]
    after = np.clip(np.searchsorted(newest, around), 0, len(newest) - 1)
    before = np.maximum(after - 1, 0)
    nearer = np.abs(usable[before] - t[around]) <= np.abs(usable[after] - t[around])
    nearest = np.where(nearer, before, after)
    seconds = _field_seconds(rows)
    kept = fold.test[nearest] & (np.abs(usable[nearest] - t[around]) < seconds)
    learned = np.concatenate([[-np.inf], usable[fold.train], [np.inf]])
    place = np.searchsorted(learned, t[around])
    gap = np.minimum(t[around] - learned[place - 1], learned[place] - t[around])
    kept &= (gap >= seconds) & (rows.label[around] >= 0)
    out: Ints = np.union1d(around[kept], newest[fold.test])
    return out


def _answerable(rows: Rows, least: int) -> Ints:
    """Return the rows that live would answer: ten that follow one another, enough of them clean."""
    whole = np.zeros(len(rows.run), dtype=bool)
    whole[FIELD - 1 :] = rows.run[FIELD - 1 :] == rows.run[: len(rows.run) - FIELD + 1]
    return np.flatnonzero(whole & (clean_of(rows.touched) >= least))


def _refit(
    task: Task, seed: int, done: Callable[[str], None]
) -> Callable[[Candidate, Bools, list[Bools]], list[Array]]:
    """Return what `choice.nested` asks for."""
    own = seed_of(seed, "choice")

    def fit(candidate: Candidate, train: Bools, tests: list[Bools]) -> list[Array]:
        fitted = fit_one(task, candidate, train, own)
        done(f"{candidate}: for the quoted score")
        return [fitted.answer(task.newest[test]) for test in tests]

    return fit


class _Found(NamedTuple):
    """What the held-out answers say."""

    chosen: Candidate | None
    choice: str
    judgement: scoring.Judgement
    candidates: dict[str, CandidateScore]
    gate: _Gate
    usual: dict[Measure, Array]
    novelty: float | None
    controls: Mapping[str, CandidateScore] = MappingProxyType({})
    doubt: str = ""


class _Gate(NamedTuple):
    """How probabilities become a state."""

    temperature: float = 1.0
    threshold: float = CLOSED
    smoothing: float = SMOOTHING
    hysteresis: float = HYSTERESIS


def _found(
    task: Task, choice: Choice, held: dict[Candidate, Array], quoted: Array, heard: HeldOut
) -> _Found:
    judgement = _judged(task, quoted)
    gate = _gate(task, heard)
    if judgement.verdict == "guessing":
        gate = gate._replace(threshold=CLOSED)
    candidates: dict[str, CandidateScore] = {name: _alone(task, p) for name, p in held.items()}
    usual = _usual(task, heard, gate)
    novelty = novelty_threshold(usual["distance"]) if len(usual["distance"]) else None
    return _Found(choice.candidate, choice.why, judgement, candidates, gate, usual, novelty)


def _alone(task: Task, p: Array) -> CandidateScore:
    one = _judged(task, p)
    return CandidateScore(
        balanced_accuracy=one.score, critical_value=one.critical, verdict=one.verdict
    )


def _doubted(task: Task, folds: list[scoring.Fold], quoted: Array, found: _Found) -> _Found:
    """Return the same with the controls, and what they make doubtful.

    Beside a score that chance gives, every control does as well, and it says nothing.
    """
    held = doubts.controls(task, folds)
    doubt = ""
    if found.judgement.verdict != "guessing":
        doubt = doubts.told(doubts.doubts(task, quoted, held), found.judgement.score)
    return found._replace(controls={k: _alone(task, p) for k, p in held.items()}, doubt=doubt)


def _usual(task: Task, heard: HeldOut, gate: _Gate) -> dict[Measure, Array]:
    """Return what is usual in rows that nothing was fitted to; see `memory.drift`.

    NaN for stand-ins, which live are not watched either: they say nothing new.
    """
    line, distance = _line(task, heard, gate.temperature), heard.answers.distance
    p = smooth(line.p, line.follows, line.hop, gate.smoothing)
    new = np.where(task.rows.touched[heard.asked], np.nan, 0.0)
    # Of another visit the level lies elsewhere, by gel or gain: today's is what is held against it.
    visits = task.rows.visits
    today = np.where(visits[heard.asked] == visits.max(), 0.0, np.nan)
    return {
        "distance": np.zeros(0) if np.isnan(distance).all() else distance + new,
        "level": heard.level + new + today,
        "balance": p[:, 2] - p[:, 0] + new,
    }


def _judged(task: Task, p: Array) -> scoring.Judgement:
    known = ~np.isnan(p[:, 0])
    right = np.zeros(len(p))  # what could not be held out counts as wrong
    right[known] = right_of(task.label[known], p[known])
    score = balanced_right(task.label, right)
    return scoring.judge(score, tuple(n for n in task.episodes if n))


def _gate(task: Task, heard: HeldOut) -> _Gate:
    """Return temperature, smoothing, hysteresis and threshold from out-of-fold probabilities."""
    settings, known = task.settings, ~np.isnan(heard.p[:, 0])
    forced = _Gate(
        smoothing=SMOOTHING if settings.smoothing is None else settings.smoothing,
        hysteresis=HYSTERESIS if settings.hysteresis is None else settings.hysteresis,
    )
    if not known.any():
        return forced
    temperature = fit_temperature(heard.p[known], task.label[known])
    pace = pace_for(_line(task, heard, temperature), settings)
    if pace is None:
        return forced._replace(temperature=temperature)
    return _Gate(temperature, pace.threshold, pace.smoothing, pace.hysteresis)


def _line(task: Task, heard: HeldOut, temperature: float) -> Line:
    """Return the out-of-fold answers in order of time."""
    rows, asked = task.rows, heard.asked
    follows = np.concatenate([[False], np.diff(asked) == 1])
    follows[1:] &= np.diff(rows.run[asked]) == 0
    return Line(
        p=soften(heard.answers.p, temperature),
        label=rows.label[asked],
        episode=rows.episode[asked],
        t=rows.t_last[asked],
        start=_starts(rows)[asked],
        follows=follows,
        clear=np.isin(asked, task.newest),
        hop=rows.hop / rows.rate,
    )


def _starts(rows: Rows) -> Array:
    """Return when the episode of each row began; NaN where no other went before it."""
    begin = np.concatenate([[True], np.diff(rows.episode) != 0])
    begin[1:] |= np.diff(rows.visits) != 0
    first = np.maximum.accumulate(np.where(begin, np.arange(len(begin)), 0))
    before = np.maximum(first - 1, 0)
    known = (first > 0) & (rows.label[before] >= 0) & (rows.visits[before] == rows.visits)
    out: Array = np.where(known, rows.t_last[first], np.nan)
    return out


def _built(task: Task, seed: int, found: _Found, fitted: Fitted) -> Model:
    parts = fitted.parts._asdict()
    return build(_manifest(task, seed, found), **parts, usual=found.usual)


def _manifest(task: Task, seed: int, found: _Found) -> Manifest:
    rows, settings, judgement = task.rows, task.settings, found.judgement
    return Manifest(
        schema=SCHEMA,
        kind=found.chosen or "none",
        channels=rows.channels,
        rate=rows.rate,
        n_times=rows.n_times,
        hop=rows.hop,
        bands=rows.bands,
        preset=settings.features.preset,
        conditioning=rows.conditioning,
        max_bad=settings.features.max_bad,
        stand_in=rows.stand_in,
        clean_rows=settings.features.clean_rows,
        clip=settings.features.clip,
        reaction_lag=settings.training.reaction_lag,
        states=tuple(AFFECTS[i] for i in np.unique(task.label)),
        temperature=found.gate.temperature,
        threshold=found.gate.threshold,
        smoothing=found.gate.smoothing,
        hysteresis=found.gate.hysteresis,
        novelty=found.novelty,
        verdict=judgement.verdict,
        why=judgement.why,
        choice=found.choice,
        score=judgement.score,
        critical=judgement.critical,
        episodes=task.episodes,
        rows=task.counts,
        scores=found.candidates,
        controls=dict(found.controls),
        doubt=found.doubt,
        visits=len(np.unique(rows.visits)),
        seed=seed,
        versions=versions(found.chosen),
        files={},
    )


def _scores(task: Task, found: _Found) -> Scores:
    judgement = found.judgement
    return Scores(
        verdict=judgement.verdict,
        why=judgement.why,
        chosen=found.chosen or "none",
        choice=found.choice,
        score=judgement.score,
        critical=judgement.critical,
        chance=scoring.chance_band(max(judgement.n_episodes, 1), max(judgement.n_states, 1)),
        n_episodes=judgement.n_episodes,
        n_rows=len(task.newest),
        candidates=found.candidates,
        controls=dict(found.controls),
        doubt=found.doubt,
    )


def _nothing(task: Task) -> tuple[Model, Scores]:
    """Return the model that answers nothing, and says why."""
    seen = [AFFECTS[i] for i in np.unique(task.rows.label[task.rows.label >= 0])]
    learnable = [AFFECTS[i] for i in np.unique(task.label)]
    why = (
        f"The keys name {len(seen)} state(s) ({', '.join(seen) or 'none'}), of which "
        f"{len(learnable)} have {LEAST_ROWS} usable rows or more; two are needed."
    )
    judgement = scoring.Judgement("guessing", why, 0.0, None, sum(task.episodes), len(learnable))
    found = _Found(
        None, "Nothing, since there is nothing to learn.", judgement, {}, _Gate(), {}, None
    )
    standardizer = Standardizer.fit(task.rows.features, task.settings.features.clip)
    return build(_manifest(task, 0, found), standardizer), _scores(task, found)

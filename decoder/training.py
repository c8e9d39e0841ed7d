"""From a calibration to a model with an honest verdict.

Every fold fits everything anew on its training part: network, memory, linear decisions, and the
z-score unless it comes from a rest that precedes all. Temperature and gate are fitted on
out-of-fold answers. The quoted score is that of the procedure *including* the choice of candidate,
see `choice.nested`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from rym.messages import AFFECTS

from . import scoring
from .choice import Choice, choose, nested
from .embedding import FIELD
from .features import Standardizer
from .fitting import LEAST_ROWS, Fitted, Task, fit_one, possible, task_of, versions
from .gate import CLOSED, fit_temperature, fit_threshold, smooth, soften
from .model import SCHEMA, CandidateScore, Manifest, Model, build
from .rows import Rows
from .scoring.held_out import seed_of
from .scoring.metrics import balanced_right, right_of
from .settings import Candidate, DecoderSettings

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
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
    held = {name: held_out(task, name, folds, seed, done) for name in names}
    everything = np.ones(len(task.newest), dtype=bool)
    choice = choose(held, task.label, task.episode)
    quoted = nested(held, folds, task.label, task.episode, fit=_refit(task, seed, done))
    fitted = fit_one(task, choice.candidate, everything, seed_of(seed, "all"))
    found = _found(task, choice, held, quoted)
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
    rows = task.rows
    n_hops = (FIELD - 1) * (2 if rows.touched.any() else 1)  # a stand-in reaches back as far again
    return (rows.n_times + n_hops * rows.hop) / rows.rate + task.settings.smoothing


def held_out(
    task: Task,
    candidate: Candidate,
    folds: list[scoring.Fold],
    seed: int,
    done: Callable[[str], None],
) -> Array:
    """Return out-of-fold probabilities of shape (n, 3); NaN where a row was in no fold's test."""
    p = np.full((len(task.newest), 3), np.nan)
    for i, fold in enumerate(folds, start=1):
        fitted = fit_one(task, candidate, fold.train, seed_of(seed, f"fold {i}"))
        p[fold.test] = fitted.answer(task.newest[fold.test])
        done(f"{candidate}: held-out part {i} of {len(folds)}")
    return p


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
    temperature: float
    threshold: float


def _found(task: Task, choice: Choice, held: dict[Candidate, Array], quoted: Array) -> _Found:
    judgement = _judged(task, quoted)
    temperature, threshold = _gate(task, held[choice.candidate])
    if judgement.verdict == "guessing":
        threshold = CLOSED  # out of so many thresholds one lets good answers through by chance
    alone = {name: _judged(task, p) for name, p in held.items()}
    candidates: dict[str, CandidateScore] = {
        name: CandidateScore(
            balanced_accuracy=one.score, critical_value=one.critical, verdict=one.verdict
        )
        for name, one in alone.items()
    }
    return _Found(choice.candidate, choice.why, judgement, candidates, temperature, threshold)


def _judged(task: Task, p: Array) -> scoring.Judgement:
    known = ~np.isnan(p[:, 0])
    right = np.zeros(len(p))  # what could not be held out counts as wrong
    right[known] = right_of(task.label[known], p[known])
    score = balanced_right(task.label, right)
    return scoring.judge(score, tuple(n for n in task.episodes if n))


def _gate(task: Task, p: Array) -> tuple[float, float]:
    """Return temperature and confidence threshold from out-of-fold probabilities."""
    known = ~np.isnan(p[:, 0])
    if not known.any():
        return 1.0, CLOSED
    p, label, newest = p[known], task.label[known], task.newest[known]
    temperature = fit_temperature(p, label)
    hop = task.rows.hop / task.rows.rate
    follows = np.concatenate([[False], np.diff(newest) == 1])
    follows[1:] &= np.diff(task.rows.run[newest]) == 0
    smoothed = smooth(soften(p, temperature), follows, hop, task.settings.smoothing)
    return temperature, fit_threshold(smoothed, label, task.settings.gate_target)


def _built(task: Task, seed: int, found: _Found, fitted: Fitted) -> Model:
    return build(_manifest(task, seed, found), **fitted.parts._asdict())


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
        temperature=found.temperature,
        threshold=found.threshold,
        verdict=judgement.verdict,
        why=judgement.why,
        choice=found.choice,
        score=judgement.score,
        critical=judgement.critical,
        episodes=task.episodes,
        rows=task.counts,
        scores=found.candidates,
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
    found = _Found(None, "Nothing, since there is nothing to learn.", judgement, {}, 1.0, CLOSED)
    standardizer = Standardizer.fit(task.rows.features, task.settings.features.clip)
    return build(_manifest(task, 0, found), standardizer), _scores(task, found)

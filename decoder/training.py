"""From a calibration to a model with an honest verdict.

Every fold fits everything anew on its training part: network, memory, LDA, and the z-score unless
it comes from a rest that precedes all. Temperature and gate are fitted on out-of-fold answers. The
quoted score is that of the procedure *including* the choice of candidate: in each fold the
candidate is the one that did better in the other folds.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from types import ModuleType
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from rym.errors import UsageError
from rym.messages import AFFECTS

from . import linear, scoring
from .embedding import FIELD, Network, fields_of
from .features import Standardizer
from .gate import CLOSED, fit_temperature, fit_threshold, smooth, soften
from .linear import Linear
from .model import SCHEMA, Manifest, Model, build
from .neighbors import Memory, memory_of
from .rows import Rows, stood_in, stretches
from .settings import Candidate, DecoderSettings

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Progress = Callable[[float, str], None]

LEAST_ROWS = 20
"""Rows of a state below which it cannot be learned."""
LEAST_BASELINE = 20
"""Rows of rest below which the z-score is measured on the rows learned from."""


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """What a fit found out."""

    verdict: scoring.Verdict
    why: str
    chosen: Candidate | str
    score: float
    """Balanced accuracy of held-out rows, choice of candidate included."""
    critical: float | None
    chance: tuple[float, float]
    """Shares between which 95 % of guesses lie, counted in episodes."""
    n_episodes: int
    n_rows: int
    """Rows learned from."""
    candidates: dict[str, float]
    """Balanced accuracy of every candidate on held-out rows."""


def _contrastive() -> ModuleType:
    """Import the one module that needs torch and cebra.

    Raises
    ------
    UsageError
        If either cannot be imported.
    """
    try:
        return import_module(".contrastive", __package__)
    except ImportError as error:
        raise UsageError(
            f"CEBRA cannot be imported: {error}.",
            'Install cebra and torch, or set candidate = "lda" in [decoder.training].',
        ) from error


def _quiet(share: float, what: str) -> None:
    """Tell nobody about progress."""


class _Fitted(NamedTuple):
    """One candidate fitted to some rows."""

    standardizer: Standardizer
    network: Network | None = None
    memory: Memory | None = None
    linear: Linear | None = None

    def answer(self, rows: Rows, newest: Ints) -> Array:
        """Return probabilities of shape (n, 3) for the rows `newest`."""
        fields = fields_of(stood_in(self.standardizer(rows.features), rows), newest)
        if self.linear is not None:
            return np.array([self.linear(field) for field in fields])
        assert self.network is not None
        assert self.memory is not None
        return np.array([self.memory.predict_proba(z) for z in self.network(fields)])


class _Task(NamedTuple):
    """A calibration reduced to what can be learned."""

    rows: Rows
    newest: Ints
    """Usable rows of states that have enough of them."""
    label: Ints
    episode: Ints
    stretch: Ints
    settings: DecoderSettings

    @property
    def episodes(self) -> tuple[int, int, int]:
        """Number of episodes of each state."""
        count = [len(np.unique(self.episode[self.label == state])) for state in range(3)]
        return count[0], count[1], count[2]

    @property
    def counts(self) -> tuple[int, int, int]:
        """Number of rows of each state."""
        count = np.bincount(self.label, minlength=3).tolist()
        return count[0], count[1], count[2]


def _task(rows: Rows, settings: DecoderSettings) -> _Task:
    newest = rows.newest
    counts = np.bincount(rows.label[newest], minlength=3)
    newest = newest[counts[rows.label[newest]] >= LEAST_ROWS]
    label, episode = rows.label[newest], rows.episode[newest]
    return _Task(rows, newest, label, episode, stretches(rows, newest), settings)


def _standardizer(task: _Task, of: Bools) -> Standardizer:
    """Return the z-score from rest, else from the ten rows of every row learned from."""
    rows, clip = task.rows, task.settings.features.clip
    if rows.baseline.sum() >= LEAST_BASELINE:
        return Standardizer.fit(rows.features[rows.baseline], clip)
    used = np.unique(task.newest[of][:, None] + np.arange(1 - FIELD, 1))
    return Standardizer.fit(rows.features[used[~rows.touched[used]]], clip)


def _fit_one(task: _Task, candidate: Candidate, of: Bools, seed: int) -> _Fitted:
    """Fit one candidate to the usable rows `of`."""
    standardizer = _standardizer(task, of)
    z = stood_in(standardizer(task.rows.features), task.rows)
    newest, label = task.newest[of], task.label[of]
    fields = fields_of(z, newest)
    if candidate == "lda":
        return _Fitted(standardizer, linear=linear.fit(fields, label))
    network = Network(_contrastive().fit(z, newest, label, task.settings.training, seed))
    memory = memory_of(network(fields), label, task.stretch[of])
    return _Fitted(standardizer, network=network, memory=memory)


def _held_out(
    task: _Task,
    candidate: Candidate,
    folds: list[scoring.Fold],
    seeds: list[int],
    done: Callable[[str], None],
) -> Array:
    """Return out-of-fold probabilities of shape (n, 3); NaN where a row was in no fold's test."""
    p = np.full((len(task.newest), 3), np.nan)
    for i, (fold, seed) in enumerate(zip(folds, seeds[: len(folds)], strict=True), start=1):
        fitted = _fit_one(task, candidate, fold.train, seed)
        p[fold.test] = fitted.answer(task.rows, task.newest[fold.test])
        done(f"{candidate}: held-out part {i} of {len(folds)}")
    return p


def _answers(p: Array) -> Ints:
    """Return the likeliest class of every row, −1 where there is no answer."""
    known = ~np.isnan(p[:, 0])
    return np.where(known, np.nan_to_num(p).argmax(axis=1), -1)


def _choose(task: _Task, held_out: dict[Candidate, Array], of: Bools) -> Candidate:
    """Return CEBRA + kNN unless LDA is better by more than one standard error over episodes."""
    if len(held_out) == 1:
        return next(iter(held_out))
    right = {name: _answers(p) == task.label for name, p in held_out.items()}
    episodes = np.unique(task.episode[of])
    gain = np.array(
        [
            right["lda"][of & (task.episode == e)].mean()
            - right["cebra-knn"][of & (task.episode == e)].mean()
            for e in episodes
        ]
    )
    if len(gain) < 2:
        return "cebra-knn"
    return "lda" if gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)) else "cebra-knn"


def _nested(task: _Task, held_out: dict[Candidate, Array], folds: list[scoring.Fold]) -> Array:
    """Return out-of-fold probabilities with the candidate of each fold chosen by the others."""
    p = np.full((len(task.newest), 3), np.nan)
    everything = np.zeros(len(task.newest), dtype=bool)
    for fold in folds:
        everything |= fold.test
    for fold in folds:
        p[fold.test] = held_out[_choose(task, held_out, everything & ~fold.test)][fold.test]
    return p


def _gate(task: _Task, p: Array) -> tuple[float, float]:
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
        See `rows.rows_from`.
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
        If CEBRA is asked for and cannot be imported.
    """
    task = _task(calibration, settings)
    present = np.unique(task.label)
    if len(present) < 2:
        progress(1.0, "nothing to learn")
        return _nothing(task)
    names: tuple[Candidate, ...] = ("cebra-knn", "lda")
    if settings.training.candidate != "auto":
        names = (settings.training.candidate,)
    folds = scoring.folds_of(
        task.label,
        task.episode,
        calibration.t_last[task.newest],
        settings.training.folds,
        _purge(task),
    )
    seeds = np.random.SeedSequence(seed).generate_state(len(folds) + 1).tolist()
    n_done, n_all = 0, len(names) * len(folds) + 1

    def done(what: str) -> None:
        nonlocal n_done
        n_done += 1
        progress(n_done / n_all, what)

    held_out = {name: _held_out(task, name, folds, seeds, done) for name in names}
    everything = np.ones(len(task.newest), dtype=bool)
    chosen = _choose(task, held_out, everything)
    fitted = _fit_one(task, chosen, everything, seeds[-1])
    done(f"{chosen}: all episodes")
    nested = _nested(task, held_out, folds)
    score = scoring.balanced_accuracy(task.label, _answers(nested))
    counted = tuple(n for n in task.episodes if n)
    judgement = scoring.judge(score, counted)
    candidates: dict[str, float] = {
        name: scoring.balanced_accuracy(task.label, _answers(p)) for name, p in held_out.items()
    }
    temperature, threshold = _gate(task, held_out[chosen])
    if judgement.verdict == "guessing":
        threshold = CLOSED  # out of so many thresholds one lets good answers through by chance
    facts = _facts(
        task,
        seed,
        kind=chosen,
        judgement=judgement,
        temperature=temperature,
        threshold=threshold,
        candidates=candidates,
    )
    model = build(
        facts,
        fitted.standardizer,
        network=fitted.network,
        memory=fitted.memory,
        linear=fitted.linear,
    )
    return model, _scores(task, chosen, judgement, candidates)


def _purge(task: _Task) -> float:
    """Return the seconds kept free around a held-out block: window, field and smoothing."""
    rows = task.rows
    n_hops = (FIELD - 1) * (2 if rows.touched.any() else 1)  # a stand-in reaches back as far again
    return (rows.n_times + n_hops * rows.hop) / rows.rate + task.settings.smoothing


def _facts(
    task: _Task,
    seed: int,
    *,
    kind: Candidate | None,
    judgement: scoring.Judgement,
    temperature: float,
    threshold: float,
    candidates: dict[str, float],
) -> Manifest:
    rows, settings = task.rows, task.settings
    used = {"numpy": version("numpy")}
    if kind == "lda":
        used["scikit-learn"] = version("scikit-learn")
    if kind == "cebra-knn":
        used.update(_contrastive().versions())
    return Manifest(
        schema=SCHEMA,
        kind=kind or "none",
        channels=rows.channels,
        rate=rows.rate,
        n_times=rows.n_times,
        hop=rows.hop,
        bands=rows.bands,
        conditioning=rows.conditioning,
        max_bad=settings.features.max_bad,
        stand_in=rows.stand_in,
        clean_rows=settings.features.clean_rows,
        clip=settings.features.clip,
        reaction_lag=settings.training.reaction_lag,
        states=tuple(AFFECTS[i] for i in np.unique(task.label)),
        temperature=temperature,
        threshold=threshold,
        verdict=judgement.verdict,
        why=judgement.why,
        score=judgement.score,
        critical=judgement.critical,
        episodes=task.episodes,
        rows=task.counts,
        scores=candidates,
        seed=seed,
        versions=used,
        files={},
    )


def _scores(
    task: _Task, chosen: str, judgement: scoring.Judgement, candidates: dict[str, float]
) -> Scores:
    n_states = max(judgement.n_states, 1)
    return Scores(
        verdict=judgement.verdict,
        why=judgement.why,
        chosen=chosen,
        score=judgement.score,
        critical=judgement.critical,
        chance=scoring.chance_band(max(judgement.n_episodes, 1), n_states),
        n_episodes=judgement.n_episodes,
        n_rows=len(task.newest),
        candidates=candidates,
    )


def _nothing(task: _Task) -> tuple[Model, Scores]:
    """Return the model that answers nothing, and says why."""
    seen = [AFFECTS[i] for i in np.unique(task.rows.label[task.rows.label >= 0])]
    learnable = [AFFECTS[i] for i in np.unique(task.label)]
    why = (
        f"The keys name {len(seen)} state(s) ({', '.join(seen) or 'none'}), of which "
        f"{len(learnable)} have {LEAST_ROWS} usable rows or more; two are needed."
    )
    judgement = scoring.Judgement("guessing", why, 0.0, None, sum(task.episodes), len(learnable))
    facts = _facts(
        task, 0, kind=None, judgement=judgement, temperature=1.0, threshold=CLOSED, candidates={}
    )
    standardizer = Standardizer.fit(task.rows.features, task.settings.features.clip)
    return build(facts, standardizer), _scores(task, "none", judgement, {})

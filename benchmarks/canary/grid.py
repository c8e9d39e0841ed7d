"""Cells of the canary: one layout, protocol and decoder, over many seeds (pure)."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from decoder.leaks.canary import chance_of
from decoder.methods import catalog
from decoder.methods.candidates import cebra_knn
from decoder.methods.leaky import asker
from decoder.methods.method import Method
from decoder.scoring.held_out import people_scores, seed_of
from decoder.scoring.metrics import balanced_right, right_of
from decoder.scoring.nulls import weigh
from decoder.scoring.protocols import PROTOCOLS, Protocol, calibrate, protocol
from decoder.scoring.verdicts import LEVEL, tail
from decoder.settings import TrainingSettings
from decoder.table import Table
from session.evaluation.jobs import Laid, Setup
from session.evaluation.work import answers, null_scores

from .noise import LAYOUTS, Layout, table_of

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

N_SEEDS = 40
N_DRAWS = 19
"""Null draws per seed: the fewest with which the level is exactly 5 %."""
ERRORS = 3.0
"""Standard errors by which a cell's mean may differ from chance."""
QUICK = TrainingSettings(hidden_units=8, dimensions=3, batch=64, steps=8, learning_rate=0.01)
"""A network that is fitted in a few hundredths of a second, a few thousand times."""
LEAKED = TrainingSettings(hidden_units=32, dimensions=7, batch=256, steps=80, learning_rate=0.01)
"""A network that learns the labels of noise by heart."""
LEAKS = 0.9
"""What noise scores at least where the answer was let in."""
HONEST = tuple(p.name for p in PROTOCOLS if not p.leaky)
LEAKY = tuple(p.name for p in PROTOCOLS if p.leaky)
FAST = tuple(name for name, method in catalog.METHODS.items() if method.fast)


class Cell(NamedTuple):
    """What is tried."""

    layout: str
    protocol: str
    method: str


class Tried(NamedTuple):
    """One seed of a cell."""

    score: float
    """Balanced accuracy, mean over people; NaN where nothing was scored."""
    chance: float
    p: float
    """Against the null; NaN of a leaky protocol, which has none."""
    null: float
    """Mean of the null's scores; NaN of a leaky protocol."""


class Weighed(NamedTuple):
    """What a cell's seeds come to."""

    n: int
    mean: float
    error: float
    """Standard error of the mean."""
    chance: float
    exceeded: int
    """Seeds whose score lies above the null's 5 % critical value."""
    beyond: float = 0.0
    """Standard errors between the score and the mean of its own null."""

    @property
    def off(self) -> float:
        """Standard errors between mean and chance; 0 where the mean is chance exactly."""
        return _errors(self.mean - self.chance, self.error)


def _errors(apart: float, error: float) -> float:
    """Return a difference in standard errors; what is equal but for rounding does not differ."""
    if abs(apart) < 1e-9:
        return 0.0
    return apart / error if error > 0 else math.copysign(math.inf, apart)


def method_of(name: str) -> Method:
    """Return a method by name; CEBRA with a network that is quick to fit."""
    return cebra_knn(QUICK) if name == "cebra-knn" else catalog.of(name)


def protocol_of(name: str) -> Protocol:
    """Return a protocol by name; `calibrate` learns from half a minute of these short tables."""
    how = protocol(name)
    if name != "calibrate":
        return how
    return how._replace(make=lambda table, rules: calibrate(table, rules._replace(minutes=0.5)))


def setup_of(layout: Layout, seed: int) -> Setup:
    """Return what a layout's evaluation is told."""
    return Setup(
        smoothing=0.75,
        delay=2.0,
        dealt=layout.dealt,
        null="permuted units",
        seed=seed,
        n_draws=N_DRAWS,
    )


def cells() -> list[Cell]:
    """Return the whole grid.

    Every method under every protocol on the small layout, which has drift and offsets, and LDA on
    all others; CEBRA's null is fitted twenty times per seed, which takes half of the time.
    """
    wanted = [Cell("small", how, name) for how in HONEST for name in FAST]
    wanted += [Cell(name, how, "lda") for name in LAYOUTS if name != "small" for how in HONEST]
    wanted += [Cell("small", how, "cebra-knn") for how in (*LEAKY, *HONEST)]
    return [cell for cell in wanted if possible(cell)]


def limits(cell: Cell) -> Literal["leaky", "cut", "in time", "chance"]:
    """Return what is asked of a cell; see `fits`."""
    if protocol(cell.protocol).leaky:
        return "leaky"
    if cell.protocol == "prequential":
        return "in time"
    alone = min(LAYOUTS[cell.layout].counts) * LAYOUTS[cell.layout].n_sessions < 2
    return "cut" if alone and protocol(cell.protocol).own else "chance"


def fits(cell: Cell, found: Weighed, n_cells: int, n_seeds: int = N_SEEDS) -> bool:
    """Return whether a cell is as it should be.

    Honest: at chance, which is also the mean of its null, and no oftener above the 5 % critical
    value than by chance. Honest, but a
    state has one unit, which is cut: whatever the score, never above the critical value, since its
    relabelings are all alike. Prequential: what comes follows from what came where labels are dealt
    without replacement, so that chance is less than 1/C; no more than that, and the null's mean.
    Leaky: above 0.9, or noise would not show the leak.
    """
    if limits(cell) == "leaky":
        return found.mean > LEAKS
    if limits(cell) == "cut":
        return found.exceeded == 0
    off = found.off if limits(cell) == "in time" else abs(found.off)
    apart = max(off, abs(found.beyond))
    return apart <= ERRORS and found.exceeded <= bound(n_cells, n_seeds)


def bound(n_cells: int, n_seeds: int = N_SEEDS) -> int:
    """Return how often a cell may exceed its 5 % critical value.

    The largest count that chance exceeds in any of so many cells with at most 5 %: binomial, by
    Bonferroni over the grid.
    """
    counts = range(n_seeds + 1)
    return next(k for k in counts if tail(k + 1, n_seeds, LEVEL) <= LEVEL / n_cells)


def possible(cell: Cell) -> bool:
    """Return whether a layout has what the protocol and the method need."""
    layout = LAYOUTS[cell.layout]
    table = table_of(layout, np.random.default_rng(0))
    rules = setup_of(layout, 0).rules()
    return not method_of(cell.method).why_not(table) and bool(
        protocol_of(cell.protocol).splits(table, rules)
    )


def try_seeds(job: tuple[Cell, tuple[int, ...]]) -> tuple[Cell, tuple[int, ...], list[Tried]]:
    """Return what some seeds of a cell give; runs on any worker."""
    cell, seeds = job
    return cell, seeds, [try_cell(cell, seed) for seed in seeds]


def try_cell(cell: Cell, seed: int) -> Tried:
    """Return what one seed gives.

    Parameters
    ----------
    cell : Cell
        What is tried.
    seed : int
        Of the labels, the noise, the folds and the null.
    """
    layout = LAYOUTS[cell.layout]
    table = table_of(layout, np.random.default_rng(seed_of(seed, "noise", cell.layout)))
    return tried(table, layout, protocol_of(cell.protocol), method_of(cell.method), seed)


def tried(table: Table, layout: Layout, how: Protocol, method: Method, seed: int) -> Tried:
    """Return score, chance and p of one table; see `try_cell`."""
    laid = Laid(table, how, setup_of(layout, seed))
    if not laid.splits:
        return Tried(math.nan, math.nan, math.nan, math.nan)
    found = _let_in(laid, method, seed) if how.leaky else _held_out(laid, method)
    rows, p = found
    scores = people_scores(
        table, rows, p, lambda truth, q: balanced_right(truth, right_of(truth, q))
    )
    value, chance = float(np.nanmean(scores)), chance_of(table, rows)
    if how.leaky:
        return Tried(value, chance, math.nan, math.nan)
    draws = laid.draws
    null = null_scores(laid, method, tuple(range(len(draws))))
    worth = weigh(scores, null, complete=draws.complete).p
    return Tried(value, chance, worth, float(np.nanmean(null)))


def _held_out(laid: Laid, method: Method) -> tuple[Ints, Array]:
    """Return rows and answers, as an evaluation makes them."""
    found = answers(laid, method, tuple(range(len(laid.splits))))
    return found["row"].astype(np.int64), found["p"].astype(np.float64)


def _let_in(laid: Laid, method: Method, seed: int) -> tuple[Ints, Array]:
    """Return rows and answers where the answer was let in, by a network that is quicker to fit."""
    slow = method._replace(fit=cebra_knn(LEAKED).fit) if method.name == "cebra-knn" else method
    ask = asker(laid.table, slow, LEAKED)
    p = [ask(split, seed_of(seed, "leaky")) for split in laid.splits]
    return np.concatenate([split.test for split in laid.splits]), np.concatenate(p)


def weighed(seeds: list[Tried]) -> Weighed:
    """Return what the seeds of a cell come to; those without a score are left out."""
    kept = [one for one in seeds if not math.isnan(one.score)]
    score = np.array([one.score for one in kept])
    chance = np.array([one.chance for one in kept])
    beyond = score - np.array([one.null for one in kept])
    return Weighed(
        n=len(kept),
        mean=float(score.mean()),
        error=float((score - chance).std(ddof=1)) / math.sqrt(len(kept)),
        chance=float(chance.mean()),
        exceeded=sum(one.p <= LEVEL for one in kept),
        beyond=_errors(float(beyond.mean()), float(beyond.std(ddof=1)) / math.sqrt(len(kept))),
    )

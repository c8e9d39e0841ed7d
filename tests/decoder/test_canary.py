"""The canary: noise scores nothing under honest protocols, and 0.9 where the answer is let in."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.canary.grid import (
    LEAKS,
    LEAKY,
    N_SEEDS,
    Cell,
    Weighed,
    bound,
    cells,
    fits,
    try_cell,
    weighed,
)
from benchmarks.canary.noise import LAYOUTS, table_of
from decoder import training
from decoder.methods.catalog import METHODS
from decoder.rows import rows_from
from decoder.scoring.protocols import PROTOCOLS
from decoder.scoring.verdicts import LEVEL, tail

SMALL = [
    Cell("small", protocol, method)
    for protocol in ("within", "leave-one-session-out", "leave-one-person-out")
    for method in ("lda", "time index", "file identity")
]


@pytest.mark.fault(30)
@pytest.mark.parametrize(
    "cell",
    [pytest.param(x, marks=pytest.mark.long if x.protocol == "within" else ()) for x in SMALL],
    ids=" ".join,
)
def test_noise_says_nothing_under_honest_protocols(cell):
    """40 seeds: the mean within three standard errors of chance, above the 5 % seldom enough."""
    found = weighed([try_cell(cell, seed) for seed in range(N_SEEDS)])
    assert found.n >= 40
    assert found.exceeded <= min(8, bound(len(SMALL)))
    assert fits(cell, found, len(SMALL)), found


@pytest.mark.fault(30)
@pytest.mark.parametrize("protocol", LEAKY)
def test_noise_says_everything_where_the_answer_is_let_in(protocol):
    """The same noise, which is random: whoever scores more than 0.9 was told."""
    cell = Cell("small", protocol, "cebra-knn")
    assert try_cell(cell, 0).score > LEAKS


@pytest.mark.long
@pytest.mark.fault(30)
@pytest.mark.parametrize("n_states", [2, 3])
def test_dealt_anew_the_labels_of_a_calibration_say_nothing(n_states, make_person, settings):
    """A person whose states show: `follows`; their episodes' labels shuffled, 40 times: seldom."""
    windows, labels = make_person(1, 240.0, 0.8, n_states)
    rows = rows_from(windows, labels, settings())
    assert training.fit(rows, settings(), 0)[1].verdict == "follows"
    scores = [training.fit(dealt(rows, seed), settings(), seed)[1] for seed in range(N_SEEDS)]
    followed = sum(one.verdict == "follows" for one in scores)
    # The smallest number that the nominal level exceeds in at most 5 % of such tests.
    allowed = min(k for k in range(N_SEEDS) if tail(k + 1, N_SEEDS, LEVEL) <= LEVEL)
    assert followed <= allowed == 4
    mean, error = np.mean([s.score for s in scores]), np.std([s.score for s in scores])
    assert mean <= 1 / n_states + 3 * error / np.sqrt(N_SEEDS)


def dealt(rows, seed):
    """Return rows whose episodes bear one another's labels."""
    names, first, place = np.unique(rows.episode, return_index=True, return_inverse=True)
    of = rows.label[first]
    of[names >= 0] = np.random.default_rng(seed).permutation(of[names >= 0])
    return replace(rows, label=of[place])


def test_the_bound_is_that_of_the_binomial():
    """Of as many cells at their nominal level, one is over the bound in at most 5 %."""
    for n_cells in (1, 9, 150):
        k = bound(n_cells)
        assert tail(k + 1, N_SEEDS, 0.05) <= 0.05 / n_cells < tail(k, N_SEEDS, 0.05)


def test_the_canary_would_sing():
    """Scores that are off, or above their critical value too often, do not pass; nor dumb leaks."""
    honest, leaky = Cell("small", "within", "lda"), Cell("small", "paper", "cebra-knn")
    good = Weighed(40, 0.51, 0.01, 0.5, 2, 1.0)
    assert fits(honest, good, 9)
    changes = ({"mean": 0.54}, {"mean": 0.46}, {"exceeded": 9}, {"beyond": 3.1})
    for bad in (good._replace(**change) for change in changes):
        assert not fits(honest, bad, 9)
    assert not fits(leaky, good, 9)


def test_the_whole_grid_leaves_nothing_out():
    """Every protocol and every method that fits noise has a cell."""
    grid = cells()
    assert {cell.protocol for cell in grid} == {p.name for p in PROTOCOLS}
    table = table_of(LAYOUTS["small"], np.random.default_rng(0))
    can = {name for name, method in METHODS.items() if not method.why_not(table)}
    assert {cell.method for cell in grid} == can
    assert len(grid) == len(np.unique(grid, axis=0))

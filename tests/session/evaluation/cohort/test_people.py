"""Simulated cohorts: what is drawn is what is said to be true."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from scipy.linalg import toeplitz

from decoder.embedding import FIELD
from decoder.features import BANDS, masked_row
from decoder.scoring.protocols import protocol
from decoder.scoring.splits import Rules
from decoder.table import Table
from rym.errors import UsageError
from session.evaluation.cohort.people import (
    Cohort,
    cohort_of,
    draw,
    ideal_accuracy,
    members,
    person,
    strength_for,
)
from session.evaluation.cohort.rows import (
    N_BANDS,
    N_CHANNELS,
    N_FEATURES,
    as_weights,
    common_signature,
    correlations,
    in_rows,
    mixed,
    noise,
    whitened,
)
from stream.line import StreamLine
from stream.montage import ENOBIO20
from stream.settings import StreamSettings
from stream.simulated.simulator import SimulatedPerson, SimulatedSource


@pytest.fixture(scope="module")
def rest() -> np.ndarray:
    """Return rows of the sample-level person at rest, shape (n, 95), seven seconds left out."""
    person_ = SimulatedPerson(SimulatedSource(seed=5, strength=0.0, coupling=0.0, hand="none"))
    line = StreamLine(StreamSettings(), ENOBIO20, 500)
    rows, clean = [], []
    for _ in range(150):
        chunk = person_.advance(500, audible=None, phase="rest")
        stamps = (chunk.first + np.arange(len(chunk.samples))) / 500
        for window, _q in line.push(chunk.samples, stamps):
            rows.append(masked_row(window.samples, 500, BANDS["default"], ENOBIO20, ())[:95])
            clean.append(window.valid and not window.touched)
    found = np.array(rows)[28:]
    found[~np.array(clean)[28:]] = np.nan
    return found


def _over_lags(rows: np.ndarray, n: int) -> np.ndarray:
    """Return correlations of rows 0 … n − 1 apart, mean over features."""
    z = rows - np.nanmean(rows, axis=0)
    var = np.nanvar(z, axis=0)
    return np.array([(np.nanmean(z[k:] * z[: len(z) - k], axis=0) / var).mean() for k in range(n)])


def test_rows_vary_over_time_as_those_of_the_simulated_person(rest: np.ndarray) -> None:
    """Neighbours resemble one another as overlapping windows do, and soon no longer."""
    ours = noise(len(rest), 0.0, np.random.default_rng(0))
    np.testing.assert_allclose(_over_lags(ours, 9), _over_lags(rest, 9), atol=0.05)
    np.testing.assert_allclose(_over_lags(ours, 9), correlations(9, 0.0), atol=0.05)


def test_rows_spread_within_a_state_as_those_of_the_simulated_person(rest: np.ndarray) -> None:
    """Each band's spread is within a tenth, neighbours on the scalp vary together as much."""
    ours = noise(4000, 0.0, np.random.default_rng(1))
    shape = (-1, N_CHANNELS, N_BANDS)
    spread = [np.nanstd(x, axis=0).reshape(shape).mean(axis=(0, 1)) for x in (ours, rest)]
    np.testing.assert_allclose(spread[0], spread[1], rtol=0.1)
    known = rest[~np.isnan(rest).any(axis=1)]
    for band in range(N_BANDS):
        a, b = (np.corrcoef(x.reshape(shape)[:, :, band].T) for x in (ours, known))
        above = np.triu_indices(N_CHANNELS, 1)
        assert np.abs(a[above] - b[above]).mean() < 0.12
        assert np.corrcoef(a[above], b[above])[0, 1] > 0.65


def test_mixing_and_weights_can_be_undone() -> None:
    """Whitening undoes mixing, and rows as weights of the head are the same rows again."""
    rows = np.random.default_rng(0).standard_normal((3, N_FEATURES))
    np.testing.assert_allclose(whitened(mixed(rows)), rows, atol=1e-12)
    np.testing.assert_allclose(in_rows(as_weights(rows)), rows)


def test_the_ideal_observer_is_as_good_as_it_is_said_to_be() -> None:
    """Who knows every number of the model is right in the stated share of drawn rows."""
    cohort = Cohort(people=30, strength=strength_for(0.8))
    table, people = draw(cohort, 3), members(cohort, 3)
    weights = np.linalg.solve(toeplitz(correlations(FIELD, cohort.drift)), np.ones(FIELD))
    right = []
    for number, member in enumerate(people):
        rows = table.newest[table.person[table.newest] == number]
        fields = sum(weights[k] * table.features[rows - k] for k in range(FIELD)) / weights.sum()
        seen = whitened((fields - member.person.level) / member.person.scale)
        means = whitened(member.person.felt)
        far = ((seen[:, None] - means[None]) ** 2).sum(axis=2)
        right.append((far.argmin(axis=1) == table.label[rows]).mean())
    assert np.mean(right) == pytest.approx(0.8, abs=3 * np.std(right) / np.sqrt(len(right)))
    assert np.std(right) / np.sqrt(len(right)) < 0.025


@pytest.mark.parametrize("accuracy", [0.4, 0.6, 0.8, 0.95])
def test_a_strength_can_be_had_for_an_accuracy(accuracy: float) -> None:
    """`strength_for` undoes `ideal_accuracy`, whatever drifts."""
    for drift in (0.0, 1.0):
        cohort = Cohort(drift=drift)
        found = msgspec.structs.replace(cohort, strength=strength_for(accuracy, cohort))
        assert ideal_accuracy(found) == pytest.approx(accuracy, abs=1e-3)


def test_the_simulated_persons_strength_means_the_same() -> None:
    """One row at strength 1 is read with about 0.90, as `SIGNATURE_NEPERS` was calibrated."""
    sure = ideal_accuracy(Cohort(strength=1.0, drift=0.0, varies=0.0), n_rows=1)
    assert sure == pytest.approx(0.9, abs=0.03)
    assert ideal_accuracy(Cohort()) == pytest.approx(1 / 3, abs=1e-3)


def test_an_accuracy_that_cannot_be_is_refused() -> None:
    """Chance and certainty have no strength."""
    for accuracy in (0.33, 1.0):
        with pytest.raises(UsageError, match="ideal observer"):
            strength_for(accuracy)
    with pytest.raises(UsageError, match="multiple of 3"):
        cohort_of(episodes=7)
    with pytest.raises(UsageError, match="shared"):
        cohort_of(shared=1.5)


def test_people_share_as_much_as_is_said() -> None:
    """The common part has its share of the squared size; the rest is nobody else's."""
    common = whitened(common_signature())
    for shared in (0.0, 0.5, 1.0):
        cohort = Cohort(strength=1.0, shared=shared, varies=0.0)
        felt = [whitened(person(cohort, np.random.default_rng(i)).felt) for i in range(2)]
        size = (common**2).sum()
        assert [(x**2).sum() / size for x in felt] == pytest.approx([1.0, 1.0])
        assert (felt[0] * common).sum() / size == pytest.approx(np.sqrt(shared))
        np.testing.assert_allclose(felt[0] @ felt[0].T, common @ common.T, atol=1e-9)
    assert abs((felt[0] - felt[1]).max()) < 1e-12


def _fields(table: Table) -> np.ndarray:
    return table.newest[:, None] + np.arange(1 - FIELD, 1)


def test_an_episode_is_a_unit_that_fields_do_not_leave() -> None:
    """Every usable row's ten rows lie in one episode, each state has as many episodes."""
    table = draw(Cohort(people=2, visits=2, episodes=6), 1)
    assert (table.unit[_fields(table)] == table.unit[table.newest][:, None]).all()
    units, first = np.unique(table.unit[table.newest], return_index=True)
    assert len(units) == 24
    assert np.bincount(table.label[table.newest][first]).tolist() == [8, 8, 8]
    assert not (table.usable & table.baseline).any()
    assert (len(table.people), len(table.sessions)) == (2, 4)
    protocol("within").splits(table, Rules(smoothing=1.0, dealt="session"))


def test_a_seed_says_everything() -> None:
    """The same seed gives the same rows; more people are added behind."""
    small, large = draw(Cohort(people=2, episodes=6), 4), draw(Cohort(people=3, episodes=6), 4)
    np.testing.assert_array_equal(small.features, large.features[: len(small)])
    assert not np.array_equal(draw(Cohort(people=2, episodes=6), 5).label, small.label)


def test_the_hand_shows_where_the_control_looks() -> None:
    """Left for positive: less power over C4; 8–30 Hz is α and β together."""
    table = draw(Cohort(people=4, motor=1.0), 2)
    c4 = table.channels.index("C4")
    positive = table.label == 2
    quiet = (
        table.motor[positive, c4].mean() - table.motor[(table.label >= 0) & ~positive, c4].mean()
    )
    assert quiet < -0.3
    power = np.exp(table.features[0].reshape(N_CHANNELS, N_BANDS))
    expected = np.log((5 * power[:, 2] + 17 * power[:, 3]) / 22)
    np.testing.assert_allclose(table.motor[0], expected)


def test_what_is_heard_follows_the_keys() -> None:
    """Usable rows hear their own state, those at its beginning the one before; else silence."""
    for cohort in (Cohort(people=1, auditory=1.0), Cohort(people=1, leak=1.0)):
        table = draw(cohort, 0)
        np.testing.assert_array_equal(table.audible[table.usable], table.label[table.usable])
        assert (table.audible != table.label)[table.label >= 0].any()
    assert (draw(Cohort(people=1), 0).audible == -1).all()


def test_sound_reaches_the_ears_first() -> None:
    """The response lies at T7 and T8, the leak everywhere and most there."""
    for cohort, elsewhere in ((Cohort(auditory=1.0), 0.0), (Cohort(leak=1.0), 0.01)):
        heard = person(cohort, np.random.default_rng(0)).heard[2].reshape(N_CHANNELS, N_BANDS)
        channels = draw(Cohort(people=1, episodes=6), 0).channels
        best = {channels[i] for i in np.argsort(heard.sum(axis=1))[-2:]}
        assert best == {"T7", "T8"}
        assert (heard.max(axis=1) > 0).sum() == (N_CHANNELS if elsewhere else 2)

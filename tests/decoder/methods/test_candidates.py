"""Candidates: as in a calibration, against the libraries, and blind to what they must not see."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from pyriemann.tangentspace import TangentSpace
from scipy.linalg import logm, sqrtm
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from decoder import fitting, tangent, training
from decoder.methods import candidates, covariances
from decoder.methods.candidates import CANDIDATES, cebra_knn
from decoder.methods.catalog import METHODS, of
from decoder.methods.normalized import field_rows
from decoder.scoring.held_out import seed_of
from decoder.settings import DecoderSettings, TrainingSettings
from decoder.table import Table
from rym.errors import UsageError

SMALL = TrainingSettings(steps=5, hidden_units=8, batch=64)
QUICK = {**CANDIDATES, "cebra-knn": cebra_knn(SMALL)}
# What looks at samples is held to the same in test_network.py, where its library is installed.
ON_ROWS = [name for name, method in METHODS.items() if not method.samples]


@pytest.fixture
def planted(make_table, with_states):
    """Return a function that gives a table with states in power and covariance."""

    def table_of(n_states):
        table = with_states(make_table(n_states=n_states, n_units=6), 1.5)
        gain = np.exp(np.linspace(-0.6, 0.6, len(table.channels)))
        covariance = table.covariance.copy()
        for state in range(n_states):
            scale = np.roll(gain, 3 * state) if state else np.ones_like(gain)
            covariance[table.label == state] *= np.outer(scale, scale)
        return replace(table, covariance=covariance.astype(np.float32))

    return table_of


def as_table(rows, n_states=3):
    """Return a calibration as a table of one person."""
    n = len(rows.label)
    same = np.zeros(n, dtype=np.int64)
    return Table(
        features=rows.features,
        label=rows.label,
        person=same,
        session=same,
        recording=same,
        unit=rows.episode,
        stimulus=same - 1,
        audible=same - 1,
        first=np.arange(n) * rows.hop,
        t=rows.t_last,
        run=rows.run,
        usable=rows.usable,
        baseline=rows.baseline,
        states=tuple("abc"[:n_states]),
        people=("p",),
        sessions=("s",),
        recordings=("r",),
        channels=rows.channels,
        bands=rows.bands,
        rate=rows.rate,
        n_times=rows.n_times,
        hop=rows.hop,
        covariance=rows.covariance,
    )


@pytest.mark.parametrize("n_states", [2, 3])
@pytest.mark.parametrize("rested", [False, True])
@pytest.mark.parametrize("name", ["lda", "cebra-knn", "riemann"])
def test_answers_held_out_rows_as_training_does(make_noise_rows, name, rested, n_states):
    """One calibration, the same rows and seed: the same probabilities, with a rest and without."""
    rows = make_noise_rows(3, 150.0, n_states, strength=0.5)
    if rested:
        rest = np.arange(len(rows.label)) < 60
        rows = replace(rows, baseline=rest, usable=rows.usable & ~rest)
    task = fitting.task_of(rows, DecoderSettings(training=SMALL))
    learned = task.episode < np.median(task.episode)
    fold = SimpleNamespace(train=learned, test=~learned)
    held_out = training.held_out(task, name, [fold], 7, lambda what: None).p
    table = as_table(rows, n_states)
    train, test = task.newest[learned], task.newest[~learned]
    p = QUICK[name].fit(table, train, task.label[learned], seed_of(7, "fold 1"))(test)
    np.testing.assert_allclose(p, held_out[~learned, :n_states], atol=1e-9)


def test_tangent_vectors_are_those_of_the_definition(make_table, halves):
    """Moved by the rest's mean, then log(G^-½ C G^-½) with √2 beside the diagonal."""
    table = make_table(n_people=2, channels=("F3", "F4", "Cz"))
    train, test = halves(table)
    tangents = covariances.Tangents(table, train)
    field = tangent.field_covariances(table.covariance, test[:3])
    raw = table.covariance[test[0] - 9 : test[0] + 1].astype(float).mean(axis=0)
    ridge = tangent.RIDGE
    np.testing.assert_allclose(field[0], (1 - ridge) * raw + ridge * raw.trace() / 3 * np.eye(3))
    root = np.linalg.inv(sqrtm(tangents.mean))
    move = tangents._of(0)
    upper = np.triu_indices(3)
    weight = np.where(upper[0] == upper[1], 1.0, np.sqrt(2.0))
    expected = [weight * logm(root @ move @ c @ move @ root)[upper] for c in field]
    np.testing.assert_allclose(tangents(test[:3]), expected, atol=1e-8)


def test_another_cap_on_the_same_person_is_taken_out(make_table, halves):
    """Two people with one signal under two caps, turned and amplified: the same after the move."""
    table = make_table(n_people=2, channels=("F3", "F4", "Cz"))
    n = len(table) // 2
    turned = 5 * np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    other = (turned @ table.covariance[:n] @ turned.T).astype(np.float32)
    table = replace(table, covariance=np.concatenate([table.covariance[:n], other]))
    train, _ = halves(table)
    tangents = covariances.Tangents(table, train[train < n])
    newest = table.newest[table.newest < n]
    spread = [np.linalg.eigvalsh(tangents._moved(rows)) for rows in (newest, newest + n)]
    np.testing.assert_allclose(spread[0], spread[1], rtol=1e-4)
    raw = tangent.field_covariances(table.covariance, np.concatenate([newest, newest + n]))
    assert np.trace(raw[-1]) > 20 * np.trace(raw[0])


@pytest.mark.parametrize("n_states", [2, 3])
def test_riemann_is_pyriemann_and_a_logistic_regression(make_table, halves, n_states):
    """One person whose rest has the training rows' mean: pyriemann's own pipeline."""
    table = make_table(n_people=1, n_states=n_states, channels=("F3", "F4", "Cz"))
    table = replace(table, baseline=np.zeros(len(table), dtype=bool))
    train, test = halves(table)
    field = tangent.field_covariances
    model = make_pipeline(
        TangentSpace(), LogisticRegression(class_weight="balanced", max_iter=1000, tol=1e-8)
    )
    apart = covariances._apart(table, train)
    model[0].fit(field(table.covariance, apart))
    learned = model[0].transform(field(table.covariance, train))
    model[1].fit(learned, table.label[train])
    expected = model[1].predict_proba(model[0].transform(field(table.covariance, test)))
    p = CANDIDATES["riemann"].fit(table, train, table.label[train], 0)(test)
    np.testing.assert_allclose(p, expected, atol=1e-3)


def test_riemann_survives_a_common_average_and_bad_channels(make_table, halves):
    """Singular covariances, channels that are NaN for a while or throughout: finite answers."""
    table = make_table(n_people=2, channels=("F3", "F4", "Cz", "Pz"))
    average = np.eye(4) - 0.25
    singular = (average @ table.covariance @ average).astype(np.float32)
    singular[100:130, 0] = singular[100:130, :, 0] = np.nan
    singular[table.person == 1, 2] = np.nan
    singular[table.person == 1, :, 2] = np.nan
    table = replace(table, covariance=singular)
    train, test = halves(table)
    p = CANDIDATES["riemann"].fit(table, train, table.label[train], 0)(test)
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(axis=1), 1.0)


def test_a_rest_in_pieces_still_measures(make_table, halves):
    """No ten rows of rest follow one another: their windows' mean is taken."""
    table = make_table(n_people=1, channels=("F3", "F4", "Cz"), rest=60)
    table = replace(table, run=np.where(table.baseline, np.arange(len(table)) // 5, 1000))
    train, test = halves(table)
    assert np.isfinite(covariances.Tangents(table, train)(test)).all()


@pytest.mark.parametrize("n_states", [2, 3])
@pytest.mark.parametrize("name", [name for name in CANDIDATES if name in ON_ROWS])
def test_finds_states_that_people_share(planted, halves, score, name, n_states):
    """States planted in power and covariance are found in units not learned from."""
    table = planted(n_states)
    train, test = halves(table)
    assert score(QUICK[name], table, train, test) > 1 / n_states + 0.25


@pytest.mark.parametrize("name", ON_ROWS)
def test_looks_at_no_label_but_those_given(make_table, with_states, halves, name):
    """Other labels in the table change no answer: they are no argument."""
    method = QUICK.get(name, METHODS[name])
    table = with_states(make_table(n_people=2, n_units=4), 1.0)
    train, test = halves(table)
    given = table.label[train]
    p = method.fit(table, train, given, 0)(test)
    mixed = np.random.default_rng(0).permutation(table.label)
    again = method.fit(replace(table, label=mixed), train, given, 0)(test)
    np.testing.assert_array_equal(p, again)


@pytest.mark.parametrize("rested", [True, False])
@pytest.mark.parametrize("name", ON_ROWS)
def test_what_is_scored_changes_no_other_answer(make_table, halves, name, rested):
    """Wild or missing values in one test unit leave the answers of all other rows as they were."""
    method = QUICK.get(name, METHODS[name])
    table = make_table(n_people=2, n_units=4)
    if not rested:
        table = replace(table, baseline=np.zeros(len(table), dtype=bool))
    train, test = halves(table)
    spoilt = table.unit == table.unit[test[0]]
    others = test[~spoilt[test]]
    wild = {name: getattr(table, name).copy() for name in ("features", "muscle", "motor")}
    for values in wild.values():
        values[spoilt] = np.where(np.arange(spoilt.sum())[:, None] % 2, np.nan, 1e9)
    wild["covariance"] = np.where(spoilt[:, None, None], np.float32(1e9), table.covariance)
    labels = table.label[train]
    p = method.fit(table, train, labels, 0)(others)
    again = method.fit(replace(table, **wild), train, labels, 0)
    np.testing.assert_array_equal(again(others), p)
    assert len(again(test[:5])) == 5


@pytest.mark.parametrize("name", ON_ROWS)
def test_a_prepared_fit_is_the_plain_one(make_table, with_states, halves, name):
    """Labels dealt anew on one preparation: as fitted from the start, whatever came before."""
    method = QUICK.get(name, METHODS[name])
    table = with_states(make_table(n_people=2, n_units=4, n_states=2), 1.0)
    train, test = halves(table)
    refit = method.refit(table, train)
    rng = np.random.default_rng(0)
    for _ in range(2):
        dealt = rng.integers(0, 2, table.unit.max() + 1)
        dealt[table.unit[train[0]]], dealt[table.unit[train[-1]]] = 0, 1
        labels = dealt[table.unit[train]]
        p = refit(labels, 5)(test)
        np.testing.assert_allclose(p, method.fit(table, train, labels, 5)(test), atol=1e-12)
        np.testing.assert_allclose(p.sum(axis=1), 1.0)


@pytest.mark.parametrize("name", ON_ROWS)
def test_one_state_in_the_training_part_is_always_answered(make_table, halves, name):
    """A training part that holds one state of three gives that state, never an error."""
    method = QUICK.get(name, METHODS[name])
    table = make_table(n_people=1, n_units=6, n_states=3)
    train, test = halves(table)
    only = train[table.label[train] == 1]
    p = method.fit(table, only, table.label[only], 0)(test)
    assert p.shape == (len(test), 3)
    assert (p.argmax(axis=1) == 1).all()


def test_pooled_rows_of_several_people_are_never_joined(make_table, halves, monkeypatch):
    """The ten rows before each place handed to the network are that row's own ten."""
    table = make_table(n_people=3, n_units=4)
    table = replace(table, features=np.arange(len(table))[:, None] + np.zeros((1, 50)))
    monkeypatch.setattr(
        candidates, "OwnScale", lambda table, train: lambda rows: table.features[rows]
    )
    train, _ = halves(table)
    handed = {}

    class Contrastive:
        @staticmethod
        def fit(rows, newest, labels, settings, seed):
            handed.update(rows=rows, newest=newest)
            raise InterruptedError

    monkeypatch.setattr(candidates, "import_module", lambda *_: Contrastive)
    with pytest.raises(InterruptedError):
        QUICK["cebra-knn"].fit(table, train, table.label[train], 0)
    rows, newest = handed["rows"][:, 0], handed["newest"]
    np.testing.assert_array_equal(rows, field_rows(train))
    for back in range(10):
        np.testing.assert_array_equal(rows[newest - back], train - back)


def test_what_cannot_be_fitted_says_why(make_table):
    """Without covariances, or with one channel, there is no tangent space."""
    table = make_table(n_people=1)
    assert CANDIDATES["riemann"].why_not(table) == ""
    empty = replace(table, covariance=np.zeros((0, 0, 0), dtype=np.float32))
    assert "covariance" in CANDIDATES["riemann"].why_not(empty)
    assert "One channel" in CANDIDATES["riemann"].why_not(make_table(n_people=1, channels=("Cz",)))
    assert CANDIDATES["cebra-knn"].why_not(table) == ""


def test_a_missing_library_is_named(make_table, monkeypatch):
    """Where torch is not installed, the candidate says so instead of failing."""
    monkeypatch.setattr(candidates, "find_spec", lambda name: None if name == "torch" else name)
    assert CANDIDATES["cebra-knn"].why_not(make_table(n_people=1)) == "torch cannot be imported."


def test_a_missing_extra_is_named_with_the_line_that_installs_it(make_table, monkeypatch):
    """Where braindecode is not installed, the small network says how to have it."""
    monkeypatch.setattr(candidates, "find_spec", lambda _: None)
    why = CANDIDATES["small-network"].why_not(make_table(n_people=1))
    assert why == "braindecode is not installed: `pip install 'rym[network]'`."


@pytest.mark.parametrize("error", [ImportError, OSError])
def test_an_extra_that_does_not_fit_torch_is_told_with_its_words(make_table, monkeypatch, error):
    """Where braindecode is installed and cannot be loaded, its first line is handed on."""

    def refuse(name):
        raise error("Could not load this library: a.so.\nand more")

    monkeypatch.setattr(candidates, "find_spec", lambda name: name)
    monkeypatch.setattr(candidates, "import_module", refuse)
    why = CANDIDATES["small-network"].why_not(make_table(n_people=1))
    assert why.startswith(
        "braindecode cannot be imported (Could not load this library: a.so): `pip"
    )


def test_a_table_without_samples_gives_the_small_network_nothing(make_table, monkeypatch):
    """With the extra there, what is lacking is the samples."""
    monkeypatch.setattr(candidates, "network_missing", lambda: "")
    method, table = CANDIDATES["small-network"], make_table(n_people=1)
    assert "without samples" in method.why_not(table)
    with_some = replace(table, samples=(np.zeros((500, 10), dtype=np.float32),))
    assert method.why_not(with_some) == ""


def test_methods_are_had_by_name():
    """Every method bears the name it is asked for by; another name is an error that lists all."""
    assert all(of(name).name == name for name in METHODS)
    assert next(iter(CANDIDATES)) == "cebra-knn"
    assert list(CANDIDATES)[-1] == "small-network"
    with pytest.raises(UsageError, match=r"'ldA'.*lda.*majority"):
        of("ldA")

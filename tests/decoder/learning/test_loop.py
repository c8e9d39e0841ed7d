"""The loop against cebra's own steps, and what it promises besides."""

import math

import numpy as np
import pytest
import torch

from decoder.embedding import FIELD, Network, fields_of
from decoder.learning.draws import Draws
from decoder.learning.loop import Start, Stop, learn
from decoder.learning.loss import Temperature
from decoder.learning.network import put_into, weights_of
from decoder.learning.sessions import alike, hold_out, pooled, published, usable
from decoder.settings import TrainingSettings
from rym.errors import FormatError, SignalError, UsageError

CEBRA = "cebra is the oracle"


def quick(**changes):
    """Return settings of a small, quick fit."""
    small = {"hidden_units": 8, "dimensions": 3, "batch": 64, "steps": 20, "learning_rate": 3e-3}
    return TrainingSettings(**{**small, **changes})


def person(seed=0, n=200, n_features=5, strength=1.5, n_states=2):
    """Return rows whose middle follows blocks of 20 rows of a state, and the labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) // 20 % n_states
    signature = np.random.default_rng(99).standard_normal((n_states, 64))[:, :n_features]
    return rng.standard_normal((n, n_features)) + strength * signature[labels], labels


def session(seed=0, **more):
    """Return a session of such rows."""
    rows, labels = person(seed, **more)
    return usable(rows, np.arange(9, len(rows)), labels[9:])


def windows(one, moments):
    """Return the ten rows of moments as cebra takes them, shape (n, n_features, 10)."""
    at = one.place[moments][:, None] + np.arange(FIELD)
    return torch.from_numpy(one.rows[at].transpose(0, 2, 1).astype(np.float32))


def by_cebra(sessions, settings, seed, start, n_steps):
    """Return the weights and losses after cebra's own steps on the very moments that we draw."""
    cebra = pytest.importorskip("cebra", reason=CEBRA)
    models = []
    for one, weights in zip(sessions, start, strict=True):
        sizes = one.rows.shape[1], settings.hidden_units, settings.dimensions
        models.append(cebra.models.init("offset10-model", *sizes))
        put_into(models[-1], weights)
    loss = cebra.models.LearnableCosineInfoNCE(1.0)
    many = len(sessions) > 1
    model = torch.nn.ModuleList(models) if many else models[0]
    parameters = [*model.parameters(), *loss.parameters()]
    solver = cebra.solver.init(
        "multi-session" if many else "single-session",
        model=model,
        criterion=loss,
        optimizer=torch.optim.Adam(parameters, lr=settings.learning_rate),
        tqdm_on=False,
    )
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(2)[1])
    draws = Draws(alike(sessions))
    for _ in range(n_steps):
        batches = list(_batches(cebra, sessions, draws(settings.batch, rng)))
        solver.step(batches if many else batches[0])
    return [weights_of(model) for model in models], solver.log["total"], loss.temperature


def _batches(cebra, sessions, drawn):
    """Group positives by the session they lie in, with the way back to the references' order."""
    start = np.cumsum([0, *(len(one.labels) for one in sessions)])
    order = np.argsort(np.searchsorted(start, drawn.positive, side="right"), kind="stable")
    grouped = drawn.positive[order].reshape(len(sessions), -1)
    for i, one in enumerate(sessions):
        n = grouped.shape[1]
        part = slice(i * n, (i + 1) * n)
        yield cebra.data.Batch(
            reference=windows(one, drawn.reference[part] - start[i]),
            positive=windows(
                one, (grouped if len(sessions) > 1 else drawn.positive[None])[i] - start[i]
            ),
            negative=windows(one, drawn.negative[part] - start[i]),
            index=torch.from_numpy(order),
            index_reversed=torch.from_numpy(np.argsort(order)),
        )


@pytest.mark.parametrize(
    "sessions",
    [
        [session()],
        [session(1), session(2, n=120, n_features=7), session(3, n_features=3)],
        [session(4, n=3000), session(5)],
    ],
    ids=["own", "multi-session", "one so long that windows are encoded"],
)
def test_steps_are_cebras(sessions):
    """Own and multi-session: cebra's solver on our moments takes the same way, to 1e-5."""
    pytest.importorskip("cebra", reason=CEBRA)
    settings = quick(steps=5)
    start = [weights.weights for weights in _started(sessions, settings)]
    ours = learn(sessions, settings, 4)
    theirs, losses, temperature = by_cebra(sessions, settings, 4, start, 5)
    np.testing.assert_allclose(ours.loss, losses, rtol=1e-5)
    assert ours.temperature == pytest.approx(temperature, rel=1e-5)
    for one, other in zip(ours.weights, theirs, strict=True):
        for name, weight in one.items():
            np.testing.assert_allclose(weight, other[name], rtol=0, atol=1e-5)


def _started(sessions, settings):
    """Return the weights before the first step."""
    nothing = TrainingSettings(
        **{name: getattr(settings, name) for name in settings.__struct_fields__ if name != "steps"},
        steps=0,
    )
    return [Start(weights) for weights in learn(sessions, nothing, 4).weights]


def right(weights, rows, labels):
    """Return the share of steady moments that lie nearest to the middle of their class."""
    newest = np.flatnonzero(np.arange(len(rows)) % 20 >= FIELD - 1)
    z, of = Network(weights)(fields_of(rows, newest)), labels[newest]
    middles = np.array([z[of == c].mean(axis=0) for c in (0, 1)])
    return float((np.argmax(z @ middles.T, axis=1) == of).mean())


def test_states_come_apart():
    """Rows that were not learned from lie with their class: own, pooled and multi-session."""
    settings = quick(steps=60)
    people = [session(seed) for seed in (1, 2)]
    rows, labels = person(3)
    own = learn(people[:1], settings, 0).weights[0]
    one_for_all = learn([pooled(people)], settings, 0).weights[0]
    both = learn(people, settings, 0).weights
    for weights in (own, one_for_all, *both):
        assert right(weights, rows, labels) > 0.85
    assert right(_started(people[:1], settings)[0].weights, rows, labels) < 0.75


def test_sessions_share_one_space():
    """Two people whose states lie the other way round: by multi-session, classes lie together."""
    rows, labels = person(1)
    other = usable(-rows, np.arange(9, 200), labels[9:])
    first, second = learn([session(1), other], quick(steps=80), 0).weights
    z = Network(first)(fields_of(rows, np.arange(9, 200)))
    turned = Network(second)(fields_of(-rows, np.arange(9, 200)))
    middles = [[x[labels[9:] == c].mean(axis=0) for c in (0, 1)] for x in (z, turned)]
    assert middles[0][0] @ middles[1][0] > 0
    assert middles[0][0] @ middles[1][1] < 0


def test_the_same_seed_gives_the_same_weights():
    """To the bit; another seed gives others; global generators and threads are left alone."""
    np.random.seed(7)  # noqa: NPY002
    before = np.random.get_state()[1].copy(), torch.random.get_rng_state()  # noqa: NPY002
    n_threads = torch.get_num_threads()
    one, again, other = (learn([session()], quick(threads=1), s).weights[0] for s in (1, 1, 2))
    for name, weight in one.items():
        np.testing.assert_array_equal(weight, again[name])
    assert not np.array_equal(one["conv0.weight"], other["conv0.weight"])
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    assert torch.equal(torch.random.get_rng_state(), before[1])
    assert torch.get_num_threads() == n_threads


def test_it_stops_when_what_is_held_out_no_longer_gains():
    """On noise it ends early, and the weights are those of the lowest loss held out."""
    learned, held = hold_out(session(strength=0.0), 0.25, 3)
    settings = quick(steps=150, learning_rate=0.01)
    stop = Stop((held,), patience=6)
    fit = learn([learned], settings, 0, stop=stop)
    best = int(np.argmin(fit.held_out))
    assert len(fit.loss) == len(fit.held_out) == best + 7 < 150
    shorter = TrainingSettings(
        hidden_units=8, dimensions=3, batch=64, steps=best + 1, learning_rate=0.01
    )
    for name, weight in learn([learned], shorter, 0).weights[0].items():
        np.testing.assert_array_equal(fit.weights[0][name], weight)
    with pytest.raises(UsageError, match="2 sessions are held out, 1"):
        learn([learned], settings, 0, stop=Stop((held, held)))


def test_what_is_held_out_has_the_loss_that_draws_have_on_average():
    """Two sessions, uneven classes: the mean over many draws, within chance."""
    sessions = [session(1, n_states=3), session(2, n=120, n_states=3)]
    still = quick(learning_rate=1e-30, steps=80, batch=256)
    fit = learn(sessions, still, 0, stop=Stop(tuple(sessions), patience=200))
    error = fit.loss.std() / math.sqrt(len(fit.loss))
    assert fit.held_out.std() < 1e-6
    assert abs(fit.loss.mean() - fit.held_out[0]) < 5 * error + 2e-3


def test_progress_is_told_with_the_time_left():
    """Shares up to 1, the loss of every step, seconds left by the clock that is handed in."""
    ticks = iter(np.arange(0.0, 1000.0, 2.0).tolist())
    told = []
    fit = learn(
        [session()], quick(steps=5), 0, progress=lambda *x: told.append(x), now=lambda: next(ticks)
    )
    assert [share for share, _, _ in told] == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert [loss for _, loss, _ in told] == fit.loss.tolist()
    assert [round(left, 9) for _, _, left in told] == [8.0, 6.0, 4.0, 2.0, 0.0]
    learn([session()], quick(steps=1), 0, progress=lambda *x: told.append(x))
    assert math.isnan(told[-1][2])


def test_progress_ends_at_one_when_it_stops_early():
    """Nothing waits for steps that will not come."""
    learned, held = hold_out(session(strength=0.0), 0.25, 3)
    told = []
    stop = Stop((held,), patience=2)
    settings = quick(steps=150, learning_rate=0.02)
    fit = learn([learned], settings, 0, stop=stop, progress=lambda *x: told.append(x))
    assert len(fit.loss) < 150
    assert told[-1][0] == 1.0


def test_a_new_first_layer_is_learned_on_what_is_known():
    """Other features: the first layer is new and learned, the others stay to the bit."""
    known = learn([session(1)], quick(), 0).weights[0]
    start = Start(known, layers="first")
    adapted = learn([session(2, n_features=7)], quick(hidden_units=3), 0, start=start).weights[0]
    assert adapted["conv0.weight"].shape == (8, 7, 2)
    for name, weight in known.items():
        assert name.startswith("conv0") or np.array_equal(adapted[name], weight)
    still = learn([session(2, n_features=7)], quick(steps=0), 0, start=start).weights[0]
    assert np.abs(adapted["conv0.weight"] - still["conv0.weight"]).max() > 0.01


def test_all_layers_go_on_from_their_weights():
    """The first loss is lower than that of new weights; another montage is refused."""
    known = learn([session(1)], quick(steps=60), 0).weights[0]
    adapted = learn([session(2)], quick(), 1, start=Start(known))
    assert adapted.loss[0] < learn([session(2)], quick(), 1).loss[0] - 0.1
    assert not np.array_equal(adapted.weights[0]["conv4.weight"], known["conv4.weight"])
    with pytest.raises(FormatError, match=r"conv0\.weight"):
        learn([session(2, n_features=7)], quick(), 1, start=Start(known))


def test_as_published_it_says_so():
    """Every row, clamped at the ends, and frequent classes weigh more."""
    rows, _ = person()
    labels = (np.arange(200) >= 150).astype(np.int64)
    paper = learn([published(rows, labels)], quick(), 0, prior="found")
    balanced = learn([published(rows, labels)], quick(), 0)
    assert "frequent classes weigh more" in paper.sampling
    assert "equally often" in balanced.sampling
    assert not np.array_equal(paper.weights[0]["conv0.bias"], balanced.weights[0]["conv0.bias"])


def test_a_fixed_temperature_stays():
    """And a learned one does not."""
    fixed = learn([session()], quick(), 0, temperature=Temperature(0.5, learned=False))
    assert fixed.temperature == 0.5
    assert learn([session()], quick(), 0, temperature=Temperature(0.5)).temperature != 0.5


def test_what_runs_away_is_refused():
    """A loss that is no number ends the fit with its step."""
    with pytest.raises(SignalError, match="After 0 of 20 steps the loss is nan"):
        learn([session()], quick(), 0, temperature=Temperature(1e-39, learned=False))

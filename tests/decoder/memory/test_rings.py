"""The rings against brute force, scikit-learn and the memory rebuilt; false confidence."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier

from decoder.memory.rings import Memory, memory_of, unit
from decoder.memory.votes import odd_root
from rym.errors import FormatError, SignalError, UsageError


def units(rng, n, d=7):
    """Return n random unit vectors."""
    return unit(rng.standard_normal((n, d)))


def brute(z, label, stretch, t, query, *, k=None, half_life=None, n_classes=3, prior=1.0):
    """Return the same answer the long way: one stretch after the other, sorted, no ties."""
    found = []
    for of in sorted({(a, b) for a, b in zip(label.tolist(), stretch.tolist(), strict=True)}):
        rows = [i for i in range(len(z)) if (label[i], stretch[i]) == of]
        found.append((max(math.fsum(z[i] * query) for i in rows), of[0], max(t[i] for i in rows)))
    if not found:
        return np.zeros(n_classes)
    later = [sum(c == state and other > at for _, c, other in found) for _, state, at in found]
    left = [1.0 if half_life is None else 0.5 ** (n / half_life) for n in later]
    found = [one for one, share in zip(found, left, strict=True) if share >= 2**-10]
    left = [share for share in left if share >= 2**-10]
    mass = np.zeros(n_classes)
    for (_, c, _), share in zip(found, left, strict=True):
        mass[c] += share
    present = mass > 0
    votes = np.where(present, prior / present.sum(), 0.0)
    order = sorted(range(len(found)), key=lambda i: -found[i][0])
    seats = min(k or odd_root(mass.sum()), mass.sum())
    for i in order:
        c, vote = found[i][1], min(left[i], seats)
        seats -= vote
        votes[c] += vote * mass.sum() / (present.sum() * mass[c])
    return votes / votes.sum()


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@given(seed=st.integers(0, 1000), n_per_class=st.integers(6, 120))
@settings(deadline=None, max_examples=40)
def test_equals_scikit_learn_where_every_row_is_its_own_stretch(metric, seed, n_per_class):
    """With balanced classes, votes are scikit-learn's plus one spread over the classes."""
    rng = np.random.default_rng(seed)
    n = 3 * n_per_class
    z, label, queries = units(rng, n), np.arange(n) % 3, units(rng, 5)
    memory = Memory(7, n_per_class, metric=metric)
    for i in range(n):
        memory.learn(z[i], int(label[i]), i)
    k = odd_root(n)
    oracle = KNeighborsClassifier(k, metric=metric, algorithm="brute").fit(z, label)
    expected = (oracle.predict_proba(queries) * k + 1 / 3) / (k + 1)
    found = [memory.ask(q) for q in queries]
    np.testing.assert_allclose([votes.p for votes in found], expected, atol=1e-12)
    near = oracle.kneighbors(queries)[0].mean(axis=1)
    np.testing.assert_allclose([votes.distance for votes in found], near, atol=1e-7)


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 80),
    capacity=st.integers(1, 40),
    k=st.sampled_from([None, 1, 4, 15]),
    half_life=st.sampled_from([None, 7.0]),
)
@settings(deadline=None)
def test_equals_brute_force_whatever_was_learned(seed, n, capacity, k, half_life):
    """Classes missing, stretches in pieces, rings run over, few rows, forgetting: exact."""
    rng = np.random.default_rng(seed)
    z, query = units(rng, n), units(rng, 1)[0]
    label, stretch = rng.choice([0, 0, 0, 2], n), rng.integers(0, 1 + n // 3, n)
    t = np.sort(rng.uniform(0, 30, n))
    memory = Memory(7, capacity, k=k, half_life=half_life)
    for i in range(n):
        memory.learn(z[i], int(label[i]), int(stretch[i]), float(t[i]))
    kept = np.sort(np.concatenate([np.flatnonzero(label == c)[-capacity:] for c in range(3)]))
    expected = brute(z[kept], label[kept], stretch[kept], t[kept], query, k=k, half_life=half_life)
    np.testing.assert_allclose(memory.predict_proba(query), expected, atol=1e-12)


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 60),
    exclusion=st.sampled_from([0.5, 5.0, 100.0]),
    half_life=st.sampled_from([None, 7.0]),
)
@settings(deadline=None)
def test_an_excluded_row_is_as_if_never_learned(seed, n, exclusion, half_life):
    """Rows too near in time leave the memory that holds only the others."""
    rng = np.random.default_rng(seed)
    z, query = units(rng, n), units(rng, 1)[0]
    label, stretch, t = rng.integers(0, 3, n), np.arange(n) // 4, np.arange(n) * 0.5
    at = float(rng.uniform(0, n / 2))
    memory = memory_of(z, label, stretch, t, exclusion=exclusion, half_life=half_life)
    left = np.abs(t - at) >= exclusion
    rebuilt = memory_of(z[left], label[left], stretch[left], t[left], half_life=half_life)
    np.testing.assert_allclose(
        memory.predict_proba(query, at), rebuilt.predict_proba(query), atol=1e-12
    )
    np.testing.assert_array_equal(
        memory.predict_proba(query),
        memory_of(z, label, stretch, t, half_life=half_life).predict_proba(query),
    )


@given(st.integers(0, 10**6), st.lists(st.booleans(), max_size=60), st.integers(1, 8))
@settings(deadline=None)
def test_taking_back_equals_never_having_learned(seed, taught, capacity):
    """Any order of learning and taking back leaves the bits of what is left, rings run over."""
    rng = np.random.default_rng(seed)
    memory, log = Memory(5, capacity, half_life=3.0), []
    for number, learn in enumerate(taught):
        if learn or not log:
            lesson = (units(rng, 1, 5)[0], int(rng.integers(3)), number // 3, float(number))
            log.append((lesson, memory.learn(*lesson)))
        else:
            memory.take_back(log.pop()[1])
    rebuilt, query = Memory(5, capacity, half_life=3.0), units(rng, 1, 5)[0]
    for lesson, _ in log:
        rebuilt.learn(*lesson)
    for name, array in rebuilt.arrays().items():
        np.testing.assert_array_equal(memory.arrays()[name], array)
    np.testing.assert_array_equal(memory.predict_proba(query), rebuilt.predict_proba(query))


@given(st.integers(0, 10**6), st.integers(0, 50), st.integers(1, 12))
@settings(deadline=None)
def test_what_was_saved_answers_and_learns_on_to_the_bit(seed, n, capacity):
    """A restored memory is the same one, also where its rings had run over."""
    rng = np.random.default_rng(seed)
    z, queries = units(rng, n + 8), units(rng, 2)
    label = rng.integers(0, 3, n + 8).tolist()
    one, other = Memory(7, capacity, half_life=5.0), Memory(7, capacity, half_life=5.0)
    for i in range(n):
        one.learn(z[i], label[i], i // 3, i / 2)
    other.restore(one.arrays())
    for i in range(n, n + 8):
        for memory in (one, other):
            memory.learn(z[i], label[i], i // 3, i / 2)
        for query in queries:
            np.testing.assert_array_equal(one.predict_proba(query), other.predict_proba(query))


def test_a_stretch_has_one_vote():
    """Ten rows of one stretch right at the query weigh no more than one row of another."""
    rng = np.random.default_rng(0)
    query, others = units(rng, 1)[0], units(rng, 8)
    z = np.concatenate([np.tile(query, (10, 1)), others])
    label = np.array([0] * 10 + [1] * 4 + [2] * 4)
    stretch = np.array([0] * 10 + [1, 2, 3, 4, 5, 6, 7, 8])
    p = memory_of(z, label, stretch).predict_proba(query)
    alone = memory_of(z[9:], label[9:], stretch[9:]).predict_proba(query)
    np.testing.assert_array_equal(p, alone)
    assert p[0] < 0.9


@pytest.mark.fault(28)
@pytest.mark.parametrize("common", [0, 2])
def test_at_99_to_1_the_rare_class_is_still_answered(common):
    """Noise: a rare neighbour outweighs the common ones around; by plain votes it never does."""
    rng = np.random.default_rng(5)
    n, queries = 2000, units(rng, 300)
    rare = 2 - common
    label = np.where(np.arange(n) % 100 == 0, rare, common)
    z = units(rng, n)
    memory = memory_of(z, label, np.arange(n))
    p = np.array([memory.predict_proba(q) for q in queries])
    assert 0.2 < (p.argmax(axis=1) == rare).mean() < 0.7
    plain = KNeighborsClassifier(odd_root(n)).fit(z, label)
    assert (plain.predict(queries) == common).all()


def sizes(memory):
    """Return the bytes of every array that a memory is laid out in."""
    return {name: part.nbytes for name, part in vars(memory).items() if hasattr(part, "nbytes")}


@pytest.mark.fault(28)
def test_eight_hours_of_one_class_leave_the_rare_one_alone():
    """The memory stays as large as it was laid out, and holds the rare class whole."""
    rng = np.random.default_rng(6)
    memory = Memory(7, capacity=200)
    laid_out = sizes(memory)
    rare = units(rng, 150)
    for i, z in enumerate(rare):
        memory.learn(z, 2, i)
    for i in range(150, 150 + 99 * 150):
        memory.learn(rare[i % 150], 0, i)
    assert memory.counts == (200, 0, 150)
    np.testing.assert_array_equal(memory.arrays()["embedding"][200:], rare)
    memory.predict_proba(rare[0])
    assert sizes(memory) == laid_out


@pytest.mark.parametrize("first", [0, 2])
def test_between_duplicates_neither_order_nor_number_decides(first):
    """The same embedding under two labels, more often than k: half and half."""
    z, memory = np.array([0.6, 0.8]), Memory(2, 50, k=5)
    for i in range(40):
        memory.learn(z, first if i < 20 else 2 - first, i)
    np.testing.assert_allclose(memory.predict_proba(z), [0.5, 0.0, 0.5], atol=1e-15)
    assert memory.ask(z).distance == pytest.approx(0.0, abs=1e-12)


def test_a_flood_of_duplicates_in_one_stretch_weighs_as_one_row():
    """A row that is repeated 100 times within a stretch changes no answer."""
    rng = np.random.default_rng(8)
    z, query = units(rng, 30), units(rng, 1)[0]
    memory, flooded = Memory(7, 500), Memory(7, 500)
    for i in range(30):
        memory.learn(z[i], i % 3, i)
        for _ in range(100 if i == 3 else 1):
            flooded.learn(z[i], i % 3, i)
    np.testing.assert_array_equal(memory.predict_proba(query), flooded.predict_proba(query))


@pytest.mark.fault(26)
def test_more_neighbours_than_there_are_all_vote_and_it_is_said():
    """K = 15 of 4 stretches: four votes, and a sentence with both numbers."""
    memory = Memory(2, 10, k=15)
    assert memory.note == "The memory is empty: it answers nothing."
    for i in range(4):
        memory.learn(np.array([1.0, 0.0]), i % 2, i)
    assert memory.ask(np.array([1.0, 0.0])).k == 4
    assert memory.note == "15 neighbours are asked for, there are 4: all vote."
    memory.k = 3
    assert memory.note == ""


@pytest.mark.fault(26)
@pytest.mark.parametrize("query", [[math.nan] * 7, [0.0] * 7, [1.0] + [0.0] * 6])
def test_where_nobody_can_answer_all_is_zero(query):
    """An empty memory; an embedding that is no number, or has no direction."""
    memory = Memory(7, 5)
    if query[0] != 1.0:
        memory.learn(np.eye(7)[0], 1, 0)
    votes = memory.ask(np.array(query))
    assert votes.p.tolist() == [0.0, 0.0, 0.0]
    assert votes.k == 0
    assert math.isnan(votes.distance)


def test_all_rows_excluded_is_as_an_empty_memory():
    """Where everything remembered lies too near in time, nothing is answered."""
    memory = Memory(2, 5, exclusion=10.0, half_life=5.0)
    memory.learn(np.array([1.0, 0.0]), 1, 0, t=100.0)
    assert memory.ask(np.array([1.0, 0.0]), 105.0).k == 0
    assert memory.predict_proba(np.array([1.0, 0.0]), 110.0)[1] == 1.0


def test_after_a_half_life_a_vote_counts_half():
    """Two votes are counted: one whole, one half, and half of the next, which lies elsewhere."""
    z, memory = np.array([1.0, 0.0]), Memory(2, 5, k=2, half_life=1.0, prior=0.0)
    memory.learn(z, 0, 0, t=0.0)
    memory.learn(z, 2, 1, t=0.0)
    memory.learn(-z, 2, 2, t=60.0)
    # Classes weigh alike: class 0 has one vote in all, class 2 one and a half.
    np.testing.assert_allclose(memory.predict_proba(z), [0.6, 0.0, 0.4])


def test_however_long_it_learns_it_stays_as_sure_as_it_is_right():
    """Two hours of a stretch every 2.5 s: seats go to votes, not to what is forgotten."""
    rng = np.random.default_rng(5)

    def of(label):
        return unit(np.eye(7)[label] + 0.3 * rng.standard_normal((len(label), 7)))

    label = np.repeat(np.arange(3), 40)
    memory = memory_of(of(label), label, np.arange(120), capacity=3400, half_life=8.0)
    queries = of(np.repeat(np.arange(3), 60))
    sure = [np.mean([memory.predict_proba(q).max() for q in queries])]
    for i in range(2880):
        memory.learn(of([i % 3])[0], i % 3, 200 + i, t=2.5 * (i + 1))
        if i in (239, 479, 2879):
            sure.append(np.mean([memory.predict_proba(q).max() for q in queries]))
    assert min(sure) > sure[0] - 0.1
    assert sure[0] > 0.85


def test_a_memory_that_is_not_taught_does_not_change():
    """Forgetting counts what came later, not the time that is asked about."""
    rng = np.random.default_rng(1)
    z = units(rng, 20)
    memory = memory_of(z, np.arange(20) % 3, np.arange(20), np.arange(20.0), half_life=5.0)
    early, late = memory.predict_proba(z[0], 20.0), memory.predict_proba(z[0], 1e6)
    np.testing.assert_array_equal(early, late)


def test_a_class_that_comes_rarely_is_not_forgotten_by_the_others():
    """A thousand stretches of one class take nothing from the votes of the other."""
    z = np.array([1.0, 0.0])
    memory = Memory(2, 2000, k=3, half_life=5.0)
    for i in range(3):
        memory.learn(z, 0, i, t=float(i))
    before = memory.predict_proba(z)
    for i in range(1000):
        memory.learn(-z, 2, 10 + i, t=10.0 + i)
    assert memory.predict_proba(z)[0] > 0.8 * before[0]


def test_what_was_forgotten_most_still_has_a_vote():
    """Two hundred half-lives on, weights are finite and classes weigh alike."""
    memory = Memory(2, 200, half_life=0.5)
    for i in range(100):
        memory.learn(np.array([1.0, 0.0]), 0, i, t=float(i))
    memory.learn(np.array([0.0, 1.0]), 2, 100, t=200.0)
    p = memory.predict_proba(np.array([1.0, 0.0]))
    assert p.tolist() == pytest.approx([0.5, 0.0, 0.5])


def ar_noise(seed, n, d=7):
    """Return n unit vectors of slow noise, as embeddings of overlapping fields are."""
    rng = np.random.default_rng(seed)
    x = np.zeros((n, d))
    for i in range(1, n):
        x[i] = 0.97 * x[i - 1] + rng.standard_normal(d)
    return unit(x)


def test_false_confidence_on_noise_is_there_naively_and_gone_with_exclusion_and_stretches():
    """Memory against memory on noise in blocks: sure and right naively, near chance here."""
    found = {"naive": [], "ours": []}
    for seed in range(8):
        n = 1440  # six minutes at 4 Hz in blocks of 30 s
        z, label, t = ar_noise(seed, n), np.arange(n) // 120 % 3, np.arange(n) / 4
        naive = memory_of(z, label, np.arange(n), t)
        ours = memory_of(z, label, np.arange(n) // 10, t, exclusion=30.0)
        for name, memory in (("naive", naive), ("ours", ours)):
            p = np.array([memory.predict_proba(z[i], t[i]) for i in range(0, n, 7)])
            right = (p.argmax(axis=1) == label[::7]).mean()
            found[name].append((right, p.max(axis=1).mean()))
    naive, ours = (np.mean(found[name], axis=0) for name in ("naive", "ours"))
    assert naive[0] > 0.75
    assert naive[1] > 0.65
    assert ours[0] < 0.40
    assert ours[1] < naive[1] - 0.1


@pytest.mark.parametrize(
    "wrong",
    [{"capacity": 0}, {"k": 0}, {"half_life": 0.0}, {"exclusion": -1.0}, {"prior": math.nan}],
)
def test_what_no_memory_can_be_is_refused(wrong):
    """Settings out of range are refused with the value."""
    with pytest.raises(UsageError, match=r"above|below"):
        Memory(**{"n_dimensions": 7, "capacity": 5, **wrong})


@pytest.mark.parametrize(("label", "stretch"), [(3, 0), (-1, 0), (0, -1)])
def test_a_row_that_has_no_place_is_refused(label, stretch):
    """Unknown classes and stretches below 0; the memory stays empty."""
    memory = Memory(2, 5)
    with pytest.raises(UsageError, match="cannot be learned"):
        memory.learn(np.ones(2), label, stretch)
    assert len(memory) == 0


@pytest.mark.parametrize(("z", "t"), [([math.nan, 1.0], 0.0), ([1.0, 0.0], math.inf)])
def test_what_is_no_number_is_not_learned(z, t):
    """NaN in the embedding, an endless time."""
    memory = Memory(2, 5)
    with pytest.raises(SignalError, match="no numbers"):
        memory.learn(np.array(z), 0, 0, t)
    assert len(memory) == 0


def test_rows_are_taken_back_from_the_newest_on():
    """An older row of a class cannot be taken from under a newer one."""
    memory = Memory(2, 5)
    first = memory.learn(np.ones(2), 0, 0)
    memory.learn(np.ones(2), 0, 1)
    with pytest.raises(UsageError, match="from the newest on"):
        memory.take_back(first)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("embedding", np.zeros((6, 3)), "shape"),
        ("embedding", np.full((6, 2), np.nan), "no numbers"),
        ("label", np.array([0, 1, 0, 1, 2, 2]), "order"),
        ("written", np.array([2, 2]), "shape"),
        ("stretch", np.full(6, -1), "below 0"),
        ("t", None, "lacks t"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_and_change_nothing(name, value, says):
    """Shapes, order, numbers: the memory answers as before."""
    rng = np.random.default_rng(2)
    memory = memory_of(units(rng, 6, 2), np.repeat([0, 1, 2], 2), np.arange(6))
    before = memory.predict_proba(np.array([1.0, 0.0]))
    arrays = {**memory.arrays(), name: value}
    if value is None:
        del arrays[name]
    with pytest.raises(FormatError, match=says):
        memory.restore(arrays)
    np.testing.assert_array_equal(memory.predict_proba(np.array([1.0, 0.0])), before)


@pytest.mark.parametrize(("n", "k"), [(1, 3), (16, 5), (240, 15), (400, 21), (10**6, 51)])
def test_k_is_the_odd_root_within_limits(n, k):
    """√n made odd, 3…51; 240 time points give the published 15."""
    assert odd_root(n) == k


@pytest.mark.parametrize("n", [2, 999, 4000])
def test_of_many_the_k_nearest_are_found(n):
    """Also where most are ruled out before they are sorted, and where k exceeds the parts."""
    rng = np.random.default_rng(n)
    z, query = units(rng, n), units(rng, 1)[0]
    for k in (1, 15, 300):
        memory = memory_of(z, np.arange(n) % 2, np.arange(n), k=k)
        near = np.sort(1 - (z * query).sum(axis=1))[:k]
        assert memory.ask(query).distance == pytest.approx(near.mean(), abs=1e-12)

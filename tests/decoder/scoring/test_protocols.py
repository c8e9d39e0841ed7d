"""Splits: nothing is learned from and scored, nothing is scored twice, every fold is fair."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoder.embedding import FIELD
from decoder.scoring import protocols as pr
from decoder.scoring.splits import Rules, apart, check, purge_of, used
from rym.errors import SignalError, UsageError
from tests.decoder.scoring.tables import HOP, N_TIMES, RATE, table_of

HONEST = [p for p in pr.PROTOCOLS if not p.leaky]
LEAKY = [p for p in pr.PROTOCOLS if p.leaky]
RULES = Rules(smoothing=1.5, minutes=0.5)

tables = st.builds(
    table_of,
    st.lists(
        st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6), min_size=1, max_size=3),
        min_size=1,
        max_size=3,
    ),
    rows=st.lists(st.integers(8, 60), min_size=1, max_size=5),
    gap=st.integers(0, 20),
)


def samples(table, rows):
    """Return which samples of which recording the answers for these rows rest on."""
    length = int(table.first.max()) + N_TIMES
    rests = np.zeros((len(table.recordings), length), dtype=bool)
    for r in rows:
        for row in range(r - FIELD + 1, r + 1):
            begin, end = table.first[row], table.first[row] + N_TIMES
            if len(table.stood_in) and table.stood_in[row]:  # the clean ones of the nine before it
                begin = max(begin - (FIELD - 1) * HOP, 0)
            rests[table.recording[r], begin:end] = True
    return rests


@settings(max_examples=25, deadline=None)
@given(tables, st.integers(2, 6))
def test_no_sample_is_learned_from_and_scored(table, n_folds):
    """Sample by sample, in every honest protocol; every usable row is scored at most once."""
    for protocol in HONEST:
        scored = np.zeros(len(table), dtype=int)
        for split in protocol.splits(table, RULES._replace(n_folds=n_folds)):
            assert len(split.train) > 0
            assert len(split.test) > 0
            assert table.usable[split.train].all()
            assert table.usable[split.test].all()
            assert (table.person[split.test] == split.person).all()
            assert not (samples(table, split.train) & samples(table, split.test)).any()
            scored[split.test] += 1
        assert scored.max() <= 1


@settings(max_examples=15, deadline=None)
@given(tables, st.integers(0, 99))
def test_a_stand_in_reaches_back_and_so_does_the_purge(table, seed):
    """Nor is what stands in for a row of a scored field learned from, in any honest protocol."""
    stood_in = np.random.default_rng(seed).random(len(table)) < 0.3
    table = replace(table, stood_in=stood_in, usable=table.usable & ~stood_in)
    assert table.reach == N_TIMES + (FIELD - 1) * HOP * (2 if stood_in.any() else 1)
    for protocol in HONEST:
        for split in protocol.splits(table, RULES._replace(smoothing=0.0)):
            assert not (samples(table, split.train) & samples(table, split.test)).any()


@settings(max_examples=25, deadline=None)
@given(tables)
def test_the_purge_is_kept_in_seconds(table):
    """Rows of one session that are learned from and scored are a purge apart."""
    purge = purge_of(table, RULES)
    assert purge == pytest.approx((N_TIMES + 9 * HOP) / RATE + 1.5)
    for protocol in HONEST:
        for split in protocol.splits(table, RULES):
            gap = np.abs(table.t[split.train][:, None] - table.t[split.test][None])
            gap[table.session[split.train][:, None] != table.session[split.test][None]] = np.inf
            assert gap.min() >= purge - 1e-9


@settings(max_examples=25, deadline=None)
@given(tables)
def test_no_unit_is_learned_from_and_scored_unless_cut(table):
    """Only `within` and `calibrate` cut units, of whom `one_unit` names."""
    cut = pr.one_unit(table)
    for protocol in HONEST:
        for split in protocol.splits(table, RULES):
            if protocol.name in ("within", "calibrate") and split.person in cut:
                continue
            if protocol.name == "leave-one-session-out":
                assert not set(table.session[split.train]) & set(table.session[split.test])
            assert not set(table.unit[split.train]) & set(table.unit[split.test])


def test_the_purge_is_exact_at_its_border():
    """A row at the purge's distance is kept, one hop nearer it is not, on either side."""
    table = table_of([[[0]]], rows=100)
    test = np.array([50])
    kept = apart(table, table.newest, test, 4.0)
    assert set(range(35, 66)) & set(kept.tolist()) == set()
    assert {34, 66} <= set(kept.tolist())


def test_rows_on_either_side_of_a_hole_share_no_sample():
    """A minute of samples was lost: rows far apart in time that lie near in the file are left out.

    Rows that need not be apart at all, as under a leaky protocol, are kept.
    """
    table = table_of([[[0, 1, 0, 1]]], rows=40)
    later = table.unit > 1
    holed = replace(table, t=table.t + 60.0 * later, run=table.run + later)
    test = holed.newest[later[holed.newest]]
    kept = apart(holed, holed.newest[~later[holed.newest]], test, purge_of(holed, RULES))
    gap = holed.first[test].min() - holed.first[kept].max()
    assert holed.reach <= gap <= holed.reach + HOP
    assert len(apart(holed, holed.newest, holed.newest, 0.0)) == len(holed.newest)
    for how in pr.PROTOCOLS:
        assert how.splits(holed, RULES) is not None  # an honest one is checked


def test_the_purge_does_not_reach_into_other_sessions():
    """Times of two sessions have nothing to do with one another."""
    table = table_of([[[0], [0]]], rows=30)
    kept = apart(table, table.newest, table.newest[table.session[table.newest] == 0], 4.0)
    assert set(table.session[kept]) == {1}


def test_every_fold_within_holds_all_states():
    """Six, seven and nine units of three states: five folds, each with all of them, all rows."""
    rng = np.random.default_rng(0)
    order = rng.permutation([0] * 6 + [1] * 7 + [2] * 9).tolist()
    table = table_of([[order]], rows=30)
    splits = pr.within(table, RULES)
    assert len(splits) == 5
    for split in splits:
        assert set(table.label[split.test]) == set(table.label[split.train]) == {0, 1, 2}
    tested = np.sort(np.concatenate([split.test for split in splits]))
    np.testing.assert_array_equal(tested, table.newest)


def test_units_of_a_state_that_has_one_are_cut_in_blocks_of_time():
    """One file per state: five blocks of each, neighbours in time; the person is named."""
    table = table_of([[[0, 1]], [[0, 1, 0, 1]]], rows=150)
    assert pr.one_unit(table) == (0,)
    splits = [split for split in pr.within(table, RULES) if split.person == 0]
    assert len(splits) == 5
    for split in splits:
        assert set(table.label[split.test]) == set(table.label[split.train]) == {0, 1}
        for state in (0, 1):
            own = split.test[table.label[split.test] == state]
            assert (np.diff(own) == 1).all()


def test_one_episode_of_every_state_is_held_out():
    """As many folds as the rarest state has units."""
    table = table_of([[[0, 1, 0, 1, 0, 1]]], rows=40)
    splits = pr.leave_one_episode_out(table, RULES)
    held = [sorted(set(table.unit[s.test].tolist())) for s in splits]
    assert sorted(unit for units in held for unit in units) == list(range(6))
    assert all(sorted(unit % 2 for unit in units) == [0, 1] for units in held)


def test_one_session_is_held_out():
    """Each of three sessions once, by the other two."""
    table = table_of([[[0, 1], [1, 0], [0, 1]], [[0, 1]]], rows=30)
    splits = pr.leave_one_session_out(table, RULES)
    assert [sorted(set(table.session[s.test])) for s in splits] == [[0], [1], [2]]
    assert [sorted(set(table.session[s.train])) for s in splits] == [[1, 2], [0, 2], [0, 1]]


def test_one_person_is_held_out():
    """Everybody with two states is scored by all others; one state teaches but is not scored."""
    table = table_of([[[0, 1]], [[1, 0]], [[0]]], rows=30)
    splits = pr.leave_one_person_out(table, RULES)
    assert [split.person for split in splits] == [0, 1]
    assert [sorted(set(table.person[s.train])) for s in splits] == [[1, 2], [0, 2]]


def test_stimuli_are_held_out_whole():
    """Neither a stimulus nor a unit is on both sides; rows without a stimulus are on none."""
    table = table_of([[[0, 1] * 5]], rows=30)
    stimulus = np.where(table.unit < 8, table.unit // 2 * 2 + table.label, -1)
    splits = pr.leave_one_stimulus_out(replace(table, stimulus=stimulus), RULES)
    assert len(splits) == 4
    for split in splits:
        assert not set(stimulus[split.train]) & set(stimulus[split.test])
        assert -1 not in stimulus[split.test]
        assert -1 not in stimulus[split.train]


def test_a_stimulus_of_several_states_is_held_out_with_all_its_rows():
    """The same three clips under both states: three folds, a clip each."""
    table = table_of([[[0, 0, 0, 1, 1, 1]]], rows=40)
    stimulus = table.unit % 3
    splits = pr.leave_one_stimulus_out(replace(table, stimulus=stimulus), RULES)
    assert [sorted(set(stimulus[s.test])) for s in splits] == [[0], [1], [2]]
    assert all(not set(stimulus[s.train]) & set(stimulus[s.test]) for s in splits)


def test_calibration_comes_first_and_is_as_long_as_asked():
    """Half a minute of usable rows teaches, later units are scored, the unit between is not."""
    table = table_of([[[0, 1] * 6]], rows=40, gap=20)
    (split,) = pr.calibrate(table, RULES)
    n_rows = 30 * 4  # half a minute of four rows a second
    assert split.train.tolist() == table.newest[:n_rows].tolist()
    assert sorted(set(table.unit[split.test])) == list(range(4, 12))


def test_calibration_with_one_state_scores_nobody():
    """Where the first minutes hold one file, nothing can be told apart."""
    assert pr.calibrate(table_of([[[0, 0, 1]]], rows=200), RULES) == []


def test_calibration_takes_the_first_part_of_units_that_are_alone_in_their_state():
    """Three units of 100, 200 and 300 rows: as much of each in proportion, what follows is scored.

    With less than a calibration's minutes nobody is scored.
    """
    table = table_of([[[0, 1, 2]]], rows=[109, 209, 309], gap=30)
    (split,) = pr.calibrate(table, RULES)
    counts = np.bincount(table.unit[split.test])
    assert counts.tolist() == [80, 160, 240]  # half a minute is 120 of 600 rows
    for unit in range(3):
        mine, other = (rows[table.unit[rows] == unit] for rows in split[1:3])
        assert mine[0] == table.newest[table.unit[table.newest] == unit][0]
        assert other.min() - mine.max() == round(purge_of(table, RULES) * RATE / HOP)
    assert pr.calibrate(table_of([[[0, 1]]], rows=60), RULES) == []


def test_prequential_learns_from_the_past_only():
    """Rounds of as many units as states, scored once every state came, by all that was known."""
    table = table_of([[[0, 0, 0, 1, 1, 0, 0]]], rows=40)
    splits = pr.prequential(table, RULES)
    assert [sorted(set(table.unit[s.test])) for s in splits] == [[4, 5], [6]]
    for split in splits:
        assert split.train.max() < split.test.min()
        assert set(table.label[split.train]) == {0, 1}


def test_time_and_not_the_names_of_files_says_what_comes_first():
    """Two files of one session of which the second was recorded first."""
    table = table_of([[[0, 1] * 3, [0, 1] * 3]], rows=40)
    late = table.recording == 0
    one = replace(table, session=np.zeros_like(table.session), t=table.t + 1000.0 * late)
    early = set(table.unit[~late])
    (split,) = pr.calibrate(one, RULES)
    assert set(table.unit[split.train]) <= early
    assert set(table.unit[late]) <= set(table.unit[split.test])
    for split in pr.prequential(one, RULES):
        assert one.t[split.train].max() < one.t[split.test].min()
        assert (np.diff(split.train) > 0).all()
        assert (np.diff(split.test) > 0).all()


@settings(max_examples=25, deadline=None)
@given(tables, st.permutations(range(3)))
def test_states_that_change_names_keep_their_folds(table, names):
    """Twins among relabelings score alike: no honest protocol knows what a state is called."""
    other = np.array([*(name for name in names), -1])[table.label]
    for protocol in HONEST:
        both = [protocol.splits(one, RULES) for one in (table, replace(table, label=other))]
        a, b = ([(s.name, s.train.tolist(), s.test.tolist()) for s in splits] for splits in both)
        assert a == b


def test_prequential_waits_for_the_label():
    """With a delay of 20 s the rows of the last 20 s are not learned from."""
    table = table_of([[[0, 1] * 4]], rows=60)
    for split in pr.prequential(table, RULES._replace(delay=20.0)):
        assert table.t[split.test].min() - table.t[split.train].max() >= 20.0 - 1e-9


def test_a_violation_is_an_error():
    """A sample that is learned from and scored is found, whatever the protocol believed."""
    table = table_of([[[0, 1, 0, 1]]], rows=40)
    split = pr.within(table, RULES)[0]
    near = split._replace(train=np.append(split.train, split.test.max() + 1))
    careless = pr.protocol("within")._replace(make=lambda table, rules: [near])
    with pytest.raises(SignalError, match="learned from and scored"):
        careless.splits(table, RULES)
    with pytest.raises(SignalError, match="scored 2 times"):
        check(table, [split, split])


def test_leaky_protocols_leak():
    """Each lets in what it is known for; all of them say LEAKY, and no honest one does."""
    table = table_of([[[0, 1] * 3]] * 2, rows=40)
    for split in pr.paper(table, RULES):
        assert split.person in table.person[split.seen]
        assert split.person not in table.person[split.train]
    for make in (pr.random, pr.fitted):
        with pytest.raises(SignalError):
            check(table, make(table, RULES))
    assert all(p.what.startswith("LEAKY") for p in LEAKY)
    assert not any("LEAKY" in p.what for p in HONEST)


def test_random_folds_come_from_the_seed():
    """The same seed deals the same folds, another does not."""
    table = table_of([[[0, 1]]], rows=40)
    one, again, other = (
        [s.test.tolist() for s in pr.random(table, RULES._replace(seed=seed))] for seed in (1, 1, 2)
    )
    assert one == again != other


def test_protocols_are_found_by_name():
    """Ten of them; an unknown name is refused with the list."""
    assert len({p.name for p in pr.PROTOCOLS}) == len(pr.PROTOCOLS) == 10
    assert pr.protocol("within").make is pr.within
    with pytest.raises(UsageError, match="leave-one-person-out"):
        pr.protocol("blocks")


def test_used_names_every_row_that_can_change_a_score():
    """Learned from, scored, or seen by the embedding."""
    table = table_of([[[0, 1]], [[0]]], rows=30)
    splits = pr.leave_one_person_out(table, RULES)
    np.testing.assert_array_equal(used(splits), table.newest)


@pytest.mark.parametrize("name", ["within", "leave-one-episode-out"])
@pytest.mark.parametrize(
    "sessions", [[[0, 0, 1, 1, 2, 2], [2, 2, 2, 1, 1, 1, 0, 0, 0]], [[0, 1]] * 4]
)
def test_where_labels_were_dealt_per_session_a_fold_takes_as_many_of_every_state(name, sessions):
    """Of each session by itself: what is left of it does not say what was taken."""
    table = table_of([sessions])
    rules = RULES._replace(dealt="session")
    splits = pr.protocol(name).splits(table, rules)
    assert len(splits) > 1
    for split in splits:
        for session in np.unique(table.session[split.test]):
            rows = split.test[table.session[split.test] == session]
            pairs = np.unique(np.stack([table.label[rows], table.unit[rows]]), axis=1)
            taken = np.bincount(pairs[0], minlength=table.n_states)
            assert len(np.unique(taken)) == 1


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=6, max_size=12))
def test_where_a_prequential_round_ends_does_not_follow_from_labels(states):
    """Rounds lie at the same places whatever was felt; what differs is which are scored."""
    table = table_of([[states]], rows=40)
    n = len(set(states))
    for split in pr.prequential(table, RULES):
        units = sorted(set(table.unit[split.test].tolist()))
        assert units == list(range(units[0], min(units[0] + n, len(states))))
        assert units[0] % n == 0

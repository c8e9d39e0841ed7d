"""Controls: each finds what is planted for it, and nothing where nothing is."""

from dataclasses import replace

import numpy as np
import pytest

from decoder.methods.candidates import CANDIDATES
from decoder.methods.controls import CONTROLS, Earlier, Place, place_of
from decoder.scoring.held_out import held_out, people_scores
from decoder.scoring.metrics import answers_of, balanced_accuracy
from decoder.scoring.protocols import protocol
from decoder.scoring.splits import Rules
from tests.decoder.scoring import tables

SIGNALS = ("EOG", "EMG", "motor", "audible clip", "frontal asymmetry")
OTHERS = ("time index", "file identity")


def confound(table, name):
    """Return the table with the confound that this control is for, and no other."""
    state = np.where(table.label >= 0, table.label, 0)
    changed = {
        "features": table.features.copy(),
        "muscle": table.muscle.copy(),
        "motor": table.motor.copy(),
    }
    if name == "EOG":
        changed["features"][:, :2] += 2.0 * state[:, None]  # δ θ of Fp1
    elif name == "EMG":
        changed["muscle"][:, table.channels.index("T7")] += 2.0 * state
    elif name == "motor":
        changed["motor"][:, table.channels.index("C3")] += 2.0 * state
    elif name == "frontal asymmetry":
        changed["features"][:, 5 * table.channels.index("F4") + 2] += 2.0 * state
    elif name == "audible clip":
        changed["audible"] = np.where(table.label >= 0, 2 - state, -1)
    elif name == "time index":
        changed["t"] = table.t + 200.0 * state
    else:
        changed["recording"] = table.recording * 3 + state
    return replace(table, **changed)


@pytest.mark.parametrize("n_states", [2, 3])
@pytest.mark.parametrize("name", [*SIGNALS, *OTHERS])
def test_finds_its_own_confound_and_no_other(make_table, halves, score, name, n_states):
    """Far above chance where it is planted, at chance where nothing or something else is."""
    table = make_table(n_people=4, n_units=24, n_states=n_states)
    train, test = halves(table)
    chance = 1 / n_states
    assert score(CONTROLS[name], confound(table, name), train, test) > chance + 0.3
    for other in (table, *(confound(table, other) for other in SIGNALS if other != name)):
        assert abs(score(CONTROLS[name], other, train, test) - chance) < 0.13


@pytest.mark.parametrize("n_states", [2, 3])
def test_previous_label_finds_an_order(make_table, score, n_states):
    """States in turn are known by the one before; states dealt by chance are not."""
    table = make_table(n_people=4, n_units=24, n_states=n_states)
    place = table.unit % 24
    held_out = np.isin(place % 5, (2, 4))
    newest = table.newest
    train, test = newest[~held_out[newest]], newest[held_out[newest]]
    in_turn = replace(table, label=np.where(table.unit < 0, -1, place % n_states))
    control = CONTROLS["previous label"]
    assert score(control, in_turn, train, test) == 1.0
    assert abs(score(control, table, train, test) - 1 / n_states) < 0.13


def test_the_last_known_unit_is_in_the_same_session_and_never_the_own(make_table):
    """Held-out units are passed over and counted; the first of a session has none before it."""
    table = make_table(n_people=2, n_units=4)
    newest = table.newest
    train = newest[~np.isin(table.unit[newest], (1, 2, 4))]
    lag, place = Earlier(table, train).nearest(np.arange(len(table)))
    expected = {0: None, 1: 0, 2: 0, 3: 0, 4: None, 5: None, 6: 5, 7: 6}
    for unit, earlier in expected.items():
        own = table.unit == unit
        assert set(lag[own]) == {0 if earlier is None else unit - earlier}
        assert {-1 if at < 0 else table.unit[train[at]] for at in place[own]} == {
            -1 if earlier is None else earlier
        }
    assert (place[table.baseline] == -1).all()


def test_time_and_not_number_says_which_unit_came_before(make_table, score):
    """Units numbered against time: the same answers."""
    table = make_table(n_people=2, n_units=24)
    backwards = replace(table, unit=np.where(table.unit < 0, -1, 47 - table.unit))
    in_turn = np.where(table.unit < 0, -1, table.unit % 2)
    train, test = (table.newest[(table.unit[table.newest] % 4 == 2) == out] for out in (0, 1))
    for one in (table, backwards):
        assert score(CONTROLS["previous label"], replace(one, label=in_turn), train, test) == 1.0


def test_majority_answers_the_commonest_state_and_their_shares(make_table):
    """What was dealt to the rows learned from, whatever is asked."""
    table = make_table(n_people=1, n_states=3)
    train = table.newest[:10]
    answer = CONTROLS["majority"].fit(table, train, np.array([2] * 6 + [0] * 4), 0)
    np.testing.assert_allclose(answer(table.newest[:2]), [[0.4, 0.0, 0.6]] * 2)


def test_counted_controls_refer_to_equal_priors(make_table):
    """A file with two thirds of all rows of one state and half of the other's says 4 : 3."""
    table = make_table(n_people=1, n_states=2)
    train = table.newest[:50]
    recording = table.recording.copy()
    recording[train] = np.array([1] * 20 + [2] * 10 + [1] * 10 + [2] * 10)
    recording[table.newest[-1]] = 0
    table = replace(table, recording=recording)
    labels = np.array([0] * 30 + [1] * 20)
    p = CONTROLS["file identity"].fit(table, train, labels, 0)(table.newest[[0, -1]])
    np.testing.assert_allclose(p[0], np.array([2 / 3 + 0.02, 1 / 2 + 0.02]) / (7 / 6 + 0.04))
    np.testing.assert_allclose(p[1], 0.5)  # nothing was learned from that file


@pytest.mark.parametrize(
    ("channel", "place"),
    [("Fp1", ("fp", 1)), ("FCz", ("fc", 0)), ("TP10", ("tp", 10)), ("Ch1", None), ("A2-A1", None)],
)
def test_a_place_is_told_by_the_name(channel, place):
    """10-10 names say where a channel lies, others do not."""
    assert place_of(channel) == (place and Place(*place))


@pytest.mark.parametrize(
    ("name", "channels", "looked_at"),
    [
        ("motor", ("C3", "C1", "Cz", "C4", "F3"), ("C3", "Cz", "C4")),
        ("motor", ("FC1", "C5", "CP2", "T7", "Oz"), ("FC1", "C5", "CP2")),
        ("EMG", ("TP9", "AF7", "F3", "F8", "Pz"), ("TP9", "AF7", "F8")),
    ],
)
def test_looks_at_the_channels_that_it_names_or_the_nearest(make_table, name, channels, looked_at):
    """Other channels may hold what they like; those looked at may not."""
    table = make_table(n_people=1, channels=channels)
    kind = "muscle" if name == "EMG" else name
    train = table.newest
    p = CONTROLS[name].fit(table, train, table.label[train], 0)(train)
    for i, channel in enumerate(channels):
        values = getattr(table, kind).copy()
        values[:, i] = np.random.default_rng(1).standard_normal(len(table))
        other = replace(table, **{kind: values})
        again = CONTROLS[name].fit(other, train, table.label[train], 0)(train)
        assert np.array_equal(p, again) == (channel not in looked_at)


@pytest.mark.parametrize(
    ("channels", "impossible"),
    [
        (("Ch1", "Ch2"), {"EOG", "EMG", "motor", "frontal asymmetry"}),
        (("TP9", "AF7", "AF8", "TP10"), {"motor"}),
        (("Fz", "Cz", "Pz"), {"EMG", "frontal asymmetry"}),
        (("Fp1", "Fp2", "T7", "C3"), set()),
    ],
)
def test_what_cannot_be_looked_at_says_which_channels_there_are(make_table, channels, impossible):
    """A montage without the place wanted is named, and no other control is given up for it."""
    table = make_table(n_people=1, channels=channels)
    reasons = {name: CONTROLS[name].why_not(table) for name in ("EOG", "EMG", "motor")}
    reasons["frontal asymmetry"] = CONTROLS["frontal asymmetry"].why_not(table)
    assert {name for name, why in reasons.items() if why} == impossible
    assert all(channels[0] in why for why in reasons.values() if why)


def test_what_was_not_made_or_never_differs_says_so(make_table):
    """No muscle or motor power, no α, one clip throughout, one unit per session: a reason each."""
    table = make_table(n_people=1)
    none = np.zeros((0, 0))
    assert "20–45 Hz" in CONTROLS["EMG"].why_not(replace(table, muscle=none))
    assert "8–30 Hz" in CONTROLS["motor"].why_not(replace(table, motor=none))
    slow = replace(table, bands=table.bands[:2])
    assert "alpha" in CONTROLS["frontal asymmetry"].why_not(slow)
    assert CONTROLS["EOG"].why_not(slow) == ""
    assert "theta" in CONTROLS["EOG"].why_not(replace(table, bands=table.bands[:1]))
    audible = CONTROLS["audible clip"]
    assert "Nothing" in audible.why_not(table)
    assert "throughout" in audible.why_not(replace(table, audible=np.full(len(table), 2)))
    assert audible.why_not(replace(table, audible=table.unit % 3)) == ""
    previous = CONTROLS["previous label"]
    assert previous.why_not(table) == ""
    alone = replace(table, session=np.where(table.unit < 0, 0, table.unit))
    assert "two units" in previous.why_not(alone)


def files_that_differ(seed, *, rest_apart):
    """Return 12 people with a file of each state; files differ at random, states do not.

    The rest that people are measured by is the first half of the first state's file, or apart.
    """
    labels = [[[0], [1]]] * 12
    table = tables.table_of(labels, rows=100, n_features=10, seed=seed)
    offset = 3.0 * np.random.default_rng(seed + 1000).standard_normal((len(table.recordings), 10))
    place = table.first // table.hop
    rest = (table.label == 0) & (place < 50)
    apart = np.where(rest & rest_apart, -1, table.label)
    return replace(
        table,
        features=table.features + offset[table.recording],
        label=apart,
        unit=np.where(apart < 0, -1, table.unit),
        baseline=rest,
        usable=place >= 60,
    )


def test_nearness_to_rest_tells_what_is_of_the_file_that_the_rest_was_taken_from():
    """No state at all: across people LDA is above chance by that alone, the control even more."""
    rules, scores = Rules(smoothing=0.75), {"lda": [], "nearness to rest": []}
    for seed in range(6):
        table = files_that_differ(seed, rest_apart=False)
        splits = protocol("leave-one-person-out").splits(table, rules)
        for name, method in (*CANDIDATES.items(), *CONTROLS.items()):
            if name in scores:
                answer = answers_of(held_out(table, splits, method.fit, 0))
                rows = np.flatnonzero(answer >= 0)
                scores[name].append(people_scores(table, rows, answer[rows], balanced_accuracy))
    assert np.mean(scores["lda"]) > 0.55
    assert np.mean(scores["nearness to rest"]) > 0.9


def test_nearness_to_rest_is_no_rival_where_the_rest_is_apart():
    """A rest that is no unit that could be dealt is the same for all states."""
    control = CONTROLS["nearness to rest"]
    assert "no part" in control.why_not(files_that_differ(0, rest_apart=True))
    assert control.why_not(files_that_differ(0, rest_apart=False)) == ""


def test_stimuli_that_everybody_sees_in_one_state_pass_for_it_unless_held_out():
    """Two films of each state, the same for four people: across people the film alone tells it."""
    table = tables.table_of([[[0, 1, 0, 1]]] * 4, rows=40)
    table = replace(table, stimulus=table.unit % 4)
    control, rules = CONTROLS["stimulus"], Rules(smoothing=0.75)
    for name, expected in (("leave-one-person-out", 1.0), ("leave-one-stimulus-out", 0.5)):
        splits = protocol(name).splits(table, rules)
        answer = answers_of(held_out(table, splits, control.fit, 0))
        rows = np.flatnonzero(answer >= 0)
        scores = people_scores(table, rows, answer[rows], balanced_accuracy)
        assert scores.tolist() == [expected] * 4
    assert control.why_not(table) == ""
    for unknown in (table.unit, np.full(len(table), -1)):
        assert "No stimulus" in control.why_not(replace(table, stimulus=unknown))


@pytest.mark.parametrize("first", [0, 1])
def test_previous_label_knows_which_state_sessions_begin_with(first):
    """Of the first unit of another session nothing was before: that alone tells its state."""
    other = 1 - first
    table = tables.table_of([[[first, other, first, other], [first, first, other, other]]], rows=20)
    newest = table.newest
    train, test = (newest[table.session[newest] == number] for number in (0, 1))
    p = CONTROLS["previous label"].fit(table, train, table.label[train], 0)(test)
    begin = table.unit[test] == table.unit[test[0]]
    assert (p[begin].argmax(axis=1) == first).all()
    assert p[begin].max() > 0.9

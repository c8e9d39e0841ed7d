"""The score to quote: chosen without what is scored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from decoder.scoring.pairs import Said, accuracies
from decoder.scoring.protocols import PROTOCOLS, protocol
from session.evaluation.jobs import Laid, Setup
from session.evaluation.nested import choose, chosen_answers, inner, nested_result
from tests.session.evaluation import planted

HONEST = ("within", "leave-one-episode-out", "leave-one-person-out", "calibrate", "prequential")


def laid(table, name="leave-one-person-out"):
    """Return a protocol laid out, `calibrate` from a third of a minute."""
    return Laid(table, protocol(name), Setup(0.75, 0.0, "person", "permuted units", minutes=0.3))


def said(table, rows, right):
    """Return answers of which a share is right: the first of every unit, as many of each state."""
    place = np.zeros(len(rows), dtype=np.int64)
    for unit in np.unique(table.unit[rows]):
        own = table.unit[rows] == unit
        place[own] = np.arange(own.sum())
    share = place / np.bincount(table.unit[rows])[table.unit[rows]]
    answer = np.where(share < right, table.label[rows], 1 - table.label[rows])
    return {"row": rows, "p": np.eye(2)[answer], "fold": table.person[rows]}


@pytest.mark.parametrize("name", HONEST)
def test_what_a_fold_is_chosen_by_is_what_it_learns_from(name):
    """No row of the fold, nor any that it purged, is learned from or scored in its choice."""
    outer = laid(planted.table_of(n_people=3, n_units=6), name)
    for number, split in enumerate(outer.splits):
        within = inner(outer, number)
        if within is None:  # a unit of each state, too short to be cut
            assert len(np.unique(outer.table.unit[split.train])) == 2
            continue
        for own in within.splits:
            assert len(own.train)
            assert len(own.test)
            assert np.isin(own.train, split.train).all()
            assert np.isin(own.test, split.train).all()


def test_protocols_tried_are_all_that_these_people_allow():
    """The list above misses no honest protocol that can be run on the planted people."""
    table = planted.table_of(n_people=3, n_units=6)
    there = [p.name for p in PROTOCOLS if not p.leaky and laid(table, p.name).splits]
    assert there == list(HONEST)


def test_where_a_second_session_is_lacking_the_choice_is_made_within_the_first():
    """Leaving a session out of two leaves one, so that its units are held out instead."""
    table = planted.table_of(n_people=2, n_units=8)
    halves = table.session * 2 + (table.unit % 8 >= 4)
    outer = laid(
        replace(table, session=halves, sessions=("a", "b", "c", "d")), "leave-one-session-out"
    )
    assert outer.splits
    within = inner(outer, 0)
    assert within is not None
    assert within.protocol.name == "within"


def test_the_default_stays_unless_another_is_better_by_more_than_a_standard_error():
    """As good or a little better is not enough; clearly better is; of two such, the better one."""
    table = planted.table_of(n_people=4, n_units=4, rows=40)
    rows = table.newest
    default = said(table, rows, 0.6)
    noisy = {k: v.copy() for k, v in default.items()}
    first = table.person[rows] == 0
    second = table.person[rows] == 1
    noisy["p"][first] = said(table, rows, 0.7)["p"][first]
    noisy["p"][second] = said(table, rows, 0.55)["p"][second]  # 0.4 standard errors
    assert choose(table, {"a": default, "b": default}) == "a"
    assert choose(table, {"a": default, "b": noisy}) == "a"
    better, best = said(table, rows, 0.8), said(table, rows, 0.9)
    better["p"][first] = default["p"][first]  # 1.7 standard errors
    best["p"][first] = default["p"][first]
    assert choose(table, {"a": default, "b": better}) == "b"
    assert choose(table, {"a": default, "b": better, "c": best}) == "c"
    assert choose(table, {"c": best, "a": default}) == "c"


def test_of_a_state_with_one_unit_the_parts_count_that_were_held_out():
    """One person, one file of each state, five parts of each: better in two parts is chosen.

    Better in one part alone, or in parts whose sum is held out at once, is not enough.
    """
    table = planted.table_of(n_people=1, n_units=2, rows=59)
    rows = table.newest
    fold = np.arange(len(rows)) % 50 // 10
    right = np.eye(2)[table.label[rows]]
    default = {"row": rows, "p": right.copy(), "fold": fold}
    default["p"][::10] = 1.0 - right[::10]  # one in ten of every part is wrong
    best = {**default, "p": right}
    once = {**default, "p": np.where((np.arange(len(rows)) < 10)[:, None], right, default["p"])}
    assert len(rows) == 100
    assert choose(table, {"a": default, "b": best}) == "b"
    assert choose(table, {"a": default, "b": once}) == "a"
    mixed = np.random.default_rng(0).permutation(len(rows))
    shuffled = {name: {k: v[mixed] for k, v in of.items()} for name, of in
                (("a", default), ("b", best))}  # fmt: skip
    assert choose(table, shuffled) == "b"
    whole = {name: {**of, "fold": np.zeros_like(fold)} for name, of in
             (("a", default), ("b", best))}  # fmt: skip
    assert choose(table, whole) == "a"


def test_what_is_quoted_stands_beside_every_candidate_alone():
    """The difference is paired over people; of what was chosen throughout it is none."""
    table = planted.table_of(n_people=4, n_units=4, rows=40)
    good, poor = said(table, table.newest, 0.9), said(table, table.newest, 0.6)
    chosen = chosen_answers({"a": good, "b": poor}, ["a", "a", "a", "b"])
    found = nested_result(laid(table), chosen, {"a": good, "b": poor}, "nested.npz")
    gain = accuracies(table, Said(good["row"], good["p"])) - accuracies(
        table, Said(poor["row"], poor["p"])
    )
    beside = {one.name: one for one in found.beside}
    assert list(beside) == ["a", "b"]
    expected = np.append(gain[:3], 0.0)
    assert beside["b"].difference == pytest.approx(expected.mean())
    assert beside["b"].standard_error == pytest.approx(expected.std(ddof=1) / 2)
    assert beside["a"].difference == pytest.approx((expected - gain).mean())


def test_without_answers_the_default_is_chosen():
    """Nothing could be held out."""
    none = {"row": np.zeros(0, dtype=np.int64), "p": np.zeros((0, 2))}
    assert choose(planted.table_of(), {"a": none, "b": none}) == "a"


def test_every_fold_is_answered_by_its_own_choice():
    """Rows in order, each fold's by the candidate that was chosen for it."""
    table = planted.table_of(n_people=3, n_units=4)
    rows = table.newest
    good, bad = said(table, rows, 1.0), said(table, rows, 0.0)
    found = chosen_answers({"good": good, "bad": bad}, ["good", "bad", "good"])
    np.testing.assert_array_equal(found["row"], rows)
    scores = accuracies(table, Said(found["row"], found["p"]))
    np.testing.assert_array_equal(scores, [1.0, 0.0, 1.0])


def test_choosing_without_the_fold_adds_no_luck():
    """Of eight guessers the best scores above chance; what is chosen without the fold does not."""
    table = planted.table_of(n_people=6, n_units=6, rows=12)  # few rows, so that luck is large
    rows, names = table.newest, "abcdefgh"
    best, quoted = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        answers = {
            name: {"row": rows, "p": np.eye(2)[rng.integers(0, 2, len(rows))],
                   "fold": table.person[rows]}
            for name in names
        }  # fmt: skip
        scores = [accuracies(table, Said(rows, one["p"])).mean() for one in answers.values()]
        chosen = []
        for person in range(6):
            others = table.person[rows] != person
            inside = {name: {key: of[others] for key, of in one.items()}
                      for name, one in answers.items()}  # fmt: skip
            chosen.append(choose(table, inside))
        found = chosen_answers(answers, chosen)
        best.append(max(scores))
        quoted.append(accuracies(table, Said(rows, found["p"])).mean())
    error = np.std(quoted, ddof=1) / np.sqrt(len(quoted))
    assert np.mean(best) > 0.5 + 5 * error
    assert abs(np.mean(quoted) - 0.5) < 3 * error

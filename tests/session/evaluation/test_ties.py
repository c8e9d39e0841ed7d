"""No score depends on what states are called, so that no p is below the smallest one told."""

from __future__ import annotations

import numpy as np
import pytest

from decoder.methods.catalog import METHODS
from decoder.methods.method import prepared
from decoder.scoring.held_out import people_scores
from decoder.scoring.metrics import balanced_right, right_of
from decoder.scoring.protocols import protocol
from session.evaluation.evaluate import Options, evaluate
from session.evaluation.jobs import Laid, Setup
from session.evaluation.work import answers, null_scores
from tests.session.evaluation import planted

TABLE = planted.table_of(n_people=3, n_units=2, rows=100)
FAST = [m.name for m in METHODS.values() if m.fast and not m.why_not(TABLE)]


def scores_of(name: str, method: str) -> np.ndarray:
    """Return the scores of all relabelings, shape (8, 3)."""
    laid = Laid(TABLE, protocol(name), Setup(0.75, 0.0, "person", "permuted units"))
    assert len(laid.draws) == 8
    return null_scores(laid, METHODS[method], tuple(range(8)))


@pytest.mark.parametrize("method", FAST)
def test_one_unit_per_state_gives_one_score_whatever_is_dealt(method):
    """Within a person, all relabelings are renamings: nobody's score differs between them."""
    assert np.ptp(scores_of("within", method), axis=0).max() < 1e-9


@pytest.mark.parametrize("method", FAST)
def test_relabelings_across_people_come_in_twins(method):
    """Renamed for all people at once, the labels give the same scores."""
    found = scores_of("leave-one-person-out", method)
    np.testing.assert_allclose(found, found[::-1], atol=1e-9)


def half_known(table, train):
    """Know of everybody's second unit which state it has, of the first nothing."""
    second = table.unit % 2 == 1

    def refit(labels, _seed):
        p = np.full((len(table), 2), 0.5)
        for person in np.unique(table.person[train]):
            state = labels[second[train] & (table.person[train] == person)][0]
            p[second & (table.person == person)] = np.eye(2)[state]
        return lambda rows: p[rows]

    return refit


def test_of_a_unit_of_which_nothing_is_known_half_is_right():
    """Were it called the first state, it would be right where that is the first one's."""
    laid = Laid(TABLE, protocol("within"), Setup(0.75, 0.0, "person", "permuted units"))
    half = prepared("half", "control", half_known, "")
    assert null_scores(laid, half, tuple(range(8))).tolist() == [[0.75] * 3] * 8
    said = answers(laid, half, tuple(range(len(laid.splits))))
    right = people_scores(
        TABLE,
        said["row"],
        said["p"],
        lambda truth, p: balanced_right(truth, right_of(truth, p)),
    )
    assert right.tolist() == [0.75] * 3


def test_no_p_is_below_the_smallest_that_is_told(tmp_path):
    """Of no candidate and no control, under no honest protocol."""
    options = Options(protocols=("within", "leave-one-person-out"), decoders=("lda",))
    found = evaluate(planted.gathered(TABLE), tmp_path / "out", options)
    smallest = {p.name: {m.null.smallest_p for m in p.decoders} for p in found.protocols}
    assert smallest == {"within": {1.0}, "leave-one-person-out": {0.25}}
    for shown in found.protocols:
        assert len(shown.decoders) > 5
        assert all(m.null.p >= m.null.smallest_p for m in shown.decoders)

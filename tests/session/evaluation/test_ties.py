"""No score depends on what states are called, so that no p is below the smallest one told."""

from __future__ import annotations

import numpy as np
import pytest

from decoder.methods.catalog import METHODS
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


def test_where_nothing_is_known_of_a_unit_half_is_right():
    """No unit comes before the first: two states share the answer, the second follows the first."""
    assert np.unique(scores_of("within", "previous label").round(9)).tolist() == [0.75]
    laid = Laid(TABLE, protocol("within"), Setup(0.75, 0.0, "person", "permuted units"))
    said = answers(laid, METHODS["previous label"], tuple(range(len(laid.splits))))
    first = TABLE.unit[said["row"]] % 2 == 0
    assert (np.ptp(said["p"][first], axis=1) == 0).all()
    assert (np.ptp(said["p"][~first], axis=1) > 0).all()


def test_no_p_is_below_the_smallest_that_is_told(tmp_path):
    """Of no candidate and no control, under no honest protocol."""
    options = Options(protocols=("within", "leave-one-person-out"), decoders=("lda",))
    found = evaluate(planted.gathered(TABLE), tmp_path / "out", options)
    smallest = {p.name: {m.null.smallest_p for m in p.decoders} for p in found.protocols}
    assert smallest == {"within": {1.0}, "leave-one-person-out": {0.25}}
    for shown in found.protocols:
        assert len(shown.decoders) > 5
        assert all(m.null.p >= m.null.smallest_p for m in shown.decoders)

"""What the draws of a protocol are told of the data set."""

from __future__ import annotations

import numpy as np
import pytest

from decoder.scoring.protocols import protocol
from session.evaluation.conclude import Scored, chances, least, protocol_result
from session.evaluation.evaluate import Options, setup_of
from session.evaluation.jobs import Laid, plan
from session.evaluation.work import answers, catalog
from tests.decoder.scoring.tables import HOP, RATE, table_of
from tests.session.evaluation import planted

TABLE = table_of([[[0, 1] * 4], [[1, 0] * 4]], rows=[50, 60, 70])


def laid_out(margin: float) -> Laid:
    """Return a protocol over sessions of held keys whose labels change with a margin."""
    data = planted.gathered(TABLE, unit="episode", dealt="session", margin=margin)
    return Laid(TABLE, protocol("within"), setup_of(data, Options(), "within"))


@pytest.mark.parametrize("margin", [1.0, 4.5])
def test_pseudosessions_keep_the_data_sets_margin(margin):
    """No row that is used lies nearer to a change of the drawn labels than to one of the true."""
    laid = laid_out(margin)
    assert laid.draws.kind == "pseudosessions"
    for i in (0, 1, 7):
        drawn = laid.draws[i]
        turns = np.flatnonzero((np.diff(drawn.unit) != 0) & (np.diff(drawn.session) == 0)) + 1
        away = np.abs(drawn.newest[:, None] - (turns - 0.5)).min() * HOP / RATE
        assert margin <= away < margin + 1.5 * HOP / RATE


def test_another_margin_is_another_null():
    """Null scores are made anew, held-out answers are not."""
    lda = catalog.of("lda")
    one, other = (
        {job.key for job in plan([laid_out(margin)], [lda], "code")} for margin in (1.0, 4.5)
    )
    assert len(one & other) == 1
    assert len(one - other) == len(one) - 1 > 1


def test_sequences_that_could_have_been_held_are_counted():
    """Two people with four episodes of each of two states, of three lengths."""
    found = chances(laid_out(1.0))
    orders = 2  # which state is first
    # 50 60 70 50 60 70 50 60 rows: the even ones 50 70 60 50, the odd ones 60 50 70 60, and so on
    lengths = 12 * 12
    assert found.n == (orders * lengths) ** 2
    assert found.smallest == 1 / found.n
    assert least(found, 200, complete=False) == 1 / 201


@pytest.mark.parametrize("n_episodes", [2, 4])
def test_no_p_is_smaller_than_the_sequences_allow(n_episodes):
    """Of few sequences many draws are the true one; p is not below one divided by their number."""
    table = table_of([[[0, 1] * (n_episodes // 2)]], rows=[60, 61, 62, 63], strength=9.0)
    data = planted.gathered(table, unit="episode", dealt="session")
    laid = Laid(table, protocol("within"), setup_of(data, Options(), "within"))
    lda = catalog.of("lda")
    made = answers(laid, lda, tuple(range(len(laid.splits))))
    order = np.argsort(made["row"])
    drawn = np.arange(len(laid.draws))
    scored = Scored(
        lda, made["row"][order], made["p"][order], made["fold"][order],
        drawn, np.full((len(drawn), 1), 0.5), "", "",
    )  # fmt: skip
    (shown,) = protocol_result(laid, [scored], None, primary=True).decoders
    n = {2: 2, 4: 8}[n_episodes]
    assert shown.null.n_relabelings == str(n)
    assert shown.null.smallest_p == shown.null.p == 1 / n

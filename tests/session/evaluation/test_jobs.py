"""What the draws of a protocol are told of the data set."""

from __future__ import annotations

import numpy as np
import pytest

from decoder.scoring.protocols import protocol
from session.evaluation.evaluate import Options, setup_of
from session.evaluation.jobs import Laid, plan
from session.evaluation.work import catalog
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

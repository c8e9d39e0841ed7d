"""What an evaluation warns of, in terminal, JSON and page."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from decoder.scoring.verdicts import ALIKE
from session.evaluation.evaluate import Options, evaluate
from session.evaluation.show import page
from session.evaluation.show.terminal import in_words
from session.evaluation.verb import as_json
from tests.session.evaluation import planted
from tests.session.evaluation.sentences import unlike_sentences

REST = "cut from the one file of a state"
PROTOCOLS = ("within", "leave-one-person-out")


def cut_from_the_file(table):
    """Return the table with everybody's rest as the beginning of the one file of a state."""
    unit, label = table.unit.copy(), table.label.copy()
    for person in range(len(table.people)):
        own = table.person == person
        unit[own & table.baseline] = table.unit[own & (table.label == 0)][0]
        label[own & table.baseline] = 0
    return replace(table, unit=unit, label=label)


@pytest.fixture(scope="module", params=PROTOCOLS)
def one_unit(request, tmp_path_factory):
    """Return an evaluation of people with a file per state whose rest is of one of them, folder."""
    out = tmp_path_factory.mktemp("one") / "out"
    table = cut_from_the_file(planted.table_of(n_people=3, n_units=2, rows=100))
    data = planted.gathered(table, primary=request.param)
    return evaluate(data, out, Options(protocols=PROTOCOLS, decoders=("lda",))), out


def shown(found, out):
    """Return terminal, JSON and page, white space as one blank."""
    everywhere = (in_words(found), str(as_json(found, [out])), page.render(found))
    return [" ".join(words.split()) for words in everywhere]


@pytest.mark.long
def test_where_nothing_can_be_significant_the_reason_is_told_in_words(one_unit):
    """Within people with one unit of a state it is the units, across three people their number."""
    found, out = one_unit
    within = found.protocols[0].primary
    assert found.protocols[0].why.startswith(ALIKE)
    across = "A score under leave-one-person-out cannot be significant with 3 people: 8 relabelings"
    assert found.warnings[0].startswith(ALIKE if within else across)
    for words in shown(found, out):
        assert (ALIKE if within else across) in words
    assert unlike_sentences(*found.warnings, found.why) == []


def test_a_rest_that_is_of_a_scored_file_is_warned_of(one_unit):
    """Relabelings leave it in its file, so that p across people is too small; within, p is 1."""
    found, out = one_unit
    across = not found.protocols[0].primary
    assert [REST in words for words in found.warnings].count(True) == int(across)
    for words in shown(found, out):
        assert (REST in words) == across


def test_a_rest_of_its_own_is_not(tmp_path):
    """Where the rest is a file of its own, nothing is said of it."""
    table = planted.table_of(n_people=3, n_units=2)
    options = Options(protocols=("leave-one-person-out",), decoders=("lda",))
    found = evaluate(planted.gathered(table), tmp_path / "out", options)
    assert not np.isin(table.unit[table.baseline], table.unit[table.newest]).any()
    assert not any(REST in words for words in found.warnings)

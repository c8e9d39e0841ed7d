"""Simulated cohorts as recordings, and the verb that writes them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from session.cli import main
from session.evaluation.cohort.files import marks_of, write
from session.evaluation.cohort.people import Cohort, draw, members
from session.evaluation.data.assemble import Gathered
from session.evaluation.data.sources import gather_given

COHORT = Cohort(people=1, episodes=6, strength=2.0, auditory=1.0, varies=0.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the recordings of a person in whom states show clearly."""
    out = tmp_path_factory.mktemp("cohort") / "new"
    write(COHORT, 7, out, lambda _share, _what: None)
    return out


@pytest.fixture(scope="module")
def gathered(folder: Path) -> Gathered:
    """Return them as an evaluation sees them."""
    return gather_given([folder / "cohort.toml"], folder, None)


def test_recordings_hold_the_episodes_of_the_drawn_rows(gathered: Gathered) -> None:
    """The same seed gives the same people, states and durations; rows are labelled alike."""
    table, drawn = gathered.table, draw(COHORT, 7)
    assert gathered.simulated
    assert table.states == drawn.states
    of_drawn = dict(zip(np.round(drawn.t, 6), drawn.label, strict=True))
    both = [(a, of_drawn[t]) for t, a in zip(np.round(table.t, 2), table.label, strict=True)
            if t in of_drawn]  # fmt: skip
    same = np.mean([a == b for a, b in both])
    assert len(both) > 400
    assert same > 0.98  # a border may lie a sample off
    assert len(np.unique(table.unit[table.usable])) == 6


def test_what_was_heard_is_told(gathered: Gathered) -> None:
    """Usable rows hear what the keys said."""
    table = gathered.table
    np.testing.assert_array_equal(table.audible[table.usable], table.label[table.usable])
    assert table.baseline.sum() > 80


def test_states_show_where_they_show_in_the_drawn_rows(gathered: Gathered) -> None:
    """Differences of states' means resemble what the person's truth says."""
    table, truth = gathered.table, members(COHORT, 7)[0].person
    means = np.array([table.features[table.usable & (table.label == i)].mean(0) for i in range(3)])
    seen = means - means.mean(axis=0)
    expected = truth.felt + truth.heard - (truth.felt + truth.heard).mean(axis=0)
    assert np.corrcoef(seen.ravel(), expected.ravel())[0, 1] > 0.8


def test_markers_stand_in_order() -> None:
    """Rest, states, what is heard two seconds later, the end; silence says nothing of sound."""
    what = members(COHORT, 7)[0].visits[0]
    marks = marks_of(COHORT, what)
    assert [t for t, _ in marks] == sorted(t for t, _ in marks)
    assert marks[-1] == (30.0 + what.seconds.sum(), "end")
    assert sum(code.startswith("hears") for _, code in marks) == 7
    assert not any("hears" in code for _, code in marks_of(Cohort(), what))


def test_nothing_is_written_over(folder: Path) -> None:
    """A folder that holds something is refused."""
    assert main(["simulate", "cohort", "--out", str(folder)]) == 2


def test_the_verb_tells_the_truth(capsys: pytest.CaptureFixture[str]) -> None:
    """In words and as JSON it says SIMULATED, the ideal observer's share and the confounds."""
    verb = ["simulate", "cohort", "--people", "2", "--ideal", "0.8", "--leak", "1"]
    assert main(verb) == 0
    said = capsys.readouterr().out
    assert said.startswith("SIMULATED cohort")
    assert "right in 0.80" in said
    assert main([*verb, "--json"]) == 0
    truth = json.loads(capsys.readouterr().out)
    assert truth["simulated"]
    assert truth["confounds"] == ["audible clip"]
    assert [one["name"] for one in truth["people"]] == ["P01", "P02"]


@pytest.mark.parametrize(
    "wrong", [["--seed", "-1"], ["--episodes", "7"], ["--shared", "2"], ["--ideal", "0.2"]]
)
def test_a_cohort_that_cannot_be_is_wrong_use(wrong: list[str]) -> None:
    """One sentence, exit code 2."""
    assert main(["simulate", "cohort", *wrong]) == 2

"""Controls that explain the score are told from those that do not."""

from __future__ import annotations

import pytest

from decoder.leaks.confounds import MEANINGS, Rivalry, confound


def rivalry(control="motor", score=0.8, **more):
    """Return a control beside a candidate at 0.85, two states, a null up to 0.6."""
    told = {"null_95": 0.6, "candidate": "lda", "best": 0.85, "difference": 0.85 - score}
    return Rivalry("within", control, 0.5, score, **{**told, **more})


@pytest.mark.parametrize("control", MEANINGS)
@pytest.mark.parametrize("score", [0.8, 0.84])
def test_a_control_within_one_standard_error_is_found(control, score):
    """It tells states, and the candidate is not better by more than its error."""
    found = confound(rivalry(control, score, standard_error=0.06))
    assert found.found
    assert found.name == control
    assert found.meaning == MEANINGS[control][0]
    assert f"{score:.2f}" in found.what
    assert "0.85" in found.what


@pytest.mark.parametrize("control", ["motor", "audible clip"])
@pytest.mark.parametrize("score", [0.7, 0.79])
def test_a_control_that_is_clearly_worse_is_not(control, score):
    """It tells states, but the candidate tells them better."""
    found = confound(rivalry(control, score, standard_error=0.05))
    assert found.found is False
    assert found.meaning == MEANINGS[control][1]


def test_the_clock_is_a_leak_by_itself():
    """Time that tells states is told even where a candidate is far better."""
    assert confound(rivalry("time index", 0.65, standard_error=0.01)).found


@pytest.mark.parametrize("control", MEANINGS)
@pytest.mark.parametrize("score", [0.5, 0.6])
def test_a_control_at_chance_explains_nothing(control, score):
    """Beside a candidate at chance everything is close; that is no confound."""
    found = confound(rivalry(control, score, best=0.55, difference=0.55 - score))
    assert found.found is False


@pytest.mark.parametrize("null_95", [None, 1.0])
def test_few_labelings_hide_no_perfect_control(null_95):
    """Where the null reaches a perfect score, half of what guessing leaves is the line."""
    assert confound(rivalry("time index", 1.0, null_95=null_95)).found
    found = confound(rivalry("time index", 0.7, null_95=null_95))
    assert found.found is False
    assert found.critical == 0.75


def test_what_was_not_run_is_left_open():
    """The reason is given."""
    found = confound(Rivalry("within", "audible clip", 0.5, why_not="Nothing was audible."))
    assert found.found is None
    assert found.what == "Nothing was audible."


def test_without_a_candidate_the_control_stands_alone():
    """A control that tells states is found where no candidate was run."""
    assert confound(Rivalry("within", "motor", 0.5, 0.8, 0.6)).found

"""The gate's rule and its numbers, and the verdict over a data set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from decoder import scoring
from decoder.scoring.verdicts import Evidence, Rival, conclude


@pytest.mark.parametrize(
    ("n_episodes", "n_states", "expected"),
    [
        (12, 2, 10 / 12),
        (20, 2, 15 / 20),
        (19, 3, 11 / 19),
        (5, 3, 4 / 5),
        (2, 2, None),
        (4, 2, None),
    ],
)
def test_critical_values_of_the_documented_cases(n_episodes, n_states, expected):
    """12 episodes of two states need 0.83, 20 need 0.75; 4 can prove nothing."""
    assert scoring.critical_value(n_episodes, n_states) == expected


@given(st.integers(5, 80), st.sampled_from([2, 3]))
def test_critical_value_is_the_least_that_chance_seldom_reaches(n, n_states):
    """Scipy's binomial: at the critical value at most 5 %, one episode less more than 5 %."""
    critical = scoring.critical_value(n, n_states)
    k = round(critical * n)
    chance = stats.binom(n, 1 / n_states)
    assert chance.sf(k - 1) <= 0.05 < chance.sf(k - 2)


@given(st.integers(5, 80), st.sampled_from([2, 3]))
def test_chance_band_holds_95_percent(n, n_states):
    """At most 2.5 % of guesses lie beyond either end."""
    low, high = scoring.chance_band(n, n_states)
    chance = stats.binom(n, 1 / n_states)
    assert chance.cdf(round(low * n) - 1) <= 0.025 < chance.cdf(round(low * n))
    assert chance.sf(round(high * n)) <= 0.025 < chance.sf(round(high * n) - 1)


@pytest.mark.parametrize(
    ("score", "episodes", "verdict"),
    [
        (0.84, (6, 6), "follows"),
        (0.80, (6, 6), "unclear"),
        (0.75, (6, 6), "guessing"),
        (0.30, (6, 6, 7), "guessing"),
        (0.55, (6, 6, 7), "unclear"),
        (0.58, (6, 6, 7), "follows"),
        (1.00, (11, 1), "unclear"),
        (0.95, (1, 1), "unclear"),
        (0.50, (1, 1), "guessing"),
    ],
)
def test_the_gates_verdicts(score, episodes, verdict):
    """The rule of the module, case by case."""
    judgement = scoring.judge(score, episodes)
    assert judgement.verdict == verdict
    assert f"{score:.2f}" in judgement.why


GOOD = Evidence(
    leaky=False,
    candidate="lda",
    score=0.7,
    p=0.01,
    null_95=0.58,
    n_people=12,
    n_relabelings=10**9,
    smallest_p=1e-6,
    rivals=(Rival("eog", 0.2, 0.03), Rival("motor", 0.15, 0.04)),
    cut=False,
)
NEAR = (Rival("eog", 0.2, 0.03), Rival("motor", 0.04, 0.04), Rival("time index", -0.1, 0.02))


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, "follows"),
        ({"leaky": True}, "LEAKY"),
        ({"leaky": True, "p": None, "rivals": NEAR}, "LEAKY"),
        ({"p": None, "null_95": None}, "unclear"),
        ({"smallest_p": 0.0625, "p": 0.0625}, "unclear"),
        ({"smallest_p": 0.0625, "p": 0.0625, "rivals": NEAR}, "unclear"),
        ({"p": 0.05}, "follows"),
        ({"p": 0.051, "score": 0.58}, "guessing"),
        ({"p": 0.5, "score": 0.5, "rivals": NEAR}, "guessing"),
        ({"p": 0.08, "score": 0.6}, "unclear"),
        ({"rivals": NEAR}, "confounded by time index"),
        ({"rivals": (Rival("motor", 0.041, 0.04),)}, "follows"),
        ({"rivals": (Rival("motor", 0.04, 0.04),)}, "confounded by motor"),
        ({"rivals": (Rival("motor", 0.04, None),)}, "follows"),
        ({"rivals": (Rival("motor", 0.0, None),)}, "confounded by motor"),
        ({"rivals": (Rival("file", 0.4, 0.01, by_design=True),)}, "confounded by file"),
        ({"rivals": ()}, "follows"),
        ({"cut": True}, "unclear"),
        ({"cut": True, "rivals": NEAR}, "confounded by time index"),
    ],
)
def test_the_verdict_over_a_data_set(changed, verdict):
    """The rules in their order, at their borders."""
    assert conclude(GOOD._replace(**changed)).verdict == verdict


def test_too_few_people_are_named_with_their_relabelings():
    """Five people with two files each: the sentence that says so."""
    found = conclude(GOOD._replace(n_people=5, n_relabelings=32, smallest_p=0.0625, p=0.0625))
    assert "cannot be significant with 5 people (32 relabelings, p = 0.0625" in found.why
    one = conclude(GOOD._replace(n_people=1, n_relabelings=6, smallest_p=1 / 3, p=1 / 3))
    assert "one person (6 relabelings" in one.why


def test_where_a_state_has_one_unit_no_number_stands_for_a_reason():
    """Within a person all relabelings are alike: that is said, and no count of them."""
    changed = {"n_people": 5, "n_relabelings": 32, "smallest_p": 1.0, "p": 1.0}
    found = conclude(GOOD._replace(cut=True, **changed))
    assert found.verdict == "unclear"
    assert "Within a person nothing can be significant" in found.why
    assert "a state has one unit" in found.why
    assert "0.70" in found.why
    assert "32" not in found.why
    assert "one unit" not in conclude(GOOD._replace(**changed)).why


def test_all_controls_that_explain_the_score_are_named():
    """The best control heads the verdict, the sentence lists both."""
    found = conclude(GOOD._replace(rivals=NEAR))
    assert found.confounds == ("time index", "motor")
    assert "time index and motor are within" in found.why
    assert "motor is within" in conclude(GOOD._replace(rivals=NEAR[:2])).why

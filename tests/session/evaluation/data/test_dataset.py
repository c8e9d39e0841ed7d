"""A data set's TOML says what it means, or one sentence says what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from decoder.settings import SMOOTHING, DecoderSettings
from rym.errors import UsageError
from session.evaluation.data.dataset import load
from tests.session.evaluation.folders import TWO_STATES, toml

CONFIGS = Path(__file__).parents[4] / "configs" / "datasets"

MARKERS = """
[data]
name = "m"
states = ["calm", "busy"]
unit = "trial"
[files]
pattern = '(?P<person>.+)\\.csv'
[labels]
by = "markers"
codes = { 1 = "calm", 2 = "busy", 9 = "none" }
"""


def test_those_that_come_with_rym_say_what_their_data_are() -> None:
    """One unit per file; arithmetic is judged across people by an own rest, or by halves."""
    rest = load(CONFIGS / "rest-arithmetic.toml")
    assert (rest.data.unit, rest.data.primary) == ("file", "leave-one-person-out")
    assert rest.data.states == ("rest", "arithmetic")
    assert (rest.baseline.state, rest.baseline.seconds) == ("rest", 60.0)
    halves = load(CONFIGS / "rest-arithmetic-halves.toml")
    assert (halves.data.primary, halves.baseline.state) == ("calibrate", "")
    assert (halves.files, halves.stream) == (rest.files, rest.stream)
    muse = load(CONFIGS / "muse-states.toml")
    assert muse.data.states == ("relaxed", "neutral", "concentrating")
    assert muse.data.unit == "file"


def test_what_is_left_out_is_as_live(tmp_path: Path) -> None:
    """Filters, features and smoothing are those of a session; a lag is of keys alone."""
    dataset = load(toml(tmp_path / "d.toml", MARKERS))
    assert dataset.data.smoothing == SMOOTHING
    assert dataset.features == DecoderSettings().features
    assert dataset.labels.delay == 0.0
    text = MARKERS.replace('by = "markers"', 'by = "keys"').replace(
        'codes = { 1 = "calm", 2 = "busy", 9 = "none" }',
        'keys = [{ channel = "K", state = "calm" }]\notherwise = "busy"',
    )
    assert load(toml(tmp_path / "k.toml", text)).labels.delay == 0.5


def test_a_name_that_is_no_state_can_hold_the_baseline(tmp_path: Path) -> None:
    """A code may be mapped to what is only rested in."""
    text = MARKERS.replace('9 = "none"', '7 = "eyes", 9 = "none"')
    assert load(toml(tmp_path / "d.toml", text + '[baseline]\nstate = "eyes"\n')).baseline.state
    with pytest.raises(UsageError, match=r"labels.codes.7 is 'eyes'"):
        load(toml(tmp_path / "d.toml", text))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "two"', 'nmae = "two"', r"data.nmae is an unknown key; the nearest .* 'name'"),
        ("[files]", "[flies]", r"flies is an unknown table; the nearest known one is 'files'"),
        ('unit = "file"', 'unit = "row"', r"data.unit: .*'row'"),
        ('unit = "file"', 'unit = "trial"', r"data.unit is 'trial', but labels are by 'file'"),
        ('["rest", "work"]', '["rest"]', r"data.states are rest; two different ones"),
        ('["rest", "work"]', '["rest", "none"]', r"none called `none`"),
        ("leave-one-person-out", "leave-one-persn-out", r"nearest .* 'leave-one-person-out'"),
        ("leave-one-person-out", "paper", r"data.primary is 'paper'"),
        ("(?P<person>[a-z]+)", "[a-z]+", r"groups state, but not 'person'"),
        ("(?P<state>", "(?P<stat>", r"a group is 'stat'; the nearest known one is 'state'"),
        ("(?P<person>[a-z]+)", "(?P<person>[a-z+", r"files.pattern is no regular expression"),
        ("[files]", '[baseline]\nstate = "rset"\n[files]', r"baseline.state is 'rset'.* 'rest'"),
        ("[files]", "[baseline]\nseconds = 0.0\n[files]", r"baseline.seconds: .*0"),
        ("[files]", "[files]\nstates = { 1 = 'wrok' }", r"files.states.1 is 'wrok'.* 'work'"),
        ("[files]", "[labels]\nby = 'keys'\n[files]", r"data.unit is 'file', but labels are by"),
        ("[files]", "[stream.conditioning]\nhighpass = 1\n[files]", r"nearest .* 'high_pass'"),
    ],
)
def test_what_cannot_be_is_one_sentence(tmp_path: Path, old: str, new: str, said: str) -> None:
    """File, key, value and the nearest known name stand in it."""
    assert old in TWO_STATES
    path = toml(tmp_path / "d.toml", TWO_STATES.replace(old, new))
    with pytest.raises(UsageError, match=said) as failed:
        load(path)
    assert str(path) in failed.value.error
    assert failed.value.remedy


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MARKERS.replace('by = "markers"', 'by = "keys"'), "labels.codes has 3 entries"),
        (MARKERS.replace("codes =", "#"), "labels.codes has 0 entries"),
        (MARKERS.replace('2 = "busy"', '2 = "bsy"'), "labels.codes.2 is 'bsy'; .* 'busy'"),
        (TWO_STATES.replace("pattern", "#"), "files.pattern is empty, but files bear the labels"),
        ("[data]\nname = 3", "data.name"),
        ("[data", "not valid TOML"),
    ],
)
def test_labels_must_be_sayable(tmp_path: Path, text: str, said: str) -> None:
    """Codes belong to markers, channels to keys, a pattern to files."""
    with pytest.raises(UsageError, match=said):
        load(toml(tmp_path / "d.toml", text))

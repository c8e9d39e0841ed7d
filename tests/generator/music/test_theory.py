import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.music.theory import (
    KEYS,
    MODES,
    nearest_degree,
    pitch_class,
    place,
    semitones,
    sounding_chord,
)


@pytest.mark.parametrize("mode", MODES)
@given(degree=st.integers(-40, 40))
def test_degree_survives_the_way_to_semitones_and_back(mode, degree):
    """Every degree of every mode is found again from its pitch."""
    assert nearest_degree(semitones(degree, mode), mode) == degree


def test_modes_rise_from_dark_to_bright():
    """Each mode of the table has more semitones above the centre than the one before it."""
    sums = [sum(steps) for steps in MODES.values()]
    assert sums == sorted(set(sums))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("root", range(7))
def test_no_chord_is_diminished(mode, root):
    """What sounds has a perfect fifth and two tones of what was asked for."""
    sounding = sounding_chord(root, mode)
    assert semitones(sounding + 4, mode) - semitones(sounding, mode) in (7, 8)
    asked = {(root + step) % 7 for step in (0, 2, 4)}
    assert len(asked & {(sounding + step) % 7 for step in (0, 2, 4)}) >= 2


@given(pitch=st.integers(0, 127), lowest=st.integers(0, 100))
def test_place_moves_by_octaves_only(pitch, lowest):
    """The pitch class stays, the octave is the wanted one."""
    placed = place(pitch, lowest)
    assert lowest <= placed < lowest + 12
    assert (placed - pitch) % 12 == 0


def test_keys_have_their_pitch_classes():
    """Both spellings of a black key are the same key; an unknown name is none."""
    assert [pitch_class(key) for key in KEYS] == list(range(12))
    assert pitch_class("F#") == pitch_class("Gb") == 6
    assert pitch_class("H") is None

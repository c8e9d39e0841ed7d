import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.memory import MelodyNote, Memory
from generator.music.composition import BEATS, HALF_CADENCE, HIGH, LOW, compose
from generator.music.theory import semitones
from generator.settings import GeneratorSettings

FULL = GeneratorSettings()


@given(seed=st.integers(0, 2**32 - 1), bars=st.integers(2, 12))
@settings(max_examples=40, deadline=None)
def test_made_up_piece_keeps_its_bounds(seed, bars):
    """Any seed gives a tune within its range and bars, and sections that end alike."""
    piece = compose(Memory(text="x", seed=seed), GeneratorSettings(bars=bars))
    assert 66 <= piece.bpm <= 84
    for section in piece.sections:
        assert len(section) == FULL.variants
        for variant in section:
            assert len(variant.chords) == bars
            assert variant.chords[-1] == HALF_CADENCE
            assert variant.tune[0].beat == 0
            for tone in variant.tune:
                assert 0 <= tone.beat < bars * BEATS
                assert LOW - 1 <= tone.degree <= HIGH + 1


def test_same_seed_same_piece_other_seed_another():
    """All that is drawn follows the seed."""
    pieces = [compose(Memory(text="x", seed=seed), FULL) for seed in (3, 3, 4)]
    assert pieces[0] == pieces[1]
    assert pieces[0] != pieces[2]


def test_wishes_are_met():
    """Tempo and key are taken over as they are."""
    piece = compose(Memory(text="x", tempo=68.5, key="Bb"), FULL)
    assert (piece.bpm, piece.key, piece.tonic % 12) == (68.5, "Bb", 10)


def test_variant_ornaments_the_tune_over_the_same_chords():
    """A variant keeps the chords and every strong first tone, and is not a copy."""
    piece = compose(Memory(text="x", seed=1), msgspec.structs.replace(FULL, variants=3))
    plain, *others = piece.sections[0]
    for other in others:
        assert other.chords == plain.chords
        assert other.tune != plain.tune
        assert {(t.beat, t.degree) for t in plain.tune} <= {(t.beat, t.degree) for t in other.tune}


SONG = [(0, 1, 67), (1, 1, 65), (2, 2, 64), (4, 1, 62), (5, 1, 64), (6, 2, 60)]


def song(shift: int = 0) -> tuple[MelodyNote, ...]:
    """Return the song, moved by semitones."""
    return tuple(MelodyNote(beat, length, pitch + shift) for beat, length, pitch in SONG)


@pytest.mark.parametrize("shift", [0, 2, -5])
def test_song_keeps_its_key_and_its_intervals(shift):
    """The person's song stands in its own key, its tones in the song's order and distances."""
    piece = compose(Memory(text="x", melody=song(shift)), FULL)
    assert piece.tonic % 12 == (60 + shift) % 12
    degrees = [tone.degree for tone in piece.sections[0][0].tune[: len(SONG)]]
    pitches = [semitones(degree, "major") for degree in degrees]
    assert [p - pitches[0] for p in pitches] == [note[2] - 67 for note in SONG]


def test_song_goes_on_through_the_sections_and_begins_again():
    """The second section takes up where the first ended; a short song is repeated."""
    long = tuple(MelodyNote(float(beat), 1.0, 60 + (0, 2, 4)[beat // 8 % 3]) for beat in range(16))
    piece = compose(Memory(text="x", melody=long, key="C"), GeneratorSettings(sections=2, bars=3))
    first, second = (section[0].tune for section in piece.sections)
    tones = [tone.degree for tone in (*first, *second)]
    assert tones[:16] == tones[16:] + tones[8:16]


def test_named_key_is_the_songs_own():
    """A song that ends away from its centre is heard in the key that the person names."""
    rows = ((0, 1, 62), (1, 1, 66), (2, 2, 69), (4, 1, 67), (5, 1, 66), (6, 2, 64))
    melody = tuple(MelodyNote(*row) for row in rows)
    piece = compose(Memory(text="x", melody=melody, key="D"), FULL)
    assert [tone.degree for tone in piece.sections[0][0].tune[:6]] == [0, 2, 4, 3, 2, 1]
    assert (piece.key, piece.modes["neutral"]) == ("D", "mixolydian")


def test_chords_hold_the_song():
    """Most of a song's time lies on tones of the chords that were chosen for it."""
    piece = compose(Memory(text="x", melody=song()), GeneratorSettings(bars=8))
    variant = piece.sections[0][0]
    inside = sum(
        tone.length
        for tone in variant.tune
        if (tone.degree - variant.chords[int(tone.beat // BEATS)]) % 7 in (0, 2, 4)
    )
    assert inside >= 0.6 * sum(tone.length for tone in variant.tune)

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.memory import MelodyNote, Memory
from generator.music.characters import CHARACTERS
from generator.music.composition import HALF_CADENCE, compose
from generator.music.given import barred
from generator.music.harmony import PLAIN, holds, sounding
from generator.music.theory import BEATS, semitones
from generator.music.tune import HIGH, LOW
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
            assert variant.chords[0].beat == 0
            assert variant.chords[-1].beat == (bars - 1) * BEATS
            assert variant.chords[-1].root == HALF_CADENCE
            assert {chord.plain for chord in variant.chords} <= set(PLAIN)
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


@pytest.mark.parametrize("seed", range(4))
def test_variant_keeps_the_tune_and_puts_other_chords_under_it(seed):
    """A variant keeps every tone's beginning and hears some of them over another chord."""
    piece = compose(Memory(text="x", seed=seed), FULL)
    for plain, other in piece.sections:
        assert {(t.beat, t.degree) for t in plain.tune} <= {(t.beat, t.degree) for t in other.tune}
        assert other.tune != plain.tune
        assert [c.beat for c in other.chords] == [c.beat for c in plain.chords]
        assert other.chords[-1] == plain.chords[-1]
        changed = sum(a != b for a, b in zip(plain.chords, other.chords, strict=True))
        assert changed >= 1


@pytest.mark.parametrize("seed", range(4))
def test_neighbouring_sections_have_characters_of_their_own(seed):
    """No section is like the ones beside it, round and round."""
    piece = compose(Memory(text="x", seed=seed), FULL)
    row = [section[0].character for section in piece.sections]
    assert len(set(row)) == min(len(row), len(CHARACTERS))
    assert row[0] != len(CHARACTERS) - 1


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
        if holds(sounding(variant.chords, tone.beat).root, tone.degree)
    )
    assert inside >= 0.6 * sum(tone.length for tone in variant.tune)


def rows(*notes: tuple[float, float, int]) -> tuple[MelodyNote, ...]:
    """Return a melody from rows of beat, length and pitch."""
    return tuple(MelodyNote(*note) for note in notes)


def test_pick_up_is_put_before_the_bar_line():
    """A song whose long tones stand off the bar is moved so that they begin bars."""
    song = rows(*((beat, 3.0, 60 + k) if beat % 4 == 1 else (beat, 1.0, 67)
                  for k in range(4) for beat in (4.0 * k, 4.0 * k + 1)))  # fmt: skip
    moved = barred(song)
    assert moved[0].beat == 3
    assert all(note.beat % 4 == 0 for note in moved if note.length == 3)


def test_waltz_becomes_bars_of_four():
    """Bars of three keep their tones and order; each has one beat more, for its last tone."""
    waltz = rows(*((3.0 * k + at, length, pitch) for k in range(8)
                   for at, length, pitch in ((0, 2.0, 60 + k), (2, 1.0, 64))))  # fmt: skip
    wide = barred(waltz)
    assert [note.pitch for note in wide] == [note.pitch for note in waltz]
    assert [note.beat for note in wide] == [b for k in range(8) for b in (4 * k, 4 * k + 2)]
    assert [note.length for note in wide[:2]] == [2, 2]


def test_plain_song_is_left_where_it_is():
    """A song that already stands on its bars is not moved."""
    assert barred(song()) == song()


def test_tones_beside_the_mode_keep_their_pitch():
    """A chromatic tone of the song is heard as it is in neutral, and has a degree for the rest."""
    piece = compose(Memory(text="x", melody=rows(*SONG, (8, 1, 66), (9, 3, 67)), key="C"), FULL)
    tone = piece.sections[0][0].tune[len(SONG)]
    assert tone.shift != 0
    assert (semitones(tone.degree, piece.modes["neutral"]) + tone.shift) % 12 == 6


def test_short_song_begins_with_every_section():
    """A song of three bars opens every section of eight."""
    piece = compose(Memory(text="x", melody=rows(*SONG, (8, 4, 60))), FULL)
    heads = [[tone.degree for tone in section[0].tune[:7]] for section in piece.sections]
    assert heads[0] == heads[1] == heads[2]

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.memory import MelodyNote, Memory
from generator.music.arrangement import arrange, avoided
from generator.music.composition import compose
from generator.music.theory import MODES, semitones
from generator.settings import GeneratorSettings
from rym.errors import UsageError
from rym.messages import AFFECTS

SETTINGS = GeneratorSettings()
SEEDS = range(6)


def notes_of(seed, section=0, variant=0, avoid=()):
    """Return a piece and one of its clips' notes per affect."""
    piece = compose(Memory(text="x", seed=seed), SETTINGS)
    return piece, {a: arrange(piece, section, variant, a, avoided(avoid)) for a in AFFECTS}


@pytest.mark.parametrize("seed", SEEDS)
def test_affects_share_the_tune_and_differ_in_notes(seed):
    """On a shared beat the tune has one degree in all affects; mode, height and density rise."""
    piece, notes = notes_of(seed)
    tunes = {}
    for affect in AFFECTS:
        at = {}
        for note in notes[affect]:
            # The soft octave below and the filled-in passing tones are no tones of the tune.
            if note.voice.startswith("tune") and abs(note.beat * 2 - round(note.beat * 2)) < 0.05:
                beat = round(note.beat * 2) / 2
                at[beat] = max(at.get(beat, 0), note.pitch)
        tunes[affect] = at
    shared = 0
    for affect in ("negative", "positive"):
        own = {t.beat: t.degree for t in piece.sections[0][0].tune}
        for beat, pitch in tunes[affect].items():
            if beat in own:
                beside = (pitch - piece.tonic - semitones(own[beat], piece.modes[affect])) % 12
                # Only minor's leading tone is raised.
                assert beside in ((0, 1) if own[beat] % 7 == 6 and affect == "negative" else (0,))
                shared += 1
    assert shared >= 12
    pitch = {a: np.mean([n.pitch for n in notes[a]]) for a in AFFECTS}
    assert pitch["negative"] < pitch["neutral"] < pitch["positive"]
    assert len(notes["negative"]) < len(notes["neutral"]) < len(notes["positive"])
    brightness = [sum(MODES[piece.modes[a]]) for a in AFFECTS]
    assert brightness == sorted(set(brightness))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("variant", [0, 1])
def test_notes_lie_on_the_grid_and_in_the_mode(seed, variant):
    """Every note begins at most 8 ms after a sixteenth, in its affect's scale, softly."""
    piece, notes = notes_of(seed, section=1, variant=variant)
    for affect in AFFECTS:
        scale = {semitones(d, piece.modes[affect]) % 12 for d in range(7)}
        # Minor has a leading tone where it goes home.
        scale |= {11} if affect == "negative" else set()
        for note in notes[affect]:
            late = (note.beat * 4 - np.floor(note.beat * 4 + 1e-9)) / 4 * 60 / piece.bpm
            assert late <= 0.0081
            assert 0 <= note.beat < SETTINGS.bars * 4
            assert (note.pitch - piece.tonic) % 12 in scale
            assert 0.05 <= note.velocity <= 0.6


@given(
    rows=st.lists(
        st.tuples(st.floats(0, 40), st.floats(0.0625, 9), st.integers(21, 108)), min_size=1
    ),
    bars=st.integers(2, 5),
)
@settings(max_examples=60, deadline=None)
def test_any_song_can_be_arranged(rows, bars):
    """Songs with rests, off-beats and leaps of any size keep to the piano and to their bars."""
    beat, melody = 0.0, []
    for rest, length, pitch in rows:
        melody.append(MelodyNote(beat + rest, length, pitch))
        beat += rest + length
    piece = compose(Memory(text="x", melody=tuple(melody)), GeneratorSettings(bars=bars))
    for affect in AFFECTS:
        for section in range(2):
            notes = arrange(piece, section, 1, affect)
            assert any(note.voice.startswith("figure") for note in notes)
            assert all(21 <= note.pitch <= 108 for note in notes)
            assert all(0 <= note.beat < 4 * bars + 0.02 and note.length > 0 for note in notes)


def test_neutral_plays_the_tune_as_it_is():
    """In neutral the tune is whole: every tone, its length, its place."""
    piece, notes = notes_of(2)
    played = [n for n in notes["neutral"] if n.voice.startswith("tune")]
    tune = piece.sections[0][0].tune
    assert [(round(n.beat * 4) / 4, n.length) for n in played] == [(t.beat, t.length) for t in tune]


@pytest.mark.parametrize(
    ("words", "gone"),
    [
        (("Bells",), "bell"),
        (("piano", "strings"), "piano"),
        (("double bass",), "bass"),
        (("alte Klaviere",), "piano"),
    ],
)
def test_avoided_instruments_are_not_heard(words, gone):
    """What the person wants to avoid plays in no affect, and the tune is still there."""
    _, notes = notes_of(1, avoid=words)
    _, with_it = notes_of(1)
    assert any(n.voice.endswith(f"/{gone}") for a in AFFECTS for n in with_it[a])
    for affect in AFFECTS:
        assert not any(note.voice.endswith(f"/{gone}") for note in notes[affect])
        assert any(note.voice.startswith("tune/") for note in notes[affect])


def test_word_for_another_backend_changes_nothing():
    """A word that names no instrument is left to the backends that can heed it."""
    assert notes_of(1, avoid=("rain",)) == notes_of(1)


def test_avoiding_everything_is_refused():
    """With nothing left to play the tune the bank is not begun."""
    with pytest.raises(UsageError, match="nothing is left"):
        avoided(("piano", "harp", "bells", "pad", "guitar", "flute"))

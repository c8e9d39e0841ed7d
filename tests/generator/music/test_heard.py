"""What an outsider's tools hear in two pieces: librosa and key profiles from the literature."""

import itertools

import librosa
import numpy as np
import pytest

from benchmarks import ears
from generator.drafts import Place
from generator.memory import MelodyNote, Memory
from generator.music.musician import Composer
from generator.music.theory import semitones
from generator.settings import GeneratorSettings
from generator.sound import measures
from generator.sound.timing import tempo_ratio
from rym.messages import AFFECTS

SETTINGS = GeneratorSettings(sections=1, variants=2)
RATE = SETTINGS.rate


@pytest.fixture(scope="module", params=[8])
def piece(request):
    """Return a composer, and its clips by variant and affect: the sound, and what is heard."""
    composer = Composer(Memory(text="x", seed=request.param), SETTINGS)
    clips = {}
    for variant, affect in itertools.product(range(2), AFFECTS):
        sound = composer.play(Place(0, variant, affect), 0).sound
        clips[variant, affect] = sound, ears.hear(sound, RATE)
    return composer, clips


def tune(composer) -> list[int]:
    """Return the first section's tune as pitch classes of the neutral mode."""
    made = composer.piece
    mode = made.modes["neutral"]
    return [
        (made.tonic + semitones(tone.degree, mode) + tone.shift) % 12
        for tone in made.sections[0][0].tune
    ]


@pytest.mark.long
def test_mode_and_brightness_rise_with_affect(piece):
    """In every variant, by two key profiles and our own, major grows; the sound gets brighter."""
    _, clips = piece
    for variant in range(2):
        for hearing in (
            lambda sound, heard: ears.mode(heard, "krumhansl"),
            lambda sound, heard: ears.mode(heard, "temperley"),
            lambda sound, heard: measures.mode_score(sound, RATE),
            lambda sound, heard: ears.centroid(heard),
            lambda sound, heard: measures.spectral_centroid(sound, RATE),
        ):
            values = [hearing(*clips[variant, affect]) for affect in AFFECTS]
            assert values[0] < values[1] < values[2]


def test_beat_is_heard_and_siblings_line_up(piece):
    """Onsets repeat with the beat or a simple multiple, and begin together in all affects."""
    composer, clips = piece
    bpm = composer.piece.bpm
    assert all(ears.beat_error(heard, bpm) <= 0.02 for _, heard in clips.values())
    assert all(abs(tempo_ratio(sound, RATE, bpm) - 1.0) <= 0.002 for sound, _ in clips.values())
    for variant in range(2):
        for a, b in itertools.combinations(AFFECTS, 2):
            assert ears.lag_ms(clips[variant, a][1], clips[variant, b][1], bpm) <= 25


def test_no_four_bars_come_again(piece):
    """Any two stretches of four bars of an affect are at most 0.95 alike, by librosa and by us."""
    composer, clips = piece
    bpm = composer.piece.bpm
    for affect in AFFECTS:
        stretches = [(clips[variant, affect][1], bar * 240 / bpm)
                     for variant in range(2) for bar in (0, 4)]  # fmt: skip
        for one, other in itertools.combinations(stretches, 2):
            assert np.mean(ears.alike(one, other, bpm)) <= 0.95
        # The likeliest to be alike: the same bars in both variants.
        plain, varied = (clips[variant, affect][0] for variant in range(2))
        half = len(plain) // 2
        for begin in (0, half):
            pair = (sound[begin : begin + half] for sound in (plain, varied))
            assert measures.alike(*pair, RATE, 16) <= 0.95


def test_likeness_has_a_top(piece):
    """The same four bars again are wholly alike, to both: the rule above can fail."""
    composer, clips = piece
    sound, heard = clips[0, "neutral"]
    assert np.mean(ears.alike((heard, 0.0), (heard, 0.0), composer.piece.bpm)) > 0.999
    half = len(sound) // 2
    assert measures.alike(sound[:half], 0.7 * sound[:half], RATE, 16) > 0.999


def test_tune_stands_out_in_neutral(piece):
    """Most of the tune is followed by ear; of the same tones in another order, clearly less."""
    composer, clips = piece
    rng = np.random.default_rng(1)
    for variant in range(2):
        found = ears.followed(clips[variant, "neutral"][1])
        share = ears.kept(tune(composer), found)
        wrong = [ears.kept(list(rng.permutation(tune(composer))), found) for _ in range(8)]
        assert share >= 0.85
        assert np.mean(wrong) < share - 0.15


SONG = [
    *((0, 1, 61), (1, 2, 66), (3, 1, 68), (4, 1, 70), (5, 3, 66), (8, 1, 63)),
    *((9, 2, 68), (11, 1, 69), (12, 1, 71), (13, 3, 68), (16, 1, 66), (17, 3, 66)),
]


def test_given_song_is_recognised():
    """Of a song with a pick-up and a chromatic tone, 90 % of the tones stand out in order."""
    memory = Memory(text="x", seed=2, melody=tuple(MelodyNote(*row) for row in SONG))
    sound = Composer(memory, SETTINGS).play(Place(0, 0, "neutral"), 0).sound
    found = ears.followed(ears.hear(sound, RATE))
    song = [row[2] % 12 for row in SONG]
    assert ears.kept(song, found) >= 0.9
    assert ears.kept([(tone + 6) % 12 for tone in song], found) < 0.5


@pytest.mark.parametrize("affect", AFFECTS)
def test_ending_is_heard_as_home(affect):
    """The last chord's strongest tone is the key's, and its third is the affect's own."""
    composer = Composer(Memory(text="x", seed=4), SETTINGS)
    draft = composer.play(Place(0, 0, affect, "ending"), 0)
    begin = draft.grid.at(4.0 * (draft.grid.bars - 2))
    mono = librosa.resample(
        draft.sound[begin : begin + 3 * RATE].mean(axis=1), orig_sr=RATE, target_sr=ears.RATE
    )
    tones = librosa.feature.chroma_cqt(y=mono, sr=ears.RATE, tuning=0.0).mean(axis=1)
    tones = np.roll(tones, -(composer.piece.tonic % 12))
    assert np.argmax(tones) == 0
    minor, major = tones[3], tones[4]
    if affect == "neutral":
        assert max(minor, major) < 0.5 * tones[7]
    else:
        assert (major > 2 * minor) if affect == "positive" else (minor > 2 * major)

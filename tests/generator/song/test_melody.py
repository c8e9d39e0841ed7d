"""Sound to notes: known tunes, sung and played, are found again."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest

from generator.song import melody, pitch
from rym.errors import FormatError, UsageError
from tests.generator.song.tunes import (
    RATE,
    TUNES,
    aligned,
    classes,
    over_chords,
    placed,
    sung,
)

# Voice, tempo, cents beside A4 = 440 Hz: one row per tune.
HUMS = [
    ("sine", 60, -40), ("hum", 75, -20), ("pluck", 88, 0), ("hum", 100, 15),
    ("sine", 112, 30), ("hum", 126, 40), ("pluck", 140, -30), ("hum", 95, 25),
]  # fmt: skip


class Found:
    """How much of a known tune was found."""

    def __init__(self, understood, tune, bpm):
        heard = understood.melody
        pairs = aligned(classes(tune), [note.pitch % 12 for note in heard])
        octaves = round(np.log2(understood.tempo / bpm))
        places = [(heard[j].beat * 0.5**octaves, tune[i][0]) for i, j in pairs]
        late = np.array([found - true for found, true in places])
        self.share = len(pairs) / len(tune)
        self.onsets = float(np.mean(np.abs(late - np.median(late)) <= 0.5))
        """Share of the notes found that begin within an eighth of their place."""
        self.tempo = abs(np.log2(understood.tempo / bpm) - octaves)
        """In octaves, beside what is right up to octaves."""
        self.more = len(heard) / len(tune)


@pytest.mark.long
@pytest.mark.parametrize(("name", "how"), list(zip(TUNES, HUMS, strict=True)))
def test_a_hummed_tune_is_found(name, how):
    """With noise 20 dB below, off tune, on no click: ≥ 90 % of the notes, in time and in tempo."""
    voice, bpm, cents = how
    tune = placed(name)[:12]
    understood = melody.hummed(sung(tune, bpm, 3, voice=voice, cents=cents))
    found = Found(understood, tune, bpm)
    assert found.share >= 0.9
    assert found.more <= 1.15
    assert found.onsets >= 0.9
    assert found.tempo < 0.03
    assert understood.confidence > 0.8
    assert 52 < understood.tempo < 106


@pytest.mark.parametrize(("name", "voice"), [("ode to joy", "hum"), ("twinkle", "pluck"),
                                             ("yankee doodle", "hum")])  # fmt: skip
def test_a_tune_over_chords_is_found(name, voice):
    """6 dB over plucked chords and a bass: ≥ 75 % of the notes, and the tempo."""
    tune = placed(name)[:18]
    sound = over_chords(tune, 92, voice=voice, cents=20)
    assert not melody.is_solo(sound)
    found = Found(melody.recording(sound), tune, 92)
    assert found.share >= 0.75
    assert found.onsets >= 0.85
    assert found.tempo < 0.03


def test_confidence_falls_with_the_tune():
    """The deeper a tune lies in its chords, the less sure it is, until doubt is said."""
    tune = placed("ode to joy")[:12]
    heard = [melody.recording(over_chords(tune, 92, db)) for db in (12.0, 0.0, -9.0)]
    sure = [one.confidence for one in heard]
    assert sure == sorted(sure, reverse=True)
    assert sure[0] > 0.8
    assert any("doubt" in remark for remark in heard[2].remarks)


def test_octaves_that_are_not_sure_are_said():
    """Where each tone sounds in three octaves alike, only the names of the tones are promised."""
    tune = placed("ode to joy")[:12]
    below = [(beat, length, note - 12) for beat, length, note in tune]
    above = [(beat, length, note + 12) for beat, length, note in tune]
    sound = sum(sung(notes, 92, jitter=0.0, voice="pluck") for notes in (tune, below, above))
    understood = melody.recording(sound)
    assert any("not their octaves" in remark for remark in understood.remarks)
    assert Found(understood, tune, 92).share >= 0.75
    steps = np.diff([note.pitch for note in understood.melody])
    assert np.abs(steps).max() < 9


@pytest.mark.parametrize("octaves", [-2, 2])
def test_low_voices_and_whistling_are_found(octaves):
    """A bass and a whistler give the same tune, two octaves away."""
    tune = [(b, n, note + 12 * octaves) for b, n, note in placed("good king")[:10]]
    understood = melody.hummed(sung(tune, 96, voice="sine" if octaves > 0 else "hum"))
    assert Found(understood, tune, 96).share >= 0.9
    assert abs(np.median([n.pitch for n in understood.melody]) - 67 - 12 * octaves) <= 2


def test_who_speeds_up_is_followed():
    """A singer who gets faster by 12 % keeps within an eighth of the bars."""
    tune = placed("twinkle")[:16]
    assert Found(melody.hummed(sung(tune, 110, drift=0.12)), tune, 117).onsets >= 0.9


def test_rests_are_kept():
    """Two beats of silence are no longer note; at 120 they count one of the bank's."""
    tune = placed("au clair de la lune")[4:14]
    heard = melody.hummed(sung(tune, 120)).melody
    gaps = [b.beat - a.beat - a.length for a, b in itertools.pairwise(heard)]
    assert max(gaps) == pytest.approx(1.0, abs=0.25)


def test_the_same_sound_is_understood_the_same_way():
    """Nothing is left to chance, and the global state of chance is left alone."""
    sound = sung(placed("good king")[:8], 96)
    np.random.seed(5)  # noqa: NPY002 - what must not be touched
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    assert melody.hummed(sound) == melody.hummed(sound)
    assert melody.recording(sound) == melody.recording(sound)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_what_has_no_tune_is_refused():
    """Noise, one long tone and clicks: a sentence says that no tune was found."""
    rng = np.random.default_rng(2)
    t = np.arange(3 * RATE) / RATE
    clicks = np.where(np.arange(3 * RATE) % (RATE // 2) < 20, 1.0, 0.0)
    for sound in (0.3 * rng.standard_normal(3 * RATE), 0.5 * np.sin(2 * np.pi * 220 * t), clicks):
        with pytest.raises(FormatError, match="No tune was found"):
            melody.hummed(sound)


def test_one_voice_is_told_from_a_mixture():
    """A hum in some noise is one voice, a tune over chords is none."""
    tune = placed("good king")[:8]
    assert melody.is_solo(sung(tune, 96, voice="hum"))
    assert melody.is_solo(sung(tune, 96, voice="sine", snr=12.0))
    assert not melody.is_solo(over_chords(tune, 96))


def test_without_librosa_the_sentence_says_how_to_install_it(monkeypatch):
    """A missing extra is named with its install line."""
    monkeypatch.setitem(sys.modules, "librosa", None)
    for listen in (melody.hummed, melody.recording, pitch.onsets):
        with pytest.raises(UsageError, match=r"pip install -e '\.\[song\]'"):
            listen(np.zeros(RATE))

"""What was understood is played back, so that the person can say whether it is their song."""

from __future__ import annotations

import stat

import librosa
import numpy as np
import pytest
import soundfile

from generator.memory import MelodyNote, SongWish
from generator.song import playback
from generator.song.understanding import understand
from generator.song.understood import Understood
from rym.errors import UsageError
from tests.generator.song.tunes import midi, placed, track

TUNE = placed("good king")[:8]


@pytest.fixture
def understood():
    """Return a tune that was understood, a bar's rest before it."""
    notes = tuple(MelodyNote(beat + 4, length, pitch) for beat, length, pitch in TUNE)
    return Understood(melody=notes, tempo=96.0, key="G", kind="midi", confidence=1.0)


def test_every_note_is_heard_at_its_time(understood):
    """By an independent ear: chroma of librosa in the middle of each note is the note's own."""
    sound = playback.play(understood)
    assert np.abs(sound).max() == pytest.approx(playback.PEAK)
    chroma = librosa.feature.chroma_cqt(
        y=sound.mean(axis=1), sr=playback.RATE, hop_length=512, tuning=0.0
    )
    for beat, length, pitch in TUNE:
        middle = playback.LEAD_S + (beat + length / 2) * 60 / 96
        frame = round(middle * playback.RATE / 512)
        assert int(np.argmax(chroma[:, frame])) == pitch % 12


def test_a_long_song_is_played_for_a_minute():
    """A minute tells; the end is faded, not cut."""
    notes = tuple(MelodyNote(float(4 * k), 4.0, 60 + k % 5) for k in range(60))
    song = Understood(melody=notes, tempo=60.0, key=None, kind="midi", confidence=1.0)
    sound = playback.play(song)
    assert len(sound) / playback.RATE == pytest.approx(playback.LONGEST_S + 1.2, abs=0.1)
    assert np.abs(sound[-480:]).max() < 0.02


def test_the_file_is_the_owners_alone_and_the_same_each_time(tmp_path):
    """Two renderings are equal to the byte; nothing of the song's name is in them."""
    (tmp_path / "waltz.mid").write_bytes(midi(track(TUNE, bpm=76, name="waltz")))
    understand(SongWish(file="waltz.mid"), tmp_path)
    path = playback.heard(tmp_path)
    before = path.read_bytes()
    assert playback.heard(tmp_path).read_bytes() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.name == "song-heard.flac"
    assert b"waltz" not in before
    assert soundfile.info(path).samplerate == 48_000


def test_without_a_song_there_is_nothing_to_play(tmp_path):
    """A memory whose song was never understood is refused with a remedy."""
    with pytest.raises(UsageError, match="No song has been understood"):
        playback.heard(tmp_path)

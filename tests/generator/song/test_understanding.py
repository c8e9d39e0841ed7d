"""A song is understood once, kept with its answer, and fills in what the memory leaves open."""

from __future__ import annotations

import json
import logging
import stat

import numpy as np
import pytest
import soundfile

from generator.memory import MelodyNote, Memory, SongWish
from generator.song import melody, midi, understanding
from generator.song.understanding import answer, recall, understand, with_song
from rym.errors import FormatError, UsageError
from tests.generator.song.tunes import RATE, over_chords, placed, sung, track
from tests.generator.song.tunes import midi as file_of

SECRET = "grandmothers-waltz"


@pytest.fixture
def folder(tmp_path):
    """Return a memory's folder with a song at 100 bpm in D."""
    song = file_of(track(placed("ode to joy"), bpm=100, name=SECRET))
    (tmp_path / f"{SECRET}.mid").write_bytes(song)
    return tmp_path


@pytest.fixture
def memory():
    """Return a memory with that song."""
    return Memory(text="Warm bread.", song=SongWish(file=f"{SECRET}.mid"))


def test_a_song_fills_in_melody_tempo_and_key(folder, memory):
    """The tune comes in, the tempo within the bank's, the key as heard; the rest stays."""
    filled, remarks = with_song(memory, folder)
    assert [note.pitch for note in filled.melody] == [note[2] for note in placed("ode to joy")]
    assert (filled.tempo, filled.key, filled.text) == (84.0, "D", memory.text)
    assert any("100 bpm, the bank at 84" in remark for remark in remarks)
    assert any("not yet said" in remark for remark in remarks)


def test_wishes_count_before_the_song(folder, memory):
    """A tempo, a key or a drawn melody that the memory names is not replaced."""
    import msgspec  # noqa: PLC0415

    named = msgspec.structs.replace(memory, tempo=70.0, key="G")
    filled, _ = with_song(named, folder)
    assert (filled.tempo, filled.key) == (70.0, "G")
    drawn = msgspec.structs.replace(memory, melody=(MelodyNote(0, 1, 60),))
    kept, remarks = with_song(drawn, folder)
    assert kept == drawn
    assert "drawn" in remarks[0]
    assert with_song(Memory(text="x"), folder) == (Memory(text="x"), ())


def test_the_same_file_is_understood_once(folder, memory, monkeypatch):
    """What is kept is taken; another file, or another kind, is understood anew."""
    calls = []
    listen = midi.understand
    monkeypatch.setattr(midi, "understand", lambda data: calls.append(1) or listen(data))
    first = understand(memory.song, folder)
    assert understand(memory.song, folder) == first
    assert len(calls) == 1
    understand(SongWish(file=f"{SECRET}.mid", kind="midi"), folder)
    assert len(calls) == 2
    answer(folder, "yes")
    (folder / f"{SECRET}.mid").write_bytes(file_of(track(placed("twinkle"), bpm=80)))
    assert understand(memory.song, folder) != first
    assert recall(folder).answer is None


@pytest.mark.parametrize(
    ("said", "used", "remark"),
    [("yes", True, None), ("nearly", True, "nearly"), ("no", False, "made up")],
)
def test_the_answer_decides_whether_it_is_used(folder, memory, said, used, remark):
    """`no` gives a made-up tune, `nearly` the song with a word to the operator."""
    understand(memory.song, folder)
    answer(folder, said)
    filled, remarks = with_song(memory, folder)
    assert bool(filled.melody) == used
    assert recall(folder).answer == said
    assert any(remark in one for one in remarks) if remark else len(remarks) == 1


def test_an_answer_without_a_question_is_refused(folder, memory):
    """Nothing to answer to, or none of the three answers."""
    with pytest.raises(UsageError, match="No song has been understood"):
        answer(folder, "yes")
    understand(memory.song, folder)
    with pytest.raises(UsageError, match="known are yes, nearly, no"):
        answer(folder, "perhaps")


def test_what_is_kept_names_nothing_and_belongs_to_its_owner(folder, memory, caplog):
    """No file name, title or word of the song is kept or logged, and only its owner may read it."""
    with caplog.at_level(logging.DEBUG):
        understand(memory.song, folder)
    kept = folder / "song.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert SECRET not in kept.read_text()
    assert SECRET not in caplog.text
    assert SECRET not in repr(recall(folder).understood)
    assert set(json.loads(kept.read_text())) == {"ear", "sha256", "asked", "understood", "answer"}


def test_a_damaged_note_of_it_is_refused(folder, memory):
    """A song.json that cannot be read is not taken for none: an answer may be in it."""
    understand(memory.song, folder)
    (folder / "song.json").write_text("{")
    with pytest.raises(FormatError, match=r"song\.json"):
        with_song(memory, folder)


@pytest.mark.parametrize("content", [b"words " * 99, b"MThd" + bytes(30), b""])
def test_what_is_no_song_keeps_nothing(folder, memory, content):
    """A file without a tune is refused by a sentence that does not name it, and nothing is kept."""
    (folder / f"{SECRET}.mid").write_bytes(content)
    with pytest.raises((FormatError, UsageError)) as refused:
        with_song(memory, folder)
    assert SECRET not in str(refused.value)
    assert not (folder / "song.json").exists()


@pytest.mark.long
def test_a_sound_is_told_by_listening(tmp_path):
    """Where the kind is left open, one voice is taken for hummed and a mixture for a recording."""
    tune = placed("good king")[:8]
    sounds = {"hummed": sung(tune, 96), "recording": over_chords(tune, 96)}
    for kind, sound in sounds.items():
        soundfile.write(tmp_path / "song.wav", sound, RATE)
        found = understand(SongWish(file="song.wav"), tmp_path)
        assert found.kind == kind
        assert len(found.melody) >= 7
    assert understand(SongWish(file="song.wav", kind="hummed"), tmp_path).kind == "hummed"


def test_a_telephones_song_is_used_and_said(tmp_path):
    """8 kHz and clipping come through as remarks for the operator."""
    sound = sung(placed("good king")[:8], 96)
    slow = np.interp(
        np.arange(len(sound) * 8000 // RATE) / 8000, np.arange(len(sound)) / RATE, sound
    )
    soundfile.write(tmp_path / "song.wav", np.clip(2 * slow, -0.6, 0.6), 8000)
    memory = Memory(text="x", song=SongWish(file="song.wav", kind="hummed"))
    filled, remarks = with_song(memory, tmp_path)
    assert [note.pitch for note in filled.melody] == [n[2] for n in placed("good king")[:8]]
    assert any("8000 frames per second" in remark for remark in remarks)
    assert any("clipped" in remark for remark in remarks)


def test_another_ear_listens_again(folder, memory, monkeypatch):
    """After a change of the algorithm what was kept before is not taken."""
    understand(memory.song, folder)
    answer(folder, "no")
    monkeypatch.setattr(understanding, "EAR", understanding.EAR + 1)
    assert with_song(memory, folder)[0].melody
    assert melody.FEWEST >= 2

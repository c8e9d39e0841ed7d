"""MIDI: the tune is found, in beats, whatever else the file holds."""

from __future__ import annotations

import sys

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.song import midi
from rym.errors import FormatError, RymError, UsageError
from tests.generator.song.tunes import TUNES, chords, placed, track
from tests.generator.song.tunes import midi as file_of

SECRET = "Grandmother's waltz"


def scaled(notes, factor):
    """Return notes whose beats are longer by a factor."""
    return np.array(notes) * [factor, factor, 1]


def rows(melody):
    """Return a melody's notes as plain rows."""
    return np.array([(note.beat, note.length, note.pitch) for note in melody])


@pytest.mark.parametrize("name", TUNES)
def test_one_voice_comes_back_note_for_note(name):
    """Onsets, lengths and pitches of a file with one voice are those that it was made of."""
    found = midi.understand(file_of(track(placed(name), bpm=76)))
    assert rows(found.melody) == pytest.approx(np.array(placed(name)), abs=1e-3)
    assert found.tempo == pytest.approx(76, abs=0.01)
    assert found.confidence == 1.0
    assert found.kind == "midi"


@pytest.mark.parametrize(("bpm", "factor"), [(60, 1), (100, 1), (120, 0.5), (160, 0.5), (40, 2)])
def test_a_tempo_is_folded_with_the_notes(bpm, factor):
    """The tempo is halved or doubled to lie near the bank's, and the beats with it."""
    found = midi.understand(file_of(track(placed("twinkle"), bpm=bpm)))
    assert found.tempo == pytest.approx(bpm * factor, abs=0.01)
    assert rows(found.melody) == pytest.approx(scaled(placed("twinkle"), factor), abs=1e-3)


@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize("named", [True, False])
def test_the_tune_is_found_among_chords_bass_and_drums(kind, named):
    """By its name, or as the high voice that plays one note at a time; drums are no voice."""
    tune, below = placed("ode to joy"), chords(placed("ode to joy"))
    drums = [(k / 2, 0.25, 81) for k in range(100)]
    parts = [
        track(drums, 9),
        track(below, 1, program=0),
        track(tune, 2, bpm=76, **({"name": "Melody"} if named else {})),
        track([(4.0 * k, 4.0, 33) for k in range(8)], 3, program=33),
    ]
    if kind == 0:
        parts = [mido.merge_tracks(parts)]
    found = midi.understand(file_of(*parts, kind=kind))
    assert rows(found.melody) == pytest.approx(np.array(tune), abs=1e-3)


def test_the_top_voice_of_a_piano_is_the_tune():
    """In one channel with chords the upper line is kept, and what sounds through its rests not."""
    tune = placed("au clair de la lune")
    found = midi.understand(file_of(track([*tune, *chords(tune)], bpm=76), kind=0))
    assert [row[2] for row in rows(found.melody)] == [note[2] for note in tune]


def test_notes_that_overlap_become_one_voice():
    """Legato notes end where the next begins; none is lost."""
    tune = placed("frere jacques")
    held = [(beat, length + 0.2, pitch) for beat, length, pitch in tune if length >= 0.5]
    found = midi.understand(file_of(track(held, bpm=76)))
    ends = [note.beat + note.length for note in found.melody]
    assert len(found.melody) >= len(tune) - 1
    assert all(end <= after.beat + 1e-6 for end, after in zip(ends, found.melody[1:], strict=False))


def test_a_pick_up_stays_before_its_bar():
    """Empty bars are left out, an upbeat keeps its place in the bar, a long rest is cut."""
    late = [(beat + 11, length, pitch) for beat, length, pitch in placed("amazing grace")]
    late += [(beat + 60, length, pitch) for beat, length, pitch in late]
    found = rows(midi.understand(file_of(track(late, bpm=76))).melody)
    assert found[0][0] == 3.0
    again = found[len(late) // 2]
    assert again[0] % 4 == 3.0
    assert 0 < again[0] - sum(found[len(late) // 2 - 1][:2]) < 8.0


@pytest.mark.parametrize("bpm", [76, 150])
def test_the_first_full_bar_begins_a_bar_of_the_bank(bpm):
    """An upbeat of one beat stays one before the bar line, in three and when beats are halved."""
    tune = [(beat + 2, length, pitch) for beat, length, pitch in placed("greensleeves")]
    found = rows(midi.understand(file_of(track(tune, bpm=bpm, beats=3))).melody)
    assert found[1][0] == 4.0


def test_what_was_played_without_the_files_beat_gets_its_own():
    """A keyboard recorded at 92 into a file of 120: the tempo and the beats are looked for."""
    rng = np.random.default_rng(4)
    tune = [
        (1.3 + (beat * 120 / 92) + 0.02 * rng.standard_normal(), 0.95 * length * 120 / 92, pitch)
        for beat, length, pitch in placed("ode to joy")
    ]
    found = midi.understand(file_of(track(tune, bpm=120)))
    assert found.tempo == pytest.approx(92, rel=0.02)
    assert rows(found.melody) == pytest.approx(np.array(placed("ode to joy")), abs=1e-3)
    assert any("without the file's beat" in remark for remark in found.remarks)


def test_the_metre_and_a_changing_tempo_are_said():
    """A song in three and one whose tempo changes are used, and the operator is told."""
    tune = placed("greensleeves")
    bent = track(tune, bpm=60, beats=3)
    bent.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(90)))
    faster = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(90), time=4800)])
    found = midi.understand(file_of(bent, faster))
    assert any("3 beats to a bar" in remark for remark in found.remarks)
    assert any("from 60 to 90 bpm" in remark for remark in found.remarks)
    assert 60 < found.tempo < 90


def test_the_key_is_said_or_heard():
    """A signature counts, but not C major, which programs write that know none."""
    ode = placed("ode to joy")
    assert midi.understand(file_of(track(ode, key="D"))).key == "D"
    assert midi.understand(file_of(track(ode, key="C"))).key == "D"
    assert midi.understand(file_of(track(placed("greensleeves"), key="Am"))).key == "A"


def test_pieces_of_their_own_keep_their_own_tempo():
    """In format 2 a track's tempo is not another's."""
    other = track([(0.0, 1.0, 40), (1.0, 1.0, 40)], bpm=60)
    found = midi.understand(file_of(other, track(placed("twinkle"), bpm=90), kind=2))
    assert found.tempo == pytest.approx(90, abs=0.01)


def broken(kind):
    """Return a file that is no tune, of one kind."""
    whole = file_of(track(placed("twinkle"), name=SECRET))
    return {
        "cut off": whole[: len(whole) // 2],
        "text": SECRET.encode() * 20,
        "no notes": file_of(track([], name=SECRET)),
        "only drums": file_of(track(placed("twinkle"), 9)),
        "film": whole[:12] + b"\xe7\x28" + whole[14:],
        "no time": whole[:12] + b"\0\0" + whole[14:],
        "huge": whole + bytes(midi.MAX_BYTES),
        "running status": whole[:14] + b"MTrk\0\0\0\4\0\x40\x40\x40",
    }[kind]


@pytest.mark.parametrize(
    "kind",
    ["cut off", "text", "no notes", "only drums", "film", "no time", "huge", "running status"],
)
def test_a_damaged_file_is_refused_in_one_sentence(kind):
    """What cannot be a tune is refused with a remedy, and nothing of the file's words is said."""
    with pytest.raises(FormatError) as refused:
        midi.understand(broken(kind))
    assert refused.value.remedy
    assert SECRET[:6] not in str(refused.value)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_no_damage_escapes_as_anything_else(data):
    """Whatever bytes are changed, a tune comes out or a sentence, never another exception."""
    whole = bytearray(file_of(track(placed("twinkle"), bpm=76)))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(4, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = midi.understand(bytes(whole))
    except RymError:
        return
    assert found.melody
    assert 50 < found.tempo < 110


def test_without_mido_the_sentence_says_how_to_install_it(monkeypatch):
    """A missing extra is named with its install line."""
    monkeypatch.setitem(sys.modules, "mido", None)
    with pytest.raises(UsageError, match=r"pip install -e '\.\[song\]'"):
        midi.understand(b"MThd" + bytes(20))


@pytest.mark.parametrize("bpm", [1200, 4000])
def test_a_tune_that_is_over_at_once_is_none(bpm):
    """At such a tempo no note is long enough to be one: refused, nothing empty is handed on."""
    with pytest.raises(FormatError, match="no tune"):
        midi.understand(file_of(track([(0.25 * k, 0.25, 60 + k) for k in range(8)], bpm=bpm)))

"""`rym bank …` as its users type it."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from rym import bank
from rym.clock import ManualClock
from rym.errors import DeviceError
from session.bank.verbs import _duration, _ready_by
from session.cli import main

CONFIG = """
[generator]
sections = 1
variants = 1
bars = 2
scenes = 1
frames = 3
width = 128
height = 72
"""
TEXT = "Zitronenfalter over the stubble field; a lantern swings."


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Return a folder with a memory, small settings, and the bank that was built of them."""
    root = tmp_path_factory.mktemp("verbs")
    (root / "memory.toml").write_text(f'text = "{TEXT}"\nseed = 3\navoid = ["harp"]\n')
    (root / "small.toml").write_text(CONFIG)
    assert main(build_words(root)) == 0
    return root


def build_words(root, *more):
    """Return what is typed to build the small bank of p01."""
    return [
        "bank", "build", "--memory", str(root / "memory.toml"), "--config",
        str(root / "small.toml"), "--root", str(root), "--subject", "p01", "--jobs", "1", *more,
    ]  # fmt: skip


def test_a_bank_is_built_among_the_persons_own_things(people):
    """Memory and bank lie under people/<label>, readable by their owner only; the label is said."""
    person = people / "people" / "p01"
    manifest = bank.load(person / "bank")
    assert manifest.subject == "p01"
    kept = person / "memory" / "memory.toml"
    assert tomllib.loads(kept.read_text())["text"] == TEXT
    assert kept.stat().st_mode & 0o077 == 0


def test_json_is_the_agreed_object(people, capsys):
    """`bank build --json` and `bank check --json` print one object with the agreed keys."""
    capsys.readouterr()
    assert main(build_words(people, "--json")) == 0
    built = json.loads(capsys.readouterr().out)
    assert main(["bank", "check", str(people / "people/p01/bank"), "--json"]) == 0
    checked = json.loads(capsys.readouterr().out)
    assert built == checked
    assert set(built) == {"bank", "clips", "n_images", "problems"}
    assert (len(built["clips"]), built["n_images"], built["problems"]) == (6, 3, [])


def test_people_are_told_what_is_made_and_how_long_it_takes(people, capsys):
    """The memory is explained, files and time left are told, the words themselves never."""
    words = build_words(people)
    words[words.index("p01")] = "p02"
    assert main(words) == 0
    said = capsys.readouterr()
    assert "There is no song" in said.err
    assert re.search(r"9 files, about \d+ s here\.", said.err)
    assert "9/9 made" in said.err
    assert "6 clips" in said.out
    assert "3 pictures" in said.out
    assert not any(word in said.err + said.out for word in ("Zitronen", "stubble", "lantern"))


def test_a_check_that_finds_something_fails_and_names_it(people, tmp_path, capsys):
    """Exit code 1, the file and both hashes."""
    out = tmp_path / "bank"
    source = people / "people/p01/bank"
    for path in source.rglob("*"):
        if path.is_file():
            (out / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            (out / path.relative_to(source)).write_bytes(path.read_bytes())
    (out / "audio/s0-v0-neutral.flac").write_bytes(b"fLaC")
    assert main(["bank", "check", str(out)]) == 1
    assert "s0-v0-neutral.flac has SHA-256" in capsys.readouterr().out


def test_another_memory_under_the_same_label_is_refused(people, tmp_path, capsys):
    """What is kept of a person is never overwritten; the sentence says how to go on."""
    other = tmp_path / "memory.toml"
    other.write_text('text = "Something else."\n')
    words = build_words(people)
    words[words.index(str(people / "memory.toml"))] = str(other)
    assert main(words) == 2
    assert "another label" in capsys.readouterr().err


def test_approving_needs_somebody_who_approves(people, capsys):
    """`--approve` without `--by` is refused; with it, everything is approved by that role."""
    folder = str(people / "people/p01/bank")
    assert main(["bank", "show", folder, "--approve", "all"]) == 2
    assert "--by operator" in capsys.readouterr().err
    for by in ("operator", "person"):
        assert main(["bank", "show", folder, "--approve", "all", "--by", by]) == 0
    manifest = bank.read(Path(folder))
    assert all(manifest.verdict(name, "person") for name in manifest.judged)


@pytest.mark.parametrize(
    ("said", "seconds"), [("45min", 2700.0), ("2h30", 9000.0), ("1h", 3600.0), ("90", 5400.0)]
)
def test_ready_by_as_a_duration(said, seconds):
    """Hours and minutes from now."""
    assert _ready_by(said, 1000.0) == 1000.0 + seconds


def test_ready_by_as_a_time_of_day():
    """The next time that the clock on the wall says so, today or tomorrow."""
    now = ManualClock().wall()
    for text in ("00:00", "07:05", "23:59"):
        assert 0.0 < _ready_by(text, now) - now <= 25 * 3600.0


@pytest.mark.parametrize("said", ["", "soon", "25:00", "h", "-5"])
def test_ready_by_that_says_nothing(people, said, capsys):
    """Neither a time of day nor a duration: refused, with both forms."""
    words = build_words(people, f"--ready-by={said}")
    if said == "":
        assert main(words) == 0
        return
    assert main(words) == 2
    assert "14:30" in capsys.readouterr().err


def test_durations_as_people_say_them():
    """Seconds, minutes, hours with minutes."""
    assert [_duration(x) for x in (7.4, 150.0, 13_200.0)] == ["7 s", "2 min", "3 h 40 min"]


def test_a_song_that_is_not_named(people, capsys):
    """`bank song` of a memory without a song says what to add."""
    words = ["bank", "song", "--memory", str(people / "memory.toml"), "--root", str(people)]
    assert main([*words, "--subject", "p01"]) == 2
    assert "[song]" in capsys.readouterr().err


def test_a_song_is_understood_played_back_and_answered(tmp_path, capsys):
    """A MIDI file: notes and tempo are told, a FLAC to listen to, the answer is kept."""
    mido = pytest.importorskip("mido")
    track = mido.MidiTrack()
    for pitch in (60, 62, 64, 65, 67, 69, 71, 72):
        track.append(mido.Message("note_on", note=pitch, velocity=80, time=0))
        track.append(mido.Message("note_off", note=pitch, velocity=0, time=480))
    file = mido.MidiFile()
    file.tracks.append(track)
    file.save(tmp_path / "own.mid")
    (tmp_path / "memory.toml").write_text(f'text = "{TEXT}"\n[song]\nfile = "own.mid"\n')
    words = ["bank", "song", "--memory", str(tmp_path / "memory.toml"), "--root", str(tmp_path)]
    assert main([*words, "--answer", "nearly", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["n_notes"] == 8
    assert Path(told["heard"]).is_file()
    kept = json.loads((tmp_path / "people/sim/memory/song.json").read_text())
    assert kept["answer"] == "nearly"


@pytest.fixture
def hum(tmp_path, monkeypatch, capsys):
    """Return a function that asks to hum and returns exit code, files recorded, and the words."""
    recorded = []

    def record(path, *_):
        recorded.append(path)
        raise DeviceError("No microphone here.", "None is needed.")

    monkeypatch.setattr("generator.song.humming.record", record)

    def ask(song, name="memory.toml"):
        memory = tmp_path / "own" / name
        memory.parent.mkdir(exist_ok=True)
        memory.write_text(f'text = "{TEXT}"\n[song]\n{song}\n')
        words = ["bank", "song", "--memory", str(memory), "--root", str(tmp_path), "--hum", "5"]
        code = main(words)
        return code, recorded, capsys.readouterr().err

    return ask


def test_humming_is_recorded_where_the_memory_says(hum, tmp_path):
    """A new .wav of kind hummed, beside the memory."""
    code, recorded, _ = hum('file = "hum.wav"\nkind = "hummed"')
    assert (code, recorded) == (1, [tmp_path / "own" / "hum.wav"])


@pytest.mark.parametrize(
    ("song", "says"),
    [
        ('file = "hum.wav"', "another kind"),
        ('file = "hum.wav"\nkind = "recording"', "another kind"),
        ('file = "memory.toml"\nkind = "hummed"', "no .wav"),
        ('file = "../hum.wav"\nkind = "hummed"', "outside the memory's own folder"),
        ('file = "there.wav"\nkind = "hummed"', "is there already"),
    ],
)
def test_humming_writes_nowhere_else(hum, tmp_path, song, says):
    """Another kind, form or folder, or a file that is there: refused before anything is heard."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "there.wav").write_bytes(b"mine")
    code, recorded, said = hum(song)
    assert (code, recorded) == (2, [])
    assert says in said
    assert (tmp_path / "own" / "there.wav").read_bytes() == b"mine"


def test_humming_is_refused_where_a_memory_is_kept(hum, tmp_path):
    """What was hummed could not be kept under this label afterwards."""
    kept = tmp_path / "people" / "sim" / "memory" / "memory.toml"
    kept.parent.mkdir(parents=True)
    kept.write_text('text = "Another one."\n')
    code, recorded, said = hum('file = "hum.wav"\nkind = "hummed"')
    assert (code, recorded) == (2, [])
    assert "keeps a memory already" in said

"""A memory is kept with its song and sketch, for its owner alone, and never overwritten."""

import itertools
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.memory import load, parse
from generator.words import private
from generator.words.keeping import keep
from rym.errors import DeviceError, FormatError, UsageError


@pytest.fixture
def given_memory(tmp_path):
    """Return the file of a memory with song, sketch and wishes."""
    folder = tmp_path / "given"
    folder.mkdir()
    (folder / "Grandmother sings.WAV").write_bytes(b"RIFF a song")
    (folder / "lake.png").write_bytes(b"a drawing")
    (folder / "m.toml").write_text(
        '# for nobody\ntext = """\nA "quiet" harbour \\\\ ü\t雨\n"""\nlanguage = "de-CH"\n'
        'avoid = ["a\\"b", "Glocken"]\ntempo = 70\nseed = 0\nkey = "D"\nsketch = "lake.png"\n'
        'melody = [[0, 1, 60], [1, 0.5, 62]]\n[song]\nfile = "Grandmother sings.WAV"\n'
        'kind = "hummed"\n',
        encoding="utf-8",
    )
    return folder / "m.toml"


def test_kept_memory_is_the_same_memory(given_memory, tmp_path):
    """Its text, wishes, song and sketch arrive; names of files and remarks stay behind."""
    kept = keep(given_memory, tmp_path / "people" / "p1" / "memory")
    before, after = load(given_memory), load(kept)
    assert after.fingerprint == before.fingerprint
    assert after.text == 'A "quiet" harbour \\ ü\t雨\n'
    assert after.song.file == str(kept.parent / "given-song.wav")
    assert Path(after.song.file).read_bytes() == b"RIFF a song"
    assert Path(after.sketch).read_bytes() == b"a drawing"
    assert "Grandmother" not in kept.read_text("utf-8") + " ".join(map(str, kept.parent.iterdir()))
    assert "nobody" not in kept.read_text("utf-8")


def test_kept_for_the_owner_alone(given_memory, tmp_path):
    """Folders that are made are 0700, files 0600, and no half file lies about."""
    kept = keep(given_memory, tmp_path / "people" / "p1" / "memory")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in kept.parent.iterdir()}
    assert modes == {"memory.toml": 0o600, "given-song.wav": 0o600, "given-sketch.png": 0o600}
    for folder in (kept.parent, kept.parent.parent, kept.parent.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_kept_twice_is_kept_once(given_memory, tmp_path):
    """The same memory changes nothing, from whichever copy it comes."""
    folder = tmp_path / "memory"
    kept = keep(given_memory, folder)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert keep(given_memory, folder) == kept
    assert keep(kept, folder) == kept
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


@pytest.mark.parametrize("changed", ["m.toml", "lake.png", "Grandmother sings.WAV"])
def test_another_memory_is_refused(given_memory, tmp_path, changed):
    """Words, song or sketch that differ are another memory; what is kept stays as it is."""
    folder = tmp_path / "memory"
    keep(given_memory, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    path = given_memory.parent / changed
    path.write_bytes(
        path.read_bytes().replace(b"quiet", b"Quiet").replace(b"a s", b"b s").replace(b"dr", b"x")
    )
    with pytest.raises(UsageError, match=r"keeps the memory \w{16}… already, this one is \w{16}…"):
        keep(given_memory, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_stopped_anywhere_is_taken_up(given_memory, tmp_path, monkeypatch):
    """A memory counts as kept once its own file is there; before, the same call completes it."""
    for stop in range(3):
        folder = tmp_path / f"stopped-{stop}"
        counter = itertools.count()

        def write(path, pieces, counter=counter, stop=stop, whole=private.write):
            if next(counter) == stop:
                raise KeyboardInterrupt
            return whole(path, pieces)

        with monkeypatch.context() as patched:
            patched.setattr(private, "write", write)
            with pytest.raises(KeyboardInterrupt):
                keep(given_memory, folder)
        assert not (folder / "memory.toml").exists()
        assert load(keep(given_memory, folder)).fingerprint == load(given_memory).fingerprint


def test_foreign_file_is_not_overwritten(given_memory, tmp_path):
    """What lies in the folder under a name that is needed stays."""
    folder = tmp_path / "memory"
    folder.mkdir()
    (folder / "given-song.wav").write_bytes(b"another song")
    with pytest.raises(UsageError, match="other content"):
        keep(given_memory, folder)
    assert (folder / "given-song.wav").read_bytes() == b"another song"


def test_song_that_changes_meanwhile_is_refused(given_memory, tmp_path, monkeypatch):
    """Nothing is kept that is not what was checked."""
    whole = private.chunks

    def chunks(path, what, most, least=0):
        if what == "The song":
            (given_memory.parent / "Grandmother sings.WAV").write_bytes(b"RIFF still recorded")
        return whole(path, what, most, least)

    monkeypatch.setattr(private, "chunks", chunks)
    with pytest.raises(FormatError, match="changed while it was copied"):
        keep(given_memory, tmp_path / "memory")
    assert list((tmp_path / "memory").iterdir()) == []


def test_full_disk_is_said(given_memory, tmp_path):
    """A disk without room ends in a sentence, and no half file is left."""
    full = OSError(28, "No space left on device")

    def pieces():
        yield b"half"
        raise full

    target = tmp_path / "memory.toml"
    target.write_bytes(b"before")
    with pytest.raises(DeviceError, match=r"No space left on device.*Free some space"):
        private.write(target, pieces())
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["memory.toml"]
    assert target.read_bytes() == b"before"


def test_folder_that_is_a_file_is_refused(given_memory, tmp_path):
    """A file where the folder should be stays."""
    (tmp_path / "memory").write_bytes(b"x")
    with pytest.raises(DeviceError, match="is a file"):
        keep(given_memory, tmp_path / "memory")
    with pytest.raises(DeviceError, match="cannot be written"):
        keep(given_memory, tmp_path / "memory" / "deeper")


@settings(max_examples=40, deadline=None)
@given(st.text(), st.lists(st.text(max_size=9), max_size=3))
def test_any_words_survive(tmp_path_factory, text, avoid):
    """Whatever a memory says, its kept copy says the same."""
    folder = tmp_path_factory.mktemp("any")
    escaped = ["".join(f"\\U{ord(c):08x}" for c in one) for one in (text, *avoid)]
    words = ", ".join(f'"{one}"' for one in escaped[1:])
    data = f'text = "{escaped[0]}"\navoid = [{words}]'.encode()
    try:
        memory = parse(data, "m.toml")
    except UsageError:
        return
    (folder / "m.toml").write_bytes(data)
    assert load(keep(folder / "m.toml", folder / "kept")) == memory

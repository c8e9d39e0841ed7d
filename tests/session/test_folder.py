"""The session folder: made once, never overwritten, read back as written."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from rym.errors import FormatError, UsageError
from session.folder import Folder, Record, environment, hash_folder


def record(folder: Folder, **changes: object) -> Record:
    """Return a small record of a folder."""
    fields: dict[str, object] = {
        "subject": folder.subject,
        "session": folder.session,
        "task": folder.task,
        "run": folder.run,
        "started": 1.7e9,
        "simulated": True,
        "settings": {"stream": {"rate": 500.0}},
    }
    return Record(**(fields | changes))  # type: ignore[arg-type]


def test_folders_are_made_and_named(tmp_path: Path) -> None:
    """A new session's folder carries its labels; sound lies under people/."""
    folder = Folder.create(tmp_path, "p1", "a", "recall")
    assert folder.path == tmp_path / "sub-p1" / "ses-a" / "recall_run-1"
    assert folder.sound == tmp_path / "people" / "p1" / "ses-a" / "recall_run-1"
    assert folder.path.is_dir()
    assert folder.sound.is_dir()
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700


def test_the_next_free_run_is_taken(tmp_path: Path) -> None:
    """Without a number every session gets a folder of its own, gaps filled."""
    runs = [Folder.create(tmp_path, "p1", "a", "recall").run for _ in range(3)]
    assert runs == [1, 2, 3]
    assert Folder.create(tmp_path, "p1", "a", "recall", run=7).run == 7
    assert Folder.create(tmp_path, "p1", "a", "recall").run == 4
    assert Folder.create(tmp_path, "p2", "a", "recall").run == 1


def test_an_existing_folder_is_refused_untouched(tmp_path: Path) -> None:
    """A named run that exists is an error that names it, and keeps its files."""
    first = Folder.create(tmp_path, "p1", "a", "recall", run=1)
    first.journal.write_text("kept")
    with pytest.raises(UsageError, match="recall_run-1 exists already"):
        Folder.create(tmp_path, "p1", "a", "recall", run=1)
    assert first.journal.read_text() == "kept"


def test_sound_without_its_session_is_not_overwritten(tmp_path: Path) -> None:
    """Sound left from a session whose folder was moved away is never taken over."""
    sound = tmp_path / "people" / "p1" / "ses-a" / "recall_run-1"
    sound.mkdir(parents=True)
    (sound / "heard-01.flac").write_bytes(b"x")
    with pytest.raises(UsageError, match="holds sound"):
        Folder.create(tmp_path, "p1", "a", "recall", run=1)
    assert not (tmp_path / "sub-p1" / "ses-a" / "recall_run-1").exists()


@pytest.mark.parametrize("label", ["", "../x", "A", "a b", "a/b", "ä", "a\n", "x" * 33, "a_b"])
def test_labels_are_never_paths(tmp_path: Path, label: str) -> None:
    """Labels of any other form are refused before anything is made."""
    for labels in ((label, "a", "t"), ("p", label, "t"), ("p", "a", label)):
        with pytest.raises(UsageError, match="label is"):
            Folder.create(tmp_path, *labels)
    assert list(tmp_path.iterdir()) == []


def test_a_root_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    """An output folder that cannot be made is named."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(UsageError, match=r"No folder can be made in .*file"):
        Folder.create(blocked, "p", "a", "t")


def test_another_path_is_not_a_session(tmp_path: Path) -> None:
    """A folder that is no session's is refused by name."""
    with pytest.raises(UsageError, match="is not a session's folder"):
        Folder(tmp_path)


def test_the_record_comes_back_without_secrets(tmp_path: Path) -> None:
    """session.json returns what was written, but passwords at no depth; it is private."""
    folder = Folder.create(tmp_path, "p", "a", "t")
    settings = {"rig": {"password": "hush", "id": "x", "deep": [{"Secret_key": "hush", "n": 1}]}}
    folder.write(record(folder, settings=settings, seeds={"simulator": 3}))
    back = Folder(folder.path).read()
    assert back.settings == {"rig": {"id": "x", "deep": [{"n": 1}]}}
    assert back.seeds == {"simulator": 3}
    path = folder.path / "session.json"
    assert "hush" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_rewritten_record_replaces_the_old_one(tmp_path: Path) -> None:
    """The record can be written again as more becomes known."""
    folder = Folder.create(tmp_path, "p", "a", "t")
    folder.write(record(folder))
    (folder.path / "session.json.part").write_text("half of an earlier one")
    folder.write(record(folder, hashes={"model": "ab"}))
    assert folder.read().hashes == {"model": "ab"}
    assert sorted(p.name for p in folder.path.iterdir()) == ["session.json"]


def test_a_damaged_or_newer_record_is_named(tmp_path: Path) -> None:
    """A missing, broken, newer or foreign record is an error, never a default."""
    folder = Folder.create(tmp_path, "p", "a", "t")
    with pytest.raises(FormatError, match=r"no session\.json"):
        folder.read()
    (folder.path / "session.json").write_text('{"schema": 99, "new": 1}')
    with pytest.raises(FormatError, match="schema 99, this version knows 1"):
        folder.read()
    (folder.path / "session.json").write_text('{"schema": 1, "subj')
    with pytest.raises(FormatError, match="cannot be read"):
        folder.read()
    with pytest.raises(FormatError, match="The record is of"):
        folder.write(record(folder, run=2))


def test_files_are_listed_in_the_order_of_starts(tmp_path: Path) -> None:
    """eeg.xdf comes before eeg-02.xdf, and 10 after 9."""
    folder = Folder.create(tmp_path, "p", "a", "t")
    for name in ("eeg-10.xdf", "eeg.xdf", "eeg-02.xdf", "eeg-09.xdf", "eeg-x.xdf"):
        (folder.path / name).touch()
    for name in ("heard-02.flac", "heard-01.flac"):
        (folder.sound / name).touch()
    assert [p.name for p in folder.xdf()] == ["eeg.xdf", "eeg-02.xdf", "eeg-09.xdf", "eeg-10.xdf"]
    assert [p.name for p in folder.heard()] == ["heard-01.flac", "heard-02.flac"]


def test_a_bank_inside_the_root_moves_with_it(tmp_path: Path) -> None:
    """Paths below ROOT are kept relative, others whole."""
    folder = Folder.create(tmp_path / "root", "p", "a", "t")
    assert folder.relative(folder.bank) == "people/p/bank"
    assert folder.bank_of(record(folder, bank="people/p/bank")) == folder.bank
    assert folder.bank_of(record(folder)) == folder.bank
    outside = tmp_path / "other"
    assert folder.bank_of(record(folder, bank=folder.relative(outside))) == outside


def test_a_folders_hash_covers_names_and_contents(tmp_path: Path) -> None:
    """One changed byte, or one changed name, is another hash; an empty folder has none."""
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("2")
    first = hash_folder(tmp_path)
    (tmp_path / "b").write_text("3")
    second = hash_folder(tmp_path)
    (tmp_path / "b").rename(tmp_path / "c")
    assert len({first, second, hash_folder(tmp_path)}) == 3
    (tmp_path / "empty").mkdir()
    with pytest.raises(FormatError, match="holds no file"):
        hash_folder(tmp_path / "empty")


def test_the_environment_names_what_decides_numbers() -> None:
    """Versions of Python, numpy and the processor's model are recorded."""
    found = environment()
    assert found["numpy"][0].isdigit()
    assert found["python"].startswith("3.")
    assert set(found) >= {"machine", "cpu", "scipy", "msgspec"}

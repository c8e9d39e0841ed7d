"""The session folder: where a session's data rest, and what is known of them.

    ROOT/
      sub-<label>/ses-<label>/<task>_run-<n>/
        session.json     settings as run with their origin, versions, seeds, hashes: a `Record`
        journal.jsonl    every message, windows by reference
        eeg.xdf          what the stream's first process took in; eeg-02.xdf … after a restart
        model/           model.json, weights.safetensors, memory.npz
        report.html      without words or sound of the person
      people/<label>/
        bank/            the memory's clips
        ses-<label>/<task>_run-<n>/heard-NN.flac      what was heard, one file per player start

What is personal in words or sound stands under `people/`, apart from the data: a session folder can
be handed on without it. Sound lies there in a folder of its session, because a second session of
the same person starts again at heard-01.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from rym import bank
from rym.errors import FormatError, UsageError

SCHEMA = 1
RECORD = "session.json"
LABEL = re.compile(r"[a-z0-9]{1,32}\Z")
SECRET = re.compile(r"password|secret|token", re.IGNORECASE)
PACKAGES = ("rym", "numpy", "scipy", "msgspec", "soundfile", "torch", "scikit-learn")


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What session.json says."""

    subject: str
    session: str
    task: str
    run: int
    started: float
    """Seconds since the Unix epoch, for people."""
    simulated: bool
    settings: dict[str, dict[str, Any]]
    """As run: one table per part (`stream`, `decoder`, `player`, …), without secrets."""
    schema: int = SCHEMA
    rig: str = "rig"
    origins: dict[str, str] = {}
    """Where a setting came from (`default`, `rig.toml`, `option`, …), by `table.field`."""
    versions: dict[str, str] = {}
    """Of packages, Python and the processor; see `environment`."""
    seeds: dict[str, int] = {}
    bank: str = ""
    """The bank's folder; relative to ROOT where it lies inside."""
    hashes: dict[str, str] = {}
    """SHA-256 of `bank` (see `hash_bank`), of `model` and of every other input, hex."""
    warnings: tuple[str, ...] = ()
    """What the supervisor had to say in the end, for people."""


def environment() -> dict[str, str]:
    """Return the versions that decide whether numbers repeat to the bit."""
    found = {"python": platform.python_version(), "machine": platform.machine(), "cpu": _cpu()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ""
    return found


def _cpu() -> str:
    # `platform.processor` is empty on most Linux machines; the kernel's table names the model.
    table = Path("/proc/cpuinfo")
    if table.is_file():
        for line in table.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def check_label(kind: str, label: str) -> str:
    """Return `label` if it can stand in a path and names nobody.

    Raises
    ------
    UsageError
        If it is not 1 to 32 characters of a-z and 0-9.
    """
    if not LABEL.match(label):
        raise UsageError(
            f"The {kind}'s label is {label[:40]!r}, allowed are 1 to 32 characters of a-z and 0-9.",
            "Choose another label.",
            label=label,
        )
    return label


class Folder:
    """One session's folder and the person's folder that belongs to it.

    Parameters
    ----------
    path : Path
        `…/sub-<label>/ses-<label>/<task>_run-<n>`.

    Raises
    ------
    UsageError
        If the path does not end in such a name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        name = re.fullmatch(r"([a-z0-9]+)_run-([1-9][0-9]*)", self.path.name)
        session, subject = self.path.parent.name, self.path.parent.parent.name
        if name is None or not (session.startswith("ses-") and subject.startswith("sub-")):
            raise UsageError(
                f"{path} is not a session's folder.",
                "Give the folder that ends in sub-<label>/ses-<label>/<task>_run-<n>.",
                path=str(path),
            )
        self.subject = check_label("subject", subject.removeprefix("sub-"))
        self.session = check_label("session", session.removeprefix("ses-"))
        self.task, self.run = name[1], int(name[2])
        self.root = self.path.parents[2]
        self.person = self.root / "people" / self.subject
        self.sound = self.person / session / self.path.name

    @classmethod
    def create(
        cls, root: Path, subject: str, session: str, task: str, run: int | None = None
    ) -> Folder:
        """Make a new session's folders, readable by their owner only.

        Parameters
        ----------
        root : Path
            Folder of all sessions; made where missing.
        subject, session, task : str
            Labels, a-z and 0-9.
        run : int or None
            Number of the run; None takes the next free one.

        Raises
        ------
        UsageError
            If a label has another form, the number is below 1, the folder exists already, or it
            cannot be made.
        """
        parent = root / f"sub-{check_label('subject', subject)}"
        parent /= f"ses-{check_label('session', session)}"
        check_label("task", task)
        if run is not None and run < 1:
            raise UsageError(f"The run is {run}, the first one is 1.", "Give 1 or more.", run=run)
        try:
            parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder = cls(_new(parent, task, run))
            folder.sound.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise UsageError(
                f"No folder can be made in {parent}: {error.strerror}.",
                "Give another folder with --out.",
                path=str(parent),
            ) from None
        if any(folder.sound.iterdir()):
            folder.path.rmdir()
            raise UsageError(
                f"{folder.sound} holds sound of a session whose own folder is missing.",
                "Name another run, or move that folder away; nothing is overwritten.",
                path=str(folder.sound),
            )
        return folder

    @property
    def journal(self) -> Path:
        """Where every message is written, one a line."""
        return self.path / "journal.jsonl"

    @property
    def report(self) -> Path:
        """Where the report stands."""
        return self.path / "report.html"

    @property
    def logs(self) -> Path:
        """Where each part's own log stands."""
        return self.path / "logs"

    @property
    def model(self) -> Path:
        """Folder of the model that this session's calibration gave."""
        return self.path / "model"

    def lessons(self, start: int) -> Path:
        """Where lies what the decoder had learned before it was started again for this time."""
        return self.path / f"lessons-{start:02d}.jsonl"

    @property
    def bank(self) -> Path:
        """Folder of the person's bank, where no other one is named."""
        return self.person / "bank"

    def give_up(self) -> None:
        """Remove a session of which nothing was recorded; one with EEG is left as it is."""
        if self.xdf():
            return
        for path in (self.path, self.sound):
            shutil.rmtree(path)
            for parent in path.parents[:2]:
                if parent != self.root and not any(parent.iterdir()):
                    parent.rmdir()

    def xdf(self) -> list[Path]:
        """Return the recordings in the order in which the stream was started."""
        return _numbered(self.path, "eeg", ".xdf")

    def heard(self) -> list[Path]:
        """Return the sound files in the order in which the player was started."""
        return _numbered(self.sound, "heard", ".flac")

    def write(self, record: Record) -> None:
        """Write session.json, without secrets: a reader sees the old one or the new one.

        Raises
        ------
        FormatError
            If the record names another session than this folder.
        """
        named = (record.subject, record.session, record.task, record.run)
        if named != (self.subject, self.session, self.task, self.run):
            raise FormatError(
                f"The record is of {named}, the folder is {self.path}.",
                "Write a session's record into its own folder.",
            )
        clean = msgspec.structs.replace(record, settings=_without_secrets(record.settings))
        data = msgspec.json.format(msgspec.json.encode(clean), indent=1)
        write_atomically(self.path / RECORD, data)

    def read(self) -> Record:
        """Return what session.json says.

        Raises
        ------
        FormatError
            If it is missing, damaged, or of a newer schema.
        """
        path = self.path / RECORD
        remedy = "Give the folder of a session that was made by this version of RYM."
        try:
            data = path.read_bytes()
            schema = msgspec.json.decode(data, type=_Schema).schema
            if schema != SCHEMA:
                raise FormatError(
                    f"{path} has schema {schema}, this version knows {SCHEMA}.",
                    remedy,
                    schema=schema,
                )
            return msgspec.json.decode(data, type=Record)
        except FileNotFoundError:
            raise FormatError(
                f"There is no {RECORD} in {self.path}.", remedy, path=str(path)
            ) from None
        except msgspec.DecodeError as error:
            raise FormatError(f"{path} cannot be read: {error}.", remedy, path=str(path)) from None

    def relative(self, path: Path) -> str:
        """Return a path as session.json keeps it: below ROOT where it lies there."""
        path = path.resolve()
        return path.relative_to(self.root).as_posix() if self.root in path.parents else str(path)

    def bank_of(self, record: Record) -> Path:
        """Return the folder of the bank that a session was run with."""
        return self.root / record.bank if record.bank else self.bank


class _Schema(msgspec.Struct):
    schema: int


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file as a whole; it is readable by its owner only and on the disk on return."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def hash_folder(folder: Path, pattern: str = "*") -> str:
    """Return a SHA-256 over the names and contents of a folder's files, hex.

    Raises
    ------
    FormatError
        If no file matches.
    """
    total = hashlib.sha256()
    files = sorted(path for path in folder.rglob(pattern) if path.is_file())
    if not files:
        raise FormatError(f"{folder} holds no file.", "Give the folder of a model or a bank.")
    for path in files:
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{path.relative_to(folder).as_posix()}\n{content}\n".encode())
    return total.hexdigest()


def hash_bank(folder: Path) -> str:
    """Return the SHA-256 of what a bank's manifest says, its approvals left out; hex.

    It holds the hash of every clip and frame. That somebody listens again afterwards and says so
    changes nothing of what a session was played from.
    """
    return bank.read(folder).content_sha256


def settings_hashes(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the first 16 hex digits of each table's SHA-256, order of keys and secrets left out.

    The journal's process publishes them as facts `settings.<table>` of its status, so that a
    session.json that was changed afterwards is found out.
    """
    return {
        table: hashlib.sha256(
            msgspec.json.encode(_without_secrets(values), order="deterministic")
        ).hexdigest()[:16]
        for table, values in settings.items()
    }


def _new(parent: Path, task: str, run: int | None) -> Path:
    number = run or 1
    while True:
        path = parent / f"{task}_run-{number}"
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            if run is not None:
                raise UsageError(
                    f"The session's folder {path} exists already.",
                    "Name another run, or none for the next free one; nothing is overwritten.",
                    path=str(path),
                ) from None
            number += 1
        else:
            return path


def _numbered(folder: Path, stem: str, suffix: str) -> list[Path]:
    # eeg.xdf is the first, eeg-02.xdf the second; heard-01.flac the first of its kind.
    found = []
    for path in folder.glob(f"{stem}*{suffix}"):
        name = re.fullmatch(rf"{stem}(?:-(\d+))?{re.escape(suffix)}", path.name)
        if name is not None:
            found.append((int(name[1] or 1), path))
    return [path for _, path in sorted(found)]


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_secrets(v) for k, v in value.items() if not SECRET.search(str(k))}
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return value

"""A full, read-only or slow disk does not stop a recording; the file is never harmed."""

import errno
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import pyxdf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rym.clock import ManualClock, SystemClock
from rym.errors import DeviceError
from rym.messages import ClockOffset
from stream.checks import Declared, Signal
from stream.files import safe_file
from stream.files.recorder import Recorder, count_samples
from stream.files.safe_file import Spool
from stream.files.xdf import ItemEncoder, read_stream
from stream.items import Chunk, Item, Side
from stream.montage import ENOBIO20

DECLARED = Declared("NIC", "nic-1", "uid-1", "the-host", 500.0, 20, (), ())
SIGNAL = Signal(ENOBIO20, 500.0, "µV", 1.0)
PER_SAMPLE = 8 + 1 + 20 * 4


def item(k: int) -> Item:
    """Return the k-th item: mostly chunks of ten samples, sometimes an offset or a trigger."""
    if k % 50 == 0:
        return ClockOffset(stream="uid-1", offset=k / 10, uncertainty=1e-4, from_sample=_count(k))
    if k % 7 == 3:
        return Side("markers", np.float32([[k]]), np.array([float(k)]))
    samples = np.random.default_rng(k).normal(size=(10, 20)).astype(np.float32)
    return Chunk(samples, k + np.arange(10) / 500)


def _count(k: int) -> int:
    return sum(10 for i in range(k) if i % 50 and i % 7 != 3)


def same(found: list[Item], expected: list[Item]) -> bool:
    """Return whether items agree to the bit."""
    return [_flat(x) for x in found] == [_flat(x) for x in expected]


def _flat(x: Item) -> tuple:
    if isinstance(x, ClockOffset):
        return (x,)
    return (type(x), x.samples.tobytes(), x.stamps.tobytes(), x[2] if isinstance(x, Chunk) else "")


def wait_for(condition: Callable[[], object], seconds: float = 8.0) -> bool:
    """Return whether something came to be within some seconds."""
    pause, give_up = threading.Event(), SystemClock().now() + seconds
    while not condition() and SystemClock().now() < give_up:
        pause.wait(0.01)
    return bool(condition())


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a real file system of 256 kB."""
    monkeypatch.setattr(safe_file, "RETRY_S", 0.05)
    folder = tmp_path / "small"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "none", folder],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("making a small file system takes root")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def start(path: Path, memory: float = 64.0) -> Recorder:
    """Return a recorder."""
    return Recorder(path, DECLARED, SIGNAL, SystemClock(), memory)


def test_what_was_written_is_there_and_says_so(tmp_path: Path) -> None:
    """The very bytes that were encoded; read again and found whole when closed."""
    items = [item(k) for k in range(1, 300)]
    clock = ManualClock(5.0)
    kept = Recorder(tmp_path / "eeg.xdf", DECLARED, SIGNAL, clock)
    encoder = ItemEncoder(DECLARED, SIGNAL, clock)
    plain = [encoder.start()]
    for one in items:
        kept.write(one)
        plain.append(encoder.encode(one))
    kept.sync().result(5)
    plain.append(encoder.end())
    assert kept.close() == (_count(300), 0, "")
    assert kept.trouble == ""
    assert (tmp_path / "eeg.xdf").read_bytes() == b"".join(plain)
    assert count_samples(tmp_path / "eeg.xdf")[1] == _count(300)


def test_what_was_handed_over_is_in_the_file_at_once(tmp_path: Path) -> None:
    """Nobody has to close or sync it: a kill loses what came in the last moment only."""
    kept = start(tmp_path / "eeg.xdf")
    items = [item(k) for k in range(1, 100)]
    for one in items:
        kept.write(one)
    assert wait_for(lambda: same(list(read_stream(kept.path).items()), items))
    kept.close()


def test_an_existing_file_is_not_touched(tmp_path: Path) -> None:
    """That is no trouble of the disk, but a mistake: it is refused."""
    path = tmp_path / "eeg.xdf"
    path.write_bytes(b"precious")
    with pytest.raises(DeviceError, match=r"eeg\.xdf is there already"):
        start(path)
    assert path.read_bytes() == b"precious"


def test_a_full_disk_gets_everything_once_it_has_space(small: Path) -> None:
    """While it is full the file ends with a whole chunk; afterwards nothing is missing."""
    ballast = small / "ballast"
    ballast.write_bytes(bytes(220_000))
    kept = start(small / "eeg.xdf")
    items = [item(k) for k in range(1, 160)]
    for one in items[:100]:
        kept.write(one)
    assert wait_for(lambda: kept.trouble)
    assert "No space left on device" in kept.trouble
    assert "waits in memory" in kept.trouble
    recording = read_stream(kept.path)
    found = list(recording.items())
    assert 10 < len(found) < 100
    assert recording.lost == 0
    assert same(found, items[: len(found)])
    pyxdf.load_xdf(str(kept.path))
    for one in items[100:]:
        kept.write(one)
    ballast.unlink()
    assert wait_for(lambda: not kept.trouble)
    assert kept.close() == (_count(160), 0, "")
    assert same(list(read_stream(kept.path).items()), items)


def test_memory_has_a_bound_and_a_hole_is_marked(small: Path) -> None:
    """What no longer finds room is counted; the file goes on behind a mark of the right length."""
    ballast = small / "ballast"
    ballast.write_bytes(bytes(220_000))
    kept = start(small / "eeg.xdf", memory=0.05)
    items = [item(k) for k in range(1, 250)]
    for one in items[:20]:
        kept.write(one)
    assert wait_for(lambda: count_samples(kept.path).get(1) == _count(21))
    for one in items[20:200]:
        kept.write(one)
        wait_for(lambda: kept.trouble or kept._file._spool.waiting_since is None)
    assert kept.lost
    assert "is lost" in kept.trouble
    ballast.unlink()
    assert wait_for(lambda: "missing" in kept.trouble)
    lost = kept.lost
    for one in items[200:]:
        kept.write(one)
    assert kept.close() == (_count(250) - lost, lost, kept.trouble)
    assert f"{lost} samples are missing in eeg.xdf" in kept.trouble
    found = list(read_stream(kept.path).items())
    assert sum(len(x.samples) for x in found if isinstance(x, Chunk)) == _count(250)
    assert sum(np.isnan(x.stamps).sum() for x in found if isinstance(x, Chunk)) == lost
    assert same(found[-49:], items[200:])
    holes = [k for k, x in enumerate(found) if isinstance(x, Chunk) and np.isnan(x.stamps[0])]
    assert holes
    assert same(found[: holes[0]], items[: holes[0]])
    # Offsets and triggers are small, and stand where they took effect even within the hole.
    assert same(
        [x for x in found if not isinstance(x, Chunk)],
        [x for x in items if not isinstance(x, Chunk)],
    )


def test_a_disk_that_stays_full_is_told_at_the_end(small: Path) -> None:
    """The end says how many samples are in the file and how many are not; they are whole."""
    (small / "ballast").write_bytes(bytes(220_000))
    kept = start(small / "eeg.xdf")
    items = [item(k) for k in range(1, 200)]
    for one in items:
        kept.write(one)
    told = kept.close()
    found = list(read_stream(kept.path).items())
    assert 0 < len(found) < len(items)
    assert same(found, items[: len(found)])
    assert told.samples == sum(len(x.samples) for x in found if isinstance(x, Chunk))
    assert told.samples + told.missing == _count(200)
    assert "could not be written to its end: No space left on device" in told.problem


def test_a_read_only_folder_is_waited_for(small: Path) -> None:
    """Not even the file can be made: everything waits, and is there once the folder can be used."""
    subprocess.run(["mount", "-o", "remount,ro", small], check=True)
    kept = start(small / "eeg.xdf")
    items = [item(k) for k in range(1, 100)]
    for one in items:
        kept.write(one)
    assert "Read-only file system" in kept.trouble
    assert not kept.path.exists()
    subprocess.run(["mount", "-o", "remount,rw", small], check=True)
    assert wait_for(lambda: not kept.trouble)
    assert kept.close() == (_count(100), 0, "")
    assert same(list(read_stream(kept.path).items()), items)


def test_a_folder_that_stays_read_only_leaves_nothing(small: Path) -> None:
    """The session ends as any other, and says that nothing was recorded."""
    subprocess.run(["mount", "-o", "remount,ro", small], check=True)
    kept = start(small / "eeg.xdf")
    for k in range(1, 100):
        kept.write(item(k))
    told = kept.close()
    assert (told.samples, told.missing) == (0, _count(100))
    assert "Read-only file system" in told.problem


def test_a_file_that_somebody_removed_is_told(tmp_path: Path) -> None:
    """The system would go on writing into nothing; the look back at the end finds it."""
    kept = start(tmp_path / "eeg.xdf")
    kept.write(item(1))
    assert wait_for(lambda: count_samples(kept.path))
    kept.path.unlink()
    told = kept.close()
    assert (told.samples, told.missing) == (0, 10)
    assert "cannot be read again: No such file" in told.problem


def test_a_file_that_somebody_changed_is_told(tmp_path: Path) -> None:
    """One wrong byte is enough."""
    kept = start(tmp_path / "eeg.xdf")
    for k in range(1, 10):
        kept.write(item(k))
    assert wait_for(lambda: count_samples(kept.path).get(1) == _count(10))
    with kept.path.open("r+b") as file:
        file.seek(-5, os.SEEK_END)
        byte = file.read(1)
        file.seek(-5, os.SEEK_END)
        file.write(bytes([byte[0] ^ 1]))
    told = kept.close()
    assert (told.samples, told.missing) == (_count(10), 0)
    assert "is not what was written" in told.problem


def test_a_slow_disk_delays_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one who writes returns while the disk stands still, and after some seconds it is said."""
    stands_still = threading.Event()
    plain = safe_file._write

    def write(file, data: bytes) -> None:
        stands_still.wait(20)
        plain(file, data)

    clock = ManualClock(100.0)
    kept = Recorder(tmp_path / "eeg.xdf", DECLARED, SIGNAL, clock)
    monkeypatch.setattr(safe_file, "_write", write)
    for k in range(1, 100):
        kept.write(item(k))
    assert kept.trouble == ""
    clock.advance(safe_file.SLOW_S + 0.1)
    assert "takes more than 3 s" in kept.trouble
    stands_still.set()
    assert wait_for(lambda: not kept.trouble)
    assert kept.close() == (_count(100), 0, "")


def test_a_disk_that_never_answers_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some seconds it is given up, and said."""
    monkeypatch.setattr(safe_file, "END_S", 0.1)
    answers = threading.Event()
    kept = start(tmp_path / "eeg.xdf")
    monkeypatch.setattr(safe_file, "_write", lambda *_: answers.wait(20))
    kept.write(item(1))
    told = kept.close()
    answers.set()
    assert (told.samples, told.missing) == (0, 10)
    assert "the disk does not answer" in told.problem


def test_a_sync_that_never_returns_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said after some seconds, the end gives it up, and no thread needs to be waited for."""
    monkeypatch.setattr(safe_file, "END_S", 0.3)
    answers = threading.Event()
    monkeypatch.setattr(os, "fsync", lambda _: answers.wait(20))
    clock = ManualClock(100.0)
    kept = Recorder(tmp_path / "eeg.xdf", DECLARED, SIGNAL, clock)
    for k in range(1, 100):
        kept.write(item(k))
    waiting = kept.sync()
    assert wait_for(kept._file._spool._syncing.locked)
    clock.advance(safe_file.SLOW_S + 0.1)
    assert "takes more than 3 s" in kept.trouble
    began = SystemClock().now()
    told = kept.close()
    assert SystemClock().now() - began < 5
    assert (told.samples, told.missing) == (_count(100), 0)
    assert "the disk does not answer" in told.problem
    assert not waiting.done()
    stuck = [one for one in threading.enumerate() if one.name in ("disk", "recorder")]
    assert stuck
    assert all(one.daemon for one in stuck)
    answers.set()


class _Disk:
    """Stands in for the system: takes so many bytes per attempt, and fails as it is told."""

    def __init__(self, faults: list[int]) -> None:
        self.faults = faults

    def write(self, file, data: bytes) -> None:
        """Fail after some bytes, or take everything."""
        left = self.faults.pop() if self.faults else -1
        if left < 0:
            file.write(data)
            return
        file.write(data[:left])
        raise OSError(errno.EDQUOT, "Disk quota exceeded")


def test_without_a_sync_memory_stays_bounded_and_nothing_is_lost() -> None:
    """What is kept for a failed sync gives way; only what the system refuses fills memory."""
    clock = ManualClock()
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool(Path(folder) / "file", 1000)
        for k in range(100):
            spool.put(bytes([k]) * 100, clock.now())
            assert spool.flush()
            assert spool._held <= 1100
            assert not spool.full
        spool.close()
        assert spool.path.stat().st_size == 10_000


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_whatever_the_system_refuses_the_file_is_whole(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Half writes, failed syncs in any order: a prefix at all times, all of it in the end."""
    path = tmp_path_factory.mktemp("spool") / "file"
    sizes = data.draw(st.lists(st.integers(1, 40), min_size=2, max_size=30))
    faults = st.lists(st.integers(-1, 30), max_size=10)
    disk = _Disk(data.draw(faults))
    pieces = [bytes([k]) * size for k, size in enumerate(sizes)]
    ends = {sum(sizes[:k]) for k in range(len(sizes) + 1)}
    spool = Spool(path, 100_000)
    sync_fails = False

    def fsync(_: int) -> None:
        if sync_fails:
            raise OSError(errno.EIO, "Input/output error")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(safe_file, "_write", disk.write)
        patch.setattr(os, "fsync", fsync)
        for piece in pieces:
            spool.put(piece, 0.0)
            if data.draw(st.booleans()):
                spool.flush()
            sync_fails = data.draw(st.booleans())
            if data.draw(st.booleans()):
                spool.sync()
                assert not (sync_fails and path.exists() and not spool.refusal)
            now = path.read_bytes() if path.exists() else b""
            assert b"".join(pieces).startswith(now)
            assert len(now) in ends
        sync_fails = False
        disk.faults.clear()
        assert any(spool.flush() and spool.sync() for _ in range(2))
    spool.close()
    assert spool.refusal == ""
    assert spool._held == 0
    assert path.read_bytes() == b"".join(pieces)

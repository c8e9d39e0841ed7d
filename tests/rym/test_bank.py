"""The bank's form: what is refused before anything of it is played or shown."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rym import bank
from rym.bank import Approval, Bank, Clip, Correlation, Frame, Maker, Scene
from rym.clock import SystemClock
from rym.errors import FormatError
from rym.lock import locked
from rym.messages import AFFECTS, Affect

MAKER = Maker(backend="test")


def clip(affect: Affect, **changes: Any) -> Clip:
    """Return a row of a manifest, of a file that holds its own name."""
    row = Clip(
        file=f"audio/{affect}.flac", sha256="", affect=affect, section=0, variant=0, maker=MAKER,
        prompt_sha256="", seed=0, bpm=60.0, bars=1, beats_per_bar=4, n_samples=4, downbeats=(0,),
        key="D", mode="", lufs=-20.0, true_peak_dbtp=-3.0, spectral_centroid_hz=1.0, rms_db=-20.0,
        mode_score=0.0, beat_error=None, loop_residual_db=None, notes=(),
    )  # fmt: skip
    return msgspec.structs.replace(row, **changes)


def scene(*files: str) -> Scene:
    """Return a scene of such pictures."""
    frames = tuple(
        Frame(file=x, sha256="", valence=0.0, hue=0.0, saturation=0.0, value=0.0, luminance=0.0)
        for x in files
    )
    return Scene(
        name="scene-0", maker=MAKER, prompt_sha256="", seed=0, width=1, height=1, flashes=0,
        frames=frames,
    )  # fmt: skip


def made(*clips: Clip, **changes: Any) -> Bank:
    """Return a bank of three loops, or of others."""
    found = Bank(
        schema=bank.SCHEMA, memory_sha256="", rate=48_000, affects=AFFECTS, target_lufs=-20.0,
        clips=clips or tuple(clip(affect) for affect in AFFECTS), correlations=(),
    )  # fmt: skip
    return msgspec.structs.replace(found, **changes)


def grid(**changes: Any) -> Bank:
    """Return a bank whose clips have another grid."""
    return made(*(clip(affect, **changes) for affect in AFFECTS))


ROW = (1.0, 0.0, 0.0)


def alike(*bars: tuple[tuple[float, ...], ...]) -> Bank:
    """Return a bank with these correlations."""
    return made(correlations=(Correlation(section=0, variant=0, rho=bars),))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a bank on disk whose files say their names."""
    (tmp_path / "audio").mkdir()
    rows = []
    for affect in AFFECTS:
        path = tmp_path / "audio" / f"{affect}.flac"
        path.write_text(affect)
        rows.append(clip(affect, sha256=bank.sha256(path)))
    bank.save(made(*rows), tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (made(affects=("negative", "positive")), "affects negative, positive, but neutral must be"),
        (made(clip("neutral", kind="ending")), "names no clip"),
        (made(*made().clips[:2]), "no clip for section 0, variant 0, positive"),
        (
            made(*made().clips, clip("neutral", variant=1, n_samples=5)),
            "has 5 samples, its siblings have 4",
        ),
        (made(*made().clips, clip("neutral", kind="ending")), "no ending for section 0, negative"),
        (made(clip("neutral", file="../x.flac"), affects=("neutral",)), "'../x.flac', which lies"),
        (made(clip("neutral", file="/x.flac"), affects=("neutral",)), "'/x.flac', which lies"),
        (made(clip("neutral", file="a\\x.flac"), affects=("neutral",)), "which lies outside"),
        (made(scenes=(scene("images/../../x"),)), "'images/../../x', which lies outside"),
        (grid(beats_per_bar=0), "0 beats in a bar, at least 1"),
        (grid(downbeats=(1, 2)), "bar 1 at 1, it must begin at 0 and before the end at 4"),
        (grid(downbeats=(0, 2, 2)), "bar 3 at 2, it must begin from 3 on"),
        (grid(downbeats=(0, 3, 1)), "bar 3 at 1, it must begin from 4 on"),
        (grid(downbeats=(0, 4)), "bar 2 at 4, it must begin from 1 on and before the end at 4"),
        (grid(downbeats=(-1, 2)), "bar 1 at -1"),
        (alike((ROW, ROW, ROW[:2])), "bar 1 have rows of [3, 3, 2], 3 of 3 are needed"),
        (alike((ROW, ROW, ROW), (ROW, ROW)), "bar 2 have rows of [3, 3], 3 of 3"),
    ],
)
def test_a_manifest_that_breaks_a_rule_is_refused(found: Bank, says: str) -> None:
    """Both values, and what to do."""
    with pytest.raises(FormatError) as caught:
        bank.check_form(found, Path("b"))
    assert says in caught.value.error
    assert caught.value.remedy == bank.AGAIN


def test_endings_of_another_length_than_the_loops_are_fine() -> None:
    """They are siblings of one another only."""
    endings = [clip(a, kind="ending", file=f"audio/e-{a}.flac", n_samples=9) for a in AFFECTS]
    bank.check_form(made(*made().clips, *endings), Path("b"))


@pytest.mark.fault(45)
@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda path: path.unlink(), "is named in .*, but missing"),
        (lambda path: path.write_text("neutraL"), "has SHA-256 .*the manifest says"),
        (lambda path: (path.unlink(), path.mkdir()), "cannot be read: Is a directory"),
    ],
)
def test_a_damaged_file_is_refused(folder: Path, harm: Callable[[Path], Any], says: str) -> None:
    """Missing, altered, no file at all; a whole one passes."""
    bank.load(folder)
    harm(folder / "audio" / "neutral.flac")
    with pytest.raises(FormatError, match=f"neutral.flac {says}"):
        bank.load(folder)


def test_a_manifest_of_another_schema_is_refused(folder: Path) -> None:
    """Both numbers; what is no JSON has its own sentence."""
    path = folder / bank.MANIFEST
    path.write_bytes(path.read_bytes().replace(b'"schema": 2', b'"schema": 3'))
    with pytest.raises(FormatError, match="has schema 3, this version knows 2"):
        bank.read(folder)
    path.write_bytes(b"{")
    with pytest.raises(FormatError, match="cannot be read: "):
        bank.read(folder)


def test_what_was_said_outlives_a_new_manifest(folder: Path) -> None:
    """One row for each role and content; the newest counts."""
    now = bank.read(folder)
    name, sha = next(iter(now.judged.items()))
    for approved in (False, True):
        said = Approval(name=name, sha256=sha, by="person", approved=approved)
        bank.amend(folder, lambda _, said=said: (said,))  # type: ignore[misc]
    bank.save(msgspec.structs.replace(now, target_lufs=-21.0), folder)
    found = bank.read(folder)
    assert found.target_lufs == -21.0
    assert found.approvals == (said,)
    assert found.verdict(name, "person") is True
    assert found.verdict(name, "operator") is None


def test_only_one_holds_a_folder(tmp_path: Path) -> None:
    """A second thread waits until the first lets go."""
    order: list[str] = []
    inside = threading.Event()

    def second() -> None:
        inside.wait()
        with locked(tmp_path):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with locked(tmp_path):
        inside.set()
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    """The system lets it go with the process."""
    script = (
        "import sys, time; from pathlib import Path; from rym.lock import locked\n"
        "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True,
        cwd=Path(bank.__file__).parents[1],
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        process.kill()
    begun = SystemClock().now()
    with locked(tmp_path):
        assert SystemClock().now() - begun < 30
    assert list(tmp_path.iterdir()) == []

"""`python -m generator`: build one bank, without a broker or any other part of RYM."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from rym.bank import Bank
from rym.errors import RymError

from .making.build import Built, Progress, build
from .memory import load

ROW = (
    "file", "affect", "section", "variant", "bpm", "n_samples", "lufs", "true_peak_dbtp",
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m generator",
        description="Make a bank of music from one memory: the same bars in three affects. "
        "A build that was stopped is taken up where it was.",
    )
    parser.add_argument("--memory", type=Path, required=True, help="the memory, a TOML file")
    parser.add_argument("--out", type=Path, required=True, help="the bank's folder")
    parser.add_argument("--kept", type=Path, help="folder of what was understood of the memory")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    arguments = parser.parse_args(argv)
    try:
        memory = load(arguments.memory)
        built = build(memory, arguments.out, progress=_tell, kept=arguments.kept, jobs=0)
    except RymError as error:
        return _fail(error.error, error.remedy, arguments.json, error.exit_code)
    except OSError as error:
        sentence = f"{error.filename or arguments.out} cannot be written: {error.strerror}."
        return _fail(sentence, "Free some space or choose another --out.", arguments.json, 1)
    except KeyboardInterrupt:
        sentence = f"Stopped before {arguments.out} was complete."
        return _fail(sentence, "The same command takes it up again.", arguments.json, 1)
    sys.stdout.write(_result(built, arguments.out, arguments.json) + "\n")
    return 0


def _tell(progress: Progress) -> None:
    """Tell what was made and how long the rest takes, on stderr."""
    what = "kept" if progress.kept else "made" if progress.file else "files are there"
    left = f", about {progress.left:.0f} s left" if progress.left else ""
    sys.stderr.write(f"{progress.done}/{progress.total} {what} {progress.file}{left}\n")


def table(manifest: Bank, out: Path, problems: Sequence[str]) -> dict[str, Any]:
    """Return what is told of a bank to programs."""
    rows = [{name: getattr(clip, name) for name in ROW} for clip in manifest.clips]
    n_images = sum(len(scene.frames) for scene in manifest.scenes)
    return {"bank": str(out), "clips": rows, "n_images": n_images, "problems": list(problems)}


def in_words(manifest: Bank, out: Path, problems: Sequence[str]) -> str:
    """Return what is told of a bank to people."""
    seconds = sum(clip.n_samples for clip in manifest.clips) / manifest.rate
    n_images = sum(len(scene.frames) for scene in manifest.scenes)
    pictures = f", {n_images} pictures" if n_images else ""
    said = f"{len(manifest.clips)} clips, {seconds:.0f} s of music{pictures}: {out}"
    return "\n".join([said, *problems])


def _result(built: Built, out: Path, as_json: bool) -> str:
    if not as_json:
        return in_words(built.bank, out, built.remarks)
    return msgspec.json.encode(table(built.bank, out, built.remarks)).decode()


def _fail(error: str, remedy: str, as_json: bool, exit_code: int) -> int:
    if as_json:
        sys.stdout.write(msgspec.json.encode({"error": error, "remedy": remedy}).decode() + "\n")
    else:
        sys.stderr.write(f"{error} {remedy}\n")
    return exit_code


if __name__ == "__main__":
    raise SystemExit(main())

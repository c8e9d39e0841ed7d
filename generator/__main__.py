"""`python -m generator`: build one bank, without a broker or any other part of RYM."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from rym.bank import Bank
from rym.clock import Clock, SystemClock
from rym.errors import RymError

from .making.build import Progress, build
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
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    arguments = parser.parse_args(argv)
    try:
        memory = load(arguments.memory)
        manifest = build(memory, arguments.out, progress=_teller(SystemClock()))
    except RymError as error:
        return _fail(error.error, error.remedy, arguments.json, error.exit_code)
    except OSError as error:
        sentence = f"{error.filename or arguments.out} cannot be written: {error.strerror}."
        return _fail(sentence, "Free some space or choose another --out.", arguments.json, 1)
    except KeyboardInterrupt:
        sentence = f"Stopped before {arguments.out} was complete."
        return _fail(sentence, "The same command takes it up again.", arguments.json, 1)
    sys.stdout.write(_result(manifest, arguments.out, arguments.json) + "\n")
    return 0


def _teller(clock: Clock) -> Callable[[Progress], None]:
    """Return a function that tells progress and the time left on stderr."""
    began, made = clock.now(), 0

    def tell(progress: Progress) -> None:
        nonlocal made
        made += not progress.kept
        left = (clock.now() - began) / max(1, made) * (progress.total - progress.done)
        what = "kept" if progress.kept else "made"
        sys.stderr.write(
            f"{progress.done}/{progress.total} {what} {progress.file}, about {left:.0f} s left\n"
        )

    return tell


def _result(manifest: Bank, out: Path, as_json: bool) -> str:
    if not as_json:
        seconds = sum(clip.n_samples for clip in manifest.clips) / manifest.rate
        return f"{len(manifest.clips)} clips, {seconds:.0f} s of music: {out}"
    rows = [{name: getattr(clip, name) for name in ROW} for clip in manifest.clips]
    table = {"bank": str(out), "clips": rows, "n_images": 0, "problems": []}
    return msgspec.json.encode(table).decode()


def _fail(error: str, remedy: str, as_json: bool, exit_code: int) -> int:
    if as_json:
        sys.stdout.write(msgspec.json.encode({"error": error, "remedy": remedy}).decode() + "\n")
    else:
        sys.stderr.write(f"{error} {remedy}\n")
    return exit_code


if __name__ == "__main__":
    raise SystemExit(main())

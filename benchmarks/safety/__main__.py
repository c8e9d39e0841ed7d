"""`python -m benchmarks.safety`: every case on captured sound, written into docs/safety.md.

Takes about 10 minutes, two of them for pauses that begin after a minute, and a machine with nothing
else to do: what the player itself counts as an interruption is gone through again, and said.
`--table` writes the table of the switch only, at once.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .cases import every, short
from .machine import table
from .measure import Heard
from .page import measured, placed
from .run import again_where_disturbed

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "safety.md"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write; return 1 where a promise was not kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.safety", description=__doc__)
    parser.add_argument("--table", action="store_true", help="only the switch's own table")
    parser.add_argument("--short", action="store_true", help="the tests' cases alone")
    parser.add_argument("--together", type=int, default=4, help="players at the same time")
    options = parser.parse_args(argv)
    page = placed(PAGE.read_text(encoding="utf-8"), "the switch", table())
    if options.table:
        PAGE.write_text(page, encoding="utf-8")
        return 0
    cases = short() if options.short else every()
    cases.sort(key=lambda case: (case.situation in ("pausing", "paused"), case.lasts))
    heard: list[Heard] = []
    repeated = 0
    for k in range(0, len(cases), options.together):
        with tempfile.TemporaryDirectory() as folder:
            found, again = again_where_disturbed(cases[k : k + options.together], Path(folder))
        heard += found
        repeated += again
        for one in found:
            print(one.case.name, one.faults or "holds", file=sys.stderr, flush=True)
    text = (
        f"{len(heard)} of {len(every())} cases on captured sound ({platform.system()}, Python "
        f"{platform.python_version()}, PulseAudio's null sink); {repeated} were gone through again "
        f"because the sound was interrupted from outside.\n\n{measured(heard)}"
    )
    PAGE.write_text(placed(page, "measured", text), encoding="utf-8")
    return 1 if any(one.faults or one.disturbed for one in heard) else 0


if __name__ == "__main__":
    raise SystemExit(main())

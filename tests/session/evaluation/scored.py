"""A small evaluation as a process of its own, so that a test can kill it: OUT WORKERS."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from session.evaluation.evaluate import Options, evaluate
from tests.session.evaluation.planted import gathered, table_of

OPTIONS = Options(protocols=("leave-one-person-out",), decoders=("lda",))


def main() -> None:
    """Evaluate."""
    table = table_of(n_people=2, n_units=4)
    evaluate(gathered(table), Path(sys.argv[1]), OPTIONS._replace(workers=int(sys.argv[2])))


if __name__ == "__main__":
    main()

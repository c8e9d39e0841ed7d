"""Draw the published protocol beside the honest one, from a finished evaluation.

    python tools/leaky_figure.py EVALUATION.json docs/evaluation-leaky.svg

The evaluation has to hold `paper` and an honest protocol with the same candidates.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from session.evaluation.result import Evaluation
from session.evaluation.show.figures import published


def main(arguments: list[str]) -> int:
    """Write the figure; 1 where the evaluation lacks what it needs, 2 for wrong use."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    source, target = (Path(name) for name in arguments)
    drawing = published(msgspec.json.decode(source.read_bytes(), type=Evaluation))
    if not drawing:
        print(f"{source} holds no candidate under `paper` and an honest protocol alike; run the "
              "evaluation with both.", file=sys.stderr)  # fmt: skip
        return 1
    target.write_text(drawing + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

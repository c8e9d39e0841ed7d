"""What the decoder has learned so far, kept so that one that is started again knows it.

The supervisor hears every `Learned`. The journal holds them as well, but is up to half a second
behind; a decoder that died must not lose the rows of its last half second.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from rym.messages import Learned

from ..folder import write_atomically


class Lessons:
    """The rows that were learned and not taken back, of the model that learned last."""

    def __init__(self) -> None:
        self._kept: dict[int, Learned] = {}
        self._model = ""

    def __len__(self) -> int:
        return len(self._kept)

    def take(self, said: Learned) -> None:
        """Note a row that was learned, or forget one that was taken back; repeats do no harm."""
        if said.model != self._model:
            self._kept, self._model = {}, said.model
        if said.taken_back:
            self._kept.pop(said.number, None)
        else:
            self._kept[said.number] = said

    def write(self, path: Path) -> None:
        """Write them as JSON lines, in the order in which they were learned."""
        rows = [self._kept[number] for number in sorted(self._kept)]
        write_atomically(path, msgspec.json.Encoder().encode_lines(rows))

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
    """The rows that every model learned; those taken back stay known as such.

    A number is never given twice: the decoder must not begin again below one that was taken back.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], Learned] = {}

    def __len__(self) -> int:
        return len(self._known)

    def take(self, said: Learned) -> None:
        """Note a row that was learned or taken back; repeats and late ones do no harm."""
        name = said.model, said.number
        before = self._known.get(name)
        if before is None or not before.taken_back:
            self._known[name] = said

    def write(self, path: Path) -> None:
        """Write them as JSON lines, those of each model in the order in which it learned them."""
        rows = [self._known[name] for name in sorted(self._known)]
        write_atomically(path, msgspec.json.Encoder().encode_lines(rows))

"""Which recording belongs to which start of the stream."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from rym.topics import STATUS, WINDOW

from ..folder import Folder
from ..live.lines import Journal


class Recorded(NamedTuple):
    """One start of the stream and what it left."""

    epoch: int
    path: Path


def recordings(folder: Folder, journal: Journal) -> list[Recorded]:
    """Return the stream's starts that left a recording, in order.

    A start names its file in its status. Where no status came through (the broker died), files and
    starts that are left over belong together in their order.

    Parameters
    ----------
    folder : Folder
        The session's.
    journal : Journal
        Its journal.
    """
    named: dict[int, Path] = {}
    for message in journal.of(STATUS["stream"]):
        name = message.content.facts.get("recording")
        if name and (folder.path / str(name)).exists():
            named[message.content.epoch] = folder.path / str(name)
    files = [path for path in folder.xdf() if path not in named.values()]
    epochs = [epoch for epoch in journal.epochs(WINDOW) if epoch not in named]
    named.update(zip(epochs, files, strict=False))
    return [Recorded(epoch, path) for epoch, path in sorted(named.items())]

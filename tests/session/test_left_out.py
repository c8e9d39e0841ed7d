"""What a player could not play is left out of the replay, too, whatever lies there by then."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rym import bank
from rym import messages as m
from rym.clock import SystemClock
from rym.errors import FormatError
from rym.topics import NOW, STATUS
from session.after.replay import verify
from session.after.rerun import left_out
from session.folder import Folder, hash_bank
from session.live.lines import from_line, read, to_line


def two_variants(folder: Folder) -> None:
    """Give the session a bank whose one section has two variants, in other files."""
    now = bank.read(folder.bank)
    clips = list(now.clips)
    for clip in now.clips:
        file = clip.file.replace("audio/", "audio/second-")
        (folder.bank / file).write_bytes((folder.bank / clip.file).read_bytes())
        clips.append(msgspec.structs.replace(clip, file=file, variant=1))
    rows = [msgspec.structs.replace(row, variant=v) for row in now.correlations for v in (0, 1)]
    manifest = msgspec.structs.replace(now, clips=tuple(clips), correlations=tuple(rows))
    bank.save(manifest, folder.bank)
    hashes = {"bank": hash_bank(folder.bank)}
    folder.write(msgspec.structs.replace(folder.read(), hashes=hashes))


@pytest.fixture(scope="module")
def session(rehearsal: Callable[..., Any]) -> Folder:
    """Return a session whose first player had a damaged file, and whose second one had it back."""
    lived = rehearsal()
    two_variants(lived.folder)
    damaged: Path = lived.folder.bank / "audio" / "neutral.flac"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-100])
    for file in (damaged.read_bytes(), whole):
        damaged.write_bytes(file)
        lived.start_player()
        lived.run(4)
    folder: Folder = lived.end()
    return folder


@pytest.mark.fault(45)
def test_each_start_is_replayed_with_what_it_had(session: Folder) -> None:
    """The first plays the other variant alone, the second both; all of it comes out the same."""
    journal = read(session)
    epochs = journal.epochs(NOW, "player")
    assert [left_out(journal, epoch) for epoch in epochs] == ["0/0", ""]
    heard = [{x.content.variant for x in journal.of(NOW, "player", epoch)} for epoch in epochs]
    assert heard == [{1}, {0, 1}]
    verdict = verify(session, SystemClock())
    assert verdict.first_difference is None
    assert verdict.topics[NOW.short] == len(journal.of(NOW))


def _forget(line: bytes) -> bytes:
    message = from_line(line)
    if not isinstance(message.content, m.Status) or message.id.topic != STATUS["player"].short:
        return line + b"\n"
    facts = message.content.facts | {"left_out": ""}
    content = msgspec.structs.replace(message.content, facts=facts)
    return to_line(msgspec.structs.replace(message, content=content))


def test_without_that_word_or_file_the_replay_differs(session: Folder, tmp_path: Path) -> None:
    """It is the status that decides; a file that is missing by now is an error."""
    root = shutil.copytree(session.root, tmp_path / "root")
    copy = Folder(root / session.path.relative_to(session.root))
    copy.journal.write_bytes(b"".join(map(_forget, copy.journal.read_bytes().splitlines())))
    found = verify(copy, SystemClock()).first_difference
    assert found is not None
    assert found.topic == NOW.short
    (copy.bank / "audio" / "second-neutral.flac").unlink()
    with pytest.raises(FormatError, match=r"second-neutral\.flac is named in"):
        verify(copy, SystemClock())

"""How the music ended is made again by the replay, with the ending or without it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import soundfile

from rym import bank
from rym.clock import SystemClock
from rym.topics import NOW
from session.after.replay import verify
from session.after.rerun import left_out
from session.folder import Folder, hash_bank
from session.live.lines import read


def with_endings(folder: Folder) -> None:
    """Give the session's bank endings as long as its loops."""
    now = bank.read(folder.bank)
    clips = []
    for loop in now.clips:
        file = f"audio/end-{loop.affect}.flac"
        sound, rate = soundfile.read(folder.bank / loop.file)
        soundfile.write(folder.bank / file, -0.5 * sound, rate, subtype="PCM_24")
        clips.append(
            msgspec.structs.replace(
                loop,
                kind="ending",
                file=file,
                sha256=bank.sha256(folder.bank / file),
                loop_residual_db=None,
            )
        )
    rows = [msgspec.structs.replace(row, kind="ending") for row in now.correlations]
    manifest = msgspec.structs.replace(
        now, clips=(*now.clips, *clips), correlations=(*now.correlations, *rows)
    )
    bank.save(manifest, folder.bank)
    folder.write(msgspec.structs.replace(folder.read(), hashes={"bank": hash_bank(folder.bank)}))


@pytest.mark.fault(45)
def test_an_end_is_replayed_with_what_the_player_had(rehearsal: Callable[..., Any]) -> None:
    """The first player's ending is damaged, so its music fades; the second one's comes home."""
    lived = rehearsal()
    with_endings(lived.folder)
    damaged = lived.folder.bank / "audio" / "end-neutral.flac"
    whole = damaged.read_bytes()
    for file in (whole[:-100], whole):
        damaged.write_bytes(file)
        lived.start_player()
        lived.run(2)
        lived.order("end", "")
        lived.run(20)
    folder = lived.end()
    journal = read(folder)
    epochs = journal.epochs(NOW, "player")
    assert [left_out(journal, epoch) for epoch in epochs] == ["0/ending", ""]
    said = [
        {why for x in journal.of(NOW, "player", epoch) for why in x.content.why.split(", ")}
        for epoch in epochs
    ]
    assert ["ending" in why for why in said] == [False, True]
    assert all({"rung out", "tone"} <= why for why in said)
    verdict = verify(folder, SystemClock())
    assert verdict.first_difference is None
    assert verdict.topics[NOW.short] == len(journal.of(NOW))

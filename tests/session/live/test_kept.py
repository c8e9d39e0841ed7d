"""What a player that died leaves to the one that is started instead of it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from player.kept import FIRST, Kept
from player.settings import PlayerSettings
from rym.clock import ManualClock
from rym.messages import Status
from session import settings
from session.folder import Folder
from session.live.supervisor import Supervisor


def test_the_next_start_is_given_what_the_newest_status_says(tmp_path: Path) -> None:
    """The first one nothing; the origin stays the first start's."""
    tables = settings.tables(settings.load("demo", None, ()))
    place = Folder.create(tmp_path, "sim", "01", "recall", None)
    one = Supervisor(tables, place, ManualClock(1.0), epoch=1)

    def given() -> PlayerSettings:
        return msgspec.convert(one._hello("player")["settings"], PlayerSettings)

    assert given().kept == FIRST
    for origin, left in ((7.0, Kept(armed=True)), (9.0, Kept(level_db=-6.1, paused=True, run=480))):
        status = Status(
            service="player", epoch=2, life="ready", detail="", version="",
            facts={"origin": origin, "left": left.line()}, drops={},
        )  # fmt: skip
        one._after_ready(status)
        assert given().kept == left
        assert given().origin == 7.0

"""What the player's settings refuse."""

from __future__ import annotations

import pytest

from player.settings import PlayerSettings
from rym.errors import UsageError


def test_a_stop_that_would_come_too_late_is_refused():
    """What waits in ring and device, and the fade: both values, and what is left for them."""
    PlayerSettings(depth=0.28, latency=0.09).check_stop()
    PlayerSettings(depth=0.1, latency=0.27).check_stop()
    PlayerSettings(depth=0.4, latency=0.2, sink="null").check_stop()
    slow = PlayerSettings(depth=0.4, latency=0.2)  # as a record of before may have it
    with pytest.raises(UsageError) as error:
        slow.check_stop()
    said = str(error.value)
    assert "depth of 0.4 s and a latency of 0.2 s" in said
    assert "silence after 0.73 s, and 0.5 s are promised" in said
    assert "at most 0.37 s together" in said

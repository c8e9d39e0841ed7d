"""Whom the bridges may talk to."""

from __future__ import annotations

import pytest

from player.outward.settings import OutwardSettings, address
from rym.errors import UsageError


def test_both_are_off_by_default():
    """Nobody is told anything unless asked for."""
    assert not OutwardSettings().on
    assert OutwardSettings(osc="127.0.0.1:9000").on
    assert OutwardSettings(midi="synth").on


def test_another_machine_has_to_be_meant():
    """Naming it is not enough."""
    with pytest.raises(UsageError, match=r"192\.168\.1\.5:9000.*would leave this machine"):
        OutwardSettings(osc="192.168.1.5:9000")
    assert OutwardSettings(osc="192.168.1.5:9000", osc_remote=True).on
    assert OutwardSettings(osc="localhost:9000").on
    assert OutwardSettings(osc="[::1]:9000").on


@pytest.mark.parametrize(
    "osc", ["9000", "127.0.0.1", "127.0.0.1:0", "a:b", "u@127.0.0.1:9", "h:1/x"]
)
def test_a_receiver_is_host_and_port(osc):
    """Anything else is one sentence."""
    with pytest.raises(UsageError, match="expected host:port"):
        address(osc)


def test_two_states_are_two_notes():
    """The same note twice is refused."""
    with pytest.raises(UsageError, match="two states would be one note"):
        OutwardSettings(midi_notes=(60, 60, 72))

"""What the dead-man switch does, heard on a real sound server: the sound itself is measured."""

from __future__ import annotations

import shutil

import pytest

from benchmarks.safety.cases import short
from benchmarks.safety.run import again_where_disturbed

pytestmark = [
    pytest.mark.real,
    pytest.mark.alone,
    pytest.mark.quiet,
    pytest.mark.long,
    pytest.mark.timeout(280),
]

CASES = sorted(short(), key=lambda case: case.lasts)
TOGETHER = 7
"""Players at the same time."""
HEARD = {}


@pytest.fixture
def heard(tmp_path):
    """Go through all cases once; return what was heard of each, by its name."""
    for name in ("pulseaudio", "parec"):
        if shutil.which(name) is None:
            pytest.skip(f"needs the program {name}")
    pytest.importorskip("rtmixer", reason="needs rtmixer", exc_type=(ImportError, OSError))
    if not HEARD:
        for k in range(0, len(CASES), TOGETHER):
            folder = tmp_path / str(k)
            folder.mkdir()
            found, _ = again_where_disturbed(CASES[k : k + TOGETHER], folder)
            HEARD.update({one.case.name: one for one in found})
    return HEARD


@pytest.mark.fault(49)
@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_silence_and_neutral_come_in_time_without_a_jump_and_never_louder(heard, name):
    """From each situation: deadlines, waveform and loudness, of the sound that was captured."""
    one = heard[name]
    assert not one.disturbed, "the sound was broken behind the player, in the last of three tries"
    assert one.faults == []

"""A session's settings: layers with their origin, refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from rym.errors import UsageError
from session import settings
from session.live.run import new_folder, settled
from session.settings import CONFIGS, load, tables

PROTOCOLS = sorted(p.stem for p in CONFIGS.glob("*.toml") if p.name.count(".") == 1)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_of_the_project_is_valid(protocol: str) -> None:
    """Each file in configs/ has known keys of the right types."""
    bank = [("player.bank", "bank")]
    assert tables(load(protocol, None, bank)).session.task == protocol


def test_later_layers_win_and_leave_their_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protocol, rig.toml, --config, command line: the last one that speaks is heard and named."""
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "mine.toml"
    Path("rig.toml").write_text('[rig]\nid = "lab"\n[player]\ndwell = 3\nrise = 2\n')
    config.write_text("[player]\ndwell = 4\nmax_changes = 9\n")
    options = [("player.bank", "b"), ("player.max_changes", 12), ("source.sender.strength", 0.5)]
    resolved = load("demo", config, options)
    found = tables(resolved)
    assert (found.player.rise, found.player.dwell, found.player.max_changes) == (2.0, 4.0, 12)
    assert found.rig.id == "lab"
    assert found.source.sender.strength == 0.5
    assert found.source.sender.coupling == 0.3
    origins = {path: origin for path, _, origin in resolved.rows()}
    assert origins["player.rise"] == "rig.toml"
    assert origins["player.dwell"] == str(config)
    assert origins["player.max_changes"] == "command line"
    assert origins["decoder.drive"].endswith("demo.toml")
    assert origins["stream.hop"] == "default"


def test_an_unknown_key_names_file_key_and_the_nearest_one(tmp_path: Path) -> None:
    """A misspelt key is refused with its place and what was probably meant."""
    config = tmp_path / "mine.toml"
    config.write_text("[player]\ndwel = 4\n")
    with pytest.raises(UsageError, match=r"mine\.toml, line 2.*dwel.*'dwell'"):
        load("demo", config, [("player.bank", "b")])


def test_a_phase_stands_once() -> None:
    """Two calibrations in one session would leave it open which one trains."""
    phases = tuple(
        settings.PlannedPhase(name=name, seconds=1.0) for name in ("calibration", "calibration")
    )
    with pytest.raises(UsageError, match="each may stand once"):
        settings.SessionSettings(phases=phases)


def test_an_unknown_protocol_names_the_known_ones() -> None:
    """The sentence lists what there is."""
    with pytest.raises(UsageError, match=r"'recal'.*demo.*recall"):
        load("recal", None, [])


@pytest.mark.parametrize(("speed", "ahead"), [(1.0, 0.5), (8.0, 1e6), ("max", 1e6)])
def test_a_sender_faster_than_true_time_may_be_ahead(
    tmp_path: Path, speed: float | str, ahead: float
) -> None:
    """Its stamps run ahead of the clock by design; in true time the limit stays."""
    options = [("session.root", str(tmp_path)), ("source.speed", speed)]
    before = tables(load("demo", None, options))
    after = settled(before, new_folder(before), tmp_path, 1)
    assert after.stream.max_ahead == ahead
    assert after.stream.source_id == after.source.source_id != ""

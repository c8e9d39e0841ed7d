"""`rym inspect`: what a recording holds, with the faults that are known of the real ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from session.cli import main
from session.rig.inspect import inspect
from stream.settings import StreamSettings

EEG = Path(__file__).parents[4] / "shared" / "eeg"
needs_eeg = pytest.mark.skipif(not EEG.exists(), reason=f"no recordings in {EEG}")
SETTINGS = StreamSettings()

FLOATING = {"P7", "P4", "Cz", "Pz", "P8", "O1"}
RAILED = {"P3", "O2", "C3"}


def quiet(share: float, what: str) -> None:
    """Show nothing."""


def write(folder: Path, *, rate: float = 250, seconds: float = 8, gap: float = 0.0) -> Path:
    """Write a table: three good electrodes, one that stands still after 6 s, a trigger."""
    n = round(rate * seconds)
    rng = np.random.default_rng(3)
    signal = np.cumsum(rng.normal(0, 3, (n, 4)), axis=0)
    signal -= np.linspace(signal[0], signal[-1], n)
    signal[int(0.75 * n) :, 3] = 5
    times = np.arange(n) / rate + gap * (np.arange(n) >= n // 2)
    codes = np.arange(n) == n // 4
    table = np.column_stack([times, signal, codes])
    path = folder / "a.csv"
    np.savetxt(
        path, table, "%.4f", delimiter=",", header="time,Fp1,Cz,Oz,EEG T3,marker", comments=""
    )
    return path


def test_one_object_with_the_agreed_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exactly these; a channel that is bad in a quarter of the windows is ok."""
    path = write(tmp_path, gap=3.0)
    assert main(["inspect", str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert list(said) == [
        *("file", "format", "rate", "duration", "channels", "gaps", "n_events", "warnings")
    ]
    assert (said["file"], said["format"], said["rate"]) == (str(path), "csv", 250.0)
    assert said["duration"] == 8.0
    assert said["n_events"] == 1
    assert said["gaps"] == [{"start": 4.0, "duration": pytest.approx(3.0, abs=1e-3)}]
    assert said["channels"][3] == {
        "name": "T7", "kind": "scalp", "unit": "µV", "ok": True, "reason": ""
    }  # fmt: skip
    assert len(said["warnings"]) == 3


@needs_eeg
def test_railed_and_floating_electrodes_of_the_enobio_20_are_named() -> None:
    """All nine with their fault; the input that is no electrode is not judged."""
    path = next((EEG / "enobio20_nic").glob("*.easy"))
    found = {channel.name: channel for channel in inspect(path, SETTINGS, quiet).channels}
    for name in FLOATING:
        assert found[name].reason.startswith("copy of"), name
    for name in RAILED:
        assert found[name].reason.startswith("rail"), name
    bad = {name for name, channel in found.items() if not channel.ok}
    assert bad >= FLOATING | RAILED
    assert {"F3", "C4", "EXT"}.isdisjoint(bad)
    assert found["EXT"].reason == "not judged"


@needs_eeg
def test_the_weak_contacts_of_the_enobio_8_are_found() -> None:
    """Its first two electrodes are attached; the last three are not, in any of the files."""
    for path in sorted((EEG / "enobio8_ssvep").glob("*.easy")):
        ok = {channel.name: channel.ok for channel in inspect(path, SETTINGS, quiet).channels}
        assert [ok["Ch1"], ok["Ch2"]] == [True, True]
        assert [ok["Ch6"], ok["Ch7"], ok["Ch8"]] == [False, False, False]


def test_channels_that_are_no_electrodes_are_judged_under_their_own_names(tmp_path: Path) -> None:
    """Two of three unnamed inputs float as one: each is the copy of the other."""
    path = write(tmp_path)
    lines = np.loadtxt(path, delimiter=",", skiprows=1)
    lines[:, 3] = lines[:, 2] + np.random.default_rng(5).normal(0, 0.1, len(lines))
    np.savetxt(path, lines[:, :4], "%.4f", delimiter=",", header="time,in1,in2,in3", comments="")
    found = inspect(path, SETTINGS, quiet).channels
    assert [channel.mostly for channel in found[1:]] == ["copy of in3", "copy of in2"]
    assert [channel.kind for channel in found] == ["other"] * 3


@needs_eeg
def test_gaps_and_clocks_that_were_set() -> None:
    """700 s in one, 274 s and a warning in the other."""
    muse = inspect(EEG / "muse_states" / "subjectb-relaxed-2.csv", SETTINGS, quiet).as_json()
    assert max(gap["duration"] for gap in muse["gaps"]) == pytest.approx(700, abs=0.1)
    reset = inspect(EEG / "xdf" / "clock_resets.xdf", SETTINGS, quiet).as_json()
    assert [gap["duration"] for gap in reset["gaps"]] == [pytest.approx(274, abs=1)]
    assert "set anew" in reset["warnings"][0]


def test_a_table_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Declared and measured rate, gaps with the samples lost, events, each channel's share."""
    assert main(["inspect", str(write(tmp_path, gap=3.0))]) == 0
    said = capsys.readouterr().out
    assert "250 Hz (250.00 Hz measured)" in said
    assert "1 (750 samples lost): +3.000 s at 4.0 s" in said
    assert "1: 1 × 1" in said
    assert any(line.split()[:4] == ["T7", "scalp", "µV", "yes"] for line in said.splitlines())


def test_several_files_one_after_the_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that cannot be read is told among the others, and by the exit code."""
    good, bad = write(tmp_path), tmp_path / "b.xdf"
    bad.write_bytes(b"nonsense")
    assert main(["inspect", str(bad), str(good), "--json"]) == 1
    files = json.loads(capsys.readouterr().out)["files"]
    assert [list(file)[:2] for file in files] == [["file", "error"], ["file", "format"]]
    assert main(["inspect", str(bad), str(good)]) == 1
    said = capsys.readouterr().out
    assert "! b.xdf cannot be read" in said
    assert "250 Hz" in said
    assert main(["inspect", str(bad), "--json"]) == 1
    assert set(json.loads(capsys.readouterr().out)) == {"error", "remedy"}


def test_too_slow_or_too_short_to_be_judged(tmp_path: Path) -> None:
    """It is said, and no channel is called bad for it."""
    slow = inspect(write(tmp_path, rate=10), SETTINGS, quiet)
    assert "not judged: 10 Hz, 50 Hz are needed" in slow.warnings[-1]
    short = inspect(write(tmp_path, seconds=0.8), SETTINGS, quiet)
    assert "no stretch is as long as a window of 1 s" in short.warnings[-1]
    assert short.usable is None
    for found in (slow, short):
        assert all(channel.ok and channel.reason == "not judged" for channel in found.channels)


def test_names_from_files_do_not_move_the_cursor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever a file calls its channels."""
    path = write(tmp_path)
    path.write_text(path.read_text().replace("Fp1", "\x1b[2Jgone"))
    assert main(["inspect", str(path)]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_every_gap_is_where_the_file_has_it(tmp_path: Path) -> None:
    """Of a hundred lost stretches each breaks off a segment; a clock set back is a gap, too."""
    n, rng = 25_000, np.random.default_rng(1)
    times = np.arange(n) / 250 + 3.0 * (np.arange(n) // 250)
    times[n // 2 :] -= 100
    path = tmp_path / "a.csv"
    table = np.column_stack([times, np.cumsum(rng.normal(0, 3, n))])
    np.savetxt(path, table, "%.4f", delimiter=",", header="time,Cz", comments="")
    found = inspect(path, SETTINGS, quiet)
    assert len(found.recording.gaps) == 99
    assert found.n_windows == 100  # a second between two gaps is one window


def test_progress_goes_from_nothing_to_all(tmp_path: Path) -> None:
    """Once per second of samples, and 1 at the end."""
    shares: list[float] = []
    inspect(write(tmp_path), SETTINGS, lambda share, what: shares.append(share))
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] == 1
    assert len(shares) == 9

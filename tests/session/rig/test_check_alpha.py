"""`rym check alpha`: the rise that a real recording has, through the whole live path."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import mne
import numpy as np
import pytest
from scipy.signal import welch

from rym.bus import MemoryHub
from rym.clock import SystemClock
from rym.errors import FormatError, SignalError, UsageError
from rym.messages import Window
from session import cli
from session.rig.check_alpha import Answer, Watch, check_alpha, check_recordings
from stream import source
from stream.lsl import outlets
from stream.settings import StreamSettings
from stream.signal.alpha import AlphaRise
from stream.simulated import senders

EYES = Path(__file__).resolve().parents[4] / "shared" / "eeg" / "dsi24_eyes"
OPEN, CLOSED = EYES / "eyes_open.edf", EYES / "eyes_closed.edf"
needs_eyes = pytest.mark.skipif(not OPEN.is_file(), reason="needs ../shared/eeg/dsi24_eyes")


def independent() -> dict[str, float]:
    """Return the rise in dB by mne and scipy alone, from the two files as they are."""
    power = []
    for path in (OPEN, CLOSED):
        raw = mne.io.read_raw_edf(path, verbose="error")
        rate = raw.info["sfreq"]
        f, spectrum = welch(raw.get_data(), rate, nperseg=round(2 * rate))
        power.append(spectrum[:, (f >= 8) & (f <= 12)].sum(axis=1))
    old = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}
    names = [name.removeprefix("EEG ").removesuffix("-Pz") for name in raw.ch_names]
    with np.errstate(invalid="ignore"):  # a channel of the file is empty
        rise = 10 * np.log10(power[1] / power[0])
    return {old.get(name, name): float(db) for name, db in zip(names, rise, strict=True)}


def window(t: float) -> Window:
    """Return an empty window of 1 s at 500 Hz that begins at `t`."""
    return Window(
        segment=0, first_sample=0, n_new=125, t_first=t, rate=500.0, channels=("O1",),
        samples=np.zeros((500, 1), np.float32), bad=(), valid=True, reason="",
    )  # fmt: skip


def test_windows_are_sorted_by_their_own_time():
    """Two parts of 20 s with 3 s between them; what lies across a border belongs to neither."""
    watch = Watch(20.0, 3.0)
    ended = [t for t in np.arange(100.0, 150.0, 0.25) if watch.take(window(t))]
    assert ended == [119.0, 142.0]
    assert watch.part == "done"
    for part, begin in ((watch.open, 100.0), (watch.closed, 123.0)):
        assert len(part) == 77
        assert part[0].t_first == pytest.approx(begin, abs=0.3)
        assert part[-1].t_last < begin + 20.0 + 0.3
    assert watch.open[-1].t_last < 120.0
    assert watch.closed[0].t_first >= watch.open[-1].t_last + 3.0


async def _play(files: tuple[Path, ...], source_id: str, speed: float) -> None:
    """Send recordings as NIC would, faster than they were recorded."""
    settings = senders.RecordedSource(
        files=tuple(senders.RecordedFile(path=str(path)) for path in files), pause=1.0
    )
    played = senders.build(settings)
    nic = outlets.NicOutlets(
        name="NIC", source_id=source_id, channels=played.channels, rate=played.rate
    )
    try:
        bus = MemoryHub().bus("simulator", SystemClock(), 1)
        await source.play(played, nic, bus, speed=speed)
        await asyncio.Event().wait()
    finally:
        nic.close()


async def _checked(files: tuple[Path, ...], speed: float, **asked: float):
    told: list[str] = []
    left: list[tuple[float, str]] = []
    settings = StreamSettings(source_id="eyes", wait=5.0, max_ahead=60.0)  # faster than true time
    playing = asyncio.create_task(_play(files, "eyes", speed))
    try:
        shown = {"left": lambda *what: left.append(what)}
        answer = await check_alpha(settings, SystemClock(), told.append, **shown, **asked)
        parts = ("eyes open", "eyes closed")
        longest = [max(seconds for seconds, what in left if what == part) for part in parts]
        assert longest[0] == pytest.approx(asked["seconds"] - 1.0, abs=0.1)
        assert longest[1] == pytest.approx(asked["seconds"] + asked["change"], abs=0.1)
        assert left[-1][0] == 0.0
        return answer, told
    finally:
        playing.cancel()
        await asyncio.wait([playing])


@needs_eyes
@pytest.mark.real
def test_the_rise_of_a_real_recording_comes_through_the_whole_live_path(monkeypatch):
    """Through outlet, inlet and line: 7.5 to 13.9 dB, on each channel scipy's own within 1 dB."""
    monkeypatch.setattr("stream.lsl.taps.RESOLVE_S", 0.4)
    asked = {"seconds": 28.0, "change": 3.0}
    answer, told = asyncio.run(_checked((OPEN, CLOSED), 25.0, **asked))
    assert answer.rise.seen
    assert answer.sentence.startswith("seen, +")
    expected = independent()
    assert len(answer.rise.rise) == 18
    for name, rise in answer.rise.rise.items():
        assert rise == pytest.approx(expected[name], abs=1.0), name
        assert 7.0 < rise < 14.4
    assert [word.strip("\a").split(",")[0] for word in told[:2]] == ["Eyes open", "Eyes closed"]
    assert len(told) == 3


@needs_eyes
@pytest.mark.real
def test_eyes_that_stay_open_are_not_seen(monkeypatch):
    """The same stretch twice: no rise, and what to look at."""
    monkeypatch.setattr("stream.lsl.taps.RESOLVE_S", 0.4)
    answer, _ = asyncio.run(_checked((OPEN,), 25.0, seconds=10.0, change=1.0))
    assert not answer.rise.seen
    assert max(answer.rise.rise.values()) < 5.0
    assert answer.sentence.startswith("not seen: ")
    assert "reference" in answer.sentence


@needs_eyes
@pytest.mark.real
def test_a_stream_that_stands_still_is_told(monkeypatch):
    """A recording that ends too early is an error with both counts, not an endless wait."""
    monkeypatch.setattr("stream.lsl.taps.RESOLVE_S", 0.4)
    monkeypatch.setattr("session.rig.check_alpha.GRACE_S", -38.0)
    with pytest.raises(SignalError, match=r"gave 77 windows with eyes open and \d\d with"):
        asyncio.run(_checked((OPEN,), 25.0, seconds=20.0, change=1.0))


def test_no_rise_is_nought_and_not_minus_nought():
    """A fall of 0.2 dB is said as +0 dB."""
    rise = AlphaRise(
        rise={"O1": -0.2}, median=-0.2, excess=0.1, peak=None, seen=False, decided_by=("O1",),
        left_out={}, windows=(9, 9), invalid=(0, 0),
    )  # fmt: skip
    assert Answer(rise, ()).sentence.startswith("not seen: +0 dB at O1. ")


def test_parts_that_are_too_short_are_refused():
    """Three seconds of each say nothing."""
    with pytest.raises(UsageError, match="3 s"):
        asyncio.run(check_alpha(StreamSettings(), SystemClock(), print, seconds=3.0))


def test_channels_that_are_no_electrodes_are_no_question_of_contact(tmp_path):
    """An Enobio 8's `Ch1` says not where it sits: the file is named, not the gel."""
    path = tmp_path / "a.csv"
    rows = [f"{k / 250},{k % 9},{k % 7}" for k in range(1000)]
    path.write_text("\n".join(["time,Ch1,Ch2", *rows, ""]))
    with pytest.raises(FormatError, match=r"channels of a\.csv is a 10-20 electrode: Ch1, Ch2"):
        check_recordings(StreamSettings(), [path, path])


@needs_eyes
def test_files_answer_on_the_command_line(capsys):
    """One object, 0 for seen; the other way round 1 and not seen; one file alone is refused."""
    words = ["check", "alpha", "--recording", str(OPEN), "--recording", str(CLOSED)]
    assert cli.main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"seen", "rise_db", "peak_hz", "warnings"}
    expected = independent()
    assert found["seen"] is True
    assert all(abs(db - expected[name]) < 0.5 for name, db in found["rise_db"].items())
    assert cli.main([*words[:2], *words[4:], *words[2:4]]) == 1
    assert "not seen: -12 dB at" in capsys.readouterr().out
    assert cli.main([*words[:4], "--json"]) == 2
    assert "1 times --recording" in json.loads(capsys.readouterr().out)["error"]

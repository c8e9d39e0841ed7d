"""`rym doctor`: what is on the network, what would be taken, and what stands in the way."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from player.settings import PlayerSettings
from rym.clock import SystemClock
from rym.errors import SignalError
from rym.messages import Quality, Window
from session import cli, settings
from session.rig import doctor
from session.rig.doctor import Diagnosis, diagnose
from session.rig.findings import Observation, judge_model, judge_streams
from stream.checks import Declared
from stream.lsl.outlets import NicOutlets
from stream.lsl.resolve import Seen
from stream.montage import ENOBIO20
from stream.settings import StreamSettings

Start = Callable[..., NicOutlets]


class Amplifier(threading.Thread):
    """Sends pink noise over all of NIC's streams, in true time or at another pace."""

    def __init__(self, outlets: NicOutlets, pace: float, flat: str) -> None:
        super().__init__(name="amplifier", daemon=True)
        self.outlets, self.stop = outlets, threading.Event()
        self._pace, self._flat = pace, flat

    def run(self) -> None:
        """Push chunks of 25 samples, stamped when they are due."""
        clock, rng = SystemClock(), np.random.default_rng(0)
        walk = np.zeros(len(ENOBIO20))
        start, n = clock.now(), 0
        while not self.stop.wait(max(0.0, start + (n + 25) / self._pace - clock.now())):
            steps = rng.normal(0, 4, (25, len(ENOBIO20)))
            chunk = np.empty_like(steps)
            for i, step in enumerate(steps):
                walk = 0.95 * walk + step
                chunk[i] = walk
            if self._flat:
                chunk[:, ENOBIO20.index(self._flat)] = 0.0
            n += 25
            for i in range(25):
                stamp = start + (n - 24 + i) / self._pace
                self.outlets.push_eeg(chunk[i : i + 1].astype(np.float32), stamp)


@pytest.fixture
def amplifier(monkeypatch) -> Iterator[Start]:
    """Return a function that puts an amplifier on the network."""
    monkeypatch.setattr("stream.lsl.taps.RESOLVE_S", 0.5)
    running: list[Amplifier] = []

    def start(source_id: str, *, pace: float = 500.0, flat: str = "", **other) -> NicOutlets:
        said = {"name": "NIC", "channels": ENOBIO20, "rate": 500.0, **other}
        outlets = NicOutlets(source_id=source_id, **said)
        running.append(Amplifier(outlets, pace, flat))
        running[-1].start()
        return outlets

    yield start
    for thread in running:
        thread.stop.set()
        thread.join()
        thread.outlets.close()


def examined(*options: tuple[str, object], seconds: float = 2.0) -> Diagnosis:
    """Diagnose with these settings, without sound."""
    resolved = settings.load("run", None, [("player.sink", "null"), *options])
    return diagnose(settings.tables(resolved), SystemClock(), seconds=seconds)


def bad(found: Diagnosis) -> dict[str, str]:
    """Return what stands in the way: what → said and remedy."""
    return {f.what: f"{f.said} {f.remedy}" for f in found.findings if f.mark == "bad"}


@pytest.mark.real
def test_nothing_on_the_network_is_a_question_of_the_firewall(monkeypatch):
    """No session could start; ports, SessionID and known peers are named."""
    monkeypatch.setattr("stream.lsl.taps.RESOLVE_S", 0.5)
    found = examined()
    assert not found.could_start
    said = bad(found)
    assert set(said) == {"streams"}
    for word in ("16571", "16572 to 16604", "SessionID", "KnownPeers", "Windows", "TCP and UDP"):
        assert word in said["streams"], word
    assert found.as_json()["streams"] == []


@pytest.mark.real
def test_one_amplifier_is_taken_measured_and_judged_by_channel(amplifier):
    """Its four streams are listed with rate, clock and unit; a dead electrode is named."""
    amplifier("nic-1", flat="Fz")
    found = examined(seconds=3.5)
    assert bad(found) == {}
    assert found.could_start
    told = found.as_json()
    assert told["picked"] == "NIC-EEG"
    assert [s["type"] for s in told["streams"] if s["picked"]] == ["EEG"]
    by_type = {s["type"]: s for s in told["streams"]}
    assert set(by_type) == {"EEG", "Quality", "Accelerometer", "Markers"}
    eeg = by_type["EEG"]
    assert eeg["declared_rate"] == 500.0
    assert eeg["rate"] == pytest.approx(500.0, rel=0.002)
    assert eeg["jitter_ms"] < 0.1
    assert abs(eeg["offset_ms"]) < 1.0
    assert 0.0 < eeg["round_trip_ms"] < 10.0
    assert (eeg["source_id"], eeg["n_channels"], len(eeg["channels"])) == ("nic-1", 20, 20)
    assert set(eeg["units"]) == {"microvolts"}
    channels = {c["name"]: c for c in told["channels"]}
    assert not channels["Fz"]["ok"]
    assert "flat" in channels["Fz"]["reason"]
    assert channels["Cz"]["ok"]
    assert channels["EXT"]["kind"] == "external"
    text = "\n".join(found.lines)
    assert "a session takes this one" in text
    assert "belongs to it as accelerometer" in text
    assert "Fz (flat" in text
    assert text.endswith("A session could start.")


@pytest.mark.real
def test_two_that_match_are_both_named_and_none_is_taken(amplifier):
    """Choosing by source id makes it one."""
    amplifier("nic-1")
    amplifier("nic-2")
    found = examined(seconds=0.5)
    assert found.verdict.picked is None
    said = bad(found)["choice"]
    assert "source id nic-1" in said
    assert "source id nic-2" in said
    assert "lsl_name, source_id or lsl_host" in said
    one = examined(("stream.source_id", "nic-2"), seconds=1.5)
    assert one.verdict.picked.source_id == "nic-2"
    assert "its source id is nic-1, asked is nic-2" in "\n".join(one.lines)
    assert one.could_start


@pytest.mark.real
def test_a_rate_that_is_not_the_declared_one_stands_in_the_way(amplifier):
    """500 Hz declared, 250 sent: both numbers are named."""
    amplifier("nic-1", pace=250.0)
    found = examined(seconds=1.5)
    assert "500 Hz declared, 250.0" in bad(found)["rate"]
    assert not found.could_start


@pytest.mark.real
def test_markers_alone_are_no_eeg(amplifier, monkeypatch):
    """They are listed with what they are; the remedy says where EEG is turned on."""
    listing = doctor.taps.listing

    def only_markers():
        return [stream for stream in listing() if stream.kind == "Markers"]

    monkeypatch.setattr(doctor.taps, "listing", only_markers)
    amplifier("nic-1")
    found = examined(seconds=0.5)
    assert not found.could_start
    assert "Turn on the LSL output" in bad(found)["choice"]
    text = "\n".join(found.lines)
    assert "its type is Markers, asked is EEG" in text
    assert "irregular" in text


@pytest.mark.real
def test_what_the_settings_refuse_is_told_with_the_remedy(amplifier, monkeypatch):
    """A missing electrode, a broker that is not there and a device that is not: three lines."""
    monkeypatch.setattr(doctor, "ANSWER_S", 1.0)
    amplifier("nic-1")
    resolved = settings.load(
        "run",
        None,
        [
            ("stream.channels", ["O1", "POz"]),
            ("rig.broker", "mqtt://127.0.0.1:9"),
            ("player.device", "no such device"),
        ],
    )
    found = diagnose(settings.tables(resolved), SystemClock(), seconds=0.5)
    said = bad(found)
    assert set(said) == {"choice", "broker", "sound"}
    assert "lacks POz" in said["choice"]
    assert "127.0.0.1:9" in said["broker"]
    assert "no such device" in said["sound"]


def test_the_command_line_ends_with_its_code(monkeypatch, capsys, tmp_path: Path):
    """1 where a session could not start, with one object; the lines are for people."""
    monkeypatch.setattr("stream.lsl.taps.RESOLVE_S", 0.3)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["doctor", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"ok", "picked", "streams", "channels", "findings"}
    assert all(set(f) == {"mark", "what", "said", "remedy"} for f in told["findings"])
    assert cli.main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert out.endswith("A session could not start.\n")
    assert "bad   streams:" in out


def test_a_device_delay_that_nobody_measured_is_worth_a_look():
    """0 is not known; a stored one is quoted."""
    assert doctor.judge_delay(PlayerSettings().device_delay).mark == "look"
    assert "+42.5 ms" in doctor.judge_delay(0.0425).said


def test_a_disk_that_is_full_or_read_only_stands_in_the_way():
    """How much is free is told in any case; little of it is worth a look."""
    marks = [doctor.judge_disk("/", free, writeable=True).mark for free in (5e8, 5e9, 5e10)]
    assert marks == ["bad", "look", "ok"]
    locked = doctor.judge_disk("/sessions", 5e10, writeable=False)
    assert (locked.mark, locked.said) == ("bad", "/sessions cannot be written to; 50.0 GB free.")
    assert "[session] root" in locked.remedy


def test_a_model_that_the_stream_does_not_fit_stands_in_the_way():
    """Missing channels, another rate or other filters are named; a fitting one is said to fit."""
    window = Window(
        segment=0, first_sample=0, n_new=250, t_first=0.0, rate=250.0, channels=("O1", "Cz"),
        samples=np.zeros((250, 2), np.float32), bad=(), valid=True, reason="",
        conditioning="high-pass 0.5 Hz",
    )  # fmt: skip
    quality = Quality(t=1.0, overall=1.0, level="good", channels=())
    fits = {
        "channels": ("Cz",), "rate": 250.0, "n_times": 250, "hop": 125,
        "max_bad": 0.5, "conditioning": "high-pass 0.5 Hz",
    }  # fmt: skip
    for change, mark, said in (
        ({}, "ok", "as it needs"),
        ({"channels": ("Cz", "O2")}, "bad", "missing channels: O2"),
        ({"rate": 500.0}, "bad", "rate 250 Hz"),
        ({"conditioning": "high-pass 1 Hz"}, "bad", "high-pass 1 Hz"),
    ):
        model = SimpleNamespace(manifest=SimpleNamespace(**fits | change))
        found = judge_model(model, [(window, quality)] * 3)
        assert (found.mark, said in found.said) == (mark, True), found
    assert judge_model(model, []).mark == "look"


def observed(samples: np.ndarray, unit: str) -> Observation:
    """Return an EEG stream at 250 Hz, in bursts that are up to 100 ms late."""
    seen = Seen("NIC-EEG", "EEG", "nic-1", "lab", "uid", 2, 250.0, "float32")
    declared = Declared("NIC-EEG", "nic-1", "uid", "lab", 250.0, 2, ("O1", "Cz"), (unit, unit))
    bursts = np.repeat(np.random.default_rng(1).uniform(0, 0.1, 50), 50)[: len(samples)]
    stamps = np.arange(len(samples)) / 250 + bursts
    return Observation(seen, declared, samples, stamps, (0.0, 0.02))


def test_a_wrong_unit_and_an_unsteady_network_are_told():
    """Volts called µV stand in the way; jitter and an uncertain clock are worth a look."""
    samples = np.random.default_rng(0).normal(0, 20e-6, (2500, 2)).astype(np.float32)
    wrong = judge_streams([observed(samples, "uV")], StreamSettings())
    marks = {finding.what: finding.mark for finding in wrong.findings}
    assert marks == {
        "stream": "ok", "channels": "ok", "rate": "ok", "jitter": "look", "clock": "look",
        "signal": "bad",
    }  # fmt: skip
    assert "[stream] unit" in wrong.findings[-1].remedy
    right = judge_streams([observed(samples, "V")], StreamSettings())
    assert not any(finding.mark == "bad" for finding in right.findings)


def test_a_rate_that_only_the_settings_say_is_what_the_measured_one_must_be():
    """An EEG stream that declares none is measured against [stream] rate."""
    view = observed(np.random.default_rng(0).normal(0, 20, (1500, 2)).astype(np.float32), "uV")
    view = view._replace(
        seen=view.seen._replace(rate=0.0),
        declared=view.declared._replace(rate=0.0),
        stamps=np.arange(1500) / 250,
    )
    right, wrong = (judge_streams([view], StreamSettings(rate=rate)) for rate in (250.0, 300.0))
    (finding,) = [f for f in right.findings if f.what == "rate"]
    assert (finding.mark, finding.said) == ("ok", "250 Hz expected, 250.00 measured.")
    assert [f.mark for f in wrong.findings if f.what == "rate"] == ["bad"]
    nothing = view._replace(samples=view.samples[:0], stamps=view.stamps[:0])
    said = [f.said for f in judge_streams([nothing], StreamSettings(rate=250.0)).findings]
    assert "250 Hz are expected, but no sample came." in said


def test_samples_are_heard_though_the_clock_does_not_answer(monkeypatch):
    """A firewall lets TCP through and UDP not: the clock is worth a look, the rate is known."""
    whole = observed(np.random.default_rng(0).normal(0, 20, (2500, 2)).astype("f4"), "uV")

    class Half:
        declared = whole.declared

        def __init__(self, seen: Seen, clock: SystemClock) -> None:
            self._left = [(whole.samples, whole.stamps)]

        def offset(self, within: float) -> tuple[float, float]:
            raise SignalError("The stream NIC-EEG ended: timeout.", "Start it again.")

        def pull(self, timeout: float) -> tuple[np.ndarray, np.ndarray]:
            return self._left.pop() if self._left else (whole.samples[:0], whole.stamps[:0])

        def close(self) -> None:
            pass

    monkeypatch.setattr(doctor, "Tap", Half)
    monkeypatch.setattr(doctor.taps, "listing", lambda: [whole.seen])
    (view,) = doctor.listen(SystemClock(), 0.01)
    assert (len(view.samples), view.offset, view.problem) == (2500, None, "")
    marks = {f.what: f.mark for f in judge_streams([view], StreamSettings()).findings}
    assert (marks["clock"], marks["rate"]) == ("look", "ok")


def test_a_stream_that_is_seen_but_sends_nothing_stands_in_the_way():
    """The list came through and the data did not: mostly a firewall."""
    nothing = judge_streams([observed(np.empty((0, 2), np.float32), "uV")], StreamSettings())
    silent = next(finding for finding in nothing.findings if finding.what == "rate")
    assert silent.mark == "bad"
    assert "no sample came" in silent.said
    assert "firewall" in silent.remedy

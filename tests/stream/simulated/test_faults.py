"""Scripted faults: the same in any pieces, each of its kind does what it says, all are told."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rym.errors import UsageError
from rym.messages import Injected
from stream.montage import ENOBIO20
from stream.simulated.faults import Fault, ScriptedFault, describe, kind_of
from stream.simulated.faultscript import Act, FaultScript, Send
from stream.simulated.headers import Dress, Header
from stream.simulated.senders import Mark, Piece
from stream.source import SourceSettings

RATE = 500.0
CHANNELS = ("Fp1", "Cz", "T7", "O1")
START = 1000.0
ROOT = Path(__file__).parents[3]
KINDS = {str(kind.__struct_config__.tag) for kind in get_args(ScriptedFault)}
ALL = [
    {"kind": "vanish", "seconds": 0.5, "back": "empty"},
    {"kind": "second", "seconds": 0.5},
    {"kind": "stall", "seconds": 0.7},
    {"kind": "stall", "seconds": 0.7, "lost": True},
    {"kind": "drop", "seconds": 1.0, "share": 0.1},
    {"kind": "drop", "seconds": 1.0, "share": 0.3, "run": 60},
    {"kind": "duplicate", "seconds": 1.0, "share": 0.5},
    {"kind": "reorder", "seconds": 1.0, "share": 0.5},
    {"kind": "burst", "seconds": 1.5, "largest": 300},
    {"kind": "jitter", "seconds": 1.0},
    {"kind": "jump", "seconds": 0.5, "by": -3600.0},
    {"kind": "jump", "to": 0.0},
    {"kind": "drift", "seconds": 1.0, "ppm": 200.0},
    {"kind": "rate", "seconds": 1.0, "hz": 250.0},
    {"kind": "rate", "seconds": 1.0, "hz": 1000.0},
    {"kind": "rate", "hz": 487.3},
    {"kind": "nan", "seconds": 0.2, "channels": ["Cz"]},
    {"kind": "inf", "seconds": 0.2, "sign": -1},
    {"kind": "flat", "seconds": 1.0, "channels": ["T7"]},
    {"kind": "constant", "seconds": 1.0, "value": 12.0},
    {"kind": "rail", "seconds": 1.0, "level": 400_000.0},
    {"kind": "wrap", "seconds": 1.0},
    {"kind": "pop", "seconds": 1.0, "channels": ["Cz"]},
    {"kind": "slide", "seconds": 1.0, "channels": ["O1"]},
    {"kind": "line", "seconds": 1.0},
    {"kind": "blink", "seconds": 2.0},
    {"kind": "clench", "seconds": 1.0},
    {"kind": "walk", "seconds": 2.0},
    {"kind": "scale", "factor": 1e-6},
    {"kind": "float", "seconds": 1.0, "of": "O1", "channels": ["Cz", "T7"]},
    {"kind": "markers", "seconds": 1.0, "how": "missing"},
    {"kind": "markers", "seconds": 1.0, "how": "twice"},
    {"kind": "markers", "seconds": 1.0, "how": "late", "by": 0.5},
    {"kind": "markers", "seconds": 1.0, "how": "shifted", "by": 0.5},
]


def faults_of(*rows: dict[str, Any]) -> list[Fault]:
    """Return rows of a script, as TOML gives them, as faults; they begin at 1 s."""
    return [msgspec.convert({"at": 1.0, **row}, ScriptedFault) for row in rows]


class Source:
    """Counts samples.

    Sample n of channel c is n + c/10 (as near as float32 has it), acceleration at it is n, and a
    trigger lies at every 50th.
    """

    def __init__(self, rate: float = RATE) -> None:
        self.n = 0
        self.rate = rate

    def take(self, n: int) -> tuple[Piece, npt.NDArray[np.float64]]:
        """Return the next piece and its stamps."""
        count = np.arange(self.n, self.n + n)
        samples = (count[:, None] + np.arange(4) / 10).astype(np.float32)
        at = np.flatnonzero(count % 5 == 0)
        motion = np.repeat(count[at], 3).reshape(-1, 3).astype(np.float32)
        marks = tuple(
            Mark(offset=int(i), code=int(count[i] // 50 + 1))
            for i in np.flatnonzero(count % 50 == 0)
        )
        self.n += n
        stamps = START + count / self.rate
        return Piece(samples=samples, motion=motion, motion_at=at, marks=marks), stamps


class Log:
    """What came out: everything that was sent, and what happened after how many samples of it."""

    def __init__(self) -> None:
        self.sends: list[Send] = []
        self.happened: list[tuple[int, Act | Injected]] = []
        self.n = 0

    def samples(self) -> npt.NDArray[np.float32]:
        """Return all samples."""
        return np.concatenate([send.samples for send in self.sends])

    def stamps(self) -> npt.NDArray[np.float64]:
        """Return all stamps."""
        return np.concatenate([send.stamps for send in self.sends])

    def motion(self) -> npt.NDArray[np.float32]:
        """Return all acceleration."""
        return np.concatenate([send.motion for send in self.sends])

    def codes(self) -> list[tuple[int, float]]:
        """Return all triggers with their stamps."""
        return [code for send in self.sends for code in send.codes]

    def told(self) -> list[Injected]:
        """Return what was told of faults."""
        return [what for _, what in self.happened if isinstance(what, Injected)]

    def counts(self) -> npt.NDArray[np.int64]:
        """Return the number of each sample, where no value was changed."""
        return self.samples()[:, 0].astype(np.int64)


def play(
    faults: Sequence[Fault], sizes: Sequence[int], *, limited: bool = False, seed: int = 1
) -> Log:
    """Send pieces of some sizes through a script."""
    script = FaultScript(faults, channels=CHANNELS, rate=RATE, seed=seed)
    source, log = Source(), Log()
    for size in sizes:
        left = size
        while left:
            n = script.limit(left) if limited else left
            assert 1 <= n <= left
            left -= n
            for step in script.feed(*source.take(n)):
                if isinstance(step, Send):
                    log.sends.append(step)
                    log.n += len(step.samples)
                else:
                    log.happened.append((log.n, step))
    log.sends.append(script.finish())
    return log


def once(*rows: dict[str, Any], seconds: float = 5.0) -> Log:
    """Play a script in pieces of 17 samples."""
    n = round(seconds * RATE)
    return play(faults_of(*rows), [17] * (n // 17) + [n % 17])


def cuts(total: int) -> st.SearchStrategy[list[int]]:
    """Return ways of cutting some samples into pieces."""
    borders = st.lists(st.integers(1, total - 1), max_size=25, unique=True)
    return borders.map(lambda at: np.diff([0, *sorted(at), total]).tolist())


def assert_alike(one: Log, other: Log) -> None:
    """Assert that the same left in the same order, to the bit."""
    assert one.samples().tobytes() == other.samples().tobytes()
    assert one.stamps().tobytes() == other.stamps().tobytes()
    assert one.motion().tobytes() == other.motion().tobytes()
    assert one.codes() == other.codes()
    assert one.happened == other.happened


@pytest.mark.parametrize("row", ALL, ids=lambda row: f"{row['kind']}-{len(row)}")
def test_pieces_do_not_matter(row: dict[str, Any]) -> None:
    """Sample by sample, in odd pieces or at once: the same samples, stamps, triggers and acts."""
    whole = play(faults_of(row), [1800])
    for sizes in ([1] * 1800, [499, 2, 1, 700, 598], [*range(1, 60), 30]):
        assert_alike(whole, play(faults_of(row), sizes))


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(ALL), st.floats(0, 3)), min_size=2, max_size=6),
    cuts(2000),
    st.booleans(),
    st.integers(0, 5),
)
def test_pieces_do_not_matter_to_many_faults_at_once(
    rows: list[tuple[dict[str, Any], float]], sizes: list[int], limited: bool, seed: int
) -> None:
    """Any faults together, in any order, still do the same in any pieces."""
    script: list[dict[str, Any]] = [{**row, "at": at} for row, at in rows]
    rates = [row for row in script if row["kind"] == "rate"]
    faults = faults_of(*(row for row in script if row not in rates[1:]))
    whole = play(faults, [2000], seed=seed)
    assert_alike(whole, play(faults, sizes, limited=limited, seed=seed))


@pytest.mark.parametrize("row", ALL, ids=lambda row: f"{row['kind']}-{len(row)}")
def test_beginning_and_end_are_told(row: dict[str, Any]) -> None:
    """Kind, length, settings and the rig time of the first sample, untouched and touched."""
    log = once(row)
    first, *rest = log.told()
    seconds = row.get("seconds", 0.0)
    assert (first.t, first.kind, first.seconds, first.over) == (1001.0, row["kind"], seconds, False)
    [fault] = faults_of(row)
    assert first.what == describe(fault)
    assert [(end.t, end.over) for end in rest] == ([(1001.0 + seconds, True)] if seconds else [])


@pytest.mark.parametrize("row", ALL, ids=lambda row: f"{row['kind']}-{len(row)}")
def test_nothing_is_touched_before(row: dict[str, Any]) -> None:
    """Up to its first sample a fault leaves no trace; without one nothing is ever changed."""
    log = once(row)
    samples, stamps = log.samples()[:500], log.stamps()[:500]
    piece, t = Source().take(2500)
    assert np.array_equal(samples, piece.samples[:500])
    assert np.array_equal(stamps, t[:500])
    calm = once()
    assert np.array_equal(calm.samples(), piece.samples)
    assert np.array_equal(calm.stamps(), t)
    assert [code for code, _ in calm.codes()] == list(range(1, 51))


def test_an_unknown_word_or_channel_is_an_error() -> None:
    """Kinds and keys are closed; a channel that is not there is named with those that are."""
    for row, word in (
        ({"kind": "explode"}, "explode"),
        ({"kind": "pop", "amplitud": 3.0}, "amplitud"),
        ({"kind": "stall"}, "stall lasts 0 s"),
        ({"kind": "jump"}, "by .* or to"),
        ({"kind": "burst", "smallest": 9, "largest": 3}, "more than largest"),
        ({"kind": "drop", "share": 1.5}, "1.0"),
    ):
        with pytest.raises(msgspec.ValidationError, match=word):
            faults_of(row)
    with pytest.raises(UsageError, match=r"names the channel Pz, the source has Fp1, Cz"):
        once({"kind": "pop", "channels": ["Pz"]})


def test_an_amplifier_has_one_true_rate_at_a_time() -> None:
    """Two that hold at once are refused; one after the other is fine."""
    one, other = {"kind": "rate", "hz": 250.0, "seconds": 1.0}, {"kind": "rate", "hz": 1000.0}
    with pytest.raises(UsageError, match="hold at once, from sample 900 on"):
        once(one, {**other, "at": 1.8})
    assert len(once(one, {**other, "at": 2.0}).samples()) == pytest.approx(500 + 250 + 3000, abs=3)


@pytest.mark.parametrize(("name", "seconds"), [("faults30min", 1800), ("faults2min", 120)])
def test_the_scenarios_hold_every_kind(name: str, seconds: int) -> None:
    """They fit into their session, and between two faults of the long one it is calm."""
    table = tomllib.loads((ROOT / "configs" / f"{name}.toml").read_text(encoding="utf-8"))
    found = msgspec.convert(table["source"], SourceSettings)
    assert {kind_of(fault) for fault in found.faults} == KINDS
    assert sum(phase["seconds"] for phase in table["session"]["phases"]) == seconds
    spans = [(fault.at, fault.at + fault.seconds) for fault in found.faults]
    assert all(fault.seconds > 0 for fault in found.faults)
    assert spans[-1][1] < seconds - 2
    calm = [after[0] - before[1] for before, after in pairwise(spans)]
    assert min(calm) >= (15 if seconds == 1800 else 2)
    FaultScript(found.faults, channels=ENOBIO20, rate=RATE)


def test_every_kind_can_stand_in_settings() -> None:
    """The table above has every kind that there is, and settings take them as TOML gives them."""
    kinds = {kind_of(fault) for fault in faults_of(*ALL)}
    assert kinds == KINDS
    given = {"faults": [{"at": 3, **row} for row in ALL], "header": {"shuffle": True}}
    found = msgspec.convert(given, SourceSettings)
    assert len(found.faults) == len(ALL)
    assert msgspec.convert(msgspec.to_builtins(found), SourceSettings) == found


def test_streams_vanish_and_come_back() -> None:
    """Between the two acts nothing is sent; what was made meanwhile is lost."""
    log = once({"kind": "vanish", "seconds": 2.0, "back": "other"})
    assert [act for act in log.happened if isinstance(act[1], Act)] == [
        (500, Act("vanish")),
        (500, Act("back", "other")),
    ]
    assert log.counts().tolist() == [*range(500), *range(1500, 2500)]
    assert log.motion()[:, 0].tolist() == [*range(0, 500, 5), *range(1500, 2500, 5)]
    assert len(log.codes()) == 30
    never = once({"kind": "vanish", "back": "never"})
    assert [act for _, act in never.happened if isinstance(act, Act)] == [Act("vanish")]
    assert len(never.samples()) == 500


def test_a_second_stream_appears_and_goes() -> None:
    """Two acts at their samples; the samples themselves are untouched."""
    log = once({"kind": "second", "seconds": 2.0, "source_id": "same"})
    assert [act for act in log.happened if isinstance(act[1], Act)] == [
        (500, Act("second", "same")),
        (1500, Act("second gone", "same")),
    ]
    assert len(log.samples()) == 2500


def test_a_stall_sends_everything_at_once_with_old_stamps() -> None:
    """EEG, acceleration and triggers wait for its end; a lost one leaves a hole."""
    log = once({"kind": "stall", "seconds": 2.0})
    biggest = max(log.sends, key=lambda send: len(send.samples))
    assert len(biggest.samples) == 1000
    assert (len(biggest.motion), len(biggest.codes)) == (200, 20)
    assert biggest.stamps.tolist() == (START + np.arange(500, 1500) / RATE).tolist()
    assert log.counts().tolist() == list(range(2500))
    lost = once({"kind": "stall", "seconds": 2.0, "lost": True})
    assert lost.counts().tolist() == [*range(500), *range(1500, 2500)]
    assert np.diff(lost.stamps()).max() == pytest.approx(2.002)


@pytest.mark.parametrize(("share", "run"), [(0.001, 1), (0.01, 1), (0.1, 1), (0.1, 50), (0.1, 500)])
def test_samples_are_dropped_in_runs(share: float, run: int) -> None:
    """As many as asked for on average, in runs of the length, with true stamps around them."""
    n = 200_000
    script = FaultScript(
        faults_of({"kind": "drop", "share": share, "run": run, "at": 0.0}),
        channels=CHANNELS,
        rate=RATE,
    )
    source = Source()
    steps = [step for step in script.feed(*source.take(n)) if isinstance(step, Send)]
    kept = np.concatenate([np.rint((step.stamps - START) * RATE) for step in steps])
    expected = np.sqrt(share * (1 - share) * run / n)
    assert 1 - len(kept) / n == pytest.approx(share, abs=4 * expected)
    holes = np.diff(kept) - 1
    assert set(holes[holes > 0] % run) == {0}


def test_chunks_are_sent_twice_or_swapped() -> None:
    """Repeats follow their chunk; swapped neighbours are otherwise whole; no sample is lost."""
    twice = once({"kind": "duplicate", "seconds": 2.0, "share": 0.3, "size": 25}).counts()
    numbers, times = np.unique(twice, return_counts=True)
    assert numbers.tolist() == list(range(2500))
    again = numbers[times == 2].reshape(-1, 25)
    assert 2 <= len(again) <= 25
    assert np.all(again[:, 0] % 25 == 0)
    assert np.flatnonzero(np.diff(twice) < 0).tolist() == [
        int(np.flatnonzero(twice == block[-1])[0]) for block in again
    ]
    swapped = once({"kind": "reorder", "seconds": 2.0, "share": 0.5, "size": 20}).counts()
    assert sorted(swapped.tolist()) == list(range(2500))
    back = np.flatnonzero(np.diff(swapped) < 0)
    assert 5 <= len(back) <= 20
    for i in back:
        assert swapped[i + 1] == swapped[i] - 39


def test_bursts_have_all_sizes_and_lose_nothing() -> None:
    """Chunks as drawn, each sent at its end; pieces cut by `limit` send one chunk at a time."""
    faults = faults_of({"kind": "burst", "smallest": 1, "largest": 400, "seconds": 60.0})
    log = play(faults, [17] * 2000, limited=True)
    sizes = [len(send.samples) for send in log.sends if len(send.samples)]
    assert max(sizes) > 300
    assert min(sizes[50:]) < 30
    assert log.counts().tolist() == list(range(34_000))


def test_arrival_stamps_jitter_and_never_overtake() -> None:
    """Chunks of 12 are regular within; each is late by its own delay, never early."""
    log = once({"kind": "jitter", "size": 12}, seconds=25.0)
    true = START + np.arange(len(log.stamps())) / RATE
    late = (log.stamps() - true)[500:].reshape(-1, 12)
    assert np.ptp(late, axis=1).max() < 1e-9
    assert 0 <= late.min() <= late.max() < 0.91 * 12 / RATE
    assert late[:, 0].mean() == pytest.approx(0.005, abs=0.001)
    assert log.counts().tolist() == list(range(12_500))


def test_clocks_jump_and_drift() -> None:
    """By the amount, back at the end; to a value; by millionths of the time, which stay."""
    true = START + np.arange(2500) / RATE
    hour = once({"kind": "jump", "seconds": 2.0, "by": -3600.0}).stamps() - true
    assert hour.tolist() == [0.0] * 500 + [-3600.0] * 1000 + [0.0] * 1000
    reset = once({"kind": "jump", "to": 0.0}).stamps()
    assert reset[500:502] == pytest.approx([0.0, 0.002], abs=1e-9)
    drift = once({"kind": "drift", "seconds": 2.0, "ppm": 200.0}).stamps() - true
    assert drift[1000] == pytest.approx(200e-6, abs=1e-9)
    assert drift[1500:] == pytest.approx(400e-6, abs=1e-9)


@pytest.mark.parametrize("hz", [250.0, 495.0, 1000.0])
def test_the_true_rate_is_another(hz: float) -> None:
    """Within the fault so many samples a second come, of the interpolated signal, truly stamped."""
    log = once({"kind": "rate", "hz": hz, "seconds": 2.0})
    inside = (log.stamps() >= START + 1 - 1e-9) & (log.stamps() < START + 3 - 1e-9)
    assert inside.sum() == pytest.approx(2 * hz, abs=2)
    assert np.diff(log.stamps()[inside]) == pytest.approx(1 / hz, abs=1e-9)
    expected = (log.stamps() - START) * RATE
    assert log.samples()[:, 0] == pytest.approx(expected, abs=1e-3)


def inside(row: dict[str, Any]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the 2 s of a fault, and what they would be without it."""
    changed = once({"seconds": 2.0, **row}).samples()[500:1500].astype(np.float64)
    return changed, Source().take(2500)[0].samples[500:1500].astype(np.float64)


def test_values_that_are_no_signal() -> None:
    """Channels named are touched, others not."""
    for row, value in (
        ({"kind": "nan"}, np.nan),
        ({"kind": "inf", "sign": -1}, -np.inf),
        ({"kind": "constant", "value": 7.0}, 7.0),
        ({"kind": "flat"}, np.float32(500.1)),
    ):
        changed, true = inside({**row, "channels": ["Cz"]})
        assert np.array_equal(changed[:, 1], np.full(1000, value), equal_nan=True)
        assert np.array_equal(changed[:, [0, 2, 3]], true[:, [0, 2, 3]])
    changed, _ = inside({"kind": "nan"})
    assert np.all(np.isnan(changed))


def test_rails_wraps_units_and_copies() -> None:
    """The level with little on it; jumps between both ends; a factor; one channel like another."""
    rail, true = inside({"kind": "rail", "level": -18_800.0, "moves": 0.1})
    assert rail == pytest.approx(-18_800 + 0.1 * (true - true[0]), abs=0.01)
    wrapped, _ = inside({"kind": "wrap", "channels": ["Cz"], "full_scale": 1000.0})
    assert wrapped[:, 1] == pytest.approx(np.arange(1000) - 1000.0, abs=0.01)
    scaled, true = inside({"kind": "scale", "factor": 1e6})
    assert scaled == pytest.approx(true * 1e6, rel=1e-6)
    copied, true = inside({"kind": "float", "of": "O1", "channels": ["Cz"], "noise": 0.3})
    residue = np.diff(copied[:, 1] - copied[:, 3])
    assert residue.std() == pytest.approx(0.3 * np.sqrt(2), rel=0.1)
    assert np.corrcoef(copied[:, 1], copied[:, 3])[0, 1] > 0.99


def test_what_electrodes_and_mains_add() -> None:
    """A step that decays, a slope that stays, a sine."""
    pop, true = inside({"kind": "pop", "channels": ["Cz"]})
    assert (pop - true)[[0, 250], 1] == pytest.approx([500, 500 / np.e], abs=0.1)
    assert np.array_equal(pop[:, 0], true[:, 0])
    slide = once({"kind": "slide", "seconds": 2.0}).samples() - once().samples()
    assert slide[[500, 1000, 1500, 2400], 2] == pytest.approx([0, 1000, 2000, 2000], abs=0.1)
    line, true = inside({"kind": "line", "hz": 60.0, "amplitude": 100.0})
    spectrum = np.abs(np.fft.rfft((line - true)[:, 0])) / 500
    assert np.argmax(spectrum) == 120
    assert spectrum.max() == pytest.approx(100, rel=0.01)


def test_what_a_body_adds() -> None:
    """Blinks at the front, muscle at the temples and fast, steps in EEG and accelerometer."""
    blink, true = inside({"kind": "blink"})
    assert (blink - true).max(axis=0) == pytest.approx([150, 15, 15, 15], rel=0.01)
    clench, true = inside({"kind": "clench"})
    added = clench - true
    assert added.std(axis=0) == pytest.approx([6, 6, 60, 6], rel=0.15)
    power = np.abs(np.fft.rfft(added[:, 2])) ** 2
    assert power[400:].sum() > 5 * power[:100].sum()
    log = once({"kind": "walk", "seconds": 2.0})
    steps = log.motion()[100:300] - once().motion()[100:300]
    assert 2000 < np.ptp(steps[:, 2]) / 2 <= 3000
    assert 50 < np.ptp(log.samples()[500:1500, 1] - once().samples()[500:1500, 1]) / 2 <= 80


def test_triggers_fail_in_four_ways() -> None:
    """Missing, twice, later than they should arrive, or with a stamp that is too late."""
    true = once().codes()
    within = [code for code, t in true if START + 1 <= t < START + 2]
    missing = once({"kind": "markers", "seconds": 1.0, "how": "missing"}).codes()
    assert [code for code, _ in true if code not in within] == [code for code, _ in missing]
    twice = once({"kind": "markers", "seconds": 1.0, "how": "twice"}).codes()
    assert sorted(true + [row for row in true if row[0] in within]) == sorted(twice)
    late = once({"kind": "markers", "seconds": 1.0, "how": "late", "by": 0.35}).codes()
    assert sorted(late) == true
    assert late != true
    shifted = once({"kind": "markers", "seconds": 1.0, "how": "shifted", "by": 0.35}).codes()
    assert [t for _, t in shifted] == pytest.approx(
        [t + 0.35 * (code in within) for code, t in true]
    )


def test_a_header_may_lie() -> None:
    """Names, order and columns change, and each sample stays under its own name."""
    samples = Source().take(3)[0].samples
    dress = Dress(Header(shuffle=True, rename={"Cz": "Ch2"}), CHANNELS, 3)
    assert sorted(dress.channels) == ["Ch2", "Fp1", "O1", "T7"]
    assert dress.channels != ("Fp1", "Ch2", "T7", "O1")
    sent = dress.samples(samples)
    assert sent[0].tolist() == pytest.approx(
        [["Fp1", "Ch2", "T7", "O1"].index(name) / 10 for name in dress.channels]
    )
    twins = Dress(Header(duplicate="Cz", extra=True), CHANNELS, 1)
    assert twins.channels == ("Fp1", "Cz", "Cz", "O1", "X", "Y", "Z", "Trigger")
    assert twins.samples(samples)[1, 4:].tolist() == [180.0, -340.0, 9280.0, 0.0]
    with pytest.raises(UsageError, match="duplicates T7, but sends O1, Cz only"):
        Dress(Header(only=("O1", "Cz"), duplicate="T7"), CHANNELS, 1)
    few = Dress(Header(only=("O1", "Cz")), CHANNELS, 1)
    assert few.samples(samples)[0].tolist() == pytest.approx([0.3, 0.1])
    assert Dress(Header(only=()), CHANNELS, 1).samples(samples).shape == (3, 0)
    assert Dress(Header(), CHANNELS, 1).samples(samples) is samples
    with pytest.raises(UsageError, match=r"names the channel Pz"):
        Dress(Header(rename={"Pz": "P0"}), CHANNELS, 1)

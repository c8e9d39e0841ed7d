"""Files become rows as live ones do, labelled as the TOML says; what is known is not made again."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from decoder import rows as live
from decoder.features import Standardizer
from decoder.scoring.protocols import check, protocol
from decoder.scoring.splits import Rules
from decoder.settings import DecoderSettings
from decoder.table import Table
from rym.errors import FormatError, SignalError, UsageError
from rym.messages import Window
from session.evaluation.data import kept, windows
from session.evaluation.data.assemble import Gathered
from session.evaluation.data.dataset import Dataset, LabelSettings, load
from session.evaluation.data.gather import gather
from session.evaluation.data.labels import Mark, Stretch, by_markers, merged
from session.evaluation.data.plans import natural
from session.evaluation.data.sources import gather_given
from stream.files.reading import read
from stream.files.recording import regular_stamps
from stream.line import StreamLine
from stream.settings import StreamSettings
from tests.session.evaluation.folders import (
    CHANNELS,
    RATE,
    TWO_STATES,
    blink,
    eeg,
    toml,
    two_states,
    write_csv,
    write_edf,
    write_xdf,
)

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[4]
EEG = ROOT.parent / "shared" / "eeg"
needs_eeg = pytest.mark.skipif(not EEG.exists(), reason=f"no recordings in {EEG}")

MARKERS = """
[data]
name = "m"
states = ["calm", "busy"]
unit = "trial"
[files]
pattern = '(?P<person>.+)\\.csv'
[labels]
by = "markers"
edge = 1.0
margin = 1.5
codes = { 1 = "calm", 2 = "busy", 3 = "busy", 9 = "none" }
"""
KEYS = """
[data]
name = "k"
states = ["negative", "neutral", "positive"]
unit = "episode"
[files]
pattern = '(?P<person>.+)\\.csv'
[labels]
by = "keys"
edge = 1.0
otherwise = "neutral"
keys = [
  { channel = "Key", value = 1, state = "positive" },
  { channel = "Key", value = 3, state = "negative" },
]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of two people with two files each, blinks in one; do not change it."""
    path = two_states(tmp_path_factory.mktemp("two"))
    samples = eeg(30.0, 3, alpha=8.0)
    for at in (9.0, 16.0, 16.4, 23.0):
        blink(samples, at)
    write_csv(path / "a_work.csv", samples)
    return path


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Return what is said of that folder."""
    return load(toml(tmp_path_factory.mktemp("toml") / "two.toml"))


@pytest.fixture(scope="module")
def found(folder: Path, dataset: Dataset) -> Gathered:
    """Return that folder's rows."""
    return gather(dataset, folder, None)


def windows_of(path: Path, step: int = 37) -> list[Window]:
    """Return a file's windows, in chunks of another size than the tested code takes."""
    it = read(path)
    line = StreamLine(StreamSettings(), CHANNELS, it.rate)
    stamps, out = regular_stamps(it), []
    for at in range(0, len(it.samples), step):
        out += [w for w, _ in line.push(it.samples[at : at + step, :6], stamps[at : at + step])]
    return out


def same(a: Table, b: Table) -> bool:
    """Return whether two tables agree to the bit."""
    return all(
        np.array_equal(x, y, equal_nan=x.dtype.kind == "f") if isinstance(x, np.ndarray) else x == y
        for x, y in ((getattr(a, f.name), getattr(b, f.name)) for f in fields(Table))
    )


def test_names_say_whose_rows_are_and_what_they_bear(found: Gathered) -> None:
    """People, states, files and units follow from the pattern."""
    table = found.table
    assert table.people == ("a", "b")
    assert table.recordings == ("a_rest.csv", "a_work.csv", "b_rest.csv", "b_work.csv")
    assert table.channels == CHANNELS
    assert np.array_equal(table.label, table.recording % 2)
    assert np.array_equal(table.person, table.recording // 2)
    assert np.array_equal(table.unit, table.recording)
    assert found.unit == "file"
    assert found.primary == "leave-one-person-out"
    assert [(f.person, f.state) for f in found.facts][:2] == [("a", "rest"), ("a", "work")]
    assert set(np.unique(table.audible)) == {-1}


@pytest.mark.parametrize("number", [0, 1])
def test_rows_are_those_that_training_would_learn_from(
    folder: Path, found: Gathered, number: int
) -> None:
    """The same features to the bit, the same usable rows, the same stand-ins for blinks."""
    table = found.table
    settings = DecoderSettings()
    seen = windows_of(folder / table.recordings[number])
    oracle = live.rows_from(seen, [(-1.0, "positive")], settings, learn=[(0.0, 30.0)])
    own = table.recording == number
    clean = ~oracle.touched
    assert np.array_equal(table.features[own][clean], oracle.features[clean], equal_nan=True)
    assert np.array_equal(table.usable[own], oracle.usable)
    assert np.allclose(table.t[own] - table.t[own][0], oracle.t_last - oracle.t_last[0])
    assert oracle.touched.any() == (number == 1)
    scale = Standardizer.fit(oracle.features[oracle.usable], 50.0)
    expected = live.stood_in(scale(oracle.features), oracle)
    assert np.allclose(scale(table.features[own]), expected, atol=1e-9)


def test_controls_look_at_the_same_samples(folder: Path, found: Gathered) -> None:
    """Covariances are those of the windows; muscle and hand have bands of their own."""
    table = found.table
    row = 40
    window = [w for w in windows_of(folder / "a_rest.csv") if w.valid][row]
    assert np.allclose(table.covariance[row], np.cov(window.samples.T), rtol=1e-4)
    assert table.muscle.shape == table.motor.shape == (len(table), len(CHANNELS))
    alpha = table.motor[table.label == 1].mean() - table.motor[table.label == 0].mean()
    assert alpha > 0.3
    assert abs(table.muscle[table.label == 1].mean() - table.muscle[table.label == 0].mean()) < 0.2


def test_files_of_a_session_follow_one_another(found: Gathered) -> None:
    """Without dates they stand in their order, further apart than an answer reaches."""
    table = found.table
    for person in (0, 1):
        own = [table.t[table.recording == 2 * person + j] for j in (0, 1)]
        assert own[1].min() - own[0].max() > table.field_seconds


def test_dates_of_stamps_are_kept(tmp_path: Path, dataset: Dataset) -> None:
    """Where files know when they were, their distance is the true one, whatever their names."""
    write_csv(tmp_path / "a_rest.csv", eeg(20.0, 1), start=1.6e9 + 500.0)
    write_csv(tmp_path / "a_work.csv", eeg(20.0, 2), start=1.6e9)
    table = gather(dataset, tmp_path, None).table
    starts = [table.t[table.recording == i].min() for i in (0, 1)]
    assert starts[0] - starts[1] == pytest.approx(500.0, abs=1e-3)


def test_the_baseline_is_never_scored(folder: Path, dataset: Dataset) -> None:
    """The first seconds of rest, and what lies nearer to them than the purge."""
    rested = replace(dataset, baseline=type(dataset.baseline)(state="rest", seconds=10.0))
    table = gather(rested, folder, None).table
    assert set(table.recording[table.baseline]) == {0, 2}
    since = table.t - np.array([table.t[table.recording == i].min() for i in range(4)])[
        table.recording
    ] + 1.0  # fmt: skip
    assert since[table.baseline].max() <= 10.0 + 0.01
    assert not (table.baseline & table.usable).any()
    purge = table.field_seconds + dataset.data.smoothing
    at_rest = table.usable & (table.label == 0)
    assert since[at_rest].min() >= 10.0 + purge - 0.02
    before = gather(dataset, folder, None).table
    assert since[before.usable & (before.label == 0)].min() < 10.0
    assert np.array_equal(table.usable[table.label == 1], before.usable[table.label == 1])


def trigger(seconds: float, events: Iterable[tuple[float, int]]) -> np.ndarray:
    """Return a trigger line with short pulses."""
    line = np.zeros(round(seconds * RATE))
    for t, code in events:
        line[round(t * RATE) : round(t * RATE) + 4] = code
    return line


def marked(path: Path) -> Path:
    """Write a file with trials of 12 s and a pause of 3 s: calm, busy, busy (3), calm."""
    events = [(2, 1), (14, 2), (26, 3), (38, 9), (41, 1)]
    line = trigger(53, events)
    write_csv(path / "p.csv", eeg(53.0, 5), beside={"Trigger": line})
    write_csv(path / "q.csv", eeg(53.0, 6), beside={"Trigger": line})
    return path


def test_markers_begin_trials(tmp_path: Path) -> None:
    """Each is a unit; no row near a change is used; two codes of one state are two stimuli."""
    found = gather(load(toml(tmp_path / "m.toml", MARKERS)), marked(tmp_path / "d"), None)
    table = found.table
    own = table.person == 0
    assert len(np.unique(table.unit[own & (table.unit >= 0)])) == 4
    t = table.t[own]
    inside = (t > 38.01) & (t < 40.99)
    assert set(table.label[own][inside]) == {-1}
    used = table.newest[table.person[table.newest] == 0]
    for change in (2.0, 14.0, 26.0, 38.0, 41.0):
        gap = table.t[used] - change
        assert not ((gap > -1.5) & (gap < table.field_seconds - 1.5 / RATE)).any()
    assert table.label[own][(t > 27) & (t < 37)].all()
    shown = [set(table.stimulus[table.unit == unit]) for unit in range(4)]
    assert shown[0] == shown[3] == {-1}  # its only code says no more than the state
    assert shown[1] != shown[2]
    assert found.margin == 1.5
    check(table, protocol("within").splits(table, Rules(smoothing=0.75)))


def test_a_trial_that_gave_the_baseline_is_scored_only_where_there_is_no_other(
    tmp_path: Path,
) -> None:
    """What is left of the first calm trial lies near the baseline for being of that trial."""
    rest = '\n[baseline]\nstate = "calm"\nseconds = 4.0\n'
    folder = marked(tmp_path / "d")
    for end, n_calm in ((53.0, 1), (40.0, 0)):
        line = trigger(end, [(2, 1), (14, 2), (26, 3), (38, 9), *[(41, 1)] * n_calm])
        write_csv(folder / "p.csv", eeg(end, 5), beside={"Trigger": line})
        table = gather(load(toml(tmp_path / "m.toml", MARKERS + rest)), folder, None).table
        first = table.unit[(table.person == 0) & table.baseline][0]
        assert (table.usable & (table.unit == first)).any() == (n_calm == 0)
        assert (table.usable & (table.person == 0) & (table.label == 0)).any()


def test_markers_tell_what_was_heard(tmp_path: Path) -> None:
    """From an event on, the affect it names is heard; before the first one, nothing is known."""
    heard = '\n[audible.codes]\n1 = "positive"\n9 = "none"\n'
    found = gather(load(toml(tmp_path / "m.toml", MARKERS + heard)), marked(tmp_path / "d"), None)
    own = found.table.person == 0
    t, audible = found.table.t[own], found.table.audible[own]
    for start, end, affect in ((0.0, 2.0, -1), (2.0, 38.0, 2), (38.0, 41.0, -1), (41.0, 53.0, 2)):
        inside = (t > start + 0.01) & (t < end - 0.01)
        assert set(audible[inside]) == {affect}
    silent = gather(load(toml(tmp_path / "n.toml", MARKERS)), tmp_path / "d", None)
    assert set(silent.table.audible) == {-1}


def test_nobody_was_there_if_it_says_so(tmp_path: Path) -> None:
    """A data set that is called simulated is."""
    text = MARKERS.replace('unit = "trial"', 'unit = "trial"\nsimulated = true')
    folder = marked(tmp_path / "d")
    assert gather(load(toml(tmp_path / "m.toml", text)), folder, None).simulated
    assert not gather(load(toml(tmp_path / "n.toml", MARKERS)), folder, None).simulated


def test_an_episode_goes_on_where_the_state_does(tmp_path: Path) -> None:
    """Two markers of one state in a row are two trials, but one episode."""
    text = MARKERS.replace('unit = "trial"', 'unit = "episode"')
    found = gather(load(toml(tmp_path / "m.toml", text)), marked(tmp_path / "d"), None)
    own = found.table.person == 0
    assert len(np.unique(found.table.unit[own & (found.table.unit >= 0)])) == 3
    two = [Stretch(0, 5, "a"), Stretch(5, 9, "a"), Stretch(9.5, 12, "a")]
    assert merged(two, "episode") == [Stretch(0, 9, "a"), Stretch(9.5, 12, "a")]
    assert merged(two, "trial") == two


def test_a_trial_ends_where_it_is_said_to() -> None:
    """After its seconds, with its event, at the next code; one that lasts too long is left out."""
    codes = {"1": "calm", "2": "busy", "9": "none"}
    marks = [Mark(0.0, "1"), Mark(4.0, "x"), Mark(10.0, "2", 5.0), Mark(40.0, "9"), Mark(41.0, "1")]
    said = LabelSettings(by="markers", codes=codes)
    last = Stretch(41.0, np.inf, "calm")
    assert by_markers(marks, said) == [Stretch(0, 10, "calm"), Stretch(10, 15, "busy"), last]
    short = replace(said, seconds=3.0)
    assert [s.end for s in by_markers(marks, short)] == [3.0, 13.0, 44.0]
    assert by_markers(marks, replace(said, longest=20.0)) == [
        Stretch(0, 10, "calm"), Stretch(10, 15, "busy"),
    ]  # fmt: skip


def test_key_channels_tell_what_was_held(tmp_path: Path) -> None:
    """Rows bear what was held half a second after them; no key is what `otherwise` says."""
    held = np.zeros(round(60 * RATE))
    held[10 * RATE : 25 * RATE] = 1.0
    held[40 * RATE : 52 * RATE] = 3.0
    write_csv(tmp_path / "p.csv", eeg(60.0, 7), beside={"Key": held})
    table = gather(load(toml(tmp_path / "k.toml", KEYS)), tmp_path, None).table
    assert table.channels == CHANNELS
    expected = np.full(len(table), 1)
    said = table.t + 0.5
    expected[(said >= 10) & (said < 25)] = 2
    expected[(said >= 40) & (said < 52)] = 0
    assert np.array_equal(table.label, expected)
    assert len(np.unique(table.unit)) == 5
    text = KEYS.replace('channel = "Key", value = 1', 'channel = "Kye"')
    with pytest.raises(SignalError, match=r"p.csv has no channel Kye; it has Fp1"):
        gather(load(toml(tmp_path / "l.toml", text)), tmp_path, None)


def test_nothing_reaches_over_a_gap(tmp_path: Path, dataset: Dataset) -> None:
    """Behind 700 s without samples the rows begin anew, at their own time."""
    write_csv(tmp_path / "a_rest.csv", eeg(40.0, 1), gap=(20 * RATE, 700.0))
    write_csv(tmp_path / "a_work.csv", eeg(20.0, 2))
    found = gather(dataset, tmp_path, None)
    table = found.table
    own = table.recording == 0
    steps = np.diff(table.t[own])
    assert steps.max() > 700.0
    at = int(steps.argmax())
    assert table.run[own][at] != table.run[own][at + 1]
    behind = table.t[own][at + 1]
    used = table.t[own & table.usable]
    assert not ((used >= behind) & (used < behind + 9 * 0.25 - 0.01)).any()
    assert found.facts[0].n_gaps == 1
    assert found.facts[0].duration == pytest.approx(40.0)


def test_edf_and_xdf_are_read_as_well(tmp_path: Path, dataset: Dataset) -> None:
    """Rows of every format differ by no more than the format's steps; EDF tells its filters."""
    samples = [eeg(20.0, seed, alpha=seed * 5.0) for seed in (0, 1)]
    for end, write in ((".csv", write_csv), (".edf", write_edf), (".xdf", write_xdf)):
        for state, one in zip(("rest", "work"), samples, strict=True):
            (tmp_path / end[1:]).mkdir(exist_ok=True)
            write(tmp_path / end[1:] / f"a_{state}{end}", one)
    write_edf(tmp_path / "edf" / "a_rest.edf", samples[0], prefilter="HP:0.5Hz LP:40Hz")
    found = []
    for end in ("csv", "edf", "xdf"):
        pattern = dataset.files.pattern.replace("csv", end)
        said = replace(dataset, files=replace(dataset.files, pattern=pattern))
        found.append(gather(said, tmp_path / end, None))
    for other in found[1:]:
        assert np.array_equal(other.table.usable, found[0].table.usable)
        off = other.table.features - found[0].table.features
        assert np.abs(off).mean() < 0.01
    assert found[1].facts[0].filters == {"high-pass": "0.5 Hz", "low-pass": "40 Hz"}
    assert found[1].facts[1].filters == {}


# ------------------------------------------------------------------------------ what is kept


def test_what_is_known_is_not_made_again(
    folder: Path, dataset: Dataset, found: Gathered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the cache the same table, without a file being read as a recording."""
    first = gather(dataset, folder, tmp_path)
    assert same(first.table, found.table)
    assert len(list(tmp_path.iterdir())) == 8
    assert not list(tmp_path.glob("*.part"))
    monkeypatch.setattr(kept, "rows", _never)
    monkeypatch.setattr(kept, "look", _never)
    again = gather(dataset, folder, tmp_path)
    assert same(again.table, found.table)
    for a, b in zip(again.facts, first.facts, strict=True):
        assert np.array_equal(a.trace, b.trace)
        assert (a.name, a.sha256, a.filters, a.notes) == (b.name, b.sha256, b.filters, b.notes)
    other = replace(dataset, stream=StreamSettings(hop=0.5))
    with pytest.raises(AssertionError, match="made again"):
        gather(other, folder, tmp_path)
    monkeypatch.setattr(kept, "code_hash", lambda: "other filters")
    with pytest.raises(AssertionError, match="made again"):
        gather(dataset, folder, tmp_path)


def _never(*_: object) -> None:
    raise AssertionError("made again")


def test_a_damaged_cache_is_made_again(
    folder: Path, dataset: Dataset, found: Gathered, tmp_path: Path
) -> None:
    """Cut, emptied, flipped or overwritten files cost time and change nothing."""
    gather(dataset, folder, tmp_path)
    kinds = sorted(tmp_path.glob("filerows-*")), sorted(tmp_path.glob("looked-*"))
    for paths in kinds:
        for path, harm in zip(paths, ("cut", "empty", "flip", "text"), strict=True):
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 0xFF
            bad = {"cut": data[: len(data) // 2], "empty": b"", "flip": data, "text": b"{}"}
            path.write_bytes(bad[harm])
    assert same(gather(dataset, folder, tmp_path).table, found.table)
    for path in tmp_path.iterdir():
        with np.load(path, allow_pickle=False) as whole:
            assert all(whole[name].size >= 0 for name in whole.files)


def test_a_changed_file_or_what_lies_beside_it_is_seen(tmp_path: Path, dataset: Dataset) -> None:
    """Another content gives other rows and another hash; another place gives the same."""
    folder, cache = two_states(tmp_path / "d"), tmp_path / "cache"
    before = gather(dataset, folder, cache)
    shutil.copytree(folder, tmp_path / "elsewhere")
    assert gather(dataset, tmp_path / "elsewhere", cache).sha256 == before.sha256
    (folder / "a_rest.toml").write_text('unit = "mV"\ntime = "time"\n')
    scaled = gather(dataset, folder, cache)
    assert scaled.sha256 != before.sha256
    assert not same(scaled.table, before.table)
    (folder / "a_rest.toml").unlink()
    write_csv(folder / "b_work.csv", eeg(30.0, 99))
    assert gather(dataset, folder, cache).sha256 != before.sha256
    notes = replace(dataset, labels=replace(dataset.labels, edge=6.0))
    assert gather(notes, tmp_path / "elsewhere", cache).sha256 != before.sha256


def test_workers_give_what_one_process_gives(
    folder: Path, dataset: Dataset, found: Gathered, tmp_path: Path
) -> None:
    """Shared by two processes with one cache, the table is the same; so is an error's sentence."""
    told: list[tuple[float, str]] = []
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        shared = gather(
            dataset, folder, tmp_path, each=pool.map, progress=lambda s, w: told.append((s, w))
        )
        assert same(shared.table, found.table)
        write_csv(tmp_path / "bad" / "a_rest.csv", np.zeros((0, 6)))
        with pytest.raises(FormatError, match=r"a_rest.csv"):
            gather(dataset, tmp_path / "bad", None, each=pool.map)
    assert [share for share, _ in told] == sorted(share for share, _ in told)
    assert told[-1] == (1.0, "b_work.csv")


# ------------------------------------------------------------------------------- what is refused


def test_files_of_two_rates_are_refused(tmp_path: Path, dataset: Dataset) -> None:
    """Both rates and both files stand in the sentence."""
    write_csv(tmp_path / "a_rest.csv", eeg(12.0, 1))
    write_csv(tmp_path / "a_work.csv", eeg(12.0, 2, rate=256), rate=256)
    with pytest.raises(SignalError, match=r"a_rest.csv has 128 .* a_work.csv 256") as failed:
        gather(dataset, tmp_path, None)
    assert "one rate" in failed.value.remedy


def test_channels_are_those_that_all_files_have(tmp_path: Path, dataset: Dataset) -> None:
    """What is left out is said; a channel that is wanted must be there; none at all is refused."""
    names = ("C3", "C4", "O1", "O2", "Fz")
    write_csv(tmp_path / "a_rest.csv", eeg(20.0, 1))
    write_csv(tmp_path / "a_work.csv", eeg(20.0, 2, n=5), channels=names)
    found = gather(dataset, tmp_path, None)
    assert found.table.channels == ("C3", "C4", "O1", "O2")
    assert found.facts[0].channels == CHANNELS
    text = " ".join(found.notes)
    assert "a_rest.csv: Fp1, Fp2 left out" in text
    assert "a_work.csv: Fz left out" in text
    wanted = replace(dataset, features=replace(dataset.features, channels=("C3", "Fp1")))
    with pytest.raises(SignalError, match=r"a_work.csv lacks Fp1; it has C3"):
        gather(wanted, tmp_path, None)
    pair = replace(dataset, features=replace(dataset.features, channels=("O2", "C3")))
    assert gather(pair, tmp_path, None).table.channels == ("O2", "C3")
    write_csv(tmp_path / "b_rest.csv", eeg(20.0, 2, n=2), channels=("T7", "T8"))
    with pytest.raises(SignalError, match=r"a_rest.csv has Fp1.*b_rest.csv T7, T8: no channel"):
        gather(dataset, tmp_path, None)


def test_channels_without_an_electrode_have_to_be_named(tmp_path: Path, dataset: Dataset) -> None:
    """An Enobio 8 that says Ch1… is refused; by position named, its rows are those of the names."""
    two_states(tmp_path / "named", people=("a",), seconds=20.0)
    names = tuple(f"Ch{i}" for i in range(1, 7))
    for seed, state in enumerate(("rest", "work")):
        samples = eeg(20.0, seed, alpha=8.0 * seed)
        write_csv(tmp_path / "ch" / f"a_{state}.csv", samples, channels=names)
    with pytest.raises(SignalError, match="no electrode") as failed:
        gather(dataset, tmp_path / "ch", None)
    assert "[stream] montage" in failed.value.remedy
    said = replace(dataset, stream=StreamSettings(montage=CHANNELS))
    expected = gather(dataset, tmp_path / "named", None).table
    assert same(gather(said, tmp_path / "ch", None).table, expected)
    short = replace(dataset, stream=StreamSettings(montage=("Fp1", "Fp2")))
    with pytest.raises(SignalError, match=r"has 6 channels \(Ch1, .* montage names 2"):
        gather(short, tmp_path / "ch", None)


def test_what_cannot_be_found_is_one_sentence(tmp_path: Path, dataset: Dataset) -> None:
    """No folder, no match, a state that is not known, nothing usable."""
    with pytest.raises(UsageError, match="There is no folder"):
        gather(dataset, tmp_path / "none", None)
    write_csv(tmp_path / "1_rest.csv", eeg(8.0, 1))
    with pytest.raises(UsageError, match=r"None of the 1 recordings .* such as 1_rest.csv"):
        gather(dataset, tmp_path, None)
    write_csv(tmp_path / "a_sleep.csv", eeg(8.0, 1))
    with pytest.raises(UsageError, match=r"a_sleep.csv says the state 'sleep'; .* rest, work"):
        gather(dataset, tmp_path, None)
    write_csv(tmp_path / "a_rest.csv", eeg(20.0, 1))
    text = TWO_STATES.replace("[files]", '[files]\nstates = {rest="rest",work="work",sleep="none"}')
    with pytest.raises(SignalError, match=r"\(rest \d+, work 0\); every state needs some"):
        gather(load(toml(tmp_path / "d.toml", text)), tmp_path, None)


def test_people_of_one_state_are_named(tmp_path: Path, dataset: Dataset) -> None:
    """They stay in the table, and the notes say that they are not scored."""
    two_states(tmp_path, seconds=20.0)
    write_csv(tmp_path / "c_rest.csv", eeg(20.0, 50))
    write_csv(tmp_path / "4.csv", eeg(20.0, 51))
    found = gather(dataset, tmp_path, None)
    assert found.table.people == ("a", "b", "c")
    assert "c has usable rows of rest only, and is not scored." in found.notes
    assert "Left out by name: 4.csv." in found.notes
    assert any(note.startswith("Nobody has a baseline") for note in found.notes)


def test_numbers_in_names_stand_in_their_order() -> None:
    """Run 10 comes behind run 9, whatever stands around it."""
    names = ["a-10.csv", "a-9.csv", "b/2", "b/10", "9", "a"]
    assert sorted(names, key=natural) == ["a", "a-9.csv", "a-10.csv", "b/2", "b/10", "9"]


def test_what_is_given_must_go_together(tmp_path: Path, folder: Path, found: Gathered) -> None:
    """A TOML needs its folder, a folder its TOML."""
    path = toml(tmp_path / "d.toml")
    assert same(gather_given([path], folder, None).table, found.table)
    for given, data in (([], None), ([path], None), ([path, path], folder), ([folder], folder)):
        with pytest.raises(UsageError):
            gather_given(given, data, None)


# ------------------------------------------------------------------------------- real recordings


@needs_eeg
def test_rest_and_arithmetic_of_five_people(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Ten files, ten units, a minute of rest that nobody is scored on, two kinds of filters."""
    said = load(ROOT / "configs" / "datasets" / "rest-arithmetic.toml")
    only = replace(
        said, files=replace(said.files, pattern=said.files.pattern.replace(r"\d+", "0[01]"))
    )
    found = gather(only, EEG / "rest_arithmetic", None)
    table = found.table
    assert len(table.channels) == 19
    assert table.people == ("Subject00", "Subject01")
    assert len(np.unique(table.unit)) == 4
    assert table.baseline[table.label == 0].any()
    assert not table.baseline[table.label == 1].any()
    assert table.usable[table.label == 0].sum() > 700
    assert table.usable[table.label == 1].sum() > 350
    assert [bool(f.filters) for f in found.facts] == [True, True, False, False]
    splits = protocol("leave-one-person-out").splits(table, Rules(smoothing=0.75))
    assert len(splits) == 2


@needs_eeg
def test_the_muse_files_keep_the_copy_that_bears_another_name() -> None:
    """Three people by name; a gap of 700 s starts a run; nothing is dropped silently."""
    said = load(ROOT / "configs" / "datasets" / "muse-states.toml")
    some = "name-concentrating-1|subjecta-concentrating-1|subjecta-neutral-1|subjectb-relaxed-2"
    pattern = f"(?={some}){said.files.pattern}"
    found = gather(
        replace(said, files=replace(said.files, pattern=pattern)), EEG / "muse_states", None
    )
    table = found.table
    assert table.people == ("name", "subjecta", "subjectb")
    assert len(table.recordings) == 4
    assert table.channels == ("TP9", "AF7", "AF8", "TP10")
    assert "name has usable rows of concentrating only, and is not scored." in found.notes
    gap = table.recordings.index("subjectb-relaxed-2.csv")
    assert np.diff(table.t[table.recording == gap]).max() > 700.0
    copy, origin = found.facts[0], found.facts[1]
    n = min(len(copy.trace), len(origin.trace))
    r = np.corrcoef(copy.trace[:n, 0], origin.trace[:n, 0])[0, 1]
    assert r > 0.99


def test_the_table_of_artifacts_is_the_streams() -> None:
    """What stands in is known by the names that windows use."""
    assert set(DecoderSettings().features.stand_in) <= set(windows.ARTIFACTS)

"""The candidate that looks at samples: kept for it alone, said to be absent, spread like others."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from decoder.methods import candidates, catalog
from decoder.scoring.protocols import protocol
from decoder.table import Table
from rym.errors import UsageError
from session.evaluation import jobs, run
from session.evaluation.data.dataset import load
from session.evaluation.data.gather import gather
from session.evaluation.evaluate import Options, evaluate, looks_at_samples, methods_for
from stream.files.reading import read
from stream.files.recording import regular_stamps
from stream.line import StreamLine
from stream.settings import ConditioningSettings, StreamSettings
from tests.session.evaluation import planted
from tests.session.evaluation.folders import CHANNELS, eeg, toml, two_states, write_csv

NAME = "small-network"
SETUP = jobs.Setup(0.75, 0.0, "person", "permuted units")


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make braindecode be not installed."""
    monkeypatch.setattr(candidates, "find_spec", lambda name: None if "brain" in name else name)


def with_samples(table: Table, seed: int = 0) -> Table:
    """Return a table with noise behind its rows, 10 µV of alpha in the task."""
    rng = np.random.default_rng(seed)
    samples = []
    for i in range(len(table.recordings)):
        own = table.recording == i
        n = int(table.first[own].max()) + table.n_times
        noise = 10.0 * rng.standard_normal((n, len(table.channels)))
        if table.label[own][0] == 1:
            noise += 10.0 * np.sin(2 * np.pi * 10.0 * np.arange(n) / table.rate)[:, None]
        samples.append(noise.astype(np.float32))
    return replace(table, samples=tuple(samples))


def test_without_the_extra_it_is_not_scored_and_nothing_is_kept_for_it(absent: None) -> None:
    """The sentence says how to have it; no samples are gathered; the others are scored."""
    assert not looks_at_samples(Options())
    found, notes = methods_for(planted.table_of(n_people=2, n_units=2), Options())
    assert NAME not in [method.name for method in found]
    assert "lda" in [method.name for method in found]
    line = f"{NAME} (braindecode is not installed: `pip install 'rym[network]'`)"
    assert len(notes) == 1
    assert notes[0].startswith("Not scored: ")
    assert line in notes[0]


def test_asked_for_by_name_without_the_extra_it_is_an_error(absent: None) -> None:
    """One sentence with the line that installs it."""
    with pytest.raises(UsageError, match=r"small-network.*pip install 'rym\[network\]'"):
        methods_for(planted.table_of(n_people=2, n_units=2), Options(decoders=(NAME,)))


def test_samples_are_kept_only_where_a_method_looks_at_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not for other decoders, though the extra is there."""
    monkeypatch.setattr("session.evaluation.evaluate.network_missing", lambda: "")
    assert looks_at_samples(Options())
    assert looks_at_samples(Options(decoders=("lda", NAME)))
    assert not looks_at_samples(Options(decoders=("lda", "riemann")))


@pytest.mark.parametrize("reference", ["recorded", "average"])
def test_samples_are_those_of_the_windows(tmp_path: Path, reference: str) -> None:
    """Each sample as the first usable window had it; all else of the table stays as it is."""
    folder = two_states(tmp_path / "two")
    samples = eeg(30.0, 3, alpha=8.0)
    samples[1500:2200, 2] = 0.0  # C3 is off for a while
    write_csv(folder / "a_work.csv", samples)
    stream = StreamSettings(conditioning=ConditioningSettings(reference=reference, interpolate=0))
    dataset = structs.replace(load(toml(tmp_path / "two.toml")), stream=stream)
    plain = gather(dataset, folder, tmp_path / "cache")
    kept = gather(dataset, folder, tmp_path / "cache", samples=True)
    again = gather(dataset, folder, tmp_path / "cache", samples=True)
    assert plain.table.samples == ()
    assert plain.sha256 == kept.sha256
    assert jobs.digest(plain.table) == jobs.digest(kept.table)
    assert len(kept.table.samples) == len(kept.table.recordings)
    number = kept.table.recordings.index("a_work.csv")
    expected = joined(folder / "a_work.csv", stream)
    assert np.isnan(expected[:, 2]).any() or reference == "average"
    for table in (kept.table, again.table):
        np.testing.assert_array_equal(table.samples[number], expected)
        for field in fields(Table):
            a, b = getattr(table, field.name), getattr(plain.table, field.name)
            if isinstance(a, np.ndarray):
                np.testing.assert_array_equal(a, b)
    newest = kept.table.newest
    ends = (kept.table.first + kept.table.n_times)[newest]
    lengths = np.array([len(one) for one in kept.table.samples])
    assert (ends <= lengths[kept.table.recording[newest]]).all()


def joined(path: Path, settings: StreamSettings) -> np.ndarray:
    """Return a file's usable windows laid over one another from the last to the first."""
    it = read(path)
    line = StreamLine(settings, CHANNELS, it.rate)
    seen = [w for w, _ in line.push(it.samples[:, : len(CHANNELS)], regular_stamps(it)) if w.valid]
    out = np.full((seen[-1].first_sample + len(seen[-1].samples), len(CHANNELS)), np.nan)
    for window in reversed(seen):
        one = window.samples.astype(np.float64)
        one[:, [name in window.untrusted for name in CHANNELS]] = np.nan
        out[window.first_sample : window.first_sample + len(one)] = one
    return out.astype(np.float32)


def test_only_its_own_results_follow_from_samples() -> None:
    """Other samples ask for the network's jobs anew, and for no other method's."""
    table = with_samples(planted.table_of(n_people=2, n_units=4))
    other = with_samples(table, seed=1)
    methods = [catalog.of(name) for name in ("lda", NAME)]

    def keys(of: Table) -> dict[str, set[str]]:
        laid = [jobs.Laid(of, protocol("within"), SETUP)]
        planned = jobs.plan(laid, methods, "code")
        return {m.name: {job.key for job in planned if job.method == m.name} for m in methods}

    a, b, c = keys(table), keys(other), keys(replace(table, samples=()))
    assert a["lda"] == b["lda"] == c["lda"]
    assert not a[NAME] & b[NAME]
    assert not a[NAME] & c[NAME]


@pytest.mark.parametrize(("workers", "backend"), [(2, "loky"), (2, "dask")])
def test_workers_give_the_same_bytes(tmp_path: Path, workers: int, backend: run.Backend) -> None:
    """Two processes do as one does, here or on a cluster."""
    needs_the_extra()
    if backend == "dask":
        pytest.importorskip("distributed", reason="distributed is not installed")
    table = with_samples(planted.table_of(n_people=2, n_units=4, rows=14))
    laid = [jobs.Laid(table, protocol("leave-one-person-out"), SETUP)]
    planned = jobs.plan(laid, [catalog.of(NAME)], "code")
    assert len(planned) == 2
    run.carry_out(table, SETUP, planned, tmp_path / "one", workers=1)
    run.carry_out(table, SETUP, planned, tmp_path / "two", workers=workers, backend=backend)
    for path in (tmp_path / "one").iterdir():
        assert (tmp_path / "two" / path.name).read_bytes() == path.read_bytes()


def test_its_null_is_drawn_with_nulls_full_alone(tmp_path: Path) -> None:
    """Scored, never the first; under `fast` nothing is said about chance."""
    needs_the_extra()
    table = with_samples(planted.table_of(n_people=2, n_units=4, rows=14))
    options = Options(protocols=("leave-one-person-out",), decoders=(NAME,))
    found = evaluate(planted.gathered(table), tmp_path / "out", options)
    scored = next(m for m in found.protocols[0].decoders if m.name == NAME)
    assert scored.balanced_accuracy > 0.75
    assert scored.null.kind == "not run"
    assert "braindecode" in found.versions
    assert not any(NAME in warning for warning in found.warnings)


def needs_the_extra() -> None:
    """Skip where braindecode is not installed."""
    pytest.importorskip(
        "braindecode.models", reason="the extra `network` is not installed", exc_type=ImportError
    )

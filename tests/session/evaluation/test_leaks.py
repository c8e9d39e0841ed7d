"""Every detector on a gathered data set: planted leaks, clean noise, the real recordings."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import msgspec
import numpy as np
import pytest

from decoder.leaks.canary import noise_like
from decoder.leaks.duplicates import LIKE, pairs_of
from decoder.scoring.protocols import PROTOCOLS
from decoder.scoring.splits import Rules
from session.evaluation import leaks
from session.evaluation.data.assemble import Gathered
from session.evaluation.data.facts import RecordingFacts, spectrum, trace
from session.evaluation.result import (
    Curve,
    Finding,
    MethodResult,
    Null,
    PersonScore,
    ProtocolResult,
    Timing,
)
from stream.files.reading import read
from tests.session.evaluation.folders import CHANNELS, RATE, eeg
from tests.session.evaluation.planted import gathered, table_of
from tests.session.evaluation.sentences import unlike_sentences

ROOT = Path(__file__).parents[3]
EEG = ROOT.parent / "shared" / "eeg"
needs_eeg = pytest.mark.skipif(not EEG.exists(), reason=f"no recordings in {EEG}")
RULES = Rules(0.75)
HONEST = [p.name for p in PROTOCOLS if not p.leaky]


def facts_of(name: str, person: str, state: str, samples: np.ndarray, rate: float = RATE):
    """Return what is known of a file with these samples."""
    samples = samples.astype(np.float32)
    frequencies, power = spectrum(samples, rate)
    slow, slow_rate = trace(samples, rate)
    return RecordingFacts(
        name=name,
        person=person,
        session=person,
        state=state,
        sha256=f"{hash(samples.tobytes()):x}",
        duration=len(samples) / rate,
        n_gaps=0,
        rate=rate,
        channels=CHANNELS[: samples.shape[1]],
        filters={},
        frequencies=frequencies,
        power=power,
        trace=slow,
        trace_rate=slow_rate,
    )


def method(name, scores, kind="control", null_95=0.6):
    """Return the scores of a method, one for every person."""
    people = tuple(
        PersonScore(
            person=f"p{i}", balanced_accuracy=score, macro_f1=score, kappa=0.0,
            null_95=null_95, n_rows=100, n_units=6,
        )
        for i, score in enumerate(scores)
    )  # fmt: skip
    null = Null(
        kind="permuted units", why="", n_drawn=100, complete=False, n_relabelings="1000000",
        smallest_p=0.01, null_95=null_95, p=0.5,
    )  # fmt: skip
    curve = Curve(x=(), y=(), n=())
    fixed = {"macro_f1": 0.0, "kappa": 0.0, "weighted_f1": 0.0, "brier": 0.0, "ece": 0.0}
    return MethodResult(
        name=name, kind=kind, what="", balanced_accuracy=float(np.mean(scores)), interval=None,
        standard_error=0.04, null=null, people=people, confusion=((1, 1), (1, 1)),
        calibration=curve, abstention=curve, audible=None, predictions="", nulls="",
        timing=Timing(flips_per_minute=None, seconds_to_right=()), **fixed,
    )  # fmt: skip


def scores(*methods):
    """Return a primary protocol with these methods."""
    return ProtocolResult(
        name="within", what="", leaky=False, primary=True, purge_s=4.0, n_folds=5, n_people=4,
        n_units=24, chance=0.5, majority=0.3, stratified=0.5, decoders=methods, nested=None,
        verdict="follows", why="",
    )  # fmt: skip


def named(found, name) -> Finding:
    """Return the one finding of this name."""
    (one,) = [f for f in found if f.name == name]
    return one


def looked_at(data, protocols=("within",), primary=None, **more):
    """Return all findings."""
    return leaks.findings(data, RULES, protocols, primary, 7, **{"n_canaries": 3, **more})


def noise(data: Gathered, seed: int = 0) -> Gathered:
    """Return a data set without any state."""
    table = data.table
    x = noise_like(table.features, table.run, table.recording, np.random.default_rng(seed), 0.5)
    return replace(data, table=replace(table, features=x))


def test_every_detector_answers_and_can_be_stored():
    """All names, in their order, as JSON and back."""
    found = looked_at(gathered(), HONEST)
    assert [f.name for f in found[:9]] == [
        "canary", "time index", "early against late", "file identity", "nearness to rest", "motor",
        "audible clip", "filter settings", "near-duplicates",
    ]  # fmt: skip
    assert [f.name for f in found[9:]] == [f"overlap across folds: {name}" for name in HONEST]
    assert [wrong for f in found for wrong in unlike_sentences(f.what, f.meaning)] == []
    assert msgspec.json.decode(msgspec.json.encode(found), type=tuple[Finding, ...]) == found


def test_clean_data_raises_no_warning():
    """Noise in files without copies and with one filter: nothing is found."""
    table = table_of(n_people=2, rows=100)
    files = [
        facts_of(name, name[:2], "", eeg(30.0, seed)) for seed, name in enumerate(table.recordings)
    ]
    data = noise(gathered(table, facts=tuple(files)))
    found = looked_at(data, HONEST)
    quiet = [f for f in found if f.name not in ("motor", "audible clip", "time index")]
    assert [f.name for f in quiet if f.found] == []
    assert leaks.warnings(quiet) == ()


@pytest.mark.parametrize("n_copies", [1, 2])
def test_copies_are_found_in_facts_and_splits(n_copies):
    """Two people who share a file: it is found, and that it stands on two sides of a split."""
    table = table_of(n_people=2, n_units=4, rows=40)
    files = [eeg(25.0, seed) for seed in range(len(table.recordings))]
    half = len(files) // 2
    for i in range(n_copies):
        files[half + 1 + i] = 3.0 * files[1 + i][RATE:]
    facts = tuple(
        facts_of(name, name[:2], "", samples)
        for name, samples in zip(table.recordings, files, strict=True)
    )
    found = looked_at(gathered(table, facts=facts), ("leave-one-person-out", "within"))
    same = named(found, "near-duplicates")
    assert same.found
    assert len(same.details) == n_copies
    assert "p0 = p1" in same.meaning
    across = named(found, "overlap across folds: leave-one-person-out")
    assert across.found
    assert across.details[0].endswith("stand on two sides of 2 splits")
    assert not named(found, "overlap across folds: within").found
    assert any("hold the same minutes" in text for text in leaks.warnings(found))
    assert [wrong for f in found for wrong in unlike_sentences(f.what, f.meaning)] == []


def test_controls_are_held_against_the_best_candidate():
    """Paired by person: a control as good as the best candidate is found, a worse one is not."""
    primary = scores(
        method("lda", [0.8, 0.7, 0.9, 0.8], "candidate"),
        method("riemann", [0.6, 0.6, 0.6, 0.6], "candidate"),
        method("motor", [0.81, 0.69, 0.91, 0.78]),
        method("time index", [0.5, 0.5, 0.5, 0.5]),
    )
    found = looked_at(gathered(), primary=primary)
    motor = named(found, "motor")
    assert motor.found
    assert "lda, the best candidate, scores 0.80" in motor.what
    assert named(found, "time index").found is False
    audible = named(found, "audible clip")
    assert audible.found is None
    assert audible.what == "Nothing was audible, or it is not known what."
    worse = scores(
        method("lda", [0.8, 0.7, 0.9, 0.8], "candidate"), method("motor", [0.7, 0.61, 0.8, 0.7])
    )
    assert named(looked_at(gathered(), primary=worse), "motor").found is False


def test_one_person_counts_over_units():
    """Without a spread over people the candidate's own error over units stands for it."""
    for score, expected in ((0.77, True), (0.70, False)):
        primary = scores(method("lda", [0.8], "candidate"), method("motor", [score]))
        assert named(looked_at(gathered(), primary=primary), "motor").found is expected


def test_overlap_of_leaky_protocols_is_found_and_not_warned_of():
    """They are leaky by design: what is found stands in the list, not among the warnings."""
    found = looked_at(gathered(), ("random", "fitted"))
    for name in ("random", "fitted"):
        assert named(found, f"overlap across folds: {name}").found
    assert not any("let in" in text for text in leaks.warnings(found))


def test_findings_repeat_and_follow_the_seed():
    """The same seed finds the same; the order of protocols changes nothing."""
    data = gathered()
    one, two = looked_at(data, ("within", "random")), looked_at(data, ("random", "within"))
    assert sorted(one, key=lambda f: f.name) == sorted(two, key=lambda f: f.name)


def test_what_is_under_way_is_told():
    """Shares grow from 0 and stay below 1."""
    seen: list[tuple[float, str]] = []
    looked_at(gathered(), progress=lambda share, what: seen.append((share, what)))
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert shares[-1] < 1.0
    assert seen[0][1] == "canary"


# ------------------------------------------------------------------------------- real recordings


@pytest.mark.long
@needs_eeg
def test_rest_and_arithmetic(rest_rows):
    """Drift, filters and files are warned of; no copy is imagined, the protocol is sound."""
    found = looked_at(rest_rows, ("leave-one-person-out", "within"), n_canaries=4)
    early = named(found, "early against late")
    assert early.found
    assert 0.55 < early.score < 0.67
    filters = named(found, "filter settings")
    assert filters.score == 2.0
    assert "in 0 of 5 people" in filters.what
    stronger, weaker = filters.details
    assert all(f"Subject{n}_{s}" in stronger for n in ("00", "03") for s in (1, 2))
    assert "low-pass 45 Hz" in stronger
    assert all(f"Subject{n}_{s}" in weaker for n in ("01", "02", "05") for s in (1, 2))
    assert "nothing declared" in weaker
    assert "by design" in named(found, "file identity").meaning
    assert named(found, "near-duplicates").found is False
    assert named(found, "canary").found is False
    assert named(found, "overlap across folds: within").found is False
    assert len(leaks.warnings(found)) == 3


@pytest.mark.long
@needs_eeg
def test_muse_states(muse_rows):
    """File identity is decodable, the copy is found and leaks, filters are one."""
    found = looked_at(muse_rows, ("leave-one-person-out", "within"), n_canaries=4)
    files = named(found, "file identity")
    assert files.found
    assert 0.65 < files.score < 0.9
    same = named(found, "near-duplicates")
    assert len(same.details) == 1
    assert "name-concentrating-1.csv and subjecta-concentrating-1.csv" in same.details[0]
    assert "name = subjecta" in same.meaning
    assert named(found, "overlap across folds: leave-one-person-out").found
    assert named(found, "filter settings").found is False
    assert named(found, "canary").found is False


@pytest.mark.long
@needs_eeg
def test_different_real_files_keep_their_distance(rest_rows, muse_rows):
    """No pair but the copy comes near what a copy needs, whatever part of the files is taken."""
    easy = [
        facts_of(path.name, "m", "", samples.samples[:, :6], samples.rate)
        for path in sorted((EEG / "enobio8_ssvep").glob("*.easy"))
        if (samples := read(path))
    ]
    for facts, n_copies in ((rest_rows.facts, 0), (muse_rows.facts, 1), (easy, 0)):
        traces = [leaks.trace_of(one) for one in facts]
        found, skipped = pairs_of(traces)
        assert len(found) == n_copies
        assert skipped == 0
        assert all(pair.likeness > 0.95 > LIKE for pair in found)
        assert len(list(combinations(traces, 2))) >= 21

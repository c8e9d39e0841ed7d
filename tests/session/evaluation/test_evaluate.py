"""An evaluation as a whole: resumed, spread, recomputed, refused."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from decoder.methods.candidates import cebra_knn
from decoder.scoring.protocols import protocol
from decoder.settings import TrainingSettings
from rym.errors import UsageError
from session.evaluation import jobs, run
from session.evaluation.conclude import file_decides
from session.evaluation.evaluate import Options, evaluate
from session.evaluation.result import Evaluation
from session.evaluation.show.terminal import in_words
from session.evaluation.verb import as_json, exit_code
from tests.session.evaluation import planted
from tests.session.evaluation.sentences import unlike_sentences

HERE = Path(__file__).resolve().parent
SCORED = HERE / "scored.py"
QUICK = Options(protocols=("leave-one-person-out", "random"), decoders=("lda",))


def process_of(out, workers):
    """Start the small evaluation as a process."""
    return subprocess.Popen([sys.executable, str(SCORED), str(out), str(workers)])


def bytes_of(folder):
    """Return every file's content by its path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def results_in(folder):
    """Return the results of jobs that are there."""
    return list((folder / "work").glob("*.npz"))


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Return the folder of the small evaluation, made by one worker without a stop."""
    out = tmp_path_factory.mktemp("alone") / "out"
    assert process_of(out, 1).wait() == 0
    return out


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """Return an evaluation of planted states and its folder."""
    out = tmp_path_factory.mktemp("quick") / "out"
    table = planted.table_of(n_people=4, n_units=2)
    return evaluate(planted.gathered(table), out, QUICK), out


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Return an evaluation with two candidates, a network and LDA, and its folder."""
    out = tmp_path_factory.mktemp("two") / "out"
    table = planted.table_of(n_people=3, n_units=2)
    options = Options(protocols=("leave-one-person-out", "fitted"), decoders=("cebra-knn", "lda"))
    with pytest.MonkeyPatch.context() as patched:
        quick = cebra_knn(TrainingSettings(steps=4))
        patched.setitem(run.work.catalog.METHODS, quick.name, quick)
        return evaluate(planted.gathered(table), out, options), out


@pytest.mark.long
def test_killed_and_started_again_it_ends_with_the_same_bytes(alone, tmp_path):
    """Two workers, killed while results come in, then let finish: as one worker without a stop."""
    out = tmp_path / "out"
    process = process_of(out, 2)
    while len(results_in(out)) < 2:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / "evaluation.json").exists()
    before = {path: path.stat().st_mtime_ns for path in results_in(out)}
    assert process_of(out, 2).wait() == 0
    assert bytes_of(out) == bytes_of(alone)
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items())


def test_a_damaged_result_is_made_again(alone):
    """A result that was cut is no result."""
    before = bytes_of(alone)
    cut = results_in(alone)[0]
    cut.write_bytes(cut.read_bytes()[:40])
    assert process_of(alone, 1).wait() == 0
    assert bytes_of(alone) == before


@pytest.mark.long
def test_dask_gives_the_same_results(tmp_path):
    """Two workers of a dask cluster on this machine do as one process does."""
    pytest.importorskip("distributed", reason="distributed is not installed")
    table = planted.table_of(n_people=2, n_units=4)
    setup = jobs.Setup(0.75, 0.0, "person", "permuted units")
    laid = [jobs.Laid(table, protocol(name), setup) for name in ("within", "leave-one-person-out")]
    planned = jobs.plan(laid, [run.work.catalog.of("lda")], "code")
    run.carry_out(table, setup, planned, tmp_path / "one", workers=1)
    run.carry_out(table, setup, planned, tmp_path / "dask", workers=2, backend="dask")
    found = bytes_of(tmp_path / "one")
    assert len(found) == len(planned)
    assert bytes_of(tmp_path / "dask") == found


def recomputed(out, protocol_name, method):
    """Return score, interval, null's 95 % and p, by the script of docs/evaluation.md."""
    text = (HERE.parents[2] / "docs/evaluation.md").read_text(encoding="utf-8")
    script = text.partition("```python\n")[2].partition("```")[0]
    printed = subprocess.run(
        [sys.executable, "-c", script, str(out), protocol_name, method],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [float(number) for number in printed.split()]


@pytest.mark.parametrize("method", ["lda", "time index"])
def test_numbers_follow_from_what_is_stored(quick, method):
    """The script of the docs gives what evaluation.json says."""
    found, out = quick
    first = next(p for p in found.protocols if p.name == "leave-one-person-out")
    said = next(m for m in first.decoders if m.name == method)
    low, high = said.interval
    expected = [said.balanced_accuracy, low, high, said.null.null_95, said.null.p]
    assert recomputed(out, first.name, method) == pytest.approx(expected, abs=1e-12)


def test_the_score_to_quote_follows_from_what_is_stored(two):
    """Where the verdict rests, every fold's candidate is named, and the script gives its score."""
    found, out = two
    first, other = found.protocols
    assert (first.primary, other.nested) == (True, None)
    quoted = first.nested
    assert sum(one.n_folds for one in quoted.chosen) == first.n_folds
    assert recomputed(out, first.name, "nested") == pytest.approx(
        [quoted.balanced_accuracy, *quoted.interval], abs=1e-12
    )
    named = ", ".join(f"{one.name} in {one.n_folds} of 3" for one in quoted.chosen)
    screen = " ".join(in_words(found).split())
    assert f"to quote {quoted.balanced_accuracy:.2f} (chance 0.50" in screen
    assert named in screen


def test_where_there_is_one_candidate_nothing_is_chosen(quick):
    """The score is that of the candidate, and nothing else is quoted."""
    found, out = quick
    assert all(protocol.nested is None for protocol in found.protocols)
    assert "to quote" not in in_words(found)
    assert not list(out.rglob("nested.npz"))


def test_what_is_written_is_what_was_found(quick):
    """evaluation.json holds the evaluation, number for number."""
    found, out = quick
    assert msgspec.json.decode((out / "evaluation.json").read_bytes(), type=Evaluation) == found


def test_planted_states_are_found_but_few_people_prove_nothing(quick):
    """The score is high, and the verdict unclear with the number of relabelings."""
    found, _ = quick
    lda = next(m for p in found.protocols for m in p.decoders if p.primary and m.name == "lda")
    assert lda.balanced_accuracy > 0.8
    assert lda.null.n_relabelings == "16"
    assert found.verdict == "unclear"
    assert "16 relabelings" in found.why
    assert exit_code(found) == 3


def test_more_people_prove_it(tmp_path):
    """Three people with two units of every state: above chance, no control, exit code 0."""
    table = planted.table_of(n_people=3, n_units=4)
    options = QUICK._replace(protocols=("leave-one-person-out",))
    found = evaluate(planted.gathered(table), tmp_path, options)
    assert found.verdict == "follows"
    assert exit_code(found) == 0


def test_draws_that_score_somebody_not_do_not_count_against_the_others(tmp_path, monkeypatch):
    """Nine seconds of own data hold two states under some relabelings only; the score is found."""
    planted.draw_few(monkeypatch)
    table = planted.table_of(n_people=8, n_units=8, strength=2.0)
    options = Options(protocols=("calibrate",), decoders=("lda",), minutes=0.15)
    found = evaluate(planted.gathered(table, primary="calibrate"), tmp_path, options)
    assert (found.protocols[0].name, found.verdict) == ("calibrate", "follows")


def test_noise_is_chance(tmp_path):
    """Without a state in the features the exit code is that of chance."""
    table = planted.table_of(n_people=3, n_units=4, strength=0.0)
    options = Options(protocols=("leave-one-person-out",), decoders=("lda",))
    found = evaluate(planted.gathered(table), tmp_path, options)
    assert found.verdict in ("guessing", "unclear")
    assert exit_code(found) == 3


def test_a_leaky_protocol_is_marked_wherever_it_is_shown(quick):
    """Terminal and JSON say LEAKY; no null is drawn."""
    found, out = quick
    leaky = next(p for p in found.protocols if p.name == "random")
    assert leaky.leaky
    assert leaky.verdict == "LEAKY"
    assert all(m.null.kind == "not run" for m in leaky.decoders)
    assert "LEAKY random" in in_words(found)
    shown = as_json(found, [out])["protocols"]
    assert {p["name"]: p["leaky"] for p in shown} == {"leave-one-person-out": False, "random": True}


def test_the_terminal_shows_every_score_beside_chance(quick):
    """Each protocol's head names chance, each method has a row, controls a star."""
    found, _ = quick
    text = in_words(found)
    assert "SIMULATED" in text
    assert text.count("chance 0.50") >= 2
    for method in found.protocols[0].decoders:
        star = " *" if method.kind == "control" else ""
        assert f"  {method.name}{star} " in text


def test_whatever_is_told_is_told_in_sentences(quick):
    """Every finding, warning and reason begins with a capital and ends with a full stop."""
    found, _ = quick
    told = [words for leak in found.leaks for words in (leak.what, leak.meaning)]
    told += [found.why, *found.warnings, *(p.what for p in found.protocols)]
    told += [p.why for p in found.protocols]
    assert len(found.leaks) == 11
    assert unlike_sentences(*told) == []


def test_networks_have_no_null_unless_it_is_asked_for():
    """`fast`: none; `full`: the primary protocol only, as many draws as were said."""
    table = planted.table_of(n_people=4, n_units=4)
    cebra = run.work.catalog.of("cebra-knn")
    setup = jobs.Setup(0.75, 0.0, "person", "permuted units", primary="within", n_full=7)
    within = jobs.Laid(table, protocol("within"), setup)
    other = jobs.Laid(table, protocol("leave-one-person-out"), setup)
    assert within.drawn(cebra) == ()
    full = setup._replace(nulls="full")
    within.setup = other.setup = full
    assert len(within.drawn(cebra)) == 7
    assert other.drawn(cebra) == ()


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"seed": 1}, False),
        ({"smoothing": 2.0}, False),
        ({"primary": "leave-one-person-out"}, True),
        ({"nulls": "full"}, True),
    ],
)
def test_a_result_is_known_by_what_it_follows_from(change, same):
    """Keys change with seed and purge, not with what is asked for beside."""
    table = planted.table_of(n_people=2, n_units=4)
    lda = run.work.catalog.of("lda")
    setup = jobs.Setup(0.75, 0.0, "person", "permuted units")

    def keys(of, setup, code="code"):
        return [
            job.key for job in jobs.plan([jobs.Laid(of, protocol("within"), setup)], [lda], code)
        ]

    first = keys(table, setup)
    assert (keys(table, setup._replace(**change)) == first) is same
    moved = replace(table, features=table.features + 1e-9)
    assert not set(keys(moved, setup)) & set(first)
    assert not set(keys(table, setup, "other code")) & set(first)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Options(protocols=("withn",)), "'within'"),
        (Options(decoders=("ldaa",)), "'lda'"),
        (Options(protocols=("leave-one-session-out",)), "two sessions"),
        (Options(decoders=("riemann",)), "covariances"),
    ],
)
def test_what_cannot_be_scored_is_one_sentence(tmp_path, options, words):
    """Names that there are not give the nearest known one; what a table lacks is said."""
    table = planted.table_of(n_people=2, n_units=2)
    with pytest.raises(UsageError) as raised:
        evaluate(planted.gathered(table), tmp_path / "out", options)
    assert words in str(raised.value)


def test_data_without_two_states_are_refused(tmp_path):
    """Nothing is told apart where there is one state."""
    table = planted.table_of(n_people=2, n_units=2)
    one = replace(table, usable=table.usable & (table.label == 0))
    with pytest.raises(UsageError, match="1 state"):
        evaluate(planted.gathered(one), tmp_path / "out", Options())


def test_another_data_sets_folder_is_refused_and_left_as_it_is(quick, tmp_path):
    """Neither another data set's evaluation nor a folder of something else is written to."""
    _, out = quick
    before = bytes_of(out)
    with pytest.raises(UsageError, match="planted"):
        evaluate(planted.gathered(sha256="cd" * 32, name="other"), out, QUICK)
    assert bytes_of(out) == before
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="no evaluation"):
        evaluate(planted.gathered(), tmp_path, QUICK)
    assert bytes_of(tmp_path) == {"notes.txt": b"mine"}


def test_file_identity_counts_by_design_where_state_and_file_are_one(tmp_path):
    """One file per state: confounded within a person, and across people if the order is fixed."""
    setup = jobs.Setup(0.75, 0.0, "person", "permuted units")
    across = protocol("leave-one-person-out")
    one_each = planted.table_of(n_people=3, n_units=2, rows=80)
    assert file_decides(jobs.Laid(one_each, protocol("within"), setup))
    assert file_decides(jobs.Laid(one_each, across, setup))
    turned = replace(
        one_each, label=np.where(one_each.person == 1, 1 - one_each.label, one_each.label)
    )
    turned = replace(turned, label=np.where(turned.baseline, -1, turned.label))
    assert not file_decides(jobs.Laid(turned, across, setup))
    several = planted.table_of(n_people=3, n_units=4)
    assert not file_decides(jobs.Laid(several, protocol("within"), setup))

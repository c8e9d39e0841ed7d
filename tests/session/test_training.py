"""Training from a session: calibration only, the same model while the session still runs."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from decoder import model as models
from decoder.settings import DecoderSettings
from rym import messages as m
from rym.clock import ManualClock
from rym.errors import FormatError, SignalError, UsageError
from rym.topics import LABEL, MARKER, PHASE
from session import cli
from session.after import training
from session.after.training import calibration, until_written
from session.folder import Folder
from session.live.lines import from_line, read, to_line


def rows_of(folder: Folder) -> Any:
    """Return the rows that a session would be trained on."""
    record = folder.read()
    settings = msgspec.convert(record.settings["decoder"], DecoderSettings)
    return calibration(folder, record, read(folder), settings)


def spans_of(folder: Folder) -> dict[str, tuple[float, float]]:
    """Return begin and end of every phase but the last."""
    phases = [message.content for message in read(folder).of(PHASE)]
    return {a.name: (a.starts, b.starts) for a, b in pairwise(phases)}


def test_only_rest_and_calibration_are_looked_at(whole_session: Folder) -> None:
    """No row is of the feedback; the z-score is of rest; learned from is calibration alone."""
    rows, spans = rows_of(whole_session), spans_of(whole_session)
    assert rows.usable.sum() > 20
    assert rows.baseline.sum() > 20
    learned = rows.t_last[rows.usable]
    assert learned.min() >= spans["calibration"][0]
    assert learned.max() <= spans["calibration"][1]
    rest = rows.t_first[rows.baseline], rows.t_last[rows.baseline]
    assert rest[0].min() >= spans["rest"][0]
    assert rest[1].max() <= spans["rest"][1]
    assert rows.t_last.max() <= spans["calibration"][1]


def test_no_label_of_the_feedback_counts(session_copy: Folder) -> None:
    """With every key of the feedback changed, the same model comes out."""
    end = spans_of(session_copy)["calibration"][1]

    def changed(line: bytes) -> bytes:
        message = from_line(line)
        if message.id.topic != LABEL.short or message.content.t <= end:
            return line + b"\n"
        content = msgspec.structs.replace(message.content, state="negative")
        return to_line(msgspec.structs.replace(message, content=content))

    lines = session_copy.journal.read_bytes().splitlines()
    session_copy.journal.write_bytes(b"".join(changed(line) for line in lines))
    before = models.load(session_copy.model).id
    out = session_copy.path / "again"
    assert training.train(session_copy, out, ManualClock()).id == before


def test_training_while_the_session_runs_gives_the_model_of_afterwards(
    whole_session: Folder, tmp_path: Path
) -> None:
    """The model that was trained on growing files is the one that the closed files give."""
    live = models.load(whole_session.model).id
    after = training.train(whole_session, tmp_path / "model", ManualClock())
    assert after.id == live
    other = training.train(whole_session, tmp_path / "other", ManualClock(), seed=4)
    assert other.id != live  # the seed stands in the manifest


def test_a_growing_recording_is_read_up_to_its_last_whole_chunk(session_copy: Folder) -> None:
    """Torn anywhere in the feedback, the recording gives the same rows."""
    whole = rows_of(session_copy)
    path = session_copy.xdf()[0]
    data = path.read_bytes()
    for cut in (1, 1000, 5001):
        path.write_bytes(data[:-cut])
        torn = rows_of(session_copy)
        assert np.array_equal(torn.features, whole.features, equal_nan=True)
        assert np.array_equal(torn.label, whole.label)


def test_what_comes_out_is_what_the_conventions_name(whole_session: Folder, tmp_path: Path) -> None:
    """The outcome is the agreed JSON; the folder is complete and loads under its id."""
    said: list[float] = []
    trained = training.train(
        whole_session, tmp_path / "m", ManualClock(), progress=lambda share, _: said.append(share)
    )
    out = msgspec.json.decode(msgspec.json.encode(trained))
    assert {"model", "decoder", "verdict", "scores", "seconds"} <= set(out)
    assert set(out["scores"]["lda"]) == {"balanced_accuracy", "critical_value", "kind"}
    assert models.load(tmp_path / "m").id == trained.id
    assert sorted(p.name for p in (tmp_path / "m").iterdir()) == [
        "memory.npz", "model.json", "weights.safetensors",
    ]  # fmt: skip
    assert said == sorted(said)
    assert said[-1] == 1.0
    assert trained.exit_code == 0


def test_an_existing_model_is_never_overwritten(whole_session: Folder) -> None:
    """The session's own model stays; another folder has to be named."""
    with pytest.raises(FormatError, match="exists already"):
        training.train(whole_session, whole_session.model, ManualClock())


def test_a_half_saved_model_of_before_does_not_hinder(
    whole_session: Folder, tmp_path: Path
) -> None:
    """What a killed training left behind is replaced."""
    (tmp_path / "model.part").mkdir()
    (tmp_path / "model.part" / "model.json").write_text("{")
    training.train(whole_session, tmp_path / "model", ManualClock())
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_one_state_only_is_an_outcome(rehearsal: Callable[[], Any], tmp_path: Path) -> None:
    """A model that says so and answers nothing, with the exit code of chance."""
    session = rehearsal()
    session.phase("rest", 0)
    session.run(4)
    session.phase("calibration", 1)
    session.key("positive")
    session.run(20)
    session.phase("feedback", 2)
    session.run(1)
    trained = training.train(session.end(), tmp_path / "m", ManualClock())
    assert (trained.verdict, trained.decoder, trained.exit_code) == ("guessing", "none", 3)
    assert "two are needed" in trained.why


def test_two_starts_of_the_stream_are_one_calibration(rehearsal: Callable[[], Any]) -> None:
    """Rows come from both recordings; none spans the restart."""
    session = rehearsal()
    session.phase("rest", 0)
    session.run(4)
    session.phase("calibration", 1)
    session.key("positive")
    session.run(8)
    session.start_stream()
    restart = session.clock.now()
    session.run(8)
    session.phase("feedback", 2)
    session.run(1)
    rows = rows_of(session.end())
    assert (rows.t_last < restart).any()
    assert (rows.t_first > restart).any()
    assert not ((rows.t_first < restart) & (rows.t_last > restart)).any()
    assert len(set(rows.run[rows.t_last < restart]) & set(rows.run[rows.t_last > restart])) == 0


def test_a_session_without_calibration_or_signal_is_named(rehearsal: Callable[[], Any]) -> None:
    """What is lacking is said in one sentence."""
    session = rehearsal()
    session.phase("rest", 0)
    session.run(2)
    folder = session.end()
    with pytest.raises(FormatError, match="names the phases rest, but no calibration"):
        rows_of(folder)
    session = rehearsal()
    session.phase("calibration", 0)
    session.run(1.5)
    folder = session.end()
    with pytest.raises(SignalError, match="usable windows"):
        rows_of(folder)
    folder.xdf()[0].unlink()
    with pytest.raises(FormatError, match="There is no recording"):
        rows_of(folder)


def test_it_waits_for_the_journal_but_not_for_ever(rehearsal: Callable[[], Any]) -> None:
    """It goes on as soon as the phase after the calibration is in the journal, or after 3 s."""

    async def waited(folder: Folder, say: Callable[[], None]) -> float:
        clock = ManualClock()
        task = asyncio.create_task(until_written(folder, clock))
        for tick in range(100):
            await asyncio.sleep(0)
            if task.done():
                break
            if tick == 9:
                say()
            clock.advance(0.1)
        assert task.done()
        return clock.now()

    session = rehearsal()
    session.phase("calibration", 0)
    session.run(1)
    assert asyncio.run(waited(session.folder, lambda: None)) == pytest.approx(3.0, abs=0.15)

    def say() -> None:
        session.phase("training", 1)
        session.write()

    assert asyncio.run(waited(session.folder, say)) == pytest.approx(1.0, abs=0.15)


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the training process."""
    command = [sys.executable, "-m", "session.after.training", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.real
def test_the_process_prints_one_object_and_tells_its_progress_aside(
    whole_session: Folder, tmp_path: Path
) -> None:
    """JSON on standard output, progress with the time left on standard error, no traceback."""
    done = call("--session", str(whole_session.path), "--out", str(tmp_path / "m"), "--json")
    assert done.returncode == 0, done.stderr
    trained = msgspec.json.decode(done.stdout, type=training.Trained)
    assert trained.id == models.load(whole_session.model).id
    assert "s left: lda: held-out part 1 of" in done.stderr
    again = call("--session", str(whole_session.path), "--out", str(tmp_path / "m"), "--json")
    assert again.returncode == 1
    assert set(msgspec.json.decode(again.stdout)) == {"error", "remedy"}
    assert "Traceback" not in again.stderr
    wrong = call("--session", str(tmp_path))
    assert wrong.returncode == 2
    assert "is not a session's folder" in wrong.stderr
    assert call("--help").returncode == 0


def test_messages_are_read_with_their_types(whole_session: Folder) -> None:
    """Labels of the journal are labels."""
    assert all(isinstance(x.content, m.Label) for x in read(whole_session).of(LABEL))


def as_markers(folder: Folder, late: int | None = None) -> Folder:
    """Turn a session's keys into hardware markers; the given one of them came late."""
    codes: dict[str, int] = {"positive": 1, "neutral": 2, "negative": 3, "none": 9}
    keys = list(read(folder).of(LABEL))
    lines = folder.journal.read_bytes().splitlines(keepends=True)
    for n, key in enumerate(keys):
        content = m.Marker(
            t=key.content.t, code=codes[key.content.state], note="late" if n == late else ""
        )
        name = m.Identity("stream", 1, MARKER.short, n)
        lines.append(to_line(msgspec.structs.replace(key, id=name, content=content)))
    lines = [x for x in lines if b'"' + LABEL.short.encode() + b'"' not in x]
    folder.journal.write_bytes(b"".join(lines))
    record = folder.read()
    session = {
        "labels": "markers", "codes": [1, 2, 3, 9],
        "longest_trial": 60.0,
    }  # fmt: skip
    settings = {**record.settings, "session": session}
    folder.write(msgspec.structs.replace(record, settings=settings))
    return folder


def test_hardware_markers_label_as_keys_do(session_copy: Folder) -> None:
    """Markers at the keys' times give the keys' labels."""
    keys = rows_of(session_copy)
    markers = rows_of(as_markers(session_copy))
    usable = keys.usable & markers.usable
    assert np.array_equal(markers.label[usable], keys.label[usable])
    assert usable.sum() == keys.usable.sum()
    assert len(set(markers.label[usable].tolist())) == 3


@pytest.mark.fault(21)
def test_a_late_marker_excludes_its_trials_with_the_reason(
    session_copy: Folder, tmp_path: Path
) -> None:
    """Fault 21: what a late marker delimits is not learned from, and training says so."""
    before = int(rows_of(session_copy).usable.sum())
    folder = as_markers(session_copy, late=2)
    assert int(rows_of(folder).usable.sum()) < before
    trained = training.train(folder, tmp_path / "m", ManualClock())
    assert len(trained.excluded) >= 1
    assert all("late" in reason for reason in trained.excluded)


def another_visit(folder: Folder, *, days: float, subject: str = "") -> Folder:
    """Return a copy of a session as one of the same person, so many days later."""
    record = folder.read()
    subject = subject or record.subject
    place = folder.root / f"sub-{subject}" / "ses-other" / folder.path.name
    shutil.copytree(folder.path, place)
    shutil.rmtree(place / "model", ignore_errors=True)
    copy = Folder(place)
    copy.write(
        msgspec.structs.replace(
            record, subject=subject, session="other", started=record.started + 86400 * days
        )
    )
    return copy


def test_earlier_visits_are_added_in_order_of_time(
    session_copy: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    """In whatever order they are named, the model is the newest's, learned from both."""
    newer = another_visit(session_copy, days=7.0)
    alone = models.load(session_copy.model)
    words = ["train", str(newer.path), str(session_copy.path), "--decoder", "lda", "--json"]
    assert cli.main(words) in {0, 3}
    trained = msgspec.json.decode(capsys.readouterr().out, type=training.Trained)
    assert trained.model == str(newer.model)
    assert trained.visits == (str(session_copy.path),)
    assert trained.choice == "lda, as asked for."
    model = models.load(newer.model)
    assert model.manifest.visits == 2
    assert sum(model.manifest.rows) == 2 * sum(alone.manifest.rows)
    assert trained.n_states == 2 * sum(alone.manifest.episodes)


def test_visits_of_two_people_are_not_one(session_copy: Folder, tmp_path: Path) -> None:
    """Somebody else's calibration is refused; so is the same session twice."""
    stranger = another_visit(session_copy, days=-1.0, subject="99")
    with pytest.raises(UsageError, match=r"is of 99, .* is of"):
        training.train(session_copy, tmp_path / "m", ManualClock(), earlier=[stranger])
    with pytest.raises(UsageError, match="named twice"):
        training.by_visit([session_copy.path, session_copy.path])


def test_a_visit_that_was_filtered_otherwise_is_refused(
    session_copy: Folder, tmp_path: Path
) -> None:
    """What the older windows went through is not what the newer did: both are named."""
    newer = another_visit(session_copy, days=1.0)
    record = session_copy.read()
    stream = {**record.settings.get("stream", {}), "conditioning": {"high_pass": 2.0}}
    settings = {**record.settings, "stream": stream}
    session_copy.write(msgspec.structs.replace(record, settings=settings))
    with pytest.raises(SignalError, match=r"An earlier visit was conditioned by '.*', the newest"):
        training.train(newer, tmp_path / "m", ManualClock(), earlier=[session_copy])


@pytest.mark.parametrize("name", ["lda", "riemann"])
def test_a_decoder_can_be_asked_for(whole_session: Folder, tmp_path: Path, name: str) -> None:
    """Whatever the session's settings say, what is asked for is trained, and nothing else."""
    trained = training.train(whole_session, tmp_path / "m", ManualClock(), decoder=name)
    tried = [one for one, score in trained.scores.items() if score.kind == "candidate"]
    assert (trained.decoder, tried) == (name, [name])
    assert "time index" in trained.scores
    assert models.load(tmp_path / "m").manifest.kind == name

"""What the reliability run counts as a problem."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rym import messages as m
from rym import topics
from session.after.analysis import analyse
from session.after.facts import Facts
from session.after.injected import aftermaths
from session.after.page import render
from session.live.lines import Journal, parse, to_line

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "reliability.py"


@pytest.fixture(scope="module")
def bench() -> Any:
    """Return the script as a module; it puts its own path first, which is taken back."""
    before = list(sys.path)
    spec = importlib.util.spec_from_file_location("reliability", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.path[:] = before
    return module


def said(
    topic: topics.Topic, seq: int, content: m.Content, mono: float, *cause: m.Identity
) -> m.Message:
    """Return a message of a topic's service."""
    name = m.Identity(topic.short.partition("/")[0], 1, topic.short, seq)
    meta = m.Meta(wall=0.0, mono=mono, host="h", pid=1)
    return m.Message(id=name, cause=cause, content=content, meta=meta)


def journal(*messages: m.Message) -> Journal:
    """Return them as a journal that was written and read back."""
    return parse(b"".join(to_line(message) for message in messages))


def window(seq: int, t_last: float, mono: float) -> m.Message:
    """Return a window of one second."""
    content = m.Window(
        segment=0, first_sample=0, n_new=125, t_first=t_last - 499 / 500, rate=500.0,
        channels=("Cz",), samples=np.zeros((500, 1), np.float32), bad=(), valid=True, reason="",
    )  # fmt: skip
    return said(topics.WINDOW, seq, content, mono)


def valence(seq: int, t: float, mono: float) -> m.Message:
    """Return an estimate."""
    content = m.Valence(
        t=t, state="unknown", valence=None, probabilities=None, confidence=0.0, reason="no model",
        model="",
    )  # fmt: skip
    return said(topics.VALENCE, seq, content, mono)


def test_the_oldest_of_what_was_shown_is_found(bench: Any) -> None:
    """By each topic when it was published, and by the player when it was taken in."""
    old = valence(1, 10.0, 10.9)
    taken = m.Applied(input=old.id, at=0)
    found = bench.ages(
        journal(
            window(0, 10.0, 10.1),
            window(1, 11.0, 12.4),
            valence(0, 9.0, 9.2),
            old,
            said(topics.APPLIED["player"], 0, taken, 11.5, old.id),
        ),
        [],
    )
    assert found.shown["stream/window"] == pytest.approx(1.4)
    assert found.shown["stream/quality"] == 0.0
    assert found.shown["decoder/valence"] == pytest.approx(0.9)
    assert found.acted == pytest.approx(1.5)


def test_a_clock_that_runs_ahead_hides_no_age(bench: Any) -> None:
    """What is stamped 3600 s too late and comes 2 s after it was taken is 2 s old."""
    ahead = journal(window(0, 3610.0, 12.0), window(1, 13.0, 13.1))
    assert bench.ages(ahead, [1.0, 3600.0]).shown["stream/window"] == pytest.approx(2.0)
    assert bench.ages(ahead, []).shown["stream/window"] == pytest.approx(0.1)
    assert bench.ages(journal(), []).acted is None


def test_a_fault_that_was_not_kept_or_not_named_is_a_problem(bench: Any) -> None:
    """Of two alike, one that is missing is missed; the report must have a row for each."""
    tables = bench.settled("faults2min", "")
    script = tables.source.faults
    told = [
        m.Injected(t=100.0 + f.at, kind=bench.kind_of(f), seconds=f.seconds, what=bench.describe(f))
        for f in script
    ]
    log = [said(topics.FAULT, i, fault, fault.t) for i, fault in enumerate(told)]
    whole = analyse(journal(*log).by_topic, Facts())
    html = render(whole, {})
    assert bench.missing(tables, whole, html) == ([], [])
    part = analyse(journal(*log[:-1]).by_topic, Facts())
    assert bench.missing(tables, part, html) == ([f"vanish at {script[-1].at:g} s"], [])
    assert bench.missing(tables, whole, html.replace("drift (", "?"))[1] == ["drift (ppm 200)"]
    jump = next(f for f in script if bench.kind_of(f) == "jump")
    assert bench.jumps_ahead(tables, aftermaths(journal(*log).by_topic, 300.0)) == [jump.by]


def test_memory_that_grows_is_seen(bench: Any) -> None:
    """After the start, per hour, and not at all where a process or a run is too short for that."""
    t = np.arange(0.0, 1800.0, 5.0)
    rows = list(zip(t, np.where(t < 20, 50.0, 100.0 + t / 60), strict=True))
    found = bench.memories({"stream@1": rows, "player@2": rows[:100], "late@3": rows[:5]})
    assert found["stream"].first == pytest.approx(100.0 + 20 / 60)
    assert found["stream"].slope == pytest.approx(60.0)
    assert found["player"].slope is None
    assert "late" not in found

"""What ran, as the parts said it."""

from __future__ import annotations

from typing import Any

import pytest

from rym import messages as m
from rym import topics
from session.after.facts import declared, gather, settings_hash
from session.after.latency import DWELL, OUTPUT, WAIT, fold_budget
from session.folder import Record


def ready(talk: Any, detail: str, **facts: Any) -> None:
    """Let the decoder say that it is ready."""
    content = m.Status(service="decoder", epoch=1, life="ready", detail=detail, version="0",
                       facts=facts, drops={})  # fmt: skip
    talk.say(topics.STATUS["decoder"], content, 1.0)


def record(**tables: Any) -> Record:
    """Return the record of a session with these settings."""
    return Record(subject="a", session="01", task="recall", run=1, started=1.7e9, simulated=False,
                  settings=tables, versions={"rym": "0.1.0", "cebra": ""})  # fmt: skip


def test_the_newest_model_that_was_loaded_speaks(talk: Any) -> None:
    """No model, then two: the last one's verdict and delays stand."""
    ready(talk, "no model", model="")
    ready(talk, "first", model="a", verdict="unclear", delay=9.0)
    ready(talk, "second", model="b", verdict="follows", delay=2.375, half_window=0.5,
          half_field=1.125, smoothing=0.75)  # fmt: skip
    facts = gather(talk.log, record(stream={"hop": 0.25}))
    assert (facts.verdict, facts.verdict_why, facts.delay) == ("follows", "second", 2.375)
    assert {d.name: d.seconds for d in facts.delays} == {
        "middle of the window": 0.5,
        "wait for the next window": 0.125,
        "middle of the rows": 1.125,
        "smoothing": 0.75,
    }


def test_without_record_and_model_nothing_is_made_up() -> None:
    """Empty messages and no record: empty facts."""
    facts = gather({}, None)
    assert (facts.verdict, facts.delay, facts.delays, facts.kind) == ("", None, (), "")


@pytest.mark.parametrize(("sink", "seconds"), [("USB headphones", 0.375), ("null", 0.205)])
def test_the_players_delays_are_named(sink: str, seconds: float) -> None:
    """Ring and device are seconds; dwell and bar are rules, and count as nothing by themselves.

    What `rym check delay` found belongs to a device and says so.
    """
    player = {"dwell": 8.0, "max_changes": 6, "preset": "gentle", "latency": 0.05}
    player["device_delay"] = 0.12
    said = {"depth_ms": 200.0, "limiter_ms": 5.0, "sink": sink}
    found = {d.name: d for d in declared({}, said, {"player": player})}
    assert found[OUTPUT].seconds == pytest.approx(seconds)
    assert ("120 ms measured by rym check delay" in found[OUTPUT].why) == (sink != "null")
    assert found[DWELL].seconds is None
    assert "8 s" in found[DWELL].why
    assert "gentle" in found[WAIT].why
    lines = {line.name: line for line in fold_budget(tuple(found.values()), ())}
    assert lines[DWELL].typical is None
    assert lines[DWELL].why == found[DWELL].why


@pytest.mark.parametrize(
    ("settings", "truth", "kind"),
    [
        ({"kind": "recorded"}, False, "recorded"),
        ({"kind": "pilot"}, False, "pilot"),
        ({}, True, "simulated"),
        ({}, False, ""),
    ],
)
def test_who_wore_the_cap(talk: Any, settings: dict[str, str], truth: bool, kind: str) -> None:
    """The settings say it; without them, a known truth gives the simulation away."""
    if truth:
        talk.truth(1.0, "positive")
    assert gather(talk.log, record(session=settings)).kind == kind


def test_the_hash_of_settings_ignores_their_order() -> None:
    """Same settings, same hash; one changed value, another."""
    a = settings_hash({"x": {"a": 1, "b": 2}, "y": {}})
    assert a == settings_hash({"y": {}, "x": {"b": 2, "a": 1}})
    assert a != settings_hash({"x": {"a": 1, "b": 3}, "y": {}})
    assert len(a) == 64

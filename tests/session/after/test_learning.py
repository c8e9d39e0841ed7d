"""What the report knows of rows learned live, of orders to the memory, and of drift."""

from __future__ import annotations

from typing import Any

import pytest

from rym import messages as m
from rym import topics
from session.after.analysis import analyse
from session.after.facts import Facts, gather
from session.after.summary import cautions, summary
from session.folder import Record
from tests.session.after.lived import SUGGESTION, WHY, drift, learned, order, ready

KNOWS = Facts(decoder="cebra-knn", model="a", verdict="follows")


def feedback(talk: Any, start: float = 0.0, end: float = 60.0) -> None:
    """Let there be feedback, and a player that says so at its end."""
    talk.phase("feedback", 0, start, end)
    talk.phase("ended", 1, end)


def test_rows_are_counted_by_state_and_clip_without_those_taken_back(talk: Any) -> None:
    """Each number counts once; what was taken back is counted apart, of that model alone."""
    feedback(talk)
    for number, (state, clip) in enumerate(
        [("positive", "neutral"), ("positive", "silence"), ("positive", "neutral"),
         ("negative", "positive"), ("negative", "positive")], start=1
    ):  # fmt: skip
        learned(talk, number, 10.0 + number, state, audible=clip, of="a")
    learned(talk, 4, 14.0, "negative", audible="positive", of="a", back=True)
    learned(talk, 4, 40.0, "neutral", of="b")
    one = analyse(talk.log, KNOWS).learning
    assert one.rows() == 5
    assert one.rows("positive") == 3
    assert one.rows("positive", "neutral") == 2
    assert one.rows("positive", "silence") == 1
    assert one.rows("negative") == 1
    assert one.n_taken_back == 1
    assert one.why_none == ""
    found = summary(analyse(talk.log, KNOWS), {})["learning"]
    assert found["rows"] == {"negative": 1, "neutral": 1, "positive": 3}
    assert found["taken_back"] == 1
    assert found["why_none"] is None


def test_orders_are_told_with_what_came_of_them(talk: Any) -> None:
    """Carried out, refused with the decoder's own words, never taken in; other orders are none."""
    ready(talk, 0.0, "a")
    order(talk, 1.0, "freeze")
    order(talk, 2.0, "thaw")
    order(talk, 3.0, "roll-back", "dawn", refused="There is no state 'dawn'.")
    order(talk, 7.0, "undo", "30")
    order(talk, 8.0, "mark", "noon", taken=False)
    order(talk, 9.0, "load-model", "/somewhere")
    asked = analyse(talk.log, KNOWS).learning.orders
    assert [(x.action, x.value, x.taken, x.refused) for x in asked] == [
        ("freeze", "", True, ""),
        ("thaw", "", True, ""),
        ("roll-back", "dawn", True, "There is no state 'dawn'."),
        ("undo", "30", True, ""),
        ("mark", "noon", False, ""),
    ]
    assert summary(analyse(talk.log, KNOWS), {})["learning"]["refused_orders"] == 1


def test_an_order_that_was_sent_again_counts_once(talk: Any) -> None:
    """It is repeated until it is taken in, under one identity."""
    order(talk, 1.0, "freeze")
    order(talk, 2.0, "thaw")
    talk.log["session/command"] *= 2
    talk.log["decoder/applied"] *= 2
    assert len(analyse(talk.log, KNOWS).learning.orders) == 2


@pytest.mark.parametrize(
    ("facts", "asked", "words"),
    [
        (Facts(), (), "no model"),
        (Facts(decoder="lda"), (), "lda has no memory"),
        (Facts(decoder="cebra-knn", frozen=True), (), "frozen, as the settings ask"),
        (Facts(decoder="cebra-knn", frozen=True), ("thaw",), "No key was held"),
        (Facts(decoder="cebra-knn"), ("thaw", "freeze"), "frozen by an order"),
        (Facts(decoder="cebra-knn"), (), "No key was held"),
    ],
)
def test_why_nothing_was_learned_is_one_sentence(
    talk: Any, facts: Facts, asked: tuple[str, ...], words: str
) -> None:
    """The first of: no model, no memory, frozen (the newest order counts), no key held."""
    feedback(talk)
    for k, action in enumerate(asked):
        order(talk, 1.0 + k, action)
    talk.label(5.0, "none")
    why = analyse(talk.log, facts).learning.why_none
    assert words in why
    assert why.count(". ") == 0


def test_keys_under_one_clip_are_told_as_such(talk: Any) -> None:
    """A loop that always plays what is pressed teaches nothing; silence is a clip of its own."""
    feedback(talk)
    talk.label(0.0, "positive")
    talk.label(30.0, "negative")
    for t in range(61):
        talk.played(48_000 * t, "positive" if t < 30 else "negative", float(t), ahead=0.0)
    assert "one clip only" in analyse(talk.log, KNOWS).learning.why_none
    for t in range(61, 90):
        talk.played(48_000 * t, "negative", float(t), ahead=0.0, level_db=-120.0)
    talk.phase("feedback", 2, 60.0, 90.0)
    assert "cannot be told" in analyse(talk.log, KNOWS).learning.why_none


def test_without_feedback_that_is_the_reason(talk: Any) -> None:
    """A session that was cut short before it is told so."""
    talk.phase("calibration", 0, 0.0, 60.0)
    assert "There was no feedback" in analyse(talk.log, KNOWS).learning.why_none


def test_drift_is_told_and_the_newest_of_each_measure_is_a_warning(talk: Any) -> None:
    """All flags stand in the summary, in order of time; the last screen is given one a measure."""
    feedback(talk, 100.0, 400.0)
    for t, measure in ((300.0, "distance"), (150.0, "distance"), (200.0, "balance")):
        drift(talk, t, measure)
    a = analyse(talk.log, KNOWS)
    assert [x.t for x in a.learning.drifts] == [150.0, 200.0, 300.0]
    assert cautions(a) == (
        f"Drift of the distance to what is remembered, found at 3:20. {SUGGESTION}",
        f"Drift of the balance of the answers, found at 1:40. {SUGGESTION}",
    )
    found = summary(a, {})["learning"]["drift"]
    assert [x["at_s"] for x in found] == [50.0, 100.0, 200.0]
    assert found[0]["measure"] == "distance"
    assert found[0]["suggestion"] == SUGGESTION


def test_novel_moments_count_in_feedback_alone(talk: Any) -> None:
    """Two of four are novel; what came before feedback is not counted; none is no share."""
    feedback(talk, 10.0, 20.0)
    assert analyse(talk.log, KNOWS).learning.novel is None
    for t in (5.0, 11.0, 12.0, 13.0, 14.0):
        content = m.Latent(t=t, point=(0.0, 0.0, 0.0), distance=None, novel=t < 12.5, model="a")
        talk.say(topics.LATENT, content, t)
    one = analyse(talk.log, KNOWS).learning
    assert (one.n_moments, one.n_novel, one.novel) == (4, 2, 0.5)


def test_the_facts_name_the_decoder_its_model_and_whether_it_began_frozen(talk: Any) -> None:
    """From what the decoder said when it was ready, and from the settings as run."""
    ready(talk, 0.0, "0123", WHY)
    settings = {"decoder": {"learning": {"frozen": True}}}
    record = Record(subject="sim", session="01", task="recall", run=1, started=1.7e9,
                    simulated=True, settings=settings)  # fmt: skip
    facts = gather(talk.log, record)
    assert (facts.decoder, facts.model, facts.frozen) == ("cebra-knn", "0123", True)
    assert not gather(talk.log, None).frozen


def test_a_lost_word_of_the_decoder_hides_no_latent_space(talk: Any) -> None:
    """Where moments were placed, a memory answered; the newest one's model is the one."""
    for t, of in ((1.0, "a"), (2.0, "b")):
        content = m.Latent(t=t, point=(0.0, 0.0, 0.0), distance=None, novel=False, model=of)
        talk.say(topics.LATENT, content, t)
    facts = gather(talk.log, None)
    assert (facts.decoder, facts.model) == ("cebra-knn", "b")
    ready(talk, 3.0, "c", kind="lda")
    facts = gather(talk.log, None)
    assert (facts.decoder, facts.model) == ("lda", "c")

"""The picture of the latent space and what is said of live learning, as a reader finds them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from decoder import model as models
from decoder.latent import view_of
from rym import messages as m
from rym import topics
from session.after import latent_page, report
from session.after.analysis import analyse
from session.after.facts import Facts
from session.after.latent import Moments, moments
from session.after.learning import Lesson
from session.after.remembered import remembered
from tests.session.after.conftest import Story
from tests.session.after.lived import FEEDBACK, WHY, learned, lived, memory, model
from tests.session.after.test_report import make, seen

MODEL = model()


def marks(drawing: str) -> int:
    """Return how many marks a drawing's outlines have."""
    return sum(path.count("M") for path in re.findall(r'<path d="([^"]*)"', drawing))


def at(talk: Any, t: float, x: float = 0.0, *, of: str = "a", novel: bool = False) -> None:
    """Place one moment in the view."""
    content = m.Latent(t=t, point=(x, 0.0, 0.0), distance=0.1, novel=novel, model=of)
    talk.say(topics.LATENT, content, t)


def taken(talk: Any, lessons: tuple[Lesson, ...] = (), of: str = "a") -> Moments:
    """Return the moments of a journal with feedback from 0 to 100 s."""
    talk.phase("feedback", 0, 0.0, 100.0)
    talk.phase("ended", 1, 100.0)
    return moments(talk.log, analyse(talk.log, Facts()).phases, lessons, of, 0.5)


def test_moments_are_coloured_by_the_key_that_reports_them(talk: Any) -> None:
    """The key half a second later, as when learning; where none was ever held, the estimate."""
    for t in (1.0, 2.0, 3.0):
        at(talk, t)
        talk.valence(t, (0.8, 0.1, 0.1))
    assert taken(talk)[1:3] == (("negative",) * 3, False)
    talk.label(2.4, "positive")
    assert taken(talk)[1:3] == (("none", "positive", "positive"), True)


def test_moments_without_key_or_estimate_are_not_known(talk: Any) -> None:
    """An estimate of another moment colours nothing."""
    for t in (1.0, 2.0):
        at(talk, t)
    talk.valence(1.5, (0.8, 0.1, 0.1))
    assert taken(talk).states == ("unknown", "unknown")


def test_learned_moments_are_those_that_stayed_of_the_same_model(talk: Any) -> None:
    """Taken back, or of another model: not marked."""
    for t in (1.0, 2.0, 3.0):
        at(talk, t)
    at(talk, 4.0, of="b", novel=True)
    rows = tuple(
        Lesson(t=t, state="positive", audible="neutral", model=of, taken_back=back)
        for t, of, back in ((1.0, "a", False), (2.0, "a", True), (3.0, "b", False))
    )
    found = taken(talk, rows)
    assert found.learned.tolist() == [True, False, False]
    assert not found.novel.any()
    assert taken(talk, rows, of="").novel.tolist() == [True], "of the newest model"


def test_remembered_rows_lie_where_the_decoder_s_view_puts_them() -> None:
    """The same bits as the view of the model's memory; their states in the same order."""
    rows = remembered(MODEL)
    assert rows is not None
    assert MODEL.memory is not None
    arrays = MODEL.memory.arrays()
    expected = view_of(MODEL.memory).points(arrays["embedding"])
    assert rows.points.tobytes() == expected.tobytes()
    assert rows.states == tuple(m.AFFECTS[i] for i in arrays["label"])


@pytest.mark.parametrize(("rows", "axes"), [((90, 90, 90), (0, 1)), ((90, 0, 0), (0, 1))])
def test_the_share_that_is_shown_is_that_of_the_drawn_axes(
    rows: tuple[int, int, int], axes: tuple[int, int]
) -> None:
    """Between three states all of it; of all rows what their variances say; one state has some."""
    found = remembered(model(memory(rows)))
    assert found is not None
    assert found.axes() == axes
    held = memory(rows)
    z = held.arrays()["embedding"]
    between, within = found.shown()
    assert between == pytest.approx(1.0)
    drawn = np.var(found.points[:, axes], axis=0).sum() / np.var(z, axis=0).sum()
    assert within == pytest.approx(drawn)
    assert 0.2 < within < 0.95


def test_a_memory_without_rows_is_nothing_to_draw() -> None:
    """No row, no picture."""
    empty = memory()
    empty.restore({k: v[:0] for k, v in empty.arrays().items() if k != "written"}
                  | {"written": np.zeros(3, np.int64)})  # fmt: skip
    assert remembered(model(empty)) is None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the folder of a session in which a memory learned."""
    story = Story()
    story.tell()
    lived(story, MODEL)
    place = make(tmp_path_factory.mktemp("root"), story.talk.log)
    models.save(MODEL, place.model)
    return place


def part(html: str, title: str) -> str:
    """Return one section of a page."""
    (found,) = re.findall(rf"<section><h2>{title}</h2>.*?</section>", html)
    return str(found)


def test_the_section_draws_and_says_what_it_cannot_show(folder: Any) -> None:
    """One drawing with its words for those who do not see it; how to read it; the shares."""
    html = report.write(folder).read_text()
    words, tags = seen(part(html, "Latent space"))
    assert "svg" in tags
    assert 'aria-label="Latent space' in html
    for said in (
        "440 rows of the calibration are remembered", "300 moments of feedback",
        "are coloured by the key that was held", "proves nothing",
        "only scores of held-out parts do",
        "the two axes hold 100 %", "dark rim: learned", "ring: novel",
    ):  # fmt: skip
        assert said in words, said
    assert len(part(html, "Latent space")) < 200_000


def test_the_report_tells_what_was_learned_asked_and_found(folder: Any) -> None:
    """Rows per state and clip, what was taken back, orders with the refusal, drift in words."""
    html = report.write(folder).read_text()
    words, _ = seen(part(html, "Learned while it ran"))
    for said in (
        "heard: silence", "1 more was taken back", "10 of 300 moments of feedback (3 %)",
        "name this state “before”", "take back the last 30 s", "refused: There is no state",
        "distance to what is remembered", "level of the features", "0.50 → 0.91",
        "a person decides",
    ):  # fmt: skip
        assert said in words, said
    told = report.finish(folder)
    assert told["learning"]["rows"]["positive"] > 1
    assert sum("Drift of the" in warning for warning in told["warnings"]) == 2


def test_agreement_with_keys_that_were_learned_from_is_told_as_such(
    folder: Any, tmp_path: Path
) -> None:
    """In the card, in the section and as a warning; nowhere where nothing was learned."""
    words, _ = seen(report.write(folder).read_text())
    for said in ("Perhaps flattered: the decoder learned", "learned from the feedback's own keys",
                 "proves nothing either", "33 rows were learned from the keys"):  # fmt: skip
        assert said in words, said
    assert "nothing of the feedback was used" not in words
    story = Story()
    words, _ = seen(report.write(make(tmp_path, story.tell())).read_text())
    assert "nothing of the feedback was used by the decoder" in words
    assert "flatter" not in words.lower()


def test_a_refused_order_does_not_stand_in_for_the_verdict_s_reason(folder: Any) -> None:
    """The decoder's newest words are a refusal; the gate still gives its own reason."""
    words, _ = seen(report.write(folder).read_text())
    gate = words[words.index("The gate") : words.index("Agreement in feedback")]
    assert WHY in gate
    assert "There is no state" not in gate


def test_a_drawing_is_bounded_however_long_the_session(talk: Any) -> None:
    """Eight hours of moments and a full memory: 2000 marks and the legend's, 200 kB."""
    n = 115_000
    rng = np.random.default_rng(0)
    flags = rng.random(n) < 0.5
    found = Moments(rng.normal(size=(n, 3)), ("positive",) * n, True, flags, ~flags)
    rows = remembered(model(memory((3400, 3400, 3400))))
    assert rows is not None
    drawing = latent_page.drawn(rows, found)
    assert 1500 < marks(drawing) <= 2000 + 6
    assert len(drawing) < 200_000


def test_a_decoder_without_latent_space_gets_one_sentence(talk: Any) -> None:
    """Of LDA, and of no model, nothing is drawn."""
    for facts, words in ((Facts(decoder="lda"), "decoder lda has no latent space"),
                         (Facts(), "There was no model")):  # fmt: skip
        html = latent_page.render(analyse(talk.log, facts), talk.log)
        assert words in seen(html)[0]
        assert "svg" not in html
        assert part(html, "Latent space").count("<p") == 1
        assert part(html, "Learned while it ran").count("<p") == 1


def test_without_the_model_s_folder_moments_are_drawn_alone(talk: Any) -> None:
    """That the calibration is not drawn is said; with neither, nothing is."""
    facts = Facts(decoder="cebra-knn", model="a")
    empty = latent_page.render(analyse(talk.log, facts), talk.log)
    assert "Nothing can be drawn" in seen(empty)[0]
    talk.phase("feedback", 0, 0.0, 10.0)
    for t in (1.0, 2.0):
        at(talk, t, t)
    learned(talk, 1, 1.0, "positive", of="a")
    html = latent_page.render(analyse(talk.log, facts), talk.log)
    words, tags = seen(html)
    assert "svg" in tags
    assert "its rows are not drawn" in words
    assert "2 moments of feedback are coloured by what was estimated" in words
    assert "; none was novel" in words
    assert "1 row learned from held keys stayed." in words


def test_a_calibration_without_feedback_is_drawn_alone(talk: Any) -> None:
    """No moment was placed: that is said, and the rows stand there."""
    facts = Facts(decoder="cebra-knn", model=MODEL.id, remembered=remembered(MODEL))
    words, tags = seen(latent_page.render(analyse(talk.log, facts), talk.log))
    assert "svg" in tags
    assert "No moment of feedback was placed among them." in words


def test_a_folder_of_another_model_is_not_mixed_in(folder: Any, tmp_path: Path) -> None:
    """Rows of a model that did not answer lie in another view: they are not drawn."""
    story = Story()
    story.tell()
    lived(story, MODEL)
    place = make(tmp_path, story.talk.log)
    models.save(model(memory((50, 50, 50))), place.model)
    words, _ = seen(part(report.write(place).read_text(), "Latent space"))
    assert "its rows are not drawn" in words
    assert "300 moments" in words


def test_a_damaged_model_is_a_warning_and_no_end(tmp_path: Path) -> None:
    """The report is written, says what is wrong with the folder, and draws the moments."""
    story = Story()
    story.tell()
    lived(story, MODEL)
    place = make(tmp_path, story.talk.log)
    models.save(MODEL, place.model)
    (place.model / models.MEMORY).write_bytes(b"nothing")
    told = report.finish(place)["warnings"]
    assert any("SHA-256" in words for words in told)
    assert "its rows are not drawn" in place.report.read_text()


def test_the_moments_of_feedback_are_all_that_the_story_placed() -> None:
    """Each window of feedback that was answered is one moment, at its own time."""
    story = Story()
    story.tell()
    lived(story, MODEL)
    found = moments(story.talk.log, analyse(story.talk.log, Facts()).phases, (), MODEL.id, 0.5)
    n = sum(FEEDBACK[0] <= x.content.t < FEEDBACK[1] for x in story.talk.log["decoder/valence"])
    assert len(found.points) == n == 300

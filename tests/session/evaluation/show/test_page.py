"""The evaluation's page as its reader finds it."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from itertools import product
from typing import Any

import msgspec
import pytest
from defusedxml import ElementTree
from hypothesis import given, settings
from hypothesis import strategies as st

from session.evaluation.result import Evaluation, Finding
from session.evaluation.show import page, told
from tests.session.evaluation import builders
from tests.session.test_words import complaint

VOID = {"meta", "br"}


class Reader(HTMLParser):
    """Collects the visible words in order and checks that every tag is closed where it must be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        """Open a tag."""
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost tag, which must be this one."""
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        """Note a tag that closes itself."""
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        """Keep words that people see."""
        if "style" not in self.open:
            self.words.append(data)


def seen(html: str) -> tuple[str, set[str]]:
    """Return a page's visible words and its tags."""
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    return " ".join(" ".join(reader.words).split()), reader.tags


def drawings(html: str) -> list[str]:
    """Return the SVG drawings of a page."""
    return re.findall(r"<svg .*?</svg>", html, flags=re.DOTALL)


def sections(html: str) -> dict[str, str]:
    """Return the page's sections by their title."""
    parts = re.findall(r"<section.*?</section>", html, flags=re.DOTALL)
    return {re.findall(r"<h2[^>]*>(.*?)</h2>", part)[0]: part for part in parts}


ODD = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), min_size=1, max_size=14)
STATES = st.lists(ODD, min_size=2, max_size=4, unique=True)
HONEST = ["within", "leave-one-episode-out", "leave-one-person-out", "calibrate", "prequential"]
PROTOCOLS = st.lists(st.sampled_from(HONEST + list(builders.LEAKY)), max_size=4, unique=True)
METHODS = st.lists(
    st.sampled_from([*builders.CANDIDATES, *builders.CONTROLS]), max_size=5, unique=True
)
VERDICTS = st.sampled_from(["follows", "unclear", "guessing", "LEAKY", "confounded by EMG"])

EVALUATIONS = st.builds(
    builders.evaluation,
    n_people=st.integers(1, 30),
    states=STATES,
    protocols=PROTOCOLS,
    methods=METHODS,
    drawn=st.booleans(),
    changes=st.booleans(),
    embedded=st.booleans(),
    simulated=st.booleans(),
    verdict=VERDICTS,
    name=ODD,
    warnings=st.lists(ODD, max_size=2),
    seed=st.integers(0, 99),
)


@settings(max_examples=40, deadline=None)
@given(EVALUATIONS)
def test_every_evaluation_becomes_a_whole_page(evaluation: Evaluation) -> None:
    """Tags close where they must, drawings are XML, every number in them is finite."""
    html = page.render(evaluation)
    words, tags = seen(html)
    assert not tags & {"script", "link", "img", "iframe"}
    assert " ".join(evaluation.data.name.split()) in words
    for drawing in drawings(html):
        root = ElementTree.fromstring(drawing)
        assert root.get("role") == "img"
        assert root.get("aria-label")
        names = [child.tag.rpartition("}")[2] for child in root]
        assert names[:2] == ["title", "desc"]
        for element in root.iter():
            for key in ("x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height"):
                assert math.isfinite(float(element.get(key, 0.0)))
            points = element.get("points", "").replace(",", " ").split()
            assert all(math.isfinite(float(value)) for value in points)


@settings(max_examples=30, deadline=None)
@given(EVALUATIONS)
def test_marks_lie_within_their_drawing(evaluation: Evaluation) -> None:
    """No dot, box or word begins outside of the picture."""
    for drawing in drawings(page.render(evaluation)):
        root = ElementTree.fromstring(drawing)
        wide, high = (float(v) for v in str(root.get("viewBox")).split()[2:])
        for element in root.iter():
            for keys, most in ((("x", "x1", "x2", "cx"), wide), (("y", "y1", "y2", "cy"), high)):
                assert all(-0.1 <= float(element.get(key, 0)) <= most + 0.1 for key in keys)


def test_names_cannot_break_out_of_the_page() -> None:
    """What files are called is written, never obeyed."""
    evil = '"><script>alert(1)</script>'
    finding = Finding(name=evil, found=True, score=None, critical=None, what=evil, meaning=evil)
    html = page.render(
        builders.evaluation(name=evil, states=(evil, "rest"), warnings=(evil,), leaks=(finding,))
    )
    words, tags = seen(html)
    assert "script" not in tags
    assert words.count("alert(1)") >= 5
    assert len(drawings(html)) > 10


def test_the_verdict_comes_first_then_warnings_then_pictures() -> None:
    """Whoever stops after the first screen has what matters."""
    html = page.render(builders.evaluation())
    titles = list(sections(html))
    assert titles[:3] == ["The verdict", "Warnings", "Leaks that were looked for"]
    assert titles[3:7] == ["within", "leave-one-person-out", "paper", "random"]
    assert titles[7:] == ["Latent space", "Leaky minus honest", "How it was done",
                          "How to recompute it"]  # fmt: skip
    assert html.index("What can be believed") < html.index("Warnings")


def test_every_leaky_part_and_figure_is_marked() -> None:
    """LEAKY stands in the section, across each of its drawings, and on no honest drawing."""
    html = page.render(builders.evaluation())
    for title, part in sections(html).items():
        leaky = title in ("paper", "random", "Leaky minus honest")
        assert ('class="leaky"' in part) == leaky
        assert ('<span class="tag">LEAKY</span>' in part) == leaky
        for drawing in drawings(part):
            assert ('class="leakwater' in drawing) == leaky
    assert 'class="best"' not in sections(html)["paper"]
    assert 'class="best"' in sections(html)["within"]


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_data_say_so_on_every_picture(*, simulated: bool) -> None:
    """Banner, title, background and each drawing; real data bear none of it."""
    html = page.render(builders.evaluation(simulated=simulated))
    assert ('<p class="banner"><b>SIMULATED</b>' in html) == simulated
    assert ("<title>SIMULATED: " in html) == simulated
    assert ('<body class="simulated">' in html) == simulated
    found = drawings(html)
    assert len(found) > 10
    assert all(("SIMULATED" in drawing) == simulated for drawing in found)


def test_words_keep_to_the_list_and_scores_stand_beside_chance() -> None:
    """Each sentence, cell and name of drawings is fit to be seen; joined strings, too."""
    for simulated, verdict in product((True, False), ("follows", "confounded by EOG", "LEAKY")):
        html = page.render(builders.evaluation(simulated=simulated, verdict=verdict))
        reader = Reader()
        reader.feed(html)
        wrong = [f"{said}: {words!r}" for words in reader.words if (said := complaint(words))]
        wrong += [words for words in re.findall(r'aria-label="([^"]*)"', html) if complaint(words)]
        assert not wrong, "\n".join(wrong)


def test_the_smallest_cases_have_a_page() -> None:
    """One person, two states, no null, no latent space, no leak check, no warning, no protocol."""
    bare = builders.evaluation(n_people=1, states=("rest", "task"), protocols=("within",),
                               drawn=False, changes=False, embedded=False, warnings=(),
                               leaks=())  # fmt: skip
    html = page.render(bare)
    titles = list(sections(html))
    assert titles == ["The verdict", "Leaks that were looked for", "within", "How it was done",
                      "How to recompute it"]  # fmt: skip
    words = seen(html)[0]
    assert "The true state never changed within a recording." in words
    assert "one person, 12 units" in words
    assert "None was looked for." in words
    nothing = msgspec.structs.replace(bare, protocols=())
    assert "within" not in sections(page.render(nothing))


def test_numbers_of_pictures_stand_in_tables() -> None:
    """Everybody's score and null can be read without the picture."""
    evaluation = builders.evaluation(n_people=3, protocols=("within",))
    part = sections(page.render(evaluation))["within"]
    words = seen(part)[0]
    for method in evaluation.protocols[0].decoders:
        for person in method.people:
            null = "–" if person.null_95 is None else f"{person.null_95:.2f}"
            assert f"{person.balanced_accuracy:.2f} ({null})" in words


@pytest.mark.parametrize(
    ("verdict", "says"),
    [
        ("follows", "better than guessing"),
        ("unclear", "cannot settle"),
        ("guessing", "no better than guessing"),
        ("LEAKY", "let the answer in"),
        ("confounded by motor", "when a key is held (motor) tells them apart about as well"),
        ("confounded by a new control", "a new control (a new control)"),
    ],
)
def test_verdicts_are_told_in_plain_words(verdict: str, says: str) -> None:
    """Whoever decodes nothing knows what each verdict means."""
    assert says in told.meaning(verdict)
    assert says in seen(page.render(builders.evaluation(verdict=verdict)))[0]


def test_what_is_believed_counts_in_a_hundred_beside_guessing() -> None:
    """The best candidate with a null, not a higher one without, nor a leaky one."""
    evaluation = builders.evaluation(states=("rest", "task"))
    drawn = [m for m in evaluation.protocols[0].decoders if m.name in ("lda", "riemann")]
    top = max(drawn, key=lambda m: m.balanced_accuracy)
    quoted, first, *_ = told.believed(evaluation)
    assert quoted.startswith("The score to quote is ")
    assert f"{top.name} answers about {round(100 * top.balanced_accuracy)} rightly" in first
    assert "guessing gets 50" in first


def test_what_is_not_believed_names_every_reason() -> None:
    """Confound, leaks, leaky scores, missing nulls, no new person."""
    evaluation = builders.evaluation(protocols=("within", "paper"), verdict="confounded by EMG")
    words = " ".join(told.not_believed(evaluation))
    for reason in (
        "muscle tension of forehead and temples (EMG)",
        "marked LEAKY (paper; up to 0.9",
        "for a person it has not learned from",
        "Leak checks that found something: early against late.",
        "not computed for cebra-knn",
        "A single answer is weak evidence",
    ):
        assert reason in words
    calm = " ".join(told.not_believed(builders.evaluation(
        protocols=("leave-one-person-out",), methods=("lda",), leaks=()
    )))  # fmt: skip
    assert "LEAKY" not in calm
    assert "not computed" not in calm
    assert "not learned from" not in calm


def test_what_leaky_protocols_let_in_is_no_news() -> None:
    """A check of a leaky protocol is folded away and not counted against the others."""
    expected = msgspec.structs.replace(builders.FINDINGS[1], name="overlap across folds: random")
    evaluation = builders.evaluation(leaks=(*builders.FINDINGS, expected))
    told_of = next(line for line in told.not_believed(evaluation) if "Leak checks" in line)
    assert "early against late" in told_of
    assert "random" not in told_of
    part = sections(page.render(evaluation))["Leaks that were looked for"]
    before, _, aside = part.partition("Checks of the protocols marked LEAKY")
    assert "overlap across folds: random" not in before
    assert "overlap across folds: random" in aside
    honest = msgspec.structs.replace(expected, name="overlap across folds: within")
    calm = builders.evaluation(leaks=(honest,))
    assert "marked LEAKY</summary>" not in page.render(calm)
    assert any("overlap across folds: within" in line for line in told.not_believed(calm))


@pytest.mark.parametrize(
    ("scores", "says"),
    [((0.9, 0.9, 0.5), "2 of 3 people score"), ((0.5, 0.5, 0.5), "None of 3 people scores")],
)
def test_people_above_their_own_null_are_counted(scores: tuple[float, ...], says: str) -> None:
    """Each against the own null, beside what guessing gives."""
    evaluation = builders.evaluation(n_people=3, protocols=("within",), methods=("lda",))
    (protocol,) = evaluation.protocols
    (method,) = protocol.decoders
    people = tuple(
        msgspec.structs.replace(p, balanced_accuracy=score, null_95=0.6)
        for p, score in zip(method.people, scores, strict=True)
    )
    method = msgspec.structs.replace(method, people=people)
    protocol = msgspec.structs.replace(protocol, decoders=(method,))
    lines = told.believed(msgspec.structs.replace(evaluation, protocols=(protocol,)))
    assert any(line.startswith(says) and "one in 20" in line for line in lines)


def test_too_few_people_are_told_before_any_score() -> None:
    """Five people with one rest and one task each: 32 relabelings, p no smaller than 0.0625."""
    evaluation = builders.evaluation(n_people=5, states=("rest", "task"), protocols=("within",))
    few = msgspec.structs.replace(
        evaluation,
        protocols=tuple(
            msgspec.structs.replace(
                p,
                decoders=tuple(
                    msgspec.structs.replace(
                        m,
                        null=msgspec.structs.replace(
                            m.null, n_relabelings="32", smallest_p=0.0625, complete=True
                        ),
                    )
                    for m in p.decoders
                ),
            )
            for p in evaluation.protocols
        ),
    )
    words = told.not_believed(few)[0]
    assert "can be significant with 5 people" in words
    assert "32 ways only" in words
    assert "p = 0.0625" in words
    assert not any("ways only" in line for line in told.not_believed(evaluation))


def test_only_leaky_protocols_leave_nothing_to_believe() -> None:
    """There is no list of what can be believed."""
    evaluation = builders.evaluation(protocols=("paper", "random"), verdict="LEAKY")
    assert told.believed(evaluation) == []
    html = page.render(evaluation)
    assert "What can be believed" not in html
    assert "no score on this page says anything" in html


def test_how_it_was_done_names_folds_purge_seeds_and_hashes() -> None:
    """What a reviewer asks for stands in two tables."""
    evaluation = builders.evaluation(seed=41)
    words = seen(sections(page.render(evaluation))["How it was done"])[0]
    for said in ("60", "4.75 s", "144", "0.00498", "permuted units, 200 drawn at random",
                 "5d" * 32, "41", "numpy", "2.2.1", "paper (LEAKY)"):  # fmt: skip
        assert said in words
    again = seen(sections(page.render(evaluation))["How to recompute it"])[0]
    assert "predictions/riemann.npz" in again
    assert "nulls/riemann.npz" in again


@pytest.mark.parametrize(
    ("digits", "words"),
    [("32", "32"), ("4096", "4\u202f096"), (str(924**12), "3.8 · 10^35"), ("", "–")],
)
def test_numbers_of_relabelings_can_be_grasped(digits: str, words: str) -> None:
    """Long ones as a power of ten."""
    assert told.big(digits) == words

"""Figures of an evaluation, and what is derived for them."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from defusedxml import ElementTree
from hypothesis import given
from hypothesis import strategies as st

from session.drawing.svg import COLOURS, Canvas
from session.evaluation.result import Curve, Latent, Timing
from session.evaluation.show import curves, derived, figures, plot
from tests.session.evaluation import builders

ROOT = Path(__file__).resolve().parents[4]
SVG = "{http://www.w3.org/2000/svg}"


def tips(drawing: str, tag: str) -> list[str]:
    """Return the tips of all marks of a kind."""
    found = [e.find(f"{SVG}title") for e in ElementTree.fromstring(drawing).iter(f"{SVG}{tag}")]
    return [str(e.text) for e in found if e is not None]


def test_leaky_minus_honest_pairs_what_asks_the_same() -> None:
    """`paper` stands beside leaving a person out, `random` beside `within`; candidates first."""
    evaluation = builders.evaluation()
    found = derived.leaky_minus_honest(evaluation)
    assert {(d.leaky, d.honest) for d in found} == {
        ("paper", "leave-one-person-out"),
        ("random", "within"),
    }
    by = {p.name: {m.name: m for m in p.decoders} for p in evaluation.protocols}
    for d in found:
        leaky, honest = by[d.leaky][d.method], by[d.honest][d.method]
        assert d.difference == leaky.balanced_accuracy - honest.balanced_accuracy
        assert [name for name, _, _ in d.people] == [p.person for p in honest.people]
    kinds = [d.kind for d in found]
    assert kinds == sorted(kinds, key=lambda kind: kind != "candidate")
    assert len(found) == 2 * len(by["within"])


def test_leaky_minus_honest_falls_back_on_the_primary_protocol() -> None:
    """Without the honest twin the primary one; without any honest one, nothing."""
    beside = builders.evaluation(protocols=("calibrate", "within", "paper"))
    assert {d.honest for d in derived.leaky_minus_honest(beside)} == {"calibrate"}
    assert derived.leaky_minus_honest(builders.evaluation(protocols=("paper",))) == ()
    assert derived.leaky_minus_honest(builders.evaluation(protocols=("within",))) == ()


def test_the_best_candidate_has_a_null_where_any_has_one() -> None:
    """A network whose null was not run is quoted only where nothing else could be."""
    rng = np.random.default_rng(0)
    names = ("S01", "S02", "S03")
    high = builders.method(rng, "cebra-knn", names, 2, 0.9, drawn=False)
    low = builders.method(rng, "lda", names, 2, 0.6)
    control = builders.method(rng, "EMG", names, 2, 0.99)
    protocol = builders.protocol(rng, "within", names, 2, methods=())

    def best(*decoders: object) -> object:
        return derived.best(msgspec.structs.replace(protocol, decoders=decoders))

    assert best(high, low, control) is low
    assert best(high, control) is high
    assert best(control) is None


def test_protocols_are_seen_primary_first_and_leaky_last() -> None:
    """Whatever the order in which they were run."""
    names = ("paper", "within", "calibrate", "random")
    evaluation = builders.evaluation(protocols=names)
    assert [p.name for p in derived.in_order(evaluation)] == [
        "within", "calibrate", "paper", "random",
    ]  # fmt: skip
    other = tuple(
        msgspec.structs.replace(p, primary=p.name == "calibrate") for p in evaluation.protocols
    )
    moved = msgspec.structs.replace(evaluation, protocols=other)
    assert [p.name for p in derived.in_order(moved)][:2] == ["calibrate", "within"]
    assert derived.primary(builders.evaluation(protocols=())) is None


@given(st.lists(st.floats(0, 500) | st.just(-1.0) | st.just(math.inf), max_size=30))
def test_delays_that_never_came_are_counted_not_drawn(seconds: list[float]) -> None:
    """Stored as −1 or infinite, they are no delay."""
    came, never = derived.answered(seconds)
    assert len(came) + never == len(seconds)
    assert all(0 <= s < math.inf for s in came)
    assert never == sum(s < 0 or s == math.inf for s in seconds)


def test_colours_of_affects_are_those_of_the_report_and_others_share_none() -> None:
    """Other states look like no affect; colours of a set are all different."""
    assert derived.colours(("positive", "negative")) == (COLOURS["positive"], COLOURS["negative"])
    other = derived.colours(("rest", "arithmetic", "sleep"))
    assert len(set(other)) == 3
    assert not set(other) & set(COLOURS.values())
    assert len(derived.colours([str(i) for i in range(9)])) == 9


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, as contrast is computed from (WCAG 2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


@pytest.mark.parametrize("n_states", [2, 3])
def test_colours_of_other_states_stay_apart_in_grey(n_states: int) -> None:
    """Neighbours differ by lightness, so that no colour vision is needed."""
    found = sorted(luminance(c) for c in derived.PALETTE[:n_states])
    contrasts = [(b + 0.05) / (a + 0.05) for a, b in pairwise(found)]
    assert min(contrasts) > (3.0 if n_states == 2 else 1.4)


def test_everybody_has_a_dot_and_a_null_in_every_band() -> None:
    """One dot per person and method, filled above the own null; a tick where there is a null."""
    rng = np.random.default_rng(3)
    names = tuple(f"S{i}" for i in range(7))
    protocol = builders.protocol(rng, "within", names, 2, methods=("cebra-knn", "lda", "EMG"))
    drawing = figures.people(protocol)
    said = tips(drawing, "circle")
    assert len(said) == 7 * 3
    for method in protocol.decoders:
        for person in method.people:
            assert any(t.startswith(f"{person.person}: {person.balanced_accuracy:.2f}")
                       for t in said)  # fmt: skip
    root = ElementTree.fromstring(drawing)
    fills = [c.get("fill") for c in root.iter(f"{SVG}circle") if c.find(f"{SVG}title") is not None]
    above = [derived.above(p) for m in protocol.decoders for p in m.people]
    assert fills == [figures.LOOKS[a][0] for a in above]
    nulls = [e for e in root.iter(f"{SVG}line") if e.get("stroke") == plot.NULL]
    assert len(nulls) == 2 * (7 + 1) + 1  # two methods with a null, its mean, and the key


def test_a_dot_lies_where_the_axis_says() -> None:
    """Scores 0 and 1 lie on the ends of the axis."""
    rng = np.random.default_rng(0)
    protocol = builders.protocol(rng, "within", ("a", "b"), 2, methods=("lda",))
    (method,) = protocol.decoders
    ends = tuple(
        msgspec.structs.replace(p, balanced_accuracy=float(i)) for i, p in enumerate(method.people)
    )
    method = msgspec.structs.replace(method, people=ends)
    drawing = figures.people(msgspec.structs.replace(protocol, decoders=(method,)))
    dots = [
        float(str(c.get("cx")))
        for c in ElementTree.fromstring(drawing).iter(f"{SVG}circle")
        if c.find(f"{SVG}title") is not None
    ]
    assert dots == [figures.LEFT, figures.RIGHT]


def test_words_of_a_column_never_overlap() -> None:
    """Names and numbers of the methods stand on lines of their own, for 1 to 60 people."""
    for n in (1, 5, 12, 60):
        rng = np.random.default_rng(n)
        names = tuple(f"S{i}" for i in range(n))
        root = ElementTree.fromstring(figures.people(builders.protocol(rng, "within", names, 3)))
        columns: dict[tuple[str, str], list[float]] = {}
        for text in root.iter(f"{SVG}text"):
            place = (str(text.get("x")), str(text.get("text-anchor")))
            columns.setdefault(place, []).append(float(str(text.get("y"))))
        for heights in columns.values():
            assert all(b - a >= 13 for a, b in pairwise(sorted(heights)))


def test_the_dumbbell_says_every_difference() -> None:
    """Both scores and the signed difference of each pair."""
    differences = derived.leaky_minus_honest(builders.evaluation(methods=("lda", "riemann")))
    drawing = figures.dumbbell(differences)
    assert "leakwater" in drawing
    for d in differences:
        assert figures.signed(d.difference) in drawing
        assert f"honest {d.honest_score:.2f}" in drawing
        assert f"leaky {d.leaky_score:.2f}" in drawing
    assert figures.dumbbell(()) == ""
    assert [figures.signed(v) for v in (-0.1, 0.1, 0.001, -0.001)] == [
        "−0.10", "+0.10", "0.00", "0.00",
    ]  # fmt: skip


def test_the_published_figure_stands_alone() -> None:
    """A panel per candidate, a line per person, LEAKY on each; with a style of its own."""
    evaluation = builders.evaluation(simulated=True)
    drawing = figures.published(evaluation)
    root = ElementTree.fromstring(drawing)
    assert "<style>" in drawing
    assert len(re.findall(r'class="leakwater"', drawing)) == 3
    assert "SIMULATED" in drawing
    assert len(tips(drawing, "circle")) == 3 * 12 * 2
    assert root.find(f"{SVG}desc") is not None
    for name in builders.CANDIDATES:
        assert f">{name}<" in drawing
    assert figures.published(builders.evaluation(protocols=("within", "random"))) == ""


def test_the_published_figure_is_written_from_a_finished_evaluation(tmp_path: Path) -> None:
    """One command makes the drawing; where a protocol is missing it writes nothing and says so."""
    source, target = tmp_path / "evaluation.json", tmp_path / "leaky.svg"
    command = [sys.executable, str(ROOT / "tools" / "leaky_figure.py"), str(source), str(target)]
    source.write_bytes(msgspec.json.encode(builders.evaluation(protocols=("within",))))
    assert subprocess.run(command, check=False, capture_output=True).returncode == 1
    assert not target.exists()
    evaluation = builders.evaluation(n_people=3)
    source.write_bytes(msgspec.json.encode(evaluation))
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    assert target.read_text(encoding="utf-8") == figures.published(evaluation) + "\n"


def test_confusion_gives_shares_of_the_true_state() -> None:
    """Each row adds up; a state that never occurred divides by nothing."""
    rng = np.random.default_rng(0)
    method = msgspec.structs.replace(
        builders.method(rng, "lda", ("S01", "S02"), 2, 0.7), confusion=((30, 10), (0, 0))
    )
    drawing = curves.confusion(method, ("rest", "task"))
    assert "75 %" in drawing
    assert "25 %" in drawing
    assert drawing.count("0 %</text>") == 2
    assert "true rest, answered task: 10" in drawing


def test_curves_draw_what_is_a_number() -> None:
    """A threshold at which nothing was answered has no dot."""
    rng = np.random.default_rng(0)
    gap = Curve(x=(1.0, 0.5, 0.0), y=(0.6, 0.7, math.nan), n=(100, 50, 0))
    method = msgspec.structs.replace(
        builders.method(rng, "lda", ("S01", "S02"), 2, 0.7), abstention=gap, calibration=gap
    )
    for drawing in (curves.abstention(method, 0.5), curves.calibration(method)):
        assert "nan" not in drawing
        assert len(tips(drawing, "circle")) == 2
    empty = msgspec.structs.replace(method, calibration=Curve(x=(), y=(), n=()))
    ElementTree.fromstring(curves.calibration(empty))


@given(
    st.lists(st.floats(0, 4000), max_size=40),
    st.integers(0, 9),
)
def test_the_histogram_counts_every_change_once(came: list[float], never: int) -> None:
    """Bars add up to the changes that were answered; the hatched one counts the others."""
    rng = np.random.default_rng(0)
    timing = Timing(flips_per_minute=1.0, seconds_to_right=(*came, *[-1.0] * never))
    method = msgspec.structs.replace(
        builders.method(rng, "lda", ("S01", "S02"), 2, 0.7), timing=timing
    )
    drawing = curves.delays(method)
    said = [t.rpartition(": ") for t in tips(drawing, "rect")]
    assert sum(int(n) for head, _, n in said if head != "never") == len(came)
    assert sum(int(n) for head, _, n in said if head == "never") == never


def test_the_latent_space_shows_every_state_from_three_sides() -> None:
    """Colour and shape differ by state; too many points are thinned evenly."""
    rng = np.random.default_rng(0)
    few = Latent(method="cebra-knn", protocol="within", states=(0, 1, 1),
                 points=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (math.nan, 0.0, 0.0)))  # fmt: skip
    drawing = curves.latent(few, ("rest", "task"))
    first, second = derived.colours(("rest", "task"))
    assert drawing.count(f"{first}b0") == 3
    assert drawing.count(f"{second}b0") == 3
    many = curves.latent(builders.latent(rng, 2, 4 * curves.N_POINTS), ("rest", "task"))
    assert many.count("b0") == 3 * curves.N_POINTS


def test_a_key_breaks_where_it_would_leave_the_drawing() -> None:
    """No word of a key begins beyond the right edge."""
    canvas = Canvas(300.0, 100.0, "key")
    items = [(plot.diamond, "a mean of all the people")] * 4
    end = plot.key(canvas, items, 8.0, 0.0)
    texts = list(ElementTree.fromstring(canvas.svg()).iter(f"{SVG}text"))
    assert [float(str(t.get("x"))) for t in texts] == [30.0] * 4
    assert len({t.get("y") for t in texts}) == 4
    assert end > 70

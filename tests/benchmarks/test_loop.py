"""What is made of simulated lives: each line holds, or does not, for the right reason."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from benchmarks.loop.__main__ import carry_out
from benchmarks.loop.cases import Kept, Lived, Part
from benchmarks.loop.lines import Line, lines
from benchmarks.loop.page import BEGIN, END, placed, section
from session.simulated.measures import Heard, Measured


def lived(name: str = "verdict", coupling: float = 0.0, **other: object) -> Lived:
    """Return one decoder in one life; what is named differs from a blameless one."""
    measured = Measured(
        balanced_accuracy=0.9, undelayed=0.7, quarters=(0.9, 0.9, 0.9, 0.8), n_states=60,
        to_right=(2.25, 2.5, 2.75) * 20, unknown=0.05, lessons=100, drifts={}, delay=2.5,
    )  # fmt: skip
    known = {key: other.pop(key) for key in list(other) if key in Measured.__struct_fields__}
    heard = {
        "negative": Heard(longest=50.0, share=0.2),
        "neutral": Heard(longest=90.0, share=0.6),
        "positive": Heard(longest=100.0, share=0.3),
    }
    facts = {"drift": 0.0, "heard": heard, **other}
    return Lived(
        name=name, coupling=coupling, kind="lda", verdict="follows",
        measured=msgspec.structs.replace(measured, **known), **facts,  # type: ignore[arg-type]
    )  # fmt: skip


def kept(part: Part, *lives: Lived) -> list[Kept]:
    """Return three seeds that lived alike."""
    return [Kept(part=part, seed=seed, lives=list(lives), seconds=1.0) for seed in range(3)]


def only(found: list[Line], words: str) -> Line:
    """Return the one line whose name begins so."""
    (line,) = [line for line in found if line.what.startswith(words)]
    return line


@pytest.mark.parametrize(
    ("to_right", "holds"),
    [
        ((2.25, 2.5, 2.75) * 20, True),
        ((2.76,) * 60, False),
        ((2.24,) * 60, False),
        ((2.5,) * 20, False),  # 60 steps in all are too few
        ((2.5, None, None) * 20, False),  # most states were never named
    ],
)
def test_the_median_is_that_of_every_person(to_right: tuple[float, ...], holds: bool) -> None:
    """Within one hop of what each declared, over 100 steps; never named is later than all."""
    found = lines(kept("steady", lived(to_right=to_right)))
    assert only(found, "time to the right state").holds is holds


@pytest.mark.parametrize(
    ("part", "share", "holds"),
    [
        ("steady", 0.15, True),
        ("steady", 0.16, False),
        ("nothing", 0.8, True),
        ("nothing", 0.79, False),
    ],
)
def test_unknown_is_rare_where_there_is_something_and_common_where_not(
    part: Part, share: float, holds: bool
) -> None:
    """And what `drive = always` says is told, not judged."""
    found = lines(kept(part, lived(unknown=share), lived("always", unknown=1 - share)))
    judged, told = (line for line in found if line.what.startswith("share of `unknown`"))
    assert (judged.holds, told.holds) == (holds, None)


def test_twins_are_compared_within_each_person() -> None:
    """The gain of the last quarter, with drift and without."""

    def twins(learning: float, frozen: float, drift: float) -> list[Lived]:
        last = {"learning": learning, "frozen": frozen}
        return [lived(name, quarters=(0.9, 0.9, 0.9, last[name]), drift=drift) for name in last]

    lives = [*twins(0.72, 0.60, 90.0), *twins(0.87, 0.90, 0.0)]
    found = lines(kept("twins", *lives))
    gains = [line for line in found if line.what.startswith("last quarter")]
    assert [line.holds for line in gains] == [True, False]
    assert gains[0].found.startswith("0.120, 95 % 0.120 to 0.120")


@pytest.mark.parametrize(("longest", "share"), [(61.0, 0.2), (50.0, 0.31)])
def test_exposure_is_judged_by_the_worst_person(longest: float, share: float) -> None:
    """And the flag has to be up in all of them."""
    heard = {a: Heard(longest=longest, share=share) for a in ("negative", "neutral", "positive")}
    bad = lived(coupling=1.0, heard=heard, drifts={"balance": 1})
    good = lived(coupling=1.0)
    runs = kept("runaway", good)
    assert only(lines(runs), "negative heard").holds is True
    assert only(lines(runs), "drift flag").holds is False
    runs[1] = msgspec.structs.replace(runs[1], lives=[bad])
    assert only(lines(runs), "negative heard").holds is False
    assert only(lines(kept("runaway", bad)), "drift flag").holds is True


def test_the_section_is_put_in_place_of_the_one_before() -> None:
    """What stands around it stays; the first time it comes last."""
    first = placed("# Page\n\ntext\n", section(lines(kept("steady", lived())), 3))
    assert first.startswith("# Page\n\ntext\n\n" + BEGIN)
    assert "| holds |" in first
    again = placed(first + "\n## More\n", section([], 5))
    assert again.count(BEGIN) == again.count(END) == 1
    assert "5 simulated persons" in again
    assert again.endswith("## More\n")


def test_what_was_lived_is_not_lived_again(tmp_path: Path) -> None:
    """A run that finds all its files does nothing but read them."""
    for one in kept("steady", lived()):
        (tmp_path / f"steady-{one.seed}.json").write_bytes(msgspec.json.encode(one))
    assert carry_out(["steady"], 3, tmp_path, 1) == kept("steady", lived())

"""No balanced accuracy is shown beyond 0…1, whatever Student's t says."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from session.evaluation.show import figures, page
from session.evaluation.show.terminal import in_words
from session.evaluation.verb import as_json
from tests.session.evaluation import builders

WIDE = (-0.1375, 1.2125)


def wide(interval=WIDE):
    """Return an evaluation whose intervals reach beyond what can be."""
    found = builders.evaluation(n_people=3, states=("rest", "task"))
    cut = [
        replace(p, decoders=tuple(replace(m, interval=interval) for m in p.decoders))
        for p in found.protocols
    ]
    return replace(found, protocols=tuple(cut))


def test_terminal_and_page_end_intervals_at_0_and_1():
    """In every row, in every figure, and in words."""
    found = wide()
    terminal, html = in_words(found), page.render(found)
    assert terminal.count("0.00 … 1.00") == sum(len(p.decoders) for p in found.protocols)
    assert html.count("0.00 … 1.00") >= 2 * sum(len(p.decoders) for p in found.protocols)
    assert "lies between 0 and 100 of 100" in html
    for shown in (terminal, html):
        assert not re.search(r"[-−]0\.1[34]|1\.21|121 of", shown)


def test_figures_draw_no_line_beyond_their_frame():
    """The line of an interval ends where the axis does."""
    for beyond, whole in zip(wide().protocols, wide((0.0, 1.0)).protocols, strict=True):
        assert figures.people(beyond) == figures.people(whole)


@pytest.mark.parametrize("at", [0, 1])
def test_what_is_stored_is_not_cut(at):
    """`--json` and evaluation.json hold the interval as it was computed."""
    found = wide()
    (first, *_) = as_json(found, [Path("evaluation.json")])["protocols"]
    assert first["decoders"][0]["interval"][at] == WIDE[at]
    stored = msgspec.json.decode(msgspec.json.encode(found))
    assert stored["protocols"][0]["decoders"][0]["interval"][at] == WIDE[at]

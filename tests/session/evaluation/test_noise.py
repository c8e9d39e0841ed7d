"""What an evaluation says of noise: LEAKY where the answer was let in, and never `follows`."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.canary.grid import LEAKY
from benchmarks.canary.noise import LAYOUTS, Layout, table_of
from session.evaluation.evaluate import Options, evaluate
from session.evaluation.show import page
from session.evaluation.show.terminal import in_words
from session.evaluation.verb import as_json
from tests.session.evaluation import planted


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """Return an evaluation of noise under an honest protocol and every leaky one, its folder."""
    out = tmp_path_factory.mktemp("noise") / "out"
    table = table_of(LAYOUTS["small"], np.random.default_rng(0))
    data = planted.gathered(table, primary="within", dealt="session", simulated=False)
    with pytest.MonkeyPatch.context() as patched:
        planted.draw_few(patched)
        options = Options(protocols=("within", *LEAKY), decoders=("lda",))
        return evaluate(data, out, options), out


@pytest.mark.long
@pytest.mark.parametrize("name", LEAKY)
def test_a_leaky_protocol_bears_its_watermark_in_terminal_json_and_page(noise, name):
    """Beside its name each time, and no verdict but LEAKY."""
    found, out = noise
    assert f"LEAKY {name} " in in_words(found)
    stored = json.loads((out / "evaluation.json").read_text(encoding="utf-8"))
    for shown in (stored, as_json(found, [out])):
        (own,) = [p for p in shown["protocols"] if p["name"] == name]
        assert own["leaky"] is True
    (own,) = [p for p in stored["protocols"] if p["name"] == name]
    assert own["verdict"] == "LEAKY"
    _, section = page.render(found).split(f"<h2>{name}")
    section = section.partition("<h2>")[0]
    assert '<span class="tag">LEAKY</span>' in section


def test_an_honest_protocol_bears_none(noise):
    """Neither the honest protocol nor the verdict over the noise."""
    found, _ = noise
    assert found.verdict in ("guessing", "unclear")
    assert "LEAKY within" not in in_words(found)
    section = page.render(found).split("<h2>within")[1].partition("<h2>")[0]
    assert "LEAKY" not in section


@pytest.mark.long
def test_noise_that_drifts_under_states_in_a_fixed_order_is_confounded(tmp_path, monkeypatch):
    """All of one state, then all of the other: no null knows that order, but time tells it."""
    planted.draw_few(monkeypatch)
    layout = Layout("in blocks", (3, 3), order="in blocks", drift=6.0, rows=(20,))
    table = table_of(layout, np.random.default_rng(1))
    data = planted.gathered(table, primary="within", dealt="session")
    found = evaluate(data, tmp_path, Options(protocols=("within",), decoders=("lda",)))
    (lda,) = [m for m in found.protocols[0].decoders if m.name == "lda"]
    assert lda.null.p <= 0.05  # the protocol is honest, and its fixed order is not
    assert found.verdict in ("confounded by time index", "confounded by previous label")

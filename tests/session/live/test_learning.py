"""A real session whose memory learns, and whose decoder is killed: what it learned is not lost."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from decoder.service import lessons_in
from rym.clock import SystemClock
from rym.topics import APPLIED, LABEL, LEARNED, STATUS
from session.after.replay import verify

pytestmark = [pytest.mark.real, pytest.mark.long, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def session(
    once: Callable[..., Path],
    make: Callable[..., None],
    start: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
    short: Callable[[Path], str],
) -> Any:
    """Return a session that is over: it learned, lost its decoder, and learned on."""
    made = once("session that learns", lambda folder: make(folder, "cebra-knn"))
    settings = tmp_path_factory.mktemp("settings") / "learns.toml"
    settings.write_text(short(made))
    begun = start("--sink", "null", settings=settings)
    begun.until(lambda journal: len(journal.of(LEARNED)) >= 6, 90.0)
    begun.kill("decoder")
    begun.until(lambda journal: len(journal.epochs(LEARNED)) == 2, 90.0)
    begun.process.send_signal(signal.SIGINT)
    assert begun.process.wait(60) == 0, begun.said
    return begun


def test_the_decoder_that_comes_back_knows_what_the_one_before_had_learned(session: Any) -> None:
    """Before its first window: by its settings, from a file with every row that was published."""
    journal = session.journal
    first, second = (journal.of(LEARNED, "decoder", epoch) for epoch in journal.epochs(LEARNED))
    said = [x.content.facts for x in journal.of(STATUS["decoder"], epoch=second[0].id.epoch)]
    path = next(Path(str(facts["lessons"])) for facts in said if facts.get("lessons"))
    known = lessons_in(path)
    assert [row.number for row in known] == [x.content.number for x in first]
    assert [msgspec.json.encode(row) for row in known] == [
        msgspec.json.encode(x.content) for x in first
    ]
    assert second[0].content.number == first[-1].content.number + 1
    assert path.stat().st_mode & 0o077 == 0


def test_every_key_reached_the_decoder_that_was_there(session: Any) -> None:
    """`Applied` names each key but those that came while there was none."""
    journal = session.journal
    applied = {x.content.input for x in journal.of(APPLIED["decoder"])}
    keys = [x.id for x in journal.of(LABEL)]
    assert len(keys) > 3
    assert len([name for name in keys if name not in applied]) <= 1


def test_all_of_it_is_made_again_to_the_bit(session: Any) -> None:
    """Lessons, latent points and answers, over the kill and back."""
    verdict = verify(session.folder, SystemClock())
    assert verdict.first_difference is None
    assert verdict.topics[LEARNED.short] == len(session.journal.of(LEARNED)) >= 7
    assert verdict.topics["decoder/latent"] > 100

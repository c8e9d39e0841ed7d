"""Which broker carries a session decides over nothing: the same states, window by window."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from decoder.settings import Candidate
from rym.clock import SystemClock
from rym.logs import run_async
from rym.messages import Status
from rym.mqtt import MqttBus
from rym.topics import STATUS, VALENCE, WINDOW
from session.folder import Folder
from session.live.lines import read
from tests.brokers import PASSWORD, mosquitto_broker

pytestmark = pytest.mark.real
KINDS: tuple[Candidate, ...] = ("lda", "cebra-knn")
QUICK = {"steps": 20, "hidden_units": 16, "batch": 128}
SETTINGS = """
[rig]
id = "{kind}"

[decoder]
drive = "always"

[player]
sink = "null"
"""


@pytest.fixture
def taught(teach: Callable[..., None], tmp_path: Path) -> Path:
    """Return a folder with a small model of each kind under its name."""
    for kind in KINDS:
        teach(tmp_path / kind, {"seed": 5}, **QUICK, candidate=kind)
    return tmp_path


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[str]:
    """Run a mosquitto with a login, as another machine's would be; give its address."""
    folder = tmp_path / "mosquitto"
    folder.mkdir()
    broker = mosquitto_broker(folder)
    broker.start()
    yield broker.url
    broker.kill()


async def leave_behind(broker: str, rig: str) -> None:
    """Let the broker keep, as of an earlier session, that its stream has failed."""
    clock = SystemClock()
    bus = MqttBus(broker, service="stream", epoch=1, clock=clock, rig=rig, password=PASSWORD)
    await bus.connect()
    failed = Status(
        service="stream", epoch=1, life="failed", detail="No stream. Turn it on.", version="",
        facts={"error": "No stream.", "remedy": "Turn it on.", "exit_code": 1}, drops={},
    )  # fmt: skip
    bus.publish(STATUS["stream"], failed)
    await asyncio.sleep(0.3)
    await bus.close()


def answers(session: str) -> dict[tuple[int, int], tuple[Any, ...]]:
    """Return what the decoder said of every window, by (segment, first sample)."""
    journal = read(Folder(Path(session)))
    assert not journal.holes
    windows = {message.id: message.content for message in journal.of(WINDOW)}
    said = {}
    for message in journal.of(VALENCE):
        window, valence = windows[message.cause[0]], message.content
        what = (valence.state, valence.probabilities, valence.confidence, valence.reason)
        said[window.segment, window.first_sample] = (*what, valence.model)
    assert len(said) == len(windows)
    return said


@pytest.mark.long
def test_embedded_broker_and_mosquitto_give_the_same_answers(
    rym: Callable[..., Any],
    easy: Callable[..., Path],
    small_bank: Path,
    mosquitto: str,
    taught: Path,
) -> None:
    """Equal to the bit, by LDA and by CEBRA; what an earlier session left behind counts not."""
    recording = easy(taught / "played.easy", 20.0, seed=4)
    words = {}
    for kind in KINDS:
        (taught / f"{kind}.toml").write_text(SETTINGS.format(kind=kind))
        run_async(leave_behind(mosquitto, kind))
        for name, broker in {"embedded": [], "mosquitto": ["--broker", mosquitto]}.items():
            words[kind, name] = [
                *("run", "--json", "--recording", recording, "--model", taught / kind),
                *("--bank", small_bank, "--config", taught / f"{kind}.toml", *broker),
                *("--out", taught / f"{kind}-{name}"),
            ]
    with ThreadPoolExecutor(len(words)) as pool:
        runs = {
            key: pool.submit(rym, *typed, RYM_BROKER_PASSWORD=PASSWORD)
            for key, typed in words.items()
        }
    results = {}
    for key, run in runs.items():
        said = run.result()
        assert said.code == 0, said
        results[key] = answers(said.object["session"])
    for kind in KINDS:
        embedded, outside = results[kind, "embedded"], results[kind, "mosquitto"]
        assert embedded == outside
        assert sorted(embedded) == [(0, 125 * i) for i in range(77)]
        assert len({state for state, *_ in embedded.values()} - {"unknown"}) >= 2
        assert sum(p is not None for _, p, *_ in embedded.values()) == 68
    assert results["lda", "embedded"] != results["cebra-knn", "embedded"]

"""Parts started by hand, without a supervisor: they meet at a broker and make the line."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rym.broker import free_port
from rym.bus import ALL
from rym.clock import SystemClock, timeout
from rym.logs import run_async
from rym.messages import Message, Phase
from rym.mqtt import MqttBus
from rym.topics import NOW, PHASE, VALENCE, WINDOW
from tests.brokers import PASSWORD, mosquitto_broker

pytestmark = pytest.mark.real
MODULES = (
    "stream",
    "stream.source",
    "decoder",
    "player",
    "rym.broker",
    "session.live.journal",
    "session.after.training",
    "generator",
    "session",
)
SETTINGS = """
[rig]
id = "by-hand"

[source.sender]
type = "simulated"
seed = 3

[stream]
lsl_type = "EEG"

[player]
bank = "{bank}"
sink = "null"
"""


@pytest.mark.parametrize("module", MODULES)
def test_every_part_explains_itself(module: str) -> None:
    """`--help` names the module as it is called, and ends with 0."""
    words = [sys.executable, "-m", module, "--help"]
    said = subprocess.run(words, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    name = "rym" if module == "session" else f"python -m {module}"
    assert said.stdout.startswith(f"usage: {name} ")


@pytest.fixture
def by_hand(apart: Callable[[], dict[str, str]], tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Return a function that starts a part as a person would; all are ended afterwards."""
    environment = {**apart(), "RYM_BROKER_PASSWORD": PASSWORD}
    running: list[subprocess.Popen[bytes]] = []

    def start(module: str, *words: object) -> None:
        with (tmp_path / f"{module}.log").open("wb") as log:
            command = [sys.executable, "-m", module, *map(str, words)]
            process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stderr=log
            )
        running.append(process)

    yield start
    for process in reversed(running):
        process.terminate()
    codes = [process.wait(10) for process in running]
    assert os.name == "nt" or codes == [0] * len(codes)


async def _listen(broker: str, seconds: float) -> dict[str, list[Message]]:
    """Say that it is time to feel something, and return what then goes by, per topic."""
    clock = SystemClock()
    epoch = round(clock.wall() * 1000)
    bus = MqttBus(
        broker, service="session", epoch=epoch, clock=clock, rig="by-hand", password=PASSWORD
    )
    heard: dict[str, list[Message]] = {}
    box = bus.subscribe(WINDOW, VALENCE, NOW, overload=ALL)
    await bus.connect(within=20.0)
    phase = Phase(name="feedback", index=0, starts=clock.now(), ends=None, simulated=True)
    bus.publish(PHASE, phase)
    try:
        async with timeout(clock, seconds):
            async for message in box:
                heard.setdefault(message.id.topic, []).append(message)
                if len(heard) == 3 and len(heard[VALENCE.short]) >= 12:
                    break
    except TimeoutError:
        pass
    await bus.close()
    return heard


@pytest.fixture
def two_addresses(tmp_path: Path) -> Iterator[tuple[str, ...]]:
    """Run one mosquitto that two machines would reach at two addresses; give both."""
    broker = mosquitto_broker(tmp_path, ("127.0.0.2", "127.0.0.3"))
    broker.start()
    yield broker.urls
    broker.kill()


@pytest.fixture
def one_address(by_hand: Callable[..., None]) -> tuple[str, str]:
    """Run the embedded broker on an address of its own; give it twice."""
    address = f"127.0.0.2:{free_port('127.0.0.2')}"
    by_hand("rym.broker", "--bind", address)
    return f"mqtt://{address}", f"mqtt://{address}"


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has 127.0.0.1 alone")
@pytest.mark.parametrize("broker", ["one_address", "two_addresses"])
def test_parts_that_meet_at_loopback_addresses_make_a_line(
    broker: str,
    by_hand: Callable[..., None],
    small_bank: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """EEG side on one address, sound side on another, one broker: samples become sound by cause."""
    eeg_side, sound_side = request.getfixturevalue(broker)
    config = tmp_path / "rig.toml"
    config.write_text(SETTINGS.format(bank=small_bank))
    time.sleep(1.0)  # a part waits 5 s for a broker; on a busy machine one starts more slowly
    places = {
        "stream.source": eeg_side,
        "decoder": sound_side,
        "player": sound_side,
        "stream": eeg_side,
    }
    for module, url in places.items():
        out = tmp_path / module
        out.mkdir()
        by_hand(module, "--broker", url, "--config", config, "--out", out)
    heard = run_async(_listen(sound_side, 40.0))
    assert set(heard) == {WINDOW.short, VALENCE.short, NOW.short}
    windows = {message.id: message.content for message in heard[WINDOW.short]}
    answered = [v for v in heard[VALENCE.short] if v.cause[0] in windows]
    assert len(answered) >= 10
    for message in answered:
        assert message.content.t == windows[message.cause[0]].t_last
        assert message.content.reason == "no model"
    assert heard[NOW.short][-1].content.audible == "neutral"
    senders = {m.meta.pid for messages in heard.values() for m in messages}
    assert len(senders) == 3
    assert (tmp_path / "stream" / "eeg.xdf").stat().st_size > 10_000
    assert (tmp_path / "player" / "heard-01.flac").exists()

"""Three rigs of real processes with scripted faults, and what they said."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import psutil

from rym.bus import ALL
from rym.clock import SystemClock
from rym.messages import Injected, Message, Quality, Window
from rym.mqtt import MqttBus
from rym.topics import APPLIED, FAULT, NOW, QUALITY, SAFETY, STATUS, VALENCE, WINDOW, Topic

PASSWORD = "over the reeds"
TOPICS = (
    *(WINDOW, QUALITY, VALENCE, SAFETY, NOW, FAULT, APPLIED["player"]),
    *STATUS.values(),
)
GRACE = 0.25
"""Seconds that a deadline is allowed to slip on real parts."""

VALUES = """
[rig]
id = "values"

[source]
source_id = "values"

[source.sender]
type = "simulated"
seed = 3
strength = 2.0

[decoder]
model = "{model}"
drive = "always"

[[source.faults]]
kind = "duplicate"
at = 6.0
seconds = 2.0
share = 0.3

[[source.faults]]
kind = "reorder"
at = 8.5
seconds = 2.0
share = 0.5

[[source.faults]]
kind = "drop"
at = 13.0
seconds = 1.5
share = 0.01

[[source.faults]]
kind = "drop"
at = 16.0
seconds = 1.5
share = 0.1

[[source.faults]]
kind = "drop"
at = 19.0
seconds = 3.0
share = 0.2
run = 50

[[source.faults]]
kind = "nan"
at = 24.0
seconds = 2.0
channels = ["Cz"]

[[source.faults]]
kind = "inf"
at = 24.0
seconds = 2.0
channels = ["O1"]

[[source.faults]]
kind = "flat"
at = 24.0
seconds = 2.0
channels = ["T7"]

[[source.faults]]
kind = "constant"
at = 24.0
seconds = 2.0
channels = ["F3"]

[[source.faults]]
kind = "nan"
at = 29.0
seconds = 1.5

[[source.faults]]
kind = "pop"
at = 33.0
seconds = 2.0
channels = ["Fz"]

[[source.faults]]
kind = "slide"
at = 37.0
seconds = 1.5
channels = ["Pz"]

[[source.faults]]
kind = "line"
at = 41.0
seconds = 2.0

[[source.faults]]
kind = "blink"
at = 45.2
seconds = 3.0

[[source.faults]]
kind = "clench"
amplitude = 120.0
at = 49.7
seconds = 1.5

[[source.faults]]
kind = "walk"
at = 53.0
seconds = 2.0

[[source.faults]]
kind = "rail"
at = 57.0
seconds = 1.5
channels = ["P7"]

[[source.faults]]
kind = "wrap"
at = 59.0
seconds = 1.0
channels = ["C3"]
"""

OUTAGES = """
[rig]
id = "outages"

[source]
source_id = "outages"

[source.sender]
type = "simulated"
seed = 4

[player]
bank = "{bank}"
sink = "null"

[[source.faults]]
kind = "stall"
at = 6.0
seconds = 0.3
lost = true

[[source.faults]]
kind = "stall"
at = 9.0
seconds = 3.0

[[source.faults]]
kind = "burst"
at = 14.0
seconds = 2.0
smallest = 50
largest = 350

[[source.faults]]
kind = "jump"
at = 17.5
seconds = 1.5
by = 1.0

[[source.faults]]
kind = "jump"
at = 21.0
seconds = 1.5
by = -1.0

[[source.faults]]
kind = "jump"
at = 24.5
seconds = 1.5
by = 3600.0

[[source.faults]]
kind = "jump"
at = 28.0
seconds = 1.5
to = 0.0

[[source.faults]]
kind = "vanish"
at = 31.5
seconds = 2.0

[[source.faults]]
kind = "vanish"
at = 39.0
seconds = 20.0
"""

UNUSABLE = """
[rig]
id = "unusable"

[source]
source_id = "unusable"

[source.sender]
type = "simulated"
seed = 5
strength = 2.0

[decoder]
model = "{model}"
drive = "always"

[player]
bank = "{bank}"
sink = "null"

[[source.faults]]
kind = "nan"
at = 3.0
seconds = 3.0
channels = ["Cz"]

[[source.faults]]
kind = "nan"
at = 9.0
seconds = 5.0

[[source.faults]]
kind = "flat"
at = 18.0
seconds = 5.0

[[source.faults]]
kind = "flat"
at = 27.0
seconds = 5.0
channels = ["Fp1", "F7", "F3", "T7", "C3", "P7", "P3", "O1"]
"""


class Rig(NamedTuple):
    """What runs, and for how long."""

    settings: str
    seconds: float
    """From the first window on."""
    player: bool


RIGS = {
    "values": Rig(VALUES, 63.0, player=False),
    "outages": Rig(OUTAGES, 63.0, player=True),
    "unusable": Rig(UNUSABLE, 35.0, player=True),
}


class Stretch(NamedTuple):
    """One scripted fault as it happened."""

    kind: str
    begin: float
    """Rig time in seconds of the first sample touched."""
    end: float
    """Rig time in seconds of the first sample after it."""
    what: str


class Run:
    """One rig's processes, and everything that they say."""

    def __init__(
        self, name: str, rig: Rig, folder: Path, url: str, environment: dict[str, str]
    ) -> None:
        self.name = name
        self._rig = rig
        self.folder = folder
        self.messages: list[Message] = []
        self.sizes: list[float] = []
        """Megabytes that the stream's process held, from second 15 on, five times a second."""
        self.codes: dict[str, int] = {}
        """Exit code of each part."""
        self._url = url
        self._environment = environment
        self._parts: dict[str, subprocess.Popen[bytes]] = {}
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name)
        self._thread.start()

    def of(self, topic: Topic) -> list[Message]:
        """Return the messages of one topic, in order."""
        return [message for message in self.messages if message.id.topic == topic.short]

    def windows(self, since: float = 0.0, until: float = float("inf")) -> list[Window]:
        """Return the windows whose newest sample has a rig time within a stretch."""
        found = [message.content for message in self.of(WINDOW)]
        return [window for window in found if since <= window.t_last < until]

    def qualities(self, since: float, until: float) -> list[Quality]:
        """Return the qualities of the windows of a stretch."""
        found = [message.content for message in self.of(QUALITY)]
        return [quality for quality in found if since <= quality.t < until]

    def faults(self, kind: str) -> list[Stretch]:
        """Return the faults of one kind, in order."""
        told: list[Injected] = [message.content for message in self.of(FAULT)]
        begun = [one for one in told if one.kind == kind and not one.over]
        ends = [one.t for one in told if one.kind == kind and one.over]
        return [Stretch(kind, one.t, t, one.what) for one, t in zip(begun, ends, strict=True)]

    def facts(self) -> list[dict[str, Any]]:
        """Return what the stream's status said, in order."""
        return [message.content.facts for message in self.of(STATUS["stream"])]

    def begun(self) -> None:
        """Return once it has windows, or is over."""
        while self._thread.is_alive() and not self.of(WINDOW):
            self._thread.join(0.2)

    def done(self) -> Run:
        """Wait until the run is over."""
        self._thread.join(110)
        if self._failed is not None:
            raise self._failed
        return self

    def close(self) -> None:
        """End what is left of it."""
        for part in self._parts.values():
            part.kill()
        self._thread.join()

    def start(self, module: str) -> None:
        """Start one part."""
        out = self.folder / module
        words = [sys.executable, "-m", module, "--broker", self._url, "--out", str(out)]
        words += ["--config", str(self.folder / "rig.toml")]
        with (self.folder / f"{module}.log").open("wb") as log:
            self._parts[module] = subprocess.Popen(
                words, env=self._environment, stdin=subprocess.DEVNULL, stderr=log
            )

    def _run(self) -> None:
        try:
            asyncio.run(self._listen())
            for module in ("stream", "stream.source", "decoder", "player"):
                if module in self._parts:
                    self._parts[module].terminate()
                    self.codes[module] = self._parts[module].wait(10)
        except BaseException as error:  # told to the test that waits
            self._failed = error

    async def _listen(self) -> None:
        clock = SystemClock()
        epoch = round(clock.wall() * 1000)
        bus = MqttBus(
            self._url, service="session", epoch=epoch, clock=clock, rig=self.name, password=PASSWORD
        )
        box = bus.subscribe(*TOPICS, overload=ALL)
        await bus.connect(within=20.0)
        helpers = {"stream.source": "simulator", "decoder": "decoder", "player": "player"}
        if not self._rig.player:
            del helpers["player"]
        for module in helpers:
            self.start(module)
        try:
            # A sender begins when the stream opens it: by then everyone listens.
            ready = {STATUS[service].short for service in helpers.values()}
            await self._until(box, lambda: ready <= self._ready(), 40.0)
            self.start("stream")
            await self._until(box, lambda: bool(self.of(WINDOW)), 30.0)
            process = psutil.Process(self._parts["stream"].pid)
            begin = clock.now()
            while clock.now() < begin + self._rig.seconds:
                await asyncio.sleep(0.2)
                self._take(box)
                if clock.now() > begin + 15:
                    self.sizes.append(process.memory_info().rss / 1e6)
        finally:
            await bus.close()

    def _ready(self) -> set[str]:
        return {
            message.id.topic
            for message in self.messages
            if message.id.topic.endswith("/status") and message.content.life == "ready"
        }

    def _take(self, box: Any) -> None:
        self.messages += box.drain()
        for module, part in self._parts.items():
            log = self.folder / f"{module}.log"
            assert part.poll() is None, f"{module} ended: {log.read_text()}"

    async def _until(self, box: Any, true: Callable[[], bool], seconds: float) -> None:
        for _ in range(round(seconds / 0.05)):
            self._take(box)
            if true():
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{self.name}: not within {seconds} s")


def numbers_of(content: object) -> npt.NDArray[np.float64]:
    """Return every number that a message's content holds."""
    if isinstance(content, np.ndarray):
        return content.ravel().astype(np.float64)
    if isinstance(content, msgspec.Struct):
        content = [getattr(content, name) for name in content.__struct_fields__]
    if isinstance(content, dict):
        content = list(content.values())
    if isinstance(content, (list, tuple)):
        return np.concatenate([np.empty(0), *map(numbers_of, content)])
    return np.array([content] if isinstance(content, (int, float)) else [], np.float64)

"""The service as a process: a real broker, a real OSC server, a receiver that is not there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading

import numpy as np
import pytest
from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import ThreadingOSCUDPServer

from player.outward import service
from player.outward.settings import OutwardSettings
from player.settings import RATE
from rym.broker import free_port
from rym.bus import LATEST, MemoryHub
from rym.clock import ManualClock, SystemClock
from rym.messages import Played, Quality, Safety, Valence
from rym.mqtt import MqttBus
from rym.service import Lifeline, Shell
from rym.topics import NOW, QUALITY, SAFETY, STATUS, VALENCE
from tests.brokers import PASSWORD, ROOT, embedded_broker


@pytest.fixture
def broker():
    """Run a broker."""
    one = embedded_broker()
    one.start()
    yield one
    one.kill()


@contextlib.contextmanager
def outward(url, folder, text):
    """Run the service with a settings file."""
    (folder / "o.toml").write_text(f"[outward]\n{text}\n")
    command = [sys.executable, "-m", "player.outward", "--config", f"{folder}/o.toml"]
    process = subprocess.Popen(
        [*command, "--broker", url, "--rig", "t"], cwd=ROOT,
        env={**os.environ, "RYM_BROKER_PASSWORD": PASSWORD}, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(10) == 0


@contextlib.contextmanager
def receiver(port, got):
    """Listen as any program does that speaks OSC."""
    dispatcher = Dispatcher()
    dispatcher.set_default_handler(lambda where, *values: got.append((where, values)))
    server = ThreadingOSCUDPServer(("127.0.0.1", port), dispatcher)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def heard(k=0):
    """Return the player's word of neutral music, quarter of a second by quarter."""
    return Played(
        frame=12_000 * k, decided="unknown", requested="neutral", audible="neutral",
        gains=(0.0, 1.0, 0.0), section=0, variant=0, position=12_000 * k, fade=None,
        level_db=0.0, safety="RUN", why="tick",
    )  # fmt: skip


class Said:
    """A decoder, a stream and a player on a broker."""

    def __init__(self, url):
        self.clock = SystemClock()
        self.buses = {
            name: MqttBus(url, service=name, epoch=1, clock=self.clock, rig="t", password=PASSWORD)
            for name in ("decoder", "stream", "player")
        }
        self.status = self.buses["player"].subscribe(STATUS["outward"], overload=LATEST)

    async def ready(self):
        """Connect, and wait until the service is there."""
        for bus in self.buses.values():
            await bus.connect()
        while (await self.status.get()).content.life != "ready":
            pass

    async def answer(self, seconds, state="positive", valence=0.5):
        """Answer four times a second."""
        end = self.clock.now() + seconds
        while self.clock.now() < end:
            said = Valence(
                t=self.clock.now(), state=state, valence=valence,
                probabilities=(0.25, 0.0, 0.75) if valence is not None else None,
                confidence=0.75, reason="", model="",
            )  # fmt: skip
            self.buses["decoder"].publish(VALENCE, said)
            self.buses["player"].publish(NOW, heard(), audible_at=self.clock.now())
            quality = Quality(t=self.clock.now(), overall=0.875, level="good", channels=())
            self.buses["stream"].publish(QUALITY, quality)
            await asyncio.sleep(0.1)

    def stop(self):
        """Say that the music was stopped."""
        said = Safety(state="STOP", frame=0, reason="operator", text="")
        self.buses["player"].publish(SAFETY, said)

    async def close(self):
        """Leave."""
        for bus in self.buses.values():
            await bus.close()


@pytest.mark.real
def test_osc_reaches_a_server_that_comes_goes_and_comes_back(broker, tmp_path):
    """One float per address; nobody there costs nothing; a stop ends what is steered from here."""
    port, first, second = free_port(), [], []

    async def body():
        said = Said(broker.url)
        await said.ready()
        await said.answer(0.5)  # to nobody
        with receiver(port, first):
            await said.answer(1.5)
        await said.answer(0.5)
        with receiver(port, second):
            await said.answer(1.0)
            said.stop()
            await asyncio.sleep(0.3)
            second.append("stopped")
            await said.answer(1.0)
        await said.close()

    with outward(broker.url, tmp_path, f'osc = "127.0.0.1:{port}"'):
        asyncio.run(body())
    once = {
        "/rym/valence": (0.0,),
        "/rym/prob/negative": (0.25,),
        "/rym/prob/neutral": (0.0,),
        "/rym/prob/positive": (0.75,),
        "/rym/state": (0.0,),
        "/rym/quality": (0.875,),
    }
    assert dict(first) == once
    assert all(isinstance(value, float) for _, values in first for value in values)
    cut = second.index("stopped")
    assert dict(second[:cut]) == {**once, "/rym/stopped": (1.0,)}
    assert {where for where, _ in second[cut + 1 :]} == {"/rym/quality"}


@pytest.mark.real
def test_a_receiver_that_never_reads_and_a_port_that_is_not_there_disturb_nothing(broker, tmp_path):
    """The process goes on, says what is missing, and ends when it is told to."""
    deaf = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    deaf.bind(("127.0.0.1", 0))

    async def body(process):
        said = Said(broker.url)
        await said.ready()
        await said.answer(3.0)
        status = said.status.drain()
        assert "MIDI" in status[-1].content.detail
        assert process.poll() is None
        await said.close()

    text = f'osc = "127.0.0.1:{deaf.getsockname()[1]}"\nmidi = "no such port"'
    with outward(broker.url, tmp_path, text) as process:
        asyncio.run(body(process))
    deaf.close()


class Kept:
    """Stands in for the port's thread, and keeps when it was handed what."""

    trouble = ""
    lost = 0

    def __init__(self):
        self.sent = []
        self.clock = SystemClock()

    def send(self, messages):
        """Keep messages with their time."""
        self.sent += [(self.clock.now(), one) for one in messages]

    def look(self):
        """Find nothing."""

    def close(self):
        """Give nothing back."""


@pytest.mark.real
@pytest.mark.alone
def test_ticks_are_sent_when_their_beats_are_heard(bank_folder, monkeypatch):
    """24 to a beat, each within 20 ms of its time, from what the player says ahead."""
    kept = Kept()
    monkeypatch.setattr(service, "Sender", lambda *_: kept)
    clock, hub = SystemClock(), MemoryHub()
    player = hub.bus("player", clock, 1)
    shell = Shell(hub.bus("outward", clock, 1), clock, Lifeline())
    settings = OutwardSettings(midi="synth", bank=str(bank_folder))

    async def body():
        task = asyncio.create_task(service.serve(shell, settings))
        await asyncio.sleep(0.1)
        begin = clock.now() + 0.25
        for k in range(8):
            player.publish(NOW, heard(k), audible_at=begin + 0.25 * k)
            await asyncio.sleep(0.25)
        task.cancel()
        await asyncio.wait([task])
        return begin

    begin = asyncio.run(body())
    at = np.array([t for t, one in kept.sent if one.kind == "clock"]) - begin
    assert len(at) > 300
    due = np.arange(len(at)) * 250 / RATE  # a beat of 6000 frames
    assert np.quantile(np.abs(at - due), 0.95) < 0.02
    other = [one.kind for _, one in kept.sent if one.kind not in {"clock", "control_change"}]
    assert other == ["note_on", "start", "stop", "note_off"]


def test_a_note_ends_when_the_player_says_nothing_more(monkeypatch):
    """Two seconds after its last word, whether it died or the broker did; a word brings it back."""
    kept = Kept()
    monkeypatch.setattr(service, "Sender", lambda *_: kept)
    clock, hub = ManualClock(), MemoryHub()
    player = hub.bus("player", clock, 1)
    shell = Shell(hub.bus("outward", clock, 1), clock, Lifeline())
    outward = service.Outward(shell, OutwardSettings(midi="synth"))

    def notes(at, *, said):
        clock.advance(at - clock.now())
        if said:
            player.publish(NOW, heard(), audible_at=at + 0.2)
        outward.look()
        return [one.kind for _, one in kept.sent if one.kind.startswith("note")]

    assert notes(10.0, said=True) == []  # it is said ahead
    assert notes(10.3, said=False) == ["note_on"]
    assert notes(11.9, said=False) == ["note_on"]
    assert notes(12.1, said=False) == ["note_on", "note_off"]
    assert notes(13.0, said=True) == ["note_on", "note_off"]
    assert notes(13.3, said=False) == ["note_on", "note_off", "note_on"]

"""Lines 15 to 17 and 19, with real outlets: streams that are not what they say of themselves."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any, NamedTuple

import msgspec
import numpy as np
import psutil
import pytest

from rym.bus import ALL, MemoryHub
from rym.clock import SystemClock
from rym.errors import SignalError
from rym.lifeline import Lifeline
from rym.messages import Window
from rym.service import Shell
from rym.topics import WINDOW
from stream import service, source
from stream.items import Chunk
from stream.line import StreamLine
from stream.lsl.inlet import EegInlet
from stream.lsl.outlets import NicOutlets
from stream.montage import ENOBIO20
from stream.settings import StreamSettings
from stream.simulated.devices import DEVICES
from stream.simulated.simulator import SimulatedPerson, SimulatedSource
from stream.source import SourceSettings

pytestmark = pytest.mark.real
CLOCK = SystemClock()
SEED = 7


class Case(NamedTuple):
    """One sender that is not as expected."""

    sent: dict[str, Any]
    """Table `[source]`."""
    asked: dict[str, Any]
    """Table `[stream]`."""
    refused: str = ""
    """What the error says; empty where the stream is taken."""


def scaled(factor: float) -> dict[str, Any]:
    """Return a sender whose every sample is multiplied."""
    return {"faults": [{"kind": "scale", "at": 0.0, "factor": factor}]}


UNITS = {
    "volts": Case(scaled(1e-6), {}, r"robust SD is .* µV if .* microvolts; .* Plausible .* V \("),
    "nanovolts": Case(scaled(1e3), {}, r"robust SD is .* if .* microvolts; .* Plausible .* nV \("),
    "twice": Case(scaled(1e6), {}, r"robust SD is .* if .* microvolts; plausible are"),
}
RATES = {
    "250 sent": Case(
        {"faults": [{"kind": "rate", "at": 0.0, "hz": 250.0}]}, {}, "declares 500 Hz, but 250 "
    ),
    "1000 declared": Case({"header": {"rate": 1000.0}}, {}, r"declares 1000 Hz, but (499|50[01])"),
    "none declared": Case({"header": {"rate": 0.0}}, {}, r"declares no rate \(0 Hz\)"),
    "none declared, one set": Case({"header": {"rate": 0.0}}, {"rate": 500.0}),
}
NAMES = {
    "another order": Case({"header": {"shuffle": True}}, {"channels": ("Cz", "O1")}),
    "columns appended": Case({"header": {"extra": True}}, {"channels": ("Cz", "O1")}),
    "32 in place of 20": Case({"sender": {"device": "enobio32"}}, {"channels": ("Cz", "O1")}),
    "8 in place of 20": Case(
        {"sender": {"device": "enobio8"}}, {"channels": ENOBIO20[:19]}, "lacks P7, P4"
    ),
    "another name": Case(
        {"header": {"rename": {"Cz": "POz"}}}, {"channels": ("Cz",)}, "lacks Cz; it has P7, P4, POz"
    ),
    "two of one name": Case({"header": {"duplicate": "Cz"}}, {}, "more than one channel named Cz"),
}
FORMS = {
    "int16": Case({"header": {"form": "int16"}}, {}),
    "int32": Case({"header": {"form": "int32"}}, {}),
    "double64": Case({"header": {"form": "double64"}}, {}),
    "string": Case({"header": {"form": "string"}}, {}, "carries text"),
    "no channels": Case({"header": {"only": []}}, {}, "in 0 channels"),
}
CASES = {**UNITS, **RATES, **NAMES, **FORMS}


class Outcome(NamedTuple):
    """What came of it."""

    error: BaseException | None
    windows: list[Window]


async def _case(name: str, case: Case) -> Outcome:
    """Let a sender and the stream's service meet over LSL; end with an error or some windows."""
    hub = MemoryHub()
    sender = {"type": "simulated", "seed": SEED, **case.sent.get("sender", {})}
    sent = {**case.sent, "source_id": name, "sender": sender}
    asked = {"source_id": name, "sides": False, "wait": 20.0, **case.asked}
    mailbox = hub.bus("test", CLOCK, 1).subscribe(WINDOW, overload=ALL)
    shells = [Shell(hub.bus(x, CLOCK, 2), CLOCK, Lifeline(), None) for x in ("simulator", "stream")]
    sending = asyncio.create_task(
        source.serve(shells[0], msgspec.convert(sent, SourceSettings, strict=False))
    )
    streaming = asyncio.create_task(
        service.serve(shells[1], msgspec.convert(asked, StreamSettings, strict=False))
    )
    windows: list[Window] = []
    end = CLOCK.now() + 20.0
    while CLOCK.now() < end and not streaming.done() and (case.refused or len(windows) < 3):
        await asyncio.sleep(0.05)
        windows += [message.content for message in mailbox.drain()]
    for task in (streaming, sending):
        task.cancel()
    done = await asyncio.gather(streaming, sending, return_exceptions=True)
    error = None if isinstance(done[0], asyncio.CancelledError) else done[0]
    return Outcome(error, windows)


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    """Return what came of every case; they run at once."""

    async def run() -> dict[str, Outcome]:
        found = await asyncio.gather(*(_case(name, case) for name, case in CASES.items()))
        return dict(zip(CASES, found, strict=True))

    return asyncio.run(run())


def check(name: str, outcomes: dict[str, Outcome]) -> None:
    """Hold a case to what it must end with."""
    case, (error, windows) = CASES[name], outcomes[name]
    if case.refused:
        assert isinstance(error, SignalError)
        with pytest.raises(SignalError, match=case.refused):
            raise error
        assert "\n" not in str(error)
        assert error.remedy
        assert not any(window.valid for window in windows if name in UNITS)
        return
    assert error is None
    worn = case.sent.get("sender", {}).get("device", "enobio20")
    device = DEVICES[worn]
    first = windows[0]
    assert set(device.channels) <= set(first.channels)
    lived = SimulatedPerson(SimulatedSource(seed=SEED, device=worn)).advance(
        500, audible=None, phase="idle"
    )
    line = StreamLine(StreamSettings(), device.channels, 500.0)
    (expected, _), *_ = line.feed(Chunk(lived.samples, np.arange(500) / 500))
    for i, channel in enumerate(device.channels):
        found = first.samples[:, first.channels.index(channel)]
        # Whole numbers of µV, and what the filters make of half of one.
        assert found == pytest.approx(expected.samples[:, i], abs=2.0 if "int" in name else 0.01)


@pytest.mark.fault(15)
@pytest.mark.parametrize("name", UNITS)
def test_15_another_unit_than_declared_is_refused(name: str, outcomes: dict[str, Outcome]) -> None:
    """By the level, with the measured value, the unit, and the one that would fit."""
    check(name, outcomes)


@pytest.mark.fault(16)
@pytest.mark.parametrize("name", RATES)
def test_16_a_rate_that_is_not_the_true_one_is_refused(
    name: str, outcomes: dict[str, Outcome]
) -> None:
    """Both numbers are named; a stream without a rate is taken at the one that is set."""
    check(name, outcomes)


@pytest.mark.fault(17)
@pytest.mark.parametrize("name", NAMES)
def test_17_channels_are_matched_by_name(name: str, outcomes: dict[str, Outcome]) -> None:
    """In any order and among others each carries its own signal; a missing or double one ends."""
    check(name, outcomes)


@pytest.mark.fault(19)
@pytest.mark.parametrize("name", FORMS)
def test_19_forms_are_numbers_or_refused(name: str, outcomes: dict[str, Outcome]) -> None:
    """Whole numbers and doubles are converted, text and a stream without channels refused."""
    check(name, outcomes)


@pytest.mark.fault(19)
@pytest.mark.fault(4)
def test_19_a_chunk_of_a_million_samples_is_backlog_and_an_empty_one_is_nothing() -> None:
    """Half an hour at once: recorded as late and never shown; what comes behind it is live."""
    outlets = NicOutlets(name="huge", source_id="huge", channels=("Cz", "Pz"), rate=500.0)
    wanted = StreamSettings(source_id="huge", sides=False, wait=20.0)
    inlet = EegInlet(wanted, CLOCK)
    line = StreamLine(wanted, inlet.signal.channels, 500.0)
    rng = np.random.default_rng(1)
    huge = rng.normal(0, 10, (1_000_000, 2)).astype(np.float32)
    process = psutil.Process()
    windows: list[tuple[float, Window]] = []

    async def send() -> None:
        while not outlets.has_consumer():
            await asyncio.sleep(0.01)
        outlets.push_eeg(huge[:0], CLOCK.now())
        await asyncio.to_thread(outlets.push_eeg, huge, CLOCK.now())
        while True:
            await asyncio.sleep(0.05)
            outlets.push_eeg(huge[:25], CLOCK.now())

    async def run() -> None:
        sending = asyncio.create_task(send())
        async with aclosing(inlet.items()) as arriving:
            async for item in arriving:
                windows.extend((CLOCK.now(), window) for window, _ in line.feed(item))
                if len(windows) >= 3:
                    break
        sending.cancel()

    before = process.memory_info().rss
    asyncio.run(asyncio.wait_for(run(), 40.0))
    outlets.close()
    assert all(0 <= now - window.t_last <= wanted.max_age for now, window in windows)
    assert windows[0][1].first_sample > 10_000
    assert process.memory_info().rss - before < 100e6

"""`rym doctor`: could a session start now, and if not, why not."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from decoder import model as models
from player.output.devices import device_name
from player.settings import PlayerSettings
from rym.clock import Clock
from rym.errors import DeviceError, RymError, SignalError
from rym.mqtt import MqttBus
from rym.settings import RigSettings, secret
from stream.lsl import taps
from stream.lsl.resolve import Seen
from stream.lsl.taps import Tap

from ..settings import Tables
from .findings import (
    Finding,
    Observation,
    Verdict,
    channels,
    failed,
    judge_delay,
    judge_disk,
    judge_model,
    judge_streams,
)
from .waiting import TICK_S, Left, unseen

PULL_S = 0.2
"""Seconds of one wait for samples."""
ANSWER_S = 3.0
"""Seconds that broker and sender may take to answer."""
MOST = 32
"""Streams that are listened to at once at most."""


class Diagnosis(NamedTuple):
    """Everything that was found."""

    findings: list[Finding]
    verdict: Verdict
    streams: Sequence[Observation]

    @property
    def could_start(self) -> bool:
        """Return whether nothing stands in a session's way."""
        return all(finding.mark != "bad" for finding in self.findings)

    @property
    def lines(self) -> list[str]:
        """Return all that is to be shown to people."""
        end = "A session could start." if self.could_start else "A session could not start."
        return [*map(str, self.findings), end]

    def as_json(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        return {
            "ok": self.could_start,
            "picked": self.verdict.picked.name if self.verdict.picked else None,
            "streams": [_facts(view, self.verdict.picked) for view in self.streams],
            "channels": channels(self.verdict.windows, self.verdict.signal),
            "findings": [msgspec.to_builtins(finding) for finding in self.findings],
        }


def diagnose(
    tables: Tables,
    clock: Clock,
    *,
    seconds: float = 5.0,
    model: Path | None = None,
    left: Left = unseen,
) -> Diagnosis:
    """Look at everything that a session needs.

    Parameters
    ----------
    tables : Tables
        Settings as a session would have them.
    clock : Clock
        The rig's.
    seconds : float
        How long every stream is listened to.
    model : Path or None
        Folder of a trained model to compare the stream with.
    left : callable
        Shows how long the listening still takes.
    """
    findings = [_library(clock)]
    streams = listen(clock, seconds, left) if findings[0].mark == "ok" else []
    verdict = judge_streams(streams, tables.stream)
    findings += verdict.findings
    if model is not None:
        findings.append(_model(model, verdict))
    findings += [*_sound(tables.player), _broker(tables.rig, clock), _disk(tables.session.root)]
    return Diagnosis(findings, verdict, streams)


def listen(clock: Clock, seconds: float, left: Left = unseen) -> list[Observation]:
    """Find every stream on the network and listen to all of them at once."""
    left(seconds + taps.RESOLVE_S, "listening")
    seen = sorted(taps.listing(), key=lambda stream: (stream.host, stream.name, stream.kind))
    if not seen:
        left(0.0, "")
        return []
    stop, end = threading.Event(), clock.now() + seconds
    with ThreadPoolExecutor(min(MOST, len(seen)), "listen") as pool:
        try:
            views = [pool.submit(_observe, one, clock, seconds, stop) for one in seen]
            while wait(views, TICK_S).not_done:
                left(max(1.0, end - clock.now()), "listening")
        finally:
            stop.set()  # Ctrl-C shall not have to wait for the threads' own end
            left(0.0, "")
    return [view.result() for view in views]


def _observe(seen: Seen, clock: Clock, seconds: float, stop: threading.Event) -> Observation:
    """Listen to one stream, in the one thread that touches it."""
    nothing = np.empty((0, seen.n_channels), np.float32)
    try:
        tap = Tap(seen, clock)
    except SignalError as error:
        return Observation(seen, None, nothing, np.empty(0), None, error.error)
    samples, stamps, offset, problem = [nothing], [np.empty(0)], None, ""
    try:
        with suppress(SignalError):  # a firewall may let samples through and clocks not
            offset = tap.offset(ANSWER_S)
        end = clock.now() + seconds
        while clock.now() < end and not stop.is_set():
            values, times = tap.pull(PULL_S)
            stamps.append(times)
            if isinstance(values, np.ndarray):
                samples.append(values)
    except SignalError as error:
        problem = error.error
    finally:
        tap.close()
    return Observation(
        seen, tap.declared, np.concatenate(samples), np.concatenate(stamps), offset, problem
    )


def _library(clock: Clock) -> Finding:
    try:
        taps.check_clock(clock)
    except DeviceError as error:
        return failed("LSL", error)
    version = re.search(r"v\d[\w.]*", taps.library())
    said = f"liblsl {version[0] if version else taps.library()}; its clock is the rig's."
    return Finding("ok", "LSL", said)


def _model(folder: Path, verdict: Verdict) -> Finding:
    try:
        return judge_model(models.load(folder), verdict.windows)
    except RymError as error:
        return failed("model", error)


def _sound(player: PlayerSettings) -> list[Finding]:
    if player.sink in ("null", "wav"):
        return [Finding("ok", "sound", f"[player] sink is {player.sink}: nothing sounds.")]
    try:
        name = device_name(player)
    except DeviceError as error:
        asked = player.sink == "portaudio" or player.device
        return [Finding("bad" if asked else "look", "sound", error.error, error.remedy)]
    return [Finding("ok", "sound", f"{name}."), judge_delay(player.device_delay)]


def _broker(rig: RigSettings, clock: Clock) -> Finding:
    if not rig.broker:
        return Finding("ok", "broker", "A session starts its own, on this machine.")

    async def meet() -> None:
        bus = MqttBus(
            rig.broker,
            service="doctor",
            epoch=int(1e3 * clock.wall()),
            clock=clock,
            rig=rig.id,
            password=secret("BROKER_PASSWORD") or "",
        )
        try:
            await bus.connect(within=ANSWER_S)
        finally:
            await bus.close()

    try:
        asyncio.run(meet())
    except RymError as error:
        return failed("broker", error)
    return Finding("ok", "broker", f"{rig.broker} answers.")


def _disk(root: str) -> Finding:
    folder = Path(root).resolve()
    while not folder.exists():
        folder = folder.parent
    free, writeable = shutil.disk_usage(folder).free, os.access(folder, os.W_OK)
    return judge_disk(str(folder), free, writeable=writeable)


def _facts(view: Observation, picked: Seen | None) -> dict[str, Any]:
    seen, declared = view.seen, view.declared
    return {
        "name": seen.name,
        "type": seen.kind,
        "host": seen.host,
        "source_id": seen.source_id,
        "format": seen.form,
        "n_channels": seen.n_channels,
        "channels": list(declared.labels) if declared else [],
        "units": list(declared.units) if declared else [],
        "declared_rate": seen.rate,
        "rate": view.rate,
        "jitter_ms": None if view.jitter is None else 1e3 * view.jitter,
        "offset_ms": None if view.offset is None else 1e3 * view.offset[0],
        "round_trip_ms": None if view.offset is None else 1e3 * view.offset[1],
        "picked": seen is picked,
        "problem": view.problem,
    }

"""One whole session as real processes on a machine that sleeps, and whose wall clock is set."""

from __future__ import annotations

import calendar
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from rym.messages import Message
from rym.topics import NOW, SAFETY, VALENCE, WINDOW, Topic
from session.live.lines import Journal, from_line
from tests.session.live.conftest import Session

SETTINGS = """
[session]
bank = "{bank}"
model = "{model}"

[[session.phases]]
name = "rest"
seconds = 1

[[session.phases]]
name = "feedback"
seconds = 0

[source.sender]
type = "simulated"
strength = 2.0
coupling = 0.0
# Feels anything but neutral for the first 36 s.
seed = 28

# Line 9. More than twice as fast as its 200 ppm, so that half a minute shows it.
[[source.faults]]
kind = "drift"
at = 0.5
ppm = {ppm}

[decoder]
drive = "always"
"""

PPM = 500.0
"""Millionths by which the sender's stamps run too fast."""
SLEEP_S = 4.0
"""Seconds of a sleep."""
ZONE = "CET-1CEST,M3.5.0,M10.5.0/3"
"""Where these processes are: summer time ends on the last Sunday of October, at 01:00 UTC."""
SUMMER_ENDS = calendar.timegm((2027, 10, 31, 1, 0, 0))
"""Such a moment, in seconds since the Unix epoch."""
PRELOADED = [
    *Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"),
    *Path("/usr/lib/faketime").glob("libfaketimeMT.so.1"),
]
"""Debian's libfaketime, which puts another wall clock before a process."""
STEP_S = 1.2
"""Seconds for which the session goes on once every process has seen a step."""
BEFORE_S = 8.0
"""Seconds from the step to that moment: a busy machine needs some until all parts show it."""


class Moment(NamedTuple):
    """Something that was done to the machine, in rig time in seconds."""

    begin: float
    end: float


class Laptop:
    """A session in a thread of its own that is put to sleep, and whose wall clock is set.

    Parameters
    ----------
    folder : Path
        Where it writes.
    made : Path
        Folder with `bank` and `model`.
    first : function
        Returns once it may begin: processes that start take the time that others need.

    Attributes
    ----------
    sleeps : dict
        When all processes slept ("all"), and all but the amplifier's ("receiver").
    steps : dict
        When the wall clock was set by "+1 h" and "-1 h", and to some seconds before summer time
        ended ("summer"); empty without libfaketime.
    seen : dict
        When every process had seen it.
    """

    def __init__(self, folder: Path, made: Path, first: Callable[[], object]) -> None:
        self.sleeps: dict[str, Moment] = {}
        self.steps: dict[str, Moment] = {}
        self.seen: dict[str, float] = {}
        self.folder = folder
        self._clock = folder / "wall.txt"
        self._failed: BaseException | None = None
        self._first = first
        self._config = folder / "rig.toml"
        settings = SETTINGS.format(bank=made / "bank", model=made / "model", ppm=PPM)
        self._config.write_text(settings)
        self._set("+0")
        self._begun: Session | None = None
        self._thread = threading.Thread(target=self._run, name="laptop")
        self._thread.start()

    @property
    def _session(self) -> Session:
        assert self._begun is not None
        return self._begun

    def _begin(self) -> None:
        self._first()
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "TZ": ZONE, **self._apart()}
        self._begun = Session(self.folder, self._config, "--sink", "null", env=environment)

    def done(self) -> Laptop:
        """Wait until all has been done to it."""
        self._thread.join(200)
        if self._failed is not None:
            raise self._failed
        return self

    def close(self) -> None:
        """End it."""
        if self._begun is not None:
            self._begun.close()
        self._thread.join()

    @property
    def said(self) -> str:
        """What its terminal showed."""
        return self._session.said

    def lines(self) -> list[Message]:
        """Return the journal's messages in the order of its lines."""
        path = self._session.folder.path / "journal.jsonl"
        return [from_line(line) for line in path.read_bytes().splitlines()]

    @property
    def recording(self) -> Path:
        """What was recorded."""
        return self._session.folder.path / "eeg.xdf"

    def _apart(self) -> dict[str, str]:
        """Return what keeps it apart from other LSL sessions, and from the true wall clock."""
        config = self.folder / "lsl.cfg"
        config.write_text(f"[lab]\nSessionID = {uuid.uuid4().hex}\n[log]\nlevel = -2\n")
        if not PRELOADED:
            return {"LSLAPICFG": str(config)}
        return {
            "LSLAPICFG": str(config),
            "LD_PRELOAD": str(PRELOADED[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._clock),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_CACHE_DURATION": "1",
        }

    def _run(self) -> None:
        try:
            self._begin()
            self._until_steady(0.0)
            for name, awake in (("all", ""), ("receiver", "stream.source")):
                with self._asleep(name, awake):
                    time.sleep(SLEEP_S)
                self._until_steady(self.sleeps[name].end)
            if PRELOADED:
                self._step("+1 h", 3600.0)
                self._step("-1 h", -3600.0)
                self._step("summer", SUMMER_ENDS - BEFORE_S - time.time())
                time.sleep(max(0.0, self.steps["summer"].begin + BEFORE_S + 1.0 - time.monotonic()))
            time.sleep(0.5)  # the journal writes every 0.25 s
        except BaseException as error:  # told to the test that waits
            self._failed = error
        finally:
            if self._begun is not None:
                self._begun.close()

    def _until_steady(self, since: float) -> None:
        """Wait until something is decoded that rests on nothing older, and is followed."""

        def steady(journal: Journal) -> bool:
            states, answers = journal.of(SAFETY), journal.of(VALENCE)
            return (
                bool(answers)
                and answers[-1].content.t > since
                and answers[-1].content.state != "unknown"
                and (not states or states[-1].content.state == "RUN")
            )

        self._session.until(steady, 100.0)

    @contextmanager
    def _asleep(self, name: str, awake: str) -> Iterator[None]:
        """Stop every process at once, but the one of the module `awake`, and let them go on."""
        self._session.parts()
        supervisor = psutil.Process(self._session.process.pid)
        everyone = [supervisor, *supervisor.children(recursive=True)]
        processes = [p for p in everyone if not awake or awake not in p.cmdline()]
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        begin = time.monotonic()
        try:
            yield
        finally:
            self.sleeps[name] = Moment(begin, time.monotonic())
            for process in processes:
                process.send_signal(signal.SIGCONT)

    def _step(self, name: str, by: float) -> None:
        """Set the wall clock to `by` seconds off, and let the session go on for a while."""
        begin, wanted = time.monotonic(), time.time() - time.monotonic() + by
        self._set(f"{by:+.6f}")

        def seen(journal: Journal) -> bool:
            newest = [journal.of(topic)[-1].meta for topic in (WINDOW, VALENCE, NOW)]
            return all(abs(meta.wall - meta.mono - wanted) < 1.0 for meta in newest)

        self._session.until(seen, 20.0)
        self.seen[name] = time.monotonic()
        time.sleep(STEP_S)
        self.steps[name] = Moment(begin, time.monotonic())

    def _set(self, by: str) -> None:
        written = self._clock.with_suffix(".new")
        written.write_text(by + "\n")
        written.replace(self._clock)


def of(lines: list[Message], topic: Topic, since: float, until: float) -> list[Message]:
    """Return the messages of a topic that were sent within a stretch of rig time."""
    return [m for m in lines if m.id.topic == topic.short and since <= m.meta.mono < until]


def windows(lines: list[Message]) -> list[Message]:
    """Return all windows, as the journal keeps them."""
    return of(lines, WINDOW, 0.0, float("inf"))

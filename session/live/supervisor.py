"""Runs a session: starts its parts, walks through its phases, and brings back what dies.

The supervisor decides nothing about sound: it says which phase it is, has a model trained, and
hands it to the decoder. The player protects the person by itself.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from player import kept
from rym import topics
from rym.broker import free_port
from rym.bus import ALL, Bus, order
from rym.clock import Clock
from rym.errors import ConfirmError, DeviceError, RymError
from rym.messages import Applied, Command, Learned, Loudness, Phase, Status, Stop
from rym.mqtt import MqttBus

from ..bank.admission import heard_of
from ..folder import Folder
from ..settings import PlannedPhase, Tables
from . import page
from .hearing import Hearing
from .lessons import Lessons
from .parts import Part
from .standing import StandingStop
from .training import train

READY_WITHIN = 40.0
"""Seconds that a part may take from its first start to `ready`."""
BROKER_WITHIN = 5.0
"""Seconds that an outside broker may take to answer; it is there already."""
TRIES = 3
"""Starts of a part that dies before it ever could say anything, after which the session ends."""
END_WITHIN = 6.0
"""Seconds that a part may take to end in good order."""
COME_BACK = 32.0
"""Seconds that the music's end is waited for: it takes up to 29.5 (`player.music.homecoming`), and
is heard as much later as is rendered ahead."""
MODULES = {
    "journal": "session.live.journal",
    "simulator": "stream.source",
    "stream": "stream",
    "decoder": "decoder",
    "player": "player",
    "outward": "player.outward",
    "page": "player.pictures",
}
STOPPED = {
    "operator": "The music was stopped by the operator.",
    "participant": "The music was stopped by the participant.",
    "distress": "The music was stopped because of distress.",
}
STARTED_TOGETHER = (
    ("journal",),
    ("simulator", "decoder", "player", "outward", "page"),
    ("stream",),
)
"""Groups in their order: the journal hears all, and a sender begins when `stream` opens it, whose
first window then finds everyone listening."""


class Display(Protocol):
    """Who shows what is going on."""

    def watch(self, bus: Bus) -> None:
        """Begin to listen."""
        ...

    def refresh(self) -> None:
        """Show the newest; called ten times a second."""
        ...


class Supervisor:
    """One running session.

    Parameters
    ----------
    tables : Tables
        Settings of every part.
    folder : Folder
        Where the session's data rest.
    clock : Clock
        The rig's.
    epoch : int
        Wall-clock milliseconds at the process's start.
    password : str
        Of an outside broker; not used with the embedded one.
    only : tuple of str
        Parts to run.
    """

    def __init__(
        self,
        tables: Tables,
        folder: Folder,
        clock: Clock,
        *,
        epoch: int,
        password: str = "",
        only: tuple[str, ...] = tuple(MODULES),
    ) -> None:
        self.tables = tables
        self.folder = folder
        self.clock = clock
        self.warnings: list[str] = []
        self.stopping = asyncio.Event()
        """Set by whoever wants the session to come to its end."""
        self.started = asyncio.Event()
        """Set once every part is ready."""
        self._epoch = epoch
        self._model: Path | None = None
        self._model_given_to: set[int] = set()
        self._status: dict[str, Status] = {}
        self._checked: set[str] = set()
        self._music_origin = 0.0
        self.left = kept.FIRST
        """What the player would leave behind: its next start is given it."""
        self._lessons = Lessons()
        self.hearing = Hearing(folder.person, clock.wall, self.warnings.append)
        self._distress: set[float] = set()
        self._standing = StandingStop()
        self._tasks: set[asyncio.Task[object]] = set()
        self._faults: asyncio.Queue[BaseException] = asyncio.Queue()
        outside = tables.rig.broker
        self._port = free_port()
        self._url = outside or f"mqtt://127.0.0.1:{self._port}"
        self._password = password if outside else secrets.token_urlsafe(24)
        self.broker = None if outside else self._part("broker", "rym.broker")
        if tables.session.eeg == "outside":
            only = tuple(name for name in only if name != "simulator")
        if not tables.outward.on:
            only = tuple(name for name in only if name != "outward")
        self.page = page.address(tables) if "page" in only else None
        """Where the participant's page is found; None where there is none."""
        if self.page is None:
            only = tuple(name for name in only if name != "page")
        self.parts = {name: self._part(name, MODULES[name]) for name in MODULES if name in only}
        self.bus = MqttBus(
            self._url,
            service="session",
            epoch=epoch,
            clock=clock,
            rig=tables.rig.id,
            password=self._password,
        )
        heard = (topics.STOP, topics.APPLIED["player"], topics.LEARNED, topics.LEVEL)
        self._inbox = self.bus.subscribe(*topics.STATUS.values(), *heard, overload=ALL)

    def _part(self, name: str, module: str) -> Part:
        self.folder.logs.mkdir(mode=0o700, exist_ok=True)
        return Part(
            name=name,
            module=module,
            hello=lambda: self._hello(name),
            log=self.folder.logs / f"{name}.log",
            clock=self.clock,
            arguments=("--bind", f"127.0.0.1:{self._port}") if name == "broker" else (),
            standing=lambda: self._standing.order if name == "player" else None,
        )

    def _hello(self, name: str) -> dict[str, Any]:
        """Return a part's first line: its settings, where to meet, and the password."""
        if name == "broker":
            return {"password": self._password}
        table = "source" if name == "simulator" else name
        settings = msgspec.to_builtins(getattr(self.tables, table))
        if self.page is not None and name == "page":
            settings = page.settings(self.tables, self.page)
        if name == "player":
            settings["origin"] = self._music_origin
            settings["kept"] = msgspec.to_builtins(self.left)
        if name == "outward":
            settings["bank"] = self.tables.player.bank
            settings["probabilities"] &= self.tables.player.arm == "real"
        if name == "decoder":
            settings |= self._known_before(settings)
        return {
            "settings": settings,
            "rig": self.tables.rig.id,
            "broker": self._url,
            "password": self._password,
            "session": self.folder.path.name,
            "out": str(self.folder.sound if name == "player" else self.folder.path),
        }

    @property
    def frozen(self) -> bool:
        """Whether the decoder learns nothing at present."""
        said = self._status.get("decoder")
        configured = self.tables.decoder.learning.frozen
        return configured if said is None else bool(said.facts.get("frozen", configured))

    def _known_before(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return what a decoder that is started again needs to know before its first window."""
        known: dict[str, Any] = {"learning": settings["learning"] | {"frozen": self.frozen}}
        if self._model is not None:
            known["model"] = str(self._model)
        if len(self._lessons):
            path = self.folder.lessons(self.parts["decoder"].starts)
            self._lessons.write(path)
            known["lessons"] = str(path)
        return known

    async def run(self, display: Display) -> None:
        """Run the whole session; every part has ended when it returns.

        Parameters
        ----------
        display : Display
            Shows what goes on.

        Raises
        ------
        RymError
            If a part cannot begin; its own sentence.
        """
        try:
            await self._meet()
            display.watch(self.bus)
            await self._attend(display)
        finally:
            await self._end_parts()
            for task in self._tasks:
                task.cancel()
        if not self._faults.empty():  # of what happened while the parts ended
            raise self._faults.get_nowait()

    async def _meet(self) -> None:
        """Connect to the broker: the session's own, once it runs, or the one that was named."""
        if self.broker is None:
            await self.bus.connect(within=BROKER_WITHIN)
            return
        self.broker.start()
        meeting = asyncio.create_task(self.bus.connect(within=READY_WITHIN), name="connect")
        while not meeting.done() and self.broker.running:
            await self.clock.sleep_until(self.clock.now() + 0.05)
        if not meeting.done():
            meeting.cancel()
            raise self._died(self.broker)
        await meeting

    async def _attend(self, display: Display) -> None:
        """Walk through the session while watching over it; what fails in either fails here."""
        tasks = {
            asyncio.create_task(self._walk(), name="walk"),
            asyncio.create_task(self._watch(display), name="watch"),
            asyncio.create_task(self._fail(), name="fail"),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        for task in done:
            task.result()

    async def _fail(self) -> None:
        """Raise the first error of what runs beside, which nobody else waits for."""
        raise await self._faults.get()

    async def _walk(self) -> None:
        await self._start_parts()
        for index, phase in enumerate(self.tables.session.phases):
            if not self.stopping.is_set():
                await self._phase(index, phase)
        await self._come_back()

    # -- the parts -------------------------------------------------------------------------------

    async def _start_parts(self) -> None:
        for names in STARTED_TOGETHER:
            here = [self.parts[name] for name in names if name in self.parts]
            for part in here:
                part.start()
            await self._until_ready({part.name for part in here})
        self.started.set()

    async def _until_ready(self, names: set[str]) -> None:
        give_up = self.clock.now() + READY_WITHIN
        while (late := self._not_ready(names)) and not self.stopping.is_set():
            if self.clock.now() > give_up:
                raise DeviceError(
                    f"{', '.join(late)} did not become ready within {READY_WITHIN:.0f} s.",
                    f"Look at the logs in {self.folder.logs}.",
                    logs=str(self.folder.logs),
                )
            await self.clock.sleep_until(self.clock.now() + 0.05)

    def _not_ready(self, names: set[str]) -> list[str]:
        """Return who is not ready yet.

        Raises
        ------
        DeviceError
            If one dies again and again without a word.
        """
        late = []
        for name in sorted(names):
            status = self._status.get(name)
            if status is None and len(self.parts[name].exit_codes) >= TRIES:
                raise self._died(self.parts[name])
            if status is None or status.life != "ready":
                late.append(name)
        return late

    def _died(self, part: Part) -> DeviceError:
        log = self.folder.logs / f"{part.name}.log"
        code = part.exit_codes[-1] if part.exit_codes else part.exit_code
        return DeviceError(
            f"The part {part.name} ended with code {code} before it could say why.",
            f"Look at {log}.",
            logs=str(self.folder.logs),
        )

    async def _watch(self, display: Display) -> None:
        """Ten times a second: take in what came, bring back what died, show the state."""
        while True:
            self._take_in()
            for part in [*self.parts.values(), *([self.broker] if self.broker else [])]:
                if part.watch():
                    self.warnings.append(f"{part.name} ended by itself and was started again.")
            display.refresh()
            await self.clock.sleep_until(self.clock.now() + 0.1)

    def _take_in(self) -> None:
        for message in self._inbox.drain():
            match message.content:
                case Applied():
                    self._standing.take(message)
                case Stop() as stop:
                    self._standing.take(message)
                    # One press comes by two roads, and the player says the one from the pipe again.
                    said = STOPPED[stop.by]
                    if said not in self.warnings:
                        self.warnings.append(said)
                    if message.id.service != "player":
                        self._count_distress(stop)
                case Loudness() as said_of_sound:
                    self._count(said_of_sound)
                case Learned() as learned:
                    self._lessons.take(learned)
                case Status() as status if status.epoch >= self._epoch:
                    # An older one is what a broker still holds of another session.
                    self._status[status.service] = status
                    if status.life == "ready":
                        self._after_ready(status)
                    elif status.life == "failed":
                        self._refuse(status)

    def _count(self, loudness: Loudness) -> None:
        """Count what the person's ears were given, where the player knows the sound pressure."""
        facts = self._status["player"].facts if "player" in self._status else {}
        full = facts.get("full_scale_dba") if facts.get("calibrated", True) else None
        self.hearing.take(loudness, None if full is None else float(full))

    def _refuse(self, status: Status) -> None:
        """End the session where starting a part again would only fail again.

        So it is before everything has started, and for a signal that never was what it shall be.
        Later on, a part that fails is started again: somebody is listening. One that asks waits for
        the operator's answer, and the music stays neutral meanwhile.

        Raises
        ------
        RymError
            The part's own sentence, with its exit code.
        """
        never_good = status.facts.get("checked") is False and status.service not in self._checked
        asks = status.facts.get("exit_code") == ConfirmError.exit_code
        if self.started.is_set() and (asks or not never_good):
            return
        said = status.facts.get("error")
        log = self.folder.logs / f"{status.service}.log"
        if said is None:
            raise RymError(status.detail, f"Look at {log}.", logs=str(self.folder.logs))
        error = RymError(str(said), str(status.facts["remedy"]), part=status.service)
        error.exit_code = int(status.facts["exit_code"])
        raise error

    def _after_ready(self, status: Status) -> None:
        if status.facts.get("checked"):
            self._checked.add(status.service)
        told = status.detail if status.service in ("player", "page", "outward") else ""
        if told and told not in self.warnings:
            self.warnings.append(told)
        if status.service == "player" and not self._music_origin:
            self._music_origin = float(status.facts["origin"])
        if status.service == "player":
            self.left = kept.read(str(status.facts["left"]))
        if status.service == "decoder" and self._model is not None and not status.facts["model"]:
            self._give(status.epoch, self._model)

    async def _end_parts(self) -> None:
        """End the parts along the stream; the journal hears them all, the broker carries them."""
        for name in ("simulator", "stream", "decoder", "player", "outward", "page", "journal"):
            part = self.parts.get(name)
            if part is not None:
                part.end()
                if not await part.ended(END_WITHIN):
                    self.warnings.append(f"{name} had to be killed at the end.")
        self.hearing.write()
        await self.bus.close()
        if self.broker is not None:
            self.broker.end()
            await self.broker.ended(END_WITHIN)

    # -- orders ----------------------------------------------------------------------------------

    async def command(self, command: Command) -> bool:
        """Give an order to one part and wait until it is carried out; a failure is a warning.

        Returns
        -------
        bool
            Whether it was carried out.
        """
        try:
            await order(self.bus, topics.COMMAND, command, {command.to})
        except DeviceError as error:
            self.warnings.append(str(error))
            return False
        if command.action == "release-stop":
            self._standing.end(self.clock.now())
        return True

    async def stop(self, by: Literal["operator", "distress"] = "operator") -> None:
        """Silence, by both roads: the player's own pipe, and the topic.

        A player that is away has it from the pipe at its next start, until it is released.

        Parameters
        ----------
        by : str
            Whose stop it is. The second distress ends the run.
        """
        said = Stop(by=by, t=self.clock.now())
        self._standing.say(by, said.t)
        self.parts["player"].order({"stop": by})
        self._count_distress(said)
        try:
            await order(self.bus, topics.STOP, said, {"player"}, within=2.0)
        except DeviceError as error:
            self.warnings.append(str(error))

    def _count_distress(self, stop: Stop) -> None:
        """End the run at the second press, which is known from the first by its time."""
        if stop.by == "distress":
            self._distress.add(stop.t)
        if len(self._distress) > 1 and not self.stopping.is_set():
            self.warnings.append("Distress was told twice, which ended the run.")
            self.stopping.set()

    def give_model(self, model: Path) -> None:
        """Hand a model to the decoder, now and after each of its restarts.

        The answer is not waited for: the decoder takes orders between windows, and where a
        recording waits for its phase there are none before the next phase has begun.
        """
        self._model = model
        self._give(self._status["decoder"].epoch, model)

    def _give(self, epoch: int, model: Path) -> None:
        if epoch in self._model_given_to:
            return
        self._model_given_to.add(epoch)
        command = Command(to="decoder", action="load-model", value=str(model))
        self.beside(self.command(command), "load-model")

    def beside(self, work: Coroutine[Any, Any, object], name: str) -> asyncio.Task[object]:
        """Let something happen beside everything else; an error of it ends the session.

        What still runs when the session is over ends with it.
        """
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended_beside)
        return task

    def _ended_beside(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._faults.put_nowait(error)

    # -- phases ----------------------------------------------------------------------------------

    async def _phase(self, index: int, phase: PlannedPhase) -> None:
        start = self.clock.now()
        end = start + phase.seconds if phase.seconds else None
        self._announce(phase.name, index, start, end)
        if phase.name == "training":
            await self._train(phase.seconds)
            return
        while not self.stopping.is_set():
            now = self.clock.now()
            if (end is not None and now >= end) or (end is None and self._recording_ended()):
                return
            await self.clock.sleep_until(min(end or now + 0.1, now + 0.1))

    def _announce(self, name: str, index: int, starts: float, ends: float | None) -> None:
        simulated = self.tables.session.kind == "simulated"
        content = Phase(name=name, index=index, starts=starts, ends=ends, simulated=simulated)
        self.bus.publish(topics.PHASE, content)

    def _recording_ended(self) -> bool:
        status = self._status.get("simulator")
        return status is not None and status.detail == "recording ended"

    async def _train(self, limit: float) -> None:
        try:
            trained = await train(self.folder, self.clock, within=limit, stopping=self.stopping)
        except RymError as error:
            self.warnings.append(str(error))
            return
        if trained.decoder == "none":
            self.warnings.append(f"Nothing could be learned. {trained.why}")
        try:
            silent = heard_of(self.folder.model, Path(self.tables.player.bank))
        except RymError as error:
            self.warnings.append(f"The music stays neutral. {error}")
            return
        if silent:
            self.warnings.append(silent)
        self.give_model(self.folder.model)

    async def _come_back(self) -> None:
        """Let the music come to its end, and wait for it."""
        now = self.clock.now()
        self._announce("ended", len(self.tables.session.phases), now, now + COME_BACK)
        await self.command(Command(to="player", action="end", value=""))
        while self.clock.now() < now + COME_BACK and self.parts["player"].running:
            await self.clock.sleep_until(self.clock.now() + 0.1)

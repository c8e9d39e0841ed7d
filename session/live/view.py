"""The terminal view: one screen that says where the session is and what is heard.

`Board` is pure: messages in, lines out. `Screen` draws it with rich on a terminal, and writes one
line per change of phase or state where there is none.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from player.settings import RATE
from rym import topics
from rym.bus import ALL, LATEST, Bus, Mailbox
from rym.errors import ConfirmError
from rym.messages import (
    AFFECTS,
    Drift,
    Label,
    Learned,
    Message,
    Phase,
    Played,
    Quality,
    Safety,
    Status,
    Valence,
)

from ..words import WORDS, never
from .memory_rows import MemoryRows

COLOURS = {"negative": "dark_orange", "neutral": "grey70", "positive": "dodger_blue1"}
NOTICE = (
    "The music is steered by an experimental estimate from EEG. It is often wrong. "
    "You know best how you feel."
)
WATCHED = (
    topics.PHASE,
    topics.QUALITY,
    topics.VALENCE,
    topics.NOW,
    topics.SAFETY,
    *topics.STATUS.values(),
)
EACH = (topics.LABEL, topics.LEARNED, topics.DRIFT)
"""Of these every message counts, not only the newest."""
LASTS = 3.0
"""Seconds that a level of quality must last to be told in the log: channels at the edge of a rule
go to and fro several times a second."""
LINGERS = 2.0
"""Seconds for which a disturbance stays on the screen: a blink is over before it can be read."""
QUIET = 1.5
"""Seconds without a window after which nothing comes."""
RESTS = "long enough of one thing; the music stays neutral for a while"
PAUSED = (
    "nothing has come for a minute, and the music has paused: look after the person and the cap; "
    "r lets the music come back"
)
"""The operator's alarm, in the place of what calms the participant. It is seen, not heard: a
terminal's bell may come out of the very device that the participant listens to."""
CONFIRM = "y goes on with what is there now"
PART_ORDER = ("journal", "simulator", "stream", "decoder", "player", "outward", "page")


class Board:
    """What the newest message of each kind says.

    Parameters
    ----------
    mark : str
        What stands beside the title: `SIMULATED`, `RECORDED`, or nothing.
    eeg : bool
        False where there is none: nothing is said of signal, estimate and delay then.
    note : str
        The keys, below everything else.
    page : str
        Address of the participant's page, a secret; empty where there is none.
    warnings : sequence of str
        The session's, which grow while it runs; the newest is shown.
    """

    def __init__(
        self,
        *,
        mark: str = "",
        eeg: bool = True,
        note: str = "",
        page: str = "",
        warnings: Sequence[str] = (),
    ) -> None:
        self.mark = mark
        self.warnings = warnings
        self._n_told = 0
        self.page = page
        self.eeg = eeg
        self.note = note
        self.phase: Phase | None = None
        self.label: Label | None = None
        self.quality: Quality | None = None
        self.valence: Valence | None = None
        self.played: Played | None = None
        self.safety: Safety | None = None
        self._newest = {"signal": 0.0, "estimate": 0.0}
        self.status: dict[str, Status] = {}
        self.epochs: dict[str, set[int]] = {}
        self._ages: deque[float] = deque(maxlen=40)
        self._disturbed: dict[str, float] = {}
        self._memory = MemoryRows()
        self._level = ""
        self._told_level = ""
        self._level_since = 0.0

    def new_warnings(self) -> list[str]:
        """Return a line for the log of each warning that is new since the last call.

        What a part says of itself stands there under its own name.
        """
        new = self.warnings[self._n_told :]
        self._n_told = len(self.warnings)
        told = {status.detail for status in self.status.values()}
        return [f"warning: {warning}" for warning in new if warning not in told]

    def take(self, message: Message) -> str | None:
        """Take a message in.

        Returns
        -------
        str or None
            A line for the log where something changed that is worth one.
        """
        line = None
        match message.content:
            case Phase() as phase:
                changed = self.phase is None or self.phase.index != phase.index
                self.phase = phase
                return f"phase: {phase.name}{_planned(phase)}" if changed else None
            case Label() as label:
                self.label = label
            case Quality() as quality:
                self._newest["signal"] = min(quality.t, message.meta.mono)
                return self._take_quality(quality)
            case Valence() as valence:
                self.valence = valence
                self._newest["estimate"] = min(valence.t, message.meta.mono)
                if message.meta.age is not None:
                    self._ages.append(message.meta.age)
            case Played() as played:
                return self._take_played(played)
            case Safety() as safety:
                told = None if self.safety is None else (self.safety.state, self.safety.text)
                changed = told != (safety.state, safety.text)
                self.safety = safety
                said = f". {safety.text}" if safety.text else ""
                if safety.reason == "pause":
                    said = f". ALARM: {PAUSED}"
                return f"player: {safety.state}{said}" if changed else None
            case Status() as status:
                return self._take_status(status)
            case Learned() | Drift() as said:
                line = self._memory.take(said)
        return line

    def _take_played(self, played: Played) -> str | None:
        before, self.played = self.played, played
        if _rests(played) and not (before is not None and _rests(before)):
            return f"player: {RESTS}"
        changed = before is None or before.audible != played.audible
        return f"heard: {WORDS[played.audible]}" if changed else None

    def _take_quality(self, quality: Quality) -> str | None:
        self.quality = quality
        lately = {w: t for w, t in self._disturbed.items() if 0.0 <= quality.t - t < LINGERS}
        self._disturbed = lately | dict.fromkeys(quality.artifacts, quality.t)
        if quality.level != self._level:
            self._level, self._level_since = quality.level, quality.t
        first = not self._told_level
        lasted = quality.t - self._level_since >= LASTS
        if self._level == self._told_level or not (first or lasted):
            return None
        self._told_level = self._level
        return f"signal: {quality.level}, {usable(quality)}"

    def _take_status(self, status: Status) -> str | None:
        name, before = status.service, self.status.get(status.service)
        if name == "decoder" and status.life == "ready":
            self._memory.begin(status)
        self.status[name] = status
        seen = self.epochs.setdefault(name, set())
        again = bool(seen) and status.epoch not in seen
        seen.add(status.epoch)
        if again:
            return f"{name} was started again"
        told = before.detail if before else ""
        said = f"{_question(status)}; {CONFIRM}" if _question(status) else status.detail
        return f"{name}: {said}" if status.detail not in ("", told) else None

    def draw(self, now: float) -> RenderableType:
        """Return the screen at rig time `now`, in seconds."""
        rows = Table.grid(padding=(0, 2))
        rows.add_column(style="bold", width=8)
        rows.add_column()
        if self.safety is not None and self.safety.reason == "pause":
            rows.add_row(Text("ALARM", style="reverse"), Text(PAUSED, style="reverse"))
        rows.add_row("phase", self._phase(now))
        if self.eeg:
            rows.add_row("reported", self._reported())
            rows.add_row("signal", self._signal(now))
            rows.add_row("disturbs", self._disturbs(now))
            rows.add_row("estimate", self._estimate(now))
            for name, words in self._memory.rows(now):
                rows.add_row(name, Text(words))
        else:
            rows.add_row("asked", self._asked())
        rows.add_row("heard", self._heard())
        rows.add_row("player", self._player())
        if self.eeg:
            rows.add_row("delay", self._delay(now))
        rows.add_row("parts", self._parts())
        if self.warnings:
            rows.add_row("warning", Text(self.warnings[-1]))
        if self.page:
            rows.add_row("page", Text(self.page))
        lines: list[RenderableType] = [rows]
        if self.note:
            lines += [Text(""), Text(self.note, style="grey62")]
        title = f"RYM  {self.mark}".rstrip()
        return Panel(Group(*lines), title=title, title_align="left", padding=(1, 2))

    def _phase(self, now: float) -> RenderableType:
        if self.phase is None:
            return Text("starting")
        name = "the music comes to its end" if self.phase.name == "ended" else self.phase.name
        if self.phase.ends is None:
            return Text(f"{name}, {max(0.0, now - self.phase.starts):.0f} s so far")
        whole, left = self.phase.ends - self.phase.starts, max(0.0, self.phase.ends - now)
        most = "at most " if self.phase.name == "training" else ""
        grid = Table.grid(padding=(0, 2))
        grid.add_row(
            Text(name),
            ProgressBar(total=whole, completed=whole - left, width=24, finished_style="grey70"),
            Text(f"{most}{left:.0f} s left"),
        )
        return grid

    def _reported(self) -> Text:
        if self.label is None:
            return Text("nothing yet")
        text = Text(WORDS[self.label.state], style=COLOURS.get(self.label.state, ""))
        text.append(f" ({self.label.source})", style="grey62")
        return text

    def _quiet(self, what: str, now: float) -> float:
        """Return the seconds since the newest sample, also of a sender whose clock runs ahead."""
        return now - self._newest[what]

    def _signal(self, now: float) -> Text:
        if self.quality is None:
            return Text("none yet")
        quiet = self._quiet("signal", now)
        if quiet > QUIET:
            return Text(f"not known since {quiet:.0f} s")
        return Text(f"{self.quality.level}, {usable(self.quality)}", style="medium_purple1")

    def _disturbs(self, now: float) -> Text:
        """Say what disturbs the signal now, if anything does."""
        asked = next(filter(None, map(_question, self.status.values())), "")
        if asked:
            return Text(f"{asked}; {CONFIRM}")
        if self.quality is None:
            return Text("not known yet")
        quiet = self._quiet("signal", now)
        if quiet > QUIET:
            return Text(f"nothing has come for {quiet:.0f} s; it is waited for")
        told = list(self._disturbed)
        if self.quality.lost:
            told.append(f"{self.quality.lost} samples filled in")
        return Text(", ".join(told) or "nothing", style="medium_purple1")

    def _estimate(self, now: float) -> Text:
        if self.valence is None:
            return Text("none yet")
        quiet = self._quiet("estimate", now)
        if quiet > QUIET:
            return Text(f"not known since {quiet:.0f} s")
        if self.valence.state == "unknown":
            return Text(f"not known ({self.valence.reason})")
        text = Text("unpleasant ", style="grey62")
        text.append(_meter(self.valence.valence or 0.0), style=COLOURS[self.valence.state])
        text.append(" pleasant   ", style="grey62")
        text.append(WORDS[self.valence.state], style=COLOURS[self.valence.state])
        text.append(f" {self.valence.confidence:.2f}", style="grey62")
        decoder = self.status.get("decoder")
        silent = never(str(decoder.facts.get("states", "")).split()) if decoder else ""
        text.append(f"   it {silent}" if silent else "", style="grey62")
        return text

    def _asked(self) -> Text:
        if self.played is None:
            return Text("nothing yet")
        asked = self.played.requested
        return Text(WORDS[asked], style=COLOURS[asked])

    def _heard(self) -> Text:
        if self.played is None:
            return Text("nothing yet")
        played, text = self.played, Text()
        for affect, cells in zip(AFFECTS, _shares(played.gains, 12), strict=True):
            text.append("█" * cells, style=COLOURS[affect])
        silent = played.heard is None
        text.append("  " + ("silence" if silent else WORDS[played.audible]))
        text.append(_coming(played))
        return text

    def _player(self) -> Text:
        if self.played is None or self.safety is None:
            return Text("starting")
        # A muted player stands at −120 dB, which is a number for no ear.
        level = "muted" if self.played.heard is None else f"{self.played.level_db:.0f} dB"
        text = Text(f"section {self.played.section + 1}, {level}")
        if self.safety.text and self.safety.reason != "pause":
            text.append(f". {self.safety.text}")
        elif _rests(self.played):
            text.append(f"; {RESTS}")
        return text

    def _delay(self, now: float) -> Text:
        if self.valence is None or not self._ages:
            return Text("not known yet")
        ages = sorted(self._ages)
        text = Text(f"{1000 * ages[len(ages) // 2]:.0f} ms from newest sample to estimate")
        quiet = self._quiet("estimate", now)
        if quiet > QUIET:
            text.append(f"; nothing new for {quiet:.0f} s")
        return text

    def _parts(self) -> Text:
        names = [name for name in PART_ORDER if name in self.status]
        told = []
        for name in names:
            life, again = self.status[name].life, len(self.epochs[name]) - 1
            state = "" if life == "ready" else f" {life}"
            told.append(f"{name}{state}" + (f" (started again {again}×)" if again else ""))
        return Text(", ".join(told) or "none yet")


def _rests(played: Played) -> bool:
    """Return whether the limits of exposure keep the music neutral."""
    return "resting" in played.why.split(", ")


def _question(status: Status) -> str:
    """Return what a part asks the operator; empty where it asks nothing."""
    asks = status.life == "failed" and status.facts.get("exit_code") == ConfirmError.exit_code
    return str(status.facts["error"]).rstrip(".") if asks else ""


def _planned(phase: Phase) -> str:
    if phase.ends is None:
        return ""
    most = "at most " if phase.name == "training" else ""
    return f", {most}{phase.ends - phase.starts:.0f} s"


def _coming(played: Played) -> str:
    """Say what the running or next fade leads to."""
    fade = played.fade
    if fade is None or fade.to == played.audible or fade.end <= played.frame:
        return ""
    wait = (fade.start - played.frame) / RATE
    return f", turning {WORDS[fade.to]}" + (f" in {wait:.0f} s" if wait >= 1.0 else "")


def _shares(gains: tuple[float, ...], width: int) -> list[int]:
    """Return how many of `width` cells each gain gets; together all of them, or none."""
    whole = sum(gains)
    if whole <= 0.0:
        return [0] * len(gains)
    edges = [round(width * sum(gains[:i]) / whole) for i in range(len(gains) + 1)]
    return [b - a for a, b in pairwise(edges)]


def usable(quality: Quality) -> str:
    """Say which channels are not usable and why, reasons of one kind together."""
    kinds: dict[str, list[str]] = {}
    for channel in quality.channels:
        if not channel.ok:
            # `copy of Cz`, `implausible level 1234 µV`: what follows differs from channel to
            # channel, and from window to window.
            kind = channel.reason.partition(" of ")[0].partition(" level")[0]
            kinds.setdefault(kind, []).append(channel.name)
    if not kinds:
        return f"all {len(quality.channels)} channels usable"
    n_bad = sum(map(len, kinds.values()))
    told = "; ".join(f"{' '.join(names)} ({kind})" for kind, names in kinds.items())
    return f"{n_bad} of {len(quality.channels)} channels not usable: {told}"


def _meter(valence: float, width: int = 21) -> str:
    place = round((valence + 1) / 2 * (width - 1))
    return "".join("●" if i == place else "│" if i == width // 2 else "·" for i in range(width))


class Screen:
    """Shows a `Board` while a session runs.

    Parameters
    ----------
    board : Board
        What is shown.
    quiet : bool
        True writes nothing, for `--json`.
    """

    def __init__(self, board: Board, *, quiet: bool) -> None:
        self._board = board
        self._quiet = quiet
        self._live: Live | None = None
        self._bus: Bus | None = None
        self._boxes: list[Mailbox] = []
        self._start = 0.0

    def __enter__(self) -> Self:
        console = Console(stderr=True)
        if not self._quiet and self._board.eeg:
            # Once, before anything is played; above the view it stays in sight.
            console.print(Text(NOTICE, style="italic"))
        if self._board.page and not console.is_terminal and not self._quiet:
            sys.stderr.write(f"The participant's page: {self._board.page}\n")
        if console.is_terminal and not self._quiet:
            self._live = Live(console=console, auto_refresh=False, transient=True)
            self._live.__enter__()
        return self

    def watch(self, bus: Bus) -> None:
        """Begin to listen."""
        self._bus = bus
        self._start = bus.clock.now()
        self._boxes = [
            bus.subscribe(*WATCHED, overload=LATEST),
            bus.subscribe(*EACH, overload=ALL),
        ]

    def refresh(self) -> None:
        """Take in what came and show it."""
        if self._bus is None:
            return
        for message in (message for box in self._boxes for message in box.drain()):
            if isinstance(message.content, Status) and message.content.epoch < self._bus.epoch:
                continue  # what an outside broker still holds of another session
            line = self._board.take(message)
            if line:
                self._log(line, message.meta.mono)
        for line in self._board.new_warnings():
            self._log(line, self._bus.clock.now())
        if self._live is not None:
            self._live.update(self._board.draw(self._bus.clock.now()), refresh=True)

    def _log(self, line: str, t: float) -> None:
        if self._live is None and not self._quiet:
            sys.stderr.write(f"{t - self._start:7.1f} s  {line}\n")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, trace)

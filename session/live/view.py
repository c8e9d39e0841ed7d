"""The terminal view: one screen that says where the session is and what is heard.

`Board` is pure: messages in, lines out. `Screen` draws it with rich on a terminal, and writes one
line per change of phase or state where there is none.
"""

from __future__ import annotations

import sys
from collections import deque
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from rym import topics
from rym.bus import LATEST, Bus, Mailbox
from rym.messages import AFFECTS, Message, Phase, Played, Quality, Safety, Status, Valence

COLOURS = {"negative": "dark_orange", "neutral": "grey70", "positive": "dodger_blue1"}
WORDS = {
    "negative": "unpleasant",
    "neutral": "neither",
    "positive": "pleasant",
    "unknown": "not known",
}
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


class Board:
    """What the newest message of each kind says.

    Parameters
    ----------
    simulated : bool
        Whether SIMULATED stands on top.
    """

    def __init__(self, *, simulated: bool) -> None:
        self.simulated = simulated
        self.phase: Phase | None = None
        self.quality: Quality | None = None
        self.valence: Valence | None = None
        self.played: Played | None = None
        self.safety: Safety | None = None
        self.status: dict[str, Status] = {}
        self.epochs: dict[str, set[int]] = {}
        self._ages: deque[float] = deque(maxlen=40)
        self.note = ""

    def take(self, message: Message) -> str | None:
        """Take a message in.

        Returns
        -------
        str or None
            A line for the log where something changed that is worth one.
        """
        match message.content:
            case Phase() as phase:
                changed = self.phase is None or self.phase.name != phase.name
                self.phase = phase
                return f"phase: {phase.name}" if changed else None
            case Quality() as quality:
                changed = self.quality is None or self.quality.level != quality.level
                self.quality = quality
                return f"signal: {quality.level} ({_bad(quality)})" if changed else None
            case Valence() as valence:
                self.valence = valence
                if message.meta.age is not None:
                    self._ages.append(message.meta.age)
            case Played() as played:
                changed = self.played is None or self.played.audible != played.audible
                self.played = played
                return f"heard: {WORDS[played.audible]}" if changed else None
            case Safety() as safety:
                changed = self.safety is None or self.safety.state != safety.state
                self.safety = safety
                return f"safety: {safety.state} {safety.reason}".rstrip() if changed else None
            case Status() as status:
                self.status[status.service] = status
                seen = self.epochs.setdefault(status.service, set())
                again = bool(seen) and status.epoch not in seen
                seen.add(status.epoch)
                return f"{status.service} was started again" if again else None
        return None

    def draw(self, now: float) -> RenderableType:
        """Return the screen at rig time `now`, in seconds."""
        title = "RYM  SIMULATED" if self.simulated else "RYM"
        rows = Table.grid(padding=(0, 2))
        rows.add_column(style="bold", width=9)
        rows.add_column()
        rows.add_row("phase", self._phase(now))
        rows.add_row("signal", self._signal())
        rows.add_row("estimate", self._estimate())
        rows.add_row("heard", self._heard())
        rows.add_row("delay", self._delay(now))
        rows.add_row("parts", self._parts())
        lines: list[RenderableType] = [rows]
        if self.note:
            lines.append(Text(self.note))
        lines.append(Text(NOTICE, style="italic grey62"))
        return Panel(Group(*lines), title=title, title_align="left")

    def _phase(self, now: float) -> RenderableType:
        if self.phase is None:
            return Text("starting")
        if self.phase.ends is None:
            return Text(f"{self.phase.name}, {now - self.phase.starts:.0f} s so far")
        whole, left = self.phase.ends - self.phase.starts, max(0.0, self.phase.ends - now)
        grid = Table.grid(padding=(0, 2))
        grid.add_row(
            Text(self.phase.name),
            ProgressBar(total=whole, completed=whole - left, width=40),
            Text(f"{left:.0f} s left"),
        )
        return grid

    def _signal(self) -> Text:
        if self.quality is None:
            return Text("no signal yet")
        return Text(f"{self.quality.level}, {_bad(self.quality)}")

    def _estimate(self) -> Text:
        if self.valence is None:
            return Text("none yet")
        if self.valence.state == "unknown":
            return Text(f"not known ({self.valence.reason})")
        text = Text(_meter(self.valence.valence or 0.0))
        text.append(f"  {WORDS[self.valence.state]}", style=COLOURS[self.valence.state])
        text.append(f", confidence {self.valence.confidence:.2f}")
        return text

    def _heard(self) -> Text:
        if self.played is None:
            return Text("nothing yet")
        text = Text()
        for affect, gain in zip(AFFECTS, self.played.gains, strict=True):
            text.append("█" * round(10 * gain), style=COLOURS[affect])
        text.append(f"  {WORDS[self.played.audible]}", style=COLOURS[self.played.audible])
        text.append(f", section {self.played.section + 1}, level {self.played.level_db:.0f} dB")
        if self.safety is not None and self.safety.text:
            text.append(f". {self.safety.text}")
        return text

    def _delay(self, now: float) -> Text:
        if self.valence is None or not self._ages:
            return Text("not known yet")
        ages = sorted(self._ages)
        text = Text(f"newest sample to estimate {1000 * ages[len(ages) // 2]:.0f} ms")
        quiet = now - self.valence.t
        if quiet > 1.0:
            text.append(f", nothing new for {quiet:.0f} s", style="bold")
        return text

    def _parts(self) -> Text:
        text = Text()
        for name, status in sorted(self.status.items()):
            again = len(self.epochs[name]) - 1
            mark = "" if status.life == "ready" else f" {status.life}"
            text.append(f"{name}{mark}" + (f" (started again {again}×)" if again else "") + "  ")
        return text


def _bad(quality: Quality) -> str:
    bad = [channel for channel in quality.channels if not channel.ok]
    if not bad:
        return f"all {len(quality.channels)} channels"
    names = ", ".join(f"{channel.name}: {channel.reason}" for channel in bad[:4])
    more = f" and {len(bad) - 4} more" if len(bad) > 4 else ""
    return f"{len(bad)} of {len(quality.channels)} channels set apart: {names}{more}"


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
        self._box: Mailbox | None = None
        self._start = 0.0

    def __enter__(self) -> Self:
        console = Console(stderr=True)
        if console.is_terminal and not self._quiet:
            self._live = Live(console=console, auto_refresh=False, transient=True)
            self._live.__enter__()
        return self

    def watch(self, bus: Bus) -> None:
        """Begin to listen."""
        self._bus = bus
        self._start = bus.clock.now()
        self._box = bus.subscribe(*WATCHED, overload=LATEST)

    def refresh(self) -> None:
        """Take in what came and show it."""
        if self._bus is None or self._box is None:
            return
        for message in self._box.drain():
            line = self._board.take(message)
            if line and self._live is None and not self._quiet:
                passed = message.meta.mono - self._start
                sys.stderr.write(f"{passed:7.1f} s  {line}\n")
        if self._live is not None:
            self._live.update(self._board.draw(self._bus.clock.now()), refresh=True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, trace)

"""Settings of a session: who, where, which phases; and the tables of every part below it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from decoder.settings import DecoderSettings
from generator.settings import GeneratorSettings
from player.outward.settings import OutwardSettings
from player.pictures.settings import PageSettings
from player.settings import PlayerSettings
from rym import settings as layers
from rym.errors import UsageError
from rym.settings import Layer, RigSettings
from stream.settings import StreamSettings
from stream.source import SourceSettings

from .live.journal import JournalSettings

PhaseName = Literal["rest", "calibration", "training", "feedback"]
CONFIGS = Path(__file__).resolve().parent.parent / "configs"


class PlannedPhase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One phase as planned."""

    name: PhaseName
    seconds: Annotated[float, Meta(ge=0.0)]
    """How long it lasts, in seconds; for `training` the longest that it is waited for. 0 leaves it
    open: it then ends with the recording or at the operator's word."""


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table `[session]`: what is run, with whom, and where its data rest."""

    root: str = "sessions"
    """Folder of all sessions."""
    subject: str = "sim"
    """Label of the person, a-z and 0-9; never a name."""
    session: str = "01"
    """Label of the visit, a-z and 0-9."""
    task: str = "recall"
    """Label of what is done, a-z and 0-9."""
    run: Annotated[int, Meta(ge=0)] = 0
    """Number of the run, from 1; 0 takes the next free one."""
    kind: Literal["simulated", "recorded", "pilot", "participant"] = "pilot"
    """`simulated`: nobody wears the cap. `recorded`: the EEG comes from files. `pilot`: somebody of
    the staff wears it. `participant`: a person who consented, with a bank of their own that is
    approved."""
    eeg: Literal["source", "outside"] = "outside"
    """`source`: this session starts the sender of `[source]`; `outside`: an amplifier's software
    sends (NIC)."""
    phases: tuple[PlannedPhase, ...] = ()
    """In their order."""
    seed: int = 1
    """Of everything that draws at random."""
    memory: str = str(CONFIGS / "memory.example.toml")
    """The memory whose bank is played."""
    bank: str = ""
    """A bank made before; empty builds that of `memory`, or takes the one under `people/` that a
    participant has approved."""
    model: str = ""
    """A model made before; empty leaves it to the phase `training`."""
    labels: Literal["keys", "markers"] = "keys"
    """Where training takes its labels from: held keys, or the amplifier's Markers stream."""
    codes: tuple[int, int, int, int] = (1, 2, 3, 9)
    """Marker codes of positive, neutral, negative and of letting go."""
    longest_trial: Annotated[float, Meta(gt=0)] = 60.0
    """Seconds after which the marker that ends a trial counts as missing."""

    @property
    def attended(self) -> bool:
        """Whether somebody wears the cap."""
        return self.kind in ("pilot", "participant")

    def __post_init__(self) -> None:
        names = [phase.name for phase in self.phases]
        if len(set(names)) != len(names):
            raise UsageError(
                f"The phases are {', '.join(names)}; each may stand once.",
                "Mend [[session.phases]].",
            )


class Tables(NamedTuple):
    """Every table of a session's settings, as run."""

    rig: RigSettings
    session: SessionSettings
    source: SourceSettings
    stream: StreamSettings
    decoder: DecoderSettings
    player: PlayerSettings
    journal: JournalSettings
    generator: GeneratorSettings
    outward: OutwardSettings
    page: PageSettings

    def builtins(self) -> dict[str, dict[str, Any]]:
        """Return table → key → value, as session.json keeps it."""
        return {name: msgspec.to_builtins(table) for name, table in self._asdict().items()}


SCHEMA: dict[str, Any] = {
    "rig": RigSettings,
    "session": SessionSettings,
    "source": SourceSettings,
    "stream": StreamSettings,
    "decoder": DecoderSettings,
    "player": PlayerSettings,
    "journal": JournalSettings,
    "generator": GeneratorSettings,
    "outward": OutwardSettings,
    "page": PageSettings,
}


def load(protocol: str, config: Path | None, options: Sequence[tuple[str, Any]]) -> layers.Resolved:
    """Lay protocol, `rig.toml`, `--config` and options over the defaults.

    Parameters
    ----------
    protocol : str
        Name of a file in `configs/`, without `.toml`.
    config : Path or None
        The file named with `--config`.
    options : sequence of (str, value)
        `table.key` and what the command line says of it.

    Raises
    ------
    UsageError
        If a layer names an unknown key or a value of the wrong type.
    """
    known = sorted(path.stem for path in CONFIGS.glob("*.toml") if path.name.count(".") == 1)
    if protocol not in known:
        raise UsageError(
            f"There is no protocol {protocol!r}, known are {', '.join(known)}.",
            "Name one of these with --protocol.",
            protocol=protocol,
        )
    files = [CONFIGS / f"{protocol}.toml"]
    rig = Path("rig.toml")
    if rig.is_file():
        files.append(rig)
    if config is not None:
        files.append(config)
    found = [layers.read(path) for path in files]
    for path, value in options:
        table: Any = value
        for key in reversed(path.split(".")):
            table = {key: table}
        found.append(Layer("command line", table))
    return layers.load(SCHEMA, found)


def tables(resolved: layers.Resolved) -> Tables:
    """Return the resolved tables under their own types."""
    return Tables(**resolved.tables)  # type: ignore[arg-type]

"""Which of the streams on the network is meant, at the start and after an outage (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rym.errors import ConfirmError, SignalError

from ..items import SideKind
from ..settings import StreamSettings

SIDE_TYPES: dict[SideKind, tuple[str, ...]] = {
    "accelerometer": ("Accelerometer", "ACC"),
    "quality": ("Quality",),
    "markers": ("Markers",),
}
"""LSL types of a device's other streams; `ACC` is what programs for the Muse say."""

CHOOSE = "Choose one with [stream] lsl_name, source_id or lsl_host."


class Seen(NamedTuple):
    """One stream on the network."""

    name: str
    kind: str
    source_id: str
    host: str
    uid: str
    n_channels: int
    rate: float
    """Declared samples per second; 0 for an irregular stream."""
    form: str
    """`float32`, `double64`, `int8`, `int16`, `int32`, `int64` or `string`."""
    created: float = 0.0
    """When its sender made it, in seconds of the sender's clock; 0 where it is not known."""

    def __str__(self) -> str:
        return (
            f"{self.name} (type {self.kind}, source id {self.source_id or 'none'}) on {self.host}"
        )


class Wanted(NamedTuple):
    """What a stream must be called; empty: anything."""

    kind: str
    name: str
    """With `*` at its end: what the name begins with."""
    source_id: str
    host: str

    def fits(self, seen: Seen) -> bool:
        """Return whether a stream is called so."""
        named = (
            seen.name.startswith(self.name[:-1])
            if self.name.endswith("*")
            else self.name in ("", seen.name)
        )
        return (
            named
            and self.kind in ("", seen.kind)
            and self.source_id in ("", seen.source_id)
            and self.host in ("", seen.host)
        )

    def __str__(self) -> str:
        said = {
            "type": self.kind,
            "name": self.name,
            "source id": self.source_id,
            "host": self.host,
        }
        return ", ".join(f"{key} {value!r}" for key, value in said.items() if value)


def wanted(settings: StreamSettings) -> Wanted:
    """Return what the settings ask for, the preset's name where they give none."""
    preset = {"any": "", "nic1": "NIC", "nic2": f"{settings.prefix}-EEG", "muse": "Muse*"}
    return Wanted(
        settings.lsl_type,
        settings.lsl_name or preset[settings.preset],
        settings.source_id,
        settings.lsl_host,
    )


def choose(seen: Sequence[Seen], asked: Wanted) -> Seen | None:
    """Return the one stream that is called so, or None where there is none.

    Raises
    ------
    SignalError
        If more than one is; it lists them.
    """
    return _only([stream for stream in seen if asked.fits(stream)], f"match {asked}")


def nothing_found(seen: Sequence[Seen], asked: Wanted, within: float) -> SignalError:
    """Return the error for a stream that did not appear within so many seconds."""
    found = f"seen: {enumerate_streams(seen) or 'none at all'}"
    turn_on = "Turn on the LSL output (in NIC: Settings, LSL)"
    remedy = (
        f"{turn_on} and let it through the firewall, or change [stream] preset, lsl_type, "
        "lsl_name, source_id or lsl_host; `rym doctor` shows every stream."
        if seen
        else f"{turn_on}, let it through the firewall of both machines (UDP port 16571, UDP and "
        "TCP ports 16572 to 16604), and give both the same LSL SessionID."
    )
    return SignalError(
        f"No LSL stream with {asked} was found within {within:g} s; {found}.",
        remedy,
        wanted=asked._asdict(),
        streams=list(seen),
    )


def successor(
    old: Seen, seen: Sequence[Seen], settings: StreamSettings, away: float
) -> Seen | None:
    """Return the stream that goes on where one vanished.

    Parameters
    ----------
    old : Seen
        The stream that vanished.
    seen : sequence of Seen
        What is on the network now.
    settings : StreamSettings
        Which streams may be taken, and whether a new sender is accepted.
    away : float
        Seconds since the last sample.

    Returns
    -------
    Seen or None
        The same one where it is still there; else one with the same source id or, if the old one
        had none, of the same name, type and host; else, if a new sender is accepted, the only one
        that the settings fit; else None.

    Raises
    ------
    ConfirmError
        If, after `[stream] wait` seconds, only one is there that must be confirmed.
    SignalError
        If more than one could be meant.
    """
    if any(stream.uid == old.uid for stream in seen):
        return old
    asked = wanted(settings)
    fitting = [stream for stream in seen if asked.fits(stream)]
    same = [stream for stream in fitting if _is_same(old, stream)]
    if same:
        return _only(same, f"could be {old}, which vanished")
    if settings.accept_new_sender:
        return _only(fitting, f"could follow {old}, which vanished")
    if fitting and away >= settings.wait:
        raise ConfirmError(
            f"{old} vanished {away:.0f} s ago; there is {enumerate_streams(fitting)} instead.",
            "Start the old one again, or confirm the new one: start again, or set [stream] "
            "accept_new_sender = true.",
            vanished=old,
            streams=fitting,
        )
    return None


def _is_same(old: Seen, new: Seen) -> bool:
    if old.source_id:
        return (old.source_id, old.name, old.kind) == (new.source_id, new.name, new.kind)
    return (old.name, old.kind, old.host) == (new.name, new.kind, new.host)


def _only(streams: Sequence[Seen], what: str) -> Seen | None:
    if len(streams) > 1:
        raise SignalError(
            f"{len(streams)} LSL streams {what}: {enumerate_streams(streams)}.",
            CHOOSE,
            streams=list(streams),
        )
    return streams[0] if streams else None


def enumerate_streams(streams: Iterable[Seen]) -> str:
    """Return streams as people list them."""
    return "; ".join(sorted(map(str, streams)))


class Sides(NamedTuple):
    """The other streams of an EEG stream's device."""

    there: dict[SideKind, Seen]
    missing: dict[SideKind, str]
    """Why not."""


def choose_sides(eeg: Seen, seen: Sequence[Seen]) -> Sides:
    """Find a device's accelerometer, quality and markers among all streams.

    Parameters
    ----------
    eeg : Seen
        The device's EEG stream.
    seen : sequence of Seen
        What is on the network.

    Returns
    -------
    Sides
        Streams of the same host that are named as the EEG is (NIC 1, Muse) or, where its name ends
        with its type (NIC 2: `prefix-EEG`), with their own type in that place. Where devices share
        a name, those whose source ids begin as the EEG's, or that were made when it was.
    """
    named_by_type = eeg.name.endswith(f"-{eeg.kind}")
    there: dict[SideKind, Seen] = {}
    missing: dict[SideKind, str] = {}
    beside = [s for s in seen if s.host == eeg.host]
    twins = [s for s in beside if (s.name, s.kind) == (eeg.name, eeg.kind) and s.uid != eeg.uid]
    for side, types in SIDE_TYPES.items():
        named = [
            stream
            for stream in beside
            if stream.kind in types
            and stream.name
            == (eeg.name.removesuffix(eeg.kind) + stream.kind if named_by_type else eeg.name)
        ]
        found = _of_one_device(eeg, twins, named) if twins else named
        if found is None:
            missing[side] = _doubt(named, twins)
        elif reason := _misfit(side, found, eeg):
            missing[side] = reason
        else:
            there[side] = found[0]
    return Sides(there, missing)


def _of_one_device(
    eeg: Seen, twins: Sequence[Seen], named: Sequence[Seen]
) -> Sequence[Seen] | None:
    """Return those of one kind that belong to one of several devices of a name; None: who knows."""
    devices = [eeg, *twins]
    owners = [_owner(stream, devices) for stream in named]
    if None not in owners:
        return [stream for stream, owner in zip(named, owners, strict=True) if owner is eeg]
    # A program makes all streams of a device at once, so those of two devices come one device
    # after the other. Where they do not, or where one is missing, nothing is guessed.
    order = sorted([*devices, *named], key=lambda stream: stream.created)
    pairs = [order[i : i + 2] for i in range(0, len(order), 2)]
    whole = len(named) == len(devices) and not any(owners) and order[0].created
    if whole and all(sum(s in devices for s in pair) == 1 for pair in pairs):
        return [s for pair in pairs if eeg in pair for s in pair if s is not eeg]
    return None


def _owner(stream: Seen, devices: Sequence[Seen]) -> Seen | None:
    """Return the device whose source id, but for its type, a stream's begins with."""
    stems = {re.sub(r"[-_ ]?eeg$", "", one.source_id, flags=re.IGNORECASE): one for one in devices}
    fitting = [stem for stem in stems if stem and stream.source_id.startswith(stem)]
    if len(stems) < len(devices) or not fitting:
        return None
    return stems[max(fitting, key=len)]


def _doubt(found: Sequence[Seen], twins: Sequence[Seen] = ()) -> str:
    """Return why none of several streams is taken, and how to choose one."""
    return (
        f"{len(found)} of them for {1 + len(twins)} devices called alike: give each device a "
        "name of its own in its software, and choose it with [stream] lsl_name, or prefix for NIC 2"
    )


def _misfit(side: SideKind, found: Sequence[Seen], eeg: Seen) -> str:
    """Return why these streams cannot be that side stream; empty where one can."""
    if len(found) > 1:
        return _doubt(found)
    if not found:
        return "no such stream"
    columns = {"accelerometer": 3, "quality": eeg.n_channels, "markers": 1}[side]
    if found[0].n_channels != columns:
        return f"{found[0].n_channels} channels, not {columns}"
    if found[0].form == "string" and side != "markers":
        return "text, not numbers"
    return ""

"""What the report must know beside the messages: the session's record, and who said what he is.

What ran is taken from what the parts said of themselves when they were ready, before what the
settings wished for: a model may have been refused, or come from elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from rym import messages as m
from rym import topics

from ..folder import Record
from .hearing import hearing
from .latency import DWELL, OUTPUT, WAIT, Delay
from .remembered import Remembered

Log = Mapping[str, Sequence[m.Message]]
MEMORY = "cebra-knn"
"""The decoder that has a latent space and a memory in it."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the analysis must be told."""

    session: str = ""
    """Where the session rests, below the folder of all sessions."""
    started: str = ""
    """Wall-clock time of the start, for people."""
    kind: str = ""
    """`simulated`, `recorded` (the EEG was replayed from files), `pilot`, `participant`; empty if
    not known."""
    n_files: int = 0
    """Recordings that were replayed; 0 where the EEG was live."""
    n_labels: int = 0
    """Different labels that stood for whole recordings; 0 where none did."""
    verdict: str = ""
    """The gate's verdict: `follows`, `unclear`, `guessing`; empty without a model."""
    verdict_why: str = ""
    """One sentence behind the verdict."""
    states: tuple[str, ...] = ()
    """What the model knows; empty without one, or where it learned nothing."""
    decoder: str = ""
    """What answers in the model: `cebra-knn`, `lda`, …; empty without one."""
    model: str = ""
    """First 16 hex digits of the newest model's hash; empty without one."""
    remembered: Remembered | None = None
    """The calibration's rows as that model remembers them; null where it does not, or where the
    session's folder does not hold it."""
    frozen: bool = False
    """Whether the settings ask that nothing be learned while the session runs."""
    drive: str = "verdict"
    """`verdict`: only `follows` lets the estimate drive; `always`: the verdict is told, no more."""
    delay: float | None = None
    """Delay that the decoder declares, in seconds; null without a model."""
    reaction_lag: float = 0.5
    """Delay that is assumed between a feeling and its key, in seconds."""
    delays: tuple[Delay, ...] = ()
    """Delays known from the settings alone."""
    settings_hash: str = ""
    rate: int = 48_000
    """Player frames per second."""
    hearing: str = ""
    """How loud it was at the ear, or that it is not known; one sentence."""
    files: tuple[tuple[str, str], ...] = ()
    """(what it is, path)."""
    versions: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()


def gather(log: Log, record: Record | None) -> Facts:
    """Return the facts of a session; without a record, what the messages alone tell.

    Parameters
    ----------
    log : mapping of str to sequence of Message
        Messages per short topic.
    record : Record or None
        What session.json says.
    """
    tables = record.settings if record else {}
    decoder, model, player = tables.get("decoder", {}), decoder_said(log), player_said(log)
    replayed, placed = _replayed(tables), _placing(log)
    return Facts(
        started=_wall(record.started) if record else "",
        kind=_kind(log, record),
        hearing=hearing(log, _kind(log, record)),
        n_files=len({file["path"] for file in replayed}),
        n_labels=len({file["label"] for file in replayed if file.get("label")}),
        verdict=str(model.get("verdict", "")),
        verdict_why=str(model.get("why", "")),
        states=tuple(str(model.get("states", "")).split()),
        decoder=str(model.get("decoder", MEMORY if placed else "")),
        model=str(model.get("model", placed)),
        frozen=bool(decoder.get("learning", {}).get("frozen", False)),
        drive=str(decoder.get("drive", "verdict")),
        delay=_seconds(model.get("delay")),
        reaction_lag=float(decoder.get("training", {}).get("reaction_lag", 0.5)),
        delays=declared(model, player, tables),
        rate=int(player.get("rate", 48_000)),
        settings_hash=settings_hash(tables) if tables else "",
        versions=tuple((k, v) for k, v in record.versions.items() if v) if record else (),
    )


def _placing(log: Log) -> str:
    """Return the model that placed the newest moment in its latent space; empty where none did."""
    moments = [x.content for x in log.get(topics.LATENT.short, ())]
    return str(moments[-1].model) if moments else ""


def _kind(log: Log, record: Record | None) -> str:
    said = record.settings.get("session", {}).get("kind", "") if record else ""
    if said:
        return str(said)
    told = any(x.content.simulated for x in log.get(topics.PHASE.short, ()))
    simulated = told or bool(log.get(topics.TRUTH.short)) or bool(record and record.simulated)
    return "simulated" if simulated else ""


def _replayed(tables: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the stretches of files that the settings name, where the session played them."""
    if tables.get("session", {}).get("eeg") != "source":
        return []
    sender = tables.get("source", {}).get("sender", {})
    return list(sender.get("files", ()))


def decoder_said(log: Log) -> dict[str, Any]:
    """Return the newest model's own words: `verdict`, `why`, `delay` and its parts; or nothing."""
    said = [x.content for x in log.get(topics.STATUS["decoder"].short, ())]
    with_model = [s for s in said if s.life == "ready" and s.facts.get("verdict")]
    if not with_model:
        return {}
    newest = with_model[-1].facts
    # The first word on a model is why its verdict is what it is; later ones may refuse an order.
    first = next(s for s in with_model if s.facts.get("model") == newest.get("model"))
    return {**newest, "why": first.detail}


def declared(
    model: Mapping[str, Any], player: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]]
) -> tuple[Delay, ...]:
    """Return the delays that follow from the model and the settings.

    Parameters
    ----------
    model : mapping of str to value
        See `decoder_said`.
    player : mapping of str to value
        See `player_said`.
    tables : mapping of str to mapping
        Settings as run, a table per part.
    """
    hop = _seconds(tables.get("stream", {}).get("hop"))
    found = (
        ("middle of the window", model.get("half_window"), "a window speaks for its middle"),
        ("wait for the next window", hop / 2 if hop else None, f"half of {hop} s between windows"),
        ("middle of the rows", model.get("half_field"), "several rows speak for their middle"),
        ("smoothing", model.get("smoothing"), "time constant of the smoothing"),
    )
    out = [
        Delay(name=name, seconds=float(seconds), why=why) for name, seconds, why in found if seconds
    ]
    return (*out, *_rules(tables.get("player", {})), *_output(player, tables.get("player", {})))


def player_said(log: Log) -> dict[str, Any]:
    """Return what the newest player said when it was ready: `rate`, `sink`, `depth_ms` and more."""
    said = [x.content for x in log.get(topics.STATUS["player"].short, ())]
    ready = [s.facts for s in said if s.life == "ready" and s.facts]
    return dict(ready[-1]) if ready else {}


def _output(said: Mapping[str, Any], player: Mapping[str, Any]) -> list[Delay]:
    """Name what lies between the making of a sound and the ear."""
    if "depth_ms" not in said:
        return []
    ms = {"of ring": float(said["depth_ms"]), "of limiter": float(said.get("limiter_ms", 0.0))}
    # A device is called by its own name; what stands in for one is `null`.
    if said.get("sink", "null") != "null":
        ms["asked of the device"] = 1e3 * float(player.get("latency", 0.0))
        ms["measured by rym check delay"] = 1e3 * float(player.get("device_delay", 0.0))
    why = ", ".join(f"{value:g} ms {name}" for name, value in ms.items() if value)
    why += f" ({said['sink']})" if "sink" in said else ""
    return [Delay(name=OUTPUT, seconds=sum(ms.values()) / 1e3, why=why)]


def _rules(player: Mapping[str, Any]) -> list[Delay]:
    out = []
    if "dwell" in player:
        why = f"not within {player['dwell']:g} s from the end of a fade"
        if "max_changes" in player:
            why += f", nor more than {player['max_changes']} times a minute"
        out.append(Delay(name=DWELL, seconds=None, why=why))
    if "preset" in player:
        why = f"a change waits for its place in the music (preset {player['preset']})"
        out.append(Delay(name=WAIT, seconds=None, why=why))
    return out


def settings_hash(tables: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the settings as run, independent of the order of their keys; hex."""
    return hashlib.sha256(msgspec.json.encode(tables, order="sorted")).hexdigest()


def _seconds(value: Any) -> float | None:
    return None if value is None else float(value)


def _wall(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M %z")

"""The table of topics: who says what, under which short name, kept or not.

Full name on a broker: `rym/v<VERSION>/<rig>/<short>`. A topic that is not in this table does not
exist; a content that is not its topic's type is refused.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from rym import messages as m
from rym.errors import UsageError

VERSION = 5
"""Raised by one whenever a message changes its form."""

RIG = re.compile(r"[a-z0-9-]{1,32}\Z")


class Topic(NamedTuple):
    """One row of the table."""

    short: str
    content: type[m.Content]
    retained: bool = False
    binary: bool = False
    qos: int = 0
    """1 where a lost message could change what a person hears or what replay needs."""


WINDOW = Topic("stream/window", m.Window, binary=True)
QUALITY = Topic("stream/quality", m.Quality, retained=True)
MARKER = Topic("stream/marker", m.Marker, qos=1)
VALENCE = Topic("decoder/valence", m.Valence)
LEARNED = Topic("decoder/learned", m.Learned, qos=1)
LATENT = Topic("decoder/latent", m.Latent)
DRIFT = Topic("decoder/drift", m.Drift, qos=1)
NOW = Topic("player/now", m.Played)
PICTURE = Topic("player/picture", m.Shown)
LEVEL = Topic("player/level", m.Loudness)
SAFETY = Topic("player/safety", m.Safety, retained=True, qos=1)
LABEL = Topic("session/label", m.Label, qos=1)
COMMAND = Topic("session/command", m.Command, qos=1)
PHASE = Topic("session/phase", m.Phase, retained=True, qos=1)
STOP = Topic("safety/stop", m.Stop, qos=1)
CLOCK = Topic("rig/clock", m.ClockOffset, qos=1)
TRUTH = Topic("simulator/truth", m.Truth, qos=1)
FAULT = Topic("simulator/fault", m.Injected, qos=1)
MISSING = Topic("journal/missing", m.Missing)

SERVICES = ("stream", "decoder", "player", "page", "outward", "session", "simulator", "journal")
STATUS = {s: Topic(f"{s}/status", m.Status, retained=True, qos=1) for s in SERVICES}
APPLIED = {s: Topic(f"{s}/applied", m.Applied, qos=1) for s in SERVICES}

TOPICS: dict[str, Topic] = {
    t.short: t
    for t in (
        WINDOW,
        QUALITY,
        MARKER,
        VALENCE,
        LEARNED,
        LATENT,
        DRIFT,
        NOW,
        PICTURE,
        LEVEL,
        SAFETY,
        LABEL,
        COMMAND,
        PHASE,
        STOP,
        CLOCK,
        TRUTH,
        FAULT,
        MISSING,
        *STATUS.values(),
        *APPLIED.values(),
    )
}


def prefix(rig: str) -> str:
    """Return the part of a topic's full name that comes before the short one.

    Parameters
    ----------
    rig : str
        Lower-case id of the rig (`[a-z0-9-]`, 1 to 32 characters); never a person's name.

    Raises
    ------
    UsageError
        If `rig` has any other form.
    """
    if not RIG.match(rig):
        raise UsageError(
            f"The rig's id is {rig[:40]!r}, allowed are 1 to 32 characters of a-z, 0-9 and '-'.",
            "Choose another id in [rig] id.",
            rig=rig,
        )
    return f"rym/v{VERSION}/{rig}/"

"""What the player may be told; every field has its unit."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from rym.errors import UsageError
from rym.messages import State

from .kept import FIRST, Kept

RATE = 48_000
"""Frames per second of every bank and of every stream to a device."""

BLOCK = 480
"""Frames of a control block: inputs take effect at its border, 10 ms apart."""

SHORTEST = 15
"""Seconds for which an affect must be allowed to be heard, else it is not begun: a bar to come, a
bar to go, and something in between."""

CAUTIOUS = {
    "negative_longest": 60.0,
    "negative_share": 0.3,
    "positive_longest": 120.0,
    "positive_share": 0.6,
}
"""Largest exposure limits for which no reason is needed."""
LEAST_NEUTRAL = 30.0
"""Seconds of neutral after a forced end below which a reason is needed."""

STOP_FADE = {"operator": 0.12, "participant": 0.12, "distress": 1.5}
"""Seconds of the fade to silence, by who asks for it."""
STOP_WITHIN = 0.5
"""Seconds from a stop to silence that are promised; distress, whose fade is 1.5 s, has 2."""

WRITTEN = ("permuted", "yoked")
"""Arms that are led by a sequence written beforehand."""


class PlayerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one player start."""

    bank: str = "bank"
    """Folder of the bank, as written by `rym bank build`."""
    bank_sha256: str = ""
    """Hash of what must be in it (`Bank.content_sha256`), as hex digits; empty takes whatever is
    there. A participant's session sets it: a player that is started again in the middle must not
    play what was built meanwhile and nobody approved."""
    preset: Literal["close", "gentle", "paper"] = "gentle"
    """When and how fast affects change: see `player.deciding.presets`."""
    mix: Literal["steps", "continuous"] = "steps"
    """`steps`: one affect is heard, and fades lead from one to another. `continuous`: neutral and
    one pole are mixed as the decoded valence says, however small it is."""
    arm: Literal["real", "permuted", "yoked", "keys", "none"] = "real"
    """What leads the music: the decoder; for `permuted` and `yoked` the `sequence`; held keys; or
    nothing, which is neutral. All else, the limits and the dead-man switch above all, is the same
    in every arm."""
    sequence: tuple[tuple[State, Annotated[float, msgspec.Meta(gt=0.0, le=3600.0)]], ...] = ()
    """State and seconds, one after the other from the player's first frame on; for `permuted` and
    `yoked` only. After the last, neutral."""
    course: Literal["follow", "hold", "neutral", "positive"] = "follow"
    """Whereto a guided session goes: what leads is followed; nothing new is begun; or the music
    goes towards neutral or positive a step at a time, and never back."""
    course_step: Annotated[float, msgspec.Meta(ge=1.0, le=3600.0)] = 30.0
    """Seconds between two steps of such a course."""
    dwell: Annotated[float, msgspec.Meta(ge=0.0, le=600.0)] = 8.0
    """Seconds from the end of a fade before the lead may begin another one."""
    max_changes: Annotated[int, msgspec.Meta(ge=1, le=600)] = 6
    """Fades that may begin within any 60 seconds by the doing of whoever leads."""
    min_confidence: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = 0.0
    """A decoded state of less confidence (0…1) counts as unknown, hence neutral. 0 leaves the
    judgement to the decoder's own gate."""
    negative_longest: Annotated[float, msgspec.Meta(ge=0.0, le=3600.0)] = CAUTIOUS[
        "negative_longest"
    ]
    """Seconds for which negative may be heard in one go, fades included: see
    `player.deciding.exposure`."""
    negative_share: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = CAUTIOUS["negative_share"]
    """Largest share of the run (0…1) in which negative is heard; 0: never."""
    positive_longest: Annotated[float, msgspec.Meta(ge=0.0, le=3600.0)] = CAUTIOUS[
        "positive_longest"
    ]
    """Seconds for which positive may be heard in one go, fades included."""
    positive_share: Annotated[float, msgspec.Meta(ge=0.0, le=1.0)] = CAUTIOUS["positive_share"]
    """Largest share of the run (0…1) in which positive is heard; 0: never."""
    neutral_after: Annotated[float, msgspec.Meta(ge=1.0, le=600.0)] = LEAST_NEUTRAL
    """Seconds of neutral alone after an affect was ended by these limits; one that comes back
    sooner goes on with its count."""
    exposure_reason: str = ""
    """Why these limits are looser than the defaults: without it they may only be stricter. There
    is no command that changes them once the player runs."""
    loops: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    """How often a section is played before the next one."""
    level_db: Annotated[float, msgspec.Meta(ge=-60.0, le=0.0)] = 0.0
    """Overall level in dB over the bank's own (-20 LUFS); `set-level` only goes below it."""
    rise: Annotated[float, msgspec.Meta(ge=0.5, le=60.0)] = 4.0
    """Seconds in which sound comes up from silence, at a start and after a pause."""
    sink: Literal["auto", "portaudio", "wav", "null"] = "auto"
    """`auto`: PortAudio where there is a device, else `null`. `null` keeps time by the clock and
    sounds nowhere; `wav` does the same and writes what was rendered as float WAV besides."""
    device: str = ""
    """Name of the audio device, or a part that only one name has; on Linux also of a sink of
    PulseAudio or PipeWire. Empty for the default."""
    depth: Annotated[float, msgspec.Meta(ge=0.05, le=1.0)] = 0.28
    """Seconds rendered ahead: what a stall of this process may last without being heard, and what
    every input waits. Two threads that hold the interpreter's lock for 0.2 and 0.05 s, one after
    the other, interrupted a depth of 0.23 by some ms; with 0.28, the device's buffer and its own
    fade, a stop is still silence within 0.5 s."""
    latency: Annotated[float, msgspec.Meta(ge=0.01, le=0.5)] = 0.05
    """Seconds of buffer asked of the audio device."""
    device_rate: Literal[0, 44_100, 48_000, 96_000] = 0
    """Frames per second of the audio device; 0: 48 000 where it takes them, else its own. What is
    played is brought to that rate behind the limiter."""
    exclusive: bool = False
    """Whether no other program may sound through this device: WASAPI, WDM-KS or ALSA's `hw`. Where
    that cannot be had, as through Core Audio or a sound server, nothing is played."""
    monitor: str = ""
    """Name of a second audio device on which the operator hears the same; empty: none."""
    talkback: str = ""
    """Name of the microphone through which the operator speaks while the music is ducked; empty:
    none."""
    full_scale_dba: Annotated[float, msgspec.Meta(ge=60.0, le=150.0)] | None = None
    """Sound pressure level in dB(A) that a sine of full scale has at the ear with this device at
    this system volume, as `rym check level` was told; null: not known. Without it no dose is
    estimated, and no cap can hold."""
    calibrated_device: str = ""
    """Name of the audio device for which `full_scale_dba` holds; with another one it is void."""
    calibrated_volume: str = ""
    """System volume at which it holds, as it is read by `player.level.volume`; empty where it could
    not be read. At another one it is void."""
    device_delay: Annotated[float, msgspec.Meta(ge=-0.5, le=2.0)] = 0.0
    """Seconds by which sound is heard later than the device declares. `rym check delay` measures it
    against the EEG and writes it to `rig.toml`; 0: nobody has."""
    origin: Annotated[float, msgspec.Meta(ge=0.0)] = 0.0
    """Rig time in seconds of the music's first frame; 0 for this start. A restarted player is given
    the first start's, and so goes on where the music would be."""
    kept: Kept = FIRST
    """What the start before left behind; a restarted player is given it by its supervisor."""

    def __post_init__(self) -> None:
        if self.arm in WRITTEN and not self.sequence:
            raise UsageError(
                f"The arm {self.arm!r} has no sequence.",
                "Give the states and their seconds in sequence.",
            )
        if self.sequence and self.arm not in WRITTEN:
            raise UsageError(
                f"The arm {self.arm!r} has a sequence of {len(self.sequence)} states, which only "
                f"{' and '.join(WRITTEN)} follow.",
                "Leave the sequence away, or choose one of these arms.",
            )
        for affect in ("negative", "positive"):
            longest = getattr(self, f"{affect}_longest")
            if longest < SHORTEST:
                raise UsageError(
                    f"{affect}_longest is {longest:g} s, but an affect that must end within "
                    f"{SHORTEST} s is never begun.",
                    f"Set it to at least {SHORTEST}; {affect}_share = 0 keeps {affect} away.",
                )
        if self.exposure_reason.strip():
            return
        for name, most in CAUTIOUS.items():
            if getattr(self, name) > most:
                raise UsageError(
                    f"{name} is {getattr(self, name):g}, more than {most:g} needs a reason.",
                    f"Set it to at most {most:g}, or say why in exposure_reason.",
                )
        if self.neutral_after < LEAST_NEUTRAL:
            raise UsageError(
                f"neutral_after is {self.neutral_after:g} s, less than {LEAST_NEUTRAL:g} s needs a "
                "reason.",
                f"Set it to at least {LEAST_NEUTRAL:g}, or say why in exposure_reason.",
            )

    def silent_after(self, latency: float) -> float:
        """Return the seconds from a stop to silence with a device that adds `latency` seconds."""
        return self.depth + latency + BLOCK / RATE + STOP_FADE["operator"]

    def check_stop(self) -> None:
        """Refuse what a stop would take too long with, before anything sounds.

        Not when they are made: a session that was played so must be replayed.

        Raises
        ------
        UsageError
            If a device is meant and silence would come later than promised.
        """
        silent = self.silent_after(self.latency)
        if self.sink in ("null", "wav") or silent <= STOP_WITHIN + 1e-9:
            return
        room = STOP_WITHIN - (silent - self.depth - self.latency)
        raise UsageError(
            f"With a depth of {self.depth:g} s and a latency of {self.latency:g} s a stop is "
            f"silence after {silent:.2f} s, and {STOP_WITHIN:g} s are promised.",
            f"Set [player] depth and latency to at most {room:.2f} s together.",
        )

"""The kinds of scripted faults: what can be put into a signal, when and how strongly (pure).

A script is a list of `[[source.faults]]` tables. `at` and `seconds` count the source's samples, not
the clock, so that a script does the same to the same samples in every run. What the faults do
stands in `disturbances.py` (values) and `faultscript.py` (time, order, streams).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]


class Fault(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"
):
    """When a fault holds."""

    at: NotNegative
    """Seconds from the source's first sample."""
    seconds: NotNegative = 0.0
    """How long it lasts; 0: from then on."""


class OnChannels(Fault, frozen=True, kw_only=True):
    """A fault of some channels."""

    channels: tuple[str, ...] = ()
    """Names as the source gives them; empty: all."""


# What happens to the streams themselves.


class Vanish(Fault, frozen=True, kw_only=True, tag="vanish"):
    """All streams leave the network, as when the amplifier's software is closed.

    A stream that comes back always has a new uid: LSL gives one to every outlet. An outage that
    keeps the uid is `stall`.
    """

    back: Literal["same", "empty", "other", "never"] = "same"
    """Source id with which they come back."""

    def __post_init__(self) -> None:
        """Ask for a length, unless they never come back."""
        if self.back != "never":
            _needs_seconds("vanish", self.seconds)


class Second(Fault, frozen=True, kw_only=True, tag="second"):
    """A second set of streams that matches the first appears and sends the same."""

    source_id: Literal["same", "other"] = "other"
    """Its source id."""


# What happens on the way.


class Stall(Fault, frozen=True, kw_only=True, tag="stall"):
    """Nothing arrives; then everything at once, with its old stamps, or nothing of it."""

    lost: bool = False
    """Whether what was held back is thrown away."""

    def __post_init__(self) -> None:
        """Refuse to hold back for ever."""
        if not self.lost:
            _needs_seconds("stall", self.seconds)


class Drop(Fault, frozen=True, kw_only=True, tag="drop"):
    """Samples are lost on the way."""

    share: Share = 0.01
    """Of the samples, on average."""
    run: Count = 1
    """Samples that are lost together."""


class Duplicate(Fault, frozen=True, kw_only=True, tag="duplicate"):
    """Chunks arrive twice."""

    share: Share = 0.1
    """Of the chunks, on average."""
    size: Count = 20
    """Samples of a chunk."""


class Reorder(Fault, frozen=True, kw_only=True, tag="reorder"):
    """A chunk arrives after the one that follows it."""

    share: Share = 0.2
    """Of the pairs of chunks, on average."""
    size: Count = 20
    """Samples of a chunk."""


class Burst(Fault, frozen=True, kw_only=True, tag="burst"):
    """Samples arrive in chunks of very different size."""

    smallest: Count = 1
    """Samples."""
    largest: Count = 5000
    """Samples; 500 at 500 Hz is a Wi-Fi link that stands still for a second at a time."""

    def __post_init__(self) -> None:
        """Refuse an empty range."""
        if self.smallest > self.largest:
            raise ValueError(f"smallest is {self.smallest}, more than largest, {self.largest}.")


class Jitter(Fault, frozen=True, kw_only=True, tag="jitter"):
    """Samples arrive in chunks that carry the time of their arrival instead of their own."""

    size: Count = 12
    """Samples of a chunk; a Muse's Bluetooth packet holds 12."""
    late: Positive = 0.006
    """Mean delay in seconds, drawn from an exponential distribution for every chunk and cut off
    just below the chunk's own length, so that chunks never overtake one another."""


# What happens to the time stamps.


class Jump(Fault, frozen=True, kw_only=True, tag="jump"):
    """The sender's clock is set; after `seconds` it is set back."""

    by: float = 0.0
    """Seconds."""
    to: float | None = None
    """Stamp in seconds that the first sample gets, in place of `by`."""

    def __post_init__(self) -> None:
        """Refuse a jump to nowhere."""
        if (self.by == 0.0) == (self.to is None):
            raise ValueError("jump needs either by (not 0) or to.")


class Drift(Fault, frozen=True, kw_only=True, tag="drift"):
    """The sender's clock runs too fast; what it gained stays."""

    ppm: float
    """Millionths; negative: too slow."""


class Rate(Fault, frozen=True, kw_only=True, tag="rate"):
    """The true rate is not the declared one."""

    hz: Positive
    """True samples per second; they are interpolated."""


# What happens to the values.


class Nan(OnChannels, frozen=True, kw_only=True, tag="nan"):
    """No number."""


class Inf(OnChannels, frozen=True, kw_only=True, tag="inf"):
    """Infinity."""

    sign: Literal[-1, 1] = 1


class Flat(OnChannels, frozen=True, kw_only=True, tag="flat"):
    """The last value stays."""


class Constant(OnChannels, frozen=True, kw_only=True, tag="constant"):
    """One and the same value."""

    value: float = 0.0
    """µV."""


class Rail(OnChannels, frozen=True, kw_only=True, tag="rail"):
    """The amplifier is at the end of its range, where little moves."""

    level: float = -18_800.0
    """µV; ±400 000 is an Enobio's full scale, −18 800 where its loose electrodes get stuck."""
    moves: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.1
    """Share of the signal that is left."""


class Wrap(OnChannels, frozen=True, kw_only=True, tag="wrap"):
    """The signal lies on the converter's full scale and wraps around."""

    full_scale: Positive = 400_000.0
    """µV."""


class Pop(OnChannels, frozen=True, kw_only=True, tag="pop"):
    """An electrode pops: a step that decays."""

    amplitude: float = 500.0
    """µV."""
    decay: Positive = 0.5
    """Time constant in seconds."""


class Slide(OnChannels, frozen=True, kw_only=True, tag="slide"):
    """A slow drift of the electrode's offset; what it reached stays."""

    slope: float = 1000.0
    """µV/s."""


class Line(OnChannels, frozen=True, kw_only=True, tag="line"):
    """Mains."""

    hz: Positive = 50.0
    amplitude: Positive = 100.0
    """µV, peak."""


class Blink(OnChannels, frozen=True, kw_only=True, tag="blink"):
    """Blinks, largest at the front."""

    amplitude: Positive = 150.0
    """µV at the very front."""
    every: Positive = 1.5
    """Seconds from one to the next."""


class Clench(OnChannels, frozen=True, kw_only=True, tag="clench"):
    """Clenched jaw: broad noise, largest at the temples."""

    amplitude: Positive = 60.0
    """µV (SD) at the temples, 17 µV of it from 25 to 95 Hz: a weak clench. A strong one on a
    StarStim has 25 to 160 µV there."""


class Walk(OnChannels, frozen=True, kw_only=True, tag="walk"):
    """Walking: steps in the EEG and in the accelerometer."""

    amplitude: Positive = 80.0
    """µV, peak."""
    motion: Positive = 3000.0
    """mm/s², peak."""
    steps: Positive = 1.8
    """Hz."""


class Scale(OnChannels, frozen=True, kw_only=True, tag="scale"):
    """Another unit than before."""

    factor: float
    """1e-6: V where µV were sent, 1e3: nV, 1e6: what a V-to-µV conversion done twice gives."""


class Float(OnChannels, frozen=True, kw_only=True, tag="float"):
    """Loose electrodes that follow another one."""

    of: str
    """The channel that they copy."""
    noise: NotNegative = 0.3
    """µV (SD): two amplifiers differ by no more."""


# What happens to the triggers.


class Markers(Fault, frozen=True, kw_only=True, tag="markers"):
    """Hardware triggers that cannot be trusted."""

    how: Literal["missing", "twice", "late", "shifted"]
    """`late`: they arrive too late, with the right stamp; `shifted`: their stamp is too late."""
    by: Positive = 1.0
    """Seconds, for `late` and `shifted`."""


ScriptedFault = (
    Vanish
    | Second
    | Stall
    | Drop
    | Duplicate
    | Reorder
    | Burst
    | Jitter
    | Jump
    | Drift
    | Rate
    | Nan
    | Inf
    | Flat
    | Constant
    | Rail
    | Wrap
    | Pop
    | Slide
    | Line
    | Blink
    | Clench
    | Walk
    | Scale
    | Float
    | Markers
)
"""One row of the script; `kind` says which."""


def kind_of(fault: Fault) -> str:
    """Return the word that stands for a fault in a script."""
    return str(type(fault).__struct_config__.tag)


def describe(fault: Fault) -> str:
    """Return a fault's own settings in short, such as `share 0.01, run 50`."""
    values: dict[str, Any] = msgspec.to_builtins(fault)
    told = []
    for name, value in values.items():
        if name in ("kind", "at", "seconds") or value is None or value == ():
            continue
        shown = " ".join(value) if isinstance(value, (list, tuple)) else value
        told.append(f"{name} {shown:g}" if isinstance(shown, float) else f"{name} {shown}")
    return ", ".join(told)


def _needs_seconds(kind: str, seconds: float) -> None:
    if seconds == 0.0:
        raise ValueError(f"{kind} lasts 0 s; give seconds of more than 0.")

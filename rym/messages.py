"""What the parts say to one another: frozen, validated when built, with units.

A `Message` is an identity, the identities that it rests on (`cause`), its *content*, and *meta*
about how it travelled. Content is what replay recomputes and compares byte for byte; meta holds
everything that may differ from run to run (host, clocks, latencies).

Rules: everything that crosses between parts is a struct of this file; a changed field raises the
version of the topics (`rym.topics.VERSION`); unknown fields are refused.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

Affect = Literal["negative", "neutral", "positive"]
State = Literal["negative", "neutral", "positive", "unknown"]
LabelState = Literal["negative", "neutral", "positive", "none"]
SafetyState = Literal["RUN", "DEGRADED", "SAFE", "STOP"]
Life = Literal["starting", "ready", "ended", "failed", "gone"]

AFFECTS: tuple[Affect, ...] = ("negative", "neutral", "positive")
SILENT_DB = -60.0
"""Level in dB at and below which nothing is heard."""


class Content(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """Base of all contents: immutable, tagged with its own name, refusing unknown fields."""


class Identity(
    msgspec.Struct, frozen=True, order=True, array_like=True, forbid_unknown_fields=True
):
    """Names one message for ever.

    The sequence is counted per topic, not per service: what one topic carries then does not depend
    on when a message of another topic (a status, a clock offset) happened to be sent, and a hole in
    the numbers of a topic is a lost message of that topic.
    """

    service: str
    """Who sent it: `stream`, `decoder`, `player`, `session`, …"""
    epoch: int
    """Wall-clock milliseconds at the process's start; a later start has a larger epoch."""
    topic: str
    """Short topic, such as `stream/window`."""
    seq: int
    """Counts from 0 within (service, epoch, topic)."""

    def __str__(self) -> str:
        return f"{self.topic}#{self.seq} of {self.service}@{self.epoch}"


class Meta(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a message travelled; never compared by replay."""

    wall: float
    """Seconds since the Unix epoch, at the sender, when it was built."""
    mono: float
    """Rig time in seconds, at the sender, when it was built."""
    host: str
    pid: int
    age: float | None = None
    """Seconds between the newest sample that the content rests on and `mono`."""
    audible_at: float | None = None
    """Rig time at which the content's `frame` leaves the audio device, in seconds (player only)."""


class Window(Content, frozen=True, kw_only=True, eq=False):
    """One window of EEG with its own time base.

    Compared through its encoded form only: arrays have no single truth value, hence `eq=False`.
    """

    segment: int
    """Raised by one at every gap, clock jump or change of file; no window spans two segments."""
    first_sample: int
    """Counts samples from 0 since the stream process opened its inlet, filled ones included."""
    n_new: int
    """Samples that no earlier window held."""
    t_first: float
    """Rig time of the first sample, in seconds."""
    rate: float
    """Samples per second, as declared by the source."""
    channels: tuple[str, ...]
    """10-20 names, one per column of `samples`."""
    samples: npt.NDArray[np.float32]
    """Array of shape (n_times, n_channels), µV, conditioned, not writeable."""
    conditioning: str = ""
    """Filters and reference that `samples` went through, in short: what a model was trained on must
    be what it is fed with."""
    bad: tuple[str, ...]
    """Channels whose signal cannot be trusted in this window."""
    interpolated: tuple[str, ...] = ()
    """Those of them whose samples were replaced by what their neighbours say."""
    valid: bool
    """False where no decoder may use this window."""
    reason: str
    """Why it is not valid; empty otherwise."""
    touched: tuple[str, ...] = ()
    """Artifacts that disturb it as a whole though it may be used: `blink`, `muscle`, …"""

    @property
    def untrusted(self) -> tuple[str, ...]:
        """Channels that are bad and were not replaced."""
        return tuple(name for name in self.bad if name not in self.interpolated)

    @property
    def t_last(self) -> float:
        """Rig time of the newest sample, in seconds."""
        return self.t_first + (len(self.samples) - 1) / self.rate


class ChannelQuality(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known about one channel in one window."""

    name: str
    ok: bool
    reason: str
    """`rail`, `flat`, `copy of <name>`, `implausible level 1234 µV`; empty where ok."""
    level: float | None = None
    """Robust SD of the conditioned signal in µV; null where it is not known."""


class Quality(Content, frozen=True, kw_only=True):
    """Signal quality of one window; `cause` names it."""

    t: float
    """Rig time of the window's newest sample, in seconds."""
    overall: float
    """Share of scalp channels that are ok, 0…1."""
    level: Literal["good", "fair", "low"]
    channels: tuple[ChannelQuality, ...]
    lost: int = 0
    """Samples of the window that never came and were filled in."""
    artifacts: tuple[str, ...] = ()
    """What disturbs the window as a whole: `blink`, `muscle`, `motion`, `line`, …"""
    hints: tuple[str, ...] = ()
    """What is worth knowing and changes nothing: `alpha gone`, `slow eye movements`."""
    removed: float | None = None
    """Share of the signal's power that artifact subspace reconstruction took out; null where it is
    off or not yet calibrated."""


class Valence(Content, frozen=True, kw_only=True):
    """What the decoder makes of one window; `cause` names it. Sent for every window."""

    t: float
    """Rig time of the newest sample that this rests on, in seconds."""
    state: State
    """After smoothing, hysteresis and gate."""
    valence: float | None
    """p(positive) − p(negative), −1…1; null when the state is unknown."""
    probabilities: tuple[float, float, float] | None
    """(negative, neutral, positive), referring to equal priors, after smoothing and before the
    gate; null where no embedding could be made."""
    confidence: float
    """Largest probability, 0 when there is none."""
    reason: str
    """Why the state is unknown: `no model`, `invalid window: …`, `warming up 3/10`,
    `not confident`, `verdict: guessing`; empty otherwise."""
    model: str
    """First 16 hex digits of the model's hash; empty without a model."""
    filled: bool = False
    """Whether one of the ten rows that this rests on is a stand-in made of those before it, in
    place of a window that never came or that an artifact touches."""
    usable: bool = True
    """False where nothing could be made of the newest window: it says nothing of the person, so
    that whoever follows the answers must take it as if none had come."""


class Fade(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One change of what is heard, in player frames."""

    to: Affect
    start: int
    half: int
    """Frame at which old and new contribute equally."""
    end: int


class Learned(Content, frozen=True, kw_only=True):
    """A row that the kNN memory learned from a held key, or that was taken back from it.

    `cause` names the window after which it was learned. All that a restarted decoder needs to know
    it again.
    """

    number: int
    """Counts from 1 within a model; never given twice, but for taking it back."""
    t: float
    """Rig time of the newest sample that the row rests on, in seconds."""
    state: Affect
    """What the key said."""
    audible: Affect | Literal["silence"]
    """What was heard meanwhile."""
    stretch: int
    """Rows of one stretch share one vote."""
    since: float
    """Rig time of the stretch's first row, in seconds."""
    embedding: tuple[float, ...]
    taken_back: bool = False
    """True where the row is forgotten again, by `undo` or `roll-back`."""
    model: str
    """As in `Valence`."""


class Latent(Content, frozen=True, kw_only=True):
    """Where the newest ten rows lie in the latent space, as it is drawn; `cause` is the window."""

    t: float
    """Rig time of the newest sample, in seconds."""
    point: tuple[float, float, float]
    """Its embedding in the model's fixed view, see `decoder.latent`."""
    distance: float | None
    """Mean distance to the remembered stretches that voted; null where none did."""
    novel: bool
    """Whether its distance, smoothed as the answers are, lies beyond that of 99 % of moments that
    the model was not fitted to."""
    model: str
    """As in `Valence`."""


class Drift(Content, frozen=True, kw_only=True):
    """What comes is no longer like what was learned. A flag and a suggestion; nothing is changed.

    `cause` is the window at which it was found; it holds until a model is loaded.
    """

    t: float
    """Rig time of the newest sample, in seconds."""
    measure: Literal["distance", "level", "balance"]
    """`distance` to what is remembered, `level` of the features, `balance` of the answers."""
    before: float
    """Mean rank among the values that were usual, until then, 0…1."""
    after: float
    """Mean rank since."""
    suggestion: str
    """For the operator, one sentence."""


class Played(Content, frozen=True, kw_only=True):
    """What is heard at `frame`; sent at every change and four times a second.

    `cause` names the inputs that the requested state rests on (a Valence, a Command, a Stop).
    """

    frame: int
    """Player frames since the player's start at which this became true."""
    decided: State
    """Newest decoded state that the player has taken in."""
    requested: Affect
    """What the policy asks for."""
    audible: Affect
    """The layer with the largest gain."""
    gains: tuple[float, float, float]
    """Linear gains of (negative, neutral, positive) at `frame`, before level and limiter."""
    section: int
    variant: int
    position: int
    """Frames since the section's beginning."""
    fade: Fade | None
    """The running or next fade."""
    level_db: float
    """Overall level at `frame` in dB, as it is heard: ducking included; −120 for silence."""
    safety: SafetyState
    why: str
    """What moved it: `tick`; who asked (`valence`, `sequence`, `key`, `none`, `course`, `hold`,
    `pin`, `steer`), or `dwell` where that had to wait and `withdrawn` where it is taken back before
    it began; `decided` and `held` where the decoder or the keys say something new; `stale`, `stop`,
    `resume`, …; `exposure` where an affect was heard for as long as it may be, whatever asked for
    it: such a turn has no cause.
    `resting` besides, as long as the limits keep it neutral. `duck` and `unduck`; `loud` where the
    cap of `player.level.dose` turned the level down."""

    @property
    def heard(self) -> Affect | None:
        """What is heard; None is silence."""
        return None if self.level_db <= SILENT_DB else self.audible


class Shown(Content, frozen=True, kw_only=True):
    """What is seen while `frame` is heard; between two of them everything moves in a line.

    Sent when it is rendered, a third of a second before it is heard: whoever shows it knows by
    then where it goes. `cause` is empty: it follows from what is heard.
    """

    frame: int
    """Player frames since the player's start."""
    scene: int
    """Number of the bank's scene."""
    before: int
    """Scene that it takes over from; the same where no dissolve runs."""
    share: float
    """How far the dissolve has come, 0…1; 1 where none runs."""
    valence: float
    """Place in the strips, −1…1."""


class Loudness(Content, frozen=True, kw_only=True):
    """How loud a stretch of what was given out is, after level and limiter; `cause` is empty."""

    frame: int
    """Player frames since the player's start, of the stretch's first frame."""
    n_frames: int
    lufs: float
    """Loudness of the stretch (ITU-R BS.1770-4, ungated), in LUFS; −120 for silence."""
    level_dba: float
    """A-weighted level (IEC 61672-1) of the louder channel, in dB against a sine of full scale;
    −120 for silence."""
    peak_dbtp: float
    """4× oversampled peak, in dBTP; −120 for silence."""


class Safety(Content, frozen=True, kw_only=True):
    """State of the player's dead-man switch; retained."""

    state: SafetyState
    frame: int
    reason: str
    text: str
    """One sentence for people, without alarm; empty in RUN."""


class Label(Content, frozen=True, kw_only=True):
    """What the person says with the keys, from `t` on; applied once by identity."""

    state: LabelState
    t: float
    """Rig time of the key event itself, in seconds."""
    source: str
    """`simulator`, `terminal`, `marker`, `file`, …"""


class Command(Content, frozen=True, kw_only=True):
    """An order to one service; repeated until its `Applied` names it, carried out once."""

    to: str
    action: Literal[
        "load-model",
        "freeze",
        "thaw",
        "undo",
        "mark",
        "roll-back",
        "set-level",
        "resume",
        "release-stop",
        "course",
        "pin",
        "steer",
        "duck",
        "end",
    ]
    """To the decoder: `load-model` (value: folder), `freeze` and `thaw` its learning, `undo`
    (value: seconds), `mark` (value: a name for the present state), `roll-back` (value: such a name,
    `start`, or a lesson's number). To the player: `set-level` (value: dB), `resume` and
    `release-stop` (value: session), `course` (value: `follow`, `hold`, `neutral`, `positive`),
    `pin` (value: an affect, or `off`), `steer` (value: an affect, asked for once), `duck` (value:
    `on` or `off`; the music steps back while somebody speaks), `end` (come back)."""
    value: str


class Stop(Content, frozen=True, kw_only=True):
    """Silence. Latched in the player until `release-stop` names the session."""

    by: Literal["operator", "participant", "distress"]
    t: float


class Phase(Content, frozen=True, kw_only=True):
    """Where the session is."""

    name: str
    """`rest`, `calibration`, `training`, `feedback`, `ended`, …"""
    index: int
    starts: float
    """Rig time in seconds."""
    ends: float | None
    """Planned end in rig time, in seconds; null where it is open."""
    simulated: bool


class Status(Content, frozen=True, kw_only=True):
    """Life line of a service, retained; the broker sends the will `gone`."""

    service: str
    epoch: int
    life: Life
    detail: str
    version: str
    facts: dict[str, str | int | float | bool]
    """What replay must know of this start (settings hash, place in the music, stream's uid)."""
    drops: dict[str, int]
    """Messages given up so far by overload, per topic."""


class Applied(Content, frozen=True, kw_only=True):
    """An input that a service has taken in, and where: replay's input log.

    `at` is the player's frame or, for the decoder, the `seq` of the window before which it took
    effect.
    """

    input: Identity
    at: int
    refused: str = ""
    """Why it was not carried out, or not taken in; empty where it was."""


class ClockOffset(Content, frozen=True, kw_only=True):
    """LSL's `time_correction` as measured; an input of the clock map."""

    stream: str
    """LSL uid of the stream."""
    offset: float
    """Seconds to add to a raw stamp to get rig time."""
    uncertainty: float
    """Seconds."""
    from_sample: int
    """First sample counter to which it applies."""


class Marker(Content, frozen=True, kw_only=True):
    """A trigger of the amplifier's own Markers stream, or of a button box."""

    t: float
    """Rig time in seconds."""
    code: int
    note: str
    """Why it cannot be trusted: `duplicate`, `late`, `early`, `backward`; empty otherwise."""


class Truth(Content, frozen=True, kw_only=True):
    """What a simulated person feels from `t` on; never seen by a decoder, for scoring only."""

    t: float
    state: Affect
    strength: float


class Injected(Content, frozen=True, kw_only=True):
    """A fault that was put into the signal on purpose, told when it begins and when it ends."""

    t: float
    """Rig time in seconds of the first sample that it touches; at its end, of the first after."""
    kind: str
    """`vanish`, `drop`, `jump`, … as in the script."""
    seconds: float
    """How long it lasts; 0: from then on."""
    what: str
    """Its other settings in short."""
    over: bool = False
    """True where this tells the end."""


class Missing(Content, frozen=True, kw_only=True):
    """The journal lacks these messages; their sender publishes them again if it still has them."""

    service: str
    epoch: int
    topic: str
    first: int
    last: int


class Message(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Identity, cause, content and meta.

    `content` is typed as `Any` here because the topic decides its type (`rym.topics`); the codec
    validates it against that type before a `Message` exists.
    """

    id: Identity
    cause: tuple[Identity, ...]
    content: Any
    meta: Meta

"""A data set's TOML: whose files they are, what their labels are, and what could have been dealt.

    [data]       name, states in order, exchangeable unit, primary protocol
    [files]      pattern of the paths: person, session, state, stimulus as named groups
    [labels]     by the file itself, by markers, or by channels that tell held keys
    [audible]    what was heard, by markers
    [baseline]   what a person's z-score is measured on, never scored
    [stream]     window, hop, filters, quality: as live
    [features]   bands, channels: as live

Everything is checked before a file is opened. An unknown key is refused with the nearest known one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from decoder.scoring.protocols import PROTOCOLS
from decoder.settings import SMOOTHING, FeatureSettings
from rym import settings as layers
from rym.errors import UsageError
from rym.messages import Affect
from stream.settings import StreamSettings

Unit = Literal["file", "trial", "episode"]
By = Literal["file", "markers", "keys"]
Dealt = Literal["person", "session"]
Seconds = Annotated[float, Meta(ge=0.0)]

NONE = "none"
"""What a code or a file is mapped to that says no state."""
GROUPS = ("person", "session", "state", "number", "stimulus")
"""Named groups that a pattern may have."""


class DataSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table `[data]`: what the data set is."""

    name: str
    states: tuple[str, ...]
    """Names of the states, in the order of the classes."""
    unit: Unit
    """Smallest thing whose label could have been another one. `file`: labels were dealt to whole
    files. `trial`: to each stretch that a marker begins. `episode`: to each uninterrupted stretch
    of one state, as keys tell it. Never smaller than what really was dealt."""
    dealt: Dealt = "person"
    """Within what labels were dealt: a person, or every session of a person by itself."""
    primary: str = "within"
    """Protocol on which the verdict rests."""
    smoothing: Seconds = SMOOTHING
    """Seconds over which answers are smoothed; part of the purge."""
    notes: str = ""
    """What has to be known of the data, for people."""
    simulated: bool = False
    """Whether nobody was there: every output says SIMULATED."""


class FileSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table `[files]`: which files, and what their names say."""

    pattern: str = ""
    """Regular expression of a file's path below the folder, with `/` between its parts. Named
    groups: `person` (needed), `session`, `state`, `number`, `stimulus`. What does not match is
    left out, and told. Empty: that of a BIDS folder."""
    states: dict[str, str] = {}
    """State that each text of the group `state` means; `none` leaves the file out. Empty: the text
    itself."""
    stream: str = ""
    """Which stream of an `.xdf`; empty: the longest of type EEG."""


class KeyChannel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of `[[labels.keys]]`: what a channel has while a key is held."""

    channel: str
    value: float = 1.0
    """Within half a unit."""
    state: str


class LabelSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table `[labels]`: when which state was there."""

    by: By = "file"
    """`file`: the group `state` of its path. `markers`: events in the file, or beside it in
    `_events.tsv`. `keys`: channels of the file."""
    codes: dict[str, str] = {}
    """State that begins with an event of this code or text; `none` ends one. Others are not looked
    at."""
    seconds: Seconds = 0.0
    """How long a state lasts after its marker; 0: until the next code, or as long as the event."""
    longest: Seconds = 0.0
    """Seconds after which the marker that ends a state counts as missing, and nothing of it is
    used; 0: none is too long."""
    column: str = "trial_type"
    """Column of `_events.tsv` that holds the codes."""
    keys: tuple[KeyChannel, ...] = ()
    """Channels that tell held keys; of two held at once, the one that stands first."""
    otherwise: str = NONE
    """State while no key is held."""
    lag: Annotated[float, Meta(ge=-60.0, le=60.0)] | None = None
    """Seconds by which the label comes later than the state. Left out: 0.5 for keys, which people
    press, else 0."""
    margin: Seconds = 1.0
    """Seconds on either side of a change that are neither learned from nor scored."""
    edge: Seconds = 5.0
    """Seconds at the beginning and the end of a file that are neither learned from nor scored."""

    @property
    def delay(self) -> float:
        """Seconds by which the label comes later than the state."""
        return self.lag if self.lag is not None else 0.5 if self.by == "keys" else 0.0


class AudibleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table `[audible]`: what was heard, by markers."""

    codes: dict[str, Affect | Literal["none"]] = {}
    """Affect that is heard from an event of this code or text on; `none` is silence."""


class BaselineSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table `[baseline]`: what a person's z-score is measured on."""

    state: str = ""
    """State, or another name that files or codes are mapped to, whose first stretch in each session
    is the baseline; empty: none, people are then measured by what is learned from."""
    start: Seconds = 0.0
    """Seconds of the stretch that come before it."""
    seconds: Annotated[float, Meta(gt=0.0)] = 60.0
    """Its length at most. It is never scored, nor is what lies nearer to it than the purge."""


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """All tables."""

    data: DataSettings
    files: FileSettings = FileSettings()
    labels: LabelSettings = LabelSettings()
    baseline: BaselineSettings = BaselineSettings()
    audible: AudibleSettings = AudibleSettings()
    stream: StreamSettings = StreamSettings()
    features: FeatureSettings = FeatureSettings()


SCHEMA: dict[str, Any] = {
    "data": DataSettings,
    "files": FileSettings,
    "labels": LabelSettings,
    "baseline": BaselineSettings,
    "audible": AudibleSettings,
    "stream": StreamSettings,
    "features": FeatureSettings,
}


def load(path: Path) -> Dataset:
    """Read a data set's TOML.

    Raises
    ------
    UsageError
        If it cannot be read, names an unknown key, or says what cannot be.
    """
    tables = layers.load(SCHEMA, [layers.read(path)]).tables
    dataset = Dataset(**tables)  # type: ignore[arg-type]
    check(dataset, str(path))
    return dataset


def check(dataset: Dataset, origin: str) -> None:
    """Refuse what cannot be.

    Parameters
    ----------
    dataset : Dataset
        All tables.
    origin : str
        The file, for errors.

    Raises
    ------
    UsageError
        With key, value and remedy.
    """
    _check_data(dataset.data, origin)
    _check_pattern(dataset, origin)
    _check_labels(dataset, origin)
    named = {*dataset.files.states.values(), *dataset.labels.codes.values()}
    _known(origin, "baseline.state", dataset.baseline.state, {*dataset.data.states, *named, ""})


def _refuse(origin: str, key: str, what: str, remedy: str) -> UsageError:
    return UsageError(f"{origin}: {key} {what}.", remedy, file=origin, key=key)


def _known(origin: str, key: str, found: str, known: Collection[str]) -> None:
    """Refuse a name that is not known; the nearest known one is given."""
    if found in known:
        return
    names = sorted(name for name in known if name)
    near = difflib.get_close_matches(found, names, n=1, cutoff=0.4)
    hint = f"the nearest known one is {near[0]!r}" if near else f"known are {', '.join(names)}"
    raise _refuse(origin, key, f"is {found!r}; {hint}", "Correct this name.")


def _check_data(data: DataSettings, origin: str) -> None:
    states = data.states
    if len(states) < 2 or len(set(states)) < len(states) or {NONE, ""} & set(states):
        raise _refuse(
            origin,
            "data.states",
            f"are {', '.join(states) or 'none'}; two different ones are needed, none called `none`",
            "Name the states in the order in which they are to be shown.",
        )
    _known(origin, "data.primary", data.primary, [p.name for p in PROTOCOLS if not p.leaky])


def _check_pattern(dataset: Dataset, origin: str) -> None:
    text = dataset.files.pattern
    if not text and dataset.labels.by == "file":
        raise _refuse(
            origin,
            "files.pattern",
            "is empty, but files bear the labels",
            "Write the pattern of their paths, or say `by` in [labels].",
        )
    if not text:
        return
    try:
        groups = re.compile(text).groupindex
    except re.error as error:
        raise _refuse(
            origin, "files.pattern", f"is no regular expression: {error}", "Correct it."
        ) from None
    for name in groups:
        _known(origin, "files.pattern: a group", name, GROUPS)
    needed = ("person", "state") if dataset.labels.by == "file" else ("person",)
    for name in needed:
        if name not in groups:
            raise _refuse(
                origin,
                "files.pattern",
                f"has the groups {', '.join(groups) or 'none'}, but not {name!r}",
                f"Write (?P<{name}>…) around the part of the path that says it.",
            )


def _check_labels(dataset: Dataset, origin: str) -> None:
    labels, states = dataset.labels, {*dataset.data.states, NONE}
    if (labels.by == "file") != (dataset.data.unit == "file"):
        raise _refuse(
            origin,
            "data.unit",
            f"is {dataset.data.unit!r}, but labels are by {labels.by!r}",
            "The unit is `file` where files bear the labels, else `trial` or `episode`.",
        )
    for key, needed, said in (
        ("labels.codes", "markers", len(labels.codes)),
        ("labels.keys", "keys", len(labels.keys)),
    ):
        if (labels.by == needed) != bool(said):
            raise _refuse(
                origin,
                key,
                f"has {said} entries, but labels are by {labels.by!r}",
                f"Say `by = {needed!r}` where it has some, and only there.",
            )
    # A name that is no state may be mapped to where the baseline is to be found under it.
    known = states | {dataset.baseline.state} - {""}
    for table, mapped in (("files.states", dataset.files.states), ("labels.codes", labels.codes)):
        for code, state in mapped.items():
            _known(origin, f"{table}.{code}", state, known)
    for row in labels.keys:
        _known(origin, "labels.keys: state", row.state, known)
    _known(origin, "labels.otherwise", labels.otherwise, known)

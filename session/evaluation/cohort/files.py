"""A simulated cohort as recordings: samples, markers, and the data set's TOML. SIMULATED.

The people and episodes are those that `cohort.draw` draws from the same seed; their EEG is made by
`stream.simulated`'s head, so that everything from the filters on can be tried on a known truth. It
has blinks, muscle and mains, which the drawn rows have not, and no drift over minutes; people do
not differ in level and spread.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import msgspec
import numpy as np
import numpy.typing as npt

from rym.errors import UsageError
from rym.messages import AFFECTS
from stream.files.xdf_format import TEXT, Encoder, add, as_bytes, describe
from stream.montage import kind
from stream.simulated.devices import DEVICES
from stream.simulated.head import BLOCK, N_DRIVES, SimulatedHead

from .people import FOLLOW_S, REST_S, Cohort, Member, Person, Visit, ideal_accuracy, members
from .rows import as_weights

Array = npt.NDArray[np.float64]
Progress = Callable[[float, str], None]

DEVICE = DEVICES["enobio20"]
EEG, MARKERS = 1, 2
REST = "rest"
PIECE_S = 1.0
"""Seconds of samples in one chunk of a file."""

TOML = """\
# SIMULATED: nobody was recorded. Written by `rym simulate cohort`; the truth is in cohort.json.

[data]
name = "SIMULATED cohort"
states = ["negative", "neutral", "positive"]
unit = "trial"
dealt = "session"
primary = "within"
simulated = true
notes = "SIMULATED: drawn with a known truth, see cohort.json."

[files]
pattern = '(?P<person>P\\d+)/(?P<session>visit-\\d+)\\.xdf'

[labels]
by = "markers"

[labels.codes]
rest = "rest"
negative = "negative"
neutral = "neutral"
positive = "positive"
end = "none"

[audible.codes]
"hears negative" = "negative"
"hears neutral" = "neutral"
"hears positive" = "positive"

[baseline]
state = "rest"
seconds = 30.0

[stream.conditioning]
line = 50
"""


def write(cohort: Cohort, seed: int, out: Path, progress: Progress) -> dict[str, Any]:
    """Write a cohort's recordings, TOML and truth.

    Parameters
    ----------
    cohort : Cohort
        What is true.
    seed : int
        See `cohort.members`.
    out : Path
        A folder that is new or empty.
    progress : callable
        Called with the share done and the file.

    Returns
    -------
    dict
        The truth, as `cohort.json` holds it.

    Raises
    ------
    UsageError
        If there is something in the folder.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"There is something in {out}.", "Give a new folder with --out.")
    people = members(cohort, seed)
    truth = truth_of(cohort, seed, people)
    out.mkdir(parents=True, exist_ok=True)
    (out / "cohort.json").write_bytes(msgspec.json.format(msgspec.json.encode(truth), indent=2))
    (out / "cohort.toml").write_text(TOML, encoding="utf-8")
    files = [(member, i) for member in people for i in range(cohort.visits)]
    for done, (member, i) in enumerate(files, 1):
        path = out / member.name / f"visit-{i + 1}.xdf"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded(cohort, member, member.visits[i]))
        progress(done / len(files), f"{member.name}/{path.name}")
    return truth


def truth_of(cohort: Cohort, seed: int, people: list[Member]) -> dict[str, Any]:
    """Return what is true of a cohort, for people and programs."""
    return {
        "simulated": True,
        "cohort": msgspec.to_builtins(cohort),
        "seed": seed,
        "ideal_observer": ideal_accuracy(cohort),
        "chance": 1 / len(AFFECTS),
        "confounds": confounds(cohort),
        "people": [
            {
                "name": member.name,
                "strength": member.person.strength,
                "states": [[AFFECTS[i] for i in what.state.tolist()] for what in member.visits],
            }
            for member in people
        ],
    }


def confounds(cohort: Cohort) -> list[str]:
    """Return the controls that explain a score in this cohort."""
    return ["motor"] * (cohort.motor > 0) + ["audible clip"] * cohort.heard


def encoded(cohort: Cohort, member: Member, what: Visit) -> bytes:
    """Return one recording as XDF: EEG in µV, and markers where states and clips begin."""
    samples = samples_of(cohort, member.person, what, member.noise)
    stamps = np.arange(len(samples)) / DEVICE.rate
    encoder = Encoder()
    parts = [encoder.start(), encoder.header(EEG, _eeg(), "float32", samples.shape[1])]
    about = as_bytes(describe("SIMULATED markers", "Markers", 1, 0.0, TEXT))
    parts.append(encoder.header(MARKERS, about, TEXT, 1))
    marks = marks_of(cohort, what)
    parts.append(encoder.samples(MARKERS, [[m] for _, m in marks], np.array([t for t, _ in marks])))
    step = round(PIECE_S * DEVICE.rate)
    parts += [
        encoder.samples(EEG, samples[at : at + step], stamps[at : at + step])
        for at in range(0, len(samples), step)
    ]
    return b"".join([*parts, encoder.end()])


def _eeg() -> bytes:
    info = describe("SIMULATED", "EEG", len(DEVICE.channels), float(DEVICE.rate), "float32")
    channels = Xml.SubElement(Xml.SubElement(info, "desc"), "channels")
    for name in DEVICE.channels:
        channel = Xml.SubElement(channels, "channel")
        add(channel, "label", name)
        add(channel, "unit", "microvolts")
        add(channel, "type", "EEG" if kind(name) == "scalp" else "AUX")
    return as_bytes(info)


def marks_of(cohort: Cohort, what: Visit) -> list[tuple[float, str]]:
    """Return what begins when, in seconds, in order of time."""
    starts = REST_S + np.concatenate([[0.0], np.cumsum(what.seconds)])
    states = [AFFECTS[i] for i in what.state.tolist()]
    marks = [(0.0, REST), *zip(starts.tolist(), [*states, "end"], strict=True)]
    if cohort.heard:
        later = (starts[:-1] + FOLLOW_S).tolist()
        marks.append((0.0, "hears neutral"))
        marks += [(t, f"hears {state}") for t, state in zip(later, states, strict=True)]
    return sorted(marks, key=lambda mark: mark[0])


def samples_of(
    cohort: Cohort, one: Person, what: Visit, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return the samples of one recording, shape (n_times, n_channels), in µV."""
    drives = _drives(cohort, what)
    traces = np.concatenate([one.felt, one.held[[2, 0]], one.heard])
    head = SimulatedHead(as_weights(traces), rng, DEVICE)
    n_blocks = -(-drives.shape[1] // BLOCK)
    padded = np.pad(drives, ((0, 0), (0, n_blocks * BLOCK - drives.shape[1])), "edge")
    blocks = [
        head.block(at, padded[:, at : at + BLOCK])[0] for at in range(0, padded.shape[1], BLOCK)
    ]
    return np.concatenate(blocks)[: drives.shape[1]]


def _drives(cohort: Cohort, what: Visit) -> Array:
    """Return what moves the spectrum: three states, left and right hand, three clips.

    Shape (8, n_times). Nothing is felt or held during the rest.
    """
    n = np.round(np.array([REST_S, *what.seconds]) * DEVICE.rate).astype(np.int64)
    state = np.repeat(np.array([-1, *what.state]), n)
    drives = np.zeros((N_DRIVES, len(state)))
    for i in range(len(AFFECTS)):
        drives[i] = state == i
    positive = AFFECTS.index("positive")
    drives[3], drives[4] = state == positive, (state >= 0) & (state != positive)
    if cohort.heard:
        late, neutral = round(FOLLOW_S * DEVICE.rate), AFFECTS.index("neutral")
        held = np.where(state < 0, neutral, state)
        heard = np.concatenate([np.full(late, neutral), held])[: len(state)]
        for i in range(len(AFFECTS)):
            drives[5 + i] = heard == i
    return drives

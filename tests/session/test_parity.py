"""Live and at rest: a recording as one array says what the session said, and never looks ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from scipy import signal

from decoder import training
from decoder.decoder import Decoder
from decoder.embedding import FIELD, fields_of
from decoder.gate import smooth, soften
from decoder.model import Model
from decoder.model import load as load_model
from decoder.rows import Rows, clean_of, rows_from, stood_in
from decoder.settings import DecoderSettings, FeatureSettings, TrainingSettings
from rym.messages import LabelState, Valence, Window
from rym.topics import VALENCE
from session.after.training import calibration
from session.folder import Folder
from session.live.lines import read
from session.simulate import RATE, live
from stream.files.xdf import read_stream, replay_file
from stream.items import Chunk, Item
from stream.line import StreamLine
from stream.montage import ENOBIO20
from stream.settings import StreamSettings
from stream.simulated.simulator import SimulatedPerson, SimulatedSource

Array = npt.NDArray[np.float64]

QUICK = TrainingSettings(candidate="cebra-knn", steps=30, hidden_units=16, edge=1.0)


class At(NamedTuple):
    """An answer's probabilities by the time of its window's newest sample."""

    t: Array
    p: Array


def answers(said: list[Valence]) -> At:
    """Return the answers that have probabilities."""
    given = [valence for valence in said if valence.probabilities is not None]
    return At(
        np.array([valence.t for valence in given]),
        np.array([valence.probabilities for valence in given]),
    )


def whole(folder: Folder) -> tuple[Array, float, StreamSettings]:
    """Return a session's EEG as one array, its rate, and how it was cut."""
    recording = read_stream(folder.xdf()[0])
    chunks = [item for item in recording.items() if isinstance(item, Chunk)]
    assert not any(chunk.late for chunk in chunks)
    settings = msgspec.convert(folder.read().settings["stream"], StreamSettings)
    return np.concatenate([c.samples for c in chunks]).astype(float), recording.rate, settings


def filtered(samples: Array, rate: float, settings: StreamSettings) -> Array:
    """Return the whole array behind scipy's own filters, as the settings name them."""
    on = settings.conditioning
    x = samples - samples[0]
    high = signal.butter(on.order, on.high_pass, "highpass", fs=rate, output="sos")
    x = signal.sosfilt(high, x, axis=0)
    notch = signal.iirnotch(on.line, on.line / on.notch_width, rate)
    return np.asarray(signal.lfilter(*notch, x, axis=0))


def log_powers(x: Array, rate: float, model: Model, hop: int) -> Array:
    """Return the log band powers of all windows by scipy's periodogram."""
    n = model.manifest.n_times
    windows: Any = np.lib.stride_tricks.sliding_window_view(x, n, axis=0)[::hop]
    f, density = signal.periodogram(windows, rate, "hann", detrend="linear", axis=2)
    parts = [(f >= band.low) & (f < band.high) for band in model.manifest.bands]
    powers = np.stack([density[:, :, part].mean(axis=2) for part in parts], axis=2)
    return np.asarray(np.log(powers).reshape(len(windows), -1))


def probabilities(fields: Array, model: Model) -> Array:
    """Return what a model makes of all fields at once, after temperature."""
    if model.linear is not None:
        scores = fields.mean(axis=1) @ model.linear.coefficients.T + model.linear.intercepts
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        p = odds / odds.sum(axis=1, keepdims=True)
    else:
        assert model.network is not None
        assert model.memory is not None
        p = np.array([model.memory.predict_proba(z) for z in model.network(fields)])
    return soften(p, model.manifest.temperature)


def smoothed(p: Array, share: float) -> Array:
    """Return scipy's exponential smoothing that begins at the first row."""
    out, _ = signal.lfilter([share], [1.0, share - 1.0], p, axis=0, zi=(1.0 - share) * p[:1])
    return np.asarray(out)


@pytest.mark.fault(22)
@pytest.mark.parametrize("candidate", ["lda", "cebra-knn"])
def test_the_recording_as_one_array_gives_what_the_session_said(
    candidate: str, whole_session: Folder
) -> None:
    """Filters, windows, features, fields and smoothing over all of eeg.xdf at once: to 1e-6.

    scipy's filters and periodogram, in place of ours; from the first ten rows that the model met.
    """
    said = [message.content for message in read(whole_session).of(VALENCE)]
    first = next(i for i, valence in enumerate(said) if valence.model)
    model = load_model(whole_session.model)
    record = whole_session.read()
    settings = msgspec.convert(record.settings["decoder"], DecoderSettings)
    if candidate != model.manifest.kind:
        settings = msgspec.structs.replace(settings, training=QUICK)
        journal = read(whole_session)
        model, _ = training.fit(calibration(whole_session, record, journal, settings), settings, 0)
        decoder = Decoder(settings)
        decoder.load(model)
        stream = msgspec.convert(record.settings["stream"], StreamSettings)
        windows = [window for window, _ in replay_file(whole_session.xdf()[0], stream)]
        said[first:] = [decoder.step(window) for window in windows[first:]]
    assert model.manifest.kind == candidate
    samples, rate, stream = whole(whole_session)
    hop = round(stream.hop * rate)
    features = log_powers(filtered(samples, rate, stream), rate, model, hop)
    zscore = model.standardizer
    z = np.clip((features - zscore.center) / zscore.scale, -zscore.clip, zscore.clip)[first:]
    raw = probabilities(fields_of(z, np.arange(FIELD - 1, len(z))), model)
    share = 1.0 - np.exp(-hop / rate / model.manifest.delay(settings.smoothing).smoothing)
    offline = smoothed(raw, share)
    online = answers(said[first:])
    assert len(online.p) == len(offline) > 80
    assert np.ptp(online.p, axis=0).max() > 0.3  # answers that move, or a constant would do
    np.testing.assert_allclose(online.p, offline, rtol=0, atol=1e-6)


class Person(NamedTuple):
    """What a simulated person gave off, and a model of it."""

    samples: npt.NDArray[np.float32]
    stamps: Array
    keys: list[tuple[float, LabelState]]
    model: Model
    settings: DecoderSettings


@pytest.fixture(scope="module")
def person() -> Person:
    """Return a person with blinks and clenches: 90 s of calibration, 45 s more."""
    # With `usual` at 1 the same artifacts are stood in for whatever the windows are.
    features = FeatureSettings(usual=1.0)
    settings = DecoderSettings(drive="always", training=QUICK, features=features)
    life = live(4, 1.0, {"rest": 10.0, "calibration": 80.0})
    model, _ = training.fit(rows_from(life.windows, life.keys, settings), settings, 0)
    someone = SimulatedPerson(SimulatedSource(seed=4, strength=1.0, coupling=0.0))
    samples: list[npt.NDArray[np.float32]] = []
    keys: list[tuple[float, LabelState]] = []
    for name, seconds in (("rest", 10), ("calibration", 80), ("feedback", 45)):
        chunk = someone.advance(seconds * RATE, audible=None, phase=name)
        samples.append(chunk.samples)
        keys.extend((key.sample / RATE, key.state) for key in chunk.keys)
    joined = np.concatenate(samples)
    return Person(joined, np.arange(len(joined)) / RATE, keys, model, settings)


def decoded(person: Person, sizes: Iterator[int]) -> list[Valence]:
    """Return what is said of the person's samples, which come in chunks of these sizes."""
    line, decoder = StreamLine(StreamSettings(), ENOBIO20, RATE), Decoder(person.settings)
    decoder.load(person.model)
    said: list[Valence] = []
    at = 0
    while at < len(person.samples):
        n = next(sizes)
        pushed = line.push(person.samples[at : at + n], person.stamps[at : at + n])
        said += [decoder.step(window) for window, _ in pushed]
        at += n
    return said


def random_sizes(seed: int) -> Iterator[int]:
    """Yield sizes of chunks as a sender might have them."""
    rng = np.random.default_rng(seed)
    while True:
        yield int(rng.integers(1, 300))


def at_once(person: Person) -> tuple[list[Window], At]:
    """Return windows and answers of all samples as one array, decoded all together."""
    line = StreamLine(StreamSettings(), ENOBIO20, RATE)
    windows = [window for window, _ in line.push(person.samples, person.stamps)]
    rows = rows_from(windows, person.keys, person.settings)
    assert rows.stand_in == person.model.manifest.stand_in
    z = stood_in(person.model.standardizer(rows.features), rows)
    newest = answered(rows, person.model.manifest.clean_rows)
    follows = np.concatenate([[False], rows.run[newest[1:]] == rows.run[newest[:-1]]])
    p = probabilities(fields_of(z, newest), person.model)
    hop = rows.hop / rows.rate
    tau = person.model.manifest.smoothing
    return windows, At(rows.t_last[newest], smooth(p, follows, hop, tau))


def answered(rows: Rows, least: int) -> npt.NDArray[np.intp]:
    """Return the rows of which something is said: ten in a run, enough of them clean."""
    full = np.zeros(len(rows.run), dtype=bool)
    full[FIELD - 1 :] = rows.run[FIELD - 1 :] == rows.run[: 1 - FIELD]
    return np.flatnonzero(full & (clean_of(rows.touched) >= least))


@pytest.mark.fault(22)
def test_a_simulated_person_as_one_array_gives_what_chunks_give(person: Person) -> None:
    """Blinks, clenches and what stands in for them included: the same times, to 1e-6."""
    windows, offline = at_once(person)
    said = decoded(person, random_sizes(1))
    online = answers(said)
    assert sum(bool(window.touched) for window in windows) >= 2
    assert sum(valence.filled for valence in said) >= 10
    assert len(online.p) > 400
    np.testing.assert_array_equal(online.t, offline.t)
    np.testing.assert_allclose(online.p, offline.p, rtol=0, atol=1e-6)


WILD: dict[str, Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]] = {
    "fifty times as large": lambda x: 50.0 * x,
    "no numbers": lambda x: np.full_like(x, np.nan),
    "nothing": np.zeros_like,
    "backwards": lambda x: x[::-1],
}


@pytest.fixture(scope="module")
def beginning(person: Person) -> tuple[Person, list[Valence]]:
    """Return the person's first 40 s and what is said of them."""
    n = 40 * RATE
    short = person._replace(samples=person.samples[:n], stamps=person.stamps[:n])
    return short, decoded(short, random_sizes(2))


@pytest.mark.parametrize(
    ("how", "cut"),
    [
        ("fifty times as large", 36.5),
        ("no numbers", 22.013),
        ("nothing", 30.0),
        ("backwards", 15.0),
    ],
)
def test_another_future_moves_no_past_output(
    how: str, cut: float, beginning: tuple[Person, list[Valence]]
) -> None:
    """Whatever comes after a sample, what was said up to it is the same to the bit."""
    person, told = beginning
    at = round(cut * RATE)
    samples = np.concatenate([person.samples[:at], WILD[how](person.samples[at:])])
    said = decoded(person._replace(samples=samples), random_sizes(3))
    n = sum(valence.t < cut for valence in told)
    assert n > 4 * cut - 10
    assert said[:n] == told[:n]
    assert said[n].t >= cut
    assert said[n:] != told[n:]  # the future did change


def test_another_future_of_a_recording_moves_no_past_output(whole_session: Folder) -> None:
    """Samples and stamps of a session's file, changed from one item on, move nothing before it."""
    record = whole_session.read()
    stream = msgspec.convert(record.settings["stream"], StreamSettings)
    settings = msgspec.convert(record.settings["decoder"], DecoderSettings)
    recording = read_stream(whole_session.xdf()[0])
    items = list(recording.items())
    turn = len(items) * 2 // 3

    def said(items: list[Item]) -> list[Valence]:
        line = StreamLine(stream, recording.channels, recording.rate)
        decoder = Decoder(settings)
        decoder.load(load_model(whole_session.model))
        return [decoder.step(window) for item in items for window, _ in line.feed(item)]

    def other(item: Item) -> Item:
        if not isinstance(item, Chunk):
            return item
        return item._replace(samples=item.samples[::-1] * 3.0, stamps=item.stamps + 1.5)

    past, full = said(items[:turn]), said(items)
    changed = said([*items[:turn], *map(other, items[turn:])])
    assert len(past) > 200
    assert full[: len(past)] == changed[: len(past)] == past
    assert full != changed

"""The simulated person: the same in any chunks, with a signature of known strength."""

from __future__ import annotations

import hashlib
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from rym.messages import AFFECTS, Affect
from stream.montage import ENOBIO20
from stream.simulated.devices import DEVICES, DeviceName
from stream.simulated.head import (
    BANDS,
    BLOCK,
    RATE,
    SCALP,
    SimulatedHead,
    drive_weights,
    turned_weights,
)
from stream.simulated.simulator import Chunk, Felt, Key, SimulatedPerson, SimulatedSource

Array = npt.NDArray[np.float64]


def live(person: SimulatedPerson, seconds: float, phase: str, audible: Affect | None) -> Chunk:
    """Let a person live for some seconds."""
    return person.advance(round(seconds * RATE), audible=audible, phase=phase)


@pytest.fixture
def no_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the signal out, where only what is felt and pressed is looked at."""

    def block(head: SimulatedHead, first: int, drive: Array) -> tuple[Array, Array]:
        return np.zeros((BLOCK, 20), np.float32), np.zeros((0, 3), np.float32)

    monkeypatch.setattr(SimulatedHead, "block", block)


def felt_at(chunk: Chunk, n: int) -> npt.NDArray[np.str_]:
    """Return the felt state of every sample."""
    state = np.full(n, "?", dtype="<U8")
    for event in chunk.felt:
        state[event.sample - chunk.first :] = event.state
    return state


def rows(n: int, strength: float, seed: int) -> tuple[Array, npt.NDArray[np.str_]]:
    """Return n rows of 95 log powers from windows that do not overlap, and their true states."""
    person = SimulatedPerson(SimulatedSource(strength=strength, seed=seed, coupling=0.0))
    windows: list[Array] = []
    states: list[str] = []
    state: str = "neutral"
    skip = 0
    while len(windows) < n:
        chunk = live(person, 1.0, "calibration", None)
        if chunk.felt:
            state, skip = chunk.felt[-1].state, 2
        if skip:
            skip -= 1
            continue
        windows.append(chunk.samples[:, :19].astype(np.float64))
        states.append(state)
    detrended = signal.detrend(np.array(windows), axis=1) * signal.windows.hann(500)[None, :, None]
    power = np.abs(np.fft.rfft(detrended, axis=1)) ** 2
    hz = np.fft.rfftfreq(500, 1 / RATE)
    bands = [power[:, (hz >= low) & (hz < high)].mean(axis=1) for low, high in BANDS.values()]
    return np.log(np.concatenate(bands, axis=1)), np.array(states)


def observer(x: Array, y: npt.NDArray[np.str_]) -> tuple[float, float]:
    """Return an LDA's cross-fitted balanced accuracy and its standard error."""
    fold = np.arange(len(y)) // 50 % 10
    right = np.zeros(len(y), dtype=bool)
    for i in range(10):
        rule = LinearDiscriminantAnalysis(priors=[1 / 3] * 3).fit(x[fold != i], y[fold != i])
        right[fold == i] = rule.predict(x[fold == i]) == y[fold == i]
    shares = np.array([right[y == affect].mean() for affect in AFFECTS])
    counts = np.array([(y == affect).sum() for affect in AFFECTS])
    return float(shares.mean()), float(np.sqrt((shares * (1 - shares) / counts).sum()) / 3)


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=8, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 900), min_size=1, max_size=30),
    seed=st.integers(0, 99),
    drift=st.sampled_from([0.0, 90.0]),
)
def test_chunks_do_not_matter(
    device: DeviceName, sizes: list[int], seed: int, drift: float
) -> None:
    """Any split of the samples gives the same samples, motion, states and keys, to the bit."""
    one = SimulatedPerson(SimulatedSource(seed=seed, device=device, drift=drift))
    many = SimulatedPerson(SimulatedSource(seed=seed, device=device, drift=drift))
    whole = one.advance(sum(sizes), audible="positive", phase="feedback")
    parts = [many.advance(n, audible="positive", phase="feedback") for n in sizes]
    assert np.array_equal(whole.samples, np.concatenate([part.samples for part in parts]))
    assert np.array_equal(whole.motion, np.concatenate([part.motion for part in parts]))
    at = np.concatenate([part.first + part.motion_at for part in parts])
    assert np.array_equal(whole.motion_at, at)
    assert len(at) == len(whole.motion)
    assert all(np.all((p.motion_at >= 0) & (p.motion_at < len(p.samples))) for p in parts)
    assert whole.felt == tuple(event for part in parts for event in part.felt)
    assert whole.keys == tuple(event for part in parts for event in part.keys)
    assert len(whole.samples) == sum(sizes)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"seed": 1}, "de9d59c105980f8ad8b8285a4239b88851ed8aa20a7267312c3ffce1c0d80bbe"),
        (
            {"seed": 7, "strength": 0.5, "coupling": 0.8, "hand": "opposite"},
            "677bc7c7519d76cf6f4961cd81b6b86b9e38bcfd4c99196944d96cde129f30a9",
        ),
    ],
)
def test_the_person_of_earlier_recordings_is_still_the_same(
    how: dict[str, Any], expected: str
) -> None:
    """Who wears an Enobio 20 gives, to the bit, what this seed gave before there were others."""
    person = SimulatedPerson(SimulatedSource(**how))
    found = hashlib.sha256()
    life: tuple[tuple[str, Affect | None, int], ...] = (
        ("rest", None, 7777),
        ("calibration", "negative", 30011),
        ("feedback", "positive", 30000),
    )
    for phase, audible, n in life:
        chunk = person.advance(n, audible=audible, phase=phase)
        found.update(chunk.samples.tobytes())
        found.update(chunk.motion.tobytes())
        every: list[Felt | Key] = [*chunk.felt, *chunk.keys]
        events = [(event.sample, event.state) for event in every]
        found.update(repr(events).encode())
    assert found.hexdigest() == expected


def test_devices_have_their_makers_channels_and_rates() -> None:
    """Names and order as NIC and the Muse's programs send them; electrodes have places."""
    assert [(len(d.channels), d.rate, d.motion_rate) for d in DEVICES.values()] == [
        *((8, 500, 100), (20, 500, 100), (32, 500, 100), (4, 256, 52)),
    ]
    assert DEVICES["muse"].channels == ("TP9", "AF7", "AF8", "TP10")
    assert DEVICES["enobio8"].channels[::7] == ("Ch1", "Ch8")
    assert DEVICES["enobio32"].channels[:19] == ENOBIO20[:19]
    assert len(set(DEVICES["enobio32"].channels)) == 32


def test_the_enobio_32s_order_is_that_of_a_real_recording(eeg: Path) -> None:
    """As in the `.info` that NIC 2 wrote beside one."""
    text = (eeg / "neuroelectrics_formats" / "20170807135459_W012_V1_EYC.info").read_text()
    assert tuple(re.findall(r"Channel \d+: (\w+)", text)) == DEVICES["enobio32"].channels


@pytest.mark.parametrize(
    ("device", "alpha", "eyes"),
    [("enobio8", "Ch7", "Ch1"), ("enobio32", "PO3", "AF3"), ("muse", "TP9", "AF7")],
)
def test_another_device_sits_on_the_same_head(device: DeviceName, alpha: str, eyes: str) -> None:
    """Alpha is largest at the back, blinks at the front; mains hum; nothing is a copy."""
    person = SimulatedPerson(SimulatedSource(device=device))
    rate, names = person.device.rate, person.device.channels
    samples = person.advance(200 * rate, audible=None, phase="rest").samples.astype(np.float64)
    back, front = names.index(alpha), names.index(eyes)
    hz, power = signal.welch(samples, rate, nperseg=2 * rate, axis=0)
    power /= power[(hz > 14) & (hz < 20)].mean(axis=0)
    rhythm = power[(hz >= 9) & (hz <= 11)].mean(axis=0)
    assert rhythm[back] > rhythm[front]
    hum = power[hz == 50][0] / power[(hz > 52) & (hz < 56)].mean(axis=0)
    assert np.median(hum) > 2
    low = signal.butter(2, (0.5, 6), "bandpass", fs=rate, output="sos")
    peaks = signal.sosfiltfilt(low, samples, axis=0).max(axis=0)
    assert peaks[front] > 1.5 * peaks[back]
    high = signal.butter(2, 1, "highpass", fs=rate, output="sos")
    clean = signal.sosfiltfilt(high, samples, axis=0)
    assert 2 < clean.std(axis=0).min() < clean.std(axis=0).max() < 50
    assert np.abs(np.corrcoef(clean.T) - np.eye(len(names))).max() < 0.985


@pytest.mark.parametrize("device", ["enobio8", "enobio32", "muse"])
def test_states_show_in_every_device(device: DeviceName) -> None:
    """A felt state moves most electrodes at strength 1, and none at 0."""
    moved = {}
    for strength in (0.0, 1.0):
        config = SimulatedSource(device=device, strength=strength, hand="none", coupling=0.0)
        person = SimulatedPerson(config)
        calm = SimulatedPerson(config)
        n = 60 * person.device.rate
        with_states = person.advance(n, audible=None, phase="calibration").samples
        without = calm.advance(n, audible=None, phase="rest").samples
        moved[strength] = np.abs(with_states - without).max(axis=0)
    assert moved[0.0].max() == 0
    assert np.median(moved[1.0]) > 2


def test_events_lie_in_their_chunk() -> None:
    """An event is told with the chunk that holds its sample."""
    person = SimulatedPerson(SimulatedSource())
    n_events = 0
    for _ in range(4000):
        chunk = person.advance(17, audible=None, phase="calibration")
        events: list[Felt | Key] = [*chunk.felt, *chunk.keys]
        n_events += len(events)
        assert all(chunk.first <= event.sample < chunk.first + 17 for event in events)
    assert n_events > 10


def test_another_seed_is_another_person() -> None:
    """Seeds decide everything; the same seed repeats everything."""
    first, again, other = (
        live(SimulatedPerson(SimulatedSource(seed=seed)), 40, "calibration", None)
        for seed in (3, 3, 4)
    )
    assert np.array_equal(first.samples, again.samples)
    assert first.keys == again.keys
    assert not np.array_equal(first.samples, other.samples)
    assert first.felt != other.felt


def test_strength_zero_is_no_difference_at_all() -> None:
    """At strength 0 a felt state changes no bit of the signal; at 1 it does."""
    for strength, equal in ((0.0, True), (1.0, False)):
        config = SimulatedSource(strength=strength, coupling=0.0, hand="none")
        calm = live(SimulatedPerson(config), 40, "rest", None)
        moved = live(SimulatedPerson(config), 40, "calibration", None)
        assert {event.state for event in moved.felt} > {"neutral"}
        assert np.array_equal(calm.samples, moved.samples) == equal


@pytest.mark.long
def test_one_row_is_read_with_0_90_at_strength_1() -> None:
    """The ideal observer's accuracy of one row is what the settings promise."""
    accuracy, _ = observer(*rows(1800, strength=1.0, seed=11))
    assert accuracy == pytest.approx(0.90, abs=0.03)


@pytest.mark.long
def test_strength_orders_the_observer() -> None:
    """Less strength is harder, strength 0 is chance within three standard errors."""
    weak, _ = observer(*rows(700, strength=0.4, seed=12))
    none, error = observer(*rows(700, strength=0.0, seed=13))
    assert 0.45 < weak < 0.80
    assert abs(none - 1 / 3) < 3 * error


@pytest.mark.parametrize("new", [0.0, 0.5, 1.0])
def test_a_turned_signature_is_as_large_and_elsewhere(new: float) -> None:
    """On the whole way lengths and angles among the states stay; after 90° each is orthogonal."""
    first = drive_weights(1.0, 0.0)[:, :3]
    turned = turned_weights(1.0, new, np.random.default_rng(1))
    np.testing.assert_allclose(np.diag(turned.T @ first), 0.0, atol=1e-12)
    for angle in (0.3, 1.0, np.pi / 2):
        felt = np.cos(angle) * first + np.sin(angle) * turned
        np.testing.assert_allclose(felt.T @ felt, first.T @ first, atol=1e-12)
    quiet = [np.abs(part).max() for part in np.split(turned, len(BANDS))]
    assert quiet[0] == pytest.approx(0.0, abs=1e-12)  # delta shows nothing, and never will
    assert min(quiet[1:4]) > 0.05
    assert len(SCALP) * len(BANDS) == len(turned)


def test_where_a_signature_turns_to() -> None:
    """All of it away from every state's first pattern, or within the plane of their differences."""
    first = drive_weights(1.0, 0.0)[:, :3]
    away, among = (turned_weights(1.0, new, np.random.default_rng(1)) for new in (1.0, 0.0))
    np.testing.assert_allclose(away.T @ first, 0.0, atol=1e-12)
    plane, _ = np.linalg.qr(first[:, 1:] - first[:, :1])
    differ = among[:, 1:] - among[:, :1]
    np.testing.assert_allclose(plane @ (plane.T @ differ), differ, atol=1e-12)
    other = turned_weights(1.0, 1.0, np.random.default_rng(2))
    assert np.abs(away - other).max() > 0.05
    muse = turned_weights(1.0, 1.0, np.random.default_rng(1), ("Fp1", "POz"))
    assert muse.shape == (10, 3)
    np.testing.assert_array_equal(muse[::2], away[SCALP.index("Fp1") :: len(SCALP)])


def test_the_signature_turns_in_feedback_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before feedback nothing moves; 20 minutes of it turn by `drift`, however interrupted."""
    seen: list[Array] = []

    def block(head: SimulatedHead, first: int, drive: Array) -> tuple[Array, Array]:
        seen.append(drive[:, -1])
        return np.zeros((BLOCK, 20), np.float32), np.zeros((0, 3), np.float32)

    calm, turning = (SimulatedPerson(SimulatedSource(seed=5, drift=drift)) for drift in (0.0, 60.0))
    parts = [live(person, 30, "calibration", "neutral") for person in (calm, turning)]
    np.testing.assert_allclose(parts[0].samples, parts[1].samples, rtol=1e-6)
    assert parts[0].keys == parts[1].keys
    monkeypatch.setattr(SimulatedHead, "block", block)
    for phase, seconds in (("feedback", 600), ("rest", 100), ("feedback", 600)):
        live(turning, seconds, phase, "neutral")
    assert len(seen[-1]) == 11
    size = np.hypot(seen[-1][:3], seen[-1][8:])
    assert sorted(size) == pytest.approx([0.0, 0.0, 1.0])
    angle = np.degrees(np.arctan2(seen[-1][8:].sum(), seen[-1][:3].sum()))
    assert angle == pytest.approx(60.0, abs=1e-3)
    middle = seen[3000 + 250]
    assert np.degrees(np.arctan2(middle[8:].sum(), middle[:3].sum())) == pytest.approx(30.0, 1e-3)


def test_states_keys_and_their_delays(no_head: None) -> None:
    """States last 12–20 s, differ from the last; keys come 0.3–1.0 s late, about 5 % wrong."""
    wrong = n_states = 0
    for seed in range(2):
        chunk = live(SimulatedPerson(SimulatedSource(seed=seed)), 800, "calibration", "negative")
        lengths = np.diff([event.sample for event in chunk.felt]) / RATE
        assert lengths.min() >= 12
        assert lengths.max() <= 20
        states = [event.state for event in chunk.felt]
        assert all(a != b for a, b in pairwise(states))
        assert set(states[:3]) == set(AFFECTS)
        for felt, key in zip(chunk.felt, chunk.keys, strict=False):
            assert 0.3 <= (key.sample - felt.sample) / RATE <= 1.0
            wrong += felt.state != key.state
            n_states += 1
    assert n_states > 80
    assert 0.01 < wrong / n_states < 0.12


def test_phases_decide_what_is_felt_and_pressed() -> None:
    """No key and neutral in rest, keys in calibration, let go at its end."""
    person = SimulatedPerson(SimulatedSource())
    rest = live(person, 20, "rest", None)
    assert rest.felt == (Felt(0, "neutral"),)
    assert rest.keys == ()
    calibration = live(person, 60, "calibration", None)
    assert calibration.felt[0].sample == 20 * RATE
    assert "none" not in {key.state for key in calibration.keys}
    training = live(person, 10, "training", None)
    assert training.keys == (Key(round(80 * RATE), "none"),)
    assert live(person, 10, "training", None).felt == ()
    assert len(live(person, 60, "feedback", None).keys) >= 3


def test_the_deaf_do_not_hear() -> None:
    """At coupling 0 nothing that is audible changes anything."""
    silent, loud = (
        live(SimulatedPerson(SimulatedSource(coupling=0.0)), 120, "feedback", audible)
        for audible in (None, "positive")
    )
    assert np.array_equal(silent.samples, loud.samples)
    assert silent.keys == loud.keys


def test_coupling_draws_towards_what_is_audible(no_head: None) -> None:
    """The share of time in the audible state grows with the coupling; at 1 it is a runaway."""
    shares = []
    for coupling in (0.0, 0.3, 1.0):
        person = SimulatedPerson(SimulatedSource(coupling=coupling))
        chunk = live(person, 400, "feedback", "negative")
        shares.append(float(np.mean(felt_at(chunk, len(chunk.samples)) == "negative")))
    assert shares[0] < 0.4 < shares[1] < 0.7
    assert shares[2] == 1.0


def band_power(samples: npt.NDArray[np.float32], name: str, low: float, high: float) -> float:
    """Return the mean power density of a channel between two frequencies, µV²/Hz."""
    hz, power = signal.welch(samples[:, ENOBIO20.index(name)], RATE, nperseg=1000)
    return float(power[(hz >= low) & (hz <= high)].mean())


def test_music_evokes_a_small_response() -> None:
    """Pleasant music raises temporal theta and unpleasant lowers it, in proportion to coupling."""
    powers = {}
    heard_states: tuple[Affect | None, ...] = ("negative", None, "positive")
    for audible in heard_states:
        person = SimulatedPerson(SimulatedSource(coupling=1.0))
        heard = live(person, 60, "rest", audible).samples
        powers[audible] = band_power(heard, "T7", 5, 7)
    assert powers["negative"] < 0.95 * powers[None] < 0.95**2 * powers["positive"]
    assert powers["positive"] < 1.3 * powers[None]


def test_it_looks_like_an_enobio_20() -> None:
    """Millivolts of offset, 1/f, alpha at the back, no copies, gravity."""
    chunk = live(SimulatedPerson(SimulatedSource()), 60, "rest", None)
    offsets = np.abs(chunk.samples.mean(axis=0))
    assert offsets.min() > 1000
    assert chunk.samples.dtype == np.float32
    high = signal.butter(2, 1, "highpass", fs=RATE, output="sos")
    clean = signal.sosfiltfilt(high, chunk.samples.astype(np.float64), axis=0)
    assert 3 < clean.std(axis=0).min() < clean.std(axis=0).max() < 50
    likeness = np.abs(np.corrcoef(clean.T) - np.eye(20))
    assert likeness.max() < 0.97
    slope = band_power(chunk.samples, "Cz", 2, 4) / band_power(chunk.samples, "Cz", 20, 40)
    assert 5 < slope < 40
    assert band_power(chunk.samples, "O1", 9, 11) > 5 * band_power(chunk.samples, "Fz", 9, 11)
    assert band_power(chunk.samples, "Fz", 49.5, 50.5) > 1.5 * band_power(
        chunk.samples, "Fz", 52, 56
    )
    assert np.linalg.norm(chunk.motion.mean(axis=0)) == pytest.approx(9290, rel=0.01)
    assert len(chunk.motion) == 6000


def test_blinks_are_frontal() -> None:
    """The largest deflections are at Fp1 and Fp2."""
    chunk = live(SimulatedPerson(SimulatedSource()), 300, "rest", None)
    low = signal.butter(2, (0.5, 6), "bandpass", fs=RATE, output="sos")
    peaks = signal.sosfiltfilt(low, chunk.samples.astype(np.float64), axis=0).max(axis=0)
    assert set(np.argsort(peaks)[-2:]) == {ENOBIO20.index("Fp1"), ENOBIO20.index("Fp2")}
    assert peaks.max() > 30


@pytest.mark.parametrize(("hand", "ratio"), [("same", 0.8), ("none", 1.0)])
def test_a_held_key_lowers_beta_over_the_other_side(hand: str, ratio: float) -> None:
    """The right hand's key lowers C3, not C4; without a hand nothing happens."""
    config = SimulatedSource(strength=0.0, hand=hand)  # type: ignore[arg-type]
    idle = live(SimulatedPerson(config), 60, "rest", None).samples
    held = live(SimulatedPerson(config), 60, "calibration", None).samples
    drops = [band_power(held, c, 15, 25) / band_power(idle, c, 15, 25) for c in ("C3", "C4")]
    assert drops[0] == 1.0 if ratio == 1.0 else drops[0] < ratio
    assert drops[1] > 0.85


def test_the_spectrum_follows_a_state_within_0_3_seconds() -> None:
    """A change is neither a step in one sample nor slower than the states."""
    config = SimulatedSource(hand="none", coupling=0.0, seed=1)
    calm, moved = SimulatedPerson(config), SimulatedPerson(config)
    at = 4 * round(RATE)
    for person in (calm, moved):
        person.advance(at - 500, audible=None, phase="rest")
    still = live(calm, 13, "rest", None).samples[:, :19]
    before = live(moved, 1, "rest", None)
    after = live(moved, 12, "calibration", None)
    assert after.felt[0].state != "neutral"
    difference = np.abs(np.concatenate([before.samples, after.samples])[:, :19] - still)
    assert difference[:500].max() == 0
    steady = difference[1500:].mean()
    assert difference[500:510].mean() < 0.4 * steady
    assert difference[600:800].mean() > 0.5 * steady


@pytest.mark.parametrize(
    "wrong", [{"coupling": 1.5}, {"strength": -1.0}, {"wrong_keys": 2.0}, {"drift": -5.0}]
)
def test_settings_without_a_meaning_are_refused(wrong: dict[str, float]) -> None:
    """The sentence names the value and what is allowed."""
    with pytest.raises(ValueError, match="allowed is 0 to"):
        SimulatedSource(**wrong)  # type: ignore[arg-type]

"""What disturbs a window as a whole is named, lowers the index, and invalidates where told to."""

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from stream.quality.artifacts import Tension, is_blink
from stream.settings import QualitySettings
from tests.stream.judging import CAP10, judge_all

N = 4000
T = np.arange(N) / 500
EYES = [CAP10.index(name) for name in ("Fp1", "Fp2")]


def muscle(rms: float, seed: int = 1) -> np.ndarray:
    """Return noise from 20 to 150 Hz between 4 and 6 s, one column per channel."""
    sos = butter(4, (20, 150), "bandpass", fs=500, output="sos")
    white = np.random.default_rng(seed).normal(size=(N, 10))
    burst = sosfilt(sos, white, axis=0)
    return rms * burst / burst.std(axis=0) * ((T >= 4) & (T < 6))[:, None]


def blink(height: float, at: float) -> np.ndarray:
    """Return one blink's course."""
    return height * np.exp(-(((T - at) / 0.07) ** 2))


@pytest.mark.fault(14)
@pytest.mark.parametrize("height", [120.0, 400.0, -120.0])
def test_blinks_are_flagged_and_change_nothing_else(cap, height: float) -> None:
    """A blink is an artifact of valid windows, makes no channel bad, and lowers the index."""
    signal = cap(N, 10).astype(np.float64)
    quiet = judge_all(signal)
    for at in (3.4, 6.1):
        signal[:, EYES] += blink(height, at)[:, None]
        signal[:, 2:4] += 0.4 * blink(height, at)[:, None]
    judged = judge_all(signal)
    # A window that holds the whole blink ends 0.2 to 0.8 s after its peak.
    for at in (3.4, 6.1):
        whole = [i for i in range(len(judged)) if at + 0.2 <= 1 + 0.25 * i <= at + 0.8]
        assert len(whole) >= 2
        assert all("blink" in judged[i].artifacts for i in whole)
        assert all(judged[i].overall < quiet[i].overall for i in whole)
    assert all(one.artifacts in ((), ("blink",)) for one in judged)
    assert all((one.bad, one.reason) == ((), "") for one in judged)


def test_a_wave_over_the_whole_head_is_no_blink() -> None:
    """As high behind as over the eyes, or too slow, or too low: no blink."""
    shape = blink(200.0, 1.0)[:1000]
    eyes = np.stack([shape, shape])
    assert is_blink(eyes, 0.2 * eyes, 10, 75.0)
    assert is_blink(-eyes, eyes[:0], 10, 75.0)
    assert not is_blink(eyes, 0.8 * eyes, 10, 75.0)
    assert not is_blink(0.3 * eyes, 0.0 * eyes, 10, 75.0)
    slow = 200 * np.sin(np.pi * np.arange(1000) / 1000)
    assert not is_blink(np.stack([slow, slow]), 0.0 * eyes, 10, 75.0)
    assert not is_blink(eyes[:0], eyes, 10, 75.0)


@pytest.mark.fault(14)
@pytest.mark.parametrize("rms", [40.0, 120.0])
def test_a_clenched_jaw_is_held_back(cap, rms: float) -> None:
    """A burst over forehead and temples makes the windows that hold it invalid, and no others."""
    signal = cap(N, 10).astype(np.float64)
    judged = judge_all(signal + muscle(rms) * [1, 1, 1, 1, 1, 1, 0.3, 0.2, 0.2, 0.2])
    for i, one in enumerate(judged):
        end = 1 + 0.25 * i
        if 4.75 <= end <= 6.25:
            assert {"muscle", "muscle burst"} <= set(one.artifacts)
            assert "muscle burst" in one.reason
            assert one.overall < 0.8
        elif end <= 4 or end > 7.5:
            assert (one.artifacts, one.reason) == ((), "")


def test_a_tense_face_is_only_flagged(cap) -> None:
    """Weak muscle is told and lowers the index; the window stays valid."""
    signal = cap(N, 10).astype(np.float64)
    one = judge_all(signal + muscle(22.0) * [1, 1, 1, 1, 1, 1, 0, 0, 0, 0])[17]
    assert (one.artifacts, one.reason, one.bad) == (("muscle",), "", ())
    assert one.overall == pytest.approx(0.7)


def test_one_tense_channel_does_not_disturb_the_window(cap) -> None:
    """Muscle on one temple lowers the index and names no artifact."""
    signal = cap(N, 10).astype(np.float64)
    one = judge_all(signal + muscle(40.0) * [0, 0, 0, 1, 0, 0, 0, 0, 0, 0])[17]
    assert (one.artifacts, one.reason) == ((), "")
    assert one.overall == pytest.approx(0.95)


@pytest.mark.fault(14)
@pytest.mark.parametrize(("mains", "notch"), [(50.0, 50), (60.0, 60)])
@pytest.mark.parametrize("amplitude", [100.0, 250.0])
def test_mains_lowers_the_index_and_the_notch_keeps_the_channels(
    cap, mains: float, notch: int, amplitude: float
) -> None:
    """Mains is judged before the notch; what the notch takes out makes no channel bad."""
    signal = cap(N, 10).astype(np.float64)
    signal += amplitude * np.sin(2 * np.pi * mains * T + 0.3)[:, None]
    last = judge_all(signal, line=notch)[-1]
    assert (last.artifacts, last.bad, last.reason) == (("line",), (), "")
    assert last.overall == pytest.approx(0.5)
    other = judge_all(signal, line=110 - notch)[-1]
    assert set(other.bad) == set(CAP10)
    assert other.reason == "0 of 10 channels ok, 60% needed"


@pytest.mark.fault(14)
def test_walking_is_held_back_by_the_accelerometer(cap) -> None:
    """Acceleration of a walking head makes the window invalid; a seated head's does not."""
    rng = np.random.default_rng(0)
    n = len(judge_all(cap(N, 10)))
    still = [np.array([200, -300, 9300]) + 40 * rng.normal(size=(25, 3)) for _ in range(n)]
    walking = [rows.copy() for rows in still]
    for i in range(8, 14):
        walking[i][:, 2] += 2000 * np.sin(2 * np.pi * 2 * np.arange(25) / 100 + i * np.pi)
    quiet = judge_all(cap(N, 10), motion=np.array(still, np.float32))
    judged = judge_all(cap(N, 10), motion=np.array(walking, np.float32))
    assert all(one.artifacts == () for one in quiet)
    moved = [i for i, one in enumerate(judged) if one.reason == "motion"]
    # Four hops make a window, so the last of the walking is still in the third window after it.
    assert moved == list(range(8, 17))
    assert all(judged[i].overall == pytest.approx(0.5) for i in moved)


def test_an_accelerometer_that_sends_nonsense_moves_nothing(cap) -> None:
    """Rows that are not finite are left out."""
    rows = np.full((29, 25, 3), np.nan, np.float32)
    assert all(one.artifacts == () for one in judge_all(cap(N, 10), motion=rows))


def test_a_swinging_cap_is_motion_without_an_accelerometer(cap) -> None:
    """Large slow waves on many channels are motion; on two of ten they are not."""
    swing = 150 * np.sin(2 * np.pi * 1.7 * T)[:, None] * np.linspace(1.0, 1.6, 10)
    signal = cap(N, 10).astype(np.float64)
    assert "motion" in judge_all(signal + swing)[-1].reason
    two = signal.copy()
    two[:, :2] += swing[:, :2]
    assert "motion" not in judge_all(two)[-1].artifacts


def test_which_artifacts_invalidate_is_a_setting(cap) -> None:
    """A blink invalidates where it is listed, and a burst does not where it is not."""
    strict = QualitySettings(invalid=("blink",))
    signal = cap(N, 10).astype(np.float64)
    signal[:, EYES] += blink(200.0, 3.4)[:, None]
    assert judge_all(signal, settings=strict)[11].reason == "blink"
    burst = cap(N, 10) + muscle(60.0)
    one = judge_all(burst, settings=strict)[17]
    assert ("muscle burst" in one.artifacts, one.reason) == (True, "")


@pytest.mark.fault(14)
@pytest.mark.parametrize("times", [2.1, 3.0])
def test_muscle_is_held_against_a_persons_own_quiet_level(times: float) -> None:
    """From twice the lower quartile of the last minute on, once that is known."""
    rng = np.random.default_rng(0)
    places = np.array([True, True, False])
    tension, good = Tension(places, 500.0), np.array([True, True, True])
    for _ in range(80):
        risen = tension.push(3.0 * rng.uniform(0.9, 1.1, 3), good, 125, 2.0)
        assert not risen.any()
    assert tension.push(np.array([3.0, 3.0, 3.0]) * times, good, 125, 2.0).tolist() == [1, 1, 0]
    bad = np.array([False, True, True])
    assert tension.push(np.array([3.0, 3.0, 3.0]) * times, bad, 125, 2.0).tolist() == [0, 1, 0]
    early = Tension(places, 500.0)
    assert not any(early.push(np.full(3, 3.0 * 9**i), good, 500, 2.0).any() for i in range(10))


def test_tension_that_lasts_becomes_the_level_itself() -> None:
    """Three quarters of a minute after it began, it is what is usual."""
    tension, good = Tension(np.ones(2, bool), 500.0), np.ones(2, bool)
    for _ in range(60):
        tension.push(np.full(2, 3.0), good, 500, 2.0)
    risen = [bool(tension.push(np.full(2, 9.0), good, 500, 2.0).any()) for _ in range(60)]
    assert all(risen[:44])
    assert not any(risen[46:])


@pytest.mark.fault(14)
def test_a_weak_clench_is_a_rise(cap) -> None:
    """Less than muscle, more than the person's own level: told, valid, and lowers the index."""
    signal = np.tile(cap(N, 10).astype(np.float64), (3, 1))
    weak = np.concatenate([np.zeros((2 * N, 10)), muscle(13.0)])
    judged = judge_all(signal + weak * [1, 1, 1, 1, 1, 1, 0.3, 0.2, 0.2, 0.2])
    quiet = judge_all(signal)
    for i, one in enumerate(judged):
        if 20.75 <= 1 + 0.25 * i <= 22.25:
            assert (one.artifacts, one.reason) == (("muscle rise",), "")
            assert one.overall < quiet[i].overall

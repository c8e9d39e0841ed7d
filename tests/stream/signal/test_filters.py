"""The filters are scipy's, whatever the chunks; the reference rests on good channels only."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy import signal

from rym.errors import SignalError, UsageError
from stream.settings import ConditioningSettings
from stream.signal.filters import Conditioner, Reference, describe

DEFAULT = ConditioningSettings()
BAND = ConditioningSettings(high_pass=1.0, low_pass=40.0, order=4, line=60, notch_width=4.0)
LOW = ConditioningSettings(high_pass=0.0, low_pass=30.0, order=3, line=50)
NOTCH = ConditioningSettings(high_pass=0.0, line=50)
OFF = ConditioningSettings(high_pass=0.0, line=0)
ALL = [DEFAULT, BAND, LOW, NOTCH, OFF]


def noise(n: int, n_channels: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Return white noise on offsets of some mV, in µV."""
    rng = np.random.default_rng(seed)
    offset = rng.uniform(-20_000, 22_000, n_channels)
    return (10 * rng.normal(size=(n, n_channels)) + offset).astype(np.float32)


def response(settings: ConditioningSettings, rate: float, hz: npt.ArrayLike) -> np.ndarray:
    """Return the gain of the whole cascade, by the spectrum of 100 s of its impulse response."""
    impulse = np.zeros((round(100 * rate), 1), np.float32)
    impulse[round(rate)] = 1
    after = Conditioner(settings, rate, 1).push(impulse)[round(rate) :, 0]
    angles = 2 * np.pi * np.atleast_1d(hz) / rate
    return np.abs(np.exp(-1j * angles[:, None] * np.arange(len(after))) @ after)


@hypothesis_settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(ALL),
    st.lists(st.integers(0, 5000), max_size=12),
    st.lists(st.tuples(st.integers(0, 5999), st.integers(0, 2)), max_size=30),
    st.sampled_from([np.nan, np.inf, -np.inf]),
)
def test_chunks_do_not_matter(settings, sizes, spots, value) -> None:
    """Any split, empty chunks included, gives the same samples to the bit, also around NaNs."""
    signal_ = noise(6000, 3)
    for row, column in spots:
        signal_[row, column] = value
    whole = Conditioner(settings, 500, 3).push(signal_)
    assert np.isfinite(whole).all()
    split = Conditioner(settings, 500, 3)
    parts, first = [], 0
    for size in [*sizes, 1, 6000]:
        parts.append(split.push(signal_[first : first + size]))
        first += size
    assert np.concatenate(parts).tobytes() == whole.tobytes()


@pytest.mark.parametrize("settings", [DEFAULT, BAND, LOW, NOTCH])
def test_it_is_scipys_filter(settings) -> None:
    """The output is `sosfilt` of scipy's designs, started steady at the first sample."""
    rate, order = 500, settings.order
    low, high = settings.high_pass, settings.low_pass
    band, kind = {
        (True, True): ([low, high], "bandpass"),
        (True, False): (low, "highpass"),
        (False, True): (high, "lowpass"),
        (False, False): (1, ""),
    }[low > 0, high > 0]
    notch = signal.iirnotch(settings.line, settings.line / settings.notch_width, fs=rate)
    sos = np.concatenate([*notch])[None]
    if kind:
        sos = np.concatenate([signal.butter(order, band, kind, fs=rate, output="sos"), sos])
    x = noise(4000, 2)
    start = signal.sosfilt_zi(sos)[:, :, None] * x[0].astype(np.float64)
    expected, _ = signal.sosfilt(sos, x.astype(np.float64), axis=0, zi=start)
    np.testing.assert_allclose(Conditioner(settings, rate, 2).push(x), expected, atol=1e-5)


@pytest.mark.parametrize("settings", ALL)
@pytest.mark.parametrize("offset", [-18_000.0, 22_000.0])
def test_a_constant_offset_starts_steady(settings, offset) -> None:
    """A constant gives zero, or itself where there is no high-pass, from the first sample on."""
    constant = np.full((1000, 2), offset, np.float32)
    conditioner = Conditioner(settings, 500, 2)
    expected = 0.0 if settings.high_pass else offset
    for _ in range(2):
        assert np.all(conditioner.push(constant) == expected)
        conditioner.restart()


def test_a_segment_forgets_the_one_before() -> None:
    """After a restart the output is that of a new filter."""
    x = noise(2000, 2)
    conditioner = Conditioner(DEFAULT, 500, 2)
    first = conditioner.push(x)
    conditioner.push(np.full((10, 2), np.nan, np.float32))
    conditioner.restart()
    assert np.array_equal(conditioner.push(x), first)
    assert not np.array_equal(conditioner.push(x), first)


@pytest.mark.fault(11)
@pytest.mark.parametrize("settings", ALL)
def test_a_sample_that_is_no_number_counts_as_the_last_one(settings) -> None:
    """What follows a NaN or an infinity is as if the channel had stood still; others feel none."""
    broken, held = noise(1500, 3), noise(1500, 3)
    broken[700:720, 1] = np.nan
    broken[1000, 1] = -np.inf
    held[700:720, 1], held[1000, 1] = held[699, 1], held[999, 1]
    after, expected = (Conditioner(settings, 500, 3).push(x) for x in (broken, held))
    assert np.array_equal(after, expected)


@pytest.mark.parametrize("settings", ALL)
def test_a_channel_that_comes_late_starts_steady(settings) -> None:
    """Before its first finite sample a channel is 0; from there on it is as in a new segment."""
    x = noise(1500, 3)
    late = x.copy()
    late[:600, 1] = np.nan
    after = Conditioner(settings, 500, 3).push(late)
    assert np.all(after[:600, 1] == 0)
    assert np.array_equal(after[600:, 1], Conditioner(settings, 500, 3).push(x[600:])[:, 1])
    assert np.array_equal(after[:, 0], Conditioner(settings, 500, 3).push(x)[:, 0])


@pytest.mark.parametrize(
    ("settings", "rate", "corners"),
    [(DEFAULT, 500, [0.5]), (BAND, 250, [1.0, 40.0]), (LOW, 256, [30.0])],
)
def test_the_corners_lie_at_minus_three_decibels(settings, rate, corners) -> None:
    """Half the power passes at each corner, nearly all of it between, a notch off the way."""
    alone = ConditioningSettings(
        high_pass=settings.high_pass, low_pass=settings.low_pass, order=settings.order, line=0
    )
    np.testing.assert_allclose(response(alone, rate, corners) ** 2, 0.5, rtol=1e-4)
    np.testing.assert_allclose(response(settings, rate, 10), 1, atol=0.01)


def test_the_notch_takes_out_the_line_and_little_else() -> None:
    """At the line 80 dB are gone, at the notch's two edges 3 dB, 5 Hz away less than 0.2 dB."""
    gain = 20 * np.log10(response(NOTCH, 500, [50, 49.01, 51.01, 45, 55]) + 1e-9)
    assert gain[0] < -80
    np.testing.assert_allclose(gain[1:3], -3, atol=0.1)
    assert np.all(gain[3:] > -0.2)


@pytest.mark.parametrize("settings", [DEFAULT, BAND, LOW, NOTCH])
@pytest.mark.parametrize("hz", [3.0, 10.0, 20.0])
def test_the_group_delay_is_that_of_scipy(settings, hz) -> None:
    """It is the sum of what scipy finds for scipy's own sections; without filters it is 0."""
    rate = 500
    low, high = settings.high_pass, settings.low_pass
    parts = [signal.iirnotch(settings.line, settings.line / settings.notch_width, fs=rate)]
    if low or high:
        kind = "bandpass" if low and high else "highpass" if low else "lowpass"
        sos = signal.butter(
            settings.order,
            [low, high] if low and high else low or high,
            kind,
            fs=rate,
            output="sos",
        )
        # One by one: scipy's sum over a whole polynomial of order 8 is off by a fifth at 3 Hz.
        parts += [(section[:3], section[3:]) for section in sos]
    expected = sum(signal.group_delay(part, w=[hz], fs=rate)[1][0] for part in parts) / rate
    assert Conditioner(settings, rate, 1).group_delay(hz) == pytest.approx(expected, abs=1e-9)
    assert Conditioner(OFF, rate, 1).group_delay(hz) == 0


def test_the_group_delay_is_seen_in_the_signal() -> None:
    """The envelope of a slow 10 Hz burst comes out later by the group delay."""
    rate = 500
    t = np.arange(20 * rate) / rate - 10
    burst = (100 * np.exp(-(t**2) / 8) * np.cos(2 * np.pi * 10 * t)).astype(np.float32)[:, None]
    conditioner = Conditioner(LOW, rate, 1)
    envelope = np.abs(signal.hilbert(conditioner.push(burst)[:, 0]))
    centre = np.sum(t * envelope**2) / np.sum(envelope**2)
    assert centre == pytest.approx(conditioner.group_delay(10.0), abs=2e-4)
    assert centre > 0.005


@pytest.mark.parametrize(
    ("settings", "rate", "words"),
    [
        ({"high_pass": 60.0}, 100, ["60 Hz", "50 Hz"]),
        ({"low_pass": 128.0}, 256, ["128 Hz"]),
        ({"high_pass": 8.0, "low_pass": 8.0}, 500, ["8 Hz, not above"]),
        ({"high_pass": 8.0, "low_pass": 1.0}, 500, ["1 Hz", "8 Hz"]),
        ({"line": 60}, 110, ["60 Hz", "55 Hz"]),
        ({"line": 50}, 100, ["50 Hz", "100 samples"]),
        ({"notch_width": 100.0}, 500, ["100 Hz wide"]),
        ({"reference": " , "}, 500, ['" , "']),
    ],
)
def test_impossible_filters_are_refused(settings, rate, words) -> None:
    """A corner out of reach is an error of use that names both values."""
    with pytest.raises(UsageError) as caught:
        Conditioner(ConditioningSettings(**settings), rate, 2)
    assert all(word in caught.value.error for word in words)


def test_filters_and_reference_have_a_short_name() -> None:
    """The name says what a model has to be fed with."""
    assert Conditioner(DEFAULT, 500, 2).description == "hp 0.5 Hz/2, notch 50 Hz/2, ref recorded"
    assert describe(BAND) == "bp 1-40 Hz/4, notch 60 Hz/4, ref recorded"
    assert describe(LOW) == "lp 30 Hz/3, notch 50 Hz/2, ref recorded"
    named = ConditioningSettings(high_pass=0, line=0, reference="eeg t5, T6,P7")
    assert describe(named) == "ref P7+P8"
    cleaned = ConditioningSettings(line=0, asr=20.0, reference="average")
    assert describe(cleaned) == "hp 0.5 Hz/2, asr 20, ref average"


CHANNELS = ("Fz", "Cz", "P7", "EXT", "A1")


def window() -> npt.NDArray[np.float64]:
    """Return a window of five channels."""
    return np.random.default_rng(1).normal(size=(250, 5))


def test_the_recorded_reference_is_kept() -> None:
    """Nothing is subtracted, and nothing is copied."""
    x = window()
    out, why = Reference(CHANNELS, "recorded").apply(x, ["Fz"])
    assert out is x
    assert why == ""


def test_the_average_is_that_of_good_scalp_channels() -> None:
    """A bad channel and an auxiliary one do not count; only scalp channels are changed."""
    x = window()
    out, why = Reference(CHANNELS, "average").apply(x, ["Cz"])
    assert why == ""
    np.testing.assert_allclose(out[:, :3], x[:, :3] - (x[:, [0]] + x[:, [2]]) / 2)
    assert np.array_equal(out[:, 3:], x[:, 3:])
    assert np.array_equal(x, window())


def test_named_channels_are_the_reference() -> None:
    """Old and prefixed names are found; a bad one of two is left out; an earlobe will do."""
    x = window()
    both, _ = Reference(CHANNELS, "T5, eeg CZ").apply(x, [])
    np.testing.assert_allclose(both[:, :3], x[:, :3] - x[:, [1, 2]].mean(axis=1)[:, None])
    one, _ = Reference(CHANNELS, "T5, eeg CZ").apply(x, ["Cz"])
    np.testing.assert_allclose(one[:, :3], x[:, :3] - x[:, [2]])
    lobe, _ = Reference(CHANNELS, "a1").apply(x, [])
    np.testing.assert_allclose(lobe[:, :3], x[:, :3] - x[:, [4]])
    assert np.array_equal(lobe[:, 3:], x[:, 3:])


def test_without_a_good_reference_nothing_is_subtracted() -> None:
    """The window comes back as it is, with the reason."""
    x = window()
    out, why = Reference(CHANNELS, "Cz,P7").apply(x, ["P7", "Cz", "Fz"])
    assert out is x
    assert why == "no good reference channel of Cz, P7"


def test_a_reference_that_is_not_there_is_refused() -> None:
    """The error names what is missing and what there is."""
    with pytest.raises(SignalError) as caught:
        Reference(CHANNELS, "M1, Cz, M2")
    assert "M1, M2" in caught.value.error
    assert "Fz, Cz, P7" in caught.value.error
    with pytest.raises(SignalError, match="on the scalp"):
        Reference(("Ch1", "Ch2"), "average")

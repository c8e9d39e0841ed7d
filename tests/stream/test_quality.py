"""Bad channels are named with their reason; good ones are left alone."""

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import detrend as scipy_detrend
from scipy.stats import median_abs_deviation

from stream.montage import ENOBIO20, clean
from stream.quality import detrend, judge, robust_sd
from stream.settings import QualitySettings

SETTINGS = QualitySettings()


def reasons(samples: np.ndarray, channels=ENOBIO20) -> dict[str, str]:
    """Return the faulty channels with their reasons."""
    judged = judge(samples.astype(np.float32), channels, SETTINGS)
    return {channel.name: channel.reason for channel in judged.channels if not channel.ok}


def test_a_well_attached_cap_is_good(cap) -> None:
    """Independent 1/f noise with a common alpha rhythm has no copies and no faults."""
    for seed in range(20):
        judged = judge(cap(500, 20, seed), ENOBIO20, SETTINGS)
        assert (judged.bad, judged.overall, judged.level, judged.reason) == ((), 1.0, "good", "")


def test_a_blink_and_mains_are_no_copies(cap) -> None:
    """What all channels share, however large, does not make them copies."""
    signal = cap(500, 20).astype(np.float64)
    t = np.arange(500) / 500
    signal += 300 * np.exp(-(((t - 0.5) / 0.1) ** 2))[:, None] + 100 * np.sin(314.16 * t)[:, None]
    assert np.corrcoef(detrend(signal)[:, :2].T)[0, 1] > 0.98
    assert reasons(signal) == {}


def test_every_fault_has_its_name(cap) -> None:
    """Stuck on a rail, unplugged, flat, too strong, too weak, floating: each on its channel."""
    signal = cap(500, 20).astype(np.float64)
    rng = np.random.default_rng(0)
    signal[:, 4] = -18_780 + rng.normal(0, 4, 500)
    signal[:, 7] = -400_000.047
    signal[:, 9] = 1234
    signal[:, 11] = 1000 * rng.normal(size=500)
    signal[:, 12] = 0.3 * rng.normal(size=500)
    signal[:, 1] = 500 + signal[:, 0] + 0.4 * rng.normal(size=500)
    signal[:, 2] = 300 + 0.5 * signal[:, 0] + 0.4 * rng.normal(size=500)
    found = reasons(signal)
    assert found.pop("F4").startswith("implausible level ")
    assert found.pop("Fp2").startswith("implausible level 0.")
    assert found.pop("P7").startswith("copy of ")
    assert found == {
        "P3": "rail",
        "O2": "rail",
        "F8": "flat",
        "P4": "copy of P7",
        "Cz": "copy of P7",
    }


def test_a_saturated_moment_is_a_rail(cap) -> None:
    """A channel that touches the converter's end in one sample is not to be trusted."""
    signal = cap(500, 20)
    signal[250, 3] = 400_000
    assert reasons(signal) == {"Pz": "rail"}


def test_an_offset_near_the_rail_is_no_fault(cap) -> None:
    """A live channel may sit at −18.8 mV: it moves more than a stuck one."""
    signal = cap(500, 20)
    signal[:, 3] += -18_800 - signal[:, 3].mean()
    assert reasons(signal) == {}


def test_auxiliary_channels_are_not_judged(cap) -> None:
    """EXT, ECG and triggers do not count, whatever they carry."""
    names = ("Cz", "Pz", "EXT", "ECG", "STI 014")
    signal = cap(500, 5)
    signal[:, 2:] = 0
    judged = judge(signal, names, SETTINGS)
    assert [channel.name for channel in judged.channels] == ["Cz", "Pz"]
    assert judged.overall == 1.0


@pytest.mark.parametrize(
    ("n_bad", "level", "valid"),
    [(1, "good", True), (2, "fair", True), (6, "low", True), (8, "low", False)],
)
def test_level_and_validity_follow_the_share(cap, n_bad: int, level: str, valid: bool) -> None:
    """The share of good electrodes gives the level; below the setting's share, no window counts."""
    signal = cap(500, 20)
    signal[:, :n_bad] = 0
    judged = judge(signal, ENOBIO20, SETTINGS)
    assert judged.overall == pytest.approx((19 - n_bad) / 19)
    assert (judged.level, judged.reason == "") == (level, valid)
    if not valid:
        assert judged.reason == "11 of 19 channels ok, 60% needed"


def test_a_number_that_is_none_spoils_the_window(cap) -> None:
    """NaN on one electrode makes the window invalid, names it, and leaves the others judged."""
    signal = cap(500, 20)
    signal[7, 5] = np.nan
    signal[8, 6] = -np.inf
    judged = judge(signal, ENOBIO20, SETTINGS)
    assert judged.bad == ("P8", "O1")
    assert judged.reason == "not finite: P8, O1"


def test_a_window_without_any_number_raises_nothing() -> None:
    """All NaN is an invalid window of the lowest quality."""
    judged = judge(np.full((500, 20), np.nan, np.float32), ENOBIO20, SETTINGS)
    assert (judged.overall, judged.level) == (0.0, "low")


def test_detrend_is_scipy_s() -> None:
    """The straight line that is taken out is the one that scipy takes out."""
    signal = np.random.default_rng(0).normal(size=(500, 4)).cumsum(axis=0) + 20_000
    assert detrend(signal) == pytest.approx(scipy_detrend(signal, axis=0), abs=1e-8)


def test_robust_sd_is_scipy_s() -> None:
    """The robust SD is the scaled median absolute deviation."""
    signal = np.random.default_rng(0).normal(size=(501, 4))
    assert robust_sd(signal) == pytest.approx(
        median_abs_deviation(signal, axis=0, scale="normal"), rel=1e-4
    )


def test_the_real_enobio_is_seen_as_badly_attached(eeg: Path) -> None:
    """Rails and floating copies of the real recording are named in every window."""
    (file,) = (eeg / "enobio20_nic").glob("*.easy")
    signal = np.loadtxt(file)[:, :20] / 1000
    for first in range(0, len(signal) - 500, 500):
        judged = judge(signal[first : first + 500].astype(np.float32), ENOBIO20, SETTINGS)
        assert {"P7", "P4", "Cz", "Pz", "P3", "P8", "O1", "O2", "C3"} <= set(judged.bad)
        assert (judged.level, judged.reason == "") == ("low", False)


def test_a_real_clean_cap_is_good(eeg: Path) -> None:
    """A clean recording of the same maker, with 20 mV of offset and close electrodes, is good."""
    mne = pytest.importorskip("mne")
    raw = mne.io.read_raw_nedf(eeg / "starstim32_nedf" / "testdata.nedf", verbose="error")
    names = [clean(name) for name in raw.ch_names[:32]]
    signal = raw.get_data(picks="eeg").T * 1e6
    shares = [
        judge(signal[first : first + 500].astype(np.float32), names, SETTINGS).overall
        for first in range(0, len(signal) - 500, 125)
    ]
    assert np.mean(shares) > 0.95
    assert min(shares) > 0.85

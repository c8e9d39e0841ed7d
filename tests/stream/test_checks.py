"""A stream that is not what the settings expect is refused with both values and a remedy."""

import re
from pathlib import Path

import numpy as np
import pytest

from rym.errors import SignalError
from stream.checks import Declared, Signal, StartCheck, agree
from stream.items import Chunk
from stream.montage import ENOBIO20
from stream.settings import StreamSettings

SETTINGS = StreamSettings()
SIGNAL = Signal(ENOBIO20, 500.0, "µV", 1.0)


def declared(**other) -> Declared:
    """Return what an Enobio 20 under NIC says, or something else."""
    said = {
        "name": "NIC",
        "source_id": "nic-1",
        "uid": "u",
        "host": "h",
        "rate": 500.0,
        "n_channels": 20,
        "labels": ENOBIO20,
        "units": ("microvolts",) * 20,
    }
    return Declared(**{**said, **other})


def feed(check: StartCheck, samples: np.ndarray, stamps: np.ndarray, late: bool = False) -> None:
    """Push a signal in chunks of 50."""
    for first in range(0, len(samples), 50):
        part = slice(first, first + 50)
        check.push(Chunk(samples[part].astype(np.float32), stamps[part], late))


def test_what_fits_is_taken() -> None:
    """Names are cleaned, the unit gives the scale."""
    labels = ("EEG T3-Pz", "Fp1", "EXT")
    agreed = agree(declared(n_channels=3, labels=labels, units=("nV", "nV", "")), SETTINGS)
    assert agreed == Signal(("T7", "Fp1", "EXT"), 500.0, "nV", 1e-3)


@pytest.mark.parametrize(
    ("units", "setting", "scale"),
    [
        (("microvolts",) * 20, "auto", 1.0),
        (("uV",) * 20, "auto", 1.0),
        ((), "auto", 1.0),
        (("Volts",) * 20, "auto", 1e6),
        (("mV",) * 19 + ("degrees",), "auto", 1e3),
        (("microvolts",) * 20, "nV", 1e-3),
        (("parsec",) * 20, "µV", 1.0),
    ],
)
def test_the_unit_is_the_setting_s_or_the_stream_s(units, setting: str, scale: float) -> None:
    """The setting overrides what is declared; auxiliary channels have units of their own."""
    assert agree(declared(units=units), StreamSettings(unit=setting)).scale == scale


def test_a_montage_names_the_channels() -> None:
    """Names by position, for a stream whose channels have none or say nothing."""
    settings = StreamSettings(montage=("O1", "T5"), channels=("P7",))
    assert agree(declared(n_channels=2, labels=(), units=()), settings).channels == ("O1", "P7")
    said = declared(n_channels=2, labels=("Ch1", "Ch2"), units=())
    assert agree(said, settings).channels == ("O1", "P7")


@pytest.mark.parametrize(
    ("said", "settings", "message"),
    [
        ({"rate": 250.0}, {"rate": 500.0}, "declares 250 Hz, expected are 500 Hz"),
        ({"rate": 0.0}, {}, "declares 0 Hz, at least 50 Hz"),
        ({"labels": ()}, {}, "has 20 channels and names 0"),
        ({"labels": ("", *ENOBIO20[1:])}, {}, "has 20 channels and names 19"),
        ({}, {"montage": ("O1", "O2")}, "montage names 2 channels, the stream NIC has 20"),
        ({"labels": ("Cz", "EEG Cz", *ENOBIO20[2:])}, {}, "more than one channel named Cz"),
        ({}, {"channels": ("Oz", "T3", "AF3")}, "lacks Oz, AF3; it has P7, P4"),
        (
            {"n_channels": 2, "labels": ("Ch1", "Ch2")},
            {},
            "None of the channels of NIC is a 10-20 electrode: Ch1, Ch2",
        ),
        ({"units": ("parsec",) * 20}, {}, "declares the unit parsec"),
        ({"units": ("nV", *("µV",) * 19)}, {}, "declares the unit nV and µV"),
    ],
)
def test_what_does_not_fit_is_refused(said, settings, message: str) -> None:
    """Both values stand in the sentence, and the setting that helps in the remedy."""
    with pytest.raises(SignalError, match=re.escape(message)) as error:
        agree(declared(**said), StreamSettings(**settings))
    assert "[stream]" in error.value.remedy


def test_a_plausible_signal_passes(cap) -> None:
    """A good cap within 1 % of its declared rate raises nothing, however long it is looked at."""
    for rate in (496.0, 500.0, 504.0):
        feed(StartCheck(SIGNAL, SETTINGS), cap(6000, 20), 7 + np.arange(6000) / rate)


@pytest.mark.parametrize(("factor", "shown"), [(1000.0, "e+04"), (1e-3, "0.0"), (1e-6, "e-05")])
def test_an_implausible_unit_is_refused(cap, factor: float, shown: str) -> None:
    """A wrong factor is seen in three seconds, with the measured value and the assumed unit."""
    check = StartCheck(SIGNAL, SETTINGS)
    with pytest.raises(SignalError, match=r"in µV; plausible are 0\.5 to 500 µV") as error:
        feed(check, cap(1500, 20) * factor, np.arange(1500) / 500)
    assert shown in error.value.error
    assert 10 < error.value.facts["measured"] / factor < 20
    assert "[stream] unit" in error.value.remedy


def test_the_real_badly_attached_cap_is_not_refused(eeg: Path) -> None:
    """Rails and floating electrodes are a matter of quality, not of the unit."""
    (file,) = (eeg / "enobio20_nic").glob("*.easy")
    signal = np.loadtxt(file, max_rows=3000)[:, :20]
    feed(StartCheck(SIGNAL, SETTINGS), signal / 1000, np.arange(3000) / 500)
    with pytest.raises(SignalError, match="robust SD"):
        feed(StartCheck(SIGNAL, SETTINGS), signal, np.arange(3000) / 500)


def test_a_cap_that_stands_still_is_not_refused() -> None:
    """Where no channel moves, there is nothing to tell the unit by."""
    feed(StartCheck(SIGNAL, SETTINGS), np.full((3000, 20), -400_000.0), np.arange(3000) / 500)


@pytest.mark.parametrize(("true", "shown"), [(250.0, "250"), (490.0, "490"), (1000.0, "1000")])
def test_a_wrong_rate_is_refused(cap, true: float, shown: str) -> None:
    """More than 1 % off over five seconds: both rates are named."""
    check = StartCheck(SIGNAL, SETTINGS)
    with pytest.raises(SignalError, match=f"declares 500 Hz, but {shown}") as error:
        feed(check, cap(6000, 20), np.arange(6000) / true)
    assert error.value.facts["measured"] == pytest.approx(true, rel=1e-3)


def test_a_wrong_rate_in_regular_chunks_is_refused(cap) -> None:
    """A sender that stamps whole chunks at half the rate is seen, although each is regular."""
    counter = np.arange(6000)
    stamps = counter // 50 * 0.2 + counter % 50 / 500
    with pytest.raises(SignalError, match="declares 500 Hz, but 25"):
        feed(StartCheck(SIGNAL, SETTINGS), cap(6000, 20), stamps)


def test_one_outage_is_no_wrong_rate(cap) -> None:
    """A gap of a second among the first five is a gap."""
    stamps = np.arange(3000) / 500
    stamps[1234:] += 1.0
    feed(StartCheck(SIGNAL, SETTINGS), cap(3000, 20), stamps)


def test_stamps_that_stand_still_are_refused(cap) -> None:
    """A sender whose clock stands is not waited for without end."""
    with pytest.raises(SignalError, match="declares 500 Hz, but 0 samples"):
        feed(StartCheck(SIGNAL, SETTINGS), cap(6000, 20), np.zeros(6000))


def test_only_late_samples_are_refused(cap) -> None:
    """A sender whose every sample is late would never give a window; the setting is named."""
    with pytest.raises(SignalError, match="more than 1 s after its stamp") as error:
        feed(StartCheck(SIGNAL, SETTINGS), cap(3000, 20), np.arange(3000) / 500, late=True)
    assert "max_age" in error.value.remedy

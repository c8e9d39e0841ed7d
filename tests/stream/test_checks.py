"""A stream that is not what the settings expect is refused with both values and a remedy."""

import re
from pathlib import Path

import numpy as np
import pytest
import pyxdf

from rym.errors import SignalError
from stream.checks import Declared, Signal, StartCheck, agree, model_check
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


@pytest.mark.fault(15)
@pytest.mark.fault(16)
@pytest.mark.fault(17)
@pytest.mark.fault(19)
@pytest.mark.parametrize(
    ("said", "settings", "message"),
    [
        ({"rate": 250.0}, {"rate": 500.0}, "declares 250 Hz, expected are 500 Hz"),
        ({"rate": 0.0}, {}, "declares no rate (0 Hz), and [stream] rate is 0"),
        ({"rate": 0.0}, {"rate": 10.0}, "[stream] rate says 10 Hz, 50 to 100000 Hz"),
        ({"rate": 10.0}, {}, "declares 10 Hz, 50 to 100000 Hz"),
        ({"rate": float("nan")}, {}, "declares nan Hz, 50 to 100000 Hz"),
        ({"rate": 1e9}, {}, "declares 1e+09 Hz, 50 to 100000 Hz"),
        ({"form": "string"}, {}, "carries text in 20 channels, EEG is numbers (float32, "),
        ({"form": "undefined"}, {}, "carries samples of the format undefined"),
        ({"n_channels": 0, "labels": (), "units": ()}, {}, "in 0 channels"),
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


@pytest.mark.fault(19)
@pytest.mark.parametrize("form", ["float32", "double64", "int8", "int16", "int32", "int64"])
def test_every_kind_of_number_is_taken(form: str) -> None:
    """Whole numbers and double precision are as good as single precision."""
    assert agree(declared(form=form), SETTINGS).rate == 500.0


@pytest.mark.fault(17)
def test_auxiliary_channels_are_set_apart() -> None:
    """Accelerometer and trigger behind the electrodes are neither missing nor in the way."""
    labels = (*ENOBIO20, "AccX", "AccY", "AccZ", "Trigger")
    units = ("uV",) * 20 + ("mg",) * 3 + ("",)
    agreed = agree(declared(n_channels=24, labels=labels, units=units), SETTINGS)
    assert agreed.scalp == ENOBIO20[:19]
    assert agreed.auxiliary == ("EXT", "AccX", "AccY", "AccZ", "Trigger")
    assert agreed.scale == 1.0


@pytest.mark.fault(17)
def test_a_model_takes_any_stream_that_has_its_channels() -> None:
    """Order, spelling and further channels are free."""
    model_check(("Fp1", "T7", "Cz"), tuple(reversed(ENOBIO20)))
    model_check(("Fp1", "T3"), (*ENOBIO20, *map(str, range(12))))


@pytest.mark.fault(17)
def test_a_model_refuses_a_stream_that_lacks_its_channels() -> None:
    """Both the missing channels and those that are there are named."""
    with pytest.raises(SignalError, match="on 4 channels, and the stream lacks AF3, Oz;") as error:
        model_check(("AF3", "Cz", "Oz", "Pz"), ENOBIO20)
    assert "of the others it has Cz, Pz." in error.value.error
    assert error.value.facts["missing"] == ["AF3", "Oz"]
    with pytest.raises(SignalError, match="it has none"):
        model_check(("AF3", "Oz"), ("Cz", "Pz"))


def test_a_plausible_signal_passes(cap) -> None:
    """A good cap within 1 % of its declared rate raises nothing, however long it is looked at."""
    for rate in (496.0, 500.0, 504.0):
        feed(StartCheck(SIGNAL, SETTINGS), cap(6000, 20), 7 + np.arange(6000) / rate)


@pytest.mark.fault(15)
@pytest.mark.parametrize(
    ("factor", "shown", "hint"),
    [(1e3, "e+04", "nV (1"), (1e6, "e+07", ""), (1e-3, "0.0", "mV (1"), (1e-6, "e-05", "V (1")],
)
def test_an_implausible_unit_is_refused(cap, factor: float, shown: str, hint: str) -> None:
    """A wrong factor is refused: measured value, assumed unit, and the unit that would fit."""
    check = StartCheck(SIGNAL, SETTINGS)
    low, high = SETTINGS.quality.level_low, SETTINGS.quality.level_high
    with pytest.raises(SignalError, match=f"in µV; plausible are {low:g} to {high:g} µV") as error:
        feed(check, cap(1500, 20) * factor, np.arange(1500) / 500)
    assert shown in error.value.error
    assert 10 < error.value.facts["measured"] / factor < 20
    assert "[stream] unit" in error.value.remedy
    assert ("Plausible would be" in error.value.remedy) == bool(hint)
    assert hint in error.value.remedy


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


@pytest.mark.fault(5)
@pytest.mark.parametrize("share", [0.02, 0.1])
def test_lost_packets_are_told_and_no_wrong_rate(cap, share: float) -> None:
    """Where the steps between stamps say that the rate is right, the loss is told instead."""
    rows = np.flatnonzero(np.random.default_rng(1).random(3000) >= share)
    check = StartCheck(SIGNAL, SETTINGS)
    feed(check, cap(3000, 20)[rows], 5000 + rows / 500)
    assert check.lost == pytest.approx(share, rel=0.2)
    assert check.note == f"{100 * check.lost:.2g} % of the samples were lost in the first 5 s."
    assert check.measured == pytest.approx(500, rel=1e-3)


def test_where_nothing_is_lost_nothing_is_told(cap) -> None:
    """Neither with regular stamps nor with chunks that are stamped on arrival."""
    late = np.repeat(np.random.default_rng(1).normal(0, 0.004, 300), 10)
    for jitter in (0.0, late):
        check = StartCheck(SIGNAL, SETTINGS)
        feed(check, cap(3000, 20), np.arange(3000) / 500 + jitter)
        assert (check.lost, check.note) == (0.0, "")
        assert check.measured == pytest.approx(500, rel=0.01)


def test_a_wrong_rate_is_refused_although_samples_are_lost(cap) -> None:
    """A loss does not hide that 250 Hz are declared as 500 Hz."""
    rows = np.flatnonzero(np.random.default_rng(1).random(3000) >= 0.05)
    with pytest.raises(SignalError, match="declares 500 Hz, but 23"):
        feed(StartCheck(SIGNAL, SETTINGS), cap(3000, 20)[rows], rows / 250)


@pytest.mark.fault(8)
def test_a_clock_that_is_set_is_no_wrong_rate(cap) -> None:
    """A jump of an hour, forward or back, says nothing about the rate."""
    for jump in (3600.0, -3600.0):
        stamps = 5000 + np.arange(3000) / 500
        stamps[700:] += jump
        check = StartCheck(SIGNAL, SETTINGS)
        feed(check, cap(3000, 20), stamps)
        assert check.measured == pytest.approx(500, rel=1e-3)


IRREGULAR = Signal(("TP9", "AF7", "AF8", "TP10"), 256.0, "µV", 1.0, declared=False)


@pytest.mark.fault(16)
def test_a_headband_without_a_rate_is_measured(cap) -> None:
    """Bursts of 12 samples that share a stamp agree with the rate that the settings name."""
    said = declared(rate=0.0, n_channels=4, labels=IRREGULAR.channels, units=())
    assert agree(said, StreamSettings(rate=256.0)) == IRREGULAR
    stamps = np.arange(1800) // 12 * 12 / 256
    stamps += np.repeat(np.random.default_rng(1).uniform(0, 0.01, 150), 12)
    check = StartCheck(IRREGULAR, StreamSettings(rate=256.0))
    feed(check, cap(1800, 4, rate=256.0), stamps)
    assert check.measured == pytest.approx(256, rel=5e-3)


def test_a_headband_at_another_rate_is_refused(cap) -> None:
    """The measured rate is named, and how to set it."""
    stamps = np.arange(2600) // 12 * 12 / 220
    check = StartCheck(IRREGULAR, StreamSettings(rate=256.0))
    with pytest.raises(SignalError, match=r"\[stream\] rate says 256 Hz, but 220") as error:
        feed(check, cap(2600, 4, rate=256.0), stamps)
    assert error.value.facts["measured"] == pytest.approx(220, rel=2e-3)
    assert "set [stream] rate to 220" in error.value.remedy


def test_real_headbands_keep_their_rate(eeg: Path) -> None:
    """Public Muse recordings, whose stamps wobble, are at 256 Hz and lose nothing."""
    for name in ("sub-P001", "sub-P002"):
        streams, _ = pyxdf.load_xdf(
            eeg / "xdf" / f"{name}.xdf", synchronize_clocks=False, dejitter_timestamps=False
        )
        stream = next(s for s in streams if s["info"]["type"] == ["EEG"])
        check = StartCheck(IRREGULAR, StreamSettings(rate=256.0))
        feed(check, stream["time_series"][:, :4], stream["time_stamps"])
        assert check.measured == pytest.approx(256, rel=2e-3)
        assert check.note == ""


@pytest.mark.fault(18)
@pytest.mark.fault(19)
@pytest.mark.parametrize("size", [1, 7, 1_000_000])
def test_any_size_of_chunk_is_checked_alike(cap, size: int) -> None:
    """An empty chunk is nothing, and one of a million samples is judged by its first seconds."""
    n = max(3000, size)
    samples = np.resize(cap(3000, 2), (n, 2)).astype(np.float32)
    stamps = np.arange(n) / 250
    check = StartCheck(Signal(("Cz", "Pz"), 500.0, "µV", 1.0), SETTINGS)
    assert not check.push(Chunk(samples[:0], stamps[:0]))
    chunks = (
        Chunk(samples[first : first + size], stamps[first : first + size])
        for first in range(0, n, size)
    )
    with pytest.raises(SignalError, match="declares 500 Hz, but 250"):
        list(map(check.push, chunks))


@pytest.mark.fault(7)
def test_stamps_that_are_no_numbers_are_refused(cap) -> None:
    """A sender that stamps nothing is not waited for without end."""
    with pytest.raises(SignalError, match="declares 500 Hz, but 0 samples"):
        feed(StartCheck(SIGNAL, SETTINGS), cap(6000, 20), np.full(6000, np.nan))


@pytest.mark.fault(16)
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
    assert "max_age or max_ahead" in error.value.remedy
    assert "firewall" in error.value.remedy

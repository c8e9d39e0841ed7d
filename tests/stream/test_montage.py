"""Channel names of devices and files become one spelling."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream.montage import ENOBIO20, SCALP, clean, is_scalp, kind

EEG = Path(__file__).parents[3] / "shared" / "eeg"


@pytest.mark.parametrize(
    ("given", "cleaned"),
    [
        ("EEG Fp1", "Fp1"),
        ("EEG F3-Pz", "F3"),
        ("FP2", "Fp2"),
        ("cz", "Cz"),
        ("T3", "T7"),
        ("EEG T4", "T8"),
        ("T5-REF", "P7"),
        ("t6", "P8"),
        ("EEG A2-A1", "A2-A1"),
        ("ECG ECG", "ECG ECG"),
        (" EXT ", "EXT"),
        ("Ch1", "Ch1"),
        ("PO10", "PO10"),
        ("Fc3.", "FC3"),
    ],
)
def test_a_name_has_one_spelling(given: str, cleaned: str) -> None:
    """Prefixes, references, case and the old temporal names go."""
    assert clean(given) == cleaned


def test_cleaning_twice_changes_nothing() -> None:
    """Every cleaned name is its own cleaned name."""
    for name in (*SCALP, *ENOBIO20, "EEG A2-A1", "ECG ECG", "Trigger", "Ch7"):
        assert clean(clean(name)) == clean(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("EXT", "external"),
        ("ECG ECG", "ecg"),
        ("A2-A1", "reference"),
        ("EEG M1", "reference"),
        ("X", "accelerometer"),
        ("Acc_Y", "accelerometer"),
        ("Trigger", "trigger"),
        ("STI 014", "trigger"),
        ("VEOG", "eog"),
        ("Ch3", "other"),
        ("Oz", "scalp"),
        ("T5", "scalp"),
    ],
)
def test_auxiliary_channels_are_told_apart(name: str, expected: str) -> None:
    """A channel that is not on the scalp is never taken for EEG."""
    assert kind(name) == expected
    assert is_scalp(name) == (expected == "scalp")


def test_enobio20_is_nineteen_on_the_scalp_and_ext() -> None:
    """The device of the study has 19 different scalp channels, then EXT."""
    assert len(set(ENOBIO20)) == 20
    assert [name for name in ENOBIO20 if not is_scalp(name)] == ["EXT"]
    assert ENOBIO20[-1] == "EXT"


@pytest.mark.skipif(not EEG.exists(), reason=f"no recordings in {EEG}")
def test_enobio20_has_the_order_of_a_real_recording() -> None:
    """The order is the one that NIC writes into its .info file."""
    for path in sorted((EEG / "enobio20_nic").glob("*.info")):
        lines = [line.split() for line in path.read_text("latin-1").splitlines()]
        found = [words[2] for words in lines if len(words) == 3 and words[0] == "Channel"]
        assert tuple(found) == ENOBIO20

"""What is known of real recordings is found in them, by name."""

from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from stream.files.reading import read
from stream.quality.judge import Judgement
from stream.settings import QualitySettings
from tests.stream.judging import judge_all, reasons

ENOBIO8 = ("P7", "P3", "Pz", "P4", "P8", "O1", "Oz", "O2")


@cache
def judged_file(file: Path) -> list[Judgement]:
    """Return the judgements of a recording's windows, four a second."""
    recording = read(file)
    names = ENOBIO8 if recording.channels[0] == "Ch1" else recording.channels
    return judge_all(recording.samples, names, rate=recording.rate)


def share(judged: list[Judgement], what) -> float:
    """Return the share of windows of which something is true."""
    return float(np.mean([bool(what(window)) for window in judged]))


def changes_a_minute(judged: list[Judgement], name: str) -> float:
    """Return how often a channel turns bad or good again, per minute."""
    bad = [name in window.bad for window in judged]
    return sum(a != b for a, b in pairwise(bad)) / (len(bad) * 0.25 / 60)


@pytest.mark.fault(13)
def test_the_badly_attached_enobio_20(eeg: Path) -> None:
    """Rails and floating copies of the real recording are named in every window."""
    (file,) = (eeg / "enobio20_nic").glob("*.easy")
    for window in judged_file(file):
        found = reasons(window)
        assert {found[name] for name in ("P3", "O2", "C3")} == {"rail"}
        for name in ("P7", "P4", "Cz", "Pz", "P8", "O1"):
            assert found[name].startswith("copy of ")
        assert (window.level, window.reason == "") == ("low", False)


def test_the_enobio_8_with_loose_contacts(eeg: Path) -> None:
    """Electrodes in the air have no level or copy each other; no window is called good."""
    files = sorted((eeg / "enobio8_ssvep").glob("*.easy"))
    assert len(files) == 7
    for file in files:
        judged = judged_file(file)
        assert share(judged, lambda window: window.level != "low") < 0.02
        assert share(judged, lambda window: window.reason) > 0.95
        assert share(judged, lambda window: {"P8", "O2"} <= set(window.bad)) > 0.9


@pytest.mark.parametrize("subject", ["01", "02", "03", "05"])
def test_cleaned_recordings_are_good(eeg: Path, subject: str) -> None:
    """A cleaned cap is valid, without muscle, up to the zeros at the file's end."""
    judged = judged_file(eeg / "rest_arithmetic" / f"Subject{subject}_2.edf")[:-8]
    assert share(judged, lambda window: window.level == "good") > 0.97
    assert share(judged, lambda window: not window.reason) > 0.97
    assert share(judged, lambda window: "muscle" in window.artifacts) == 0


def test_eyes_closed_is_no_muscle(eeg: Path) -> None:
    """A large alpha rhythm is neither muscle nor motion, and nothing is bad; open or closed."""
    for name in ("eyes_open", "eyes_closed"):
        judged = judged_file(eeg / "dsi24_eyes" / f"{name}.edf")
        told = {(w.bad, w.reason, w.level, *w.artifacts) for w in judged}
        assert told <= {((), "", "good"), ((), "", "good", "muscle rise")}
    assert not any(window.artifacts for window in judged)


@pytest.mark.long
@pytest.mark.parametrize(
    "file",
    [
        *(f"rest_arithmetic/Subject{n}.edf" for n in ("00_1", "01_1", "02_1", "03_1", "05_2")),
        "dsi24_eyes/eyes_open.edf",
    ],
)
def test_muscle_of_a_person_at_rest_rises_seldom(eeg: Path, file: str) -> None:
    """What is held against a person's own quiet level touches at most 5 % of a clean cap's time."""
    assert share(judged_file(eeg / file), lambda window: "muscle rise" in window.artifacts) <= 0.05


def test_eyes_that_open_take_alpha_away(eeg: Path) -> None:
    """A minute closed, then open: alpha is told to be gone only after they open."""
    closed, opened = (read(eeg / "dsi24_eyes" / f"eyes_{x}.edf") for x in ("closed", "open"))
    parts = [closed.samples, closed.samples[::-1], opened.samples]
    # Ends that meet by a step would be pops.
    signal = np.concatenate([part - part.mean(axis=0) for part in parts])
    judged = judge_all(signal, closed.channels, rate=closed.rate)
    gone = ["alpha gone" in window.hints for window in judged]
    assert not any(gone[:232])
    assert np.mean(gone[255:]) > 0.8


@pytest.mark.fault(14)
def test_what_the_person_with_the_starstim_did(eeg: Path) -> None:
    """Quiet, clenching, 18 blinks and a moving head are told apart at their times."""
    judged = judged_file(eeg / "starstim32_nedf" / "testdata.nedf")

    def between(start: float, end: float) -> list[Judgement]:
        return [window for i, window in enumerate(judged) if start + 1 <= 1 + 0.25 * i <= end]

    quiet = between(14, 21)
    assert {(window.artifacts, window.reason) for window in quiet} == {((), "")}
    assert {name for window in quiet for name in window.bad} <= {"AF8", "F8", "C5", "FC5"}
    clench = between(30, 38)
    assert share(clench, lambda window: "muscle burst" in window.reason) > 0.6
    blinks = between(40.5, 49.5)
    assert share(blinks, lambda window: "blink" in window.artifacts) > 0.9
    assert {window.reason for window in blinks} == {""}
    assert share(between(51.5, 53), lambda window: window.reason) == 1.0


@pytest.mark.parametrize(
    ("file", "pairs"),
    [
        ("rest_arithmetic/Subject00_1.edf", (("F4", "Fz"),)),
        ("starstim32_nedf/testdata.nedf", (("AF8", "F8"), ("C5", "FC5"))),
    ],
)
def test_bridged_pairs_of_good_caps_do_not_flicker(eeg: Path, file: str, pairs) -> None:
    """A pair that gel joins changes a third as often as without what holds it, or less."""
    recording = read(eeg / file)
    settings = QualitySettings(recovery=0.0, copy_hold=1.0)
    free = judge_all(recording.samples, recording.channels, settings, rate=recording.rate)
    held = judged_file(eeg / file)
    for pair in pairs:
        for name in pair:
            assert changes_a_minute(free, name) > 25
            assert changes_a_minute(held, name) < 8

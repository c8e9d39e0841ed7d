"""Bad channels become what their neighbours say; electrodes lie where 10-10 puts them."""

import warnings
from pathlib import Path

import mne
import numpy as np
import pytest
from mne.channels.interpolation import _make_interpolation_matrix

from stream.files.reading import read
from stream.montage import ENOBIO20, SCALP
from stream.settings import ConditioningSettings
from stream.signal.filters import Conditioner
from stream.signal.interpolation import MASKS, Interpolator, weights
from stream.signal.positions import position

STARSTIM = Path(__file__).parents[4] / "shared" / "eeg" / "starstim32_nedf" / "testdata.nedf"


def places(names) -> np.ndarray:
    """Return the electrodes' unit vectors."""
    return np.array([position(name) for name in names])


def window(n_channels: int = 20) -> np.ndarray:
    """Return a window of white noise."""
    return np.random.default_rng(0).normal(size=(500, n_channels))


def degrees(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the angles between pairs of unit vectors."""
    return np.degrees(np.arccos(np.clip(np.sum(a * b, axis=-1), -1, 1)))


def test_every_electrode_has_a_place_of_its_own() -> None:
    """All lie on the sphere, 8° apart or more; O9 and O10 are other names of I1 and I2."""
    names = sorted(SCALP)
    where = places(names)
    np.testing.assert_allclose(np.linalg.norm(where, axis=1), 1, atol=1e-12)
    angles = degrees(where[:, None], where[None])
    close = {(names[i], names[j]) for i, j in np.argwhere(angles < 8) if i < j}
    assert close == {("I1", "O9"), ("I2", "O10")}


def test_the_rule_of_ten_percent_holds() -> None:
    """Neighbours on the midline are equally far apart, T7 lies on the equator, sides mirror."""
    line = places(["Nz", "Fpz", "AFz", "Fz", "FCz", "Cz", "CPz", "Pz", "POz", "Oz", "Iz"])
    np.testing.assert_allclose(degrees(line[1:], line[:-1]), 22.5)
    np.testing.assert_allclose(degrees(*places(["Fp1", "AF7"])), 18)
    np.testing.assert_allclose(degrees(*places(["C5", "C3"])), 22.5)
    for left, right in [("F3", "F4"), ("T7", "T8"), ("PO9", "PO10"), ("I1", "I2"), ("FC5", "FC6")]:
        np.testing.assert_allclose(position(left) * [-1, 1, 1], position(right), atol=1e-12)
    row = places(["F7", "F5", "F3", "F1", "Fz"])
    np.testing.assert_allclose(np.ptp(degrees(row[1:], row[:-1])), 0, atol=1e-9)
    assert np.array_equal(position("EEG T3"), position("T7"))
    with pytest.raises(KeyError):
        position("EXT")


def test_places_are_those_of_a_head() -> None:
    """Turned into mne's head, no electrode is more than 7° off, half of them less than 3°."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the newer mne has a new name for it, the older has not
        head = mne.channels.make_standard_montage("standard_1005").get_positions()["ch_pos"]
    names = sorted(SCALP & head.keys())
    assert len(names) == len(SCALP) - 3
    on_head = np.array([head[name] for name in names])
    # The sphere through all electrodes: |p|² = 2·p·c + r² − |c|².
    system = np.column_stack([2 * on_head, np.ones(len(names))])
    centre = np.linalg.lstsq(system, np.sum(on_head**2, axis=1), rcond=None)[0][:3]
    head_unit = on_head - centre
    head_unit /= np.linalg.norm(head_unit, axis=1, keepdims=True)
    left, _, right = np.linalg.svd(places(names).T @ head_unit)
    assert np.linalg.det(left @ right) > 0
    off = degrees(places(names) @ left @ right, head_unit)
    assert off.max() < 7
    assert np.median(off) < 3


@pytest.mark.parametrize("bad", [["Cz"], ["Fp1", "O2", "T7"], ["F3", "F4", "C3", "C4", "P3"]])
def test_weights_are_those_of_mne(bad) -> None:
    """The same places give the same matrix as mne's own function, within 1e-6."""
    names = [name for name in ENOBIO20 if name in SCALP and name not in bad]
    expected = _make_interpolation_matrix(places(names), places(bad))
    ours = weights(places(names), places(bad))
    np.testing.assert_allclose(ours, expected, atol=1e-6)
    np.testing.assert_allclose(ours.sum(axis=1), 1, atol=1e-9)


def test_only_bad_scalp_channels_are_filled() -> None:
    """The others keep their samples to the bit, what is bad does not matter, EXT stays."""
    x = window()
    spoiled = x.copy()
    spoiled[:, [2, 19]] = 1e6
    out = Interpolator(ENOBIO20, 0.2).fill(spoiled, ["Cz", "EXT"])
    assert out is not None
    assert np.array_equal(np.delete(out, [2, 19], axis=1), np.delete(x, [2, 19], axis=1))
    assert np.all(out[:, 19] == 1e6)
    assert np.array_equal(out, Interpolator(ENOBIO20, 0.2).fill(spoiled, ["Cz"]))
    good = [name for name in ENOBIO20 if name not in ("Cz", "EXT")]
    expected = x[:, [ENOBIO20.index(n) for n in good]] @ weights(places(good), places(["Cz"])).T
    np.testing.assert_allclose(out[:, [2]], expected, atol=1e-12)
    assert spoiled[0, 2] == 1e6


def test_a_smooth_field_is_found_again() -> None:
    """A dipole's field, and a constant on all channels, come back at the place left out."""
    names = [name for name in ENOBIO20 if name in SCALP]
    field = 5 + places(names) @ np.array([1.0, -2.0, 3.0])
    for i, name in enumerate(names):
        x = np.tile(field, (3, 1))
        x[:, i] = 0
        out = Interpolator(names, 0.1).fill(x, [name])
        assert out is not None
        # Fp1 and Fp2 are at the rim: less is known about them.
        np.testing.assert_allclose(out[:, i], field[i], atol=0.25)


def test_too_many_bad_channels_are_left_alone() -> None:
    """Above the allowed share, at 0, with nothing bad and with next to nothing good: None."""
    x = window()
    bad = ["P7", "P4", "Cz"]
    assert Interpolator(ENOBIO20, 3 / 19).fill(x, bad) is not None
    assert Interpolator(ENOBIO20, 0.15).fill(x, bad) is None
    assert Interpolator(ENOBIO20, 0.0).fill(x, ["Cz"]) is None
    assert Interpolator(ENOBIO20, 0.5).fill(x, []) is None
    assert Interpolator(ENOBIO20, 0.5).fill(x, ["EXT"]) is None
    four = Interpolator(("Fz", "Cz", "Pz", "Oz"), 1.0)
    assert four.fill(window(4), ["Cz"]) is None


def test_masks_in_any_order_and_number_give_the_same() -> None:
    """The order of the names, and what was asked before, do not matter to the bit."""
    x = window()
    used = Interpolator(ENOBIO20, 0.5)
    first = used.fill(x, ["Cz", "P7"])
    names = [name for name in ENOBIO20 if name in SCALP]
    pairs = [(a, b) for a in names for b in names if a < b][: 2 * MASKS]
    for pair in pairs:
        again = Interpolator(ENOBIO20, 0.5).fill(x, pair)
        assert again is not None
        assert np.array_equal(used.fill(x, pair), again)
    assert np.array_equal(used.fill(x, ("P7", "Cz")), first)
    assert len(used._weights) == MASKS


@pytest.mark.skipif(not STARSTIM.exists(), reason=f"no recording {STARSTIM}")
def test_a_real_channel_left_out_is_mostly_found_again() -> None:
    """Of a real StarStim 32, half of the channels come back with r > 0.9, nine tenths > 0.7."""
    recording = read(STARSTIM)
    names = [name for name in recording.channels if name in SCALP]
    columns = [recording.channels.index(name) for name in names]
    settings = ConditioningSettings(high_pass=1.0, low_pass=40.0)
    x = Conditioner(settings, recording.rate, len(names)).push(recording.samples[:, columns])
    x = x[5000:]
    r = []
    for i, name in enumerate(names):
        out = Interpolator(names, 0.1).fill(x, [name])
        assert out is not None
        r.append(np.corrcoef(x[:, i], out[:, i])[0, 1])
    assert np.median(r) > 0.9
    assert np.quantile(r, 0.1) > 0.7

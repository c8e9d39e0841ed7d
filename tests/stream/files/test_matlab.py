"""A MATLAB file is followed to its end before it is read; whatever leads nowhere is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from rym.errors import RymError
from stream.files.matlab import BrokenError, check_matlab
from stream.files.reading import read

EEG = {
    "nbchan": 2.0,
    "pnts": 3.0,
    "trials": 1.0,
    "srate": 250.0,
    "data": np.arange(6, dtype=np.float32).reshape(2, 3),
    "chanlocs": np.array([("Fp1",), ("Cz",)], dtype=[("labels", "O")]),
    "etc": {"cells": np.array([[1, "é"], [np.zeros(0), {"deep": 1j}]], dtype=object)},
}


@pytest.fixture(params=[False, True], ids=["plain", "packed"])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> bytes:
    """Return a file with everything that EEGLAB's files are made of."""
    savemat(tmp_path / "a.mat", {"EEG": EEG, "more": "text"}, do_compression=request.param)
    return (tmp_path / "a.mat").read_bytes()


def test_what_scipy_writes_is_whole(data: bytes) -> None:
    """Numbers, complex ones, letters, cells, structures, nothing at all."""
    check_matlab(data)


def test_a_cut_file_is_refused(data: bytes) -> None:
    """Wherever it is cut, but between two variables."""
    accepted = []
    for n in range(0, len(data), 7):
        try:
            check_matlab(data[:n])
        except BrokenError:
            continue
        accepted.append(n)
    assert len(accepted) <= 3


def test_no_wrong_byte_ends_the_process(tmp_path: Path, data: bytes) -> None:
    """Every place where a type, a size or a dimension may stand, with two wrong values."""
    path = tmp_path / "a.set"
    refused = 0
    for at in range(124, min(len(data), 1100), 5):
        for value in (0x00, 0xFF):
            spoiled = bytearray(data)
            spoiled[at] = value
            path.write_bytes(spoiled)
            try:
                assert read(path).samples.size <= len(data)
            except RymError:
                refused += 1
    assert refused > 20


def test_what_eeg_does_not_need_is_refused(tmp_path: Path) -> None:
    """A file of another form, and arrays of other classes."""
    with pytest.raises(BrokenError, match="no MATLAB file"):
        check_matlab(bytes(200))
    savemat(tmp_path / "a.mat", {"a": np.ones(3)})
    data = bytearray((tmp_path / "a.mat").read_bytes())
    data[144] = 5
    with pytest.raises(BrokenError, match="class 5"):
        check_matlab(bytes(data))


def test_structures_in_structures_have_an_end(tmp_path: Path) -> None:
    """Forty of them are more than enough."""
    nested: dict = {"a": 1}
    for _ in range(60):
        nested = {"a": nested}
    savemat(tmp_path / "a.mat", nested, long_field_names=True)
    with pytest.raises(BrokenError):
        check_matlab((tmp_path / "a.mat").read_bytes())

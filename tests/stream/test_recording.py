"""Every recording opens as what it is; broken ones become one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rym.errors import FormatError, UsageError
from stream.recording import read

EEG = Path(__file__).parents[3] / "shared" / "eeg"
needs_eeg = pytest.mark.skipif(not EEG.exists(), reason=f"no recordings in {EEG}")


@pytest.mark.parametrize("name", ["a.txt", "a", "a.eeg"])
def test_an_unknown_extension_is_wrong_use(tmp_path: Path, name: str) -> None:
    """The sentence names what can be read."""
    (tmp_path / name).write_text("1")
    with pytest.raises(UsageError, match=r"\.easy.*\.xdf"):
        read(tmp_path / name)


@pytest.mark.parametrize(
    "ending", [".easy", ".nedf", ".edf", ".bdf", ".fif", ".vhdr", ".set", ".xdf", ".csv"]
)
def test_missing_empty_and_nonsense_files(tmp_path: Path, ending: str) -> None:
    """No format answers these with a traceback of its own."""
    path = tmp_path / f"a{ending}"
    with pytest.raises(UsageError, match="no file"):
        read(path)
    path.write_bytes(b"")
    with pytest.raises(FormatError, match="is empty"):
        read(path)
    path.write_bytes(np.random.default_rng(0).bytes(3000))
    with pytest.raises(FormatError):
        read(path)

"""Rows of the real recordings, made once for all tests of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from session.evaluation.data.assemble import Gathered
from session.evaluation.data.dataset import load
from session.evaluation.data.gather import gather

ROOT = Path(__file__).parents[3]


def _gathered(name: str) -> Gathered:
    folder = ROOT.parent / "shared" / "eeg" / name.replace("-", "_")
    if not folder.is_dir():
        pytest.skip(f"no recordings in {folder}")
    return gather(load(ROOT / "configs" / "datasets" / f"{name}.toml"), folder, None)


@pytest.fixture(scope="session")
def rest_rows() -> Gathered:
    """Return rest and mental arithmetic of five people."""
    return _gathered("rest-arithmetic")


@pytest.fixture(scope="session")
def muse_rows() -> Gathered:
    """Return three states of two people, and a copy under a third name."""
    return _gathered("muse-states")

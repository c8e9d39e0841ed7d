"""Banks that a test may change."""

import shutil

import pytest


@pytest.fixture
def copy(small_bank, tmp_path):
    """Return a copy of the small bank, which a test may change."""
    return shutil.copytree(small_bank, tmp_path / "bank")

"""The memory lives in the decoder's process; river does not."""

import subprocess
import sys

import pytest

HEAVY = ("river", "sklearn", "torch", "cebra", "scipy", "pandas")


@pytest.mark.parametrize(
    "module", ["decoder.decoder", "decoder.memory.learner", "decoder.memory.drift"]
)
def test_the_live_modules_import_no_heavy_library(module):
    """Only the face for river imports river."""
    code = f"import sys, {module}; print(*({HEAVY!r} & sys.modules.keys()))"
    code = code.replace(f"{HEAVY!r}", f"set({HEAVY!r})")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []

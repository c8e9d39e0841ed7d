"""Shared fixtures of the stream's tests: an LSL network of the test run's own."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def lsl_network() -> Iterator[None]:
    """Keep every LSL stream of the run to itself and on this host.

    liblsl reads its settings at its first call and child processes inherit the variable, hence a
    file that stands before any test of this folder starts.
    """
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "lsl_api.cfg")
        config.write_text(
            f"[lab]\nSessionID = rym-tests-{os.getpid()}\n"
            "[multicast]\nResolveScope = machine\n"
            "[log]\nlevel = -2\n",
            encoding="ascii",
        )
        before = os.environ.get("LSLAPICFG")
        os.environ["LSLAPICFG"] = str(config)
        yield
        if before is None:
            del os.environ["LSLAPICFG"]
        else:
            os.environ["LSLAPICFG"] = before

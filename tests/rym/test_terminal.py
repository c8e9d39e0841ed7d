"""Keys of a terminal: who may read them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no jobs in the background")

READER = """
import asyncio
from rym.terminal import pressed
async def main():
    async with pressed() as keys:
        print("no keys" if keys is None else "keys", flush=True)
asyncio.run(main())
"""
OWNER = """
import fcntl, os, subprocess, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
group = {"process_group": 0} if sys.argv[1] == "background" else {}
print(subprocess.run([sys.executable, "-c", sys.argv[2]], timeout=20, **group).returncode)
"""
"""Makes the terminal its own, so that one group of processes has it and others have not."""


@pytest.mark.parametrize(("place", "said"), [("background", "no keys"), ("foreground", "keys")])
def test_only_who_has_the_terminal_reads_its_keys(place, said):
    """The system halts a process of the background that changes the terminal, music and all."""
    import pty  # noqa: PLC0415 - not on Windows

    master, slave = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-c", OWNER, place, READER],
            stdin=slave, capture_output=True, text=True, timeout=60, check=False,
            start_new_session=True,
        )  # fmt: skip
    finally:
        os.close(master)
        os.close(slave)
    assert done.stdout.split("\n")[:2] == [said, "0"], done.stderr

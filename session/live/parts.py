"""The parts of a running session as processes: started, watched, started again, ended.

Every part is its own process whose standard input is the life line: secrets and settings come down
it as the first line, orders as the lines after it, and its end means that the supervisor is gone,
however it went. A part that ends without having been told to is started again, at once the first
time, then with a growing pause.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import msgspec

from rym.clock import Clock
from rym.errors import ConfirmError

FIRST_PAUSE = 0.1
"""Seconds before the first restart."""
LONGEST_PAUSE = 1.7
"""Seconds before any further one, at most."""
CALM = 20.0
"""Seconds of life after which a part counts as healthy again."""


class Part:
    """One process that belongs to the session.

    Parameters
    ----------
    name : str
        Service name.
    module : str
        What `python -m` runs.
    hello : callable
        Returns the life line's first line; asked anew at every start, since a restarted part may
        have to begin elsewhere (the player in the middle of the music).
    log : Path
        Where its standard error goes.
    clock : Clock
        Times the pauses between restarts.
    arguments : tuple of str
        Further words of the command line; never a secret.
    standing : callable
        Returns an order that follows the first line at every start; None where there is none.
    """

    def __init__(
        self,
        *,
        name: str,
        module: str,
        hello: Callable[[], Mapping[str, Any]],
        log: Path,
        clock: Clock,
        arguments: tuple[str, ...] = (),
        standing: Callable[[], Mapping[str, Any] | None] = lambda: None,
    ) -> None:
        self.name = name
        self.starts = 0
        self.exit_codes: list[int] = []
        self._command = [sys.executable, "-m", module, *arguments, "--lifeline"]
        self._hello = hello
        self._standing = standing
        self._log = log
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause = FIRST_PAUSE
        self._due: float | None = None
        self._ending = False

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """Exit code of the newest process; None while it runs."""
        return self._process.poll() if self._process else None

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process and hand it its settings."""
        with self._log.open("ab") as log:
            self._process = spawn(self._command, stderr=log)
        self.starts += 1
        self._started = self._clock.now()
        self._due = None
        self.order(self._hello())
        standing = self._standing()
        if standing is not None:
            self.order(standing)

    def order(self, line: Mapping[str, Any]) -> None:
        """Send one JSON line down the life line; a part that is gone is not told."""
        if self._process is None or self._process.stdin is None:
            return
        try:
            self._process.stdin.write(msgspec.json.encode(line) + b"\n")
            self._process.stdin.flush()
        except OSError:
            return  # the pipe's other end is gone; `watch` sees it and starts the part again

    @property
    def asks(self) -> bool:
        """Whether it ended because somebody must confirm before it may go on."""
        return self.exit_code == ConfirmError.exit_code

    def watch(self) -> bool:
        """Start the process again if it ended by itself and its pause is over.

        One that must be confirmed is left as it is, until `again`.

        Returns
        -------
        bool
            True where it was started again.
        """
        if self._process is None or self._ending or self.running:
            return False
        if self.asks or self._process.returncode == 0:
            return False  # 0: it was told to end by another road: the music's own end, a signal
        now = self._clock.now()
        if self._due is None:
            self.exit_codes.append(self._process.returncode)
            calm = now - self._started > CALM
            self._pause = FIRST_PAUSE if calm or self.starts == 1 else self._pause * 2
            self._due = now + min(self._pause, LONGEST_PAUSE)
        if now < self._due:
            return False
        self.again()
        return True

    def again(self) -> None:
        """Start the process again where it has ended."""
        self._close_pipe()
        self.start()

    def end(self) -> None:
        """Tell the process to end in good order."""
        self._ending = True
        self.order({"end": True})

    async def ended(self, within: float) -> bool:
        """Wait until the process is gone; kill it after `within` seconds.

        Returns
        -------
        bool
            True where it ended by itself.
        """
        self._ending = True
        if self._process is None:
            return True
        give_up = self._clock.now() + within
        while self.running and self._clock.now() < give_up:
            await self._clock.sleep_until(self._clock.now() + 0.02)
        by_itself = not self.running
        if not by_itself:
            self._process.kill()
        self._process.wait()
        self._close_pipe()
        return by_itself

    def _close_pipe(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            try:
                self._process.stdin.close()
            except OSError:
                return  # what was still buffered for a process that is gone


def spawn(
    command: list[str], stderr: IO[bytes], stdout: int | None = None
) -> subprocess.Popen[bytes]:
    """Start a process that a Ctrl-C in the terminal does not reach.

    The terminal sends its interrupt to the whole process group; the supervisor alone decides in
    which order the parts end.
    """
    group: dict[str, Any] = (
        {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined]
        if os.name == "nt"
        else {"process_group": 0}
    )
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL if stdout is None else stdout,
        stderr=stderr,
        **group,
    )

"""What may take long, one thing after another in a thread (adapter: a thread)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Aside:
    """Runs one job at a time, and hands its result over where the music is fed."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._since = 0.0
        self._result: Any = None
        self._error: Exception | None = None
        self._then: Callable[[Any], None] | None = None

    @property
    def busy(self) -> bool:
        """True until the last job's result was handed over."""
        return self._thread is not None

    def busy_for(self, now: float) -> float:
        """Return the seconds for which the present job has run, 0 without one."""
        running = self._thread is not None and self._thread.is_alive()
        return now - self._since if running else 0.0

    def start(self, now: float, job: Callable[[], T], then: Callable[[T], None]) -> None:
        """Run `job` in the thread, then `then` with its result in `tend`.

        Parameters
        ----------
        now : float
            Rig time in seconds.
        job, then : callable
            Not to be called while it is busy.
        """
        assert not self.busy, "one job at a time"

        def work() -> None:
            try:
                self._result = job()
            except Exception as error:  # told where the music is fed
                self._error = error

        self._since, self._then = now, then
        # A daemon: a hanging device must not keep the process alive.
        self._thread = threading.Thread(target=work, name="devices", daemon=True)
        self._thread.start()

    def tend(self) -> None:
        """Hand over what has come, or raise what a job ended with."""
        if self._thread is None or self._thread.is_alive():
            return
        self._thread = None
        then, result, error = self._then, self._result, self._error
        self._then = self._result = self._error = None
        if error is not None:
            raise error
        assert then is not None, "every job has its end"
        then(result)

    def wait(self, seconds: float) -> bool:
        """Wait for the present job; return whether it has ended."""
        if self._thread is None:
            return True
        self._thread.join(seconds)
        return not self._thread.is_alive()

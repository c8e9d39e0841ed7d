"""A Timeflux node at the end of a graph: notes when each window is complete."""

from __future__ import annotations

import json
import sys
import time

from timeflux.core.exceptions import WorkerInterrupt
from timeflux.core.node import Node


class Age(Node):
    """Prints (time, time of the newest sample) of every window, in seconds of the wall clock."""

    def __init__(self, seconds):
        self._end = time.time() + seconds
        self._seen = []

    def update(self):
        """Look whether a window is there."""
        now = time.time()
        if self.i.ready():
            self._seen.append((now, self.i.data.index[-1].timestamp()))
        if now > self._end:
            json.dump(self._seen, sys.stdout)
            sys.stdout.flush()
            raise WorkerInterrupt

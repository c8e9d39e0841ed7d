"""Sends 32 channels at 500 Hz, some samples at a time, until its standard input ends.

With a third argument it does not keep time: every line of its standard input tells up to which
stamp samples have been taken, and it sends two seconds more.
"""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
import pylsl

CHANNELS, RATE = 32, 500.0
AHEAD_S, PATIENCE_S = 2.0, 0.5


class Ears:
    """Reads standard input in a thread."""

    def __init__(self) -> None:
        self.ended = False
        self.taken = 0.0
        self.news = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in sys.stdin:
            self.taken = float(line)
            self.news.set()
        self.ended = True


def main(source_id: str, chunk: int, *, follow: bool) -> None:
    """Push noise on a beat that no delay shifts; each stamp is the time at which it is due."""
    info = pylsl.StreamInfo("bench-EEG", "EEG", CHANNELS, RATE, "float32", source_id)
    channels = info.desc().append_child("channels")
    names = "P7 P4 Cz Pz P3 P8 O1 O2 T8 F8 C4 F4 Fp2 Fz C3 F3 Fp1 T7 F7 Oz AF3 AF4 AF7 AF8 FC1"
    for name in (names + " FC2 FC5 FC6 CP1 CP2 CP5 CP6").split():
        channel = channels.append_child("channel")
        channel.append_child_value("label", name)
        channel.append_child_value("unit", "microvolts")
        channel.append_child_value("type", "EEG")
    outlet = pylsl.StreamOutlet(info)
    ears = Ears()
    noise = np.random.default_rng(0).normal(0, 10, (500, CHANNELS)).astype(np.float32)
    while follow and not outlet.have_consumers() and not ears.ended:
        time.sleep(0.05)
    # Stamps are whole multiples of a chunk's length, so that a reader knows where a chunk ends.
    n, start = 0, np.ceil(pylsl.local_clock() * RATE / chunk) * chunk / RATE
    ears.taken = start
    while not ears.ended:
        n += chunk
        due = start + n / RATE
        if not follow:
            time.sleep(max(0.0, due - pylsl.local_clock()))
        while follow and due - ears.taken > AHEAD_S and ears.news.wait(PATIENCE_S):
            ears.news.clear()
        outlet.push_chunk(noise[:chunk] if n % 2 else noise[-chunk:], due)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), follow=len(sys.argv) > 3)

"""Sends 32 channels at 500 Hz, some samples at a time, until its standard input ends.

Faster than true time (third argument) it begins when somebody listens, and stamps run ahead.
"""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
import pylsl

CHANNELS, RATE = 32, 500.0


def main(source_id: str, chunk: int, speed: float) -> None:
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
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    noise = np.random.default_rng(0).normal(0, 10, (500, CHANNELS)).astype(np.float32)
    while speed > 1 and not outlet.have_consumers() and not ended.is_set():
        time.sleep(0.05)
    # Stamps are whole multiples of a chunk's length, so that a reader knows where a chunk ends.
    n, start = 0, np.ceil(pylsl.local_clock() * RATE / chunk) * chunk / RATE
    while not ended.is_set():
        n += chunk
        due = start + n / RATE
        time.sleep(max(0.0, start + n / RATE / speed - pylsl.local_clock()))
        outlet.push_chunk(noise[:chunk] if n % 2 else noise[-chunk:], due)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 1.0)

"""Age of the newest filtered sample in a bare blocking loop of pylsl and scipy: the floor."""

from __future__ import annotations

import json
import sys

import numpy as np
import pylsl
from scipy.signal import butter, sosfilt


def main(source_id: str, seconds: float) -> None:
    """Print (time, stamp of the newest sample) of every pull, in seconds."""
    inlet = pylsl.StreamInlet(
        pylsl.resolve_byprop("source_id", source_id, timeout=10)[0],
        max_buflen=5,
        processing_flags=pylsl.proc_none,
    )
    inlet.open_stream(5)
    sos = butter(2, (0.5, 45.0), "bandpass", fs=500.0, output="sos")
    state = np.zeros((len(sos), 2, inlet.channel_count))
    buffer = np.empty((1024, inlet.channel_count), np.float32)
    seen: list[tuple[float, float]] = []
    end = pylsl.local_clock() + seconds
    while pylsl.local_clock() < end:
        _, stamps = inlet.pull_chunk(timeout=0.2, min_samples=1, max_samples=1024, dest_obj=buffer)
        if len(stamps):
            _, state = sosfilt(sos, buffer[: len(stamps)], axis=0, zi=state)
            seen.append((pylsl.local_clock(), stamps[-1]))
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))

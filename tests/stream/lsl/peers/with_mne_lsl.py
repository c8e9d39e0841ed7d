"""Opens a stream with mne-lsl's `StreamLSL`; writes what it got: FILE, SOURCE_ID, SECONDS."""

import sys
import time

import numpy as np
from mne_lsl.stream import StreamLSL

file, source_id, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
stream = StreamLSL(bufsize=30, stype="EEG", source_id=source_id)
stream.connect(acquisition_delay=None, processing_flags=None, timeout=10)
end = time.monotonic() + seconds
while time.monotonic() < end:
    stream.acquire()
    time.sleep(0.05)
data, stamps = stream.get_data()
names, rate = stream.ch_names, stream.info["sfreq"]
stream.disconnect()
there = stamps > 0
np.savez(file, samples=data.T[there], stamps=stamps[there], names=names, rate=rate)

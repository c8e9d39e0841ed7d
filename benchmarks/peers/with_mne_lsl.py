"""Age of the newest filtered sample in mne-lsl's `StreamLSL`, in its own callback."""

from __future__ import annotations

import json
import sys
import time

from mne_lsl.lsl import local_clock
from mne_lsl.stream import StreamLSL


def main(source_id: str, seconds: float) -> None:
    """Print (time, stamp of the newest sample) of every call, in seconds."""
    seen: list[tuple[float, float]] = []
    stream = StreamLSL(bufsize=2, source_id=source_id)
    stream.connect(acquisition_delay=0.001, timeout=10)
    stream.filter(0.5, 45.0, iir_params={"order": 2, "ftype": "butter", "output": "sos"})

    def newest(data, stamps, _info):
        seen.append((local_clock(), float(stamps[-1])))
        return data, stamps

    stream.add_callback(newest)
    time.sleep(seconds)
    stream.disconnect()
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))

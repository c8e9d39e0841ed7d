"""The ground floor: what two stages need.

Messages, topics and their codec, the bus, clocks, settings, the service shell, the bank's format
and the errors. Nothing here imports a stage.
"""

import os

# Before numpy is loaded anywhere: matrices here are small, a second thread costs more than it
# saves, and sums that threads share out differ from machine to machine, which replay would notice.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"

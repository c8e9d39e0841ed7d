"""Opens a stream with ezmsg-lsl's inlet; writes what it got: FILE, NAME, SECONDS."""

import sys
import time

import ezmsg.core as ez
import numpy as np
import pylsl
from ezmsg.lsl.inlet import LSLInfo, LSLInletSettings, LSLInletUnit
from ezmsg.util.messages.axisarray import AxisArray

FILE, NAME, SECONDS = sys.argv[1], sys.argv[2], float(sys.argv[3])
got = []
begun = []


class Sink(ez.Unit):
    """Keeps every message."""

    INPUT = ez.InputStream(AxisArray)

    @ez.subscriber(INPUT)
    async def on_signal(self, message: AxisArray) -> None:
        """Take one message."""
        if message.data.size:
            got.append(message)
            begun.append(time.monotonic())
            if time.monotonic() - begun[0] > SECONDS:
                raise ez.NormalTermination


class Graph(ez.Collection):
    """Inlet and sink."""

    INLET = LSLInletUnit()
    SINK = Sink()

    def configure(self) -> None:
        """Ask for the stream as it is."""
        info = LSLInfo(name=NAME, type="EEG")
        self.INLET.apply_settings(
            LSLInletSettings(info=info, use_lsl_clock=True, processing_flags=pylsl.proc_none)
        )

    def network(self) -> ez.NetworkDefinition:
        """Connect them."""
        return ((self.INLET.OUTPUT_SIGNAL, self.SINK.INPUT),)

    def process_components(self) -> tuple[ez.Component, ...]:
        """Keep all in one process, where the list is."""
        return ()


ez.run(GRAPH=Graph())
axes = [message.axes["time"] for message in got]
labels = got[0].axes["ch"].data
names = labels["label"] if labels.dtype.names and "label" in labels.dtype.names else labels
np.savez(
    FILE,
    samples=np.concatenate([message.data for message in got]),
    stamps=[
        axis.value(i)
        for axis, message in zip(axes, got, strict=True)
        for i in range(len(message.data))
    ],
    names=[str(name) for name in np.atleast_1d(names)],
    rate=1 / got[0].axes["time"].gain,
)

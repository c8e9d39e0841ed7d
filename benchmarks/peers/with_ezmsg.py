"""Newest filtered sample behind ezmsg-lsl and ezmsg-sigproc's `ButterworthFilter`."""

from __future__ import annotations

import json
import sys

import ezmsg.core as ez
import pylsl
from ezmsg.lsl.inlet import LSLInfo, LSLInletSettings, LSLInletUnit
from ezmsg.sigproc.butterworthfilter import ButterworthFilter, ButterworthFilterSettings
from ezmsg.util.messages.axisarray import AxisArray

seen: list[tuple[float, float]] = []


class AgeSettings(ez.Settings):
    """How long it is measured, in seconds."""

    seconds: float


class AgeState(ez.State):
    """When it ends, on LSL's clock."""

    end: float = 0.0


class Age(ez.Unit):
    """Notes the age of each message's newest sample."""

    SETTINGS = AgeSettings
    STATE = AgeState
    INPUT = ez.InputStream(AxisArray)

    @ez.subscriber(INPUT)
    async def on_signal(self, message: AxisArray) -> None:
        """Take one message."""
        now = pylsl.local_clock()
        if not self.STATE.end:
            self.STATE.end = now + self.SETTINGS.seconds
        n = message.data.shape[message.get_axis_idx("time")]
        if n:
            seen.append((now, float(message.axes["time"].value(n - 1))))
        if now > self.STATE.end:
            raise ez.NormalTermination


class Graph(ez.Collection):
    """Inlet, filter, age."""

    INLET = LSLInletUnit()
    FILTER = ButterworthFilter()
    AGE = Age()

    def configure(self) -> None:
        """Hand on the settings."""
        seconds = float(sys.argv[2])
        self.INLET.apply_settings(
            LSLInletSettings(
                info=LSLInfo(name="bench-EEG", type="EEG"),
                use_lsl_clock=True,
                processing_flags=pylsl.proc_none,
            )
        )
        self.FILTER.apply_settings(
            ButterworthFilterSettings(axis="time", order=2, cuton=0.5, cutoff=45.0, coef_type="sos")
        )
        self.AGE.apply_settings(AgeSettings(seconds=seconds))

    def network(self) -> ez.NetworkDefinition:
        """Connect them."""
        return (
            (self.INLET.OUTPUT_SIGNAL, self.FILTER.INPUT_SIGNAL),
            (self.FILTER.OUTPUT_SIGNAL, self.AGE.INPUT),
        )

    def process_components(self) -> tuple[ez.Component, ...]:
        """Keep all in one process: ezmsg's fastest form."""
        return ()


if __name__ == "__main__":
    ez.run(GRAPH=Graph())
    json.dump(seen, sys.stdout)

"""Line 14: what disturbs a whole head does not make the decoder change its mind more than once."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from decoder.decoder import Decoder
from decoder.model import Model
from decoder.rows import rows_from
from decoder.settings import DecoderSettings, TrainingSettings
from decoder.training import fit
from rym.messages import Valence
from session.simulate import live
from stream.items import Chunk, Side
from stream.line import StreamLine
from stream.montage import ENOBIO20
from stream.settings import StreamSettings
from stream.simulated.faults import Blink, Clench, Fault, Line, Walk, kind_of
from stream.simulated.faultscript import FaultScript, Send
from stream.simulated.senders import Piece
from stream.simulated.simulator import SimulatedPerson, SimulatedSource

RATE = 500.0
SEEDS = range(5)
AFTER = 4.0
"""Seconds for which ten rows, and the filters, still hold something of an artefact."""
ARTEFACTS: tuple[Fault, ...] = (
    Line(at=12.0, seconds=3.0),
    Blink(at=22.0, seconds=2.0),
    Clench(at=32.0, seconds=2.0, amplitude=60.0),
    Clench(at=42.0, seconds=2.0, amplitude=120.0),
    Walk(at=52.0, seconds=3.0),
)
"""Mains of 100 µV, two blinks, a weak and a strong clench, steps."""
END = 62.0


def _model(seed: int) -> Model:
    """Learn from a simulated person."""
    training = TrainingSettings(candidate="lda")
    settings = DecoderSettings(training=training)
    life = live(seed, 1.0, {"rest": 10.0, "calibration": 120.0})
    rows = rows_from(
        life.windows, life.keys, settings, baseline=[(0.0, 10.0)], learn=[(10.0, 130.0)]
    )
    return fit(rows, settings, seed)[0]


def _answers(seed: int, model: Model) -> list[Valence]:
    """Let the person rest while they blink, clench, walk and mains hum; return what is decoded."""
    person = SimulatedPerson(SimulatedSource(seed=seed, strength=1.0, coupling=0.0))
    script = FaultScript(ARTEFACTS, channels=ENOBIO20, rate=RATE, seed=seed)
    line = StreamLine(StreamSettings(), ENOBIO20, RATE)
    decoder = Decoder(DecoderSettings(drive="always"))
    decoder.load(model)
    answers = []
    for first in range(0, round(END * RATE), 50):
        lived = person.advance(50, audible=None, phase="rest")
        piece = Piece(samples=lived.samples, motion=lived.motion, motion_at=lived.motion_at)
        for step in script.feed(piece, (first + np.arange(50)) / RATE):
            if isinstance(step, Send):
                for item in (
                    Side("accelerometer", step.motion, step.motion_stamps),
                    Chunk(step.samples, step.stamps),
                ):
                    answers += [decoder.step(window) for window, _ in line.feed(item)]
    return answers


def _flips(answers: list[Valence], begin: float, end: float) -> int:
    """Return how often the label changes from one affect to another."""
    states = [a.state for a in answers if begin <= a.t <= end and a.state != "unknown"]
    return sum(before != after for before, after in pairwise(states))


@pytest.fixture(scope="module")
def answers() -> list[list[Valence]]:
    """Return what is decoded of five persons."""
    return [_answers(seed, _model(seed)) for seed in SEEDS]


@pytest.mark.fault(14)
@pytest.mark.parametrize(
    "fault", ARTEFACTS, ids=lambda fault: f"{kind_of(fault)}-{getattr(fault, 'amplitude', 0):g}"
)
def test_14_an_artefact_flips_the_label_once_at_most(
    fault: Fault, answers: list[list[Valence]]
) -> None:
    """On the mean of five persons at rest, their own changes of mind counted; answers go on."""
    end = fault.at + fault.seconds + AFTER
    flips = [_flips(said, fault.at, end) for said in answers]
    assert np.mean(flips) <= 1
    for said in answers:
        assert all(a.state != "unknown" for a in said if fault.at - 1 <= a.t < fault.at)
        assert any(a.state != "unknown" for a in said if end <= a.t < end + 2)

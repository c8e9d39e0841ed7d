"""Settings of the decoder, live and in training."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from .memory.lessons import LearningSettings

Candidate = Literal["cebra-knn", "lda", "riemann"]
Preset = Literal["default", "no-gamma", "paper"]

Seconds = Annotated[float, Meta(ge=0.0, le=60.0)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]

SMOOTHING, HYSTERESIS = 0.75, 0.1
"""In seconds, and in probability: where nothing is chosen, since there is nothing to choose by."""
SMOOTHINGS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
"""Time constants among which a calibration chooses, in seconds."""
HYSTERESES = (0.0, 0.05, 0.1)
"""More holds answers back for longer than the delay that is declared: 0.2 by a third of a second at
strength 1."""


class FeatureSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one window becomes one row."""

    preset: Preset = "default"
    """`default`: δ θ α β γ; `no-gamma` leaves out 30–45 Hz, which is mostly muscle. `paper`: as in
    the study, for comparison: two rows a second (`[stream] hop = 0.5`), labels four rows before the
    newest of their ten, no key means neutral."""
    clip: Annotated[float, Meta(gt=0.0)] = 5.0
    """Largest size of a feature after the z-score, in standard deviations of the baseline."""
    channels: tuple[str, ...] = ()
    """Channels to learn from; empty: all of the calibration's windows that are not `exclude`d."""
    exclude: tuple[str, ...] = ("EXT", "ECG", "EKG", "EOG", "HEOG", "VEOG", "EMG", "A", "M")
    """Kinds of channels never learned from unless `channels` names them: a name is left out if all
    of its words, without digits, are among these (`EXT`, `EOG1`, `ECG ECG`, `A2-A1`)."""
    stand_in: tuple[str, ...] = ("blink", "muscle", "muscle rise")
    """Artifacts for whose windows the mean of the clean rows before stands in. Mains is not among
    them: behind the notch a window that may be used holds none of it."""
    clean_rows: Annotated[int, Meta(ge=1, le=10)] = 5
    """Least rows of the ten without a stand-in, for an answer and for learning. Answers go on for
    1.25 s of an artifact, then they are `unknown`: most of them would be memory. Around a weak
    clench of 2 s, five simulated persons' labels flipped 0.47, 0.27 and 0.20 times with 4, 5 and 6,
    and were unknown for 1.6, 2.1 and 2.6 s."""
    usual: Share = 0.5
    """Share of the calibration's windows above which an artifact is the person's usual state: it is
    learned with, and nothing stands in for it."""
    max_bad: Share = 0.34
    """Share of the model's channels that may be bad before a window is unusable."""


class TrainingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is learned from a calibration, and how."""

    candidate: Literal["auto", "cebra-knn", "lda", "riemann"] = "auto"
    """`auto`: CEBRA + kNN unless another is better by more than one standard error over
    episodes."""
    reaction_lag: Seconds = 0.5
    """Seconds by which a key follows the feeling."""
    margin: Seconds = 1.0
    """Seconds on either side of a label change that are not learned from."""
    edge: Seconds = 5.0
    """Seconds at the beginning and the end of a calibration run that are not learned from."""
    folds: Annotated[int, Meta(ge=2, le=20)] = 5
    """Parts into which the episodes are dealt; each is held out once."""
    hidden_units: Annotated[int, Meta(ge=1, le=512)] = 64
    """Width of the network; 38 and 95 are the published ones."""
    dimensions: Annotated[int, Meta(ge=2, le=32)] = 7
    """Dimension of the embedding, as published."""
    batch: Annotated[int, Meta(ge=16, le=4096)] = 512
    """References drawn per step."""
    steps: Annotated[int, Meta(ge=1, le=500)] = 40
    """Steps of one fit. More learn the wrong keys too: over four simulated persons (calibration of
    5 min, 5 % wrong keys) 10, 40, 80 and 200 steps gave 0.85, 0.86, 0.84 and 0.83."""
    learning_rate: Annotated[float, Meta(gt=0.0, le=1.0)] = 1e-3
    """Of Adam; 0.87 on the same persons, where 0.003 and 0.01 gave 0.86 and 0.82."""
    patience: Annotated[int, Meta(ge=0, le=500)] = 0
    """Steps without a lower loss of a held-out block, after which a fit ends; 0: it makes all of
    its steps, and learns from all rows."""
    held_out: Annotated[float, Meta(gt=0.0, lt=1.0)] = 0.2
    """Share of every state's rows, the newest, that is held out where `patience` is set."""
    threads: Annotated[int, Meta(ge=1, le=64)] = 1
    """Threads of torch; the networks are too small to gain from a second one."""


class DecoderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table `[decoder]`."""

    model: str = ""
    """Model folder loaded at the start; empty: none until a command names one."""
    lessons: str = ""
    """File of what a decoder before this one had learned (`Learned`, a JSON line each), known again
    before the first window; empty: nothing."""
    drive: Literal["verdict", "always"] = "verdict"
    """`verdict`: states are given only by a model whose verdict is `follows`. `always`: by any
    model; for simulated and pilot runs, where the verdict is told and no more."""
    smoothing: Seconds | None = None
    """Time constant of the exponential smoothing over probabilities, in seconds. None: as the
    calibration chose, see `needless`."""
    hysteresis: Share | None = None
    """By how much a probability must exceed that of the present state to replace it. None: as the
    calibration chose."""
    needless: Annotated[float, Meta(ge=0.0)] = 2.0
    """Changes of the answer per minute, beyond those of the state, that smoothing and hysteresis
    are chosen to stay below; of those that do, the soonest right. Over 24 simulated persons
    (strength 1, LDA) 1, 2, 3 and 4 gave 0.9, 1.3, 1.8 and 2.3 of them in feedback, and 3.15, 2.89,
    2.56 and 2.41 s to the right state: later than declared by 0.0, 0.1, 0.2 and 0.2 s. CEBRA + kNN
    turns 2.8 times with 2, in 3.65 s, and 9 times with 0.75 s of smoothing, in 2.55 s."""
    gate_target: Share = 0.6
    """Share of right answers, out of fold, that the gate asks of what it lets through."""
    features: FeatureSettings = FeatureSettings()
    training: TrainingSettings = TrainingSettings()
    learning: LearningSettings = LearningSettings()

    @property
    def longest_smoothing(self) -> float:
        """The longest that may be chosen: held-out parts are kept so far apart, in seconds."""
        return max(SMOOTHINGS) if self.smoothing is None else self.smoothing

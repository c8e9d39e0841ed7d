"""What is known about a model: `model.json` (pure)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from rym.messages import Affect

from .embedding import FIELD
from .features import Band
from .scoring import Verdict
from .settings import Candidate, Preset

SCHEMA = 3


class Delay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By how much an answer lags behind what the person feels, in seconds, part by part."""

    half_window: float
    """A window speaks for its middle."""
    half_field: float
    """Ten rows speak for their middle."""
    smoothing: float
    """Time constant of the smoothing."""

    @property
    def total(self) -> float:
        """Sum of the parts, in seconds."""
        return self.half_window + self.half_field + self.smoothing


class CandidateScore(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one candidate, or a control, alone did on held-out rows."""

    balanced_accuracy: float
    critical_value: float | None
    """What chance reaches in at most 5 of 100 runs; null where no score could."""
    verdict: Verdict


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known about a model."""

    schema: int
    kind: Candidate | Literal["none"]
    """What answers; `none` where nothing could be learned."""
    channels: tuple[str, ...]
    rate: Annotated[float, Meta(gt=0)]
    """Samples per second."""
    n_times: Annotated[int, Meta(gt=0, le=1_000_000)]
    """Samples of a window."""
    hop: Annotated[int, Meta(gt=0)]
    """Samples from one window to the next."""
    bands: tuple[Band, ...]
    preset: Preset = "default"
    """What else is particular about the rows; see `presets.RULES`."""
    conditioning: str = ""
    """Filters and reference of the windows learned from, as they name them; empty: not known."""
    max_bad: float
    """Share of channels that may be bad before a window is unusable."""
    stand_in: tuple[str, ...] = ()
    """Artifacts for whose windows the clean rows before stand in, as when it was learned."""
    clean_rows: int = 1
    """Least rows of the ten without a stand-in that an answer needs."""
    clip: Annotated[float, Meta(gt=0)]
    """Limit of a standardized feature."""
    reaction_lag: float
    """Seconds by which the keys were taken to follow the feeling."""
    states: tuple[Affect, ...]
    """Those that the calibration had; the others have probability 0."""
    temperature: Annotated[float, Meta(gt=0)]
    threshold: float
    """Confidence below which the state is unknown; above 1: always."""
    smoothing: Annotated[float, Meta(ge=0)]
    """Time constant of the smoothing that the threshold was chosen with, in seconds."""
    hysteresis: Annotated[float, Meta(ge=0, le=1)]
    """By how much a probability must exceed that of the present state to replace it."""
    novelty: float | None
    """Mean distance to the voters beyond which a moment is like nothing that was learned; null
    where no memory answers."""
    verdict: Verdict
    why: str
    """One sentence with the numbers behind the verdict."""
    choice: str
    """One sentence with the numbers behind the choice of what answers."""
    score: float
    """Balanced accuracy of held-out rows, the choice included; 0 where nothing could be held
    out."""
    critical: float | None
    """What chance reaches in at most 5 of 100 runs; null where no score could."""
    episodes: tuple[int, int, int]
    """Episodes learned from: (negative, neutral, positive)."""
    rows: tuple[int, int, int]
    """Rows learned from: (negative, neutral, positive)."""
    scores: dict[str, CandidateScore]
    """Of every candidate that was tried, each fitted to the same folds."""
    controls: dict[str, CandidateScore] = {}
    """Of what could pass for a decoder without being one, on the same folds; see `doubts`."""
    doubt: str = ""
    """One sentence where a control did as well as what was chosen; empty otherwise."""
    visits: int = 1
    """Calibrations learned from; the z-score and the rest are those of the newest."""
    seed: int
    versions: dict[str, str]
    files: dict[str, str]
    """SHA-256 of every other file."""

    def delay(self, smoothing: float | None = None) -> Delay:
        """Return the declared delay under a smoothing of so many seconds; None: as chosen."""
        smoothing = self.smoothing if smoothing is None else smoothing
        half_window = self.n_times / self.rate / 2
        return Delay(half_window, (FIELD - 1) * self.hop / self.rate / 2, smoothing)

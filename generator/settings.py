"""Settings of the generator."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class GeneratorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How large a bank is and how loud."""

    rate: Annotated[int, Meta(ge=44_100, le=96_000)] = 48_000
    """Frames per second of every clip."""
    sections: Annotated[int, Meta(ge=1, le=16)] = 2
    """Number of sections of the piece."""
    variants: Annotated[int, Meta(ge=1, le=8)] = 2
    """Number of variants of every section."""
    bars: Annotated[int, Meta(ge=2, le=32)] = 8
    """Bars of every section, in 4/4."""
    target_lufs: Annotated[float, Meta(ge=-40.0, le=-14.0)] = -20.0
    """Integrated loudness of every clip, in LUFS."""
    max_true_peak: Annotated[float, Meta(ge=-12.0, le=-0.1)] = -1.0
    """Highest 4× oversampled peak of any clip, in dBTP."""
    reverb: Annotated[float, Meta(ge=0.3, le=6.0)] = 2.6
    """Time in which the room's sound falls by 60 dB, in seconds."""

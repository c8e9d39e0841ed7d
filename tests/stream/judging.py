"""Runs a whole signal through filters and judge, window by window, as the line does."""

from collections.abc import Sequence

import numpy as np

from stream.quality.judge import Judge, Judgement
from stream.settings import ConditioningSettings, QualitySettings
from stream.signal.filters import Conditioner

RATE = 500.0
CAP10 = ("Fp1", "Fp2", "F7", "F8", "T7", "T8", "C3", "Cz", "O1", "O2")


def judge_all(
    signal: np.ndarray,
    channels: Sequence[str] = CAP10,
    settings: QualitySettings | None = None,
    *,
    rate: float = RATE,
    hop: float = 0.25,
    line: int = 50,
    motion: np.ndarray | None = None,
    device: np.ndarray | None = None,
) -> list[Judgement]:
    """Return the judgement of each window of 1 s; `motion` holds rows for each window."""
    settings = settings or QualitySettings()
    raw = signal.astype(np.float32)
    conditioning = ConditioningSettings(line=line)
    clean = Conditioner(conditioning, rate, len(channels)).push(raw)
    judge = Judge(settings, channels, rate)
    n, step = round(rate), round(hop * rate)
    return [
        judge.judge(
            raw[end - n : end],
            clean[end - n : end],
            n if end == n else step,
            motion=None if motion is None else motion[i],
            device=device,
        )
        for i, end in enumerate(range(n, len(raw) + 1, step))
    ]


def reasons(judged: Judgement) -> dict[str, str]:
    """Return the bad channels with their reasons."""
    return {channel.name: channel.reason for channel in judged.channels if not channel.ok}

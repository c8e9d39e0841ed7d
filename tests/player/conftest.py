"""A small bank: steady signals whose levels and correlations are known exactly."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from player.music.material import Material, Section
from rym.bank import SCHEMA, Bank, Clip, Correlation, Maker, save, sha256
from rym.messages import AFFECTS, Affect

RATE = 48_000
BAR = 24_000
BARS = 4


def steady(n: int, seed: int, rho: float) -> list[np.ndarray]:
    """Return three signals of equal power, every two of them with the correlation `rho`.

    They are sums of sines of multiples of 8 Hz, every sine in one signal only, so that level and
    correlation are the same in any 6000 frames, and neither a bar's nor a loop's end is a seam.
    """
    rng = np.random.default_rng(seed)
    t = np.arange(n) / BAR

    def tone(low: int) -> np.ndarray:
        phases = rng.uniform(0, 2 * np.pi, 20)
        tones = low + 16 * np.arange(20)
        return np.sin(2 * np.pi * tones[:, None] * t + phases[:, None]).sum(axis=0) / np.sqrt(10)

    common, own = tone(40), [tone(44), tone(48), tone(52)]
    mixed = [np.sqrt(rho) * common + np.sqrt(1 - rho) * one for one in own]
    return [np.repeat(0.05 * x[:, None], 2, axis=1).astype(np.float32) for x in mixed]


def clip_of(affect: Affect, section: int, variant: int, *, file: str, digest: str) -> Clip:
    """Return a manifest row of the small bank."""
    return Clip(
        file=file, sha256=digest, affect=affect, section=section, variant=variant,
        maker=Maker(backend="test"), prompt_sha256="", seed=0, bpm=480.0, bars=BARS,
        beats_per_bar=4, n_samples=BAR * BARS,
        downbeats=tuple(range(0, BAR * BARS, BAR)), key="D", mode="dorian", lufs=-20.0,
        true_peak_dbtp=-12.0, spectral_centroid_hz=1000.0, rms_db=-26.0,
        loop_residual_db=-90.0, mode_score=0.0, beat_error=None,
        notes=(),
    )  # fmt: skip


@pytest.fixture(scope="session")
def material_of() -> Callable[..., Material]:
    """Make arrays in memory: `material_of(rho, n_sections, n_variants)`."""

    def make(rho: float = 0.0, n_sections: int = 1, n_variants: int = 1) -> Material:
        bars = tuple(range(0, BAR * BARS, BAR))
        edges = (*bars, BAR * BARS)
        beats = tuple(b + (e - b) * k // 4 for b, e in pairwise(edges) for k in range(4))
        sections = []
        for number in range(n_sections):
            sounds = tuple(
                tuple(steady(BAR * BARS, 10 * number + v, rho)) for v in range(n_variants)
            )
            pairs = ((rho, rho, rho),) * BARS
            sections.append(Section(BAR * BARS, bars, beats, sounds, (pairs,) * n_variants))
        return Material(AFFECTS, tuple(sections))

    return make


@pytest.fixture(scope="session")
def flat_of() -> Callable[..., Material]:
    """Make constant layers, so that what is rendered shows the gains: `flat_of(rho per bar)`.

    Negative is (0.5, 0), neutral (0.25, 0.25), positive (0, 0.5).
    """

    def make(rho: tuple[float, ...] = (0.0,) * BARS) -> Material:
        bars = tuple(range(0, BAR * BARS, BAR))
        beats = tuple(range(0, BAR * BARS, BAR // 4))
        sounds = []
        for value in ((0.5, 0.0), (0.25, 0.25), (0.0, 0.5)):
            sound = np.empty((BAR * BARS, 2), dtype=np.float32)
            sound[:] = value
            sounds.append(sound)
        pairs = tuple((r, r, r) for r in rho)
        return Material(AFFECTS, (Section(BAR * BARS, bars, beats, (tuple(sounds),), (pairs,)),))

    return make


@pytest.fixture(scope="session")
def bank_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a bank of two sections and two variants as FLAC with its manifest."""
    folder = tmp_path_factory.mktemp("bank")
    (folder / "audio").mkdir()
    clips, correlations = [], []
    for section in range(2):
        for variant in range(2):
            for affect, sound in zip(AFFECTS, steady(BAR * BARS, section, 0.0), strict=True):
                file = f"audio/{section}-{variant}-{affect}.flac"
                soundfile.write(folder / file, sound, RATE, subtype="PCM_24")
                digest = sha256(folder / file)
                clips.append(clip_of(affect, section, variant, file=file, digest=digest))
            one = tuple(tuple(float(i == j) for j in range(3)) for i in range(3))
            correlations.append(Correlation(section=section, variant=variant, rho=(one,) * BARS))
    save(
        Bank(
            schema=SCHEMA, memory_sha256="", rate=RATE,
            affects=AFFECTS, target_lufs=-20.0, clips=tuple(clips),
            correlations=tuple(correlations),
        ),
        folder,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="session")
def material(material_of: Callable[..., Material]) -> Material:
    """Two sections, two variants, uncorrelated affects."""
    return material_of(0.0, 2, 2)

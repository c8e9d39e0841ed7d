"""A bank that is seen: strips of even colours, good ones and ones that nobody may see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rym import bank
from rym.bank import SCHEMA, Bank, Frame, Maker, Scene
from rym.messages import AFFECTS
from tests.player.conftest import clip_of

WIDTH, HEIGHT = 128, 72
RATE = 48_000

Colour = tuple[int, int, int]


def ramp(low: Colour, high: Colour, n: int = 9) -> list[Colour]:
    """Return colours from one to another."""
    shares = np.linspace(0, 1, n)[:, None]
    mixed = (1 - shares) * np.array(low) + shares * np.array(high)
    return [(int(r), int(g), int(b)) for r, g, b in np.rint(mixed)]


def write_scene(folder: Path, name: str, colours: Sequence[Colour]) -> Scene:
    """Write a strip as lossless WebP and return its row."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    frames = []
    for k, (colour, valence) in enumerate(
        zip(colours, np.linspace(-1, 1, len(colours)), strict=True)
    ):
        file = f"images/{name}-f{k:02d}.webp"
        picture = np.empty((HEIGHT, WIDTH, 3), dtype=np.uint8)
        picture[:] = colour
        Image.fromarray(picture).save(folder / file, lossless=True)
        share = np.array(colour) / 255
        linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
        frames.append(
            Frame(
                file=file, sha256=bank.sha256(folder / file), valence=round(float(valence), 4),
                hue=0.0, saturation=0.0, value=max(colour) / 255,
                luminance=float(linear @ [0.2126, 0.7152, 0.0722]),
            )
        )  # fmt: skip
    return Scene(
        name=name, maker=Maker(backend="test"), prompt_sha256="", seed=0, width=WIDTH,
        height=HEIGHT, flashes=0, frames=tuple(frames),
    )  # fmt: skip


def write_bank(folder: Path, scenes: Sequence[Scene]) -> Path:
    """Write a manifest of these scenes; its clips are only named."""
    clips = [clip_of(affect, 0, 0, file=f"audio/{affect}.flac", digest="00") for affect in AFFECTS]
    bank.save(
        Bank(
            schema=SCHEMA, memory_sha256="", rate=RATE, affects=AFFECTS, target_lufs=-20.0,
            clips=tuple(clips), correlations=(), scenes=tuple(scenes),
        ),
        folder,
    )  # fmt: skip
    return folder


@pytest.fixture
def hung(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a bank of strips, given name and colours of each."""

    def make(**colours: Sequence[Colour]) -> Path:
        return write_bank(tmp_path, [write_scene(tmp_path, *row) for row in colours.items()])

    return make

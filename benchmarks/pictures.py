"""Painted scenes over many seeds: do they brighten and colour along valence, and how long it takes.

    python benchmarks/pictures.py --seeds 20                  a table, one row per kind of scene
    python benchmarks/pictures.py --seeds 1 --seconds         with seconds per frame at full size
    python benchmarks/pictures.py --figures docs/bank         strips of frames for the documentation

Per kind: share of scenes in which mean value and mean saturation (HSV) both rise from every frame
to the next, largest step of mean luminance between neighbours, most flashes of a sweep, all on the
frames as they are kept. Seconds are those of one core, with file and measures.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

# A script's own folder comes first on the path, where this file would hide other modules.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

import numpy as np
from PIL import Image, ImageDraw
from threadpoolctl import threadpool_limits

from generator.memory import Memory
from generator.pictures.files import contact_sheet, decode, encode
from generator.pictures.kinds import kinds
from generator.pictures.measures import look
from generator.pictures.painter import KINDS, Landscapes
from generator.pictures.sketch import read
from generator.settings import GeneratorSettings
from rym.flashes import flashes

SHOWN = (0, 3, 7, 10, 13, 17, 20)
"""Frames of a strip that a figure shows."""
MOST_BYTES = 200_000


def strip(painter: Landscapes, scene: int, frames: int) -> list[np.ndarray]:
    """Return all frames of a scene as they are kept."""
    return [decode(encode(painter.paint(scene, 0, frame))) for frame in range(frames)]


class Scene(NamedTuple):
    """What one scene does along valence."""

    kind: str
    rises: bool
    step: float
    flashes: int


def scenes(seed: int, width: int, height: int) -> list[Scene]:
    """Return what the scenes of a memory without any place in its words do."""
    settings = GeneratorSettings(width=width, height=height)
    memory = Memory(text="Something dear to me.", seed=seed)
    order = kinds(memory.text, (), np.random.default_rng([memory.drawn_seed, 76]))
    painter = Landscapes(memory, settings)
    return [judged(order[k], strip(painter, k, settings.frames)) for k in range(settings.scenes)]


def judged(kind: str, seen: list[np.ndarray]) -> Scene:
    """Return the measures of a strip."""
    looks = [look(frame) for frame in seen]
    value = np.diff([one.value for one in looks])
    saturation = np.diff([one.saturation for one in looks])
    step = np.abs(np.diff([one.luminance for one in looks])).max()
    rises = bool((value > 0).all() and (saturation > 0).all())
    return Scene(kind, rises, float(step), flashes(seen))


def rows(found: list[Scene], timed: bool) -> list[dict[str, float | str]]:
    """Return the table: a row per kind, and one for all."""
    table: list[dict[str, float | str]] = []
    for kind in [*KINDS, "all"]:
        these = [one for one in found if kind in (one.kind, "all")]
        if not these:
            continue
        line: dict[str, float | str] = {
            "kind": kind,
            "scenes": len(these),
            "rise": float(np.mean([one.rises for one in these])),
            "largest_luminance_step": max(one.step for one in these),
            "most_flashes": max(one.flashes for one in these),
        }
        if timed and kind != "all":
            line["seconds_per_frame"] = seconds(kind)
        table.append(line)
    return table


def seconds(kind: str) -> float:
    """Return the seconds that a full-size frame takes, its share of what frames share included."""
    settings = GeneratorSettings()
    painter = Landscapes(Memory(text=kind, seed=1), settings)
    begin = time.process_time()
    for frame in range(settings.frames):
        look(decode(encode(painter.paint(0, 0, frame))))
    return (time.process_time() - begin) / settings.frames


def sketched() -> Image.Image:
    """Return a drawing of a boat before hills under a sun, with a hand's small tremor."""
    rng, image = np.random.default_rng(0), Image.new("L", (1400, 900), 236)
    draw = ImageDraw.Draw(image)

    def stroke(x: list[float], y: list[float], width: int = 7) -> None:
        t, fine = np.linspace(0, 1, len(x)), np.linspace(0, 1, 160)
        tremor = np.cumsum(rng.normal(0, 0.25, (2, 160)), axis=1)
        way = [np.interp(fine, t, part) for part in (x, y)] + tremor
        draw.line([tuple(point) for point in way.T], fill=45, width=width, joint="curve")

    turn = np.linspace(0, 2 * np.pi, 60)
    along = np.linspace(0, 1, 60)
    stroke(list(820 * along), list(360 - 140 * np.sin(np.pi * along) ** 1.4 + 60 * along))
    stroke(list(600 + 800 * along), list(370 - 210 * np.sin(np.pi * along * 0.93) ** 1.5))
    stroke([0, 400, 900, 1400], [470, 464, 472, 466])
    hull = np.linspace(np.pi, 0, 40)
    stroke(list(730 + 260 * np.cos(hull)), list(590 + 150 * np.sin(hull)), 8)
    stroke([468, 992], [592, 588], 8)
    stroke([722, 718], [590, 270], 8)
    sail = np.linspace(0, 1, 30)
    stroke(list(730 + 170 * sail), list(285 + 260 * sail**1.5))
    stroke([728, 902], [552, 545])
    stroke(list(706 - 110 * sail), list(330 + 215 * sail**1.3))
    stroke([598, 708], [546, 552])
    stroke(list(1150 + 62 * np.cos(turn)), list(108 + 62 * np.sin(turn)), 6)
    return image


def figures(folder: Path) -> None:
    """Write strips of three scenes, one of them around a sketch."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = GeneratorSettings(width=640, height=360)
    with tempfile.TemporaryDirectory() as there:
        path = Path(there) / "sketch.png"
        sketched().save(path)
        lines = read(path)
    for name, text, seed, sketch in (
        ("lake", "the jetty by the lake", 13, None),
        ("city", "the old town", 3, None),
        ("sketch", "the boat on the lake", 1, lines),
    ):
        painter = Landscapes(Memory(text=text, seed=seed), settings, sketch)
        shown = [painter.paint(0, 0, frame) for frame in SHOWN]
        for quality in (88, 80, 70, 60):
            data = encode(contact_sheet([shown[:4], shown[3:]], width=1280), quality)
            if len(data) <= MOST_BYTES:
                break
        (folder / f"strip-{name}.webp").write_bytes(data)
        print(f"{folder / f'strip-{name}.webp'}: {len(data)} bytes", file=sys.stderr)


def main() -> None:
    """Print the table, or write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=0, help="memories, three scenes each")
    parser.add_argument("--seconds", action="store_true", help="time frames at full size, too")
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--height", type=int, default=180)
    parser.add_argument("--figures", type=Path)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with threadpool_limits(limits=1):
        if given.figures:
            figures(given.figures)
        found = [
            scene for seed in range(given.seeds)
            for scene in scenes(seed, given.width, given.height)
        ]  # fmt: skip
        table = rows(found, given.seconds)
    if given.json:
        print(json.dumps(table))
        return
    for one in table:
        print("  ".join(f"{name} {_short(value)}" for name, value in one.items()))


def _short(value: float | str) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()

"""The player: what a block costs, how soon an event is heard, and how well the sound holds.

    python benchmarks/player.py                     # about 6 minutes, nothing else running
    python benchmarks/player.py --captured 10       # ten minutes of captured fades, and the picture
    python benchmarks/player.py --music BANK 2      # two minutes of music, captured
    python benchmarks/player.py --xruns 30          # half an hour under load
    python benchmarks/player.py --hours 8           # eight hours of frames on a fast clock
    python benchmarks/player.py --felt 20           # from a feeling to its sound, 20 persons

The peer of the latency is a plain player: the same timeline, rendered by a callback in Python
(`sounddevice.OutputStream`) whenever the device asks, with the same buffer of the device. Both play
to a PulseAudio null sink, first with nothing else in their process, then with a thread that holds
the interpreter's lock for 50 ms every second.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

# A script's own folder comes first on the path, where this file would hide the package `player`.
ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

import numpy as np
import psutil

from benchmarks.captured import bank, felt, holding, report, server
from benchmarks.interleave import row, show
from player.deciding.presets import Rule
from player.engine import Engine
from player.music.material import Material
from player.music.timeline import Timeline
from player.output.paced import PacedSink
from player.service import load
from player.settings import BLOCK, RATE, PlayerSettings
from rym.clock import ManualClock
from rym.messages import Identity, Valence

LIMIT = "the limit set"
ROUNDS = 5
SECONDS = 20
PICTURE = ROOT / "docs" / "player-fade.svg"
LONG = Rule("at once", 100_000.0)


def three_layers(timeline: Timeline) -> None:
    """Turn for a day from a mixture of two layers to the third."""
    block = np.empty((BLOCK, 2), np.float32)
    timeline.request("positive", Rule("at once", 1.0))
    for _ in range(50):
        timeline.render_block(block)
    timeline.request("negative", LONG)


def cost_rows(material: Material) -> list[dict[str, Any]]:
    """Measure a block of 10 ms against 2 % of its own length."""

    def per_block(render: Callable[[Any], None]) -> float:
        out = np.empty((BLOCK, 2), np.float32)
        start = time.process_time()
        for _ in range(2000):
            render(out)
        return 1e6 * (time.process_time() - start) / 2000

    timeline = Timeline(material, PlayerSettings())
    three_layers(timeline)
    whole, one = Engine(material, PlayerSettings()), Engine(material, PlayerSettings())
    # The switch is not armed before the first answer, so that nothing ends this mixture.
    three_layers(whole._timeline)
    rows = []
    for name, render in (
        ("timeline, 10 ms, three layers", timeline.render_block),
        ("engine, 10 ms, three layers", whole.render),
        ("engine, 10 ms, one layer", one.render),
    ):
        per_block(render)
        pairs = [(per_block(render), per_block(render)) for _ in range(ROUNDS)]
        ours, again = zip(*pairs, strict=True)
        rows.append(row(name, ours, again, [200.0] * ROUNDS, LIMIT, unit="µs"))
    return rows


def memory_rows(material: Material) -> list[dict[str, Any]]:
    """Measure what 10⁵ calls leave and need at most, against 64 KiB."""
    timeline = Timeline(material, PlayerSettings(preset="close"))
    out = np.empty((BLOCK, 2), np.float32)
    affects = ("positive", "neutral", "negative", "neutral")

    def calls(n: int) -> None:
        for k in range(n):
            if k % 500 == 0:
                timeline.request(affects[k // 500 % 4])  # type: ignore[arg-type]
            timeline.render_block(out)
            timeline.marks.clear()

    calls(5000)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    calls(100_000)
    now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    name = f"timeline, memory of 10⁵ calls ({(now - before) / 1024:+.1f} KiB left)"
    kib = [(peak - before) / 1024]
    return [row(name, kib, kib, [64.0], LIMIT, unit="KiB")]


def latency_rows(load: str, *gil: str) -> list[dict[str, Any]]:
    """Compare the time from an event to the first sample that it changes, and interruptions.

    Parameters
    ----------
    load : str
        What to call it.
    *gil : str
        Milliseconds for which a thread holds the interpreter's lock, and every how many seconds.
    """
    found: dict[str, list[dict[str, Any]]] = {"ours": [], "callback": [], "again": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        music = bank.write(folder / "bank")
        with server.running(folder) as environment:
            here = server.add_sink(environment, "one", folder)
            for _ in range(3):
                for who, runs in found.items():
                    words = ("callback" if who == "callback" else "ours", str(music), str(SECONDS))
                    told = subprocess.run(
                        [sys.executable, "-m", "benchmarks.captured.latency", *words, *gil],
                        cwd=ROOT, env=here, capture_output=True, text=True, check=True,
                    ).stdout  # fmt: skip
                    runs.append(json.loads(told.splitlines()[-1]))
    one = found["ours"][0]
    other = found["callback"][0]
    print(
        f"{load}: ring {one['depth_ms']:.0f} ms + block 10 ms, the device {one['device_ms']:.0f} "
        f"ms more; the callback's device {other['device_ms']:.0f} ms more; interruptions in "
        f"{3 * SECONDS} s: ours {_sum(found['ours'])}, again {_sum(found['again'])}, the callback "
        f"{_sum(found['callback'])}",
        file=sys.stderr,
    )
    peer = f"sounddevice {version('sounddevice')} callback"
    rows = []
    for q, what in ((0.5, "p50"), (0.99, "p99")):
        ours, again, other = (
            [float(np.quantile(run["waits_ms"], q)) for run in found[who]]
            for who in ("ours", "again", "callback")
        )
        limit = one["depth_ms"] + 1000 * BLOCK / RATE + 10
        rows.append(row(f"event → first changed sample, {load}, {what}", ours, again, other, peer))
        rows.append(row(f"the same, {load}, {what}", ours, again, [limit] * 3, LIMIT))
    return rows


def _sum(runs: list[dict[str, Any]]) -> int:
    return sum(run["xruns"] for run in runs)


def hours(material: Material, n: int) -> None:
    """Play for hours on a fast clock; print drift and memory every half hour."""
    clock = ManualClock(1000.0)
    settings = PlayerSettings(sink="null")
    sink, engine = PacedSink(clock, settings.depth), Engine(material, settings)
    out = np.empty((BLOCK, 2), np.float32)
    here, used, worst = psutil.Process(), [], 0.0
    for block in range(n * 3600 * RATE // BLOCK):
        clock.advance(BLOCK / RATE)
        while sink.room() >= BLOCK:
            engine.render(out)
            sink.write(out)
        engine.events()
        if block % 25 == 0:
            said = Valence(
                t=clock.now(), state=("neutral", "positive", "negative")[block // 4000 % 3],
                valence=None, probabilities=None, confidence=0.9, reason="", model="",
            )  # fmt: skip
            engine.apply(Identity("decoder", 1, "decoder/valence", block), said)
        late = (clock.now() - 1000.0 + settings.depth) * RATE - engine.frame
        worst = max(worst, abs(late))
        if block % (1800 * RATE // BLOCK) == 0:
            used.append(here.memory_info().rss / 2**20)
            print(f"{block * BLOCK / RATE / 3600:4.1f} h  {used[-1]:7.2f} MB", flush=True)
    ahead = engine.frame - round((clock.now() - 1000.0) * RATE)
    slope = np.polyfit(np.arange(1, len(used)) / 2, used[1:], 1)[0]
    print(
        f"{engine.frame} frames; {ahead} ahead of the clock (depth "
        f"{settings.depth * RATE:.0f}), in between never more than {worst / BLOCK:.3f} blocks "
        f"off; memory {slope:+.3f} MB/h from the first half hour on; {sink.xruns} interruptions"
    )


def small_material() -> Material:
    """Return the three known signals as the player has them."""
    with tempfile.TemporaryDirectory() as name:
        return load(bank.write(Path(name) / "bank"))


def main() -> None:
    """Compare and print, or run one of the long ones."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--captured", type=float, metavar="MINUTES")
    parser.add_argument("--music", nargs=2, metavar=("BANK", "MINUTES"))
    parser.add_argument("--xruns", type=float, metavar="MINUTES")
    parser.add_argument("--hours", type=int)
    parser.add_argument("--felt", type=int, metavar="PERSONS")
    long, rest = parser.parse_known_args()
    if long.captured:
        report.signals(long.captured, PICTURE)
    elif long.music:
        report.music(Path(long.music[0]), float(long.music[1]))
    elif long.xruns:
        print(holding.run(long.xruns))
    elif long.hours:
        hours(small_material(), long.hours)
    elif long.felt:
        felt.run(long.felt)
    else:
        sys.argv[1:] = rest
        material = small_material()
        rows = [*cost_rows(material), *memory_rows(material)]
        rows += latency_rows("quiet")
        show([*rows, *latency_rows("GIL held", "50", "1.0")])


if __name__ == "__main__":
    main()

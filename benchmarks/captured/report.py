"""The long captured run: three presets at once, their figures, and a picture of one fade."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from player.music.material import Material
from player.service import load
from player.settings import BLOCK, RATE

from . import bank, loud, measure, server

PRESETS = ("close", "gentle", "paper")
COLOURS = {"negative": "#b5651d", "neutral": "#808080", "positive": "#1f5fa8"}
"""Orange, grey and blue, as everywhere."""
WIDTH, HEIGHT, EDGE = 640, 260, 40


def play(music: Path, folder: Path, seconds: float) -> dict[str, dict[str, Any]]:
    """Play the presets at once; return sound, messages and facts of each."""
    found: dict[str, dict[str, Any]] = {}
    with server.running(folder) as environment, ExitStack() as stack:
        players = {}
        for name in PRESETS:
            here = server.add_sink(environment, name, folder)
            stack.enter_context(server.capturing(here, name, folder / f"{name}.raw"))
            players[name] = server.player(
                here, str(music), str(folder / name), str(seconds), name, "0.05"
            )
        for name, process in players.items():
            told, errors = process.communicate(timeout=seconds + 120)
            if process.returncode:
                raise RuntimeError(errors)
            found[name] = json.loads(told.splitlines()[-1])
    for name in PRESETS:
        found[name]["sound"] = server.captured(folder / f"{name}.raw")
    return found


def signals(minutes: float, picture: Path | None) -> None:
    """Play the three known signals and print what was captured; draw one fade."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runs = play(bank.write(folder / "bank"), folder, 60 * minutes)
    for preset, run in runs.items():
        found = measure.compare(run["sound"][:, 0].astype(np.float64), run["played"])
        whole = [fade for fade in found.fades if fade.whole]
        late = found.late_ms[~np.isnan(found.late_ms)]
        level = np.concatenate([fade.level_db for fade in whole])
        middles = np.array([fade.middle for fade in whole if not np.isnan(fade.middle)])
        print(
            f"{preset:7} {len(whole)} of {len(found.fades)} fades whole; half-way against its "
            f"declared audible time: median {np.median(late):+.1f} ms, worst "
            f"{late[np.abs(late).argmax()]:+.1f} ms; against its declared frame: worst "
            f"{1000 * np.abs(middles).max():.2f} ms; level {level.min():+.3f} to "
            f"{level.max():+.3f} dB; markers {_span(found.drift_ms)} ms; above 12 kHz "
            f"{20 * np.log10(found.broken):.1f} dBFS at most; "
            f"{run['facts'].get('xruns', 0)} interruptions told"
        )
        if picture is not None and preset == "gentle":
            shown = next(f for f in whole if f.rho == 0.5)
            picture.write_text(drawn(shown, run["played"]), encoding="utf-8")


def _span(drift: npt.NDArray[np.float64]) -> str:
    return f"{drift.min():+.3f} to {drift.max():+.3f}"


def music(folder: Path, minutes: float) -> None:
    """Play a real bank and print what was captured, against the clips' own loudness."""
    material = load(folder)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        runs = play(folder, place, 60 * minutes)
        for preset, run in runs.items():
            print(f"{preset:7} {_heard(material, run, place)}")


def _heard(material: Material, run: Mapping[str, Any], folder: Path) -> str:
    played = run["played"]
    sound, first = _aligned(material, run["sound"])
    # From where the rise is over to where the player was told to end.
    frames = np.arange(first, min(first + len(sound), played[-1]["frame"] - RATE), BLOCK)
    gains = np.stack(
        [np.interp(frames, [p["frame"] for p in played], column) for column in _gains(played)], 1
    )
    clips = loud.track(material, int(frames[-1]) + BLOCK)[:, first:]
    found = loud.compare(sound[: clips.shape[1]], clips, gains)
    peak = loud.true_peak(run["sound"], folder)
    return (
        f"short-term loudness {found.off_lu.min():+.2f} to {found.off_lu.max():+.2f} LU off the "
        f"clips' own; largest step {found.jump:.2f} of theirs; true peak {peak:.1f} dBTP; "
        f"{run['facts'].get('xruns', 0)} interruptions told"
    )


def _gains(played: Sequence[Mapping[str, Any]]) -> list[list[float]]:
    return [[one["gains"][k] for one in played] for k in range(3)]


def _aligned(
    material: Material, sound: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], int]:
    """Return the captured sound from the player's second second on, and that frame.

    In the first seconds neutral is heard alone, at full level from the first half second on.
    """
    first, part = RATE, loud.track(material, RATE * 3 // 2)[1, RATE:, 0]
    whole = sound[: 30 * RATE, 0]
    n = 1 << (len(whole) + len(part)).bit_length()
    found = np.fft.irfft(np.fft.rfft(whole, n) * np.conj(np.fft.rfft(part, n)), n)
    at = int(np.argmax(found[: len(whole)]))
    return sound[at:], first


def drawn(fade: measure.Fade, played: Sequence[Mapping[str, Any]]) -> str:
    """Return an SVG of one fade: dots are what was captured, lines what the player declared."""
    t0, t1 = float(fade.at[0]), float(fade.at[-1])
    top = float(max(1.1, np.nanmax(fade.gains) * 1.05))

    def x(t: float) -> str:
        return f"{EDGE + (t - t0) / (t1 - t0) * (WIDTH - 2 * EDGE):.1f}"

    def y(gain: float) -> str:
        return f"{HEIGHT - EDGE - gain / top * (HEIGHT - 2 * EDGE):.1f}"

    said = next(p for p in played if p["fade"] and p["fade"]["start"] == fade.start)["fade"]
    near = [p for p in played if said["start"] <= p["frame"] <= said["end"]]
    rows = []
    for k, (affect, colour) in enumerate(COLOURS.items()):
        if np.nanmax(fade.gains[:, k]) < 0.05:
            continue
        dots = "".join(
            f'<circle cx="{x(t)}" cy="{y(g)}" r="1.6"/>'
            for t, g in zip(fade.at, fade.gains[:, k], strict=True)
        )
        marks = "".join(
            f'<path d="M{x((p["frame"] - said["half"]) / RATE)} {y(p["gains"][k])}'
            'm-5,-5l10,10m0,-10l-10,10"/>'
            for p in near
        )
        rows.append(f'<g fill="{colour}">{dots}</g>')
        rows.append(f'<g stroke="{colour}" stroke-width="1.5" fill="none">{marks}</g>')
        end = fade.gains[-1, k] if fade.gains[-1, k] > 0.5 else fade.gains[0, k]
        at = WIDTH - EDGE - 60 if fade.gains[-1, k] > 0.5 else EDGE + 8
        rows.append(f'<text x="{at}" y="{float(y(end)) - 6:.1f}" fill="{colour}">{affect}</text>')
    axis = f"M{EDGE} {EDGE}V{HEIGHT - EDGE}H{WIDTH - EDGE}"
    ticks = "".join(
        f'<text x="{x(t)}" y="{HEIGHT - EDGE + 16}" text-anchor="middle">{t:+.2f} s</text>'
        for t in (round(t0 + 0.1, 1), 0.0, round(t1 - 0.1, 1))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n'
        f'<path d="{axis}" stroke="black" fill="none"/>\n'
        f'<path d="M{x(0.0)} {EDGE}V{HEIGHT - EDGE}" stroke="#bbb" stroke-dasharray="3 3"/>\n'
        f"{ticks}\n" + "\n".join(rows) + "\n</svg>\n"
    )

"""A bank along a written sequence: cuts to the sample, pictures that never flash."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from player.music.material import Material, Section
from player.pictures.files import load as load_pictures
from player.pictures.path import Path as Way
from player.pictures.path import strips as strips_of
from player.settings import PlayerSettings
from rym import bank
from rym.clock import ManualClock
from rym.errors import UsageError
from rym.flashes import MAX_FLASHES, flashes_of
from rym.messages import AFFECTS, State
from session.after.bounce.making import Rendered, paint
from session.after.bounce.of_sequence import along, pieces, settings_of
from session.after.bounce.path import Eye, looks
from session.after.bounce.pictures import Painter
from tests.player.conftest import BAR, BARS, steady
from tests.session.after.bounce.test_of_session import with_scenes
from tests.session.conftest import write_bank

RATE = 48_000
FREE: dict[str, Any] = {
    "dwell": 0.0, "max_changes": 600, "rise": 0.5, "negative_share": 1.0, "positive_share": 1.0,
    "exposure_reason": "Nobody listens.",
}  # fmt: skip
NEAR = 600
"""Frames around a cut in which gains are fitted: most of the 40 ms of a fade."""


def bank_of(rho: float) -> tuple[Material, list[np.ndarray]]:
    """Return three steady signals of this correlation as a bank, and the signals."""
    sounds = steady(BAR * BARS, 4, rho)
    bars = tuple(range(0, BAR * BARS, BAR))
    beats = tuple(range(0, BAR * BARS, BAR // 4))
    pairs = ((rho, rho, rho),) * BARS
    return Material(AFFECTS, (Section(BAR * BARS, bars, beats, (tuple(sounds),), (pairs,)),)), [
        sound[:, 0].astype(float) for sound in sounds
    ]


def rendered(material: Material, sequence: list[tuple[State, float]]) -> np.ndarray:
    """Return what is heard along a sequence with the preset `paper`, one channel."""
    settings = PlayerSettings(
        arm="permuted", preset="paper", sequence=tuple(sequence), bank="", **FREE
    )
    n_frames = round(sum(seconds for _, seconds in sequence) * RATE)
    out = [piece.sound[:, 0].copy() for piece in pieces(material, settings, n_frames)]
    return np.concatenate(out).astype(float)


def gains_near(
    sound: np.ndarray, layers: list[np.ndarray], frame: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return frames and each layer's gain there: cubics, by least squares against the signals."""
    n = np.arange(frame - NEAR, frame + NEAR)
    t = (n - frame) / NEAR
    powers = np.stack([t**k for k in range(6)])
    columns = [layer[n % len(layer)] * power for layer in layers for power in powers]
    found, *_ = np.linalg.lstsq(np.stack(columns, axis=1), sound[n], rcond=None)
    return n, [found[6 * i : 6 * i + 6] @ powers for i in range(len(layers))]


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_every_cut_of_the_paper_is_half_way_on_its_sample(rho: float) -> None:
    """40 ms fades, known beforehand: old and new are equal on the cut's own frame, ± half of one.

    The gains are found in the rendered samples alone, whatever rule made them; cuts lie anywhere
    in a control block.
    """
    sequence: list[tuple[State, float]] = [
        ("neutral", 2.0), ("positive", 1.23457), ("neutral", 0.70001), ("negative", 2.00731),
        ("positive", 0.51515), ("unknown", 1.0),
    ]  # fmt: skip
    material, signals = bank_of(rho)
    sound = rendered(material, sequence)
    cuts = [round(t * RATE) for t in accumulate(seconds for _, seconds in sequence)][:-1]
    assert len({cut % 480 for cut in cuts}) > 3
    heard = [AFFECTS.index(s) if s in AFFECTS else 1 for s, _ in sequence]
    for cut, old, new in zip(cuts, heard[:-1], heard[1:], strict=True):
        n, (falls, rises) = gains_near(sound, [signals[old], signals[new]], cut)
        crossed = float(np.interp(0.0, rises - falls, n))
        assert abs(crossed - cut) < 0.5, (cut, crossed)
        assert falls[0] > 0.9
        assert rises[0] < 0.3


def test_beside_the_cuts_one_layer_is_heard_alone() -> None:
    """From 20 ms behind a cut to 20 ms before the next one the sound is one signal, to 1e-5."""
    sequence: list[tuple[State, float]] = [("neutral", 1.0), ("positive", 1.1), ("negative", 1.2)]
    material, signals = bank_of(0.0)
    sound = rendered(material, sequence)
    for state, begin, end in (("positive", 1.0, 2.1), ("negative", 2.1, 3.1)):
        n = np.arange(round((begin + 0.0205) * RATE), round((end - 0.0205) * RATE))
        layer = signals[AFFECTS.index(state)]
        assert np.abs(sound[n] - layer[n % len(layer)]).max() < 1e-5
    assert sound[-1] == pytest.approx(0.0, abs=1e-4)  # and it ends without a click


def written(path: Path, rows: str, **more: Any) -> Path:
    """Write a sequence's file."""
    table = {**FREE, **more}
    text = [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    path.write_text("\n".join(["[player]", *text, *([f"sequence = {rows}"] if rows else [])]))
    return path


def test_a_sequence_is_written_as_sound_and_pictures(tmp_path: Path) -> None:
    """Named after file and preset; what a limit kept from being heard is told."""
    write_bank(tmp_path / "bank")
    file = written(tmp_path / "real.toml", '[["neutral", 0.5], ["positive", 1.0]]')
    found = along(file, tmp_path / "bank", tmp_path / "out", ManualClock(), preset="paper")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "real_paper.flac", "real_paper.mp4",
    ]  # fmt: skip
    assert soundfile.info(found.sound).frames == round(1.5 * RATE)
    assert (found.n_states, found.otherwise) == (2, 0)
    file = written(tmp_path / "real.toml", '[["neutral", 0.5], ["positive", 1.0]]',
                   positive_share=0.0)  # fmt: skip
    found = along(file, tmp_path / "bank", tmp_path / "out", ManualClock(), preset="paper")
    assert found.otherwise == 1
    assert "1 of 2 states were not heard as written" in found.sentence
    assert "It replaces the real_paper.flac of before." in found.sentence


@pytest.mark.parametrize(
    ("rows", "more", "words"),
    [
        ("", {}, "has no sequence"),
        ('[["joyful", 2.0]]', {}, "joyful"),
        ('[["neutral", 2.0]]', {"arm": "real"}, "'real'"),
        ('[["neutral", 2.0]]', {"presett": "paper"}, "presett"),
    ],
)
def test_a_sequence_that_cannot_be_followed_is_a_sentence(
    tmp_path: Path, rows: str, more: dict[str, Any], words: str
) -> None:
    """No sequence, an unknown state, another arm, a word that does not exist."""
    with pytest.raises(UsageError, match=words):
        settings_of(written(tmp_path / "x.toml", rows, **more), tmp_path, "paper")


# -- flashes -------------------------------------------------------------------------------------


def storm(folder: Path, n_frames: int) -> list[Any]:
    """Return what the player says of the pictures while everything changes all the time."""
    way = Way(strips_of(bank.read(folder).scenes), 0)
    rng = np.random.default_rng(6)
    said, pole, section, until = [], 0, 0, 0
    for frame in range(0, n_frames, 480):
        if frame >= until:
            pole, section = 2 - pole, section + int(rng.integers(0, 2))
            until = frame + round(RATE * rng.choice([0.05, 0.1, 0.5, 3.0]))
        gains = (float(pole == 0), 0.0, float(pole == 2))
        shown = way.step(frame, gains, section, calm=False)
        said += [shown] if shown is not None else []
    return said


@pytest.mark.fault(53)
def test_no_storm_of_events_flashes_in_the_video(
    tmp_path: Path, program: Callable[[str], str]
) -> None:
    """Affects and sections change down to every 50 ms: as painted, and as decoded from H.264."""
    write_bank(tmp_path / "bank")
    with_scenes(tmp_path / "bank", [tuple(range(30, 230, 10)), tuple(range(230, 30, -10))])
    said = storm(tmp_path / "bank", 12 * RATE)
    hall = load_pictures(tmp_path / "bank")
    eye, painter = Eye(hall.gallery), Painter(hall, (160, 90))
    painted = [
        np.frombuffer(painter.paint(eye.follow(look, 0.04)), np.uint8).reshape(90, 160, 3)
        for look in looks(said, 12 * RATE, RATE // 25)
    ]
    assert hall.gallery.told == ""
    assert np.ptp([float(picture.mean()) for picture in painted]) > 10  # something moves
    assert flashes_of(painted, 25) <= MAX_FLASHES
    sound = tmp_path / "x.flac"
    soundfile.write(sound, np.zeros((2 * RATE, 2), np.float32), RATE)
    paint(Rendered(2 * RATE, said, []), sound, tmp_path / "x.mp4", tmp_path / "bank")
    words = [program("ffmpeg"), "-v", "error", "-i", str(tmp_path / "x.mp4"), "-vf",
             "scale=160:90", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]  # fmt: skip
    data = subprocess.run(words, capture_output=True, check=True).stdout
    decoded = np.frombuffer(data, np.uint8).reshape(-1, 90, 160, 3)
    assert len(decoded) == 50
    assert flashes_of(decoded, 25) <= MAX_FLASHES
    apart = [abs(float(a.mean()) - float(b.mean())) for a, b in zip(decoded, painted, strict=False)]
    assert max(apart) < 4.0  # colours are those of the pictures

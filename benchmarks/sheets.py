"""Pictures of one piece in its three affects: what is heard (spectrogram) and what is played."""

from __future__ import annotations

from pathlib import Path

import librosa
import matplotlib as mpl
import numpy as np

mpl.use("Agg")

import matplotlib.pyplot as plt

from generator.drafts import Draft, Place
from generator.memory import load
from generator.music.musician import Composer
from generator.settings import GeneratorSettings
from rym.messages import AFFECTS

EXAMPLE = Path(__file__).resolve().parent.parent / "configs" / "memory.example.toml"
PARTS = {
    "tune": "#111111",
    "shadow": "#111111",
    "answer": "#8a4fbf",
    "figure": "#2f7ebc",
    "chord": "#b9b9b9",
    "bass": "#7a5230",
    "sparkle": "#e08a1e",
}
NAMES = {"negative": "unpleasant", "neutral": "neither", "positive": "pleasant"}


def draw(folder: Path) -> None:
    """Write `sound.png` and `notes.png`, of the example memory's first section."""
    composer = Composer(load(EXAMPLE), GeneratorSettings())
    drafts = [composer.play(Place(0, 0, affect), 0) for affect in AFFECTS]
    _sound(drafts, folder / "sound.png")
    _notes(drafts, folder / "notes.png")


def _sound(drafts: list[Draft], path: Path) -> None:
    figure, axes = plt.subplots(3, 1, figsize=(10, 8), sharex=True, sharey=True)
    for axis, draft, affect in zip(axes, drafts, AFFECTS, strict=True):
        mono = librosa.resample(draft.sound.mean(axis=1), orig_sr=draft.grid.rate, target_sr=22_050)
        level = librosa.amplitude_to_db(np.abs(librosa.cqt(mono, sr=22_050, n_bins=96)), ref=np.max)
        times = np.arange(level.shape[1]) * 512 / 22_050
        hz = librosa.cqt_frequencies(96, fmin=librosa.note_to_hz("C1"))
        axis.pcolormesh(times, hz, level, vmin=-60, vmax=0, cmap="magma", rasterized=True)
        axis.set_yscale("log")
        axis.set_ylabel("Hz")
        axis.set_title(f"{NAMES[affect]} ({draft.key} {draft.mode})", loc="left", fontsize=10)
        for at in draft.grid.downbeats:
            axis.axvline(at / draft.grid.rate, color="white", lw=0.4, alpha=0.5)
    axes[-1].set_xlabel("s (lines: bars)")
    figure.tight_layout()
    figure.savefig(path, dpi=56)
    plt.close(figure)


def _notes(drafts: list[Draft], path: Path) -> None:
    figure, axes = plt.subplots(3, 1, figsize=(10, 8), sharex=True, sharey=True)
    for axis, draft, affect in zip(axes, drafts, AFFECTS, strict=True):
        for note in sorted(draft.notes, key=lambda n: n.voice.startswith("tune")):
            part, _ = note.voice.split("/")
            axis.barh(
                note.pitch,
                note.length,
                left=note.beat,
                height=0.9,
                color=PARTS[part],
                alpha=0.3 + 0.7 * min(1.0, note.velocity / 0.55),
            )
        played = sorted({note.voice for note in draft.notes})
        axis.set_title(
            f"{NAMES[affect]} ({draft.key} {draft.mode}): {', '.join(played)}",
            loc="left",
            fontsize=9,
        )
        axis.set_ylabel("MIDI number")
        axis.set_xticks(range(0, 33, 4))
        axis.grid(axis="x", lw=0.4)
    axes[-1].set_xlabel("beat")
    handles = [plt.Rectangle((0, 0), 1, 1, color=color) for color in PARTS.values()]
    figure.legend(handles, PARTS, loc="lower center", ncol=len(PARTS), fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0.03, 1, 1))
    figure.savefig(path, dpi=70)
    plt.close(figure)

"""Folders of small recordings that tests make: pink noise, alpha that depends on the state."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rym.clock import ManualClock
from stream.checks import Declared, Signal
from stream.files.recorder import Recorder
from stream.items import Chunk

CHANNELS = ("Fp1", "Fp2", "C3", "C4", "O1", "O2")
RATE = 128

Samples = npt.NDArray[np.float64]


def eeg(
    seconds: float, seed: int, *, alpha: float = 0.0, rate: int = RATE, n: int = len(CHANNELS)
) -> Samples:
    """Return noise of 10 µV with alpha behind, shape (n_times, n)."""
    rng = np.random.default_rng(seed)
    n_times = round(seconds * rate)
    spectrum = np.fft.rfft(rng.normal(size=(n_times, n)), axis=0)
    f = np.fft.rfftfreq(n_times, 1 / rate)
    spectrum[1:] /= np.sqrt(f[1:, None])
    spectrum[0] = 0.0
    noise = np.fft.irfft(spectrum, n_times, axis=0)
    noise *= 10.0 / noise.std()
    t = np.arange(n_times) / rate
    return noise + alpha * np.sin(2 * np.pi * 10 * t)[:, None] * np.linspace(0.2, 1.0, n)


def blink(samples: Samples, at: float, *, rate: int = RATE) -> None:
    """Lay a blink of 200 µV over the two channels in front, at a time in seconds."""
    n = round(0.3 * rate)
    start = round(at * rate)
    samples[start : start + n, :2] += 200.0 * np.hanning(n)[:, None]


def write_csv(
    path: Path,
    samples: Samples,
    *,
    rate: int = RATE,
    channels: tuple[str, ...] = CHANNELS,
    start: float = 0.0,
    gap: tuple[int, float] | None = None,
    beside: Mapping[str, npt.NDArray[np.floating]] | None = None,
) -> Path:
    """Write a table with times; `gap`: seconds that pass before a sample."""
    t = start + np.arange(len(samples)) / rate
    if gap is not None:
        t[gap[0] :] += gap[1]
    more = dict(beside or {})
    table = np.column_stack([t, samples, *more.values()])
    path.parent.mkdir(parents=True, exist_ok=True)
    head = ",".join(["time", *channels, *more])
    np.savetxt(path, table, delimiter=",", header=head, comments="", fmt="%.6f")
    return path


def write_xdf(path: Path, samples: Samples, *, channels: tuple[str, ...] = CHANNELS) -> Path:
    """Write a recording as RYM makes it."""
    declared = Declared("sim", "id", "uid", "host", float(RATE), len(channels), channels, ())
    recorder = Recorder(path, declared, Signal(channels, float(RATE), "µV", 1.0), ManualClock(0.0))
    t = 50.0 + np.arange(len(samples)) / RATE
    for at in range(0, len(samples), 32):
        part = slice(at, at + 32)
        recorder.write(Chunk(samples[part].astype(np.float32), t[part]))
    recorder.close()
    return path


def write_edf(path: Path, samples: Samples, *, prefilter: str = "") -> Path:
    """Write an EDF file of whole seconds, 0.1 µV a step."""
    n = samples.shape[1]
    seconds = len(samples) // RATE
    fields = [
        (16, [f"EEG {name}" for name in CHANNELS]), (80, [""] * n), (8, ["uV"] * n),
        (8, ["-3276.8"] * n), (8, ["3276.7"] * n), (8, ["-32768"] * n), (8, ["32767"] * n),
        (80, [prefilter] * n), (8, [str(RATE)] * n), (32, [""] * n),
    ]  # fmt: skip
    head = f"{'0':8}{'X X X X':80}{'Startdate X X X X':80}{'01.01.0100.00.00':16}"
    head += f"{256 * (n + 1):<8}{'':44}{seconds:<8}{1:<8}{n:<4}"
    head += "".join(f"{value:{width}}" for width, values in fields for value in values)
    records = np.round(samples[: seconds * RATE] * 10).astype("<i2").reshape(seconds, RATE, n)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head.encode("ascii") + records.transpose(0, 2, 1).tobytes())
    return path


def write_brainvision(path: Path, samples: Samples) -> Path:
    """Write a .vhdr with its .eeg and .vmrk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stem = path.with_suffix("").name
    rows = "\n".join(f"Ch{i + 1}={name},,1,µV" for i, name in enumerate(CHANNELS))
    path.write_text(
        "Brain Vision Data Exchange Header File Version 1.0\n[Common Infos]\nCodepage=UTF-8\n"
        f"DataFile={stem}.eeg\nMarkerFile={stem}.vmrk\nDataFormat=BINARY\n"
        f"DataOrientation=MULTIPLEXED\nNumberOfChannels={len(CHANNELS)}\n"
        f"SamplingInterval={1e6 / RATE:.4f}\n[Binary Infos]\nBinaryFormat=IEEE_FLOAT_32\n"
        f"[Channel Infos]\n{rows}\n",
        encoding="utf-8",
    )
    path.with_suffix(".vmrk").write_text(
        "Brain Vision Data Exchange Marker File, Version 1.0\n[Common Infos]\nCodepage=UTF-8\n"
        f"DataFile={stem}.eeg\n[Marker Infos]\nMk1=New Segment,,1,1,0,0\n",
        encoding="utf-8",
    )
    path.with_suffix(".eeg").write_bytes(samples.astype("<f4").tobytes())
    return path


def two_states(folder: Path, people: tuple[str, ...] = ("a", "b"), seconds: float = 30.0) -> Path:
    """Write a file of rest and one of work for everybody; work has more alpha."""
    for i, person in enumerate(people):
        for j, state in enumerate(("rest", "work")):
            samples = eeg(seconds, 10 * i + j, alpha=8.0 * j)
            write_csv(folder / f"{person}_{state}.csv", samples)
    return folder


TWO_STATES = """
[data]
name = "two"
states = ["rest", "work"]
unit = "file"
primary = "leave-one-person-out"

[files]
pattern = '(?P<person>[a-z]+)_(?P<state>\\w+)\\.csv'
"""


def toml(path: Path, text: str = TWO_STATES) -> Path:
    """Write a data set's TOML."""
    path.write_text(text, encoding="utf-8")
    return path

"""Sound files of a song, read and written (adapter of libsndfile and soxr).

No sentence names the file: its name may be the song's.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile

from rym.errors import FormatError, UsageError

from .understood import missing

Mono = npt.NDArray[np.float64]

RATE = 22_050
"""Frames per second at which a song is listened to: no fundamental and few overtones that tell a
tune lie above 11 kHz."""
LOWEST_RATE = 8_000
FULL_RATE = 16_000
"""Below it, overtones are missing that help to tell one note from the next."""
HIGHEST_RATE = 384_000
SHORTEST_S = 2.0
LONGEST_S = 180.0
"""What is used of a long song, in seconds."""
SILENT = 1e-4
"""A peak below it (−80 dB) is silence: the noise of a converter, no song."""
CLIPPED = 0.005
"""Share of the samples within flat tops of three or more, from which it is said."""
CANCELLED = 0.02
"""If the mean of the channels has less than this share of the loudest one's energy, they cancel
one another, and the loudest is taken alone."""
BLOCK = 8192
"""Frames read at once: a file of hours or of many channels must not fill the memory, and where a
damaged one breaks off, only the last block is lost."""
CONVERT = "Convert it first: `ffmpeg -i SONG song.flac`; wav, flac, ogg and mp3 are read."
ANOTHER = "Give another file, hum the song, or leave it out."
ENDLESS = (0, 0xFFFFFFFF)
"""Lengths that a WAV's header has where its writer could not go back."""


class Heard(NamedTuple):
    """One song as sound."""

    samples: Mono
    """Array of shape (n_times,) at `RATE`: peak 1, no offset."""
    remarks: tuple[str, ...]


def open_song(path: Path) -> io.BufferedReader:
    """Open a song's file for reading.

    Raises
    ------
    UsageError
        If it is missing, a folder, not readable or empty.
    """
    remedy = "Give the path of a file that you may read, seen from the memory's folder."
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "no regular file"
            raise UsageError(f"The song is {what}, expected is a file.", remedy)
        file = path.open("rb")
    except OSError as error:
        raise UsageError(f"The song cannot be read: {error.strerror}.", remedy) from None
    if os.fstat(file.fileno()).st_size == 0:
        file.close()
        raise UsageError("The song's file is empty (0 bytes).", ANOTHER)
    return file


def read(file: io.BufferedReader) -> Heard:
    """Read a song as sound.

    Parameters
    ----------
    file : binary file
        wav, flac, ogg or mp3, of any rate from 8 kHz and any number of channels.

    Returns
    -------
    Heard
        At most the first three minutes.

    Raises
    ------
    FormatError
        If it is no sound, damaged, silent, constant, too short, or holds what is no number.
    UsageError
        If soxr is not installed.
    """
    file.seek(0)
    try:
        with soundfile.SoundFile(file) as sound:
            rate, declared = int(sound.samplerate), int(sound.frames)
            _check_rate(rate)
            samples, broken = _mixed(sound, round(LONGEST_S * rate))
    except soundfile.LibsndfileError as error:
        raise FormatError(
            f"The song is no sound that can be read: {_said(error)}.", CONVERT
        ) from None
    except TypeError:
        # Of headerless sound, known by its file's ending, rate and channels would have to be told.
        raise FormatError(
            "The song is no sound that can be read: it says neither its rate nor its channels.",
            CONVERT,
        ) from None
    remarks = _length_remarks(file, len(samples), declared, rate, broken)
    samples = _checked(samples, rate)
    if rate < FULL_RATE:
        remarks.append(
            f"The song has {rate} frames per second, 44100 are usual: tones above "
            f"{rate / 2000:g} kHz are missing, the tune is looked for below."
        )
    if (share := _flat_tops(samples)) > CLIPPED:
        remarks.append(
            f"{100 * share:.0f} % of the song is clipped: it was recorded too loud, and notes may "
            "be understood wrongly."
        )
    return Heard(_resampled(samples, rate), tuple(remarks))


def _said(error: soundfile.LibsndfileError) -> str:
    """Return libsndfile's reason, without the file's name that `str` would put before it."""
    return str(error.error_string).rstrip(".")


def _check_rate(rate: int) -> None:
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise FormatError(
            f"The song has {rate} frames per second, taken are {LOWEST_RATE} to {HIGHEST_RATE}.",
            CONVERT,
        )


def _mixed(sound: Any, n_most: int) -> tuple[Mono, bool]:
    """Return the channels' mean, or the loudest if they cancel; and whether reading broke off."""
    mean, energy, broken = _mean_of(sound, n_most)
    loudest = int(np.argmax(energy))
    if energy[loudest] > 0 and np.sum(mean**2) < CANCELLED * energy[loudest]:
        sound.seek(0)
        mean = np.concatenate([block[:, loudest] for block in _blocks(sound, n_most)])[: len(mean)]
    return mean, broken


def _mean_of(sound: Any, n_most: int) -> tuple[Mono, Mono, bool]:
    means, energy, broken = [np.zeros(0)], np.zeros(sound.channels), False
    try:
        for block in _blocks(sound, n_most):
            means.append(block.mean(axis=1))
            energy += np.sum(np.nan_to_num(block) ** 2, axis=0)
    except soundfile.LibsndfileError:
        # What was read so far is sound; that the rest is missing is said by the caller.
        broken = True
    return np.concatenate(means), energy, broken


def _blocks(sound: Any, n_most: int) -> Any:
    left = n_most
    while left > 0:
        block = sound.read(min(left, BLOCK), always_2d=True)
        if not len(block):
            return
        left -= len(block)
        yield block


def _length_remarks(
    file: io.BufferedReader, n_times: int, declared: int, rate: int, broken: bool
) -> list[str]:
    seconds = n_times / rate
    if seconds < SHORTEST_S:
        raise FormatError(
            f"The song lasts {seconds:.2f} s, at least {SHORTEST_S:g} s are needed.", ANOTHER
        )
    if n_times >= round(LONGEST_S * rate):
        if declared == n_times:
            return []
        return [f"The song is long: its first {LONGEST_S / 60:g} minutes are used."]
    if broken or n_times < declared < 2**62 or _cut_off(file):
        return [f"The song's file is cut off: the {seconds:.0f} s that are there are used."]
    return []


def _cut_off(file: io.BufferedReader) -> bool:
    """Tell whether a WAV is shorter than it says; libsndfile takes such a one as it is."""
    file.seek(0)
    head = file.read(8)
    length = int.from_bytes(head[4:], "little")
    if head[:4] != b"RIFF" or length in ENDLESS:
        return False
    return os.fstat(file.fileno()).st_size + 1 < 8 + length


def _checked(samples: Mono, rate: int) -> Mono:
    """Return the samples with peak 1 and no offset, if there is something to be heard."""
    wrong = int(np.sum(~np.isfinite(samples)))
    if wrong:
        raise FormatError(
            f"{wrong} of the song's {len(samples)} samples are no numbers.",
            "Save it again from the program that made it.",
        )
    offset = float(samples.mean())
    samples = samples - offset
    peak = float(np.abs(samples).max())
    if peak < SILENT:
        what = f"constant ({offset:.3g})" if abs(offset) > SILENT else "silent"
        raise FormatError(
            f"The song is {what} over {len(samples) / rate:.0f} s: its peak is {peak:.1e}, "
            f"at least {SILENT:g} is needed.",
            ANOTHER,
        )
    return np.asarray(samples / peak)


def _flat_tops(samples: Mono) -> float:
    """Return the share of samples that lie within flat tops of three or more."""
    high = np.abs(samples) > 0.98
    flat = high[1:] & (np.abs(np.diff(samples)) < 1e-3)
    tops = flat[1:] & flat[:-1]
    return float(np.mean(tops))


def _resampled(samples: Mono, rate: int) -> Mono:
    if rate == RATE:
        return samples
    try:
        import soxr  # noqa: PLC0415 - comes with librosa, of the extra
    except ImportError:
        raise missing("soxr") from None
    return np.asarray(soxr.resample(samples, rate, RATE, "HQ"))


def flac(samples: npt.NDArray[np.float64], rate: int) -> bytes:
    """Return the bytes of a FLAC file of 16 bits.

    Parameters
    ----------
    samples : array of shape (n_times, n_channels)
        Within ±1.
    rate : int
        Frames per second.
    """
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def wav(samples: npt.NDArray[np.float32], rate: int) -> bytes:
    """Return the bytes of a WAV file of 16 bits.

    Parameters
    ----------
    samples : array of shape (n_times,)
        Within ±1.
    rate : int
        Frames per second.
    """
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def keep(data: bytes, path: Path) -> None:
    """Write a personal file so that it is there whole or not at all, for its owner alone.

    Raises
    ------
    UsageError
        If it cannot be written; what was there before is still there.
    """
    part = path.with_name(path.name + ".part")
    try:
        part.unlink(missing_ok=True)
        _write(data, part)
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise UsageError(
            f"Nothing can be kept beside the memory: {error.strerror}.",
            "Make room, or make the folder writable.",
        ) from None


def _write(data: bytes, path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)

"""MP4 of a bounce: pictures go to ffmpeg one by one, the sound is that of the FLAC (adapter)."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from rym.errors import DeviceError

from .sound import cannot

WIDTH, HEIGHT, FPS = 1280, 720, 25
CRF = 20
"""Quality of H.264, 0 to 51: at 20 nobody tells it from the pictures themselves."""
PATIENCE = 600.0
"""Seconds after which an ffmpeg that was given everything and does not end is given up."""


class Video:
    """H.264 and AAC, under its name once it is whole.

    Parameters
    ----------
    path : Path
        Replaced where it exists.
    sound : Path
        FLAC file that is heard with it.

    Raises
    ------
    DeviceError
        If there is no ffmpeg, or it cannot do it, as by every other method.
    """

    def __init__(self, path: Path, sound: Path) -> None:
        program = shutil.which("ffmpeg")
        if program is None:
            raise DeviceError(
                f"There is no ffmpeg on this machine, so {path.name} was not made.",
                "Install ffmpeg and give the same command again; the sound is there.",
            )
        self.path = path
        self._part = path.with_name(f"{path.name}.part")
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        self._process = subprocess.Popen(
            [program, *_words(sound), "-y", str(self._part)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
        )

    def write(self, picture: bytes) -> None:
        """Append one picture: `WIDTH` × `HEIGHT` pixels of red, green and blue, a byte each."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(picture)
        except OSError:
            raise self._failed() from None

    def keep(self) -> None:
        """End the file and give it its name."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except OSError:
            raise self._failed() from None
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise self._failed() from None
        if code:
            raise self._failed()
        self._said.close()
        self._part.chmod(0o600)
        self._part.replace(self.path)

    def give_up(self) -> None:
        """Leave nothing behind."""
        self._process.kill()
        self._process.wait()
        self._said.close()
        self._part.unlink(missing_ok=True)

    def _failed(self) -> DeviceError:
        """Return what ffmpeg said last."""
        self._process.kill()
        code = self._process.wait()
        self._said.seek(0)
        rows = self._said.read().decode(errors="replace").strip().splitlines()
        self._part.unlink(missing_ok=True)
        return cannot(self.path, (rows or [f"ffmpeg ended with {code}"])[-1].rstrip("."))


def _words(sound: Path) -> list[str]:
    """Return ffmpeg's words, from what comes in to what goes out."""
    pictures = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(FPS)]
    # Said with the matrix that players take for granted at this size; else colours shift.
    colours = ["-vf", "scale=out_color_matrix=bt709:out_range=tv", "-colorspace", "bt709"]
    colours += ["-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"]
    return [
        *("-hide_banner", "-loglevel", "error", "-nostdin"),
        *pictures, "-i", "pipe:0", "-i", str(sound),
        *("-map", "0:v", "-map", "1:a"), *colours,
        *("-c:v", "libx264", "-preset", "veryfast", "-crf", str(CRF), "-pix_fmt", "yuv420p"),
        *("-c:a", "aac", "-b:a", "256k", "-movflags", "+faststart", "-f", "mp4"),
    ]  # fmt: skip

"""Music by MusicGen-melody, through audiocraft in an environment of its own.

audiocraft asks for a torch that CEBRA excludes, so `audiocraft_worker.py` runs under another Python
as a child: orders go down its standard input, never its command line, which others may read.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import re
import shutil
import subprocess
import tempfile
import threading
import wave
import weakref
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np
import numpy.typing as npt

from rym.bank import Maker
from rym.clock import Clock
from rym.errors import DeviceError, FormatError

from ..drafts import Draft, Guide, Place, Prompter
from ..settings import Audiocraft
from ..sound.mastering import Stereo
from . import clips

log = logging.getLogger("bank")

WORKER = Path(__file__).with_name("audiocraft_worker.py")
GRACE_S = 5.0
"""How long the child may take to end, in seconds."""
STARTS = 2
"""How often a child is started for one clip: a crash is forgiven once."""
ENVIRONMENT = (
    "Make an environment with Python 3.9 to 3.11 and audiocraft 1.3 in it (docs/bank.md), and set "
    "music.python to its Python."
)


class AudiocraftMusician:
    """Makes clips with audiocraft; its child lives as long as it does."""

    def __init__(self, chosen: Audiocraft, guide: Guide, prompter: Prompter) -> None:
        python = shutil.which(chosen.python) if chosen.python else None
        if python is None:
            raise DeviceError(
                "Music by audiocraft needs a Python that has it; "
                + (f"{Path(chosen.python).name} is none." if chosen.python else "none is named."),
                ENVIRONMENT,
            )
        name = Path(chosen.model).name if Path(chosen.model).exists() else chosen.model
        clips.warn_licence(name, chosen.licence)
        # The child runs in a folder of its own, where relative paths lead elsewhere. Links stay: an
        # environment's Python is one.
        folder = Path(chosen.model)
        chosen = msgspec.structs.replace(
            chosen,
            python=str(Path(python).absolute()),
            model=str(folder.absolute()) if folder.is_dir() else chosen.model,
        )
        self._chosen, self._score = chosen, clips.Score(guide, prompter)
        self._child: Child | None = None
        self.maker = Maker(backend="audiocraft", model=name, licence=chosen.licence)

    def play(self, place: Place, take: int) -> Draft:
        """Make one clip (`Musician`)."""
        return clips.play(self._make, self._chosen, self._score, place, take)

    def seconds(self, clock: Clock) -> float:
        """Return about how long one clip takes here (`Slow`)."""
        return clips.seconds(self._make, self._score, clock)

    def close(self) -> None:
        """End the child; the next clip starts another."""
        if self._child is not None:
            self._child.close()
        self._child = None

    def _make(self, order: clips.Order) -> Stereo:
        for start in range(STARTS):
            if self._child is None:
                self._child = Child(self._chosen)
            try:
                return self._child.make(order)
            except ChildLostError as lost:
                self.close()
                if start + 1 == STARTS:
                    raise DeviceError(
                        f"audiocraft ended twice over one clip{lost.said}.",
                        "Close other programs if memory is short, or take a smaller model.",
                    ) from None
            except DeviceError:
                self.close()
                raise
        raise AssertionError


class ChildLostError(Exception):
    """The child ended without an answer."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


class Child:
    """One running worker, and the folder in which sound is handed over.

    Raises
    ------
    DeviceError
        If audiocraft or its weights do not load there.
    """

    def __init__(self, chosen: Audiocraft) -> None:
        self._chosen = chosen
        self._folder = tempfile.TemporaryDirectory(prefix="rym-")
        self._process = _started(chosen, self._folder)
        self.close = weakref.finalize(self, _end, self._process, self._folder)
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._last: list[str] = [""]
        self._prompts: list[str] = []
        for target, pipe in ((_each, self._process.stdout), (_latest, self._process.stderr)):
            kept = self._answers if target is _each else self._last
            self._reader = threading.Thread(target=target, args=(pipe, kept), daemon=True)
            self._reader.start()
        self._orders = 0
        self._begin()

    def _begin(self) -> None:
        chosen = self._chosen
        try:
            ready = self._ask(
                model=chosen.model,
                folder=self._folder.name,
                guidance=chosen.guidance,
                download=chosen.download,
            )
        except ChildLostError as lost:
            self.close()
            raise DeviceError(f"audiocraft did not start{lost.said}.", ENVIRONMENT) from None
        if ready.get("ready") is not True:
            self.close()
            raise DeviceError(*_not_ready(ready, chosen))
        log.info("audiocraft %s is ready, torch %s, Python %s.",
                 *(str(ready.get(x)) for x in ("audiocraft", "torch", "python")))  # fmt: skip

    def make(self, order: clips.Order) -> Stereo:
        """Have one clip made.

        Raises
        ------
        ChildLostError
            If the child ends meanwhile.
        DeviceError
            If it does not answer in time, or with something else.
        FormatError
            If it could not make this clip.
        """
        self._orders += 1
        self._prompts.append(order.prompt)
        folder = Path(self._folder.name)
        guide = folder / f"{self._orders}.wav"
        _write(guide, order.guide, order.rate)
        answer = self._ask(
            id=self._orders,
            prompt=order.prompt,
            guide=str(guide),
            seconds=order.seconds,
            seed=order.seed,
        )
        guide.unlink()
        if "error" in answer:
            raise FormatError(
                f"audiocraft could not make the clip: {_kind(answer['error'])}{self._said()}.",
                "Look at the environment that music.python names.",
            )
        made = folder / f"{self._orders}-made.wav"
        if answer.get("id") != self._orders or not made.is_file():
            raise _strange()
        sound, rate = _read(made)
        made.unlink()
        return clips.stereo(sound, rate, order.rate)

    def _ask(self, **question: object) -> dict[str, Any]:
        """Return the answer to one line."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise self._lost() from None
        try:
            line = self._answers.get(timeout=self._chosen.timeout)
        except queue.Empty:
            self.close()
            raise DeviceError(
                f"audiocraft gave no answer within {self._chosen.timeout:g} s.",
                "Raise music.timeout, or use a machine with a GPU.",
            ) from None
        if line is None:
            raise self._lost()
        try:
            answer = json.loads(line)
        except ValueError:
            raise _strange() from None
        if not isinstance(answer, dict):
            raise _strange()
        return answer

    def _lost(self) -> ChildLostError:
        # What it said last may still be on its way, though its answers have ended.
        self._reader.join(GRACE_S)
        return ChildLostError(self._said())

    def _said(self) -> str:
        """Return what stands before the first colon of the child's last line on standard error.

        That is the kind of an error; what follows may quote a path or a prompt. Escaped and foreign
        letters, and words of a prompt, may be the person's and are not told.
        """
        line = self._last[0].partition(":")[0].strip()
        words = {word for text in self._prompts for word in re.findall(r"\w{3,}", text.casefold())}
        if (
            not line
            or not (line.isascii() and line.isprintable())
            or "\\" in line
            or words & set(re.findall(r"\w{3,}", line.casefold()))
        ):
            return ""
        return f" ({line[:200]})"


def _started(chosen: Audiocraft, folder: tempfile.TemporaryDirectory[str]) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            [chosen.python, str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            cwd=folder.name,
            env=_environment(chosen.download),
        )
    except OSError as error:
        folder.cleanup()
        raise DeviceError(
            f"music.python names {Path(chosen.python).name}, which does not start "
            f"({type(error).__name__}).",
            ENVIRONMENT,
        ) from None


def _strange() -> DeviceError:
    return DeviceError(
        "music.python answered with something that is no answer of RYM's worker.", ENVIRONMENT
    )


def _not_ready(ready: dict[str, Any], chosen: Audiocraft) -> tuple[str, str]:
    """Return the sentence and the remedy where the model did not load."""
    missing = ready.get("missing")
    if isinstance(missing, str):
        return f"The environment of music.python lacks {_kind(missing)}.", ENVIRONMENT
    remedy = (
        f"Read its licence ({chosen.licence}), then set music.download = true to fetch it "
        "(several GB), or set music.model to a local folder."
    )
    return f"audiocraft's model does not load: {_kind(ready.get('error'))}.", remedy


def _kind(name: object) -> str:
    """Return a name of a Python class or module, and nothing else that might be written there."""
    return name if isinstance(name, str) and re.fullmatch(r"[\w.]{1,60}", name) else "unknown"


def _environment(download: bool) -> dict[str, str]:
    """Return the child's environment: no key of ours, and the hub's only where it is asked."""
    offline = {} if download else {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    held_back = () if download else ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_HUB_TOKEN")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("RYM_") and name not in held_back
    }
    return {**kept, **offline, "PYTHONUNBUFFERED": "1"}


def _each(pipe: IO[str], into: queue.Queue[str | None]) -> None:
    # A child of the child may hold the pipe open: whoever reads closes it, nobody waits for that.
    with pipe:
        for line in pipe:
            into.put(line)
    into.put(None)


def _latest(pipe: IO[str], into: list[str]) -> None:
    with pipe:
        for line in pipe:
            into[0] = line if line.strip() else into[0]


def _end(process: subprocess.Popen[str], folder: tempfile.TemporaryDirectory[str]) -> None:
    """End the child and clear its folder; the guide in it is made of the person's song."""
    process.kill()
    process.wait(GRACE_S)
    assert process.stdin is not None
    # What was still to be written has nobody to read it any more.
    with contextlib.suppress(OSError):
        process.stdin.close()
    folder.cleanup()


def _write(path: Path, sound: Stereo, rate: int) -> None:
    steps = np.round(np.clip(sound, -1, 1) * (2**15 - 1)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(sound.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(steps.tobytes())


def _read(path: Path) -> tuple[npt.NDArray[np.float64], int]:
    """Return a 16-bit WAV as an array of shape (n_channels, n_times), and its rate."""
    with wave.open(str(path), "rb") as file:
        channels, rate = file.getnchannels(), file.getframerate()
        steps = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return steps.reshape(-1, channels).T / 2**15, rate

"""Training during a session: a process of its own, so that what plays is not disturbed."""

from __future__ import annotations

import asyncio
import sys

import msgspec

from rym.clock import Clock
from rym.errors import RymError

from ..after.trained import Trained
from ..folder import Folder
from .parts import spawn

NEUTRAL = "The music stays neutral; train afterwards with `rym train`."


class _Refusal(msgspec.Struct):
    error: str
    remedy: str


async def train(folder: Folder, clock: Clock, *, within: float, stopping: asyncio.Event) -> Trained:
    """Fit a model to the calibration that the folder holds so far.

    Parameters
    ----------
    folder : Folder
        The running session's; its `model` is written.
    clock : Clock
        Counts the seconds.
    within : float
        Seconds after which training is given up.
    stopping : asyncio.Event
        Set where the session comes to its end: training is given up at once.

    Raises
    ------
    RymError
        If it fails, takes too long, or is given up; the music stays neutral then.
    """
    command = [sys.executable, "-m", "session.after.training", "--session", str(folder.path)]
    answer = folder.logs / "training.json"
    with (folder.logs / "training.log").open("ab") as errors, answer.open("wb") as out:
        process = spawn([*command, "--json"], stderr=errors, stdout=out.fileno())
    give_up = clock.now() + within
    while process.poll() is None and clock.now() < give_up and not stopping.is_set():
        await clock.sleep_until(clock.now() + 0.05)
    if process.poll() is None:
        process.kill()
        process.wait()
        if stopping.is_set():
            raise RymError("Training was given up, since the session was ended.", NEUTRAL)
        raise RymError(f"Training did not end within {within:.0f} s.", NEUTRAL)
    said = answer.read_bytes().splitlines()
    if process.returncode not in (0, 3):  # 3: not distinguishable from chance, an outcome
        if not said:
            raise RymError(f"Training ended with code {process.returncode}.", NEUTRAL)
        refusal = msgspec.json.decode(said[-1], type=_Refusal)
        raise RymError(f"There is no model: {refusal.error}", refusal.remedy)
    return msgspec.json.decode(said[-1], type=Trained)

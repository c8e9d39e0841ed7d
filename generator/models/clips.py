"""What every model for music is asked, and what becomes of its answer."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from scipy import signal

from rym.clock import Clock
from rym.errors import DeviceError, FormatError
from rym.messages import AFFECTS

from ..drafts import Draft, Guide, Place, Prompter
from ..music.composition import BEATS
from ..sound.bars import Limits, to_ending, to_grid
from ..sound.mastering import Stereo

log = logging.getLogger("bank")

SLOW_LAG = 0.06
"""Seconds by which onsets with a slow attack may be late."""


PROBED_S = 2.0
"""Seconds of a clip by which the time for a whole one is told."""


class Bounds(Protocol):
    """The settings by which clips are taken or refused."""

    @property
    def tries(self) -> int: ...  # noqa: D102
    @property
    def max_stretch(self) -> float: ...  # noqa: D102
    @property
    def max_drift(self) -> float: ...  # noqa: D102
    @property
    def max_lag(self) -> float: ...  # noqa: D102
    @property
    def min_fit(self) -> float: ...  # noqa: D102


class Order(NamedTuple):
    """One clip that a model is to make."""

    prompt: str
    guide: Stereo
    """What the clip should follow, from its first sample to its last."""
    rate: int
    """Frames per second of the guide."""
    bpm: float
    key: str
    seed: int

    @property
    def seconds(self) -> float:
        """How long the clip should be."""
        return len(self.guide) / self.rate


Make = Callable[[Order], Stereo]
"""Makes a clip of the order's rate; raises FormatError if this one cannot be used."""


class Score(NamedTuple):
    """What a clip goes by."""

    guide: Guide
    """The same bars from notes."""
    prompter: Prompter
    """Gives the words."""


def play(make: Make, bounds: Bounds, score: Score, place: Place, take: int) -> Draft:
    """Have a clip made and put on the guide's grid, again with other draws where it does not fit.

    Parameters
    ----------
    make : callable
        The model.
    bounds : Bounds
        How often, and how far a clip may be off.
    score : Score
        Guide and words.
    place : Place
        Which clip.
    take : int
        Another number draws otherwise.

    Returns
    -------
    Draft
        Of exactly the guide's length and grid; without notes, which nobody knows.

    Raises
    ------
    FormatError
        If none of the tries could be used; each one's fault is named.
    """
    led = score.guide.play(place, 0)
    limits = Limits(
        bounds.max_stretch,
        bounds.max_drift,
        max(bounds.max_lag, SLOW_LAG) if led.slow_attack else bounds.max_lag,
        bounds.min_fit,
    )
    shaped = to_ending if place.kind == "ending" else to_grid
    faults = []
    for number in range(bounds.tries):
        seed = draw(score.guide.piece.seed, place, take, number)
        prompt = score.prompter.prompt(place.affect, "sound", place.section)
        order, lead = _order(led, place, limits, prompt, seed)
        try:
            laid = shaped(make(order), led.sound, led.grid, limits, lead=lead)
        except FormatError as error:
            faults.append(error.error)
            continue
        return led._replace(
            sound=laid.sound, performed=None, mode="", seed=seed, notes=(), refrains=()
        )
    raise FormatError(
        f"No usable {place.affect} clip for section {place.section} came out of "
        f"{bounds.tries} tries: " + " ".join(dict.fromkeys(faults)),
        "Raise tries, or take the procedural music for it.",
        faults=faults,
    )


def seconds(make: Make, score: Score, clock: Clock) -> float:
    """Return about how long the model takes for one clip here, from two seconds of one.

    Parameters
    ----------
    make : callable
        The model, loaded.
    score : Score
        Guide and words.
    clock : Clock
        By which it is timed.
    """
    place = Place(0, 0, "neutral")
    led = score.guide.play(place, 0)
    prompt = score.prompter.prompt(place.affect, "sound", place.section)
    order, _ = _order(led, place, Limits(), prompt, 0)
    part = order._replace(guide=order.guide[: round(PROBED_S * order.rate)])
    began = clock.now()
    make(part)
    return (clock.now() - began) * order.seconds / part.seconds


def draw(seed: int, place: Place, take: int, number: int) -> int:
    """Return the seed of one try, below 2³¹; neighbours do not shift it."""
    where = (place.section, place.variant, AFFECTS.index(place.affect), place.kind == "ending")
    state = np.random.SeedSequence([seed, *map(int, where), take, number]).generate_state(1)
    return int(state[0] >> 1)


def _order(led: Draft, place: Place, limits: Limits, prompt: str, seed: int) -> tuple[Order, int]:
    """Return what is asked of the model, and how many samples come before the first bar.

    The bar that comes before, and one after, so that tempo and place may be a little off, and the
    loop can be closed with what really followed.
    """
    bar, n = led.grid.at(BEATS), len(led.sound)
    room = 1 + limits.stretch
    lead = round(bar * room)
    at = np.arange(round((n + 2 * bar) * room)) - bar
    if place.kind == "ending":
        at = np.clip(np.where(at < 0, at % bar, at), 0, n)
        extended = np.concatenate([led.sound, np.zeros((1, 2))])[at]
    else:
        extended = led.sound[at % n]
    order = Order(prompt, extended, led.grid.rate, led.grid.bpm, led.key, seed)
    return order, lead


def resampled(sound: npt.NDArray[np.floating], rate: int, to: int) -> npt.NDArray[np.float64]:
    """Return a sound at another rate.

    Parameters
    ----------
    sound : array of shape (n_times, …)
    rate, to : int
        Frames per second, as is and as wished.
    """
    if rate == to:
        return np.asarray(sound, np.float64)
    common = int(np.gcd(rate, to))
    return np.asarray(
        signal.resample_poly(np.asarray(sound, np.float64), to // common, rate // common, axis=0)
    )


def stereo(channels: npt.NDArray[np.floating], rate: int, to: int) -> Stereo:
    """Return what a model made, array of shape (1 or 2, n_times), as a clip.

    Raises
    ------
    FormatError
        If it has another shape or anything in it is not a number.
    """
    if channels.ndim != 2 or len(channels) not in (1, 2) or not np.all(np.isfinite(channels)):
        raise FormatError(
            f"The model's answer has shape {channels.shape} or is not all numbers, "
            "expected 1 or 2 channels.",
            "Choose another model.",
        )
    both = np.repeat(channels, 2, axis=0) if len(channels) == 1 else channels
    return np.ascontiguousarray(resampled(both.T, rate, to))


@contextlib.contextmanager
def fitting() -> Iterator[None]:
    """Turn a GPU's lack of memory into a sentence.

    Raises
    ------
    DeviceError
        If a clip does not fit.
    """
    import torch  # noqa: PLC0415

    try:
        yield
    except torch.OutOfMemoryError:
        raise DeviceError(
            "A clip does not fit into the GPU's memory.",
            "Close other programs on the GPU, take a smaller model, or set device = 'cpu' in the "
            "settings of the music.",
        ) from None


_warned: set[str] = set()


def warn_licence(name: str, licence: str) -> None:
    """Say once per process that clips of a model may not be used commercially."""
    if "NC" not in licence.upper().split("-") or name in _warned:
        return
    _warned.add(name)
    log.warning(
        "LICENCE: the weights of %s are %s. Paid therapy may be commercial use, and so may every "
        "clip made with them. The procedural music and ACE-Step are free of this.",
        name,
        licence,
    )

"""A simulated person who wears an Enobio or a Muse: pure, seeded, and the same in any chunks.

Nothing here is a finding about people. The person exists so that the whole line can be run, scored
and broken with a truth that is known: what is felt when, how strongly it shows in the EEG (down to
not at all), which keys are pressed, and whether the music that is heard acts back.

The signal is made in blocks that are fixed on the sample counter, and what the person does is drawn
from generators of its own, so that neither chunks nor settings of one part move another part's
random numbers. A phase and what is audible take effect at the next block, after 100 samples at the
latest.
"""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from rym.messages import AFFECTS, Affect, LabelState

from .devices import DEVICES, DeviceName
from .head import (
    BLOCK,
    N_DRIVES,
    SimulatedHead,
    drive_weights,
    motion_count,
    turned_weights,
)

STATE_SECONDS = (12.0, 20.0)
KEY_SECONDS = (0.3, 1.0)
DRIFT_SECONDS = 1200.0
"""Seconds of feedback in which the signature turns by `drift` degrees."""


class SimulatedSource(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="simulated"
):
    """Settings of the simulated person."""

    device: DeviceName = "enobio20"
    """What the person wears, see `stream.simulated.devices`. Strengths were set with the Enobio 20.
    """
    strength: float = 1.0
    """How strongly a state shows, 0 not at all, 1 so that one row is read with accuracy 0.90."""
    coupling: float = 0.3
    """How far the music acts back on the person in feedback: 0 deaf, 1 runaway."""
    seed: int = 1
    """Everything about this person follows from it."""
    hand: Literal["same", "opposite", "none"] = "same"
    """`same`: one hand holds every key, so that the hand says nothing about the state.
    `opposite`: left for positive, right for the others; a confound on purpose. `none`: no trace."""
    wrong_keys: float = 0.05
    """Share of states that are reported with a wrong key, 0…1."""
    drift: float = 0.0
    """Degrees by which the states' traces turn in the space of log band powers in 20 minutes of
    feedback, steadily; after 90 none has anything in common with what it was. The traces keep their
    size, and their likeness to one another."""
    drift_new: float = 0.0
    """Share of what the traces turn to that lies where no state has shown before, 0…1. At 0 they
    move among one another, which a memory that learns can follow; at 1 to where an encoder that was
    trained before has never had to look."""

    def __post_init__(self) -> None:
        """Refuse values without a meaning."""
        for name in ("coupling", "wrong_keys", "drift_new"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}, allowed is 0 to 1.")
        if not 0 <= self.strength <= 5:
            raise ValueError(f"strength is {self.strength}, allowed is 0 to 5.")
        if not 0 <= self.drift <= 360:
            raise ValueError(f"drift is {self.drift}, allowed is 0 to 360.")


class Felt(msgspec.Struct, frozen=True):
    """From this sample on the person feels this."""

    sample: int
    state: Affect


class Key(msgspec.Struct, frozen=True):
    """At this sample the person holds this key; `none` is letting go."""

    sample: int
    state: LabelState


class Chunk(msgspec.Struct, frozen=True, eq=False):
    """What the person gives off in some samples; events lie within them."""

    first: int
    """Counts samples since the person's beginning."""
    samples: npt.NDArray[np.float32]
    """Array of shape (n_times, n_channels), µV, in the device's order."""
    motion: npt.NDArray[np.float32]
    """Array of shape (n_motion, 3), mm/s², at the device's rate."""
    motion_at: npt.NDArray[np.int64]
    """Array of shape (n_motion,): samples from `first` on at which it was measured."""
    felt: tuple[Felt, ...]
    keys: tuple[Key, ...]


class SimulatedPerson:
    """A person with a state, a hand, ears and an amplifier.

    Parameters
    ----------
    settings : SimulatedSource
        How this person behaves.
    rng : numpy.random.Generator, optional
        Where its random numbers come from; by default made from the settings' seed.
    """

    def __init__(self, settings: SimulatedSource, rng: np.random.Generator | None = None) -> None:
        rng = np.random.default_rng(settings.seed) if rng is None else rng
        mind, head = rng.spawn(2)
        self.device = DEVICES[settings.device]
        self._mind = _Mind(settings, mind, self.device.rate)
        weights = drive_weights(settings.strength, settings.coupling, self.device.electrodes)
        if settings.drift:
            # Not columns of zeros without: they would alter the last bits of every sum.
            (own,) = rng.spawn(1)
            where = self.device.electrodes
            turned = turned_weights(settings.strength, settings.drift_new, own, where)
            weights = np.column_stack([weights, turned])
        self._head = SimulatedHead(weights, head, self.device)
        self._sample = 0
        self._block = np.empty((0, len(self.device.channels)), np.float32)
        self._motion = np.empty((0, 3), np.float32)
        self._events: list[Felt | Key] = []

    def advance(self, n_samples: int, *, audible: Affect | None, phase: str) -> Chunk:
        """Live on for some samples.

        Parameters
        ----------
        n_samples : int
            How many samples to give, at the device's rate.
        audible : {'negative', 'neutral', 'positive'} or None
            What is heard now; None is silence.
        phase : str
            The session's phase. In `calibration` and `feedback` states come and go and keys are
            held; in any other the person is neutral and holds no key.

        Returns
        -------
        Chunk
            The samples, and what happened within them.
        """
        first, end = self._sample, self._sample + n_samples
        parts, motions = [self._left(first)], [self._left_motion(first)]
        for start in range(_up(first, BLOCK) * BLOCK, end, BLOCK):
            drive, events = self._mind.block(start, audible, phase)
            self._block, self._motion = self._head.block(start, drive)
            self._events += events
            parts.append(self._block)
            motions.append(self._motion)
        self._sample = end
        due = [event for event in self._events if event.sample < end]
        self._events = [event for event in self._events if event.sample >= end]
        moved = np.arange(motion_count(first, self.device), motion_count(end, self.device))
        measured = moved * self.device.rate // self.device.motion_rate
        return Chunk(
            first=first,
            samples=np.concatenate(parts)[:n_samples],
            motion=np.concatenate(motions)[: len(moved)],
            motion_at=measured - first,
            felt=tuple(event for event in due if isinstance(event, Felt)),
            keys=tuple(event for event in due if isinstance(event, Key)),
        )

    def _left(self, first: int) -> npt.NDArray[np.float32]:
        """Return what the newest block still holds from this sample on."""
        return self._block[first % BLOCK :] if first % BLOCK else self._block[:0]

    def _left_motion(self, first: int) -> npt.NDArray[np.float32]:
        """Return the motion that the newest block still holds from this sample on."""
        begin = first - first % BLOCK
        held = motion_count(first, self.device) - motion_count(begin, self.device)
        return self._motion[held:] if first % BLOCK else self._motion[:0]


def _up(n: int, unit: int) -> int:
    """Return how many units hold n."""
    return -(-n // unit)


class _Mind:
    """What the person feels, presses and hears; gives the drives of one block at a time."""

    def __init__(self, settings: SimulatedSource, rng: np.random.Generator, rate: int) -> None:
        self._settings = settings
        self._rate = rate
        self._rng = rng
        self._phase = ""
        self._state: Affect = "neutral"
        self._held: LabelState = "none"
        self._order: list[Affect] = []
        self._change: int | None = None
        self._key: Key | None = None
        self._begun = False
        self._fed_back = 0
        """Samples of feedback until now."""

    def block(
        self, first: int, audible: Affect | None, phase: str
    ) -> tuple[npt.NDArray[np.float64], list[Felt | Key]]:
        """Return the drives, shape (n, BLOCK), and the events of the block that begins here."""
        drive = np.zeros((N_DRIVES, BLOCK))
        events: list[Felt | Key] = []
        if phase != self._phase or not self._begun:
            events += self._enter(first, phase)
        if audible is not None:
            drive[5 + AFFECTS.index(audible)] = 1.0
        at = first
        while at < first + BLOCK:
            events += self._happen(at, audible)
            until = first + BLOCK if self._change is None else min(self._change, first + BLOCK)
            until = until if self._key is None else min(self._key.sample, until)
            drive[AFFECTS.index(self._state), at - first : until - first] = 1.0
            if self._held != "none" and self._settings.hand != "none":
                left = self._settings.hand == "opposite" and self._held == "positive"
                drive[3 if left else 4, at - first : until - first] = 1.0
            at = until
        return self._turned(drive), events

    def _turned(self, drive: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the drives with what is felt dealt out to the signature and where it turns to."""
        if not self._settings.drift:
            return drive
        fed_back = self._fed_back + (np.arange(BLOCK) if self._phase == "feedback" else 0)
        if self._phase == "feedback":
            self._fed_back += BLOCK
        angle = np.radians(self._settings.drift) * fed_back / (DRIFT_SECONDS * self._rate)
        felt = drive[: len(AFFECTS)]
        return np.vstack([np.cos(angle) * felt, drive[len(AFFECTS) :], np.sin(angle) * felt])

    def _enter(self, first: int, phase: str) -> list[Felt | Key]:
        """Begin with states and keys, or stop with them, as the phase asks."""
        events: list[Felt | Key] = []
        self._phase = phase
        self._key = None
        self._order.clear()
        if self._held != "none":
            self._held = "none"
            events.append(Key(first, "none"))
        active = phase in ("calibration", "feedback")
        self._change = first if active else None
        if not active and (self._state != "neutral" or not self._begun):
            self._state = "neutral"
            events.append(Felt(first, "neutral"))
        self._begun = True
        return events

    def _happen(self, at: int, audible: Affect | None) -> list[Felt | Key]:
        """Carry out what is due at this sample."""
        events: list[Felt | Key] = []
        if self._change == at:
            events += self._next_state(at, audible)
        if self._key is not None and self._key.sample == at:
            self._held = self._key.state
            events.append(self._key)
            self._key = None
        return events

    def _next_state(self, at: int, audible: Affect | None) -> list[Felt | Key]:
        """Draw the next state; every number is drawn whether it is used or not."""
        pull, slip = self._rng.random(2)
        last = None if self._held == "none" and self._key is None else self._state
        state = self._own_state(last)
        if self._phase == "feedback" and audible is not None and pull < self._settings.coupling:
            state = audible
        self._change = at + round(float(self._rng.uniform(*STATE_SECONDS)) * self._rate)
        late = round(float(self._rng.uniform(*KEY_SECONDS)) * self._rate)
        others = [affect for affect in AFFECTS if affect != state]
        wrong = others[int(self._rng.integers(2))]
        if state == last:
            return []
        self._state = state
        self._key = Key(at + late, wrong if slip < self._settings.wrong_keys else state)
        return [Felt(at, state)]

    def _own_state(self, last: Affect | None) -> Affect:
        """Return what the person would feel next without music.

        Three states in a row hold each affect once as long as no music interferes: drawn freely, a
        calibration of five states would lack an affect in one run of eight.
        """
        if all(affect == last for affect in self._order):
            self._order += [AFFECTS[i] for i in self._rng.permutation(3)]
        chosen = next(affect for affect in self._order if affect != last)
        self._order.remove(chosen)
        return chosen

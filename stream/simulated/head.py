"""The EEG of a simulated head: background, rhythms, artefacts and electrodes.

What moves the spectrum comes in as *drives* (what is felt, which hand holds a key, what is heard);
this file says only where and how strongly each shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from rym.messages import AFFECTS, Affect

from ..montage import ENOBIO20
from ..signal.positions import position
from .devices import Device

RATE = 500.0
"""Samples per second of the Enobio, with which the background's level was set."""
BLOCK = 100
"""Samples of one block."""

N_DRIVES = 8
"""What moves the spectrum: three felt states, two hands, three audible affects. Someone whose
signature turns has three more: the felt states again, as they will show after a quarter turn."""

SCALP = ENOBIO20[:-1]
"""The electrodes for which signatures are written down; others take theirs from what is near."""
BANDS: dict[str, tuple[float, float]] = {
    "delta": (1.0, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 13.0),
    "beta": (13.0, 30.0),
    "gamma": (30.0, 45.0),
}

ANGLES: dict[str, tuple[int, int]] = {
    "Cz": (0, 0),
    "C3": (45, 180),
    "C4": (45, 0),
    "T7": (90, 180),
    "T8": (90, 0),
    "Fz": (45, 90),
    "F3": (60, 129),
    "F4": (60, 51),
    "F7": (90, 144),
    "F8": (90, 36),
    "Pz": (45, 270),
    "P3": (60, 231),
    "P4": (60, 309),
    "P7": (90, 216),
    "P8": (90, 324),
    "Fp1": (90, 108),
    "Fp2": (90, 72),
    "O1": (90, 252),
    "O2": (90, 288),
}
"""Where the electrodes sit on a sphere, in degrees: inclination from the vertex, azimuth from the
right ear towards the nose; the 10-20 system drawn on a sphere."""

SIGNATURE_NEPERS = 0.54
"""Shift of log band power (natural log) at strength 1 for a weight of 1 in `SIGNATURE`.

Calibrated so that the ideal observer of one row tells three equally likely states apart with
accuracy 0.90. A row is one 1 s window (Hann, linear detrend), log band power of five bands and 19
channels; rows do not overlap. As a gain shifts every row of log powers by the same vector, whatever
the noise is, the states have one covariance and the best linear rule is close to the ideal one.
Procedure: 6000 rows for each of 0.50, 0.55 and 0.60 nepers (steady states, keys held, blinks and
muscle included), linear discriminant analysis with 5-fold cross-fitting over blocks of 100 rows,
balanced accuracy, the value for 0.90 interpolated: 0.548, 0.542 and 0.533 with three seeds; the
value here is their rounded mean.
"""

SIGNATURE: dict[Affect, dict[str, dict[str, float]]] = {
    "negative": {
        "alpha": {"F3": 1, "F7": 1, "Fp1": 1, "F4": -1, "F8": -1, "Fp2": -1},
        "beta": {"T7": 1, "T8": 1, "F7": 0.5, "F8": 0.5},
    },
    "neutral": {
        "alpha": {"P3": 1, "P4": 1, "Pz": 1, "O1": 1, "O2": 1, "P7": 1, "P8": 1},
        "theta": {"Fz": -0.5, "Cz": -0.5},
    },
    "positive": {
        "alpha": {"F3": -1, "F7": -1, "Fp1": -1, "F4": 1, "F8": 1, "Fp2": 1},
        "theta": {"Fz": 1, "Cz": 1, "F3": 0.5, "F4": 0.5},
    },
}
"""Which log powers a state moves, relative to `SIGNATURE_NEPERS`: frontal alpha asymmetry, frontal
midline theta, temporal beta, posterior alpha. Plausible places, freely chosen strengths."""

HAND: dict[str, dict[str, float]] = {
    "alpha": {"C3": -0.7, "F3": -0.1, "P3": -0.1, "C4": -0.15},
    "beta": {"C3": -0.5, "F3": -0.1, "P3": -0.1, "C4": -0.1},
}
"""Shift in nepers while the right hand holds a key; the left hand's is its mirror image."""

HEARING_NEPERS = 0.15
"""Shift of temporal theta and alpha by pleasant (+) and unpleasant (−) music at coupling 1."""

FOLLOW_SECONDS = 0.1
"""Time constant with which the spectrum follows a change; 95 % after 0.3 s."""
BLINKS_PER_MINUTE = 2.0
MUSCLE_PER_MINUTE = 2.0
MAINS_HZ = 50.0
SPREAD = 0.8
"""Distance in head radii at which the background of two electrodes correlates by 1/e."""
NEIGHBOUR = 0.4
"""Distance in head radii at which an electrode's say in another one's signature falls to 1/e."""

TURNED = 1.2
"""Distance in head radii over which a turned signature is smoothed: as easy to read as the first.
One row's ideal observer (as for `SIGNATURE_NEPERS`, 900 rows) does 0.86 on the signature and, mean
of some that turned by 90° to where no state had shown, 0.97 with 0.4 radii, 0.90 with 0.9, 0.87
with 1.2, 0.86 with 1.3; where the states' patterns moved among one another, 0.84."""


def _places(electrodes: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return where electrodes sit on a sphere of radius 1, shape (n, 3)."""
    polar = np.radians(np.array([ANGLES.get(name, (0, 0)) for name in electrodes], np.float64))
    ring = np.sin(polar[:, 0])
    where = np.column_stack(
        [ring * np.cos(polar[:, 1]), ring * np.sin(polar[:, 1]), np.cos(polar[:, 0])]
    )
    for i, name in enumerate(electrodes):
        if name not in ANGLES:
            where[i] = position(name)
    return where


def distances(one: Sequence[str], other: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return the straight distances between electrodes in head radii, shape (n_one, n_other)."""
    found: npt.NDArray[np.float64] = np.linalg.norm(
        _places(one)[:, None] - _places(other)[None], axis=2
    )
    return found


def _near(electrodes: Sequence[str], *names: str, reach: float) -> npt.NDArray[np.float64]:
    """Return weights 0…1 that fall with the distance from the nearest of some names."""
    nearest = distances(electrodes, names).min(axis=1)
    weights: npt.NDArray[np.float64] = np.exp(-((nearest / reach) ** 2))
    return weights


def _table(weights: dict[str, dict[str, float]]) -> npt.NDArray[np.float64]:
    """Return (band, electrode) weights as an array of shape (5, 19), in the order of `SCALP`."""
    table = np.zeros((len(BANDS), len(SCALP)))
    for i, band in enumerate(BANDS):
        for name, weight in weights.get(band, {}).items():
            table[i, SCALP.index(name)] = weight
    return table


def _placed(table: npt.NDArray[np.float64], electrodes: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return weights of `SCALP`, shape (5, 19), for other electrodes, shape (5 n_electrodes,).

    An electrode without a weight of its own gets the mean of those near it.
    """
    shares = np.exp(-((distances(electrodes, SCALP) / NEIGHBOUR) ** 2))
    shares /= shares.sum(axis=1, keepdims=True)
    columns = [
        table[:, SCALP.index(name)] if name in SCALP else (table * share).sum(axis=1)
        for name, share in zip(electrodes, shares, strict=True)
    ]
    return np.column_stack(columns).ravel()


def _shift(
    weights: dict[str, dict[str, float]], electrodes: Sequence[str]
) -> npt.NDArray[np.float64]:
    """Return (band, electrode) weights as an array of shape (5 n_electrodes,)."""
    return _placed(_table(weights), electrodes)


def drive_weights(
    strength: float, coupling: float, electrodes: Sequence[str] = SCALP
) -> npt.NDArray[np.float64]:
    """Return the log amplitude that each drive adds, half of the log power.

    Parameters
    ----------
    strength, coupling : float
        As in the simulated person's settings.
    electrodes : sequence of str
        Names of the 10-10 system.

    Returns
    -------
    array of shape (5 n_electrodes, 8)
        Bands one after the other.
    """
    felt = [
        strength * SIGNATURE_NEPERS * _shift(SIGNATURE[affect], electrodes) for affect in AFFECTS
    ]
    mirror = str.maketrans("34", "43")
    left = {band: {n.translate(mirror): w for n, w in row.items()} for band, row in HAND.items()}
    ears = _shift({band: {"T7": 1.0, "T8": 1.0} for band in ("theta", "alpha")}, electrodes)
    heard = [coupling * HEARING_NEPERS * sign * ears for sign in (-1.0, 0.0, 1.0)]
    return 0.5 * np.column_stack(
        [*felt, _shift(left, electrodes), _shift(HAND, electrodes), *heard]
    )


def turned_weights(
    strength: float, new: float, rng: np.random.Generator, electrodes: Sequence[str] = SCALP
) -> npt.NDArray[np.float64]:
    """Return what the felt states add once the signature has turned by 90°.

    cos θ of the signature and sin θ of this is a rigid turn: every state's pattern keeps its size
    and stays as unlike the others' as it was, and after 90° has nothing in common with what it was
    itself. Two such turns, in any mixture: the states' patterns move among one another (what they
    have in common goes elsewhere), or all of them to where no state has shown before.

    Parameters
    ----------
    strength : float
        As in the simulated person's settings.
    new : float
        Share of the turned patterns' power that lies where no state has shown before, 0…1.
    rng : numpy.random.Generator
        Draws where to, and in which sense.
    electrodes : sequence of str
        Names of the 10-10 system.

    Returns
    -------
    array of shape (5 n_electrodes, 3)
        Log amplitudes, in the order of the affects.
    """
    tables = np.stack([_table(SIGNATURE[affect]) for affect in AFFECTS], axis=-1)
    near = np.exp(-((distances(SCALP, SCALP) / TURNED) ** 2))
    drawn = [_elsewhere(band, near @ rng.standard_normal((len(SCALP), 4))) for band in tables]
    patterns = np.concatenate(drawn)
    elsewhere, other = patterns[:, :3], patterns[:, 3] / np.linalg.norm(patterns[:, 3])
    sense = rng.choice([-1.0, 1.0])
    among = _exchanged(tables.reshape(-1, len(AFFECTS)), other, sense)
    turned = np.sqrt(1 - new) * among + np.sqrt(new) * elsewhere
    shaped = turned.reshape(tables.shape)
    placed = [_placed(shaped[..., i], electrodes) for i in range(len(AFFECTS))]
    return 0.5 * strength * SIGNATURE_NEPERS * np.column_stack(placed)


def _elsewhere(
    patterns: npt.NDArray[np.float64], drawn: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return patterns of one band orthogonal to some, with their lengths and angles, and one more.

    In every band as large as the signature is there. Patterns over all bands, and rougher ones, lie
    where there is less noise: the turned signature would be the easier one.

    Parameters
    ----------
    patterns : array of shape (n_electrodes, 3)
        The signature.
    drawn : array of shape (n_electrodes, 4)
        At random.

    Returns
    -------
    array of shape (n_electrodes, 4)
        The last one orthogonal to the others as well; 0 in a band without a signature.
    """
    basis, lengths = np.linalg.qr(patterns)
    other, _ = np.linalg.qr(drawn - basis @ (basis.T @ drawn))
    found: npt.NDArray[np.float64] = np.column_stack(
        [other[:, :3] @ lengths, other[:, 3] * np.linalg.norm(patterns)]
    )
    return found


def _exchanged(
    signature: npt.NDArray[np.float64], other: npt.NDArray[np.float64], sense: float
) -> npt.NDArray[np.float64]:
    """Turn the plane in which three states differ by 90° within itself.

    What they have in common has no partner in it: it turns to `other`, of length 1.
    """
    common = signature.mean(axis=1)
    left, _, _ = np.linalg.svd(signature - common[:, None], full_matrices=False)
    one, two = left[:, 0], left[:, 1]
    common = common - one * (one @ common) - two * (two @ common)
    common = common / np.linalg.norm(common)
    own = np.column_stack([one, two, common])
    turned: npt.NDArray[np.float64] = np.column_stack([sense * two, -sense * one, other]) @ (
        own.T @ signature
    )
    return turned


class _Burst(msgspec.Struct, frozen=True, kw_only=True):
    """A blink or a muscle burst: a raised cosine in time, a pattern over the scalp."""

    start: int
    n: int
    size: float
    """Height in µV; SD for a noisy one."""
    pattern: npt.NDArray[np.float64]
    noisy: bool

    def envelope(self, first: int) -> npt.NDArray[np.float64]:
        """Return its height over the block that begins at `first`, shape (BLOCK,)."""
        along = (np.arange(first, first + BLOCK) - self.start) / self.n
        inside = (along >= 0) & (along <= 1)
        return np.where(inside, self.size * np.sin(np.pi * along) ** 2, 0.0)


def motion_count(count: int, device: Device) -> int:
    """Return how many accelerometer samples are measured before EEG sample number `count`."""
    return -(-count * device.motion_rate // device.rate)


class SimulatedHead:
    """The EEG, block by block: background, rhythms, artefacts, electrodes.

    Parameters
    ----------
    weights : array of shape (5 n_electrodes, n_drives)
        From `drive_weights`, and from `turned_weights` where the signature turns.
    rng : numpy.random.Generator
        Where its random numbers come from.
    device : Device
        What it wears.
    """

    def __init__(
        self, weights: npt.NDArray[np.float64], rng: np.random.Generator, device: Device
    ) -> None:
        self._device = device
        rate, places = device.rate, device.electrodes
        self._n, self._n_channels = len(places), len(device.channels)
        fixed, self._noise, self._wax, self._artefacts, self._sensor = rng.spawn(5)
        self._mixing = np.linalg.cholesky(np.exp(-distances(places, places) / SPREAD))
        self._weights = weights
        from .shaping import Filter, band, pink, unit  # noqa: PLC0415 - it brings scipy

        self._pink = Filter(pink(rate), self._n_channels)
        self._alpha = Filter(unit(band((9.2, 10.8), rate)), 3)
        left, right = (_near(places, *names, reach=0.7) for names in (("O1", "P3"), ("O2", "P4")))
        self._alpha_map = np.column_stack([9.0 * left, 9.0 * right, np.full(self._n, 2.5)])
        self._waxing = np.zeros(3)
        self._bands = [Filter(band(edges, rate), self._n) for edges in BANDS.values()]
        step = 1.0 - np.exp(-1.0 / (FOLLOW_SECONDS * rate))
        self._follow = Filter(np.array([[step, 0.0, 0.0, 1.0, step - 1.0, 0.0]]), weights.shape[1])
        self._lids = _near(places, "Fp1", "Fp2", reach=0.7)
        self._jaw = _near(places, "T7", "T8", "F7", "F8", reach=0.4)
        self._bursts: list[_Burst] = []
        # As many blocks as a whole number of mains cycles fills.
        n_steady = math.lcm(BLOCK, rate // math.gcd(rate, round(MAINS_HZ)))
        mains = np.sin(2 * np.pi * MAINS_HZ / rate * np.arange(n_steady))
        offsets = fixed.uniform(*device.offset, (self._n_channels, 1))
        self._steady = offsets + np.outer(fixed.uniform(0.5, 2.0, self._n_channels), mains)
        self._gravity = np.array([180.0, -340.0, 9280.0])

    def block(
        self, first: int, drive: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return samples, shape (BLOCK, n_channels), and motion of the block that begins here."""
        raw = self._pink(self._noise.standard_normal((self._n_channels, BLOCK)))
        scalp = self._mixing @ raw[: self._n] + self._alpha_map @ self._rhythm()
        scalp = self._equalise(scalp, drive)
        elsewhere = raw[self._n :]
        for burst in self._artefacts_of(first):
            shape = burst.envelope(first)
            if burst.noisy:
                shape *= self._sensor.standard_normal(BLOCK)
            else:
                elsewhere = elsewhere - 0.3 * shape
            scalp += np.outer(burst.pattern, shape)
        at = first % self._steady.shape[1]
        rows = np.vstack([scalp, elsewhere]) + self._steady[:, at : at + BLOCK]
        n_motion = motion_count(first + BLOCK, self._device) - motion_count(first, self._device)
        motion = self._gravity + self._sensor.normal(0.0, 15.0, (n_motion, 3))
        return np.ascontiguousarray(rows.T, dtype=np.float32), motion.astype(np.float32)

    def _rhythm(self) -> npt.NDArray[np.float64]:
        """Return three sources of waxing and waning alpha, shape (3, BLOCK)."""
        keep = np.exp(-BLOCK / self._device.rate / 2.0)
        before = self._waxing
        fresh = np.sqrt(1 - keep**2) * self._wax.standard_normal(3)
        self._waxing = keep * before + fresh
        ramp = np.arange(1, BLOCK + 1) / BLOCK
        level = before[:, None] * (1 - ramp) + self._waxing[:, None] * ramp
        return self._alpha(self._wax.standard_normal((3, BLOCK))) * np.exp(0.3 * level)

    def _equalise(
        self, scalp: npt.NDArray[np.float64], drive: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Raise and lower bands of channels as the drives ask.

        A filter bank beside the signal and not a sum of modulated bands, so that without a drive
        the signal passes unchanged, to the bit, and strength 0 is exactly no signature.
        """
        gains = np.expm1(self._weights @ self._follow(drive))
        out = scalp.copy()
        for band, gain in zip(self._bands, np.split(gains, len(BANDS)), strict=True):
            out += gain * band(scalp)
        return out

    def _artefacts_of(self, first: int) -> list[_Burst]:
        """Draw the bursts that begin in this block; return all that reach into it."""
        blink, jaw, when, size, length = self._artefacts.random(5)
        start = first + int(when * BLOCK)
        rate = self._device.rate
        blocks_per_minute = 60 * rate / BLOCK
        self._bursts = [burst for burst in self._bursts if burst.start + burst.n >= first]
        if blink * blocks_per_minute < BLINKS_PER_MINUTE:
            n, height = round((0.25 + 0.15 * length) * rate), 60.0 + 60.0 * size
            self._bursts.append(
                _Burst(start=start, n=n, size=height, pattern=self._lids, noisy=False)
            )
        if jaw * blocks_per_minute < MUSCLE_PER_MINUTE:
            n, height = round((0.3 + 0.7 * length) * rate), 5.0 + 10.0 * size
            self._bursts.append(
                _Burst(start=start, n=n, size=height, pattern=self._jaw, noisy=True)
            )
        return self._bursts

"""Clips that are off by known amounts are put on the grid, or refused with both values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from generator.drafts import Place
from generator.memory import Memory
from generator.music.musician import Composer
from generator.music.render import Grid
from generator.settings import GeneratorSettings
from generator.sound.bars import Limits, to_ending, to_grid
from rym.errors import FormatError

RATE = 48_000
LIMITS = Limits(stretch=0.06, drift=0.02, lag=0.025)


@pytest.fixture(scope="module")
def draft():
    """Return three bars from notes."""
    composer = Composer(Memory(text="x", seed=2), GeneratorSettings(sections=1, variants=1, bars=3))
    return composer.play(Place(0, 0, "positive"), 0)


def _clip(draft, speed: float = 1.0, late: float = 0.0, tail: float = 1.0) -> np.ndarray:
    """Return what a model might make: a bar before, the loop, some more, too fast and late."""
    n, bar = draft.grid.n_samples, draft.grid.at(4)
    length = n + bar + round((1 + tail) * bar)
    sound = draft.sound[(np.arange(length) - bar - round(late * RATE)) % n]
    return signal.resample(sound, round(length / speed), axis=0)


def _lag(sound: np.ndarray, guide: np.ndarray, beat: float) -> float:
    """Return by how much onsets are late, by librosa, in seconds: within half a beat."""
    librosa = pytest.importorskip("librosa")
    hop = 96
    ours, theirs = (
        librosa.onset.onset_strength(y=x.mean(axis=1), sr=RATE, hop_length=hop, n_fft=1024)
        for x in (sound, guide)
    )
    ours, theirs = ours - ours.mean(), theirs - theirs.mean()
    half = round(beat / 2 * RATE / hop)
    alike = [float(ours @ np.roll(theirs, lag)) for lag in range(-half, half + 1)]
    return (int(np.argmax(alike)) - half) * hop / RATE


@pytest.mark.long
@pytest.mark.parametrize(("speed", "late"), [(1.01, -0.4), (0.97, 1.3), (1.05, 0.05), (0.95, 0.7)])
def test_a_clip_that_is_off_is_put_right(draft, speed, late) -> None:
    """1 to 5 % too fast or slow and shifted: its onsets lie on the guide's, its length is exact."""
    laid = to_grid(_clip(draft, speed, late), draft.sound, draft.grid, LIMITS,
                   lead=draft.grid.at(4))  # fmt: skip
    assert laid.sound.shape == (draft.grid.n_samples, 2)
    assert laid.tempo == pytest.approx(draft.grid.bpm * speed, rel=0.002)
    assert abs(_lag(laid.sound, draft.sound, 60 / draft.grid.bpm)) <= 0.025
    half = len(laid.sound) // 2
    for where in (slice(0, half), slice(half, None)):
        assert abs(_lag(laid.sound[where], draft.sound[where], 60 / draft.grid.bpm)) <= 0.025


def test_a_clip_that_begins_elsewhere_is_turned(draft) -> None:
    """One that came in two bars late begins with the first bar all the same."""
    late = 2 * 4 * 60 / draft.grid.bpm
    laid = to_grid(_clip(draft, late=late), draft.sound, draft.grid, LIMITS)
    ours, theirs = (np.fft.rfft(x.mean(axis=1)) for x in (laid.sound, draft.sound))
    alike = np.fft.irfft(ours * np.conj(theirs), len(draft.sound))
    alike /= np.linalg.norm(laid.sound.mean(axis=1)) * np.linalg.norm(draft.sound.mean(axis=1))
    late = int(np.argmax(alike))
    assert alike[late] > 0.95
    assert min(late, len(alike) - late) <= 0.005 * RATE


def test_a_clip_of_another_tempo_is_refused(draft) -> None:
    """12 % are too much; both tempi are named."""
    with pytest.raises(FormatError, match=rf"grid's {draft.grid.bpm:g}: 1[12]\.\d% apart") as error:
        to_grid(_clip(draft, 1.12, tail=2.0), draft.sound, draft.grid, LIMITS)
    assert f"{draft.grid.bpm * 1.12:.0f}" in error.value.error


def test_a_clip_that_wanders_is_refused(draft) -> None:
    """Now 120 ms late, now as much early: no one tempo mends that."""
    clip = _clip(draft)
    t = np.arange(len(clip)) / len(clip)
    at = np.arange(len(clip)) - 0.12 * RATE * np.sin(2 * np.pi * t)
    bent = np.stack([np.interp(at, np.arange(len(clip)), x) for x in clip.T], axis=1)
    with pytest.raises(FormatError, match=r"(wander by|lie within) \d+ ms"):
        to_grid(bent, draft.sound, draft.grid, LIMITS)
    open_wide = LIMITS._replace(drift=1.0, lag=1.0, fit=0.0)
    assert to_grid(bent, draft.sound, draft.grid, open_wide).drift > LIMITS.drift


@pytest.mark.parametrize("seed", [0, 1])
def test_noise_is_refused(draft, seed) -> None:
    """What has no bars does not pass, however it falls; not even where every lag would."""
    noise = 0.1 * np.random.default_rng(seed).standard_normal(_clip(draft).shape)
    with pytest.raises(FormatError, match=r"at (least|most)"):
        to_grid(noise, draft.sound, draft.grid, LIMITS)
    open_wide = Limits(stretch=0.2, drift=9.0, lag=9.0)
    with pytest.raises(FormatError, match=r"like the guide's to -?0\.[01]\d, at least 0\.20"):
        to_grid(noise, draft.sound, draft.grid, open_wide)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda clip: 0 * clip, r"silent: -150 dB, at least -60"),
        (lambda clip: np.full_like(clip, np.nan), "not all of them numbers"),
        (lambda clip: clip[:1000], "1000 samples"),
        (lambda clip: clip[: len(clip) // 2], "no whole|bars, at least"),
        (lambda clip: np.concatenate([clip[:250_000], 0 * clip[250_000:480_000], clip[480_000:]]),
         "silent|onsets|tempo"),
    ],
    ids=["silent", "nan", "tiny", "short", "gap"],
)  # fmt: skip
def test_a_broken_clip_is_refused(draft, change, said) -> None:
    """Silence, a hole, no numbers, too short: one sentence with both values."""
    with pytest.raises(FormatError, match=said):
        to_grid(change(_clip(draft)), draft.sound, draft.grid, LIMITS)


def _plucked(beats, decay: float, n: int, speed: float = 1.0) -> np.ndarray:
    """Return soft sines at 70 bpm times the speed, one per (beat, pitch)."""
    out = np.zeros(n)
    for beat, pitch in beats:
        start = round(beat * 60 / 70 / speed * RATE)
        t = np.arange(max(0, min(3 * RATE, n - start))) / RATE
        sine = np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * t)
        out[start : start + len(t)] += (
            np.exp(-t / decay) * np.sin(np.pi / 2 * np.minimum(1, t / 0.005)) ** 2 * sine
        )
    return np.stack([out, 0.9 * out], axis=1) * 0.2


CHORDS = (48, 53, 55, 50)
OTHER = Grid(bars=4, bpm=70.0, rate=RATE)


def test_the_seam_cannot_be_measured() -> None:
    """A clip that does not come round by itself is closed: no click at the loop point."""
    beats = [(k, CHORDS[(k - 4) // 4 % 4]) for k in range(26)]
    clip = _plucked(beats, 0.3, round(26 * 60 / 70 * RATE))
    guide = clip[OTHER.at(4) :][: OTHER.n_samples]
    t = np.arange(len(clip)) / RATE
    # A low voice that is elsewhere in its swing one loop later.
    clip += 0.1 * np.sin(2 * np.pi * 97.3 * t + 5 * np.sin(t))[:, None]
    treble = signal.butter(6, 5000, "highpass", fs=RATE, output="sos")

    def seam(sound: np.ndarray) -> float:
        around = np.tile(sound, (2, 1))
        bright = np.abs(signal.sosfilt(treble, around, axis=0)).max(axis=1)
        n = len(sound)
        return float(bright[n - 9600 : n + 9600].max() / bright[9600 : n - 9600].max())

    loop = to_grid(clip, guide, OTHER, LIMITS, lead=OTHER.at(4)).sound
    assert seam(loop) < 1.5
    # The same measure finds the click of a clip that is merely cut.
    assert seam(clip[OTHER.at(4) - 99 :][: OTHER.n_samples]) > 10


def test_an_ending_is_as_long_as_the_guides_and_dies_with_it(draft) -> None:
    """A model plays on; the clip goes down where the guide does, to nothing."""
    n, bar = draft.grid.n_samples, draft.grid.at(4)
    fall = np.minimum(1, np.linspace(2, 0, n))[:, None] ** 2
    guide = draft.sound * fall
    at = np.arange(n + 2 * bar) - bar
    clip = draft.sound[np.where(at < 0, at % bar, at) % n]
    laid = to_ending(clip, guide, draft.grid, LIMITS, lead=bar)
    assert laid.sound.shape == guide.shape
    assert abs(_lag(laid.sound[: n // 2], guide[: n // 2], 60 / draft.grid.bpm)) <= 0.025
    last = np.abs(laid.sound[-n // 10 :]).max(), np.abs(clip[-n // 10 :]).max()
    assert last[0] < 0.1 * last[1]
    assert np.all(np.abs(laid.sound[-2:]) < 1e-3)


def test_clicks_and_tones_are_laid_on_a_guide_of_other_sounds() -> None:
    """Not the guide's sound but its beats and chords decide."""
    guide = _plucked([(k, CHORDS[k // 4]) for k in range(16)], 0.3, OTHER.n_samples)
    eighths = [(k / 2, CHORDS[int(k / 2 - 4) // 4 % 4] + 12) for k in range(48) if k % 8 != 5]
    clip = _plucked(eighths, 0.1, round(24 * 60 / 70 / 1.025 * RATE), 1.025)
    laid = to_grid(clip, guide, OTHER, LIMITS, lead=OTHER.at(4))
    assert laid.tempo == pytest.approx(71.75, rel=0.002)
    assert abs(_lag(laid.sound, guide, 60 / 70)) <= 0.025
    spectrum = np.abs(np.fft.rfft(laid.sound[: OTHER.at(3.5), 0], 2**18))
    heard = 69 + 12 * np.log2(np.argmax(spectrum) * RATE / 2**18 / 440)
    assert round(heard) == CHORDS[0] + 12

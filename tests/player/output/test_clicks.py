"""Clicks: quiet, soft at their edges, never suddenly loud, and where they say."""

import numpy as np
import pytest

from player.output.clicks import EVERY_S, LEAD_S, PEAK, clicks
from player.settings import BLOCK, RATE


@pytest.mark.parametrize("level", [0.0, -12.0, 6.0])
def test_no_click_is_loud_and_none_begins_with_a_step(level):
    """At most −20 dB of full scale, less where the level is lower; each sample is near its last."""
    sound = clicks(10, level).sound
    peak = PEAK * 10 ** (min(level, 0.0) / 20)
    assert np.abs(sound).max() <= peak
    assert np.abs(sound).max() > 0.95 * peak
    # A sine of 80 Hz moves by 1.05 % of its peak from sample to sample.
    assert np.abs(np.diff(sound, axis=0)).max() < 0.012 * peak
    assert not sound[: round(LEAD_S * RATE)].any()
    assert not sound[-BLOCK:].any()
    assert len(sound) % BLOCK == 0


def test_the_first_clicks_grow():
    """Three uncounted ones come first, each half as loud as the next."""
    track = clicks(4)
    loud = np.abs(track.sound[:, 0]) > 0
    begins = np.flatnonzero(loud & ~np.roll(loud, 2 * BLOCK) & (np.arange(len(loud)) > 0))
    starts = begins[np.flatnonzero(np.diff(begins, prepend=-RATE) > RATE // 2)]
    assert len(starts) == 7
    peaks = [np.abs(track.sound[a : a + 5 * BLOCK]).max() for a in starts]
    np.testing.assert_allclose(np.array(peaks) / PEAK, [1 / 8, 1 / 4, 1 / 2, 1, 1, 1, 1], rtol=0.01)


def test_the_frames_are_where_a_click_is_half_as_loud():
    """Frame for frame, and far enough apart, at uneven distances."""
    track = clicks(20)
    assert len(track.frames) == 20
    distances = np.diff(track.frames) / RATE
    assert distances.min() >= EVERY_S[0]
    assert distances.max() <= EVERY_S[1]
    assert len(np.unique(np.round(distances, 3))) > 15
    assert not (track.frames % 1).any()
    for frame in track.frames.astype(int):
        # The rise takes 10 ms, 240 frames on either side; a peak of 80 Hz comes every 300.
        rising = np.abs(track.sound[frame - 240 : frame + 540, 0])
        assert rising[:240].max() < 0.5 * PEAK
        assert rising[240:].max() > 0.95 * PEAK
        assert rising[0] == 0.0


def test_another_seed_gives_other_distances():
    """The same seed gives the same track."""
    assert np.array_equal(clicks(5).sound, clicks(5).sound)
    assert not np.array_equal(clicks(5).frames, clicks(5, seed=2).frames)

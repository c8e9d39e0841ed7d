"""Lost samples lie on the straight line between their neighbours, wherever a block ends."""

import numpy as np
import pytest

from stream.timing.clockmap import ClockMap, Run
from stream.timing.fill import Filler


def straight(n: int) -> np.ndarray:
    """Return two channels that rise evenly, one fast and one slowly."""
    return np.outer(np.arange(n), [1.0, -0.25]).astype(np.float32)


@pytest.mark.parametrize("first", [300, 374, 375, 370, 367])
def test_a_line_is_restored(first: int) -> None:
    """A straight signal comes back whole, also where a block ends within the loss."""
    signal = straight(1000)
    rows = np.delete(np.arange(1000), np.arange(first, first + 8))
    filler = Filler(1000)
    out = [filler.rows(signal[rows], run) for run in ClockMap(500.0, 125).push(rows / 500)]
    np.testing.assert_allclose(np.concatenate(out), signal, atol=1e-4)
    assert filler.count == 1000
    assert filler.lost(0, 1000) == 8
    assert filler.lost(first - 10, 13) == 3
    assert filler.lost(first + 5, 100) == 3
    assert filler.lost(first + 8, 100) == 0


def test_two_pieces_give_what_one_would() -> None:
    """A loss that two runs share is filled to the bit like one within a run."""
    samples = np.array([[0.1, 7e5], [0.7, -3e-3]], np.float32)
    whole, split = Filler(100), Filler(100)
    whole.rows(samples, Run(0, 1, 0, None))
    split.rows(samples, Run(0, 1, 0, None))
    expected = whole.rows(samples, Run(1, 2, 0, None, 9, 9))
    found = [
        split.rows(samples, Run(1, 1, 0, 1.0, 4, 9)),
        split.rows(samples, Run(1, 2, 0, None, 5, 5)),
    ]
    assert np.concatenate(found).tobytes() == expected.tobytes()


def test_what_was_filled_long_ago_is_forgotten() -> None:
    """Only the losses of the newest samples are kept."""
    filler = Filler(50)
    samples = np.ones((1, 2), np.float32)
    filler.rows(samples, Run(0, 1, 0, None))
    for _ in range(1000):
        filler.rows(samples, Run(0, 1, 0, None, 4, 4))
    assert filler.lost(0, filler.count) <= 4 * 11
    assert filler.lost(filler.count - 50, 50) == 40

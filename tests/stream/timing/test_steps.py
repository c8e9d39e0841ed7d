"""A sender that goes over to another rate is seen, and losses are none."""

from __future__ import annotations

import numpy as np
import pytest

from stream.timing.steps import RateWatch


def told(stamps: np.ndarray, size: int = 25) -> list[float]:
    """Return what is wrong behind each chunk."""
    watch, found = RateWatch(500.0), []
    for at in range(0, len(stamps), size):
        watch.push(stamps[at : at + size])
        found.append(watch.wrong)
    return found


@pytest.mark.fault(16)
@pytest.mark.parametrize("hz", [250.0, 490.0, 512.0, 1000.0])
def test_another_rate_is_told_within_ten_seconds(hz: float) -> None:
    """Whatever it is, and no more once the old one is back."""
    good = np.arange(5000) / 500
    bad = good[-1] + np.arange(1, round(10 * hz)) / hz
    back = bad[-1] + np.arange(1, 7500) / 500
    found = told(np.concatenate([good, bad, back]))
    assert set(found[: 5000 // 25]) == {0.0}
    assert found[(5000 + len(bad)) // 25 - 1] == pytest.approx(hz, rel=0.005)
    assert found[-1] == 0.0


@pytest.mark.fault(16)
@pytest.mark.parametrize("kind", ["lost", "long losses", "outage", "clock set", "bursts", "order"])
def test_nothing_else_is_another_rate(kind: str) -> None:
    """Losses of a third, outages, clocks that are set, bursts that share a stamp, wrong order."""
    rng = np.random.default_rng(1)
    stamps = np.arange(30_000) / 500
    if kind == "lost":
        stamps = stamps[rng.random(len(stamps)) >= 0.33]
    elif kind == "long losses":
        stamps = stamps[np.repeat(rng.random(600) >= 0.3, 50)]
    elif kind == "outage":
        stamps[8000:] += 0.4
        stamps[15_000:] += 20.0
    elif kind == "clock set":
        stamps[8000:9000] += 3600.0
        stamps[20_000:] -= stamps[20_000]
    elif kind == "bursts":
        stamps = np.repeat(stamps[11::12], 12)
    else:
        stamps = stamps.reshape(-1, 2, 20)[:, ::-1].ravel()
    assert set(told(stamps)) == {0.0}

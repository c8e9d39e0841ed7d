"""Each fault of a channel is named, at more than one size and on more than one channel."""

import numpy as np
import pytest

from tests.stream.judging import CAP10, judge_all, reasons

N = 3000
"""Six seconds; faults begin after three."""
T = np.arange(N) / 500
AFTER = T >= 3
NOISE = np.random.default_rng(5)


def noise(sd: float) -> np.ndarray:
    """Return white noise."""
    return sd * NOISE.normal(size=N)


def last_reasons(cap, channel: str, change) -> dict[str, str]:
    """Return the faults of the last window after `change` was made to one channel of a good cap."""
    signal = cap(N, 10).astype(np.float64)
    i = CAP10.index(channel)
    signal[:, i] = change(signal[:, i])
    return reasons(judge_all(signal)[-1])


def steadily(value):
    """Return a change that puts `value` in place of the signal from three seconds on."""
    return lambda x: np.where(AFTER, value, x)


CHANGES = [
    ("unplugged", steadily(-400_000.047), "rail"),
    ("unplugged the other way", steadily(400_000.047), "rail"),
    ("full scale", steadily(-399_900.0), "rail"),
    ("stuck low", steadily(-18_780 + noise(4)), "rail"),
    ("stuck high", steadily(18_850 + noise(4)), "rail"),
    ("zero", steadily(0.0), "flat"),
    ("constant", steadily(1234.0), "flat"),
    ("almost constant", steadily(-7000 + noise(0.02)), "flat"),
    ("drift up", lambda x: x + np.where(AFTER, 1000 * (T - 3), 0), "drift"),
    ("drift down", lambda x: x - np.where(AFTER, 3000 * (T - 3), 0), "drift"),
    ("60 Hz behind a notch at 50 Hz", lambda x: x + 100 * np.sin(2 * np.pi * 60 * T), "line noise"),
    ("60 Hz, weaker", lambda x: x + 30 * np.cos(2 * np.pi * 60 * T), "line noise"),
    ("in the air", lambda x: np.median(x) + noise(0.4), "implausible level 0."),
    ("loose", lambda x: x + noise(800), "implausible level "),
    ("looser", lambda x: x + noise(8000), "implausible level "),
    ("clipped above", lambda x: np.minimum(x, np.median(x) + 8), "clipped"),
    ("clipped below", lambda x: np.maximum(x, np.median(x) - 12), "clipped"),
]


@pytest.mark.fault(11)
@pytest.mark.fault(12)
@pytest.mark.fault(13)
@pytest.mark.parametrize(("name", "change", "reason"), CHANGES, ids=[row[0] for row in CHANGES])
def test_a_fault_is_named_on_its_channel_only(cap, name: str, change, reason: str) -> None:
    """Whatever happens to one electrode is named, and no other electrode is accused."""
    for channel in ("F8", "Cz"):
        found = last_reasons(cap, channel, change)
        assert list(found) == [channel], name
        assert found[channel].startswith(reason), name


@pytest.mark.fault(13)
@pytest.mark.parametrize("step", [500.0, -500.0, 300.0, -2000.0])
@pytest.mark.parametrize("channel", ["Fp1", "O2"])
def test_a_pop_is_named_and_heals(cap, step: float, channel: str) -> None:
    """A step is a pop within half a second, its windows are invalid, and it is soon forgotten."""
    signal = cap(4000, 10).astype(np.float64)
    signal[1500:, CAP10.index(channel)] += step
    judged = judge_all(signal)
    named = [i for i, one in enumerate(judged) if reasons(one) == {channel: "pop"}]
    assert named[0] in (9, 10)
    assert all("pop" in judged[i].reason for i in named[:3])
    assert all(judged[i].bad == () for i in range(len(judged)) if i not in named)
    assert named == list(range(named[0], named[-1] + 1))
    assert 4 <= len(named) <= 9


@pytest.mark.fault(13)
@pytest.mark.parametrize("swing", [380_000.0, -380_000.0])
def test_a_converter_that_wraps_round_is_named(cap, swing: float) -> None:
    """A jump from one end of the range to the other is a wrap, and the window is invalid."""
    for channel in ("T7", "O1"):
        signal = cap(N, 10).astype(np.float64)
        signal[:, CAP10.index(channel)] += np.where(T % 1 < 0.5, swing, -swing)
        last = judge_all(signal)[8]
        assert reasons(last)[channel] == "wrap"
        assert last.bad == (channel,)


@pytest.mark.fault(12)
def test_what_is_flat_for_half_a_second_is_masked_within_a_second(cap) -> None:
    """Wherever the flat stretch begins, and at any of three levels, it is seen in time."""
    for start in range(1500, 1625, 31):
        signal = cap(N, 10).astype(np.float64)
        for i, level in ((2, 0.0), (5, 77.7), (8, -18_000.0)):
            signal[start : start + 250, i] = level
        judged = judge_all(signal)
        last = max(i for i in range(len(judged)) if 500 + 125 * i <= start + 500)
        assert judged[last].bad == ("F7", "T8", "O1")


def test_a_quiet_moment_is_not_flat(cap) -> None:
    """Four tenths of a second without a change are no fault by themselves."""
    signal = cap(N, 10).astype(np.float64)
    signal[1500:1650, 4] = signal[1500, 4]
    assert all("flat" not in reasons(one).values() for one in judge_all(signal))


def test_floating_copies_are_named_by_their_nearest(cap) -> None:
    """A copy, weaker or not, with its own offset, is bad together with what it copies."""
    signal = cap(N, 10).astype(np.float64)
    signal[:, 6] = 500 + signal[:, 2] + noise(0.3)
    signal[:, 9] = 300 - 0.5 * signal[:, 3] + noise(0.3)
    expected = {"F7": "copy of C3", "C3": "copy of F7", "F8": "copy of O2", "O2": "copy of F8"}
    assert reasons(judge_all(signal)[-1]) == expected


@pytest.mark.parametrize(
    "floating",
    [noise(0.4), 1000 * T + noise(10), -800 * T + noise(10)],
    ids=["in the air", "drift up", "drift down"],
)
def test_a_copy_is_named_before_what_a_floating_electrode_does_besides(cap, floating) -> None:
    """Two electrodes that float together are copies, also where they drift or hardly move."""
    signal = cap(N, 10).astype(np.float64)
    shared = np.cumsum(NOISE.normal(size=N)) * 0.01 + floating
    for channel in ("F7", "C3"):
        signal[:, CAP10.index(channel)] = 700 + shared + noise(0.01)
    assert reasons(judge_all(signal)[-1]) == {"F7": "copy of C3", "C3": "copy of F7"}


def test_what_all_channels_share_makes_no_copies(cap) -> None:
    """A blink on every channel and mains on every channel are no copies."""
    signal = cap(N, 10).astype(np.float64)
    signal += 300 * np.exp(-(((T - 5.5) / 0.1) ** 2))[:, None]
    signal += 100 * np.sin(2 * np.pi * 50 * T)[:, None]
    assert reasons(judge_all(signal)[-1]) == {}


def test_an_offset_near_the_rail_is_no_fault(cap) -> None:
    """A live channel may sit at ±18.8 mV: it moves more than a stuck one."""
    signal = cap(N, 10)
    signal[:, 3] += -18_800 - signal[:, 3].mean()
    signal[:, 7] += 18_800 - signal[:, 7].mean()
    assert reasons(judge_all(signal)[-1]) == {}


def test_the_amplifier_s_own_index_counts_from_its_threshold(cap) -> None:
    """From 0.8 on a channel is bad; a lower and an unknown index make none."""
    device = np.full(10, 0.1, np.float32)
    device[[1, 4, 6]] = 0.9, 0.79, np.nan
    device[8] = 0.8
    assert reasons(judge_all(cap(N, 10), device=device)[-1]) == {
        "Fp2": "device index",
        "O1": "device index",
    }

"""A tap on any stream hands out what was sent; the list of streams says what they are."""

import numpy as np
import pylsl
import pytest

from rym.clock import ManualClock, SystemClock
from rym.errors import DeviceError, SignalError
from stream.lsl.taps import Seen, Tap, listing

pytestmark = pytest.mark.real
CLOCK = SystemClock()


def find(source_id: str) -> Seen:
    """Return the stream with this source id."""
    (seen,) = [stream for stream in listing(0.5) if stream.source_id == source_id]
    return seen


def test_a_tap_hands_out_numbers_and_text_as_they_were_sent() -> None:
    """In the stream's own type, with its stamps, its header and the offset of its clock."""
    numbers = pylsl.StreamOutlet(pylsl.StreamInfo("n", "Aux", 2, 100.0, "int16", "tap-n"))
    words = pylsl.StreamOutlet(pylsl.StreamInfo("w", "Markers", 1, 0.0, "string", "tap-w"))
    taps = [Tap(find("tap-n"), CLOCK), Tap(find("tap-w"), CLOCK)]
    numbers.push_chunk([[1, -2], [3, 30_000]], 50.0)
    words.push_sample(["ü 7"], 51.5)
    pieces = [taps[0].pull(5.0)]
    if len(pieces[0][1]) == 1:  # what was sent at once may come in two pieces
        pieces.append(taps[0].pull(5.0))
    samples, stamps = (np.concatenate(part) for part in zip(*pieces, strict=True))
    assert samples.dtype == np.int16
    assert samples.tolist() == [[1, -2], [3, 30_000]]
    assert stamps.tolist() == pytest.approx([49.99, 50.0])
    text, when = taps[1].pull(5.0)
    assert (text, when.tolist()) == ([["ü 7"]], [51.5])
    for tap, kind in zip(taps, ("Aux", "Markers"), strict=True):
        assert (tap.seen.kind, f"<type>{kind}</type>" in tap.header) == (kind, True)
        offset, uncertainty = tap.offset(5.0)
        assert abs(offset) < 0.01
        assert 0 <= uncertainty < 0.1
        assert len(tap.pull(0.0)[1]) == 0
        tap.close()
    assert taps[0].seen[5:8] == (2, 100.0, "int16")
    assert 0 < taps[0].seen.created <= CLOCK.now()


def test_a_tap_says_when_its_stream_is_gone_for_good() -> None:
    """One without a source id cannot come back."""
    outlets = [pylsl.StreamOutlet(pylsl.StreamInfo("gone", "Aux", 1, 100.0, "float32", ""))]
    (seen,) = [stream for stream in listing(0.5) if stream.name == "gone"]
    tap = Tap(seen, CLOCK)
    outlets.clear()
    with pytest.raises(SignalError, match=r"gone \(type Aux, source id none\) .* ended"):
        tap.pull(20.0)


def test_another_clock_is_refused() -> None:
    """A rig whose clock is not LSL's is not started."""
    seen = Seen("n", "EEG", "", "here", "uid", 1, 500.0, "float32")
    with pytest.raises(DeviceError, match="may differ by 1 ms"):
        Tap(seen, ManualClock(5.0))

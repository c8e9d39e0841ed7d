"""What `rym doctor` makes of what it saw: one line each, with a remedy (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from decoder.decoder import unusable
from decoder.model import Model
from rym.errors import RymError, SignalError
from rym.messages import ClockOffset, Quality, Window
from stream.checks import Declared, Signal, StartCheck, agree
from stream.items import Chunk
from stream.line import StreamLine
from stream.lsl.resolve import Seen, Wanted, choose, choose_sides, nothing_found, wanted
from stream.montage import kind
from stream.settings import StreamSettings
from stream.timing.clockmap import TOLERANCE_S
from stream.timing.steps import RATE_OFF

Mark = Literal["ok", "look", "bad"]

UNCERTAIN_S = 0.004
"""Round-trip time in seconds from which the sender's clock is not known to within 2 ms."""
LOW_DISK = 1e9
"""Free bytes below which a session must not start: three hours of 32 channels and sound."""
SOME_DISK = 10e9
"""Free bytes below which somebody should look."""

FIREWALL = (
    "On this machine: start the recording software and turn on its LSL output (in NIC: Settings, "
    "LSL). On another one, which is how NIC mostly runs: both in the same network; a rule in the "
    "firewall of both for UDP port 16571 (multicast) and TCP and UDP ports 16572 to 16604 (Windows "
    "asks once per program and network, private or public); the same [lab] SessionID in both "
    "lsl_api.cfg; and where the network passes no multicast on, as many guest and campus networks, "
    "KnownPeers = {address of the other machine} under [lab] in lsl_api.cfg."
)


class Finding(msgspec.Struct, frozen=True):
    """One line."""

    mark: Mark
    """`bad`: a session could not start so."""
    what: str
    said: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.mark:4}  {self.what}: {self.said}" + (
            f"\n      {self.remedy}" if self.remedy else ""
        )


class Observation(NamedTuple):
    """One stream, listened to for a few seconds."""

    seen: Seen
    declared: Declared | None
    """None where it did not answer."""
    samples: npt.NDArray[Any]
    """Array of shape (n_times, n_channels), in the stream's unit; empty for text."""
    stamps: npt.NDArray[np.float64]
    """Array of shape (n_times,), raw."""
    offset: tuple[float, float] | None
    """Seconds to add to a stamp, and the round-trip time of that measurement."""
    problem: str = ""

    @property
    def rate(self) -> float | None:
        """Samples per second by their stamps; None where there are too few."""
        if len(self.stamps) < 3 or not np.ptp(self.stamps) > 0:
            return None
        return 1 / self._period()

    @property
    def jitter(self) -> float | None:
        """SD of the stamps around a straight line, in seconds; None for an irregular stream."""
        n = len(self.stamps)
        if n < 3 or self.seen.rate == 0:
            return None
        line = self.stamps.mean() + self._period() * (np.arange(n) - (n - 1) / 2)
        return float(np.std(self.stamps - line))

    def _period(self) -> float:
        """Return the slope of the straight line through all stamps, in seconds per sample.

        Not their span by their number: the first and the last stamp may be off by a burst.
        """
        index = np.arange(len(self.stamps)) - (len(self.stamps) - 1) / 2
        return float((index * (self.stamps - self.stamps.mean())).sum() / (index**2).sum())


class Verdict(NamedTuple):
    """What is known of the EEG."""

    findings: list[Finding]
    picked: Seen | None
    signal: Signal | None
    windows: list[tuple[Window, Quality]]


def failed(what: str, error: RymError) -> Finding:
    """Return the line of an error that would keep a session from starting."""
    return Finding("bad", what, error.error, error.remedy)


def judge_streams(seen: Sequence[Observation], settings: StreamSettings) -> Verdict:
    """Say which stream a session would take, and whether it is what the settings expect.

    Parameters
    ----------
    seen : sequence of Observation
        Every stream on the network.
    settings : StreamSettings
        Table `[stream]`.
    """
    asked, streams = wanted(settings), [view.seen for view in seen]
    if not streams:
        none = Finding("bad", "streams", "No LSL stream at all was seen.", FIREWALL)
        return Verdict([none], None, None, [])
    try:
        picked = choose(streams, asked)
        if picked is None:
            raise nothing_found(streams, asked, settings.wait)
    except SignalError as error:
        listed = [_listed(view, why_not(view.seen, asked)) for view in seen]
        return Verdict([*listed, failed("choice", error)], None, None, [])
    view = next(view for view in seen if view.seen is picked)
    sides = choose_sides(picked, streams)
    known = {stream.uid: f"belongs to it as {side}" for side, stream in sides.there.items()}
    findings = [
        _listed(other, known.get(other.seen.uid, why_not(other.seen, asked)))
        for other in seen
        if other is not view
    ]
    findings.insert(0, _listed(view, "a session takes this one"))
    more, signal, windows = _judge_signal(view, settings)
    return Verdict([*findings, *more], picked, signal, windows)


def why_not(seen: Seen, asked: Wanted) -> str:
    """Return in what a stream differs from what is asked for."""
    pairs = (
        ("type", seen.kind, asked.kind),
        ("name", seen.name, asked.name),
        ("source id", seen.source_id, asked.source_id),
        ("host", seen.host, asked.host),
    )
    only = asked._replace(kind="", name="", source_id="", host="")
    fields = ("kind", "name", "source_id", "host")
    differ = [
        f"its {what} is {has or 'none'!s}, asked is {wants}"
        for field, (what, has, wants) in zip(fields, pairs, strict=True)
        if not only._replace(**{field: wants}).fits(seen)
    ]
    return "; ".join(differ) or "it fits"


def _listed(view: Observation, why: str) -> Finding:
    if view.problem:
        return Finding("look", "stream", f"{view.seen}: {view.problem} ({why})")
    units = sorted({unit for unit in view.declared.units if unit}) if view.declared else []
    seen = view.seen
    facts = [f"{seen.n_channels} × {seen.form}", f"unit {', '.join(units) or 'not said'}"]
    if seen.rate:
        found = "no sample came" if view.rate is None else f"{view.rate:.2f} measured"
        facts.append(f"{seen.rate:g} Hz declared, {found}")
    else:
        facts.append(f"irregular, {len(view.stamps)} samples")
    if view.jitter is not None:
        facts.append(f"jitter {1e3 * view.jitter:.1f} ms")
    if view.offset is not None:
        facts.append(f"clock {1e3 * view.offset[0]:+.1f} ms ± {1e3 * view.offset[1] / 2:.2f} ms")
    return Finding("ok", "stream", f"{seen}: {', '.join(facts)}: {why}.")


def _judge_signal(
    view: Observation, settings: StreamSettings
) -> tuple[list[Finding], Signal | None, list[tuple[Window, Quality]]]:
    """Lay the picked stream beside the settings, and put it through a session's own line."""
    if view.declared is None:
        return [Finding("bad", "choice", f"{view.seen}: {view.problem}", FIREWALL)], None, []
    try:
        if view.seen.form == "string":
            raise SignalError(
                f"The stream {view.seen.name} carries text, EEG is numbers.",
                "Choose another stream with [stream] lsl_type or lsl_name.",
            )
        signal = agree(view.declared, settings)
    except SignalError as error:
        return [failed("choice", error)], None, []
    names = ", ".join(signal.channels)
    findings = [Finding("ok", "channels", f"{len(signal.channels)} in {signal.unit}: {names}.")]
    findings += [_rate(view, signal), *_clock(view)]
    if not len(view.stamps):
        return findings, signal, []
    try:
        windows = _windows(view, signal, settings)
    except RymError as error:
        return [*findings, failed("signal", error)], signal, []
    return [*findings, _quality(windows)], signal, windows


def _rate(view: Observation, signal: Signal) -> Finding:
    # A stream that declares none is measured against what the settings say.
    says = "declared" if signal.declared else "expected"
    if view.rate is None:
        return Finding(
            "bad",
            "rate",
            f"{signal.rate:g} Hz are {says}, but no sample came.",
            "Start the recording in its software. If it runs on another machine, its firewall may "
            f"let the list of streams through, but not the data. {FIREWALL}",
        )
    said = f"{signal.rate:g} Hz {says}, {view.rate:.2f} measured"
    if abs(view.rate - signal.rate) > RATE_OFF * signal.rate:
        remedy = "Check the device and its connection; samples may be lost on the way."
        if not signal.declared:
            remedy = f"If that is the device's rate, set [stream] rate to {view.rate:.4g}."
        return Finding("bad", "rate", f"{said}: more than {RATE_OFF:.0%} apart.", remedy)
    return Finding("ok", "rate", f"{said}.")


def _clock(view: Observation) -> list[Finding]:
    found = []
    if view.jitter is not None and view.jitter > TOLERANCE_S / 2:
        found.append(
            Finding(
                "look",
                "jitter",
                f"The stamps scatter by {1e3 * view.jitter:.0f} ms.",
                "Use a cable instead of Wi-Fi or Bluetooth where you can; a burst that is off by "
                f"{1e3 * TOLERANCE_S:g} ms breaks the signal.",
            )
        )
    if view.offset is None:
        said, remedy = "The sender's clock did not answer.", FIREWALL
        found.append(Finding("look", "clock", said, remedy))
    elif view.offset[1] > UNCERTAIN_S:
        found.append(
            Finding(
                "look",
                "clock",
                f"The sender's clock is known to ± {1e3 * view.offset[1] / 2:.1f} ms only.",
                "Connect both machines by cable, or run both programs on one.",
            )
        )
    return found


def _windows(
    view: Observation, signal: Signal, settings: StreamSettings
) -> list[tuple[Window, Quality]]:
    samples = (view.samples.astype(np.float64) * signal.scale).astype(np.float32)
    chunk = Chunk(samples, view.stamps)
    StartCheck(signal, settings).push(chunk)
    line = StreamLine(settings, signal.channels, signal.rate)
    offset, uncertainty = view.offset or (0.0, 0.0)
    content = ClockOffset(
        stream=view.seen.uid, offset=offset, uncertainty=uncertainty, from_sample=0
    )
    list(line.feed(content))
    return list(line.feed(chunk))


def channels(
    windows: Sequence[tuple[Window, Quality]], signal: Signal | None
) -> list[dict[str, Any]]:
    """Return each channel with its kind and whether it was fit for use most of the time."""
    if signal is None:
        return []
    reasons: dict[str, Counter[str]] = {name: Counter() for name in signal.channels}
    for _, quality in windows:
        for channel in quality.channels:
            if not channel.ok:
                reasons[channel.name][channel.reason] += 1
    return [
        {
            "name": name,
            "kind": kind(name),
            "unit": signal.unit,
            "ok": found.total() <= len(windows) / 2,
            "reason": found.most_common(1)[0][0] if found.total() > len(windows) / 2 else "",
        }
        for name, found in reasons.items()
    ]


def _quality(windows: Sequence[tuple[Window, Quality]]) -> Finding:
    if not windows:
        remedy = "Look at the gaps and the rate; give --seconds 10."
        return Finding("bad", "signal", "Not one whole window came.", remedy)
    levels = Counter(quality.level for _, quality in windows)
    level = levels.most_common(1)[0][0]
    worst = Counter(
        f"{channel.name} ({channel.reason})"
        for _, quality in windows
        for channel in quality.channels
        if not channel.ok
    )
    poor = [name for name, n in worst.most_common() if n > len(windows) / 2]
    invalid = sum(not window.valid for window, _ in windows)
    said = f"{level}; {invalid} of {len(windows)} windows unusable"
    said += f"; poor: {', '.join(poor)}." if poor else "; no poor channel."
    if level == "good" and not invalid:
        return Finding("ok", "signal", said)
    remedy = "Look at the cap: gel or saline, reference and ground first, then these electrodes."
    return Finding("look", "signal", said, remedy)


def judge_model(model: Model, windows: Sequence[tuple[Window, Quality]]) -> Finding:
    """Say whether a trained model can use these windows."""
    usable = [unusable(window, model) for window, _ in windows if window.valid]
    if not usable:
        remedy = "Mend the signal first."
        return Finding("look", "model", "No valid window to compare it with.", remedy)
    reason, n = Counter(usable).most_common(1)[0]
    if reason:
        said = f"It can make nothing of {n} of {len(usable)} windows: {reason}."
        return Finding(
            "bad", "model", said, "Set the stream up as it was at its calibration, or train again."
        )
    facts = model.manifest
    said = f"{len(facts.channels)} channels, {facts.rate:g} Hz and conditioning are as it needs."
    return Finding("ok", "model", said)


def judge_disk(path: str, free: int, *, writeable: bool) -> Finding:
    """Say whether there is room for a session."""
    if not writeable:
        said = f"{path} cannot be written to; {free / 1e9:.1f} GB free."
        remedy = "Give yourself the right to write there, or set [session] root to another folder."
        return Finding("bad", "disk", said, remedy)
    said = f"{free / 1e9:.1f} GB free in {path}."
    mark: Mark = "bad" if free < LOW_DISK else "look" if free < SOME_DISK else "ok"
    remedy = "" if mark == "ok" else "Make room, or set [session] root to another disk."
    return Finding(mark, "disk", said, remedy)


def judge_delay(seconds: float) -> Finding:
    """Say whether the device's delay is known."""
    if seconds == 0.0:
        remedy = "Measure it with `rym check delay`."
        return Finding("look", "delay", "What the device adds has not been measured.", remedy)
    return Finding("ok", "delay", f"{1e3 * seconds:+.1f} ms were measured.")

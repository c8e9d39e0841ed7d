"""A real session with scripted faults, beside the same person on a fast clock without any.

Sender, stream, decoder, player, journal and broker run as processes of their own, over LSL and
MQTT, in true time; the player renders in true time and sounds nowhere. The model comes from a
calibration of the same person on the fast clock. Prints Markdown tables, also to
OUT/reliability.md, and leaves the memory's course in OUT/memory.json. Ends with 1 if a fault is
missing in journal or report, if anything stale was shown as live, or if `rym replay --verify`
finds a difference.

    python benchmarks/reliability.py --minutes 2|30 [--out FOLDER] [--broker mqtt://…]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import unescape
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

# A script's own folder comes first on the path, where this file would hide the package `stream`.
ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

import numpy as np
import psutil

from decoder import model as models
from decoder.decoder import Decoder
from decoder.rows import rows_from
from decoder.training import fit
from rym import topics
from rym.clock import SystemClock
from session import settings as tables_of
from session.after import rerun
from session.after.analysis import Analysis, analyse
from session.after.episodes import Score, Span, Steps, score
from session.after.facts import gather
from session.after.injected import HEAD, Aftermath, cells
from session.after.replay import Verdict, verify
from session.drawing.svg import clock as minutes
from session.folder import Folder
from session.live.lines import Journal, read
from session.settings import Tables
from session.simulate import live
from stream.simulated.faults import Jump, describe, kind_of
from stream.simulated.simulator import SimulatedSource

REST, CALIBRATION = 20.0, 300.0
GRACE_S = 0.25
"""Seconds over `[stream] max_age` that anything shown as live may be old."""
EVERY_S = 5.0
"""Seconds between two looks at the memory."""
SHOWN = (topics.WINDOW, topics.QUALITY, topics.VALENCE)


class Clean(NamedTuple):
    """The same person on the fast clock, without faults."""

    model: Path
    score: Score | None
    """Null where the session is shorter than the calibration."""


class Memory(NamedTuple):
    """Resident memory of one process, in MB."""

    first: float
    last: float
    most: float
    slope: float | None
    """MB per hour, over the second half; null where that is shorter than 10 minutes."""


class Ages(NamedTuple):
    """Largest ages in seconds of what was shown as live, by its samples' true time."""

    shown: dict[str, float]
    """By topic, when it was published."""
    acted: float | None
    """Of a valence, when the player took it in."""


# -- before ------------------------------------------------------------------------------------


def settled(protocol: str, broker: str) -> Tables:
    """Return the settings of the session."""
    options = [("rig.broker", broker)] if broker else []
    return tables_of.tables(tables_of.load(protocol, None, options))


def on_the_fast_clock(tables: Tables, out: Path) -> Clean:
    """Learn from the person's calibration, and decode what follows without faults."""
    phases: dict[str, float] = {phase.name: phase.seconds for phase in tables.session.phases}
    whole = phases.get("calibration") == CALIBRATION
    phases = phases if whole else {"rest": REST, "calibration": CALIBRATION}
    sender = tables.source.sender
    assert isinstance(sender, SimulatedSource)
    life = live(sender.seed, sender.strength, phases)
    turn = REST + CALIBRATION
    rows = rows_from(
        [window for window in life.windows if window.t_last <= turn],
        [key for key in life.keys if key[0] <= turn],
        tables.decoder,
        baseline=[(0.0, REST)],
        learn=[(REST, turn)],
    )
    model, _ = fit(rows, tables.decoder, tables.session.seed)
    folder = out / "model"
    models.save(model, folder)
    if not whole:
        return Clean(folder, None)
    decoder = Decoder(tables.decoder)
    decoder.load(model)
    decoded = [decoder.step(window) for window in life.windows if window.t_last > turn]
    times, states = zip(*life.felt, strict=True)
    end = turn + phases["feedback"]
    span = [Span(name="feedback", index=2, start=turn, end=end, cut=False)]
    assert decoder.declared_delay is not None
    delay = decoder.declared_delay.total
    felt = Steps(times=times, states=states)
    return Clean(folder, score("truth", decoded, felt, span, delay, declared=True))


# -- the session -------------------------------------------------------------------------------


@contextmanager
def alone() -> Iterator[None]:
    """Keep this run's LSL streams apart from any other's."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "lsl_api.cfg"
        config.write_text(f"[lab]\nSessionID = reliability-{os.getpid()}\n[log]\nlevel = -2\n")
        os.environ["LSLAPICFG"] = str(config)
        yield


def run_session(protocol: str, model: Path, out: Path, broker: str) -> dict[str, list[Any]]:
    """Run the session to its end; return (time, MB) of every process, by name."""
    command = [sys.executable, "-m", "session", "run", "--protocol", protocol, "--json"]
    command += ["--model", str(model), "--out", str(out), "--sink", "null"]
    command += ["--broker", broker] if broker else []
    seen: dict[str, list[Any]] = {}
    with (out / "run.json").open("wb") as told, (out / "run.log").open("wb") as errors:
        process = subprocess.Popen(command, stdout=told, stderr=errors, cwd=ROOT)
        here = psutil.Process(process.pid)
        while process.poll() is None:
            look(here, seen)
            time.sleep(EVERY_S)
    if process.returncode:
        raise SystemExit(f"rym run ended with {process.returncode}: {out / 'run.json'}")
    return seen


def look(top: psutil.Process, seen: dict[str, list[Any]]) -> None:
    """Note the resident memory of a session's processes."""
    try:
        processes = [top, *top.children()]
    except psutil.NoSuchProcess:
        return
    for process in processes:
        try:
            words, used = process.cmdline(), process.memory_info().rss / 2**20
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        module = words[words.index("-m") + 1] if "-m" in words else ""
        if module:
            seen.setdefault(f"{module}@{process.pid}", []).append((time.monotonic(), used))


# -- afterwards --------------------------------------------------------------------------------


def memories(seen: Mapping[str, Sequence[tuple[float, float]]]) -> dict[str, Memory]:
    """Sum up the memory of every process that lived for more than a minute."""
    found = {}
    for name, rows in seen.items():
        t, used = np.array(rows).T
        if t[-1] - t[0] < 60:
            continue
        # The first looks fall into the start, where libraries are still being loaded.
        late, begun = t >= (t[0] + t[-1]) / 2, used[t >= t[0] + 20]
        slope = float(np.polyfit(t[late] / 3600, used[late], 1)[0])
        found[name.partition("@")[0]] = Memory(
            first=begun[0],
            last=used[-1],
            most=used.max(),
            slope=slope if t[-1] - t[0] >= 1200 else None,
        )
    return found


def ages(journal: Journal, ahead: Sequence[float]) -> Ages:
    """Return how old the oldest was that was shown as live.

    A sender whose clock ran ahead stamps into the future; the age of what it sent is that much
    larger than the stamps say. `ahead` holds the seconds by which it did.
    """

    def true_age(said: float) -> float:
        jumps = [jump for jump in ahead if abs(said + jump) < abs(said)]
        return min((said + jump for jump in jumps), key=abs, default=said)

    shown = {}
    for topic in SHOWN:
        rows = journal.of(topic)
        shown[topic.short] = max(
            (true_age(x.meta.mono - _newest(x.content)) for x in rows), default=0.0
        )
    known = {x.id: x.content.t for x in journal.of(topics.VALENCE)}
    taken = [
        true_age(x.meta.mono - known[x.content.input])
        for x in journal.of(topics.APPLIED["player"])
        if x.content.input in known
    ]
    return Ages(shown, max(taken, default=None))


def _newest(content: Any) -> float:
    if hasattr(content, "t_first"):
        return float(content.t_first + (content.n_times - 1) / content.rate)
    return float(content.t)


def jumps_ahead(tables: Tables, faults: Sequence[Aftermath]) -> list[float]:
    """Return the seconds by which the sender's clock was set ahead."""
    found = []
    for fault in tables.source.faults:
        if isinstance(fault, Jump):
            by = fault.by if fault.to is None else fault.to - began(fault, faults)
            found += [by] if by > 0 else []
    return found


def began(fault: Jump, faults: Sequence[Aftermath]) -> float:
    """Return the rig time at which a scripted fault began, in seconds."""
    names = (kind_of(fault), describe(fault))
    return max((f.t for f in faults if (f.kind, f.what) == names), default=0.0)


def not_numbers(folder: Folder, journal: Journal) -> dict[str, int]:
    """Count numbers that are none, where a decoder or a listener would meet them."""
    windows = sum(
        int((~np.isfinite(_trusted(window.content))).sum())
        for window, _ in rerun.stream(folder, folder.read(), journal)
        if window.content.valid
    )
    valences = sum(not _finite(_numbers(x.content)) for x in journal.of(topics.VALENCE))
    played = sum(
        not _finite([*x.content.gains, x.content.level_db]) for x in journal.of(topics.NOW)
    )
    return {"windows": windows, "valences": valences, "played": played}


def _trusted(window: Any) -> Any:
    keep = [name not in window.untrusted for name in window.channels]
    return window.samples[:, keep]


def _numbers(valence: Any) -> list[float]:
    return [valence.confidence, valence.valence or 0.0, *(valence.probabilities or ())]


def _finite(values: Sequence[float]) -> bool:
    return all(map(math.isfinite, values))


def missing(tables: Tables, a: Analysis, html: str) -> tuple[list[str], list[str]]:
    """Return the scripted faults that the journal lacks, and those without a row in the report."""
    text = unescape(html)
    left = [(f.kind, f.what) for f in a.faults]
    not_kept = []
    for fault in tables.source.faults:
        name = (kind_of(fault), describe(fault))
        if name in left:
            left.remove(name)
        else:
            not_kept.append(f"{name[0]} at {fault.at:g} s")
    rows = [
        f.name
        for f in a.faults
        if f"<td>{minutes(f.t - a.start)}</td><td>{f.name}</td>" not in text
    ]
    return not_kept, rows


# -- the page ----------------------------------------------------------------------------------


class Found(NamedTuple):
    """All that is told."""

    protocol: str
    a: Analysis
    clean: Clean
    ages: Ages
    limit: float
    nan: dict[str, int]
    memory: dict[str, Memory]
    verdict: Verdict
    not_kept: list[str]
    not_named: list[str]

    @property
    def problems(self) -> list[str]:
        """Return what must not be."""
        stale = {k: v for k, v in self.ages.shown.items() if v > self.limit}
        told = [f"not in the journal: {name}" for name in self.not_kept]
        told += [f"not in the report: {name}" for name in self.not_named]
        told += [f"{k} {v:.2f} s old was shown as live" for k, v in stale.items()]
        if not self.verdict.identical:
            told.append(self.verdict.sentence)
        return told


def page(found: Found) -> str:
    """Return everything as Markdown."""
    parts = [
        f"`{found.protocol}`, {minutes(found.a.end - found.a.start)} of session, {machine()}.",
        table(("at", *HEAD), [(minutes(f.t - found.a.start), *cells(f)) for f in found.a.faults]),
        table(("what", "found", "asked"), summary(found)),
        table(
            ("process", "MB after 20 s", "MB at the end", "most", "MB/h, second half"),
            [
                (name, *("–" if x is None else f"{x:.1f}" for x in memory))
                for name, memory in sorted(found.memory.items())
            ],
        ),
        "\n".join(f"- {problem}" for problem in found.problems) or "Nothing that must not be.",
    ]
    return "\n\n".join(parts) + "\n"


def summary(found: Found) -> list[tuple[str, str, str]]:
    """Return the rows about the whole session."""
    a, limit = found.a, f"≤ {found.limit:g} s"
    faults = len(a.faults)
    kept, named = faults, faults - len(found.not_named)
    scripted = kept + len(found.not_kept)
    drops = {f"{life.service} {topic}": n for life in a.lives for topic, n in life.drops}
    restarts = len(a.lives) - len({life.service for life in a.lives})
    acted = "–" if found.ages.acted is None else f"{found.ages.acted:.2f} s"
    lost = sum(hole.last - hole.first + 1 for hole in a.holes)
    rows = [
        ("faults in the journal", f"{kept} of {scripted}", "all"),
        ("faults named in the report", f"{named} of {faults}", "all"),
        *(
            (f"oldest {topic} when published", f"{age:.2f} s", limit)
            for topic, age in found.ages.shown.items()
        ),
        ("oldest valence that the player took in", acted, "≤ 2 s"),
        *((f"numbers that are none in {k}", str(n), "0") for k, n in found.nan.items()),
        ("messages given up by overload", in_words(drops), ""),
        ("messages that the journal lacks", str(lost), "0"),
        ("parts started again", str(restarts), ""),
        ("`rym replay --verify`", found.verdict.sentence, "identical"),
    ]
    if found.clean.score is not None:
        rows.append(
            ("balanced accuracy on the fast clock, no faults", agreed(found.clean.score), "")
        )
    if a.scores and found.clean.score is not None:
        rows.append(("the same live, with the faults", agreed(a.scores[0]), ""))
    return rows


def agreed(s: Score) -> str:
    """Return a score with its chance."""
    if s.balanced_accuracy is None:
        return "–"
    return (
        f"{s.balanced_accuracy:.3f} over {s.n_windows} windows, chance {s.chance:.3f} "
        f"({s.chance_low:.2f} to {s.chance_high:.2f} for {s.n_states} states)"
    )


def in_words(counts: Mapping[str, int]) -> str:
    """Return counts in one cell."""
    return ", ".join(f"{name} {n}" for name, n in counts.items()) or "none"


def machine() -> str:
    """Return what the figures depend on, in general words."""
    packages = ("numpy", "pylsl", "aiomqtt", "amqtt")
    told = ", ".join(f"{name} {version(name)}" for name in packages)
    return (
        f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, {told}"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in lines
    )


def main() -> int:
    """Run, look, print; return 1 where something is that must not be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, choices=[2, 30], default=2)
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--broker", default="")
    arguments = parser.parse_args()
    protocol = f"faults{arguments.minutes}min"
    out = arguments.out or Path(tempfile.mkdtemp(prefix="reliability-"))
    out.mkdir(parents=True, exist_ok=True)
    tables = settled(protocol, arguments.broker)
    clean = on_the_fast_clock(tables, out)
    print(f"{protocol}: model made, the session runs", file=sys.stderr, flush=True)
    with alone():
        seen = run_session(protocol, clean.model, out, arguments.broker)
    newest = max((out / "sub-sim" / "ses-01").glob(f"{protocol}_run-*"), key=os.path.getmtime)
    text, problems = told(Folder(newest), protocol, tables, clean, seen)
    (out / "memory.json").write_text(json.dumps(seen), encoding="utf-8")
    (out / "reliability.md").write_text(text, encoding="utf-8")
    print(text)
    return 1 if problems else 0


def told(
    folder: Folder, protocol: str, tables: Tables, clean: Clean, seen: Mapping[str, Any]
) -> tuple[str, list[str]]:
    """Read a session and return the page, and what must not be."""
    journal = read(folder)
    a = analyse(journal.by_topic, gather(journal.by_topic, folder.read()))
    not_kept, not_named = missing(tables, a, folder.report.read_text(encoding="utf-8"))
    found = Found(
        protocol=protocol,
        a=a,
        clean=clean,
        ages=ages(journal, jumps_ahead(tables, a.faults)),
        limit=tables.stream.max_age + GRACE_S,
        nan=not_numbers(folder, journal),
        memory=memories(seen),
        verdict=verify(folder, SystemClock()),
        not_kept=not_kept,
        not_named=not_named,
    )
    return page(found), found.problems


if __name__ == "__main__":
    raise SystemExit(main())

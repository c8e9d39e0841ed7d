"""From a session's calibration to a model: `python -m session.after.training`, and `rym train`.

Learned from is the phase `calibration` alone, the z-score rests on the phase `rest`; what came
after is not looked at, so that training in the middle of a session, from files that are still
growing, gives the model that training afterwards gives.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from decoder import model as models
from decoder import training
from decoder.rows import Rows, rows_from
from decoder.settings import Candidate, DecoderSettings
from decoder.visits import joined
from rym import messages as m
from rym.clock import Clock, SystemClock
from rym.errors import FormatError, RymError, UsageError
from rym.logs import show_logs
from rym.topics import LABEL, MARKER, PHASE
from stream.files.xdf import replay_file
from stream.settings import StreamSettings

from ..folder import Folder, Record
from ..live.lines import Journal, read
from .episodes import Span, spans
from .recordings import recordings
from .trained import Score, Trained
from .triggers import Trial, labels_of, trials

Progress = Callable[[float, str], None]
Asked = Candidate | Literal["auto"]
Spans = list[tuple[float, float]]

WAIT = 3.0
"""Seconds for which a journal that is still being written may be behind the calibration's end."""

log = logging.getLogger("training")


def train(
    folder: Folder,
    out: Path,
    clock: Clock,
    *,
    earlier: Sequence[Folder] = (),
    decoder: Asked | None = None,
    seed: int | None = None,
    progress: Progress = lambda share, what: None,  # noqa: ARG005
) -> Trained:
    """Fit a model to a session's calibration and save it.

    Parameters
    ----------
    folder : Folder
        The session's; its files may still be growing behind the calibration's end.
    out : Path
        Model folder to be made.
    clock : Clock
        Measures how long it takes.
    earlier : sequence of Folder
        Sessions of the same person whose calibrations are added, oldest first. The decoder's
        settings are the session's own.
    decoder : {'auto', 'cebra-knn', 'lda', 'riemann'} or None
        What to fit; None: as the session's settings say.
    seed : int or None
        None: that of the session.
    progress : callable
        Called with the share done (0…1) and what was done.

    Returns
    -------
    Trained

    Raises
    ------
    FormatError
        If `out` exists, or a folder lacks record, journal, recording or calibration.
    SignalError
        If a calibration holds no usable signal, or the visits were recorded otherwise.
    UsageError
        If an earlier session is of somebody else.
    """
    started = clock.now()
    if out.exists():
        raise FormatError(f"{out} exists already.", "Name another folder; nothing is overwritten.")
    record = folder.read()
    settings = _settings(record, decoder)
    journal = read(folder)
    rows = calibration(folder, record, journal, settings)
    if earlier:
        before = [_earlier(one, folder, settings) for one in earlier]
        rows = joined([*before, rows], settings.features.max_bad)
    if seed is None:
        seed = record.seeds.get("training", record.seeds.get("session", 1))
    model, scores = training.fit(rows, settings, seed, progress)
    save(model, out)
    trained = _trained(model, scores, out, clock.now() - started)
    said = [trial for trial in marked(record, journal, newest(journal)) if trial.excluded]
    return msgspec.structs.replace(
        trained,
        visits=tuple(str(one.path) for one in earlier),
        excluded=tuple(f"{trial.state} at {trial.start:.2f} s: {trial.excluded}" for trial in said),
    )


def _settings(record: Record, decoder: Asked | None) -> DecoderSettings:
    settings = msgspec.convert(record.settings.get("decoder", {}), DecoderSettings)
    if decoder is None:
        return settings
    how = msgspec.structs.replace(settings.training, candidate=decoder)
    return msgspec.structs.replace(settings, training=how)


def _earlier(one: Folder, newest: Folder, settings: DecoderSettings) -> Rows:
    """Return the calibration of an earlier visit of the same person."""
    record = one.read()
    if one.subject != newest.subject:
        raise UsageError(
            f"{one.path} is of {one.subject}, {newest.path} is of {newest.subject}.",
            "Name sessions of one person.",
        )
    return calibration(one, record, read(one), settings)


def _trained(model: models.Model, scores: training.Scores, out: Path, seconds: float) -> Trained:
    return Trained(
        model=str(out),
        decoder=scores.chosen,
        verdict=scores.verdict,
        scores={
            name: Score(balanced_accuracy=one.balanced_accuracy, critical_value=one.critical_value)
            for name, one in scores.candidates.items()
        }
        | {
            name: Score(
                balanced_accuracy=one.balanced_accuracy,
                critical_value=one.critical_value,
                kind="control",
            )
            for name, one in scores.controls.items()
        },
        seconds=seconds,
        id=model.id,
        why=scores.why,
        choice=scores.choice,
        doubt=scores.doubt,
        balanced_accuracy=scores.score,
        chance_low=scores.chance[0],
        chance_high=scores.chance[1],
        n_states=scores.n_episodes,
        n_rows=scores.n_rows,
    )


def by_visit(paths: Sequence[Path]) -> list[Folder]:
    """Return the folders of some sessions, oldest first, as `rym train` takes them.

    A single one is not opened, so that what is wrong with the command is said before what is wrong
    with the session.

    Raises
    ------
    UsageError
        If one is named twice.
    """
    folders = [Folder(path) for path in paths]
    if len({folder.path.resolve() for folder in folders}) < len(folders):
        raise UsageError(
            f"Of {len(folders)} sessions one is named twice.", "Name every session once."
        )
    if len(folders) == 1:
        return folders
    return sorted(folders, key=lambda folder: folder.read().started)


def save(model: models.Model, out: Path) -> None:
    """Save a model so that its folder is there as a whole or not at all."""
    part = out.with_name(out.name + ".part")
    if part.exists():
        shutil.rmtree(part)
    models.save(model, part)
    part.rename(out)


def calibration(
    folder: Folder, record: Record, journal: Journal, settings: DecoderSettings
) -> Rows:
    """Return the rows of a session's rest and calibration.

    Parameters
    ----------
    folder : Folder
        Holds the recordings.
    record : Record
        Holds the stream's settings.
    journal : Journal
        Holds phases and keys.
    settings : DecoderSettings
        How windows become rows.

    Raises
    ------
    FormatError
        If there is no calibration or no recording.
    SignalError
        If no window can be used.
    """
    phases = _phases(journal)
    learn = [(span.start, span.end) for span in phases if span.name == "calibration"]
    if not learn:
        raise FormatError(
            f"The journal of {folder.path} names the phases "
            f"{', '.join(span.name for span in phases) or 'none'}, but no calibration.",
            "Run a session with a phase `calibration`.",
        )
    rest = [(span.start, span.end) for span in phases if span.name == "rest"]
    end = max(span[1] for span in learn)
    windows = _windows(folder, record, journal, [*rest, *learn])
    return rows_from(windows, _labels(record, journal, end), settings, baseline=rest, learn=learn)


def _phases(journal: Journal) -> tuple[Span, ...]:
    return spans(journal.of(PHASE), newest(journal))


def newest(journal: Journal) -> float:
    """Return the rig time of the newest message, in seconds."""
    times = (x.meta.mono for messages in journal.by_topic.values() for x in messages)
    return max(times, default=0.0)


def marked(record: Record, journal: Journal, end: float) -> list[Trial]:
    """Return the trials up to a rig time where the session's labels are hardware markers.

    Parameters
    ----------
    record : Record
        Says whether they are, and what the codes mean.
    journal : Journal
        Holds the markers.
    end : float
        In seconds.
    """
    settings = record.settings.get("session", {})
    if settings.get("labels") != "markers":
        return []
    states: tuple[m.LabelState, ...] = ("positive", "neutral", "negative", "none")
    codes = dict(zip(settings["codes"], states, strict=True))
    markers = [message.content for message in journal.of(MARKER)]
    return trials(markers, codes, longest=settings["longest_trial"], end=end)


def _labels(record: Record, journal: Journal, end: float) -> list[tuple[float, m.LabelState]]:
    if record.settings.get("session", {}).get("labels") == "markers":
        # What is cut off by the calibration's end has not ended there.
        return [label for label in labels_of(marked(record, journal, end)) if label[0] < end]
    pressed = [message.content for message in journal.of(LABEL)]
    return sorted((label.t, label.state) for label in pressed if label.t <= end)


def _windows(folder: Folder, record: Record, journal: Journal, within: Spans) -> Iterator[m.Window]:
    """Yield the windows that lie wholly within one of the spans."""
    settings = msgspec.convert(record.settings.get("stream", {}), StreamSettings)
    files = recordings(folder, journal)
    if not files:
        raise FormatError(
            f"There is no recording in {folder.path}.", "Give the folder of a session with EEG."
        )
    for _, path in files:
        for window, _ in replay_file(path, settings):
            if any(start <= window.t_first and window.t_last <= end for start, end in within):
                yield window


async def until_written(folder: Folder, clock: Clock, wait: float = WAIT) -> None:
    """Return once the journal reaches beyond the calibration, or after `wait` seconds.

    During a session the journal is up to half a second behind, and so may be the last keys.
    """
    give_up = clock.now() + wait
    while clock.now() < give_up:
        said = [message.content for message in read(folder).of(PHASE)]
        indices = [phase.index for phase in said if phase.name == "calibration"]
        if indices and any(phase.index > max(indices) for phase in said):
            return
        await clock.sleep_until(clock.now() + 0.1)


def main(argv: Sequence[str] | None = None) -> int:
    """Train from the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m session.after.training",
        description="Fit a model to the calibration of a session, which may still be running.",
    )
    parser.add_argument("--session", type=Path, required=True, metavar="FOLDER")
    parser.add_argument(
        "--out", type=Path, metavar="MODEL", help="model folder; model/ in the session's otherwise"
    )
    parser.add_argument("--seed", type=int, help="that of the session otherwise")
    parser.add_argument("--json", action="store_true", help="one object on standard output")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    options = parser.parse_args(argv)
    show_logs("training", debug=options.debug)
    try:
        trained = _run(options)
    except RymError as error:
        if options.debug:
            raise
        said = {"error": error.error, "remedy": error.remedy}
        sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n" if options.json else b"")
        log.error("%s", error)
        return error.exit_code
    text = msgspec.json.encode(trained).decode() if options.json else in_words(trained)
    sys.stdout.write(text + "\n")
    return trained.exit_code


def _run(options: argparse.Namespace) -> Trained:
    clock = SystemClock()
    folder = Folder(options.session)
    out = options.out or folder.model
    asyncio.run(until_written(folder, clock))
    started = clock.now()

    def progress(share: float, what: str) -> None:
        left = (clock.now() - started) * (1 - share) / share
        log.info("%3.0f %%, %.0f s left: %s", 100 * share, left, what)

    return train(folder, out, clock, seed=options.seed, progress=progress)


def in_words(trained: Trained) -> str:
    """Return what training gave as a few sentences."""
    left_out = f" Left out: {'; '.join(trained.excluded)}." if trained.excluded else ""
    doubt = f" Doubtful: {trained.doubt}" if trained.doubt else ""
    return (
        f"{trained.model}: {trained.choice} Verdict `{trained.verdict}`. "
        f"{trained.why}{doubt}{left_out}"
    )


if __name__ == "__main__":
    raise SystemExit(main())

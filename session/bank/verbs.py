"""The verbs of a bank: `rym bank build`, `check`, `show`, `add`, `song`, `score` and `bounce`."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rym.errors import UsageError

from ..after.bounce.verb import add as add_bounce
from ..rig.verbs import Outcome, Verb, number

if TYPE_CHECKING:
    from generator.making.build import Progress
    from generator.models.scoring import Scores
    from generator.settings import GeneratorSettings
    from generator.song.understanding import Answer
    from rym.bank import Kind

# Imports stand inside the verbs: `rym --help` shall not wait for numpy.
# ruff: noqa: PLC0415

LABEL = "sim"
"""Label of whoever is named no other way, as in the sessions' settings."""


def add(verbs: Any, verb: Verb) -> None:
    """Add `bank` to the command line's verbs."""
    bank = verbs.add_parser("bank", help="Make a memory's music and pictures, and listen to them.")
    inner = bank.add_subparsers(required=True, metavar="VERB")
    _add_build(inner, verb)
    parser = verb(inner, "check", "Measure a bank anew and name everything that is wrong.", _check)
    parser.add_argument("bank", type=Path, metavar="DIR", help="the bank's folder")
    parser.add_argument("--jobs", type=int, default=0, help="processes (default: all cores)")
    _add_show(inner, verb)
    _add_add(inner, verb)
    _add_song(inner, verb)
    _add_score(inner, verb)
    add_bounce(inner, verb)


def _whose(parser: Any) -> None:
    parser.add_argument("--memory", type=Path, required=True, help="the memory, a TOML file")
    parser.add_argument(
        "--subject", default=LABEL, help=f"label of the person, never a name (default: {LABEL})"
    )
    parser.add_argument(
        "--root", type=Path, default=Path("sessions"), help="folder of all sessions and people"
    )


def _add_build(inner: Any, verb: Verb) -> None:
    words = "Make a bank from a memory; goes on where it stopped."
    parser = verb(inner, "build", words, _build)
    _whose(parser)
    parser.add_argument("--out", type=Path, help="the bank's folder (default: the person's own)")
    parser.add_argument("--config", type=Path, help="settings, a TOML file; table [generator]")
    parser.add_argument("--music", choices=["procedural", "musicgen", "audiocraft", "acestep"])
    parser.add_argument("--pictures", choices=["procedural", "diffusion", "none"])
    parser.add_argument("--jobs", type=int, default=0, help="processes (default: all cores)")
    parser.add_argument(
        "--ready-by",
        metavar="HH:MM",
        help="stop adding to the procedural bank in time for this (also 2h30 or 45min from now)",
    )


def _add_show(inner: Any, verb: Verb) -> None:
    parser = verb(inner, "show", "Hear, see, approve or reject what is in a bank.", _show)
    parser.add_argument("bank", type=Path, metavar="DIR", help="the bank's folder")
    parser.add_argument("--no-browser", action="store_true", help="only tell the page's address")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the page, without sound")
    parser.add_argument(
        "--approve", nargs="+", metavar="NAME", help="approve these without a page; `all` for all"
    )
    parser.add_argument("--by", choices=["operator", "person"], help="who approves")


def _add_add(inner: Any, verb: Verb) -> None:
    words = "Put a clip made elsewhere in a place of the bank, through the same mastering."
    parser = verb(inner, "add", words, _add)
    parser.add_argument("bank", type=Path, metavar="DIR", help="the bank's folder")
    parser.add_argument("file", type=Path, metavar="FILE", help="WAV, FLAC, OGG or MP3")
    parser.add_argument("--affect", required=True, choices=["negative", "neutral", "positive"])
    parser.add_argument("--section", type=int, required=True, help="from 0")
    parser.add_argument("--variant", type=int, default=0, help="from 0")
    parser.add_argument("--ending", action="store_true", help="the section's ending, not a loop")
    parser.add_argument("--licence", default="", help="under which it may be played")


def _add_song(inner: Any, verb: Verb) -> None:
    words = "Hear what was understood of a memory's song, and say whether it is the person's own."
    parser = verb(inner, "song", words, _song)
    _whose(parser)
    parser.add_argument(
        "--hum",
        type=number(2.0),
        metavar="SECONDS",
        help="record the memory's [song] file now, from the microphone (at most 20)",
    )
    parser.add_argument("--device", default="", help="the microphone, by name")
    parser.add_argument("--answer", choices=["yes", "nearly", "no"], help="is this the song?")


def _add_score(inner: Any, verb: Verb) -> None:
    words = "Compare a bank with its words by CLIP and CLAP, where their weights are there."
    parser = verb(inner, "score", words, _score)
    _whose(parser)
    parser.add_argument("--bank", type=Path, help="the bank's folder (default: the person's own)")
    parser.add_argument("--config", type=Path, help="settings, a TOML file; table [generator]")
    parser.add_argument("--clip", metavar="MODEL", help="model id or local folder")
    parser.add_argument("--clap", metavar="MODEL", help="model id or local folder")
    parser.add_argument("--download", action="store_true", help="fetch weights that are missing")


# -- build ---------------------------------------------------------------------------------------


def _build(arguments: argparse.Namespace) -> Outcome:
    from generator.__main__ import in_words, table
    from generator.making import rows
    from generator.making.build import build
    from generator.memory import load
    from generator.words.explaining import explain
    from rym.clock import SystemClock

    clock = SystemClock()
    if arguments.out:
        rows.refuse_other_memory(arguments.out, load(arguments.memory))
    kept = _kept(arguments)
    memory = load(kept)
    out = arguments.out or kept.parent.parent / "bank"
    tell = _teller(quiet=arguments.json)
    for sentence in explain(memory):
        tell(sentence)
    ready_by = _ready_by(arguments.ready_by, clock.wall()) if arguments.ready_by else None
    built = build(
        memory,
        out,
        _settings(arguments),
        _progress(tell),
        kept=kept.parent,
        subject=arguments.subject,
        jobs=arguments.jobs,
        ready_by=ready_by,
        clock=clock,
    )
    if not arguments.json:
        sys.stdout.write(in_words(built.bank, out, built.remarks) + "\n")
    return table(built.bank, out, built.remarks), 0


def _kept(arguments: argparse.Namespace) -> Path:
    """Keep the memory with the person's other things; return where."""
    from generator.words.keeping import keep

    return keep(arguments.memory, _memory_folder(arguments))


def _memory_folder(arguments: argparse.Namespace) -> Path:
    """Return where a person's memory is kept."""
    from ..folder import check_label

    root: Path = arguments.root
    return root / "people" / check_label("subject", arguments.subject) / "memory"


def _settings(arguments: argparse.Namespace) -> GeneratorSettings:
    from ..settings import load, tables

    named = {
        "music": getattr(arguments, "music", None),
        "pictures": getattr(arguments, "pictures", None),
    }
    options = [(f"generator.{key}.type", tag) for key, tag in named.items() if tag]
    return tables(load("recall", arguments.config, options)).generator


def _teller(*, quiet: bool) -> Callable[[str], None]:
    """Return what tells people something while standard output is a program's."""

    def tell(sentence: str) -> None:
        if not quiet:
            sys.stderr.write(sentence + "\n")

    return tell


def _progress(tell: Callable[[str], None]) -> Callable[[Progress], None]:

    made = 0

    def told(progress: Progress) -> None:
        nonlocal made
        if not progress.file:
            tell(f"The procedural bank is there; the rest takes about {_duration(progress.left)}.")
            return
        made += not progress.kept
        if made == 2 and not progress.kept:  # one clip and one picture have been timed
            tell(f"{progress.total} files, about {_duration(progress.left)} here.")
        what = "kept" if progress.kept else "made"
        left = f", about {_duration(progress.left)} left" if progress.left >= 0.5 else ""
        tell(f"{progress.done}/{progress.total} {what} {progress.file}{left}")

    return told


def _duration(seconds: float) -> str:
    """Return a duration as people say it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def _ready_by(text: str, now: float) -> float:
    """Return the time, in seconds since the Unix epoch, that a person has named.

    Raises
    ------
    UsageError
        If it is neither a time of day nor a duration.
    """
    if found := re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text):
        today = datetime.fromtimestamp(now).astimezone()
        at = today.replace(hour=int(found[1]), minute=int(found[2]), second=0, microsecond=0)
        return (at if at > today else at + timedelta(days=1)).timestamp()
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)(?:min)?)?", text)
    if found and text:
        return now + 3600.0 * int(found[1] or 0) + 60.0 * int(found[2] or 0)
    raise UsageError(
        f"--ready-by is {text!r}, expected is a time of day such as 14:30, or 2h30 or 45min.",
        "Name when the bank has to be ready.",
    )


# -- the others ----------------------------------------------------------------------------------


def _check(arguments: argparse.Namespace) -> Outcome:
    from generator.__main__ import in_words, table
    from generator.making.check import problems
    from rym import bank

    found = problems(arguments.bank, arguments.jobs)
    manifest = bank.read(arguments.bank)
    if not arguments.json:
        said = found or ("Nothing is wrong with it.",)
        sys.stdout.write(in_words(manifest, arguments.bank, said) + "\n")
    return table(manifest, arguments.bank, found), 1 if found else 0


def _show(arguments: argparse.Namespace) -> Outcome:
    from .approvals import approve
    from .show import show

    if arguments.approve:
        if arguments.by is None:
            raise UsageError("It is not said who approves.", "Add --by operator or --by person.")
        names = "all" if arguments.approve == ["all"] else arguments.approve
        approve(arguments.bank, names, arguments.by)
        arguments.out = arguments.out or None
        return {"bank": str(arguments.bank), "approved": arguments.approve}, 0
    told = show(arguments.bank, browser=not arguments.no_browser, out=arguments.out)
    return told, 0


def _add(arguments: argparse.Namespace) -> Outcome:
    from generator.drafts import Place
    from generator.making.add import add as add_clip

    kind: Kind = "ending" if arguments.ending else "loop"
    place = Place(arguments.section, arguments.variant, arguments.affect, kind)
    clip = add_clip(arguments.bank, arguments.file, place, arguments.licence)
    if not arguments.json:
        sys.stdout.write(f"{clip.file}: {clip.lufs:.1f} LUFS, {clip.bars} bars. Approve it anew.\n")
    return {"bank": str(arguments.bank), "file": clip.file, "lufs": clip.lufs}, 0


def _song(arguments: argparse.Namespace) -> Outcome:
    from generator.memory import load
    from generator.song.playback import heard
    from generator.song.understanding import answer, understand

    if arguments.hum:
        _hum(arguments)
    kept = _kept(arguments)
    memory = load(kept)
    if memory.song is None:
        raise UsageError(
            f"{arguments.memory} names no song.", 'Add a table [song] with file = "…".'
        )
    song = understand(memory.song, kept.parent)
    sound = heard(kept.parent)
    if arguments.answer:
        answer(kept.parent, arguments.answer)
    if not arguments.json:
        for sentence in _about(song.remarks, len(song.melody), song.tempo, sound):
            sys.stdout.write(sentence + "\n")
        if not arguments.answer and sys.stdin.isatty():
            _ask(kept.parent)
    told = {"n_notes": len(song.melody), "tempo": song.tempo, "key": song.key}
    return {**told, "confidence": song.confidence, "heard": str(sound)}, 0


def _about(remarks: Sequence[str], n_notes: int, tempo: float, sound: Path) -> list[str]:
    return [
        *remarks,
        f"{n_notes} notes at {tempo:.0f} beats per minute were understood.",
        f"Listen to {sound}. Is this your song? Say --answer yes, nearly or no.",
    ]


def _ask(folder: Path) -> None:
    from generator.song.understanding import answer

    answers: dict[str, Answer] = {"yes": "yes", "nearly": "nearly", "no": "no"}
    while (said := input("yes / nearly / no: ").strip().lower()) not in answers:
        sys.stdout.write("One of the three, please.\n")
    answer(folder, answers[said])


def _hum(arguments: argparse.Namespace) -> None:
    """Record the file that the memory names as its song."""
    from generator.song.humming import Moment, record

    from .humming import to_hum

    path = to_hum(arguments.memory, _memory_folder(arguments))

    def told(moment: Moment) -> None:
        if sys.stderr.isatty():
            words = "hum now" if moment.before <= 0 else f"in {moment.before:.0f} s"
            sys.stderr.write(f"\r{words}, {moment.left:4.1f} s left, {moment.level_db:5.0f} dB ")

    for sentence in record(path, told, arguments.hum, arguments.device).remarks:
        sys.stderr.write(f"\n{sentence}\n")


def _score(arguments: argparse.Namespace) -> Outcome:
    import msgspec

    from generator.memory import load
    from generator.models.scores import ScoreSettings, save, score_bank
    from generator.words.choosing import prompter
    from rym import bank
    from rym.clock import SystemClock

    kept = _kept(arguments)
    folder = arguments.bank or kept.parent.parent / "bank"
    words = prompter(_settings(arguments).words, load(kept), kept.parent, SystemClock())
    named = {"clip": arguments.clip, "clap": arguments.clap}
    chosen = {key: value for key, value in named.items() if value}
    settings = ScoreSettings(**chosen, download=arguments.download)
    scores = score_bank(folder, bank.load(folder), words, settings)
    path = save(scores, kept.parent)
    if not arguments.json:
        for row in (*_tabulated(scores), *scores.missing, scores.note, f"All is in {path}."):
            sys.stdout.write(row + "\n")
    return msgspec.to_builtins(scores), 0


def _tabulated(scores: Scores) -> list[str]:
    """Return measures, and by how much clips fit their own prompt better, a row each."""
    rows = [f"{'':24}{'unpleasant':>12}{'neither':>12}{'pleasant':>12}"]
    found: dict[str, list[str]] = {}
    for x in scores.measures:
        found.setdefault(f"{x.name} {x.unit}".strip(), []).append(f"{x.value.mean:12.3g}")
    for lead in scores.leads:
        name = f"own prompt, {lead.sense}"
        found.setdefault(name, []).append(f"{lead.difference.mean:+12.2f}")
    return rows + [f"{name[:23]:24}{''.join(values)}" for name, values in found.items()]

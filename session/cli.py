"""The command line `rym`: it parses, and hands on. Every verb is one function of another room."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from rym.errors import RymError, UsageError

from .bank.verbs import add as add_bank
from .evaluation.cohort.verb import add as add_cohort
from .evaluation.verb import add as add_evaluate
from .rig.verbs import Outcome, number
from .rig.verbs import add as add_rig

if TYPE_CHECKING:
    from rym.settings import Resolved

    from .bar import Bar
    from .folder import Folder


DECODERS = ("auto", "cebra-knn", "lda", "riemann")
PRESETS = ("close", "gentle", "paper")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code.

    Returns
    -------
    int
        0 done, 1 failed, 2 wrong use, 3 not distinguishable from chance.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        arguments = _parser().parse_args(words)
        result, code = arguments.verb(arguments)
    except BrokenPipeError:
        return 1  # who read what was printed has gone: `rym … | head`
    except (Exception, KeyboardInterrupt) as error:  # the process's end, not a loop
        if "--debug" in words:
            traceback.print_exc()
        told = _in_words(error)
        _tell_error(told, as_json="--json" in words)
        return told.exit_code
    if result is not None and arguments.json:
        sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
    return int(code)


def _in_words(error: BaseException) -> RymError:
    """Return what went wrong as one sentence with its remedy."""
    if isinstance(error, RymError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return RymError("It was interrupted.", "Give the same command again.")
    if isinstance(error, OSError) and error.filename:
        return RymError(
            f"{error.filename} cannot be used: {error.strerror}.",
            "Check the path, its rights and the free space.",
        )
    what = str(error).rstrip(".")
    return RymError(f"Unexpected {type(error).__name__}: {what}.", "Run it again with --debug.")


def _tell_error(error: RymError, *, as_json: bool) -> None:
    if as_json:
        said = {"error": error.error, "remedy": error.remedy}
        sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
    else:
        sys.stderr.write(f"rym: {error}\n")


class _Parser(argparse.ArgumentParser):
    """Words that it does not know are an error like any other: one sentence, also as JSON."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        sentence = f"{message[:1].upper()}{message[1:]}."
        raise UsageError(sentence, f"`{self.prog} --help` names what it takes.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="rym",
        description="Recall your memory: EEG-steered playback of one's own memory.",
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    _add_demo(verbs)
    _add_listen(verbs)
    _add_run(verbs)
    _add_simulate(verbs)
    _add_after(verbs)
    add_bank(verbs, _verb)
    add_evaluate(verbs, _verb)
    add_rig(verbs, _verb)
    return parser


def _verb(verbs: Any, name: str, words: str, function: Callable[..., Outcome]) -> Any:
    parser = verbs.add_parser(name, help=words, description=words)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--debug", action="store_true", help="show where an error arose")
    parser.set_defaults(verb=function)
    return parser


def _with_settings(parser: Any) -> Any:
    parser.add_argument("--config", type=Path, help="settings, a TOML file")
    parser.add_argument("--out", help="folder of all sessions (default: sessions)")
    parser.add_argument("--broker", help="mqtt://host:port of a broker that runs already")
    parser.add_argument("--bank", help="a bank made before")
    parser.add_argument("--memory", help="the memory to make a bank of, a TOML file")
    parser.add_argument("--subject", help="label of the person, a-z and 0-9; never a name")
    parser.add_argument("--run", type=int, help="number of the run (default: the next free one)")
    parser.add_argument("--device", help="audio device, by name")
    parser.add_argument("--sink", choices=["auto", "portaudio", "wav", "null"])
    parser.add_argument("--seed", type=int, help="of everything that draws at random")
    parser.add_argument(
        "--page",
        action="store_const",
        const=True,
        help="show the memory's pictures on a page, whose address stands on the screen",
    )
    parser.add_argument(
        "--print-config", action="store_true", help="print every setting and its origin, then end"
    )
    return parser


def _with_recordings(parser: Any) -> None:
    parser.add_argument(
        "--recording", type=Path, action="append", default=[], metavar="FILE", help="EEG to replay"
    )


def _add_demo(verbs: Any) -> None:
    words = "A whole session in true time with a simulated person, or from labelled recordings."
    parser = _with_settings(_verb(verbs, "demo", words, _demo))
    _with_recordings(parser)
    parser.add_argument(
        "--label",
        action="append",
        default=[],
        choices=["negative", "neutral", "positive"],
        help="what the recording before it stands for",
    )
    parser.add_argument("--strength", type=float, help="how strongly a state shows, 0 not at all")


def _add_listen(verbs: Any) -> None:
    words = "Sound at once: valence from the arrow keys, no EEG."
    parser = _with_settings(_verb(verbs, "listen", words, _listen))
    parser.add_argument("--seconds", type=number(), default=0.0, help="end after so long; 0: never")


def _add_run(verbs: Any) -> None:
    words = "A session with the EEG that arrives over LSL, or with replayed recordings."
    parser = _with_settings(_verb(verbs, "run", words, _run))
    _with_recordings(parser)
    parser.add_argument("--protocol", default="run", help="phases: a file in configs/")
    parser.add_argument("--model", type=Path, help="a model made before")
    parser.add_argument("--seconds", type=number(), default=0.0, help="end after so long; 0: never")


def _add_simulate(verbs: Any) -> None:
    words = "Many simulated sessions on a fast clock: mean scores over seeds, with an interval."
    parser = _verb(verbs, "simulate", words, _simulate)
    parser.add_argument("--seeds", type=int, default=20, help="simulated persons")
    parser.add_argument("--strength", type=float, default=1.0, help="how strongly a state shows")
    parser.add_argument("--calibration", type=float, default=300.0, help="seconds")
    parser.add_argument("--feedback", type=float, default=300.0, help="seconds")
    parser.add_argument("--decoder", choices=DECODERS, default="auto", help="what is trained")
    parser.add_argument(
        "--coupling", type=float, default=0.0, help="how far the music acts back: 0 deaf, 1 runaway"
    )
    parser.add_argument(
        "--drift", type=float, default=0.0, help="degrees by which signatures turn in 20 minutes"
    )
    parser.add_argument(
        "--learning", action="store_true", help="let the memory learn from keys in feedback"
    )
    parser.add_argument(
        "--preset",
        choices=PRESETS,
        default="gentle",
        help="how soon and how fast the music changes",
    )
    add_cohort(parser.add_subparsers(metavar="cohort"), _verb)


def _add_after(verbs: Any) -> None:
    words = "Fit a model to a session's calibration; to those of earlier visits as well."
    parser = _verb(verbs, "train", words, _train)
    parser.add_argument(
        "session", type=Path, nargs="+", help="folders of one person's sessions, in any order"
    )
    parser.add_argument("--out", type=Path, help="the model's folder (the newest session's own)")
    parser.add_argument(
        "--decoder",
        choices=DECODERS,
        help="what is trained (default: as the newest session's settings say)",
    )
    parser = _verb(verbs, "replay", "Run a recorded session again, faster than it was.", _replay)
    parser.add_argument("session", type=Path, help="the session's folder")
    parser.add_argument(
        "--verify", action="store_true", help="compare with the journal, byte by byte"
    )
    parser.add_argument(
        "--bounce", action="store_true", help="write its sound as FLAC, with its pictures as MP4"
    )
    parser.add_argument(
        "--out", type=Path, help="folder of the bounce (default: where its sound lies)"
    )
    parser = _verb(verbs, "report", "Write a session's report again.", _report)
    parser.add_argument("session", type=Path, help="the session's folder")


# Imports stand inside the verbs: `rym --help` shall not wait for numpy, and `rym listen` not for
# anything that reads EEG.
# ruff: noqa: PLC0415


def _options(arguments: argparse.Namespace) -> list[tuple[str, Any]]:
    named = {
        "session.root": arguments.out,
        "rig.broker": arguments.broker,
        "session.bank": arguments.bank,
        "session.memory": arguments.memory,
        "session.subject": arguments.subject,
        "session.run": arguments.run,
        "player.device": arguments.device,
        "player.sink": arguments.sink,
        "session.seed": arguments.seed,
        "page.on": arguments.page,
    }
    return [(path, value) for path, value in named.items() if value is not None]


def _session(
    arguments: argparse.Namespace, protocol: str, options: list[tuple[str, Any]]
) -> Outcome:
    from . import settings

    resolved = settings.load(protocol, arguments.config, [*_options(arguments), *options])
    if arguments.print_config:
        return _print_config(resolved, as_json=arguments.json)
    from .live.run import run_session

    summary = run_session(resolved, quiet=arguments.json)
    if not arguments.json:
        from .live.results import in_words

        sys.stdout.write(in_words(summary))
    return summary, 0


def _print_config(resolved: Resolved, *, as_json: bool) -> Outcome:
    rows = resolved.rows()
    if not as_json:
        for path, value, origin in rows:
            sys.stdout.write(f"{path} = {value!r}  ({origin})\n")
    return {path: {"value": value, "origin": origin} for path, value, origin in rows}, 0


def _for_seconds(seconds: float) -> list[tuple[str, Any]]:
    phases = [{"name": "feedback", "seconds": seconds}]
    return [("session.phases", phases)] if seconds else []


def _demo(arguments: argparse.Namespace) -> Outcome:
    if not (arguments.recording or arguments.label):
        options: list[tuple[str, Any]] = []
        if arguments.strength is not None:
            options.append(("source.sender.strength", arguments.strength))
        if arguments.seed is not None:
            options.append(("source.sender.seed", arguments.seed))
        return _session(arguments, "demo", options)
    if len(arguments.label) != len(arguments.recording):
        raise UsageError(
            f"{len(arguments.recording)} times --recording, {len(arguments.label)} times --label.",
            "Give one --label after each --recording.",
        )
    from .live.recordings import calibrate_then_play

    pairs = list(zip(arguments.recording, arguments.label, strict=True))
    return _session(arguments, "recordings", calibrate_then_play(pairs))


def _run(arguments: argparse.Namespace) -> Outcome:
    options = _for_seconds(arguments.seconds)
    if arguments.model is not None:
        options.append(("session.model", str(arguments.model)))
    if arguments.recording:
        from .live.recordings import play_through

        options += play_through(arguments.recording)
    return _session(arguments, arguments.protocol, options)


def _listen(arguments: argparse.Namespace) -> Outcome:
    from . import settings

    options = [*_options(arguments), *_for_seconds(arguments.seconds)]
    resolved = settings.load("listen", arguments.config, options)
    if arguments.print_config:
        return _print_config(resolved, as_json=arguments.json)
    from .live.listen import listen

    result = listen(resolved, quiet=arguments.json)
    if not arguments.json:
        from .live.results import sound_in_words

        sys.stdout.write(sound_in_words(result))
    return result, 0


def _simulate(arguments: argparse.Namespace) -> Outcome:
    from .simulate import simulate
    from .simulated.life import Plan

    plan = Plan(
        seed=0,
        strength=arguments.strength,
        coupling=arguments.coupling,
        drift=arguments.drift,
        calibration=arguments.calibration,
        feedback=arguments.feedback,
    )
    result = simulate(
        seeds=arguments.seeds,
        plan=plan,
        candidate=arguments.decoder,
        learning=arguments.learning,
        quiet=arguments.json,
        preset=arguments.preset,
    )
    return result, 0


def _train(arguments: argparse.Namespace) -> Outcome:
    from rym.clock import SystemClock

    from .after.training import by_visit, in_words, train

    *earlier, folder = by_visit(arguments.session)
    trained = train(
        folder,
        arguments.out or folder.model,
        SystemClock(),
        earlier=earlier,
        decoder=arguments.decoder,
        progress=_bar(),
    )
    if not arguments.json:
        sys.stdout.write(f"{in_words(trained)}\n")
    return msgspec.to_builtins(trained), trained.exit_code


def _bar() -> Bar:
    from rym.clock import SystemClock

    from .bar import Bar

    return Bar(SystemClock(), sys.stderr)


def _replay(arguments: argparse.Namespace) -> Outcome:
    from .folder import Folder

    if not (arguments.verify or arguments.bounce):
        raise UsageError(
            "Neither --verify nor --bounce is given.",
            "Say whether the session is to be compared with its journal, or made audible again.",
        )
    folder = Folder(arguments.session)
    result, code = _verify(folder, quiet=arguments.json) if arguments.verify else ({}, 0)
    if arguments.bounce:
        bounced, failed = _bounce(folder, arguments.out, quiet=arguments.json)
        return result | {"bounce": bounced}, max(code, failed)
    return result, code


def _verify(folder: Folder, *, quiet: bool) -> tuple[dict[str, Any], int]:
    from rym.clock import SystemClock

    from .after.replay import verify

    bar = _bar()
    found = verify(folder, SystemClock(), progress=bar)
    bar(1.0, "")  # what is compared last is not the end of it
    if not quiet:
        sys.stdout.write(found.sentence + "\n")
    return msgspec.to_builtins(found), 0 if found.identical else 1


def _bounce(folder: Folder, out: Path | None, *, quiet: bool) -> tuple[dict[str, Any], int]:
    from rym.clock import SystemClock

    from .after.bounce.of_session import bounce

    bar = _bar()
    found = bounce(folder, SystemClock(), out, progress=bar)
    bar(1.0, "")
    if not quiet:
        sys.stdout.write(found.sentence + "\n")
    return msgspec.to_builtins(found), 0 if found.whole else 1


def _report(arguments: argparse.Namespace) -> Outcome:
    from .after.report import finish

    summary = finish(arguments.session)
    if not arguments.json:
        sys.stdout.write(f"{summary['report']}\n")
    return summary, 0

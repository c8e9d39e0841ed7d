"""Bad input through the real command line: one sentence, both values, the remedy, nothing left.

What is known before anything starts is asked of every case twice, in words and as JSON. What only
a running part can find out is asked of real sessions, several at a time.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from rym.broker import free_port
from rym.errors import DeviceError
from rym.topics import NOW, VALENCE
from session import settings
from session.folder import Folder
from session.live import supervisor
from session.live.lines import read
from session.live.run import run_session
from stream.lsl.outlets import NicOutlets
from stream.montage import ENOBIO20

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
ROOT = Path(__file__).resolve().parents[3]


class Case(NamedTuple):
    """One wrong thing: what is typed, and what must be answered."""

    words: str
    code: int
    error: str
    """Regular expression with both values."""
    remedy: str


AT_ONCE = {
    "no such file": Case("run --recording none.easy", 2, r"There is no file .*none\.easy", "path"),
    "empty": Case("run --recording empty.easy", 1, r"empty\.easy is empty \(0 bytes\)", "Copy"),
    "truncated header": Case("run --recording cut.edf", 1, r"cut\.edf cannot be read: .+", "copy"),
    "not a recording": Case("run --recording a.info", 2, r"ends in '\.info', readable", "Give"),
    "different rates": Case(
        "run --recording a.easy --recording slow.easy", 1,
        r"a\.easy has 500 samples per second, slow\.easy 250", "sessions of their own",
    ),
    "different channels": Case(
        "run --recording a.easy --recording two.easy", 1,
        r"a\.easy has 5 channels, two\.easy 2; not in both: O1, O2, Pz", "sessions of their own",
    ),
    "too short": Case(
        "demo --recording a.easy --label neutral --recording short.easy --label negative", 2,
        r"short\.easy lasts 5\.0 s, at least 20 s", "longer",
    ),
    "one recording": Case(
        "demo --recording a.easy --label neutral", 2, r"There is 1 recording; .*two", "two",
    ),
    "no label": Case("demo --recording a.easy", 2, r"1 times --recording, 0 times", "--label"),
    "no model": Case("run --recording a.easy --model none", 1, r"no model\.json in none", "train"),
    "damaged model": Case(
        "run --recording a.easy --model torn", 1, r"model\.json of torn cannot be read: ", "rain",
    ),
    "model of other filters": Case(
        "run --recording a.easy --model model --config filters.toml", 2,
        r"trained with conditioning 'hp 0\.5 Hz.*, the settings say 'hp 1 Hz", "[stream]",
    ),
    "model of another rate": Case(
        "run --recording a.easy --model model --config rate.toml", 2,
        r"trained with rate '500 Hz', the settings say '250 Hz'", "train a model",
    ),
    "model of other windows": Case(
        "run --recording a.easy --model model --config hop.toml", 2,
        r"trained with hop '0\.25 s', the settings say '0\.5 s'", "Set hop in [stream]",
    ),
    "a participant's bank": Case(
        "run --bank bank --config participant.toml", 2,
        r"The operator approved 0 of \d+ clips and scenes; not yet: audio/", "rym bank show",
    ),
    "no participant's bank": Case(
        "run --config participant.toml", 2,
        r"a participant builds no bank, and there is none in \S+/people/sim/bank",
        "rym bank build --memory FILE --subject sim --out",
    ),
    "no bank": Case("run --recording a.easy --bank none", 1, r"no bank\.json in none", "bank"),
    "no memory": Case(
        "run --recording a.easy --memory none.toml", 2, r"none\.toml cannot be read: No", "example",
    ),
    "unknown key": Case(
        "run --config typo.toml", 2,
        r"typo\.toml, line 2: stream\.hopp is an unknown key; the nearest known one is 'hop'",
        "Correct or remove",
    ),
    "unknown table": Case(
        "run --config table.toml", 2, r"strem is an unknown table; .* 'stream'", "Correct",
    ),
    "wrong type": Case(
        "run --config type.toml", 2, r"stream\.hop: expected .*float.*, found str .*'often'", "",
    ),
    "not TOML": Case("run --config torn.toml", 2, r"torn\.toml is not valid TOML: .*line 1", ""),
    "no settings": Case("run --config none.toml", 2, r"none\.toml cannot be read: No", "--config"),
    "no protocol": Case("run --protocol none", 2, r"'none', known are .*recall", "--protocol"),
    "folder exists": Case(
        "run --recording a.easy --out there --run 1", 2, r"there/.*run_run-1 exists", "another run",
    ),
    "folder is a file": Case(
        "run --recording a.easy --out a.easy", 2, r"a\.easy.*: Not a directory", "--out",
    ),
    "a name as label": Case(
        "run --recording a.easy --subject Jane", 2, r"'Jane', allowed are .* a-z and 0-9", "label",
    ),
    "broker elsewhere": Case(
        "run --recording a.easy --broker mqtt://192.0.2.7", 2, r"192\.0\.2\.7.* leave", "127.0.0.1",
    ),
    "no URL": Case(
        "run --recording a.easy --broker http://x", 2, r"'http://x', expected mqtt://host:port",
        "--broker",
    ),
    "unknown option": Case("run --frobnicate", 2, r"--frobnicate", "--help"),
    "unknown verb": Case("walk", 2, r"'walk' \(choose from .*run", "--help"),
    "no session": Case("replay a.easy --verify", 2, r"a\.easy is not a session's folder", "Give"),
    "model exists": Case(
        "train there/sub-sim/ses-01/run_run-1 --out torn", 1, r"torn exists already", "another",
    ),
    "bank of another memory": Case(
        "bank build --memory other.toml --out bank", 2,
        r"bank of memory \w+…, this memory is \w+…", "another --out",
    ),
}  # fmt: skip
IN_WORDS = (
    "empty", "no model", "unknown key", "folder exists", "unknown option",
    "bank of another memory",
)  # fmt: skip


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory,
    easy: Callable[..., Path],
    teach: Callable[..., None],
    small_bank: Path,
) -> Path:
    """Return a folder with everything that is wrong in it, and a bank."""
    folder = tmp_path_factory.mktemp("wrong")
    easy(folder / "a.easy")
    easy(folder / "b.easy", seed=2)
    easy(folder / "short.easy", 5.0)
    easy(folder / "slow.easy", rate=250)
    easy(folder / "two.easy", names=("Fz", "Cz"))
    shutil.copy(folder / "a.easy", folder / "empty.easy")
    (folder / "empty.easy").write_bytes(b"")
    shutil.copy(folder / "a.info", folder / "empty.info")
    cut = (folder / "a.easy").read_bytes()
    (folder / "cut.easy").write_bytes(cut[: 2 * len(cut) // 5 - 20])
    shutil.copy(folder / "a.info", folder / "cut.info")
    (folder / "cut.edf").write_bytes(b"0       X X X X" + b" " * 150)
    (folder / "torn").mkdir()
    for name in ("model.json", "weights.safetensors", "memory.npz"):
        (folder / "torn" / name).write_text("{")
    teach(folder / "model", {"names": ("Fz", "Cz", "T7", "P8")})
    (folder / "filters.toml").write_text("[stream.conditioning]\nhigh_pass = 1.0\n")
    (folder / "hop.toml").write_text("[stream]\nhop = 0.5\n")
    (folder / "typo.toml").write_text("[stream]\nhopp = 1.0\n")
    (folder / "table.toml").write_text("[strem]\nhop = 1.0\n")
    (folder / "type.toml").write_text('[stream]\nhop = "often"\n')
    (folder / "torn.toml").write_text("[stream\n")
    (folder / "wait.toml").write_text("[stream]\nwait = 2.0\n")
    (folder / "rate.toml").write_text("[stream]\nrate = 250.0\n")
    (folder / "channels.toml").write_text('[stream]\nchannels = ["Fz", "T7", "P8"]\n')
    (folder / "unit.toml").write_text('[stream]\nunit = "V"\n')
    (folder / "lda.toml").write_text('[decoder.training]\ncandidate = "lda"\n')
    (folder / "participant.toml").write_text('[session]\nkind = "participant"\n')
    (folder / "other.toml").write_text('text = "Something else."\n')
    shutil.copytree(small_bank, folder / "bank")
    made = Folder.create(folder / "there", "sim", "01", "run")
    (made.path / "kept").write_text("kept")
    return folder


@pytest.fixture(scope="module")
def answers(
    place: Path, rym: Callable[..., Any], running: dict[str, Any]
) -> dict[tuple[str, str], Any]:
    """Return what every case of `AT_ONCE` answers, as JSON, and some in words."""
    before = listing(place)
    with ThreadPoolExecutor(3) as pool:
        asked = {
            (name, form): pool.submit(rym, *case.words.split(), *form.split(), cwd=place)
            for name, case in AT_ONCE.items()
            for form in ("--json", "")
            if form or name in IN_WORDS
        }
        found = {key: future.result() for key, future in asked.items()}
    after = listing(place)
    # Names first, and no comparison of megabytes: pytest would print them all.
    assert sorted(after.keys() ^ before.keys()) == [], "nothing is made"
    assert [name for name in before if after[name] != before[name]] == [], "nothing is overwritten"
    return found


def listing(place: Path) -> dict[str, bytes]:
    """Return every file with its content."""
    files = sorted(path for path in place.rglob("*"))
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in files}


def check(case: Case, said: Any) -> None:
    """Check a refusal as JSON: code, both values, the remedy, nobody's jargon."""
    assert said.code == case.code, said
    assert said.err == ""
    assert set(said.object) == {"error", "remedy"}
    error, remedy = said.object["error"], said.object["remedy"]
    assert re.search(case.error, error), error
    assert case.remedy in remedy, remedy
    for text in (error, remedy):
        assert text.endswith(".")
        assert text.isprintable()
        assert not re.search(r"Traceback|Error\b|<class|object at 0x|asyncio", text)
    assert remedy not in error


@pytest.mark.parametrize("name", AT_ONCE)
def test_what_is_known_beforehand_is_said_at_once(name: str, answers: dict[Any, Any]) -> None:
    """One sentence with the remedy, exit code 1 or 2; nothing made, nothing overwritten."""
    check(AT_ONCE[name], answers[name, "--json"])


@pytest.mark.parametrize("name", IN_WORDS)
def test_in_words_it_is_one_line(name: str, answers: dict[Any, Any]) -> None:
    """Error and remedy, each once, on stderr; nothing on stdout."""
    words, said = answers[name, ""], answers[name, "--json"]
    assert words.out == ""
    assert words.err.count("\n") == 1
    sentence = f"{said.object['error']} {said.object['remedy']}"
    assert words.err.strip().removeprefix("rym: ") == sentence
    assert words.code == said.code


IN_SESSION = {
    "no stream": Case(
        "run --config wait.toml", 1,
        r"No LSL stream with type 'EEG' was found within 2 s; seen: none", "Turn on",
    ),
    "two streams": Case(
        "run --config wait.toml", 1,
        r"2 LSL streams match type 'EEG': .*id one\).*id two\)", "lsl_name",
    ),
    "wrong rate": Case(
        "run --recording a.easy --config rate.toml", 1,
        r"declares 500 Hz, expected are 250 Hz", "[stream] rate",
    ),
    "missing channels": Case(
        "run --recording a.easy --config channels.toml", 1,
        r"lacks T7, P8; it has Fz, Cz, Pz, O1, O2", "Attach",
    ),
    "missing channels of a model": Case(
        "run --recording a.easy --model model", 1,
        r"trained on 4 channels, and the stream lacks T7, P8; .* it has Fz, Cz", "Attach",
    ),
    "slower than the model": Case(
        "run --recording slow.easy --model model", 1,
        r"declares 250 Hz, expected are 500 Hz", "with a model the one that it was trained on",
    ),
    "implausible unit": Case(
        "run --recording a.easy --config unit.toml", 1,
        r"SD is [\d.e+]+ µV if the samples are in V; plausible are 0\.5 to 500 µV", "unit",
    ),
    "no PortAudio": Case(
        "run --recording a.easy --sink portaudio", 1, r"There is no PortAudio here \(.*\)", "null",
    ),
    "no broker": Case(
        "run --recording a.easy --broker mqtt://127.0.0.1:{free}", 1,
        r"No broker answers on 127\.0\.0\.1:\d+", "python -m rym.broker",
    ),
}  # fmt: skip
OUTCOMES = {
    "one class": "demo --recording a.easy --label neutral --recording b.easy --label neutral "
    "--config lda.toml --json",
    "nothing to go by": "run --recording cut.easy --sink auto",
}


@pytest.fixture(scope="module")
def running(
    place: Path, rym: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    """Run the cases that take a session, three at a time; give what is to come of them."""
    outs = tmp_path_factory.mktemp("outs")
    silent = broken(outs / "silent", "sounddevice", "rtmixer")
    env = {
        "two streams": {"LSLAPICFG": os.environ["LSLAPICFG"]},
        "no PortAudio": {"PYTHONPATH": silent},
        "nothing to go by": {"PYTHONPATH": silent},
    }
    words = OUTCOMES | {name: f"{case.words} --json" for name, case in IN_SESSION.items()}
    nic = {"name": "NIC", "channels": ENOBIO20, "rate": 500.0, "dialect": "nic1"}
    streams = [NicOutlets(source_id=name, **nic) for name in ("one", "two")]
    pool = ThreadPoolExecutor(3)
    sessions = {}
    for name, line in words.items():
        typed = line.format(free=free_port()).split()
        sink = [] if "--sink" in typed else ["--sink", "null"]
        more = ["--bank", "bank", "--out", str(outs / name), *sink]
        sessions[name] = pool.submit(rym, *typed, *more, cwd=place, **env.get(name, {}))
    yield {"outs": outs, **sessions}
    pool.shutdown()
    for stream in streams:
        stream.close()


def broken(folder: Path, *names: str) -> str:
    """Write modules that cannot be imported, as where a library is missing; return their place."""
    folder.mkdir()
    for name in names:
        (folder / f"{name}.py").write_text('raise OSError("library not found")\n')
    return str(folder)


@pytest.mark.parametrize("name", IN_SESSION)
def test_what_a_part_finds_out_ends_the_session_with_its_sentence(
    name: str, running: dict[str, Any]
) -> None:
    """The part's own sentence and exit code; a folder stays only where it tells something."""
    check(IN_SESSION[name], running[name].result())
    left = [path for path in (running["outs"] / name).rglob("*") if path.is_file()]
    kept = {path.name for path in left}
    if name == "implausible unit":
        assert {"eeg.xdf", "journal.jsonl", "session.json", "report.html"} <= kept
        report = next(path for path in left if path.name == "report.html")
        assert "plausible are 0.5 to 500 µV" in report.read_text()
    else:
        assert not kept


def test_an_own_broker_that_cannot_begin_is_not_waited_for(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session says so at once; its logs stay, and the sentence leads to them."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        monkeypatch.setattr(supervisor, "free_port", lambda: port)
        options = [("session.root", str(tmp_path)), ("session.bank", str(place / "bank"))]
        with pytest.raises(DeviceError, match="part broker ended with code 1 before") as caught:
            run_session(settings.load("run", None, options), quiet=True)
    log = Path(caught.value.remedy.removeprefix("Look at ").removesuffix("."))
    assert f"cannot listen on 127.0.0.1:{port}" in log.read_text()


def test_one_class_in_the_labels_is_an_outcome(running: dict[str, Any]) -> None:
    """The session runs to its end with a model that says so, and plays neutral."""
    said = running["one class"].result()
    assert said.code == 0, said
    assert said.object["decoding"]["verdict"] == "guessing"
    assert any("1 state" in note and "two are needed" in note for note in said.object["warnings"])
    journal = read(Folder(Path(said.object["session"])))
    assert {message.content.audible for message in journal.of(NOW)} == {"neutral"}
    assert {message.content.state for message in journal.of(VALENCE)} == {"unknown"}
    assert "verdict: guessing" in {message.content.reason for message in journal.of(VALENCE)}


def test_without_model_device_and_a_whole_file_it_plays_neutral_and_says_so_once(
    running: dict[str, Any],
) -> None:
    """No model, no PortAudio, a recording that was cut off: three notes, one neutral session."""
    said = running["nothing to go by"].result()
    assert said.code == 0, said
    for words in ("There is no model", "There is no PortAudio here"):
        assert said.err.count(words) == 1, said.err
    out = " ".join(said.out.split())
    for words in ("There was no model", "There is no PortAudio here", "is cut off and was left"):
        assert out.count(words) == 1, out
    journal = read(Folder(next((running["outs"] / "nothing to go by").glob("sub-*/*/*"))))
    assert {message.content.audible for message in journal.of(NOW)} == {"neutral"}
    assert {message.content.reason for message in journal.of(VALENCE)} == {"no model"}


def test_a_taken_port_is_told_by_the_broker() -> None:
    """`python -m rym.broker` names address, cause and remedy."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = subprocess.run(
            [sys.executable, "-m", "rym.broker", "--bind", bind], cwd=ROOT,
            env={**os.environ, "RYM_BROKER_PASSWORD": "x"}, capture_output=True, text=True,
            timeout=30, check=False,
        )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    assert f"cannot listen on {bind}: Address already in use. Stop the program" in ended.stderr

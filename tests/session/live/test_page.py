"""The participant's page in a session: who learns of it, and that it shows what is played."""

from __future__ import annotations

import http.client
import io
import json
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import psutil
import pytest
from rich.console import Console

from rym.errors import UsageError
from session.live import page
from session.live.view import Board
from session.settings import load, tables
from tests.player.pictures.conftest import ramp, write_scene

ROOT = Path(__file__).resolve().parents[3]
ADDRESS = re.compile(r"The participant's page: (http://127\.0\.0\.1:\d+/([\w-]{32})/)\n")


def with_page(**chosen: object) -> object:
    """Return the tables of a session with a page."""
    found = tables(load("run", None, [("page.on", True)]))
    return found._replace(page=msgspec.structs.replace(found.page, **chosen))


def test_the_page_is_off_unless_asked_for() -> None:
    """No address is made up where nobody wants one; each one is another's secret."""
    assert page.address(tables(load("run", None, []))) is None
    one, other = (page.address(with_page(port=8123)) for _ in range(2))
    assert one.port == other.port == 8123
    assert one.token != other.token
    assert len(one.token) == 32


def test_the_part_is_given_the_players_bank_and_the_mark() -> None:
    """Bank and hash as the player's, SIMULATED where nobody wears the cap."""
    found = with_page()
    found = found._replace(
        player=msgspec.structs.replace(found.player, bank="b", bank_sha256="ab"),
        session=msgspec.structs.replace(found.session, kind="simulated"),
    )
    at = page.Address(8123, "secret")
    given = page.settings(found, at)
    assert (given["bank"], given["bank_sha256"], given["mark"]) == ("b", "ab", "SIMULATED")
    assert (given["port"], given["token"]) == (8123, "secret")
    assert at.url == "http://127.0.0.1:8123/secret/"


@pytest.mark.fault(53)
def test_a_participant_is_asked_before_pictures_are_shown() -> None:
    """Without the answer the session does not begin; with it, or for staff, it does."""
    found = with_page()
    person = found._replace(session=msgspec.structs.replace(found.session, kind="participant"))
    with pytest.raises(UsageError, match=r"photosensitive epilepsy.*asked = true"):
        page.check(person)
    page.check(person._replace(page=msgspec.structs.replace(found.page, asked=True)))
    page.check(found)


def test_the_address_stands_on_the_operators_screen() -> None:
    """As a row of its own, and only where there is a page."""
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(Board(page="http://127.0.0.1:8123/secret/").draw(0.0))
    assert "page      http://127.0.0.1:8123/secret/" in console.export_text()


class Listener(threading.Thread):
    """Takes in what the page would be told."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url = urlsplit(url)
        self.shown: list[dict[str, float]] = []
        self.start()

    def run(self) -> None:
        """Read until the other side has ended."""
        line = http.client.HTTPConnection(self._url.netloc, timeout=30)
        line.request("GET", self._url.path + "events")
        stream, kind = line.getresponse(), ""
        while row := stream.readline().decode():
            if row.startswith("event: "):
                kind = row[7:].strip()
            elif row.startswith("data: ") and kind == "shown":
                self.shown.append(json.loads(row[6:]))


def until(true: Callable[[], bool], seconds: float = 40.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.05)


def listening(url: str) -> Listener:
    """Wait until somebody answers at an address, and listen there."""

    def open_() -> bool:
        line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
        try:
            line.request("GET", urlsplit(url).path)
            return line.getresponse().status == 200
        except OSError:
            return False
        finally:
            line.close()

    until(open_)
    return Listener(url)


def kill_page(supervisor: int) -> None:
    """Kill the part that serves the page, without warning."""
    for child in psutil.Process(supervisor).children():
        if "player.pictures" in child.cmdline():
            child.kill()
            psutil.wait_procs([child], timeout=5)
            return
    pytest.fail("there is no such part")


@pytest.mark.real
def test_a_session_shows_what_it_plays_and_keeps_the_address_to_itself(
    made: Path, tmp_path: Path
) -> None:
    """`listen --page`: its places, at the same address after a kill; no file has the token."""
    bank = shutil.copytree(made / "bank", tmp_path / "bank")
    scene = write_scene(bank, "scene-0", ramp((40, 60, 90), (110, 130, 160)))
    manifest = json.loads((bank / "bank.json").read_text())
    manifest["scenes"] = [msgspec.to_builtins(scene)]
    (bank / "bank.json").write_text(json.dumps(manifest))
    words = ["listen", "--page", "--bank", str(bank), "--out", str(tmp_path / "root")]
    process = subprocess.Popen(
        [sys.executable, "-m", "session", *words, "--sink", "null", "--seconds", "22"],
        cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    try:
        found = None
        while found is None:
            row = process.stderr.readline()
            assert row, "the session ended before it named the page"
            found = ADDRESS.match(row)
        first = listening(found[1])
        until(lambda: len(first.shown) > 20)
        kill_page(process.pid)
        again = listening(found[1])
        rest = process.communicate(timeout=90)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert process.returncode == 0, rest
    again.join(10)
    valences = [one["valence"] for one in first.shown + again.shown]
    assert max(valences) == 1.0
    assert valences[-1] < 1.0
    for listener in (first, again):
        at = [one["at"] for one in listener.shown]
        assert at == sorted(at)
    assert "page ended by itself and was started again." in rest[0]
    assert found[2] not in rest[0] + rest[1]
    files = [path for path in (tmp_path / "root").rglob("*") if path.is_file()]
    assert any(path.name == "page.log" for path in files)
    assert not [path for path in files if found[2].encode() in path.read_bytes()]

"""The page's server: who may ask, what is given, and what is told."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from player.pictures.files import load
from player.pictures.page import NOTICE, sentence
from player.pictures.server import MOST_LISTENERS, WAITING, PageServer
from rym.clock import SystemClock
from rym.errors import DeviceError
from rym.messages import Safety
from tests.player.pictures.conftest import ramp

PLACE = {"at": 1.0, "scene": 0, "before": 0, "share": 1.0, "valence": 0.5}


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    data: bytes


@pytest.fixture
def server(hung: Callable[..., Path]) -> Iterator[PageServer]:
    """Return a server of one scene that runs."""
    folder = hung(blue=ramp((20, 30, 60), (120, 140, 200), 3))
    with PageServer(load(folder), SystemClock(), mark="SIMULATED") as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.hang_up()
        found.shutdown()
        thread.join()


def ask(server: PageServer, path: str, **headers: str) -> Answer:
    """Ask for a path below the token, or for another one that begins with `/`."""
    line = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    line.request("GET", path if path.startswith("/") else f"/{server.token}/{path}", None, headers)
    answer = line.getresponse()
    found = Answer(answer.status, dict(answer.headers), answer.read())
    line.close()
    return found


def listen(server: PageServer) -> http.client.HTTPResponse:
    """Open a stream of events."""
    line = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    line.request("GET", f"/{server.token}/events")
    return line.getresponse()


def events(stream: http.client.HTTPResponse, n: int) -> list[tuple[str, Any]]:
    """Return the next events: kind and content."""
    found: list[tuple[str, Any]] = []
    kind = ""
    while len(found) < n:
        line = stream.readline().decode().rstrip("\n")
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            found.append((kind, json.loads(line.removeprefix("data: "))))
    return found


def test_the_page_says_what_it_must(server: PageServer) -> None:
    """Notice, a button, SIMULATED; no script but its own may run, nothing is kept."""
    page = ask(server, "")
    text = page.data.decode()
    assert page.status == 200
    assert NOTICE in text
    assert ">SIMULATED</p>" in text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"
    assert (
        ask(server, "").headers["Content-Security-Policy"]
        != (page.headers["Content-Security-Policy"])
    )


def test_a_picture_is_given_by_its_hash_only(server: PageServer) -> None:
    """The very bytes that were checked; no path leads anywhere else."""
    sha, data = next(iter(server.hall.files.items()))
    assert ask(server, f"file/{sha}").data == data
    for path in ("file/", "file/../bank.json", "bank.json", "file/" + "0" * 64):
        assert ask(server, path).status == 404


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", {}),
        ("/wrong/", {}),
        ("", {"Host": "evil.example"}),
        ("", {"Origin": "http://evil.example"}),
        ("events", {"Origin": "null"}),
    ],
)
def test_who_may_not_ask_is_told_nothing(
    server: PageServer, path: str, headers: dict[str, str]
) -> None:
    """Without the token, by another name of this machine, or from another page."""
    answer = ask(server, path, **headers)
    assert answer.status == 403
    assert server.token.encode() not in answer.data


def test_the_time_is_the_rigs(server: PageServer) -> None:
    """Stamped when the question came and when the answer went."""
    before = server.clock.now()
    came, went = json.loads(ask(server, "time").data)
    assert before <= came <= went <= server.clock.now()


def test_every_page_is_told_and_a_late_one_what_came_before(server: PageServer) -> None:
    """Places in their order, and the sentence that stands."""
    first = listen(server)
    assert events(first, 1) == [("said", "")]
    server.show(PLACE)
    server.say("A short pause, nothing is wrong.")
    assert events(first, 2) == [
        ("shown", PLACE),
        ("said", "A short pause, nothing is wrong."),
    ]
    assert events(listen(server), 2) == [
        ("said", "A short pause, nothing is wrong."),
        ("shown", PLACE),
    ]


def test_a_page_that_does_not_take_is_let_go(server: PageServer) -> None:
    """Its queue is bounded; the others are told all the same."""
    slow = server.join()
    assert slow is not None
    for _ in range(WAITING + 5):
        server.show(PLACE)
    last = None
    while not slow.empty():
        last = slow.get_nowait()
    assert last is None
    quick = listen(server)
    assert events(quick, 2)[1] == ("shown", PLACE)


def test_the_number_of_pages_is_bounded(server: PageServer) -> None:
    """One more than may be open is told so; where one has left there is room."""
    joined = [server.join() for _ in range(MOST_LISTENERS)]
    assert ask(server, "events").status == 503
    assert joined[0] is not None
    server.leave(joined[0])
    assert events(listen(server), 1) == [("said", "")]


def test_a_port_in_use_is_a_sentence(server: PageServer) -> None:
    """The number is named, and what to do."""
    with pytest.raises(DeviceError, match=f"port {server.server_port}: .* 0 for a free one"):
        PageServer(server.hall, server.clock, port=server.server_port)


def test_only_silence_is_explained() -> None:
    """While the music plays nothing is said below the picture."""
    pause = Safety(state="SAFE", frame=0, reason="pause", text="A short pause, nothing is wrong.")
    assert sentence(pause) == "A short pause, nothing is wrong."
    assert sentence(Safety(state="SAFE", frame=0, reason="stale", text="The signal …")) == ""
    assert sentence(Safety(state="RUN", frame=0, reason="fresh", text="")) == ""

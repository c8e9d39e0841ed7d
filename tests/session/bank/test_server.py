"""The server answers its own page alone, and writes down what is about the bank as it is now."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from generator.making.rows import REMAKES
from rym import bank
from rym.bank import ROLES
from session.bank.server import LONGEST, Audition
from session.bank.show import show

FIRST = "audio/s0-v0-negative.flac"


class Answer(NamedTuple):
    """What the server said."""

    status: int
    headers: dict[str, str]
    data: bytes

    @property
    def told(self) -> dict[str, Any]:
        """The JSON object in it."""
        found: dict[str, Any] = json.loads(self.data)
        return found


class Tab:
    """A browser's tab, without the browser."""

    def __init__(self, server: Audition) -> None:
        self.port, self.token = server.server_port, server.token

    def ask(
        self, path: str, order: Any = None, *, method: str = "", body: bytes | None = None,
        token: str | None = None, **headers: str,
    ) -> Answer:  # fmt: skip
        """Send one request with what a browser would send along."""
        own = {"Host": f"127.0.0.1:{self.port}"}
        if order is not None:
            own |= {"Origin": f"http://127.0.0.1:{self.port}", "Content-Type": "application/json"}
            body = json.dumps(order).encode()
        sent = own | {name.replace("_", "-"): value for name, value in headers.items()}
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        verb = method or ("GET" if order is None else "POST")
        line.putrequest(verb, f"/{self.token if token is None else token}/{path}", skip_host=True)
        for name, value in sent.items():
            line.putheader(name, value)
        if body is not None:
            line.putheader("Content-Length", str(len(body)))
        line.endheaders(body)
        got = line.getresponse()
        answer = Answer(got.status, dict(got.getheaders()), got.read())
        line.close()
        return answer

    def say(self, name: str, sha256: str, *, approved: bool = True, by: str = "operator") -> Answer:
        """Approve or reject one thing."""
        said = [{"name": name, "sha256": sha256, "approved": approved}]
        return self.ask("judge", {"by": by, "said": said})


@pytest.fixture
def server(folder: Path) -> Iterator[Audition]:
    """Return a server that answers."""
    with Audition(folder) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.fixture
def tab(server: Audition) -> Tab:
    """Return somebody who has the address."""
    return Tab(server)


def test_the_page_may_load_nothing_from_elsewhere(tab: Tab) -> None:
    """Its policy names the page's own scripts, and nobody may frame or keep it."""
    page = tab.ask("")
    assert page.status == 200
    policy = page.headers["Content-Security-Policy"]
    (nonce,) = set(re.findall(r'<script nonce="([^"]+)"', page.data.decode()))
    assert f"script-src 'nonce-{nonce}'" in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    again = tab.ask("").headers["Content-Security-Policy"]
    assert again != policy, "a nonce is used once"
    assert "RYM" in page.headers["Server"]
    assert "Python" not in page.headers["Server"]


def test_what_was_said_lands_in_the_manifest(tab: Tab, folder: Path) -> None:
    """Approve, reject, change one's mind; the answer has the whole state."""
    judged = bank.read(folder).judged
    told = tab.say(FIRST, judged[FIRST]).told
    assert told["refused"] == []
    assert told["things"][FIRST] == {
        "sha256": judged[FIRST], "operator": True, "person": None, "wished": False,
    }  # fmt: skip
    assert tab.ask("state").told["things"] == told["things"]
    assert bank.load(folder).verdict(FIRST, "operator") is True
    tab.say(FIRST, judged[FIRST], approved=False)
    assert bank.load(folder).verdict(FIRST, "operator") is False


def test_a_page_of_before_is_refused_with_a_sentence(
    tab: Tab, folder: Path, remake: Callable[[Path, str], None]
) -> None:
    """What was made again is not approved by its old hash; the rest of the order counts."""
    old = bank.read(folder).judged
    before = tab.ask("state").told["content"]
    remake(folder, FIRST)
    pages = {FIRST: old[FIRST], "scene-0": old["scene-0"], "gone": "0"}
    said = [{"name": name, "sha256": sha, "approved": True} for name, sha in pages.items()]
    told = tab.ask("judge", {"by": "person", "said": said}).told
    assert told["content"] != before
    assert len(told["refused"]) == 2
    assert f"{FIRST} is another one now" in told["refused"][0]
    assert "gone is not in the bank any more" in told["refused"][1]
    now = bank.read(folder)
    assert now.verdict("scene-0", "person") is True
    assert now.verdict(FIRST, "person") is None
    assert tab.ask(f"file/{old[FIRST]}").status == 404
    again = tab.ask("again", {"name": FIRST, "sha256": old[FIRST], "wish": True})
    assert again.status == 409
    assert "made again meanwhile" in again.told["error"]
    assert not (folder / REMAKES).exists()


def test_a_damaged_clip_is_neither_sent_nor_approved(tab: Tab, folder: Path) -> None:
    """It may be rejected, and be made again."""
    sha = bank.read(folder).judged[FIRST]
    path = folder / FIRST
    path.write_bytes(path.read_bytes()[:-9])
    assert tab.ask(f"file/{sha}").status == 404
    assert "SHA-256" in tab.say(FIRST, sha).told["refused"][0]
    assert bank.read(folder).verdict(FIRST, "operator") is None
    assert tab.say(FIRST, sha, approved=False).told["refused"] == []
    told = tab.ask("again", {"name": FIRST, "sha256": sha, "wish": True}).told
    assert told["things"][FIRST]["wished"] is True
    assert json.loads((folder / REMAKES).read_text()) == {FIRST: 1}
    told = tab.ask("again", {"name": FIRST, "sha256": sha, "wish": False}).told
    assert told["things"][FIRST]["wished"] is False


def test_two_tabs_lose_nothing_of_one_another(server: Audition, folder: Path) -> None:
    """Both roles say everything at once, thing by thing."""
    judged = bank.read(folder).judged
    tabs = {by: Tab(server) for by in ROLES}
    with ThreadPoolExecutor(8) as pool:
        asked = [
            pool.submit(tabs[by].say, name, sha, by=by)
            for name, sha in judged.items() for by in ROLES
        ]  # fmt: skip
        assert all(one.result().status == 200 for one in asked)
    now = bank.load(folder)
    assert [now.verdict(name, by) for name in judged for by in ROLES] == [True] * 20


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({}, "x"),
        ({}, ""),
        ({"Host": "evil.example"}, None),
        ({"Host": "127.0.0.1"}, None),
        ({"Origin": "http://evil.example"}, None),
        ({"Origin": "null"}, None),
    ],
)
def test_strangers_are_refused(
    tab: Tab, folder: Path, headers: dict[str, str], token: str | None
) -> None:
    """Another token, another name for this machine, another page: nothing is shown or written."""
    judged = bank.read(folder).judged
    order = {"by": "person", "said": [{"name": FIRST, "sha256": judged[FIRST], "approved": True}]}
    for path, body in (("", None), ("state", None), ("judge", order)):
        answer = tab.ask(path, body, token=token, **headers)
        assert answer.status == 403
        assert tab.token not in answer.data.decode()
        assert FIRST not in answer.data.decode()
    assert bank.read(folder).approvals == ()


def test_an_order_without_an_origin_is_refused(tab: Tab, folder: Path) -> None:
    """A browser always names the page that sends it."""
    body = b'{"by":"person","said":[]}'
    answer = tab.ask("judge", method="POST", body=body, Content_Type="application/json")
    assert answer.status == 403


@pytest.mark.parametrize(
    ("path", "order", "status"),
    [
        ("judge", {"by": "nobody", "said": []}, 400),
        ("judge", {"by": "person", "said": [{"name": 1}]}, 400),
        ("judge", [], 400),
        ("again", {"name": FIRST}, 400),
        ("elsewhere", {}, 404),
    ],
)
def test_nonsense_is_refused(tab: Tab, path: str, order: Any, status: int) -> None:
    """One sentence, and the server goes on."""
    answer = tab.ask(path, order)
    assert answer.status == status
    assert set(answer.told) == {"error", "remedy"}
    assert tab.ask("state").status == 200


def test_orders_are_json_and_short(tab: Tab) -> None:
    """A form of another page is no JSON; a long body is not taken in."""
    own = {"Origin": f"http://127.0.0.1:{tab.port}"}
    answer = tab.ask("judge", method="POST", body=b"{}", Content_Type="text/plain", **own)
    assert answer.status == 400
    long = {"Content_Type": "application/json", "Content_Length": str(LONGEST + 1)}
    assert tab.ask("judge", method="POST", **long, **own).status == 400


def test_sound_comes_whole_or_in_parts(tab: Tab, folder: Path) -> None:
    """As a player asks for it: from a byte, between two, the last ones, beyond the end."""
    sha = bank.read(folder).judged[FIRST]
    whole = (folder / FIRST).read_bytes()
    n = len(whole)
    found = tab.ask(f"file/{sha}")
    assert found.data == whole
    assert found.headers["Content-Type"] == "audio/flac"
    assert found.headers["Accept-Ranges"] == "bytes"
    for asked, part in (
        ("bytes=0-99", (0, 100)),
        ("bytes=100-", (100, n)),
        ("bytes=-50", (n - 50, n)),
        (f"bytes=10-{n + 99}", (10, n)),
    ):
        found = tab.ask(f"file/{sha}", Range=asked)
        assert found.status == 206
        assert found.data == whole[slice(*part)]
        assert found.headers["Content-Range"] == f"bytes {part[0]}-{part[1] - 1}/{n}"
    beyond = tab.ask(f"file/{sha}", Range=f"bytes={n}-")
    assert beyond.status == 416
    assert beyond.headers["Content-Range"] == f"bytes */{n}"
    for odd in ("lines=1-2", "bytes=-", "bytes=1-2,5-6"):
        found = tab.ask(f"file/{sha}", Range=odd)
        assert (found.status, found.data) == (200, whole)
    head = tab.ask(f"file/{sha}", method="HEAD")
    assert head.data == b""
    assert head.headers["Content-Length"] == str(n)


def test_only_the_banks_own_files_are_sent(tab: Tab, folder: Path) -> None:
    """Asked for by hash, nothing beside the manifest can be named."""
    (folder.parent / "secret.txt").write_text("secret")
    for name in ("bank.json", "../secret.txt", "%2e%2e/secret.txt", FIRST, ""):
        assert tab.ask(f"file/{name}").status == 404


def test_a_bank_that_is_gone_is_told(tab: Tab, folder: Path) -> None:
    """The page gets a sentence, not a broken line."""
    (folder / bank.MANIFEST).unlink()
    answer = tab.ask("state")
    assert answer.status == 409
    assert "no bank.json" in answer.told["error"]


def test_a_folder_that_may_not_be_written_is_told(
    tab: Tab, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: one sentence, and what was said before stays."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    sha = bank.read(folder).judged[FIRST]
    monkeypatch.setattr(Path, "replace", full)
    answer = tab.say(FIRST, sha)
    assert answer.status == 500
    assert "No space left on device" in answer.told["error"]


def test_the_address_is_told_and_the_end_counts(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends it; a browser is led there without the token in its command line."""
    opened: list[str] = []
    told: list[str] = []

    def interrupted(server: Audition, poll_interval: float) -> None:
        page = Path(opened[0].removeprefix("file://"))
        assert server.url in page.read_text()
        assert page.stat().st_mode & 0o077 == 0
        raise KeyboardInterrupt

    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr(Audition, "serve_forever", interrupted)
    found = show(folder, tell=told.append)
    assert found == {"bank": str(folder), "page": "", "n": 10, "operator": 0, "person": 0}
    (url,) = re.findall(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", "".join(told))
    assert url.split("/")[-2] not in opened[0]
    assert not Path(opened[0].removeprefix("file://")).exists()


def raw(server: Audition, sent: str) -> bytes:
    """Send bytes as they are; return the first line of the answer."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=20) as line:
        line.sendall(sent.encode("latin-1"))
        with line.makefile("rb") as answer:
            return answer.readline()


def test_an_address_that_is_none_is_refused(
    server: Audition, tab: Tab, capfd: pytest.CaptureFixture[str]
) -> None:
    """An open bracket, and a length that only looks like a number: 4xx, and nothing is printed."""
    assert b" 403 " in raw(server, "GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n")
    for length in ("\u00b2", "9" * 5000):
        own = f"127.0.0.1:{server.server_port}"
        sent = (
            f"POST /{server.token}/judge HTTP/1.1\r\nHost: {own}\r\nOrigin: http://{own}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        )
        assert b" 400 " in raw(server, sent)
    assert tab.ask("state").status == 200
    assert capfd.readouterr().err == ""


def test_a_range_of_thousands_of_digits_is_none(
    tab: Tab, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Behind the end there is nothing; up to far behind it, everything."""
    path = "file/" + bank.read(folder).judged[FIRST]
    whole = tab.ask(path).data
    many = "9" * 5000
    assert tab.ask(path, Range=f"bytes={many}-").status == 416
    for asked in (f"bytes=0-{many}", f"bytes=-{many}", "bytes=" + "0" * 5000 + "-"):
        answer = tab.ask(path, Range=asked)
        assert (answer.status, answer.data) == (206, whole)
    assert capfd.readouterr().err == ""


def test_what_cannot_be_read_is_told(
    server: Audition, tab: Tab, folder: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """A manifest that may not be read, and a file that goes while it is looked at."""
    path = "file/" + bank.read(folder).judged[FIRST]
    with monkeypatch.context() as patch:
        patch.setattr(server.previews, "damage", lambda *_: "")
        (folder / FIRST).rename(folder / "gone")
        answer = tab.ask(path)
        assert answer.status == 404
        assert answer.told["error"] == f"{FIRST} is missing."
        (folder / "gone").rename(folder / FIRST)

    def refused(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("session.bank.server.bank.read", refused)
        answer = tab.ask("state")
    assert answer.status == 409
    assert "The bank cannot be read: Permission denied." in answer.told["error"]
    assert tab.ask("state").status == 200
    assert capfd.readouterr().err == ""


def test_somebody_who_goes_away_in_an_order_leaves_no_trace(
    server: Audition, tab: Tab, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The socket is closed while it is answered: nothing is printed, the server goes on."""

    def closed(*_: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    with monkeypatch.context() as patch:
        patch.setattr(server, "judge", closed)
        with pytest.raises(http.client.RemoteDisconnected):
            tab.say(FIRST, "0")
    assert tab.ask("state").status == 200
    assert capfd.readouterr().err == ""

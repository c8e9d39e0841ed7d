"""Asking an endpoint: both APIs as they are, and every way in which it can fail."""

import ssl
import subprocess
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from generator.settings import LanguageModel
from generator.words.endpoint import KEY, MAX_BYTES, ask, endpoint
from rym.clock import SystemClock
from rym.errors import DeviceError, UsageError
from tests.generator.words.endpoints import ANTHROPIC, OPENAI, said

APIS = ("openai", "anthropic")
SECRET = "sk-Geheim-123"
TEXT = "warm Zitronenfalter"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    """Set a key that must show nowhere."""
    monkeypatch.setenv(KEY, SECRET)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


def _model(there, api="openai", **more):
    return LanguageModel(api=api, model="m-1", url=there.url, consented=True, **more)


def _ask(there, clock, api="openai", **more):
    return ask(endpoint(_model(there, api, **more)), "the task", TEXT, clock)


def _refused(there, clock, api="openai", **more):
    with pytest.raises(DeviceError) as caught:
        _ask(there, clock, api, **more)
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    assert "Zitronenfalter" not in shown
    assert caught.value.remedy
    return str(caught.value)


@pytest.mark.parametrize("api", APIS)
def test_each_api_is_asked_in_its_own_form(endpoint, waits, api):
    """Path, headers, body and answer are those of the API; a proxy is not asked for loopback."""
    there = endpoint("a soft answer")
    assert _ask(there, waits, api) == "a soft answer"
    path, headers, body = there.asked[0]
    assert body["model"] == "m-1"
    user = {"role": "user", "content": TEXT}
    if api == "openai":
        assert path == OPENAI
        assert headers["authorization"] == f"Bearer {SECRET}"
        assert body["messages"] == [{"role": "system", "content": "the task"}, user]
    else:
        assert path == ANTHROPIC
        assert headers["x-api-key"] == SECRET
        assert headers["anthropic-version"] == "2023-06-01"
        assert (body["system"], body["messages"]) == ("the task", [user])
        assert body["max_tokens"] > 100
    assert waits.waited == []


def test_endpoint_on_this_machine_needs_no_key(endpoint, waits, monkeypatch):
    """A local server is asked without a header for one."""
    monkeypatch.delenv(KEY)
    there = endpoint("a soft answer")
    assert _ask(there, waits) == "a soft answer"
    assert "authorization" not in there.asked[0][1]


def test_loopback_of_ipv6_is_asked_past_a_proxy(endpoint, waits):
    """Words for this machine reach it, not whoever stands in between; sentences name it whole."""
    proxy = endpoint("stolen")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("http_proxy", f"http://{proxy.host}")
        there = endpoint("a soft answer", (404, {}, b""), address="::1")
        assert _ask(there, waits) == "a soft answer"
        assert f"at {there.host} answered 404" in _refused(there, waits)
    assert proxy.asked == []
    assert there.host.startswith("[::1]:")


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    ("status", "words"),
    [(400, "url, model and key"), (401, KEY), (403, KEY), (404, "url and model"), (422, "model")],
)
def test_refusal_is_told_at_once(endpoint, waits, api, status, words):
    """Status and remedy are named, what the endpoint says is not shown, and it is asked once."""
    there = endpoint((status, {}, f"key {SECRET} and {TEXT}".encode()))
    told = _refused(there, waits, api)
    assert f"answered {status}" in told
    assert words in told
    assert there.host in told
    assert len(there.asked) == 1


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("status", [429, 500, 502, 503, 529])
def test_passing_trouble_is_waited_out(endpoint, waits, api, status):
    """What may be over in a moment is asked for again, after as long as the endpoint says."""
    there = endpoint((status, {"Retry-After": "7"}, b""), (status, {}, b"{}"), "a soft answer")
    assert _ask(there, waits, api) == "a soft answer"
    assert waits.waited == [7.0, 4.0]


def test_date_in_retry_after(endpoint, waits):
    """It may also be a date, or nonsense."""
    date = {"Retry-After": "Tue, 14 Nov 2023 22:15:10 GMT"}
    there = endpoint((503, date, b""), (503, {"Retry-After": "soon"}, b""), "a soft answer")
    assert _ask(there, waits) == "a soft answer"
    assert waits.waited == [10.0, 4.0]


def test_trouble_that_stays_ends_in_a_sentence(endpoint, waits):
    """After three times it is given up."""
    there = endpoint((500, {}, b"oh"))
    told = _refused(there, waits)
    assert "answered 500 (asked 3 times)" in told
    assert "is kept" in told
    assert len(there.asked) == 3


@pytest.mark.parametrize("asked", ["3600", "1e99", "nan", "inf"])
def test_endless_patience_is_not_had(endpoint, waits, asked):
    """An endpoint that asks for an hour, or for nonsense, holds nothing up."""
    there = endpoint((429, {"Retry-After": asked}, b""))
    assert "429" in _refused(there, waits)
    assert sum(waits.waited) < 100


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("cut", [0, 1, 20, -1])
def test_truncated_answer_is_asked_for_again(endpoint, waits, api, cut):
    """Half an answer is none; a whole one on the next try is taken."""
    path = OPENAI if api == "openai" else ANTHROPIC
    whole = said(path, "a soft answer")
    there = endpoint((200, {}, whole[:cut]), (200, {"Content-Length": "900"}, whole), whole)
    assert _ask(there, waits, api) == "a soft answer"
    there = endpoint((200, {}, whole[:cut]))
    assert "not in the form" in _refused(there, waits, api)


@pytest.mark.parametrize("body", [b"[]", b'{"choices": 1}', b"\xff\xfe", b"<html>", b"[" * 9000])
def test_foreign_answer_is_refused(endpoint, waits, body):
    """A page, another form or nonsense is no answer."""
    assert "not in the form" in _refused(endpoint((200, {}, body)), waits)


@pytest.mark.parametrize(
    ("api", "body"),
    [
        ("openai", b'{"choices": []}'),
        ("openai", b'{"choices": [{"message": {"content": null, "refusal": "no"}}]}'),
        ("anthropic", b'{"content": []}'),
        ("anthropic", b'{"content": [{"type": "tool_use", "name": "x"}]}'),
    ],
)
def test_answer_without_text_is_empty(endpoint, waits, api, body):
    """It is left to the judge of answers."""
    assert _ask(endpoint((200, {}, body)), waits, api) == ""


def test_huge_answer_is_not_taken_in(endpoint, waits):
    """More than a prompt could ever be is refused while it still comes."""
    sent = threading.Event()

    def flood(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(64):
            handler.wfile.write(b"x" * (MAX_BYTES // 8))
        sent.set()

    assert f"more than {MAX_BYTES} bytes" in _refused(endpoint(flood), waits)
    assert not sent.is_set()


def test_silent_endpoint_is_given_up(endpoint, waits):
    """No answer within the time limit, three times."""
    done = threading.Event()
    there = endpoint(lambda handler: done.wait(5))
    told = _refused(there, waits, timeout=0.1)
    done.set()
    assert "did not answer within 0.1 s (asked 3 times)" in told


def test_dripping_answer_is_given_up(endpoint):
    """A byte now and then does not stretch the time limit."""
    done = threading.Event()

    def drip(handler):
        handler.send_response(200)
        handler.end_headers()
        while not done.wait(0.02):
            handler.wfile.write(b" ")

    class Quick(SystemClock):
        async def sleep_until(self, t):
            """Do not wait between tries."""

    began = time.monotonic()
    told = _refused(endpoint(drip), Quick(), timeout=0.3)
    done.set()
    assert "did not answer within 0.3 s" in told
    assert time.monotonic() - began < 30


def test_connection_that_breaks_is_told(endpoint, waits):
    """A closed port, or a connection cut before an answer, is asked for again and then told."""
    cut = endpoint(lambda handler: handler.connection.shutdown(2))
    assert "cannot be reached or broke off" in _refused(cut, waits)
    assert len(cut.asked) == 3
    cut.close()
    assert "cannot be reached or broke off" in _refused(cut, waits)
    cut.close = lambda: None


def test_redirects_are_not_followed(endpoint, waits):
    """Neither words nor key go to an address that nobody agreed on."""
    elsewhere = endpoint("stolen")
    for status in (301, 302, 303, 307, 308):
        there = endpoint((status, {"Location": elsewhere.url + "/chat/completions"}, b""))
        assert f"answered {status}, a redirect, which is not followed" in _refused(there, waits)
    assert elsewhere.asked == []


def test_certificate_that_nobody_vouches_for_is_refused(waits, tmp_path):
    """Over TLS the endpoint must be who it says it is."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k.pem", "-out",
         "c.pem", "-days", "2", "-subj", "/CN=localhost"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c.pem", tmp_path / "k.pem")
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.handle_error = lambda *_: None
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"https://localhost:{server.server_address[1]}/v1"
    model = LanguageModel(api="openai", model="m", url=url, consented=True)
    with pytest.raises(DeviceError, match="no certificate that is trusted"):
        ask(endpoint(model), "the task", TEXT, waits)
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.org/v1", "http, where everyone"),
        ("ftp://example.org/v1", "no address"),
        ("example.org/v1", "no address"),
        ("https://", "no address"),
        ("https://[::1/v1", "no address"),
        ("https://example.org:99999/v1", "no address"),
        ("https://bücher.example/v1", "no address"),
        ("https://me:secret@example.org/v1", "more than host and path"),
        ("https://example.org/v1?key=secret", "more than host and path"),
    ],
)
def test_unsafe_address_is_refused_beforehand(url, words):
    """Nothing is sent in the open, and an address bears no key."""
    with pytest.raises(UsageError) as caught:
        endpoint(LanguageModel(api="openai", model="m", url=url, consented=True))
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("api", APIS)
def test_own_addresses_of_the_apis(api):
    """Without a url the API's own is asked, over TLS."""
    there = endpoint(LanguageModel(api=api, model="m", consented=True))
    assert there.url.startswith(f"https://api.{api}.com/v1/")
    assert there.host == f"api.{api}.com"


@pytest.mark.parametrize("bad", ["", "a b", "a\nb", "ключ"])
def test_key_must_be_a_key(monkeypatch, bad):
    """A missing or mangled key is told before anything is sent, and not shown."""
    monkeypatch.setenv(KEY, bad)
    with pytest.raises(UsageError, match=KEY) as caught:
        endpoint(LanguageModel(api="openai", model="m", consented=True))
    assert not bad or bad not in str(caught.value)

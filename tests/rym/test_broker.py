"""The embedded broker as a process: who is let in, where it listens, how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import time

import aiomqtt
import psutil
import pytest

from rym.broker import free_port, split_bind
from rym.errors import UsageError
from rym.logs import run_async

pytestmark = pytest.mark.real


def port_of(process) -> int:
    """Return the port that the started broker says it listens on."""
    for line in process.stderr:
        if "listening on 127.0.0.1:" in line:
            return int(line.split("127.0.0.1:")[1].split()[0])
    raise AssertionError("the broker did not start")


def with_lifeline(start):
    """Start a broker as a supervisor does; return it and its port."""
    process = start(
        "-m", "rym.broker", "--bind", f"127.0.0.1:{free_port()}", "--lifeline",
        first={"password": "secret"},
    )  # fmt: skip
    return process, port_of(process)


async def cut_off(client) -> None:
    """Return once the broker has ended the client's connection."""
    async with asyncio.timeout(5):
        with pytest.raises(aiomqtt.MqttError):
            await anext(aiter(client.messages))


def test_help(start):
    """`--help` names the options and the password's variable."""
    process = start("-m", "rym.broker", "--help")
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "--bind" in out
    assert "RYM_BROKER_PASSWORD" in out
    assert err == ""


@pytest.mark.parametrize(
    ("arguments", "env", "sentence"),
    [
        (("--bind", "0.0.0.0:1883"), {}, "127.0.0.0/8 only"),
        (("--bind", "192.0.2.1:1883"), {}, "127.0.0.0/8 only"),
        (("--bind", "[::1]:1883"), {}, "127.0.0.0/8 only"),
        (("--bind", ":1883"), {}, "127.0.0.0/8 only"),
        (("--bind", "127.0.0.1"), {}, "ADDRESS:PORT"),
        (("--bind", "127.0.0.1:0"), {}, "ADDRESS:PORT"),
        ((), {"RYM_BROKER_PASSWORD": ""}, "RYM_BROKER_PASSWORD"),
    ],
)
def test_wrong_use_is_one_sentence(start, arguments, env, sentence):
    """Exit code 2, one line, no traceback."""
    process = start("-m", "rym.broker", *arguments, **{"RYM_BROKER_PASSWORD": "x", **env})
    err = process.communicate(timeout=20)[1]
    assert process.returncode == 2
    assert sentence in err
    assert len(err.splitlines()) == 1


def test_a_supervisor_must_send_a_password(start):
    """A first line without one, or that is no JSON, is refused without being repeated."""
    for first in ({}, "not an object"):
        process = start("-m", "rym.broker", "--lifeline", first=first)
        err = process.communicate(timeout=20)[1]
        assert process.returncode == 2
        assert len(err.splitlines()) == 1
        assert "not an object" not in err


def test_a_taken_port_is_one_sentence(start):
    """The port and the remedy are named; exit code 1."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        process = start("-m", "rym.broker", "--bind", f"127.0.0.1:{port}", RYM_BROKER_PASSWORD="x")
        err = process.communicate(timeout=20)[1]
    assert process.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in err
    assert "--bind" in err
    assert len(err.splitlines()) == 1


def test_other_addresses_of_loopback_are_allowed():
    """Two parts on two loopback addresses need one broker on one of them."""
    assert split_bind("127.0.0.9:1883") == ("127.0.0.9", 1883)
    with pytest.raises(UsageError, match="localhost"):
        split_bind("localhost:1883")


def test_only_the_user_with_the_password_is_let_in(embedded):
    """No login, a user without password, a wrong one, another user: refused. The right one: in."""

    async def knock(**login: str) -> bool:
        try:
            async with aiomqtt.Client("127.0.0.1", embedded.port, **login):
                return True
        except aiomqtt.MqttError:
            return False

    async def main() -> None:
        right = {"username": "rym", "password": embedded.password}
        assert await knock(**right)
        assert not await knock()
        assert not await knock(username="rym")
        assert not await knock(**{**right, "password": "wrong"})
        assert not await knock(**{**right, "username": "someone"})
        assert not await knock(**{**right, "password": embedded.password + "x"})
        assert await knock(**right)

    run_async(main())


def test_it_listens_on_loopback_only(embedded):
    """Of all its sockets none is open to the network."""
    sockets = psutil.Process(embedded.process.pid).net_connections("inet")
    listening = [s.laddr for s in sockets if s.status == psutil.CONN_LISTEN]
    assert [tuple(address) for address in listening] == [("127.0.0.1", embedded.port)]


def test_a_huge_packet_ends_its_connection_only(embedded):
    """A sender that announces 200 MB is cut off before they are in memory; others go on."""

    async def main() -> None:
        login = {"username": "rym", "password": embedded.password}
        async with aiomqtt.Client("127.0.0.1", embedded.port, **login) as reader:
            await reader.subscribe("t")
            async with aiomqtt.Client("127.0.0.1", embedded.port, **login) as writer:
                before = psutil.Process(embedded.process.pid).memory_info().rss
                writer._client.socket().send(b"\x30\x80\x80\x80\x64" + bytes(100))
                await cut_off(writer)
                grown = psutil.Process(embedded.process.pid).memory_info().rss - before
                assert grown < 50e6
            async with aiomqtt.Client("127.0.0.1", embedded.port, **login) as writer:
                await writer.publish("t", b"x", 1)
            async with asyncio.timeout(5):
                assert (await anext(aiter(reader.messages))).payload == b"x"

    run_async(main())


def test_a_client_that_falls_silent_is_given_up(embedded):
    """After 1.5 times its keep-alive its will is sent, although its connection is open."""

    async def main() -> None:
        login = {"username": "rym", "password": embedded.password}
        will = aiomqtt.Will("will", b"gone", 1, retain=True)
        async with aiomqtt.Client("127.0.0.1", embedded.port, **login) as reader:
            await reader.subscribe("will", 1)
            client = aiomqtt.Client("127.0.0.1", embedded.port, will=will, keepalive=2, **login)
            async with contextlib.AsyncExitStack() as stack:
                await stack.enter_async_context(client)
                client._misc_task.cancel()  # no more signs of life
                began = time.monotonic()
                async with asyncio.timeout(8):
                    assert (await anext(aiter(reader.messages))).payload == b"gone"
                assert time.monotonic() - began > 2.5
                await cut_off(client)

    run_async(main())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(start, number):
    """Exit code 0, nothing but its lines of log."""
    process, _ = with_lifeline(start)
    process.send_signal(number)
    err = process.communicate(timeout=10)[1]
    assert process.returncode == 0
    assert "Traceback" not in err


def test_it_ends_with_its_supervisor(start):
    """The pipe's end, with nobody connected, ends it within seconds; exit code 0."""
    process, _ = with_lifeline(start)
    began = time.monotonic()
    process.stdin.close()
    assert process.wait(timeout=10) == 0
    assert time.monotonic() - began < 5


def test_it_ends_at_once_when_the_supervisor_says_so(start):
    """`{"end": true}` does not wait for clients."""
    process, port = with_lifeline(start)

    async def main() -> None:
        async with aiomqtt.Client("127.0.0.1", port, username="rym", password="secret") as client:
            process.stdin.write('{"end": true}\n')
            process.stdin.flush()
            await cut_off(client)

    run_async(main())
    assert process.wait(timeout=10) == 0


def test_it_waits_for_its_last_client(start):
    """Without its supervisor it serves until the last client has left."""
    process, port = with_lifeline(start)

    async def main() -> None:
        async with aiomqtt.Client("127.0.0.1", port, username="rym", password="secret") as player:
            await player.subscribe("t")
            process.stdin.close()
            await asyncio.sleep(2.5)
            assert process.poll() is None
            await player.publish("t", b"last words", 1)
            async with asyncio.timeout(5):
                assert (await anext(aiter(player.messages))).payload == b"last words"

    run_async(main())
    assert process.wait(timeout=10) == 0

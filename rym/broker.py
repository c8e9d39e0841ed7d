"""The embedded broker: amqtt as a process of its own, on loopback, for one rig on one machine.

`python -m rym.broker --bind 127.0.0.1:1883`. One user, one password, no anonymous login, a bound on
connections and on the size of a packet. It keeps nothing on disk. Where anything leaves the
machine, mosquitto takes its place.
"""

from __future__ import annotations

import argparse
import asyncio
import hmac
import ipaddress
import logging
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.errors import BrokerError, NoDataError
from amqtt.plugins.base import BaseAuthPlugin

from rym.clock import Clock, SystemClock, timeout
from rym.codec import MAX_BYTES
from rym.errors import DeviceError, RymError, UsageError
from rym.lifeline import Lifeline
from rym.logs import catch_signals, run_async, show_logs
from rym.settings import secret

USER = "rym"
MAX_CLIENTS = 32
MAX_PACKET = MAX_BYTES + 65536
"""Largest packet that is read, in bytes: a message and its topic."""
LINGER = 40.0
"""Seconds after the supervisor's end within which the last clients must leave: longer than the
player's fade to silence of 30 s, so that its last messages still reach the journal."""
PATIENCE = 1.0
"""Seconds without any client after which the last one counts as gone: longer than a reconnect."""

LOG = logging.getLogger(__name__)


def free_port(host: str = "127.0.0.1") -> int:
    """Return a TCP port that nothing on `host` uses at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


class OnePassword(BaseAuthPlugin):  # type: ignore[misc]  # amqtt has no types
    """Lets in one user with one password.

    amqtt's own plugins do not serve: the anonymous one lets in everybody who sends a user name,
    even with `allow_anonymous` off, and the other one wants the password in a file.
    """

    @dataclass
    class Config:
        """What amqtt hands over."""

        user: str
        password: str

    async def authenticate(self, *, session: Any) -> bool:
        """Return whether user and password are right; a wrong one waits, so guessing is slow."""
        right = hmac.compare_digest(
            f"{session.username}\0{session.password}".encode(),
            f"{self.config.user}\0{self.config.password}".encode(),
        )
        if not right:
            LOG.warning("a client with a wrong user or password was refused")
            await asyncio.sleep(0.25)
        return right


class _Snapshots(dict[str, Any]):
    """A dict that may change while somebody goes through it.

    amqtt awaits while it goes through its subscriptions; a client that subscribes at that moment
    would end another one's connection with "dictionary changed size during iteration".
    """

    def __iter__(self) -> Iterator[str]:
        return iter(list(self.keys()))

    def items(self) -> Any:
        return list(super().items())


class _BoundedReader(StreamReaderAdapter):  # type: ignore[misc]  # amqtt has no types
    """Refuses a packet before its body is in memory: amqtt itself would read up to 256 MB."""

    async def read(self, n: int = -1) -> bytes:
        if n > MAX_PACKET:
            LOG.warning("a packet of %d bytes was refused, at most %d are read", n, MAX_PACKET)
            self.feed_eof()
            raise NoDataError(f"packet of {n} bytes")
        data: bytes = await super().read(n)
        return data


class LoopbackBroker(Broker):  # type: ignore[misc]  # amqtt has no types
    """amqtt's broker with its rough edges taken off."""

    def __init__(self, host: str, port: int, password: str) -> None:
        super().__init__(
            {
                "listeners": {
                    "default": {
                        "type": "tcp",
                        "bind": f"{host}:{port}",
                        "max_connections": MAX_CLIENTS,
                    }
                },
                "plugins": {"rym.broker.OnePassword": {"user": USER, "password": password}},
            }
        )
        self._subscriptions = _Snapshots()

    async def stream_connected(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        listener_name: str,
    ) -> None:
        """Serve one connection."""
        await self.external_connected(
            _BoundedReader(reader), StreamWriterAdapter(writer), listener_name
        )

    async def _handle_client_session(
        self, reader: Any, writer: Any, session: Any, handler: Any, *more: Any
    ) -> None:
        """Serve one client to its end.

        amqtt notes that a client has fallen silent and does nothing about it; and it keeps the
        session of a refused client for ever.
        """
        session.keep_alive *= 1.5  # MQTT 3.1.1, section 3.1.2.10
        closing: list[asyncio.Task[None]] = []

        def cut_off() -> None:
            LOG.warning("the client %s has fallen silent", session.client_id)
            closing.append(asyncio.create_task(handler.handle_connection_closed()))

        handler.handle_read_timeout = cut_off
        await super()._handle_client_session(reader, writer, session, handler, *more)
        if session.transitions.state == "connected":
            session.transitions.disconnect()

    @property
    def n_connections(self) -> int:
        """How many connections are open."""
        return sum(server.conn_count for server in self._servers.values())


def split_bind(bind: str) -> tuple[str, int]:
    """Return host and port of `127.0.0.1:1883`.

    Raises
    ------
    UsageError
        If it has another form or is not a loopback address.
    """
    host, _, port = bind.rpartition(":")
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(
            f"--bind is {bind!r}, expected ADDRESS:PORT with a port of 1 to 65535.",
            "Give for example --bind 127.0.0.1:1883.",
            bind=bind,
        )
    try:
        loopback = ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise UsageError(
            f"--bind is {bind!r}, but the embedded broker listens on 127.0.0.0/8 only.",
            "Use a 127.0.0.x address, or run mosquitto with TLS and passwords for other machines.",
            bind=bind,
        )
    return host, int(port)


def check_port(host: str, port: int) -> None:
    """Refuse a port that is taken, before amqtt tries it.

    Raises
    ------
    DeviceError
        If nothing can listen there.
    """
    with socket.socket() as probe:
        # On Windows two programs may share a port unless the second one insists on having it
        # alone; elsewhere a port in its closing time counts as free.
        exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
        probe.setsockopt(socket.SOL_SOCKET, exclusive or socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            raise DeviceError(
                f"The broker cannot listen on {host}:{port}: {error.strerror}.",
                "Stop the program that uses this port, or choose another one with --bind.",
                port=port,
            ) from None


async def serve(host: str, port: int, password: str, lifeline: Lifeline, clock: Clock) -> None:
    """Run the broker until a signal, or until the supervisor and then the last client are gone.

    Raises
    ------
    DeviceError
        If the port is taken.
    """
    told = catch_signals()
    check_port(host, port)
    broker = LoopbackBroker(host, port, password)
    try:
        await broker.start()
    except BrokerError as error:
        raise DeviceError(
            f"The broker cannot start on {host}:{port}: {error}.",
            "Choose another port with --bind.",
            port=port,
        ) from None
    LOG.info("listening on %s:%d for user %s", host, port, USER)
    lifeline.watch()
    watcher = asyncio.create_task(_outlive(broker, lifeline, clock), name="outlive")
    stopper = asyncio.create_task(told.wait(), name="signals")
    await asyncio.wait({watcher, stopper}, return_when=asyncio.FIRST_COMPLETED)
    try:
        async with timeout(clock, 3.0):
            await broker.shutdown()
    except TimeoutError:
        LOG.warning("some connections did not close within 3 s")


async def _outlive(broker: LoopbackBroker, lifeline: Lifeline, clock: Clock) -> None:
    """Return when the supervisor says so, or is gone and nobody is left to be served."""
    told = asyncio.create_task(lifeline.told_to_end(), name="life line")
    while not told.done():
        # The wait is cut into pieces for Windows, where a signal is seen only between two of them.
        await clock.sleep_until(clock.now() + 0.1)
    if told.result():
        return
    give_up = clock.now() + LINGER
    last_seen = clock.now()
    LOG.info("the supervisor is gone; waiting for %d connections to end", broker.n_connections)
    while clock.now() < min(give_up, last_seen + PATIENCE):
        if broker.n_connections:
            last_seen = clock.now()
        await clock.sleep_until(clock.now() + 0.1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m rym.broker",
        description="MQTT broker for one rig on one machine: loopback only, user 'rym', password "
        "from RYM_BROKER_PASSWORD.",
    )
    parser.add_argument(
        "--bind",
        default="127.0.0.1:1883",
        metavar="ADDRESS:PORT",
        help="where to listen, on 127.0.0.0/8 (default: %(default)s)",
    )
    parser.add_argument(
        "--lifeline",
        action="store_true",
        help='for supervisors: the first line on standard input is {"password": …}; its end ends '
        f"the broker, once the last client has left or after {LINGER:.0f} s",
    )
    parser.add_argument("--debug", action="store_true", help="show amqtt's log and tracebacks")
    return parser


def _password(lifeline: Lifeline | None) -> str:
    given = lifeline.open().get("password") if lifeline else secret("BROKER_PASSWORD")
    if not isinstance(given, str) or not given:
        raise UsageError(
            "The broker has no password, and it lets nobody in without one.",
            "Set RYM_BROKER_PASSWORD in the environment of the broker and of every part.",
        )
    return given


def main(argv: Sequence[str] | None = None) -> int:
    """Run `python -m rym.broker`; return the exit code."""
    options = _parser().parse_args(argv)
    show_logs("broker", debug=options.debug)
    if not options.debug:
        logging.getLogger("amqtt").setLevel(logging.CRITICAL)
        logging.getLogger("transitions").setLevel(logging.WARNING)
    lifeline = Lifeline()
    try:
        host, port = split_bind(options.bind)
        password = _password(lifeline if options.lifeline else None)
        run_async(serve(host, port, password, lifeline, SystemClock()))
    except RymError as error:
        LOG.error("%s", error, exc_info=options.debug)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Where a broker is, as people write it."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple
from urllib.parse import urlsplit

from rym.errors import UsageError


class Address(NamedTuple):
    """Where a broker is."""

    host: str
    port: int
    user: str | None

    @property
    def is_loopback(self) -> bool:
        """Whether nothing leaves this machine on the way there."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parse_url(url: str) -> Address:
    """Return host, port and user of `mqtt://[user@]host[:port]`.

    Raises
    ------
    UsageError
        If the URL has another form, or holds a password.
    """
    example = "Give for example --broker mqtt://127.0.0.1:1883."
    try:
        parts = urlsplit(url)
        port = parts.port or 1883
    except ValueError as error:
        raise UsageError(f"The broker's address is no URL: {error}.", example) from None
    if parts.password is not None:
        # The URL is not repeated: this sentence goes to logs.
        raise UsageError(
            "The broker's URL holds a password, which every user of this machine could read.",
            "Leave it out of the URL and set RYM_BROKER_PASSWORD.",
        )
    extra = parts.path.strip("/") or parts.query or parts.fragment
    if parts.scheme != "mqtt" or not parts.hostname or extra:
        raise UsageError(
            f"The broker's address is {url!r}, expected mqtt://host:port.", example, url=url
        )
    return Address(parts.hostname, port, parts.username)

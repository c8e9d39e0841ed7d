"""OSC by UDP (adapter of python-osc): packets are sent and forgotten."""

from __future__ import annotations

import socket

from pythonosc.udp_client import SimpleUDPClient

from rym.address import Address

from .mapping import Packet


class Receiver:
    """A receiver of OSC, there or not: whether it listens cannot be known, nor does it matter.

    Parameters
    ----------
    address : Address
        Where it is.
    """

    def __init__(self, address: Address) -> None:
        self.trouble = ""
        """Why the newest packet could not be sent; empty where it was."""
        self._address = address
        self._client: SimpleUDPClient | None = None

    def find(self) -> None:
        """Look the receiver up where that has not been done; a name may take seconds."""
        if self._client is not None:
            return
        try:
            # Once: python-osc would ask for a name's address again at every packet, and wait.
            found = socket.getaddrinfo(*self._address[:2], type=socket.SOCK_DGRAM)
            self._client = SimpleUDPClient(str(found[0][4][0]), self._address.port)
            self.trouble = ""
        except OSError as error:
            self.trouble = f"OSC cannot be sent to {self._address.host}: {error.strerror}."

    def send(self, packets: list[Packet]) -> None:
        """Send packets without ever waiting: what the system does not take now is lost."""
        if self._client is None:
            return
        try:
            for where, value in packets:
                self._client.send_message(where, float(value))
        except OSError as error:
            self.trouble = f"OSC cannot be sent to {self._address.host}: {error.strerror}."
        else:
            self.trouble = ""

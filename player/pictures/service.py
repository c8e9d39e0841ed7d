"""The service `page`: what is to be seen, from the player to the participant (thin shell)."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path

from rym.bus import ALL
from rym.messages import Message, Safety, Shown
from rym.service import Shell
from rym.topics import PICTURE, SAFETY

from .files import load
from .page import sentence
from .server import PageServer
from .settings import PageSettings


async def serve(shell: Shell, settings: PageSettings) -> None:
    """Give the page away until told to end.

    Parameters
    ----------
    shell : Shell
        Bus, clock and status.
    settings : PageSettings
        Table `[page]`.

    Raises
    ------
    FormatError
        If the bank's manifest cannot be read, or is not the one that was agreed on.
    DeviceError
        If the port cannot be had.
    """
    said = shell.bus.subscribe(PICTURE, SAFETY, overload=ALL)
    hall = await asyncio.to_thread(load, Path(settings.bank), settings.bank_sha256)
    server = await asyncio.to_thread(
        PageServer,
        hall,
        shell.clock,
        port=settings.port,
        token=settings.token,
        mark=settings.mark,
    )
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="page", daemon=True
    )
    thread.start()
    try:
        if not settings.token:
            # Started by hand: nobody else knows the address. Otherwise it is told to nobody.
            sys.stderr.write(f"{server.url}\n")
        gallery = hall.gallery
        shell.ready(
            gallery.told,
            port=server.server_port,
            scenes=len(gallery.strips),
            not_shown=" ".join(gallery.refused),
        )
        async for message in said:
            pass_on(server, message)
    finally:
        server.hang_up()
        await asyncio.to_thread(server.shutdown)
        server.server_close()


def pass_on(server: PageServer, message: Message) -> None:
    """Tell the pages what one message of the player means to them."""
    match message.content:
        case Shown() as shown:
            at = message.meta.audible_at
            place = {
                "at": message.meta.mono if at is None else at,
                "scene": shown.scene,
                "before": shown.before,
                "share": shown.share,
                "valence": shown.valence,
            }
            server.show(place)
        case Safety() as safety:
            server.say(sentence(safety))

"""`python -m player`: the player alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .roads import StopSignal, listen_to_keys

if TYPE_CHECKING:
    from rym.service import Shell

    from .settings import PlayerSettings


def main() -> int:
    """Run the player; return the exit code."""
    # Before what takes long to load, so that a STOP cannot end a process that only begins.
    stop = StopSignal()
    from rym.service import run  # noqa: PLC0415

    from .service import serve  # noqa: PLC0415
    from .settings import PlayerSettings  # noqa: PLC0415

    async def serve_all_roads(shell: Shell, settings: PlayerSettings) -> None:
        stop.lead_to(shell.lifeline)
        keys = asyncio.create_task(listen_to_keys(shell.lifeline), name="keys")
        try:
            await serve(shell, settings)
        finally:
            keys.cancel()
            await asyncio.wait([keys])

    return run("player", PlayerSettings, serve_all_roads, outlives_supervisor=True)


if __name__ == "__main__":
    raise SystemExit(main())

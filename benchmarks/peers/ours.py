"""Newest filtered sample behind our inlet and filters, in the loop that a session runs."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import aclosing
from pathlib import Path

# A script's own folder comes first on the path; the packages lie two folders above.
sys.path[0] = str(Path(__file__).resolve().parent.parent.parent)

from rym.clock import SystemClock
from stream.items import Chunk
from stream.lsl.inlet import EegInlet
from stream.settings import ConditioningSettings, StreamSettings
from stream.signal.filters import Conditioner


async def main(source_id: str, seconds: float) -> None:
    """Print (time, stamp of the newest sample) of every chunk, in seconds."""
    clock = SystemClock()
    inlet = await asyncio.to_thread(EegInlet, StreamSettings(source_id=source_id), clock)
    settings = ConditioningSettings(high_pass=0.5, low_pass=45.0, order=2, line=0)
    filters = Conditioner(settings, inlet.signal.rate, len(inlet.signal.channels))
    seen: list[tuple[float, float]] = []
    end = clock.now() + seconds
    async with aclosing(inlet.items()) as items:
        async for item in items:
            if isinstance(item, Chunk):
                filters.push(item.samples)
                seen.append((clock.now(), float(item.stamps[-1])))
            if clock.now() > end:
                break
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))

"""`python -m player.outward`: the bridges alone, as a process of their own."""

from rym.service import run

from .service import serve
from .settings import OutwardSettings

if __name__ == "__main__":
    raise SystemExit(run("outward", OutwardSettings, serve, module="player.outward"))

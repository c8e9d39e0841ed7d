"""`python -m player`: the player alone."""

from rym.service import run

from .service import serve
from .settings import PlayerSettings

if __name__ == "__main__":
    raise SystemExit(run("player", PlayerSettings, serve, outlives_supervisor=True))

"""`python -m player.pictures`: the participant's page alone."""

from rym.service import run

from .service import serve
from .settings import PageSettings

if __name__ == "__main__":
    raise SystemExit(run("page", PageSettings, serve, module="player.pictures"))

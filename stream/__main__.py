"""`python -m stream`: the inlet side alone."""

from rym.service import run

from .service import serve
from .settings import StreamSettings

raise SystemExit(run("stream", StreamSettings, serve))

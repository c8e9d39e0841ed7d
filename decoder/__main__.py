"""`python -m decoder`: the decoder alone, as a process of its own."""

from rym.service import run

from .service import serve
from .settings import DecoderSettings

raise SystemExit(run("decoder", DecoderSettings, serve))

"""All methods by name."""

from __future__ import annotations

from rym.errors import UsageError

from .candidates import CANDIDATES
from .controls import CONTROLS
from .method import Method

METHODS: dict[str, Method] = {**CANDIDATES, **CONTROLS}


def of(name: str) -> Method:
    """Return the method of this name.

    Raises
    ------
    UsageError
        If there is none.
    """
    if name not in METHODS:
        raise UsageError(
            f"There is no method {name!r}.", f"Name one of: {', '.join(METHODS)}.", name=name
        )
    return METHODS[name]

"""The kNN memory under its former name."""

from __future__ import annotations

from .memory.rings import Memory, memory_of
from .memory.votes import odd_root

__all__ = ["Memory", "memory_of", "odd_root"]

"""Calls in several processes (adapter of joblib)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from joblib import Parallel, parallel_config

IDLE_S = 10
"""Seconds after which joblib lets a process without work go while a build lives. Those of a build
that was killed are not told: they stay, a quarter of a gigabyte each, until somebody ends them."""
ENOUGH = 4
"""Calls below which further processes take longer to start than they save."""

T = TypeVar("T")


def spread(calls: Sequence[Callable[[], T]], n_processes: int) -> Iterator[T]:
    """Yield what calls return, in any order, as soon as each is done.

    Parameters
    ----------
    calls : sequence of callable
        Without arguments (`functools.partial`), to be carried to another process.
    n_processes : int
        1 runs everything here; 0 takes all cores.
    """
    if n_processes == 1 or len(calls) < ENOUGH:
        for call in calls:
            yield call()
        return
    with parallel_config("loky", n_jobs=n_processes or -1, idle_worker_timeout=IDLE_S):
        yield from Parallel(return_as="generator_unordered")((call, (), {}) for call in calls)

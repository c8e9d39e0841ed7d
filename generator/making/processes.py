"""Calls in several processes (adapter of joblib)."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from joblib import Parallel, parallel_config

ALONE_S = 1.0
"""Seconds between two looks at whether the process that asks is still there."""
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
    with parallel_config("loky", n_jobs=n_processes or -1):
        found = Parallel(return_as="generator_unordered")((_guarded, (call,), {}) for call in calls)
        yield from found


def _guarded(call: Callable[[], T]) -> T:
    _end_with_parent()
    return call()


@functools.cache
def _end_with_parent() -> None:
    """See to it, once, that this process ends when the one that started it was killed.

    joblib's own would wait for work for minutes, a quarter of a gigabyte each.
    """
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        threading.Event().wait(ALONE_S)
    os._exit(1)

"""Processes over which joblib spreads work."""

from __future__ import annotations

from contextlib import AbstractContextManager

from joblib import parallel_config

IDLE_S = 10
"""Seconds after which a process without work ends. Those of a build that was killed know nothing of
it: with joblib's own five minutes each would keep a quarter of a gigabyte that long."""


def spread(n_processes: int) -> AbstractContextManager[object]:
    """Return the context in which joblib's calls use so many processes.

    Parameters
    ----------
    n_processes : int
        1 runs everything here; −1 takes all cores.
    """
    context: AbstractContextManager[object]
    if n_processes == 1:
        context = parallel_config(n_jobs=1)
    else:
        context = parallel_config("loky", n_jobs=n_processes, idle_worker_timeout=IDLE_S)
    return context

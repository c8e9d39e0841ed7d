"""Jobs carried out side by side, on this machine or a cluster; what is done stays done.

Every result is one file of `work/`, named by its key and put in place whole, by this process alone:
workers need no common disk, and a kill at any moment costs only the jobs that were under way. What
a file is worth follows from its name, so that it serves every later evaluation of the same rows.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed, parallel_config
from threadpoolctl import threadpool_limits

import decoder
from decoder.table import Table
from rym import __version__
from rym.errors import DeviceError

from ..folder import write_atomically
from . import jobs as jobs_of
from . import nested, work
from .jobs import Job, Setup

Arrays = dict[str, npt.NDArray[np.generic]]
Backend = Literal["loky", "dask", "ray"]
Progress = Callable[[float, str], None]
LOOK_S = 1.0
"""Seconds between two looks of a worker at whether its master still lives."""
LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch", "pyriemann")
EXTRAS = ("braindecode",)
"""Not said to be absent: without them nothing is made that could differ."""


def silent(_share: float, _what: str) -> None:
    """Show nothing."""


def versions() -> dict[str, str]:
    """Return the versions of everything that a score follows from."""
    found = {"rym": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    for name in EXTRAS:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def code_version() -> str:
    """Return a hash of the source that makes scores, and of the libraries' versions."""
    found = hashlib.sha256(repr(sorted(versions().items())).encode())
    root = Path(str(decoder.__file__)).parent
    sources = [path for path in sorted(root.rglob("*.py")) if path.parent.name != "leaks"]
    for path in [*sources, *(Path(str(module.__file__)) for module in (work, jobs_of, nested))]:
        found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def perform(table: Table, setup: Setup, job: Job) -> tuple[str, Arrays]:
    """Do one job on one core, so that its last bits do not depend on the number of cores."""
    with threadpool_limits(limits=1):
        return job.key, work.perform(table, setup, job)


def carry_out(
    table: Table,
    setup: Setup,
    jobs: Sequence[Job],
    folder: Path,
    *,
    workers: int,
    backend: Backend = "loky",
    progress: Progress = silent,
) -> None:
    """Do the jobs whose results are not there yet, and keep each as it comes.

    Parameters
    ----------
    table : Table
        All rows.
    setup : Setup
        Of the evaluation.
    jobs : sequence of Job
        See `jobs.plan`.
    folder : Path
        Where results are kept.
    workers : int
        Jobs at once; 1: in this process.
    backend : {"loky", "dask", "ray"}
        Processes of this machine, or a cluster that joblib can reach.
    progress : callable
        Called with the share done and what is being done.

    Raises
    ------
    DeviceError
        If the cluster's library is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [job for job in jobs if kept(folder / f"{job.key}.npz") is None]
    total, done = sum(job.cost for job in missing), 0.0
    by_key = {job.key: job for job in missing}
    progress(0.0, "scoring")
    for key, arrays in results(perform, (table, setup), missing, workers, backend):
        keep(folder / f"{key}.npz", arrays)
        done += by_key[key].cost
        progress(min(done / total, 0.999), f"{by_key[key].protocol}, {by_key[key].method}")
    progress(1.0, "")


def results(
    do: Callable[..., Any],
    common: Sequence[Any],
    items: Sequence[Any],
    workers: int,
    backend: Backend = "loky",
    *,
    ordered: bool = False,
) -> Iterator[Any]:
    """Yield what a function makes of items, as it comes.

    Parameters
    ----------
    do : callable
        Of a module, so that it can be named to another process.
    common : sequence
        Its first arguments, the same for all items.
    items : sequence
        Its last argument.
    workers : int
        How many at once.
    backend : {"loky", "dask", "ray"}
        Where.
    ordered : bool
        Whether they come in the order of the items.
    """
    if not items:
        return
    come = "generator" if ordered else "generator_unordered"
    with _where(backend, workers, common):
        parallel = Parallel(return_as=come, pre_dispatch="2 * n_jobs")
        yield from parallel(delayed(do)(*common, item) for item in items)


def in_turn(do: Callable[[Any], Any], items: Sequence[Any], workers: int) -> Iterator[Any]:
    """Yield what a function makes of items, in their order, as `map` does; several at a time."""
    return results(do, (), items, workers, ordered=True)


@contextmanager
def _where(backend: Backend, workers: int, common: Sequence[Any]) -> Iterator[None]:
    """Name the backend to joblib while something runs on it."""
    if backend == "loky":
        watched = {"initializer": _end_with, "initargs": (os.getpid(),)}
        options = {"n_jobs": workers, "inner_max_num_threads": 1, **watched}
        with warnings.catch_warnings(), parallel_config("loky", **options):
            # A worker that has grown is replaced by a fresh one, as torch makes them all do.
            warnings.filterwarnings("ignore", "A worker stopped", UserWarning)
            yield
    elif backend == "dask":
        # Sent once to every worker instead of with every job.
        with _dask(workers), parallel_config("dask", scatter=list(common[:1])):
            yield
    else:
        _ray()
        with parallel_config("ray", n_jobs=workers):
            yield


def _end_with(master: int) -> None:
    """End this worker when its master is gone: killed, it cannot say so, and loky would wait."""

    def watch() -> None:
        never = threading.Event()
        while os.getppid() == master:
            never.wait(LOOK_S)
        os._exit(1)

    threading.Thread(target=watch, name="watch", daemon=True).start()


def _dask(workers: int) -> Any:
    """Return a client of the scheduler that DASK_SCHEDULER_ADDRESS names, or of own processes."""
    try:
        from distributed import Client  # noqa: PLC0415 - optional
    except ImportError:
        raise _absent("dask", "distributed") from None
    address = os.environ.get("DASK_SCHEDULER_ADDRESS")
    if address:
        return Client(address)
    return Client(n_workers=workers, threads_per_worker=1, dashboard_address=None)


def _ray() -> None:
    try:
        from ray.util.joblib import register_ray  # noqa: PLC0415 - optional
    except ImportError:
        raise _absent("ray", "ray") from None
    register_ray()


def _absent(backend: str, package: str) -> DeviceError:
    return DeviceError(
        f"The backend {backend} needs the package {package}, which is not installed.",
        f"Install it (`pip install {package}`), or leave --backend out.",
    )


def keep(path: Path, arrays: Arrays) -> None:
    """Write arrays so that the file is there whole or not at all; the same arrays, the same bytes.

    Parameters
    ----------
    path : Path
        `.npz`; what stands there is replaced.
    arrays : dict of str to array
        Without objects.
    """
    content = io.BytesIO()
    named: dict[str, Any] = {name: np.asarray(value) for name, value in arrays.items()}
    np.savez_compressed(content, **named)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content.getvalue())


def kept(path: Path) -> Arrays | None:
    """Return the arrays of a result; None where there is none, or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except (OSError, ValueError, EOFError, BadZipFile, zlib.error):
        return None

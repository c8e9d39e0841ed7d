"""What `rym evaluate` is given, as one gathered data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rym.errors import UsageError

from .assemble import Gathered, Progress, silent
from .bids import gather_bids, is_bids
from .dataset import load
from .gather import Each, gather
from .sessions import gather_sessions


def gather_given(
    given: Sequence[Path],
    data: Path | None,
    cache: Path | None,
    *,
    each: Each = map,
    progress: Progress = silent,
    samples: bool = False,
) -> Gathered:
    """Return the rows of what the command line names.

    Parameters
    ----------
    given : sequence of Path
        One TOML, one BIDS folder, or sessions' folders.
    data : Path or None
        The folder that a TOML explains.
    cache, each, progress, samples
        As for `gather.gather`.

    Raises
    ------
    UsageError
        If these do not go together.
    """
    if not given:
        raise UsageError(
            "Nothing is given.", "Name a data set's TOML with --data, a BIDS folder, or sessions."
        )
    tables = [path for path in given if path.suffix.lower() == ".toml"]
    if tables and (len(given) > 1 or data is None):
        raise UsageError(
            f"{len(given)} things and {'no' if data is None else 'a'} folder with --data are given "
            f"beside {tables[0]}.",
            "Give one data set's TOML and its folder with --data.",
        )
    if tables and data is not None:
        dataset = load(tables[0])
        if dataset.files.pattern and not is_bids(data):
            return gather(dataset, data, cache, each=each, progress=progress, samples=samples)
        return gather_bids(data, dataset, cache, each=each, progress=progress, samples=samples)
    if data is not None:
        raise UsageError(
            f"--data {data} is given without a data set's TOML.", "Name the TOML before it."
        )
    if len(given) == 1 and is_bids(given[0]):
        return gather_bids(given[0], None, cache, each=each, progress=progress, samples=samples)
    return gather_sessions(given, cache, each=each, progress=progress, samples=samples)

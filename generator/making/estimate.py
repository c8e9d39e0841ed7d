"""How long the rest of a build will take on this machine, from what was made so far; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from .names import PLAIN
from .studio import Job

Kind = tuple[type[Job], str]
"""Clip or picture, and its backend: what takes about equally long."""


def kind_of(job: Job) -> Kind:
    """Return what a job is as long as."""
    return type(job), job.backend


class Estimate:
    """Mean seconds per kind of job.

    Parameters
    ----------
    n_processes : int
        Over which procedural jobs are spread; others are made one after the other.
    """

    def __init__(self, n_processes: int) -> None:
        self._n_processes = n_processes
        self._seconds: dict[Kind, list[float]] = defaultdict(list)

    def learn(self, job: Job, seconds: float) -> None:
        """Take in how long a job took, in seconds."""
        self._seconds[kind_of(job)].append(seconds)

    def knows(self, job: Job) -> bool:
        """Tell whether one of that kind was timed."""
        return bool(self._seconds[kind_of(job)])

    def left(self, jobs: Iterable[Job]) -> float:
        """Return the seconds that jobs will take; those of an unknown kind count nothing."""
        total = 0.0
        for job in jobs:
            known = self._seconds[kind_of(job)]
            if known:
                side_by_side = self._n_processes if job.backend == PLAIN else 1
                total += sum(known) / len(known) / side_by_side
        return total

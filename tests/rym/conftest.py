"""Fixtures: real brokers, processes and windows; none outlives its test."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from rym.messages import Window
from tests.brokers import BrokerProcess, embedded_broker, mosquitto_broker


@pytest.fixture(params=[embedded_broker, mosquitto_broker])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BrokerProcess]:
    """Run each test on both brokers."""
    process = request.param(tmp_path)
    process.start()
    yield process
    process.kill()


@pytest.fixture
def embedded() -> Iterator[BrokerProcess]:
    """Return the embedded broker, running."""
    process = embedded_broker()
    process.start()
    yield process
    process.kill()


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return a function that starts `python ARGUMENTS`; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, first: object = None, **env: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={k: v for k, v in os.environ.items() if k != "RYM_BROKER_PASSWORD"} | env,
        )
        started.append(process)
        if first is not None:
            assert process.stdin is not None
            process.stdin.write(json.dumps(first) + "\n")
            process.stdin.flush()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


@pytest.fixture
def window() -> Callable[[int], Window]:
    """Return a function that makes the n-th window of a 20-channel stream, 40 kB of samples."""

    def make(n: int) -> Window:
        samples = np.random.default_rng(n).normal(0, 20, (500, 20)).astype(np.float32)
        samples.flags.writeable = False
        return Window(
            segment=0,
            first_sample=125 * n,
            n_new=125,
            t_first=0.25 * n,
            rate=500.0,
            channels=tuple(f"C{i}" for i in range(20)),
            samples=samples,
            bad=(),
            valid=True,
            reason="",
        )

    return make

"""Fixtures: the rigs run at once and once for all tests, beside what does not look at them."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from decoder import model as models
from decoder.rows import rows_from
from decoder.settings import DecoderSettings
from decoder.training import fit
from generator.making.build import build
from generator.memory import Memory
from generator.settings import GeneratorSettings, NoPictures
from rym.broker import free_port
from session.simulate import live
from tests.faults.laptop import Laptop
from tests.faults.live import PASSWORD, RIGS, Run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what is quick and pure first; what looks at the runs comes last, once they are over."""
    here = [item for item in items if item.path.parent == Path(__file__).parent]
    order = sorted(here, key=_place)
    places = [i for i, item in enumerate(items) if item.path.parent == Path(__file__).parent]
    for place, item in zip(places, order, strict=True):
        items[place] = item


def _place(item: pytest.Item) -> int:
    if _looks_at_a_run(item):
        return 2
    return 1 if item.get_closest_marker("real") else 0


def _looks_at_a_run(item: pytest.Item) -> bool:
    return bool({*RIGS, "laptop"} & set(getattr(item, "fixturenames", ())))


@pytest.fixture(autouse=True)
def _early(request: pytest.FixtureRequest) -> None:
    """Let the runs go on while tests of other streams wait for theirs."""
    if not _place(request.node):
        return
    if set(RIGS) & _asked(request):
        request.getfixturevalue("runs")
    if "laptop" in _asked(request):
        request.getfixturevalue("sleeping")


def _asked(request: pytest.FixtureRequest) -> set[str]:
    """Return the fixtures that the tests of this run ask for."""
    return {name for item in request.session.items for name in getattr(item, "fixturenames", ())}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a bank and a model."""
    folder = tmp_path_factory.mktemp("faults")
    build(
        Memory(text="A lantern.", seed=11),
        folder / "bank",
        GeneratorSettings(sections=1, variants=1, bars=2, pictures=NoPictures()),
    )
    _model(folder / "model")
    return folder


@pytest.fixture(scope="session")
def sleeping(
    request: pytest.FixtureRequest, made: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Laptop]:
    """Start a session on a machine that sleeps, behind the rigs; all of it is gone in the end."""
    before: list[Run] = []
    if set(RIGS) & _asked(request):
        before = list(request.getfixturevalue("runs").values())
    folder = tmp_path_factory.mktemp("laptop")
    laptop = Laptop(folder, made, lambda: [run.begun() for run in before])
    yield laptop
    laptop.close()


@pytest.fixture(scope="session")
def laptop(sleeping: Laptop) -> Laptop:
    """Return the session whose machine slept, once that is over."""
    return sleeping.done()


@pytest.fixture(scope="session")
def runs(made: Path) -> Iterator[dict[str, Run]]:
    """Start all rigs and one broker; all of it is gone in the end."""
    folder = made
    url = f"127.0.0.1:{free_port()}"
    environment = {**os.environ, "RYM_BROKER_PASSWORD": PASSWORD, "OMP_NUM_THREADS": "1"}
    broker = subprocess.Popen(
        [sys.executable, "-m", "rym.broker", "--bind", url],
        env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    started = {}
    for name, rig in RIGS.items():
        own = folder / name
        own.mkdir()
        (own / "rig.toml").write_text(
            rig.settings.format(bank=folder / "bank", model=folder / "model"), encoding="utf-8"
        )
        (own / "lsl.cfg").write_text(f"[lab]\nSessionID = {uuid.uuid4().hex}\n[log]\nlevel = -2\n")
        apart = {**environment, "LSLAPICFG": str(own / "lsl.cfg")}
        started[name] = Run(name, rig, own, f"mqtt://{url}", apart)
    yield started
    for run in started.values():
        run.close()
    broker.terminate()
    broker.wait(10)


def _model(folder: Path) -> None:
    """Learn from a simulated person, and save what came out."""
    settings = msgspec.convert({"training": {"candidate": "lda"}}, DecoderSettings)
    life = live(3, 2.0, {"rest": 10.0, "calibration": 120.0})
    rows = rows_from(
        life.windows, life.keys, settings, baseline=[(0.0, 10.0)], learn=[(10.0, 130.0)]
    )
    models.save(fit(rows, settings, 3)[0], folder)


@pytest.fixture(scope="session")
def values(runs: dict[str, Run]) -> Run:
    """Return the rig whose samples were disturbed, once its run is over."""
    return runs["values"].done()


@pytest.fixture(scope="session")
def outages(runs: dict[str, Run]) -> Run:
    """Return the rig whose stream broke off and whose clock was set, once its run is over."""
    return runs["outages"].done()


@pytest.fixture(scope="session")
def unusable(runs: dict[str, Run]) -> Run:
    """Return the rig of whose windows nothing could be made at times, once its run is over."""
    return runs["unusable"].done()

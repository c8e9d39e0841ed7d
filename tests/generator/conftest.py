"""Small banks, so that most tests need not render minutes of music."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.making.build import Progress, build
from generator.memory import Memory, load
from generator.settings import GeneratorSettings, NoPictures

TEXT = "Zitronenfalter über dem Stoppelfeld, a lantern swings, warm bread."
FULL = GeneratorSettings(sections=2, variants=1, pictures=NoPictures())
EXAMPLE = Path(__file__).resolve().parents[2] / "configs" / "memory.example.toml"


@pytest.fixture(scope="session")
def text() -> str:
    """Return the words of the memory that the banks are made of."""
    return TEXT


@pytest.fixture(scope="session")
def memory() -> Memory:
    """Return a memory without wishes but its seed."""
    return Memory(text=TEXT, seed=11)


@pytest.fixture(scope="session")
def small() -> GeneratorSettings:
    """Return settings for two bars of one section in one variant, and one scene of three frames."""
    return GeneratorSettings(
        sections=1, variants=1, bars=2, scenes=1, frames=3, width=128, height=72
    )


@pytest.fixture(scope="session")
def example() -> Path:
    """Return the example that newcomers copy."""
    return EXAMPLE


@pytest.fixture(scope="session")
def small_told() -> list[Progress]:
    """Return what was told while `small_bank` was built, once it is."""
    return []


@pytest.fixture(scope="session")
def small_bank(tmp_path_factory, memory, small, small_told) -> Path:
    """Return a finished small bank; no test may change it."""
    out = tmp_path_factory.mktemp("small") / "bank"
    build(memory, out, small, small_told.append)
    return out


@pytest.fixture(scope="session")
def full() -> GeneratorSettings:
    """Return the settings of `full_bank`."""
    return FULL


@pytest.fixture(scope="session")
def full_bank(tmp_path_factory) -> Path:
    """Return a bank of clips of the usual length of the example memory; no test may change it."""
    out = tmp_path_factory.mktemp("full") / "bank"
    build(load(EXAMPLE), out, FULL)
    return out

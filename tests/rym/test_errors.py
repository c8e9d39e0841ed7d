"""Errors keep what they say wherever they go."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest

from rym.errors import FormatError, RymError, UsageError


def _refuse(kind: type[RymError]) -> None:
    raise kind("3 files, 2 are needed.", "Give 2.", found=3)


@pytest.mark.parametrize("kind", [UsageError, FormatError])
def test_an_error_comes_back_from_another_process(kind: type[RymError]) -> None:
    """Kind, sentence, remedy and values are those that were raised there."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        failed = pool.submit(_refuse, kind).exception(timeout=60)
    assert type(failed) is kind
    assert (failed.error, failed.remedy) == ("3 files, 2 are needed.", "Give 2.")
    assert failed.facts == {"found": 3}
    assert str(failed) == "3 files, 2 are needed. Give 2."

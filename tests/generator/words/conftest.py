"""Endpoints that are closed again."""

import pytest

from tests.generator.words.endpoints import Endpoint, Waits


@pytest.fixture
def endpoint():
    """Return a function that opens an endpoint with its answers."""
    opened = []

    def start(*answers, **where):
        opened.append(Endpoint(*answers, **where))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.fixture
def waits():
    """Return a clock that writes down what was waited for."""
    return Waits()

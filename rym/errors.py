"""Errors that a person can act on.

Every error says what was wrong, gives both values where there are two, and names the remedy. The
numbers stay readable as attributes, so that a caller never parses a sentence.
"""

from __future__ import annotations

from typing import Any


class RymError(Exception):
    """A failure that has a remedy.

    Parameters
    ----------
    error : str
        What was wrong, with both values.
    remedy : str
        What the reader can do about it.
    **facts : object
        The values behind the sentence, kept as attributes in `facts`.
    """

    exit_code = 1

    def __init__(self, error: str, remedy: str, **facts: object) -> None:
        super().__init__(f"{error} {remedy}")
        self.error = error
        self.remedy = remedy
        self.facts = facts

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what it is made of, so that it can come back from another process."""
        return _again, (type(self), self.error, self.remedy, self.facts)


def _again(kind: type[RymError], error: str, remedy: str, facts: dict[str, object]) -> RymError:
    return kind(error, remedy, **facts)


class UsageError(RymError):
    """The command or its settings are wrong; nothing was started."""

    exit_code = 2


class SignalError(RymError):
    """The EEG that arrives is not what the settings or the model expect."""


class ConfirmError(SignalError):
    """It could go on, but not before the operator says so; started again, it does."""

    exit_code = 5


class FormatError(RymError):
    """A file, folder or message does not have the form that its name promises."""


class DeviceError(RymError):
    """A broker, an audio device or another outside part cannot be had."""

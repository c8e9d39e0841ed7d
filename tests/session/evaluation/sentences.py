"""What a sentence looks like, for tests of what is shown."""

from __future__ import annotations

import re

SENTENCE = re.compile(r"[A-Z0-9][^\n]*[^.\s]\.")


def unlike_sentences(*told: str) -> list[str]:
    """Return what is no sentence: without a capital or a number first, or a full stop last."""
    parts = [part for words in told for part in re.split(r"(?<=[a-z0-9)]\.) ", words)]
    return [part for part in parts if not SENTENCE.fullmatch(part)]

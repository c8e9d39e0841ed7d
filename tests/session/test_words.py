"""No string that a person may see says what docs/words.md forbids."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("rym", "stream", "decoder", "generator", "player", "session")

FORBIDDEN = re.compile(
    r"\b(?:your brain|reads|we detected|you feel|success(?:es|ful|fully)?|progress|treatments?"
    r"|normal)\b",
    re.IGNORECASE,
)
ALLOWED = (
    "You know best how you feel.",
    "no diagnosis, no treatment",
    "not a diagnosis, not a treatment",
)
"""Sentences that are prescribed word for word."""


def complaint(text: str) -> str:
    """Return what is wrong with a text, or nothing."""
    rest = " ".join(text.split())
    for sentence in ALLOWED:
        rest = rest.replace(sentence, "")
    found = FORBIDDEN.search(rest)
    if found:
        return f"says {found[0]!r}"
    if re.search(r"\baccuracy\b", rest, re.IGNORECASE) and "chance" not in rest.lower():
        return "says 'accuracy' without chance"
    return ""


def strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of every string that can come to a screen.

    Strings that stand alone (docstrings, notes under a field) are not shown. The parts of an
    f-string, or of a sum of strings, count as one text.
    """
    silent = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    inside: set[int] = set()
    for node in ast.walk(tree):
        if id(node) in silent or id(node) in inside:
            continue
        text = _text(node)
        if text is not None:
            inside |= {id(part) for part in ast.walk(node)}
            yield getattr(node, "lineno", 0), text


def _text(node: ast.AST) -> str | None:
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part) or "…" for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            a, b = _text(left), _text(right)
            return None if a is None and b is None else (a or "…") + (b or "…")
    return None


def values(table: Any) -> Iterator[str]:
    """Yield every string of a TOML table."""
    if isinstance(table, str):
        yield table
    elif isinstance(table, dict):
        for value in table.values():
            yield from values(value)
    elif isinstance(table, list):
        for value in table:
            yield from values(value)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_string_says_what_is_forbidden(package: str) -> None:
    """Every string of a package that is not a docstring keeps to the words."""
    wrong = []
    for path in sorted((ROOT / package).rglob("*.py")):
        for line, text in strings(ast.parse(path.read_text(encoding="utf-8"))):
            if said := complaint(text):
                wrong.append(f"{path.relative_to(ROOT)}:{line} {said}: {text!r}")
    assert not wrong, "\n".join(wrong)


def test_no_setting_says_what_is_forbidden() -> None:
    """The words of the settings files keep to them too."""
    wrong = []
    for path in sorted((ROOT / "configs").glob("*.toml")):
        for text in values(tomllib.loads(path.read_text(encoding="utf-8"))):
            if said := complaint(text):
                wrong.append(f"{path.name} {said}: {text!r}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "source",
    [
        'print("This reads your mind")',
        'print(f"Your brain {x}")',
        'say("we " "detected")',
        'title = "Progress"',
        'say(f"accuracy {x:.2f}")',
        'say("balanced accuracy: " + str(x))',
        'ask("How do you feel?")',
    ],
)
def test_the_check_sees_what_is_forbidden(source: str) -> None:
    """Plain, joined, formatted and added strings are all looked at."""
    assert any(complaint(text) for _, text in strings(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        '"""It reads a file, with success."""',
        'class A:\n    x: int = 0\n    """Normal reads."""',
        'say("You know best how you feel.")',
        'say("For research and wellness; no diagnosis, no treatment.")',
        'x = {"balanced_accuracy": 1, "n_reads": 2}',
        'say(f"accuracy {x:.2f}, " f"chance {y:.2f}")',
        'say("It is already spread abnormally")',
    ],
)
def test_the_check_leaves_alone_what_is_not(source: str) -> None:
    """Docstrings, names, longer words and the prescribed sentences pass."""
    assert not any(complaint(text) for _, text in strings(ast.parse(source)))

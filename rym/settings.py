"""Settings: one TOML table per stage, laid over one another, each value with its origin.

Rules: what a layer says must be known and of the right type before anything starts; every value
remembers who set it; secrets never stand in a file, only in the environment (`RYM_…`).
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import inspect

from rym.errors import UsageError

S = TypeVar("S", bound=msgspec.Struct)

DEFAULT = "default"
"""Origin of a value that no layer sets."""

_AT = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?\Z", re.DOTALL)
_GOT = re.compile(r"Expected (?P<expected>.+?), got `(?P<found>[^`]*)`\Z")


class Layer(NamedTuple):
    """What one file, protocol or command line sets."""

    origin: str
    """Path of the file, or what else to call it, such as `--rig`."""
    tables: Mapping[str, Any]
    """Table → key → value."""
    text: str = ""
    """The file's text, from which errors take the line."""


class RigSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Table `[rig]`: what all parts of one rig share."""

    id: str = "bench"
    """Lower-case id (`[a-z0-9-]`), never a person's name."""
    broker: str = ""
    """`mqtt://host:port` of a broker that runs already; empty: the session starts its own."""


class Resolved(NamedTuple):
    """Every table as one frozen struct, and who set which value."""

    tables: dict[str, msgspec.Struct]
    origins: dict[str, str]
    """`table.key` → origin, for every value that some layer set."""

    def table(self, name: str, kind: type[S]) -> S:
        """Return one table under its own type."""
        settings = self.tables[name]
        assert isinstance(settings, kind), f"[{name}] is {type(settings)}, not {kind}"
        return settings

    def rows(self) -> list[tuple[str, Any, str]]:
        """Return (key, value, origin) of every value, in the tables' order."""
        rows: list[tuple[str, Any, str]] = []
        for name, settings in self.tables.items():
            for path, value in _leaves(name, msgspec.to_builtins(settings, enc_hook=str)):
                rows.append((path, value, self._origin(path)))
        return rows

    def _origin(self, path: str) -> str:
        # A value that is itself a table ("weights = {}") was set under its parent's name.
        while path:
            if path in self.origins:
                return self.origins[path]
            path = path.rpartition(".")[0]
        return DEFAULT


def secret(name: str, environ: Mapping[str, str] | None = None) -> str | None:
    """Return the environment's `RYM_<name>`, or None where it is not set.

    Parameters
    ----------
    name : str
        Such as `BROKER_PASSWORD`.
    environ : mapping of str to str, optional
        The process's environment where not given.
    """
    return (os.environ if environ is None else environ).get(f"RYM_{name}") or None


def read(path: Path) -> Layer:
    """Read a TOML file; a byte order mark and Windows line ends are tolerated.

    Raises
    ------
    UsageError
        If the file is missing, not UTF-8, or not TOML; the line is named.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise UsageError(
            f"The settings file {path} cannot be read: {error.strerror}.",
            "Check the path given with --config.",
            file=str(path),
        ) from None
    except UnicodeDecodeError as error:
        raise UsageError(
            f"The settings file {path} is not UTF-8 (byte {error.start}).",
            "Save it as UTF-8.",
            file=str(path),
        ) from None
    try:
        return Layer(str(path), tomllib.loads(text), text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"The settings file {path} is not valid TOML: {error}.",
            'Correct that line; numbers have a decimal point, texts stand in "quotes".',
            file=str(path),
        ) from None


def load(
    schema: Mapping[str, type[msgspec.Struct]],
    layers: Sequence[Layer],
    others: Sequence[str] = (),
) -> Resolved:
    """Lay the layers over the defaults, later ones over earlier ones.

    Parameters
    ----------
    schema : mapping of str to type
        Each table's frozen struct; its defaults are the lowest layer.
    layers : sequence of Layer
        In rising precedence: protocol, `rig.toml`, `--config`, options.
    others : sequence of str
        Tables that may stand in a file but belong to another part; they are not looked at.

    Raises
    ------
    UsageError
        If a layer names an unknown table or key (the nearest known one is given), or a value has
        the wrong type or is missing.
    """
    merged: dict[str, Any] = {name: {} for name in schema}
    origins: dict[str, str] = {}
    for layer in layers:
        for name, table in layer.tables.items():
            if name in schema:
                info = inspect.type_info(schema[name])
                _check_keys(info, table, name, layer)
                _forget_replaced(merged[name], table, name, info, origins)
                merged[name] = _laid_over(info, merged[name], table)
                origins |= dict.fromkeys((path for path, _ in _leaves(name, table)), layer.origin)
            elif name not in others:
                raise _unknown("table", name, [*schema, *others], layer, name)
    tables = {name: _convert(schema[name], name, merged[name], origins, layers) for name in schema}
    return Resolved(tables, origins)


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(f"{path}.{key}", inner)
    else:
        yield path, value


def _structs(info: inspect.Type) -> list[inspect.StructType]:
    """Return the structs that a value of this type can be."""
    if isinstance(info, inspect.StructType):
        return [info]
    if isinstance(info, inspect.UnionType):
        return [kind for kind in info.types if isinstance(kind, inspect.StructType)]
    return []


def _chosen(info: inspect.Type, value: Mapping[str, Any]) -> inspect.StructType | None:
    """Return the struct that a table's tag chooses; None where it chooses none."""
    kinds = _structs(info)
    if len(kinds) == 1:
        return kinds[0]
    for kind in kinds:
        if kind.tag_field is not None and value.get(kind.tag_field) == kind.tag:
            return kind
    return None


def _field(kind: inspect.StructType, key: str) -> inspect.Type | None:
    return next((field.type for field in kind.fields if field.encode_name == key), None)


def _check_keys(info: inspect.Type, value: Any, path: str, layer: Layer) -> None:
    """Refuse keys that no struct of this type has; wrong types are left to `_convert`."""
    if isinstance(info, inspect.DictType) and isinstance(value, Mapping):
        for key, inner in value.items():
            _check_keys(info.value_type, inner, f"{path}.{key}", layer)
    elif isinstance(info, inspect.ListType | inspect.VarTupleType) and isinstance(value, list):
        for index, inner in enumerate(value):
            _check_keys(info.item_type, inner, f"{path}[{index}]", layer)
    elif isinstance(value, Mapping) and (kinds := _structs(info)):
        # A layer may change one key of a variant that a lower layer has chosen: without a tag,
        # the keys of all variants are known.
        chosen = _chosen(info, value)
        allowed = [chosen] if chosen else kinds
        tags = {kind.tag_field for kind in allowed if kind.tag_field}
        known = {field.encode_name for kind in allowed for field in kind.fields} | tags
        for key, inner in value.items():
            if key not in known:
                raise _unknown("key", key, sorted(known), layer, f"{path}.{key}")
            for kind in allowed:
                if (inner_type := _field(kind, key)) is not None:
                    _check_keys(inner_type, inner, f"{path}.{key}", layer)
                    break


def _is_other_variant(info: inspect.Type, low: Mapping[str, Any], high: Mapping[str, Any]) -> bool:
    tags = {kind.tag_field for kind in _structs(info) if kind.tag_field}
    return any(tag in high and high[tag] != low.get(tag, high[tag]) for tag in tags)


def _laid_over(info: inspect.Type | None, low: Any, high: Any) -> Any:
    """Return `high` over `low`, key by key within structs; another variant replaces the whole."""
    if not (isinstance(low, Mapping) and isinstance(high, Mapping)) or info is None:
        return high
    if _is_other_variant(info, low, high) or not _structs(info):
        return high
    kind = _chosen(info, {**low, **high})
    merged = dict(low)
    for key, value in high.items():
        inner = _field(kind, key) if kind else None
        merged[key] = _laid_over(inner, low[key], value) if key in low else value
    return merged


def _forget_replaced(
    low: Any, high: Any, path: str, info: inspect.Type | None, origins: dict[str, str]
) -> None:
    """Drop the origins of values that `_laid_over` is about to replace with their whole table."""
    if not (isinstance(low, Mapping) and isinstance(high, Mapping)) or info is None:
        return
    if _is_other_variant(info, low, high) or not _structs(info):
        for old in [name for name in origins if name.startswith(f"{path}.")]:
            del origins[old]
        return
    kind = _chosen(info, {**low, **high})
    for key in high.keys() & low.keys():
        inner = _field(kind, key) if kind else None
        _forget_replaced(low[key], high[key], f"{path}.{key}", inner, origins)


def _restore(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise NotImplementedError(f"{kind} has no form in TOML.")


def _convert(
    kind: type[S], table: str, values: Any, origins: Mapping[str, str], layers: Sequence[Layer]
) -> S:
    try:
        return msgspec.convert(values, kind, dec_hook=_restore)
    except msgspec.ValidationError as error:
        match = _AT.match(str(error))
        assert match is not None
        path = table + (match["path"] or "")
        found = _value_at(values, match["path"] or "")
        raise _wrong(path, match["what"], found, origins, layers) from None


def _value_at(values: Any, path: str) -> Any:
    for key, index in re.findall(r"\.([^.\[]+)|\[(\d+)\]", path):
        values = values[int(index)] if index else values[key]
    return values


def _wrong(
    path: str, what: str, found: Any, origins: Mapping[str, str], layers: Sequence[Layer]
) -> UsageError:
    key = path.partition("[")[0]
    origin = origins.get(key) or next(
        (who for name, who in origins.items() if name.startswith(f"{key}.")), DEFAULT
    )
    text = next((layer.text for layer in layers if layer.origin == origin), "")
    match = _GOT.match(what)
    if match:
        expected = match["expected"].replace("`object`", "a table").replace("`array`", "a list")
        what = f"expected {expected}, found {match['found']} ({found!r:.60})"
    elif not isinstance(found, Mapping):
        what = f"{what[:1].lower()}{what[1:]}, found {found!r:.60}"
    return UsageError(
        f"{_place(origin, text, key)}: {path}: {what}.",
        "Correct this value.",
        file=origin,
        key=path,
        found=found,
    )


def _unknown(noun: str, name: str, known: Sequence[str], layer: Layer, path: str) -> UsageError:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"the nearest known one is {near[0]!r}" if near else f"known are {', '.join(known)}"
    return UsageError(
        f"{_place(layer.origin, layer.text, path)}: {path} is an unknown {noun}; {hint}.",
        f"Correct or remove this {noun}.",
        file=layer.origin,
        key=path,
        nearest=near[0] if near else None,
    )


def _place(origin: str, text: str, path: str) -> str:
    """Return the origin, with the line where the file spells the key out."""
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line):
            table = header[1].replace('"', "")
            here = table
        elif key := re.match(r"""\s*["']?([\w.-]+)["']?\s*=""", line):
            here = f"{table}.{key[1]}" if table else key[1]
        else:
            continue
        if here == path or here.startswith(f"{path}."):
            return f"{origin}, line {number}"
    return origin

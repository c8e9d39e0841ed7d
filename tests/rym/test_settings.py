"""Settings: precedence, origins, and errors that name file, line, key and the nearest known one."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from rym.errors import UsageError
from rym.settings import DEFAULT, Layer, RigSettings, load, read, secret


class Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the settings in these tests."""


class Lsl(Struct, tag="lsl", tag_field="kind"):
    """A source."""

    name: str = ""
    wait_s: float = 5.0


class Recording(Struct, tag="recording", tag_field="kind"):
    """Another source."""

    file: Path = Path("a.edf")
    speed: float = 1.0


class Filter(Struct):
    """A nested table."""

    low_hz: float = 1.0
    high_hz: float = 40.0


class Stream(Struct):
    """A stage's table."""

    window_s: float = 1.0
    channels: tuple[str, ...] = ()
    filter: Filter = Filter()
    source: Lsl | Recording = Lsl()
    notch: Filter | None = None


class Player(Struct):
    """Another stage's table."""

    level_db: float = -20.0


SCHEMA = {"stream": Stream, "player": Player}


def written(folder: Path, text: str, name: str = "rig.toml") -> Layer:
    """Return the layer of a file with this text."""
    path = folder / name
    path.write_bytes(text.encode())
    return read(path)


def test_later_layers_win_and_every_value_knows_its_origin(tmp_path):
    """Defaults < rig.toml < --config < options, value by value, nested tables included."""
    rig = written(tmp_path, "[stream]\nwindow_s = 2\n[stream.filter]\nlow_hz = 3.0\nhigh_hz = 30\n")
    more = written(tmp_path, "[stream.filter]\nhigh_hz = 20\n", "more.toml")
    options = Layer("--level", {"player": {"level_db": -30}})
    found = load(SCHEMA, [rig, more, options])
    stream = found.table("stream", Stream)
    assert stream == Stream(window_s=2.0, filter=Filter(low_hz=3.0, high_hz=20.0))
    assert found.table("player", Player).level_db == -30.0
    rows = {key: (value, origin) for key, value, origin in found.rows()}
    assert rows["stream.window_s"] == (2.0, rig.origin)
    assert rows["stream.filter.low_hz"] == (3.0, rig.origin)
    assert rows["stream.filter.high_hz"] == (20.0, more.origin)
    assert rows["stream.channels"] == ((), DEFAULT)
    assert rows["player.level_db"] == (-30.0, "--level")


def test_another_variant_replaces_the_lower_layers_variant_with_its_keys():
    """Keys of the variant that was replaced neither leak into the new one nor keep an origin."""
    low = Layer("low", {"stream": {"source": {"kind": "lsl", "name": "NIC", "wait_s": 1}}})
    high = Layer("high", {"stream": {"source": {"kind": "recording", "file": "b.edf"}}})
    found = load(SCHEMA, [low, high])
    assert found.table("stream", Stream).source == Recording(file=Path("b.edf"))
    rows = {key: (value, origin) for key, value, origin in found.rows()}
    assert rows["stream.source.file"] == ("b.edf", "high")
    assert rows["stream.source.speed"] == (1.0, DEFAULT)
    assert not any(key.endswith((".name", ".wait_s")) for key in rows)


def test_a_layer_without_a_tag_changes_one_key_of_the_chosen_variant():
    """The tag that a lower layer has set still holds."""
    low = Layer("low", {"stream": {"source": {"kind": "recording", "file": "b.edf"}}})
    high = Layer("high", {"stream": {"source": {"speed": 2}}})
    source = load(SCHEMA, [low, high]).table("stream", Stream).source
    assert source == Recording(file=Path("b.edf"), speed=2.0)


@pytest.mark.parametrize(
    ("text", "key", "nearest", "line"),
    [
        ("[stream]\n\nwindow = 1.0\n", "stream.window", "window_s", 3),
        ("[stream.filter]\nlow_hs = 1.0\n", "stream.filter.low_hs", "low_hz", 2),
        ("[straem]\nwindow_s = 1.0\n", "straem", "stream", 1),
        ('[stream.source]\nkind = "lsl"\nspead = 1\n', "stream.source.spead", None, 3),
        ('[stream.source]\nkind = "recording"\nspead = 1\n', "stream.source.spead", "speed", 3),
        ("[stream.notch]\nlow_hs = 1.0\n", "stream.notch.low_hs", "low_hz", 2),
    ],
)
def test_an_unknown_key_names_file_line_key_and_the_nearest(tmp_path, text, key, nearest, line):
    """Tables, keys, nested keys and keys of a variant are all looked at."""
    with pytest.raises(UsageError) as caught:
        load(SCHEMA, [written(tmp_path, text)])
    sentence = str(caught.value)
    assert f"rig.toml, line {line}" in sentence
    assert f": {key} is an unknown" in sentence
    assert caught.value.facts["nearest"] == nearest
    assert nearest is None or repr(nearest) in sentence
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "key", "parts", "line"),
    [
        ('[stream]\nwindow_s = "1,0"\n', "stream.window_s", ("float", "1,0"), 2),
        ('[stream]\nchannels = ["O1", 7]\n', "stream.channels[1]", ("str", "7"), 2),
        ("[stream]\n\nfilter = 3\n", "stream.filter", ("a table", "3"), 3),
        ("[stream.filter]\nlow_hz = true\n", "stream.filter.low_hz", ("float", "True"), 2),
        ("[player]\nlevel_db = {x = 1}\n", "player.level_db", ("float", "x"), 2),
    ],
)
def test_a_wrong_type_names_file_line_key_expected_and_found(tmp_path, text, key, parts, line):
    """The offending layer is named, not the topmost one."""
    above = Layer("above", {"stream": {}})
    with pytest.raises(UsageError) as caught:
        load(SCHEMA, [written(tmp_path, text), above])
    sentence = str(caught.value)
    for part in (f"rig.toml, line {line}: ", f"{key}: ", *parts):
        assert part in sentence


def test_an_unknown_variant_is_refused(tmp_path):
    """A tag that no variant has is an error that shows it."""
    with pytest.raises(UsageError, match=r"stream\.source.*'lls'"):
        load(SCHEMA, [written(tmp_path, '[stream.source]\nkind = "lls"\n')])


def test_tables_of_other_parts_are_let_through():
    """One file serves all stages: a part looks at its own tables only."""
    layer = Layer("all.toml", {"decoder": {"anything": 1}, "stream": {"window_s": 3}})
    assert load({"stream": Stream}, [layer], others=["decoder"]).tables["stream"] == Stream(
        window_s=3.0
    )
    with pytest.raises(UsageError, match="decoder"):
        load({"stream": Stream}, [layer])


def test_windows_files_are_read(tmp_path):
    """A byte order mark and CRLF change nothing."""
    path = tmp_path / "rig.toml"
    path.write_bytes("\ufeff[stream]\r\nwindow_s = 2.5\r\n".encode())
    assert load(SCHEMA, [read(path)]).table("stream", Stream).window_s == 2.5


def test_broken_files_are_one_sentence(tmp_path):
    """Missing, not TOML (with the line), not UTF-8."""
    with pytest.raises(UsageError, match=r"nowhere\.toml cannot be read"):
        read(tmp_path / "nowhere.toml")
    with pytest.raises(UsageError, match="line 2"):
        written(tmp_path, "[stream]\nwindow_s = 1,5\n")
    path = tmp_path / "latin.toml"
    path.write_bytes(b"[stream]\n# \xe4\n")
    with pytest.raises(UsageError, match="UTF-8"):
        read(path)


def test_the_rigs_table_has_defaults():
    """A rig without a file has an id and no broker."""
    assert load({"rig": RigSettings}, []).table("rig", RigSettings) == RigSettings()


def test_secrets_come_from_the_environment():
    """`RYM_` is put before the name; an empty value is none."""
    assert secret("BROKER_PASSWORD", {"RYM_BROKER_PASSWORD": "x"}) == "x"
    assert secret("BROKER_PASSWORD", {"RYM_BROKER_PASSWORD": ""}) is None
    assert secret("BROKER_PASSWORD", {}) is None

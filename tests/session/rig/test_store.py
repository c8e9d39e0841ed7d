"""A rig's own settings: one number is written, every other byte stays."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rym.errors import FormatError, UsageError
from session import settings
from session.rig.store import put, store

RIG = """\
# Room 3
[rig]
id = "room-3"   # at the window

[player]
# the good headphones
device = "USB"
device_delay = 0.1 # old
[stream]
lsl_type = "EEG"
"""


def test_a_value_is_replaced_and_all_else_stays(tmp_path):
    """One line differs; the file still loads."""
    path = tmp_path / "rig.toml"
    path.write_text(RIG)
    store(path, "player", "device_delay", 0.0425, "measured")
    before, after = RIG.splitlines(), path.read_text().splitlines()
    assert [row for row in after if row not in before] == ["device_delay = 0.0425  # measured"]
    assert [row for row in before if row not in after] == ["device_delay = 0.1 # old"]
    assert tomllib.loads(path.read_text())["player"]["device_delay"] == 0.0425
    assert [p.name for p in tmp_path.iterdir()] == ["rig.toml"]


@pytest.mark.parametrize(
    "before",
    ["", "# mine", RIG.replace("device_delay = 0.1 # old\n", ""), "[stream]\nwait = 2.0",
     RIG.replace("\n", "\r\n"), "\ufeff[player]\nrise = 1.0\n", "[stream]\nmontage = [\n'O1']\n"],
)  # fmt: skip
def test_a_value_is_added_wherever_there_was_none(tmp_path, before):
    """Also without the table, without the file, with Windows line ends and with a BOM."""
    path = tmp_path / "rig.toml"
    if before:
        path.write_bytes(before.encode())
    for value in (0.125, -0.0312):
        store(path, "player", "device_delay", value, "now")
        text = path.read_bytes().decode("utf-8-sig")
        found = tomllib.loads(text.replace("\r\n", "\n"))
        known = tomllib.loads(before.replace("\ufeff", "").replace("\r\n", "\n"))
        assert found == {**known, "player": {**known.get("player", {}), "device_delay": value}}
        assert ("\r\n" in text) == ("\r\n" in before)
        assert all(row in text.splitlines() for row in before.replace("\ufeff", "").splitlines()
                   if "device_delay" not in row)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "player = {rise = 1.0}\n",
        "player.rise = 1.0\n",
        "[player]\nbank = '''\n[x]\n'''\ndevice_delay = 1.0\n",
    ],
)
def test_a_form_that_cannot_be_changed_is_left_alone(tmp_path, text):
    """An inline or dotted table, or a text that looks like a header: told, and nothing written."""
    path = tmp_path / "rig.toml"
    path.write_text(text)
    with pytest.raises(FormatError, match="device_delay"):
        store(path, "player", "device_delay", 0.5, "now")
    assert path.read_text() == text


def test_a_broken_file_is_told(tmp_path):
    """It is named, and stays as it is."""
    path = tmp_path / "rig.toml"
    path.write_text("[player\n")
    with pytest.raises(UsageError, match=r"rig\.toml"):
        store(path, "player", "device_delay", 0.5, "now")
    assert path.read_text() == "[player\n"


def test_a_file_in_another_encoding_is_told(tmp_path):
    """As an old editor on Windows saves it: the byte is named, and nothing is written."""
    path = tmp_path / "rig.toml"
    path.write_bytes("[rig]\nid = 'Büro'\n".encode("latin-1"))
    with pytest.raises(UsageError, match="not UTF-8"):
        store(path, "player", "device_delay", 0.5, "now")
    assert "Büro" in path.read_bytes().decode("latin-1")


def test_a_session_takes_what_was_stored(tmp_path, monkeypatch):
    """The layer `rig.toml` holds it, and says so."""
    monkeypatch.chdir(tmp_path)
    store(tmp_path / "rig.toml", "player", "device_delay", 0.0425, "measured")
    found = settings.load("run", None, ())
    assert settings.tables(found).player.device_delay == 0.0425
    assert found.origins["player.device_delay"] == "rig.toml"


@given(
    st.lists(st.sampled_from(["# c", "", "[a]", "[player]", "x = 1", "[b.c]", "y = [1,", "2]"])),
)
def test_no_line_is_ever_lost(rows):
    """Whatever the lines are, only the key's own may go."""
    after = put("\n".join(rows), "player", "device_delay", "device_delay = 0.5").splitlines()
    rest = [row for row in after if row not in ("device_delay = 0.5", "[player]", "")]
    assert rest == [row for row in rows if row not in ("[player]", "")]


@pytest.mark.parametrize("words", ["USB Audio: #1", 'say "ah"', "C:\\audio", "Kopfhörer", ""])
def test_words_are_kept_as_they_are(tmp_path, words):
    """Quotes, hashes, backslashes and letters of any language; the note stays a comment."""
    path = tmp_path / "rig.toml"
    path.write_text(RIG)
    store(path, "player", "calibrated_device", words, "rym check level")
    assert tomllib.loads(path.read_text())["player"]["calibrated_device"] == words
    assert path.read_text().count("# rym check level") == 1

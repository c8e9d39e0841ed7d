import hashlib
import os
import re
import shutil
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.memory import MAX_FILE, Memory, load, parse
from generator.words import private
from rym.errors import UsageError

GOOD = b'text = "a quiet harbour"\n'


def test_example_is_valid(example):
    """The example that newcomers copy is taken as it is."""
    assert load(example).key == "D"


def test_every_field_is_read():
    """What the file says arrives in the struct, the melody note by note."""
    memory = parse(
        GOOD
        + b'language = "de-CH"\ntempo = 70\nkey = "F#"\navoid = ["bells", "rain"]\nseed = 4\n'
        + b"melody = [[0, 1, 60], [1, 0.5, 62]]\n",
        "m.toml",
    )
    assert (memory.language, memory.tempo, memory.key, memory.seed) == ("de-CH", 70.0, "F#", 4)
    assert memory.avoid == ("bells", "rain")
    assert [note.pitch for note in memory.melody] == [60, 62]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"tempo = 120", ("120", "66 to 84")),
        (b"tempo = nan", ("nan", "66 to 84")),
        (b'key = "H"', ("'H'", "C, Db")),
        (b'language = "English!"', ("'English!'",)),
        (b'language = "what she said"', ("13 characters", "'en'")),
        (b'key = "what she said"', ("13 characters", "C, Db")),
        (b"what_she_said = 1", ("13 characters", "text, language")),
        (b'"what she said" = 1', ("13 characters", "text, language")),
        (b"seed = -1", ("-1", "4294967295")),
        (b"sede = 1", ("'sede'", "'seed'")),
        (b"melody = [[0, 1, 200]]", ("200", "21 to 108")),
        (b"melody = [[0, 0, 60]]", ("0 beats", "0.0625")),
        (b"melody = [[0, 2, 60], [1, 1, 62]]", ("beat 1", "ends at 2")),
        (b"melody = [[0, 1]]", ("$.melody[0]",)),
        (b'tempo = "fast"', ("$.tempo",)),
        (b"tempo = 1" + b"0" * 400, ("$.tempo",)),
        (b"seed = 1" + b"0" * 400, ("seed",)),
        (b"tempo = = 3", ("TOML", "line 2")),
        (b"avoid = " + b"[" * 5000, ("TOML",)),
        (b"seed = " + b"9" * 5000, ("TOML",)),
        (b'language = "en', ("TOML", "end of document")),
        (b'avoid = "bells"', ("$.avoid", "array")),
        (b"avoid = [1]", ("$.avoid", "str")),
        (b'avoid = [" "]', ("Word 1", "0 characters", "1 to 80")),
        (b'avoid = ["a", "' + b"b" * 81 + b'"]', ("Word 2", "81 characters", "1 to 80")),
        (b"avoid = [" + b",".join(b'"w%d"' % n for n in range(101)) + b"]", ("101", "100")),
        (b'avoid = ["a\\u0000b"]', ("avoid", "U+0000", "line 1")),
        (b"song = 1", ("$.song", "int")),
        (b"[song]", ("file",)),
        (b'[song]\nfile = "a"\nkind = "whispered"', ("$.song.kind", "hummed")),
        (b'[song]\nfile = "a"\nkinds = "midi"', ("'kinds'", "'kind'")),
        (b'song_sha256 = "00"', ("unknown",)),
        (b"sketch = true", ("$.sketch", "bool")),
        (b'sketch = ""', ("sketch", "empty")),
        (b'sketch = "../a.png"', ("sketch", "outside")),
        (b'sketch = "b/../../a.png"', ("sketch", "outside")),
        (b'sketch = "nowhere.png"', ("sketch", "No such file")),
        (b'sketch = "a\\u0000b"', ("sketch", "cannot be read")),
        (b'[song]\nfile = "/dev/zero"', ("song", "a device")),
        (b'[song]\nfile = "/"', ("song", "a folder")),
    ],
)
def test_bad_value_is_named_with_its_remedy(line, words):
    """A wrong value is refused in one sentence that names what was found and what is allowed."""
    with pytest.raises(UsageError) as caught:
        parse(GOOD + line, "m.toml")
    assert "m.toml" in str(caught.value)
    assert caught.value.remedy
    for word in words:
        assert word in str(caught.value)
    assert not re.search(r"she.said|whispered|nowhere|quiet|\b(a|b)\b.png", str(caught.value))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'text = "  "', ("text", "2 characters", "at least one")),
        (b'text = "... -"', ("5 characters",)),
        ('text = "\u200b\u3164\u00ad"'.encode(), ("0 characters",)),
        (b'language = "en"', ("text",)),
        (b"", ("text",)),
        (b"text = 5", ("$.text", "int")),
        (b"\xff\xfe", ("UTF-8", "byte 1", "0xFF")),
        (GOOD.decode().encode("utf-16"), ("UTF-8", "0xFF")),
        (b'text = "two words \\u0007"', ("U+0007", "line 1")),
        (b'text = """one\ntwo \\u001b[31m"""', ("U+001B", "line 2")),
        (b'text = "one\x07"', ("TOML", "line 1")),
        (b'text = "one\ntwo"', ("TOML", "line 1", "three quotation marks")),
        (b'text = "' + b"a " * 10_000 + b'"', ("10000 words", "2000")),
        (b'text = "' + b"word " * 10_000 + b'"', ("50000 characters", "20000")),
    ],
)
def test_text_that_cannot_be_used_is_refused(data, words):
    """Empty, endless, unreadable text is refused with what was found, and not quoted."""
    with pytest.raises(UsageError) as caught:
        parse(data, "m.toml")
    for word in words:
        assert word in str(caught.value)
    assert "two" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "У озера пахло хлебом, й и ё.",
        "كان الضوء ذهبيًا على البحيرة",
        "湖邊的傍晚。木板還是溫的。",
        "झील के किनारे शाम",
        "می‌خواهم به دریا بروم",
        "Ein Nachmittag 👩‍🚀🌧️ am See 🇩🇪",
        "e\u0323\u0302\u0301",
    ],
)
def test_every_script_is_taken(text):
    """Letters, joiners and emoji of any script arrive composed (NFC), nothing else changed."""
    memory = parse(f'text = "{text}"'.encode(), "m.toml")
    assert memory.text == unicodedata.normalize("NFC", text)


def test_windows_file_is_the_same_memory():
    """A byte order mark and Windows' line ends make no other memory."""
    plain = b'text = """\na quiet\nharbour\n"""\nseed = 3\n'
    windows = b"\xef\xbb\xbf" + plain.replace(b"\n", b"\r\n")
    assert parse(windows, "m.toml") == parse(plain, "m.toml")


def test_what_nobody_sees_is_taken_out():
    """Zero-width characters and marks of direction of a pasted text do not stay in it."""
    pasted = 'text = "a\u200b qui\u00adet \u202eharbour\u2066"\navoid = [" be\u2060lls ", "bells"]'
    memory = parse(pasted.encode(), "m.toml")
    assert memory.text == "a quiet harbour"
    assert memory.avoid == ("bells",)


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a memory that has a song and a sketch."""
    (tmp_path / "grandmother.wav").write_bytes(b"RIFF a song")
    (tmp_path / "lake.png").write_bytes(b"a drawing")
    (tmp_path / "m.toml").write_bytes(
        GOOD + b'sketch = "lake.png"\n[song]\nfile = "grandmother.wav"\nkind = "hummed"\n'
    )
    return tmp_path


def test_song_and_sketch_are_found_beside_the_memory(folder, monkeypatch):
    """Their paths are absolute whatever the working directory is, and in no log."""
    monkeypatch.chdir(folder)
    memory = load(Path("m.toml"))
    assert memory.song.file == str(folder / "grandmother.wav")
    assert memory.song.kind == "hummed"
    assert memory.sketch == str(folder / "lake.png")
    assert memory.song_sha256 == hashlib.sha256(b"RIFF a song").hexdigest()
    assert "lake" not in repr(memory)
    assert "grandmother" not in f"{memory!r} {memory.song!r}"


def test_absolute_paths_and_links_are_taken(folder, tmp_path_factory):
    """What is said plainly, or was linked on purpose, may lie anywhere."""
    other = tmp_path_factory.mktemp("other")
    (other / "s.png").symlink_to(folder / "lake.png")
    memory = parse(
        GOOD + b'sketch = "s.png"\n[song]\nfile = "%s/grandmother.wav"' % str(folder).encode(),
        "m.toml",
        other,
    )
    assert memory.sketch_sha256 == hashlib.sha256(b"a drawing").hexdigest()
    assert memory.song_sha256 == hashlib.sha256(b"RIFF a song").hexdigest()


def test_fingerprint_follows_bytes_and_not_places(folder, tmp_path_factory):
    """A moved memory is the same, one with another song or sketch is another."""
    before = load(folder / "m.toml")
    moved = tmp_path_factory.mktemp("moved") / "away"
    shutil.copytree(folder, moved)
    assert load(moved / "m.toml").fingerprint == before.fingerprint
    (moved / "lake.png").write_bytes(b"another drawing")
    sketched = load(moved / "m.toml")
    (moved / "grandmother.wav").write_bytes(b"RIFF another song")
    sung = load(moved / "m.toml")
    assert len({before.fingerprint, sketched.fingerprint, sung.fingerprint}) == 3
    assert before.prompt_sha256 == sung.prompt_sha256


@pytest.mark.parametrize(
    ("size", "words"), [(0, ("0 bytes", "1 to")), (private.CHUNK, (str(private.CHUNK), "1 to 9"))]
)
def test_song_of_a_wrong_size_is_refused(folder, monkeypatch, size, words):
    """Both sizes are named, the file's name is not."""
    monkeypatch.setattr("generator.memory.MAX_SONG", 9)
    (folder / "grandmother.wav").write_bytes(b"x" * size)
    with pytest.raises(UsageError) as caught:
        load(folder / "m.toml")
    for word in words:
        assert word in str(caught.value)
    assert "grandmother" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.mkdir(), "a folder"),
        (os.mkfifo, "a pipe"),
        (lambda path: path.symlink_to(path), "Too many levels"),
        (lambda path: path.symlink_to("/dev/zero"), "a device"),
        (lambda path: path.write_bytes(b"#" * (MAX_FILE + 1)), f"1 to {MAX_FILE}"),
        (lambda path: None, "No such file"),
    ],
)
def test_what_is_no_memory_file_is_refused(tmp_path, make, words):
    """A folder, a pipe, a device or an endless file is refused before it is opened."""
    make(tmp_path / "m.toml")
    with pytest.raises(UsageError, match=words.replace("1 to", "allowed are . to")):
        load(tmp_path / "m.toml")


@pytest.fixture
def nobody(folder):
    """Be somebody to whom permissions apply, also where the tests run as root."""
    for path in (folder, *folder.parents):
        if "pytest" in str(path):
            path.chmod(0o755)
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    yield
    os.seteuid(was)


def test_file_without_permission_is_refused(folder, request):
    """Who may not open the song is told so, without the file's name."""
    (folder / "grandmother.wav").chmod(0)
    request.getfixturevalue("nobody")
    with pytest.raises(UsageError, match=r"song of .*m\.toml cannot be read: Permission") as caught:
        load(folder / "m.toml")
    assert "grandmother" not in str(caught.value)


@settings(deadline=None)
@given(st.text(), st.lists(st.text(max_size=20), max_size=4))
def test_any_words_are_taken_or_refused_without_a_quote(text, avoid):
    """Whatever is written, the answer is a memory or one sentence; twice the same memory."""
    data = f"text = {_toml(text)}\navoid = [{', '.join(map(_toml, avoid))}]".encode()
    try:
        memory = parse(data, "m.toml")
    except UsageError as error:
        assert len(text) < 8 or text not in str(error)  # noqa: PT017 - both ends are right
        return
    assert parse(f"text = {_toml(memory.text)}".encode(), "m.toml").text == memory.text
    assert memory.text == unicodedata.normalize("NFC", memory.text)
    assert not any(unicodedata.category(c) == "Cc" and c not in "\n\t" for c in memory.text)


def _toml(text):
    """Write a string with every character escaped."""
    return '"' + "".join(f"\\U{ord(character):08x}" for character in text) + '"'


def test_too_long_text_is_refused():
    """Both lengths are named."""
    with pytest.raises(UsageError, match="20001 characters, at most 20000"):
        parse(b'text = "' + b"x" * 20_001 + b'"', "m.toml")


def test_missing_file_is_refused(tmp_path):
    """A path that does not exist is a wrong use, not a traceback."""
    with pytest.raises(UsageError, match=r"nowhere\.toml"):
        load(tmp_path / "nowhere.toml")


def test_words_show_in_no_form():
    """A memory that lands in a log shows nothing of the person's words."""
    memory = Memory(text="a secret garden", avoid=("thunder",))
    assert "secret" not in f"{memory} {memory!r}"
    assert "thunder" not in f"{memory!r}"


def test_fingerprint_depends_on_all_fields():
    """Two memories that differ in anything are two memories."""
    memories = [
        Memory(text="a"),
        Memory(text="b"),
        Memory(text="a", seed=1),
        Memory(text="a", avoid=("bells",)),
        Memory(text="a", key="D"),
    ]
    assert len({memory.fingerprint for memory in memories}) == len(memories)


def test_seed_comes_from_the_text_where_none_is_given():
    """Other words, other music; a given seed counts before them."""
    assert Memory(text="a").drawn_seed != Memory(text="b").drawn_seed
    assert Memory(text="a", seed=5).drawn_seed == Memory(text="b", seed=5).drawn_seed == 5

import pytest

from generator.memory import Memory, load, parse
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
        (b'language = "English!"', ("English!",)),
        (b"seed = -1", ("-1", "4294967295")),
        (b"sede = 1", ("'sede'", "'seed'")),
        (b"melody = [[0, 1, 200]]", ("200", "21 to 108")),
        (b"melody = [[0, 0, 60]]", ("0 beats", "0.0625")),
        (b"melody = [[0, 2, 60], [1, 1, 62]]", ("beat 1", "ends at 2")),
        (b"melody = [[0, 1]]", ("$.melody[0]",)),
        (b'tempo = "fast"', ("$.tempo",)),
        (b"tempo = = 3", ("TOML", "line 2")),
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


@pytest.mark.parametrize("data", [b'text = "  "', b'language = "en"', b"\xff\xfe"])
def test_text_is_needed(data):
    """A memory without words, or in no readable encoding, is refused."""
    with pytest.raises(UsageError):
        parse(data, "m.toml")


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

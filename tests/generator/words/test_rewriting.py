"""Prompts by a language model: asked with consent, judged, kept, and never asked for again."""

import json
import logging
import stat
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from generator.memory import Memory
from generator.settings import LanguageModel
from generator.words.endpoint import KEY
from generator.words.prompts import Templates
from generator.words.rewriting import ASKED, FILE, SENT_WORDS, Rewritten
from rym.clock import SystemClock
from rym.errors import DeviceError, FormatError, UsageError

TEXT = "Zitronenfalter over the field. The dog slept. A lantern swings."
MEMORY = Memory(text=TEXT, seed=3, avoid=("dog",))


@pytest.fixture(autouse=True)
def key(monkeypatch):
    """Set a key that must show nowhere."""
    monkeypatch.setenv(KEY, "sk-Geheim-123")


def _model(there, api="openai", **more):
    return LanguageModel(api=api, model="m-1", url=there.url, consented=True, **more)


def _words(affect="negative", sense="sound", index=0, memory=MEMORY):
    return Templates(memory, memory.drawn_seed).words(affect, sense, index)


def _good(*where, end="a lantern over the field"):
    return f"{_words(*where)[0]}, {end}"


def _asks(there):
    return [json.dumps(body, ensure_ascii=False) for _, _, body in there.asked]


@pytest.mark.parametrize("api", ["openai", "anthropic"])
def test_a_good_answer_becomes_the_prompt(endpoint, waits, tmp_path, api):
    """It is asked once, with the words to use and without what is avoided, and kept privately."""
    there = endpoint(f'"{_good()}"\n')
    rewritten = Rewritten(_model(there, api), MEMORY, tmp_path / "p1" / "memory", waits)
    assert rewritten.prompt("negative", "sound", 0) == _good()
    assert rewritten.prompt("negative", "sound", 0) == _good()
    (asked,) = _asks(there)
    assert all(word in asked for word in _words())
    assert "Zitronenfalter over the field. … A lantern swings." in asked
    assert "slept" not in asked
    assert "dog" not in asked.casefold()
    path = tmp_path / "p1" / "memory" / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [one["by"] for one in json.loads(path.read_bytes())["answers"]] == ["model"]


def test_neutral_is_never_asked_for(endpoint, waits, tmp_path):
    """It stays the person's own text, and nothing is sent or written for it."""
    there = endpoint("x")
    rewritten = Rewritten(_model(there), MEMORY, tmp_path, waits)
    assert rewritten.prompt("neutral", "sight", 0) == TEXT
    assert there.asked == []
    assert list(tmp_path.iterdir()) == []


def test_kept_answers_are_taken_in_another_process(endpoint, waits, tmp_path):
    """A bank that is built again has the same prompts, though the model would answer otherwise."""
    there = endpoint(_good(), _good("positive", "sight", 1), "something else")
    first = Rewritten(_model(there), MEMORY, tmp_path, waits)
    prompts = [first.prompt("negative", "sound", 0), first.prompt("positive", "sight", 1)]
    again = Rewritten(_model(there), MEMORY, tmp_path, waits)
    assert [again.prompt("negative", "sound", 0), again.prompt("positive", "sight", 1)] == prompts
    assert len(there.asked) == 2


def test_builds_that_ask_at_once_agree(endpoint, tmp_path):
    """The second one waits for the first one's answer instead of asking for another."""
    there = endpoint(_good(end="one"), _good(end="two"), _good(end="three"))

    def ask(_):
        rewritten = Rewritten(_model(there), MEMORY, tmp_path, SystemClock())
        return rewritten.prompt("negative", "sound", 0)

    with ThreadPoolExecutor(4) as pool:
        prompts = list(pool.map(ask, range(4)))
    assert prompts == [_good(end="one")] * 4
    assert len(there.asked) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"memory": msgspec.structs.replace(MEMORY, text=TEXT + "!")},
        {"memory": msgspec.structs.replace(MEMORY, avoid=("dog", "fire"))},
        {"model": "m-2"},
    ],
)
def test_another_memory_or_model_is_asked_anew(endpoint, waits, tmp_path, change):
    """What was answered to something else is not taken, and not thrown away either."""
    there = endpoint(_good(end="one"), _good(end="two"), _good(end="three"))
    chosen = _model(there)
    other = msgspec.structs.replace(chosen, model=change.get("model", "m-1"))
    memory = change.get("memory", MEMORY)
    assert Rewritten(chosen, MEMORY, tmp_path, waits).prompt("negative", "sound", 0).endswith("one")
    assert Rewritten(other, memory, tmp_path, waits).prompt("negative", "sound", 0).endswith("two")
    assert Rewritten(chosen, MEMORY, tmp_path, waits).prompt("negative", "sound", 0).endswith("one")


def test_a_bad_answer_is_asked_for_again_with_the_reason(endpoint, waits, tmp_path):
    """The model is told what was wrong; the first good answer is taken."""
    there = endpoint(_good(end="a dog"), "", _good())
    assert Rewritten(_model(there), MEMORY, tmp_path, waits).prompt("negative", "sound", 0) == (
        _good()
    )
    first, second, third = _asks(there)
    assert "could not be used" not in first
    assert "could not be used: it holds a word of the avoid-list." in second
    assert "could not be used: it is empty." in third


def test_after_three_bad_answers_a_template_stands_in(endpoint, waits, tmp_path, caplog):
    """With a warning that quotes nothing; it is kept, so that the next build is the same."""
    there = endpoint("I cannot help with Zitronenfalter.")
    rewritten = Rewritten(_model(there), MEMORY, tmp_path, waits)
    template = Templates(MEMORY, 3).prompt("positive", "sight", 2)
    with caplog.at_level(logging.WARNING):
        assert rewritten.prompt("positive", "sight", 2) == template
    assert len(there.asked) == ASKED == 3
    assert "pleasant pictures 2" in caplog.text
    assert "it talks about itself" in caplog.text
    for word in ("Zitronenfalter", "Geheim", *_words("positive", "sight", 2)):
        assert word not in caplog.text
    there.answers[:] = [_good("positive", "sight", 2)]
    again = Rewritten(_model(there), MEMORY, tmp_path, waits)
    assert again.prompt("positive", "sight", 2) == template
    assert len(there.asked) == 3


def test_a_long_text_is_sent_in_part(endpoint, waits, tmp_path):
    """A prompt has no room for more than its beginning."""
    memory = Memory(text=" ".join(f"word{n}" for n in range(1000)))
    there = endpoint(f"{_words(memory=memory)[0]}, a field")
    Rewritten(_model(there), memory, tmp_path, waits).prompt("negative", "sound", 0)
    assert f"word{SENT_WORDS - 1}" in _asks(there)[0]
    assert f"word{SENT_WORDS}" not in _asks(there)[0]


def test_nothing_is_sent_where_nothing_is_left(endpoint, waits, tmp_path):
    """A text that is all avoided stays here."""
    there = endpoint("x")
    memory = Memory(text="The dog.", avoid=("dog",))
    prompt = Rewritten(_model(there), memory, tmp_path, waits).prompt("negative", "sound", 0)
    assert prompt == Templates(memory, memory.drawn_seed).prompt("negative", "sound", 0)
    assert there.asked == []


def test_an_edited_file_smuggles_nothing_in(endpoint, waits, tmp_path):
    """A kept prompt that holds an avoided word is asked for anew; one that holds none is taken."""
    there = endpoint(_good(end="one"), _good(end="two"))
    rewritten = Rewritten(_model(there), MEMORY, tmp_path, waits)
    rewritten.prompt("negative", "sound", 0)
    path = tmp_path / FILE
    path.write_text(path.read_text().replace("one", "a quiet evening"))
    assert rewritten.prompt("negative", "sound", 0).endswith("a quiet evening")
    path.write_text(path.read_text().replace("a quiet evening", "two dogs"))
    assert rewritten.prompt("negative", "sound", 0).endswith("two")


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b'{"schema": 2}', b"[" * 9000])
def test_a_damaged_file_is_told(endpoint, waits, tmp_path, data):
    """It is neither overwritten nor passed over."""
    (tmp_path / FILE).write_bytes(data)
    rewritten = Rewritten(_model(endpoint("x")), MEMORY, tmp_path, waits)
    with pytest.raises(FormatError, match=r"words\.json.*Remove it"):
        rewritten.prompt("negative", "sound", 0)
    assert (tmp_path / FILE).read_bytes() == data


def test_what_was_answered_outlives_a_failure(endpoint, waits, tmp_path):
    """An endpoint that fails later costs nothing of what is kept."""
    there = endpoint(_good(), (500, {}, b""))
    rewritten = Rewritten(_model(there), MEMORY, tmp_path, waits)
    prompt = rewritten.prompt("negative", "sound", 0)
    with pytest.raises(DeviceError, match="500"):
        rewritten.prompt("negative", "sound", 1)
    assert rewritten.prompt("negative", "sound", 0) == prompt


@pytest.mark.parametrize(
    ("api", "words"),
    [("openai", "leave this machine"), ("anthropic", "leave"), ("local", "on this machine")],
)
def test_without_consent_nothing_is_asked(endpoint, waits, tmp_path, api, words):
    """It is said what would happen to the words, before anything does."""
    there = endpoint("x")
    chosen = LanguageModel(api=api, model="m", url=there.url)
    with pytest.raises(UsageError, match=words) as caught:
        Rewritten(chosen, MEMORY, tmp_path, waits)
    assert "consented = true" in caught.value.remedy
    assert there.asked == []


def test_without_a_place_nothing_is_asked(endpoint, waits):
    """Answers that cannot be kept could not be had a second time."""
    with pytest.raises(UsageError, match="not kept under people/"):
        Rewritten(_model(endpoint("x")), MEMORY, None, waits)

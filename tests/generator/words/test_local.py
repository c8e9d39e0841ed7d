"""A tiny random language model, made here from its configuration, runs the real code offline."""

import builtins
import json
import sys
from pathlib import Path

import pytest

from generator.memory import Memory
from generator.settings import LanguageModel
from generator.words import local
from generator.words.prompts import Templates
from generator.words.rewriting import Rewritten
from rym.clock import ManualClock
from rym.errors import DeviceError, UsageError

CHAT = "{% for m in messages %}<s> {{ m['content'] }} {% endfor %}<s>"
WORDS = ["gloomy", "lake", "the", "a", "light", "wind", "reeds", "low", "cello", "far", "prompt"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of a tiny model with a chat template."""
    from tokenizers import Tokenizer, models, pre_tokenizers  # noqa: PLC0415 - heavy
    from transformers import (  # noqa: PLC0415 - heavy
        GPT2Config,
        GPT2LMHeadModel,
        PreTrainedTokenizerFast,
        set_seed,
    )

    words = Tokenizer(
        models.WordLevel({w: n for n, w in enumerate(["<s>", "[UNK]", *WORDS])}, unk_token="[UNK]")
    )
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]", eos_token="<s>")
    tokenizer.chat_template = CHAT
    set_seed(1)
    size = len(tokenizer)
    config = GPT2Config(
        vocab_size=size, n_positions=512, n_embd=16, n_layer=2, n_head=2, bos_token_id=0,
        eos_token_id=0,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("model")
    GPT2LMHeadModel(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def test_same_question_same_answer(folder):
    """The likeliest words are taken, so that nothing is drawn."""
    local._opened.cache_clear()
    one = local.answer(str(folder), "gloomy", "a lake")
    local._opened.cache_clear()
    assert local.answer(str(folder), "gloomy", "a lake") == one
    assert set(one.split()) <= {*WORDS, "[UNK]"}
    assert one.split()
    assert "<s>" not in one


def test_model_without_a_chat_is_asked_in_plain_words(folder, tmp_path):
    """A base model is asked, too."""
    for path in Path(folder).iterdir():
        if path.name != "chat_template.jinja":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    local._opened.cache_clear()
    assert isinstance(local.answer(str(tmp_path), "gloomy", "a lake"), str)
    assert not local._opened(str(tmp_path))[0].chat_template


def test_question_that_is_too_long_is_told(folder):
    """Both lengths are named."""
    with pytest.raises(DeviceError, match=r"takes in 512 tokens, the question has \d{3}"):
        local.answer(str(folder), "gloomy", "lake " * 600)


def test_whatever_it_says_a_prompt_comes_out(folder, tmp_path):
    """End to end, without an endpoint: babble is judged, and a template stands in."""
    memory = Memory(text="A lake.", seed=1)
    chosen = LanguageModel(api="local", model=str(folder), consented=True)
    rewritten = Rewritten(chosen, memory, tmp_path, ManualClock())
    prompt = rewritten.prompt("negative", "sound", 0)
    assert prompt == Templates(memory, 1).prompt("negative", "sound", 0)
    assert rewritten.prompt("negative", "sound", 0) == prompt


def test_good_words_of_a_local_model_are_taken(folder, tmp_path, monkeypatch):
    """What it says reaches the judge and becomes the prompt."""
    memory = Memory(text="A lake.", seed=1)
    word = Templates(memory, 1).words("negative", "sound", 0)[0]
    tokenizer, _ = local._opened(str(folder))
    monkeypatch.setattr(type(tokenizer), "decode", lambda *_, **__: f"{word}, a lake\n")
    chosen = LanguageModel(api="local", model=str(folder), consented=True)
    rewritten = Rewritten(chosen, memory, tmp_path, ManualClock())
    assert rewritten.prompt("negative", "sound", 0) == f"{word}, a lake"


def test_missing_model_is_told(tmp_path):
    """No folder, or one without a model: what is missing is said, nothing is downloaded."""
    local._opened.cache_clear()
    with pytest.raises(UsageError, match="no folder of this machine"):
        local.answer("some/model-on-a-hub", "a", "b")
    with pytest.raises(DeviceError, match="cannot be opened"):
        local.answer(str(tmp_path), "a", "b")


def test_weights_that_can_run_code_are_not_opened(folder, tmp_path):
    """Only safetensors are taken."""
    import torch  # noqa: PLC0415 - heavy

    for path in Path(folder).iterdir():
        if path.suffix != ".safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(DeviceError, match="safetensors"):
        local.answer(str(tmp_path), "a", "b")


def test_missing_extra_gives_the_install_line(folder, monkeypatch):
    """Without transformers it is said how to get it."""
    local._opened.cache_clear()
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(DeviceError, match=r"pip install -e '\.\[generate\]'"):
        local.answer(str(folder), "a", "b")


def test_code_in_the_folder_is_never_run(folder, tmp_path, monkeypatch):
    """Neither is it asked about on the terminal, where somebody may say yes."""
    for path in Path(folder).iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "config.json").read_bytes())
    config |= {"auto_map": {"AutoConfig": "own.Own"}, "model_type": "own"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    mark = tmp_path / "mark"
    (tmp_path / "own.py").write_text(f"open({str(mark)!r}, 'w').close()\nclass Own: pass\n")
    asked = []
    monkeypatch.setattr(builtins, "input", lambda *_: asked.append(1) or "y")
    local._opened.cache_clear()
    with pytest.raises(DeviceError, match="cannot be opened"):
        local.answer(str(tmp_path), "gloomy", "a lake")
    assert not mark.exists()
    assert asked == []


def test_damaged_weights_are_told(folder, tmp_path):
    """Weights that are cut off give the same sentence."""
    for path in Path(folder).iterdir():
        end = 500 if path.suffix == ".safetensors" else None
        (tmp_path / path.name).write_bytes(path.read_bytes()[:end])
    local._opened.cache_clear()
    with pytest.raises(DeviceError, match="cannot be opened"):
        local.answer(str(tmp_path), "gloomy", "a lake")

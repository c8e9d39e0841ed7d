"""A language model in a folder of this machine (adapter: transformers)."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from rym.errors import DeviceError, UsageError

MAX_NEW_TOKENS = 160
SPARE = 16
"""Tokens that a chat's own marks may take."""


def answer(folder: str, system: str, user: str) -> str:
    """Return what the model says, always the likeliest word: the same each time.

    Parameters
    ----------
    folder : str
        With configuration, tokenizer and weights (safetensors); nothing is downloaded, and no code
        of the folder is run.
    system, user : str
        What to do, and with which words.

    Raises
    ------
    UsageError
        If the folder is none.
    DeviceError
        If transformers is missing, or the folder holds no model that it can open.
    """
    tokenizer, model = _opened(folder)
    inputs = _inputs(tokenizer, system, user)
    room = int(getattr(model.config, "max_position_embeddings", None) or 1 << 20)
    n_asked = int(inputs["input_ids"].shape[1])
    if n_asked + SPARE > room:
        raise DeviceError(
            f"The language model takes in {room} tokens, the question has {n_asked}.",
            "Choose a model with a longer context.",
        )
    made = model.generate(
        **inputs,
        do_sample=False,
        max_new_tokens=min(MAX_NEW_TOKENS, room - n_asked),
        pad_token_id=tokenizer.pad_token_id or tokenizer.eos_token_id,
    )
    return str(tokenizer.decode(made[0, n_asked:], skip_special_tokens=True))


def _inputs(tokenizer: Any, system: str, user: str) -> Any:
    if not tokenizer.chat_template:
        text = f"{system}\n\n{user}\n\nPrompt:"
        return tokenizer(text, return_tensors="pt", return_token_type_ids=False)
    # Not every chat knows a role for the system.
    messages = [{"role": "user", "content": f"{system}\n\n{user}"}]
    return tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )


@functools.lru_cache(maxsize=1)
def _opened(folder: str) -> tuple[Any, Any]:
    if not Path(folder).is_dir():
        raise UsageError(
            "The language model is no folder of this machine, and a local one is not downloaded.",
            "Set model to the folder with its weights.",
        )
    try:
        from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415 - heavy
    except ImportError:
        raise DeviceError(
            "A local language model needs transformers, which is not installed.",
            "Install it with: pip install -e '.[generate]' (from the clone).",
        ) from None
    try:
        # Left unsaid, the library asks on the terminal whether to run the folder's code.
        options = {"local_files_only": True, "trust_remote_code": False}
        tokenizer = AutoTokenizer.from_pretrained(folder, **options)
        model = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True, **options)
    # A damaged folder makes this library raise nearly anything.
    except Exception as error:
        raise DeviceError(
            f"The language model's folder cannot be opened ({type(error).__name__}).",
            "It must hold config.json, a tokenizer and weights as safetensors.",
        ) from None
    return tokenizer, model.eval()

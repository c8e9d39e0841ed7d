"""Makes clips with audiocraft, in audiocraft's own environment: a script, not a part of RYM.

It runs under that environment's Python (3.9 or newer), so it imports nothing of RYM and uses no
newer syntax. One JSON object per line comes in on standard input, one goes out on standard output
for each; what libraries print goes to standard error. The end of standard input ends it.

    first line in   {"model": "facebook/musicgen-melody", "folder": "/tmp/…", "guidance": 3.0,
                     "download": false}
    first line out  {"ready": true, "audiocraft": "1.3.0", "torch": "2.1.0", "python": "3.9.18"}
    order           {"id": 1, "prompt": "…", "guide": "/tmp/…/1.wav", "seconds": 35, "seed": 7}
    answer          {"id": 1, "wav": "/tmp/…/1-made.wav"}  or  {"id": 1, "error": "RuntimeError"}

An error is told by its kind alone: its text may hold the prompt.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import sys
import wave
from typing import Any


def main() -> int:
    """Answer orders until there are no more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # Libraries that print would otherwise write between the answers.
    os.dup2(2, 1)
    # A script's own folder comes first, and in it lies another file called audiocraft.
    sys.path.pop(0)

    def say(**answer: object) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    first = json.loads(sys.stdin.readline())
    try:
        model, versions = load(first)
    except Exception as error:
        say(ready=False, error=type(error).__name__, missing=getattr(error, "name", None))
        return 1
    say(ready=True, python=platform.python_version(), **versions)
    for line in sys.stdin:
        order = json.loads(line)
        try:
            say(id=order["id"], wav=make(model, order, first))
        except Exception as error:
            say(id=order["id"], error=type(error).__name__)
    return 0


def load(first: dict[str, Any]) -> tuple[Any, dict[str, str]]:
    """Return the model and the versions of what it stands on."""
    import torch  # noqa: PLC0415

    # Its weights are pickles, which run code when they are opened unless torch is told to take in
    # nothing but tensors and plain values; audiocraft does not say so, and torch before 2.6 takes
    # in everything. It goes first: whoever imports `load` by name must get this one.
    # What torch's hub itself fetches is left alone: Demucs, without which nobody hears the guide,
    # comes as a pickled class, from an address and with a checksum that its authors fixed.
    from_url = torch.hub.load_state_dict_from_url
    torch.hub.load_state_dict_from_url = functools.partial(_trusted, torch.load, from_url)
    torch.load = functools.partial(_only_weights, torch.load)

    import audiocraft  # noqa: PLC0415
    from audiocraft.models import MusicGen  # noqa: PLC0415

    if not first["download"]:
        # The hub's client is kept off the network by the environment, Demucs comes by torch's own.
        torch.hub.download_url_to_file = _refused
    model = MusicGen.get_pretrained(first["model"])
    return model, {"audiocraft": audiocraft.__version__, "torch": torch.__version__}


def _only_weights(load: Any, *args: Any, **options: Any) -> Any:
    if options.get("weights_only") is None:
        options["weights_only"] = True
    return load(*args, **options)


def _trusted(load: Any, from_url: Any, *args: Any, **options: Any) -> Any:
    import torch  # noqa: PLC0415

    restricted, torch.load = torch.load, load
    try:
        return from_url(*args, **options)
    finally:
        torch.load = restricted


def _refused(*_: object, **__: object) -> None:
    raise PermissionError


def make(model: Any, order: dict[str, Any], first: dict[str, Any]) -> str:
    """Make one clip and return the path of its WAV."""
    import torch  # noqa: PLC0415

    guide, rate = read(order["guide"])
    torch.manual_seed(order["seed"])
    model.set_generation_params(duration=order["seconds"], cfg_coef=first["guidance"])
    made = model.generate_with_chroma([order["prompt"]], guide[None], rate, progress=False)
    path = os.path.join(first["folder"], f"{order['id']}-made.wav")  # noqa: PTH118
    write(path, made[0].detach().float().cpu(), model.sample_rate)
    return path


def read(path: str) -> tuple[Any, int]:
    """Return a 16-bit WAV as a tensor of shape (n_channels, n_times), and its rate."""
    import torch  # noqa: PLC0415

    with wave.open(path, "rb") as file:
        channels, rate = file.getnchannels(), file.getframerate()
        data = bytearray(file.readframes(file.getnframes()))
    sound = torch.frombuffer(data, dtype=torch.int16).float() / 2**15
    return sound.reshape(-1, channels).t().contiguous(), rate


def write(path: str, sound: Any, rate: int) -> None:
    """Write a tensor of shape (n_channels, n_times) as 16-bit WAV."""
    import torch  # noqa: PLC0415

    steps = (sound.clamp(-1.0, 1.0) * (2**15 - 1)).round().to(torch.int16).t().contiguous()
    with wave.open(path, "wb") as file:
        file.setnchannels(sound.shape[0])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(steps.numpy().tobytes())


if __name__ == "__main__":
    sys.exit(main())

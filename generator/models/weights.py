"""Where a model's weights lie on this machine, and what is refused of them.

Weights are opened from a folder only, whether the person named one or the cache of the Hugging Face
hub holds it. The network is asked in one place, here, and only where the settings say so.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import logging
import re
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from rym.errors import DeviceError, FormatError

INSTALL = "`pip install 'rym[generate]'`, or from the clone `pip install -e '.[generate]'`."
PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle", ".h5", ".msgpack")
"""Other forms in which weights come; all but the last can run code."""


class Weights(NamedTuple):
    """A model that is on this machine."""

    folder: Path
    name: str
    """Model id, or the folder's own name, never its path."""
    revision: str
    """Commit in the hub; empty for a folder, which has none."""


def need(*libraries: str) -> None:
    """Refuse to go on without these libraries; none is imported, which would take seconds.

    Raises
    ------
    DeviceError
        If one is not installed, with the line that installs it.
    """
    for library in libraries:
        if importlib.util.find_spec(library) is None:
            raise DeviceError(f"{library} is not installed.", f"Install it: {INSTALL}")


def find(model: str, revision: str, wanted: Iterable[str], *, download: bool) -> Weights:
    """Return the folder that holds a model.

    Parameters
    ----------
    model : str
        A folder, else an id of the hub.
    revision : str
        Branch, tag or commit; of no meaning for a folder.
    wanted : iterable of str
        Patterns of the files that are fetched where they are missing; `*` goes across folders.
    download : bool
        Whether the network may be asked.

    Raises
    ------
    DeviceError
        If the model is not here and may not or cannot be fetched.
    """
    try:
        folder = Path(model).expanduser()
    # The home of somebody who is not on this machine.
    except RuntimeError:
        folder = Path(model)
    if model and folder.is_dir():
        return Weights(folder, folder.resolve().name, "")
    if folder.exists() or not re.fullmatch(r"\w[\w.-]*(/[\w.-]+)?", model):
        raise DeviceError(
            f"There is no folder {folder.name} with a model.",
            "Name the folder that holds its configuration and safetensors files, or a model id.",
        )
    need("huggingface_hub")
    import huggingface_hub  # noqa: PLC0415 - of the extra

    try:
        found = huggingface_hub.snapshot_download(
            model, revision=revision, allow_patterns=list(wanted), local_files_only=not download
        )
    # The hub's client raises a dozen kinds, those of its transport among them.
    except Exception as error:
        raise _missing(model, error, download=download) from None
    return Weights(Path(found), model, Path(found).name)


def _missing(model: str, error: Exception, *, download: bool) -> DeviceError:
    if not download:
        return DeviceError(
            f"The model {model} is not on this machine.",
            "Read its licence, then set download = true to fetch it once (several GB), or name a "
            "folder that holds it.",
        )
    said = str(error).strip().partition("\n")[0] or type(error).__name__
    return DeviceError(
        f"The model {model} could not be fetched: {said.rstrip('.')}.",
        "Check its id and the network, or name a folder that holds it.",
    )


def refuse_pickles(weights: Weights, parts: Iterable[str]) -> None:
    """Check that each part of a model has weights as safetensors, which cannot run code.

    Parameters
    ----------
    weights : Weights
        The model.
    parts : iterable of str
        Its subfolders; an empty name is the folder itself.

    Raises
    ------
    FormatError
        If a part has weights in another form only.
    DeviceError
        If a part has none.
    """
    for part in parts:
        folder = weights.folder / part
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        if any(name.endswith(".safetensors") for name in names):
            continue
        where = f"{part} of the model {weights.name}" if part else f"The model {weights.name}"
        other = [name for name in names if name.endswith(PICKLES)]
        if other:
            raise FormatError(
                f"{where} has {other[0]}, but no safetensors file.",
                "Weights in other forms can run code and are not opened; convert them, "
                "or choose a model that has safetensors.",
            )
        raise DeviceError(
            f"{where} has no weights.",
            "Fetch it again with download = true, or name a folder that is whole.",
        )


@contextlib.contextmanager
def quiet(*libraries: str) -> Iterator[None]:
    """Keep these libraries from writing bars, warnings and parts of prompts to stderr.

    Their warnings quote the words that they cut off, so they may not be shown anywhere. What goes
    wrong is raised, not logged.

    Parameters
    ----------
    *libraries : {"diffusers", "transformers"}
        Imported here, since some warn while they are imported.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        for name in libraries:
            library = importlib.import_module(f"{name}.utils.logging")
            if library.is_progress_bar_enabled():
                library.disable_progress_bar()
                stack.callback(library.enable_progress_bar)
            logger = logging.getLogger(name)
            stack.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.CRITICAL)
        yield

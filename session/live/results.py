"""The last screen of a session: what came out, in words that claim no more than they may."""

from __future__ import annotations

import textwrap
from typing import Any

VERDICTS = {
    "follows": "on held-out parts of the calibration the estimate did better than guessing would",
    "unclear": "the calibration is too short to tell the estimate from guessing",
    "guessing": "on held-out parts of the calibration it did no better than guessing would",
    None: "there was no model",
}
MARKS = {"simulated": "SIMULATED: nobody wore the cap.", "recorded": "RECORDED: EEG from files."}
WIDTH = 80
INDENT = 14


def in_words(summary: dict[str, Any]) -> str:
    """Return the screen of a session.

    Parameters
    ----------
    summary : dict
        See `session.after.summary.summary`.
    """
    decoding, felt = summary["decoding"], summary["felt_to_heard_s"]
    software = summary["latency_ms"]
    lines = [
        "",
        *_row("session", MARKS.get(summary["kind"], "")),
        *_row("verdict", f"{decoding['verdict'] or 'none'}: {VERDICTS[decoding['verdict']]}"),
        *_row("signal", summary["signal"]),
        *_row("agreement", _scores(decoding)),
        *_row("learned", _learned(summary["learning"]) if decoding["verdict"] else ""),
        *_row("felt → heard", _typical(felt["p50"], felt["p90"], "s", 1, "9 of 10")),
        *_row(
            "software",
            _typical(software["software_p50"], software["software_p99"], "ms", 0, "99 of 100"),
        ),
        *_row("loudness", summary["hearing"] or ""),
        *(line for warning in summary["warnings"] for line in _row("note", warning)),
        "",
        *_paths(summary),
    ]
    return "\n".join(lines) + "\n"


def sound_in_words(result: dict[str, Any]) -> str:
    """Return the screen of `rym listen`.

    Parameters
    ----------
    result : dict
        See `session.live.listen.listen`.
    """
    heard = [line for path in result["heard"] for line in _path("heard", path)]
    notes = [line for warning in result["warnings"] for line in _row("note", warning)]
    loud = _row("loudness", result["hearing"] or "")
    return "\n".join([*notes, *loud, *heard, *_path("bank", result["bank"])]) + "\n"


def _scores(decoding: dict[str, Any]) -> str:
    if decoding["balanced_accuracy"] is None:
        return "nothing could be compared"
    low, high, n = decoding["chance_low"], decoding["chance_high"], decoding["n_states"]
    return (
        f"balanced accuracy {decoding['balanced_accuracy']:.2f} at the declared delay, "
        f"{decoding['without_delay']:.2f} without; guessing stays within {low:.2f} … {high:.2f} "
        f"(chance, {n} independent states). One run shows that the loop closes; it says nothing "
        "about how well."
    )


def _learned(learning: dict[str, Any]) -> str:
    """Say what the memory learned from keys; nothing where no memory answered."""
    n = sum(learning["rows"].values())
    told = [f"{n} rows from held keys" if n else learning["why_none"] or ""]
    if learning["taken_back"]:
        told.append(f"{learning['taken_back']} taken back")
    told += [drift["suggestion"] for drift in learning["drift"]]
    return "; ".join(filter(None, (one.rstrip(".") for one in told)))


def _typical(middle: float | None, most: float | None, unit: str, places: int, share: str) -> str:
    if middle is None or most is None:
        return "not measured"
    return f"{middle:.{places}f} {unit} median, {most:.{places}f} {unit} in {share}"


def _row(name: str, words: str) -> list[str]:
    """Return a named row, its words broken to the width of the screen; none without words."""
    return textwrap.wrap(
        words,
        WIDTH,
        initial_indent=f"{name:{INDENT}}",
        subsequent_indent=" " * INDENT,
        break_long_words=False,
    )


def _paths(summary: dict[str, Any]) -> list[str]:
    names = ("report", "heard", "journal", "model", "bank")
    return [line for name in names for line in _path(name, summary[name])]


def _path(name: str, path: str | None) -> list[str]:
    # Never broken: a path is there to be copied.
    return [f"{name:{INDENT}}{path}"] if path else []

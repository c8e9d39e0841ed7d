"""The last screen of a session: what came out, in words that claim no more than they may."""

from __future__ import annotations

from typing import Any

VERDICTS = {
    "follows": "the estimate followed the keys of the calibration better than chance",
    "unclear": "too few independent states to tell the estimate from chance",
    "guessing": "the estimate could not be told from guessing",
    None: "no model",
}


def in_words(summary: dict[str, Any]) -> str:
    """Return the screen.

    Parameters
    ----------
    summary : dict
        See `session.after.analysis.summary`.
    """
    decoding, felt = summary["decoding"], summary["felt_to_heard_s"]
    verdict = VERDICTS[decoding["verdict"]]
    lines = [
        "",
        f"verdict      {decoding['verdict'] or 'none'}: {verdict}",
        *_scores(decoding),
        f"felt → heard {_seconds(felt['p50'])} median, {_seconds(felt['p90'])} in 9 of 10",
        (
            f"software     {_number(summary['latency_ms']['software_p50'])} ms median, "
            f"{_number(summary['latency_ms']['software_p99'])} ms in 99 of 100"
        ),
        *(f"note         {warning}" for warning in summary["warnings"]),
        "",
    ]
    for name in ("report", "heard", "journal", "model", "bank"):
        if summary[name]:
            lines.append(f"{name:12} {summary[name]}")
    return "\n".join(lines) + "\n"


def _scores(decoding: dict[str, Any]) -> list[str]:
    if decoding["balanced_accuracy"] is None:
        return ["agreement    nothing to compare"]
    low, high = decoding["chance_low"], decoding["chance_high"]
    return [
        (
            f"agreement    {decoding['balanced_accuracy']:.2f} at the declared delay, "
            f"{decoding['without_delay']:.2f} without "
            f"(balanced accuracy; by chance {low:.2f} to {high:.2f})"
        ),
        f"             {decoding['n_states']} independent states were compared.",
        "             One run shows that the loop closes; it says nothing about how well.",
    ]


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} s"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"

"""What the view says of the memory: rows learned live, and drift while it holds; pure."""

from __future__ import annotations

from rym.messages import AFFECTS, Drift, Learned, Status

from ..words import WORDS


class MemoryRows:
    """Counts what one model's memory learned, and keeps what was found to have changed."""

    def __init__(self) -> None:
        self._model = ""
        self._epoch = 0
        self._learning = "none"
        self._learned: dict[int, Learned] = {}
        self._drifts: dict[str, Drift] = {}

    def begin(self, status: Status) -> None:
        """Take in which model answers, and whether it learns; `learning` says so.

        What was said of another model is forgotten. A decoder that was started again knows its rows
        again, and looks for drift anew.
        """
        self._change(str(status.facts.get("model", "")))
        if status.epoch != self._epoch:
            self._epoch, self._drifts = status.epoch, {}
        self._learning = str(status.facts.get("learning", "none"))

    def take(self, said: Learned | Drift) -> str | None:
        """Take in a row that was learned or taken back, or a drift.

        Returns
        -------
        str or None
            The drift's suggestion as a line, once as long as it holds.
        """
        if isinstance(said, Drift):
            told = said.measure in self._drifts
            self._drifts[said.measure] = said
            return None if told else f"drift: {said.suggestion}"
        if said.model != self._model:
            return None  # sent again for the journal: it is of a model that answers no longer
        if said.taken_back:
            self._learned.pop(said.number, None)
        else:
            self._learned[said.number] = said
        return None

    def _change(self, model: str) -> None:
        if model != self._model:
            self._model, self._learned, self._drifts = model, {}, {}

    def rows(self, now: float) -> list[tuple[str, str]]:
        """Return the view's rows at rig time `now`, in seconds; none where no memory learns."""
        out = [("drift", drift.suggestion) for drift in self._drifts.values()]
        if self._learning == "none" and not self._learned:
            return out
        return [("learned", self._counted(now)), *out]

    def _counted(self, now: float) -> str:
        told = ["frozen"] if self._learning == "frozen" else []
        learned = self._learned.values()
        if learned:
            n = {s: sum(row.state == s for row in learned) for s in reversed(AFFECTS)}
            states = ", ".join(f"{count} {WORDS[s]}" for s, count in n.items() if count)
            told.append(f"{len(learned)} row{'s' if len(learned) > 1 else ''} ({states})")
            age = now - max(row.t for row in learned)
            told.append(f"newest {max(0.0, age):.0f} s ago")
        return ", ".join(told) or "nothing yet"

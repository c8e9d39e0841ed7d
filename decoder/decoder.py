"""The live decoder: one Valence for every Window, whatever comes. Pure; numpy only.

Ten contiguous rows make one answer. Windows follow one another if they lie in one segment, one hop
apart. A hole of one row is filled by the mean of the clean rows before it, and flagged
(`Valence.filled`); a longer one, or a second while the first is still among the ten, empties the
field. Windows that a blink or muscle touches are stood in for in the same way, so that they do not
move the answer; their number is limited by the clean rows that an answer needs. The ten rows are
the newest 2.5 s always: rows from before an artifact are not kept beyond that, since an answer
would then lag more than the declared delay without saying so.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from rym.messages import Valence, Window

from .embedding import FIELD, stand_in
from .gate import CLOSED, Answer, Gate, Smoother
from .model import Delay, Model
from .presets import check_preset
from .settings import DecoderSettings

Array = npt.NDArray[np.float64]


class Field:
    """The newest ten standardized rows, and whether they follow one another.

    Parameters
    ----------
    n_features : int
        Length of a row.
    hop : int
        Samples from one window to the next.
    """

    def __init__(self, n_features: int, hop: int) -> None:
        self.rows = np.zeros((FIELD, n_features))
        self.n = 0
        """Rows that follow one another, up to ten; the last `n` of `rows`."""
        self._clean = np.zeros(FIELD, dtype=bool)
        self._hop = hop
        self._last: tuple[int, int] | None = None
        self._since_hole = FIELD

    @property
    def n_clean(self) -> int:
        """Rows among the newest ten that are no stand-ins."""
        return int(np.count_nonzero(self._clean[FIELD - self.n :]))

    def push(self, segment: int, first_sample: int, row: Array | None) -> bool:
        """Take one row in.

        Parameters
        ----------
        segment, first_sample : int
            Of the row's window.
        row : array of shape (n_features,) or None
            Standardized; None where an artifact touches the window.

        Returns
        -------
        bool
            False if all before it is forgotten: it did not follow the one before, or there is
            nothing clean left among the ten.
        """
        before, self._last = self._last, (segment, first_sample)
        distance = -1
        if before is not None and before[0] == segment:
            distance = first_sample - before[1]
        follows = distance == self._hop
        if distance == 2 * self._hop and self.n and self._since_hole >= FIELD:
            follows = self._append(None)
            self._since_hole = 0
        if not follows:
            self._forget()
        return self._append(row) and follows

    def _forget(self) -> None:
        self.n = 0
        self._since_hole = FIELD

    def _append(self, row: Array | None) -> bool:
        """Append a row or what stands in for it; return whether there was anything to append."""
        keep = min(self.n, FIELD - 1)
        told = row is not None
        if row is None:
            row = stand_in(self.rows[FIELD - keep :], self._clean[FIELD - keep :])
        if row is None:
            self._forget()
            return False
        self.rows[:-1] = self.rows[1:]
        self.rows[-1] = row
        self._clean[:-1] = self._clean[1:]
        self._clean[-1] = told
        self.n = min(self.n + 1, FIELD)
        self._since_hole += 1
        return True


class Decoder:
    """Windows in, valence out.

    Parameters
    ----------
    settings : DecoderSettings
        Smoothing, hysteresis, and whether the verdict decides over the states.
    """

    def __init__(self, settings: DecoderSettings) -> None:
        self.settings = settings
        self.model: Model | None = None
        self._field = Field(0, 1)
        self._smoother = Smoother(1.0, 0.0)
        self._gate = Gate(CLOSED, 0.0)

    def load(self, model: Model) -> None:
        """Answer by this model from the next window on; ten new rows are needed first.

        Parameters
        ----------
        model : Model
            See `model.load`.

        Raises
        ------
        UsageError
            If its rows are of another preset than that of the settings. The model before stays.
        """
        facts = model.manifest
        check_preset(facts.preset, self.settings.features.preset)
        self.model = model
        self._field = Field(model.n_columns, facts.hop)
        self._smoother = Smoother(facts.hop / facts.rate, self.settings.smoothing)
        threshold, hysteresis = facts.threshold, self.settings.hysteresis
        if self.settings.drive == "always" and threshold >= CLOSED:
            # Both are measured in confidence, of which this model has none.
            threshold, hysteresis = 0.0, 0.0
        self._gate = Gate(threshold, hysteresis)

    @property
    def declared_delay(self) -> Delay | None:
        """By how much answers lag behind the feeling, part by part; None without a model."""
        if self.model is None:
            return None
        return self.model.manifest.delay(self.settings.smoothing)

    def step(self, window: Window) -> Valence:
        """Return what the model makes of the ten newest windows, or why it says nothing.

        Parameters
        ----------
        window : Window
            The next one; valid or not.

        Returns
        -------
        Valence
            Its state is `unknown` unless the model's verdict is `follows` (or `drive` is `always`),
            ten rows follow one another, enough of them are clean, and the confidence passes the
            gate.
        """
        model = self.model
        if model is None:
            return self._silent(window, "no model")
        why_not = unusable(window, model)
        if why_not:
            return self._silent(window, why_not, usable=False)
        touched = [name for name in window.touched if name in model.manifest.stand_in]
        row = None if touched else _row(window, model)
        if not self._field.push(window.segment, window.first_sample, row):
            self._smoother.reset()
            self._gate.reset()
        if self._field.n < FIELD:
            reason = f"warming up {self._field.n}/{FIELD}"
            return self._silent(window, reason, usable=not touched)
        if self._field.n_clean < model.manifest.clean_rows:
            reason = f"artifacts in {FIELD - self._field.n_clean} of {FIELD} rows"
            return self._silent(window, reason, usable=False)
        raw = model.answer(self._field.rows).p
        if raw is None:
            return self._silent(window, model.mute)
        p = self._smoother.step(raw)
        answer = self._gate.step(p)
        if self.settings.drive == "verdict" and model.manifest.verdict != "follows":
            answer = Answer("unknown", f"verdict: {model.manifest.verdict}")
        return Valence(
            t=window.t_last,
            state=answer.state,
            valence=None if answer.state == "unknown" else float(p[2] - p[0]),
            probabilities=(float(p[0]), float(p[1]), float(p[2])),
            confidence=float(p.max()),
            reason=answer.reason,
            model=model.id,
            filled=self._field.n_clean < FIELD,
        )

    def _silent(self, window: Window, reason: str, *, usable: bool = True) -> Valence:
        return Valence(
            t=window.t_last,
            state="unknown",
            valence=None,
            probabilities=None,
            confidence=0.0,
            reason=reason,
            model=self.model.id if self.model is not None else "",
            usable=usable,
        )


def unusable(window: Window, model: Model) -> str:  # noqa: PLR0911
    """Return why a model can make nothing of this window; empty if it can."""
    facts = model.manifest
    if not window.valid:
        return f"invalid window: {window.reason}"
    missing = []
    if window.channels != facts.channels:
        missing = [name for name in facts.channels if name not in window.channels]
    if missing:
        return f"missing channels: {', '.join(missing)}"
    if abs(window.rate - facts.rate) > 0.01 * facts.rate:
        return f"rate {window.rate:g} Hz, the model needs {facts.rate:g} Hz"
    if len(window.samples) != facts.n_times:
        return f"window of {len(window.samples)} samples, the model needs {facts.n_times}"
    if window.n_new not in (facts.hop, facts.n_times):  # a segment's first window is all new
        return f"a window every {window.n_new} samples, the model needs one every {facts.hop}"
    if facts.conditioning and window.conditioning != facts.conditioning:
        return f"conditioned by {window.conditioning!r}, the model needs {facts.conditioning!r}"
    untrusted = window.untrusted
    bad = [name for name in facts.channels if name in untrusted] if untrusted else []
    if len(bad) > facts.max_bad * len(facts.channels):
        return f"invalid window: bad channels {', '.join(bad)}"
    return ""


@lru_cache(maxsize=8)
def _places(names: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[int, ...]:
    """Return where each wanted name stands; windows name their channels alike for hours."""
    return tuple(names.index(name) for name in wanted)


def _row(window: Window, model: Model) -> Array:
    samples, wanted = window.samples, model.manifest.channels
    if window.channels != wanted:
        samples = samples[:, _places(window.channels, wanted)]
    return model.row(samples, window.untrusted)

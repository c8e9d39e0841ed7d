"""Honest scores: what is held out, what chance gives, and when a score may be believed.

Here stands what `rym train` and the gate use; it needs numpy alone, since the live decoder's
process imports it with the model. The rest is imported from its own module.
"""

from .folds import Fold, blocks_of, folds_of
from .metrics import balanced_accuracy
from .verdicts import Judgement, Verdict, chance_band, critical_value, judge

__all__ = [
    "Fold",
    "Judgement",
    "Verdict",
    "balanced_accuracy",
    "blocks_of",
    "chance_band",
    "critical_value",
    "folds_of",
    "judge",
]

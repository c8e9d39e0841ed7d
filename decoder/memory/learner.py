"""Learning live from held keys: which moments become rows of the memory, and taking them back.

Everything goes by data time. A moment waits until every key that could bear on it must have come:
its label is the key `reaction_lag` later, no change of the key may lie within its ten rows or
nearer than the margin, and keys are taken in `hold` seconds behind the newest window. A key that
comes later than that is refused and counted, and nothing is learned until the next one.

What plays drives EEG as well. If the positive piece is always on while the positive key is held, a
memory that learned from that would answer what it hears. So a class is learned only once it was
heard under two clips, and under none of the clips that anybody heard does it get far ahead of the
others. Labels come from keys alone: there is no way in for the decoder's own answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from rym.errors import FormatError, UsageError

from .lessons import NO_LABEL, SILENCE, LearningSettings, Lesson, Moment, arrays_of, lessons_of
from .rings import Before, Memory
from .track import UNKNOWN, Track

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MOMENT = 1e-6
"""Seconds by which sums of hops may be off."""
_REMEMBERED = 60.0
"""Seconds of keys and clips kept beyond the oldest moment that waits: more than ten rows span."""


class Learner:
    """Decides what a memory learns, and keeps every row undoable.

    Parameters
    ----------
    memory : Memory
        What a calibration taught; from here on only the learner changes it.
    settings : LearningSettings
        Hold, rate, balance.
    reaction_lag, margin : float
        Seconds by which a key follows the feeling; seconds on either side of a change of the key
        that are not learned from. As in the calibration.
    span : float
        Seconds of one stretch: ten hops.
    heard : array of shape (n_classes, 4) or None
        Rows of the memory by class and by what was audible (silence, 0, 1, 2); None: not known.
    """

    def __init__(
        self,
        memory: Memory,
        settings: LearningSettings,
        *,
        reaction_lag: float = 0.5,
        margin: float = 1.0,
        span: float = 2.5,
        heard: Ints | None = None,
    ) -> None:
        self.memory, self.settings = memory, settings
        self._lag, self._margin, self._span = reaction_lag, margin, span
        self._start = memory.arrays()
        self._keys, self._clips = Track(NO_LABEL), Track(SILENCE)
        self._waiting: list[Moment] = []
        self._log: list[tuple[Lesson, Before]] = []
        self._heard = np.zeros((memory.n_classes, 4), dtype=np.int64)
        if heard is not None:
            self._heard += heard
        self._learned = self._heard.copy()
        self._number = 0
        self._marks: dict[str, int] = {"start": 0}
        self._now = self._thawed = float("-inf")
        self.frozen = False
        """Whether nothing is learned at present."""
        self.refused: Counter[str] = Counter()
        """How many keys, changes of clip and moments were refused, by reason."""

    @property
    def lessons(self) -> tuple[Lesson, ...]:
        """What was learned and not taken back, in order."""
        return tuple(lesson for lesson, _ in self._log)

    @property
    def state(self) -> int:
        """Number of the newest lesson that was not taken back; 0 where there is none."""
        return self._log[-1][0].number if self._log else 0

    @property
    def marks(self) -> dict[str, int]:
        """States by name; `start` is that before the first lesson."""
        return dict(self._marks)

    def label(self, t: float, state: int) -> bool:
        """Take in what the person says with the keys from `t` on.

        Parameters
        ----------
        t : float
            Rig time of the key event itself, in seconds.
        state : int
            Class, or −1 for none.

        Returns
        -------
        bool
            False if it came too late, in a flood, or names no class.
        """
        known = NO_LABEL <= state < self.memory.n_classes
        if self._keys.change(t, state if known else UNKNOWN) and known:
            return True
        self.refused["late key" if known else "key of no class"] += 1
        return False

    def audible(self, t: float, clip: int) -> bool:
        """Take in what is heard from `t` on.

        Parameters
        ----------
        t : float
            Rig time in seconds.
        clip : int
            0, 1, 2: the affect of what plays; −1 silence.

        Returns
        -------
        bool
            False if it came too late, in a flood, or names no affect.
        """
        known = SILENCE <= clip <= 2
        if self._clips.change(t, clip if known else UNKNOWN) and known:
            return True
        self.refused["late clip" if known else "clip of no affect"] += 1
        return False

    def step(self, moment: Moment) -> list[Lesson]:
        """Go on to this moment, and learn from those that can now be decided on.

        Parameters
        ----------
        moment : Moment
            That of the newest window, whatever it is like.

        Returns
        -------
        list of Lesson
            What was learned just now, from earlier moments.
        """
        if not moment.t > self._now:
            self.refused["out of order"] += 1
            return []
        self._now = moment.t
        for track in (self._keys, self._clips):
            track.apply(self._now - self.settings.hold)
        unfit = moment.unfit or _unfit(moment) or ("frozen" if self.frozen else "")
        if unfit:
            self.refused[unfit] += 1
        else:
            self._waiting.append(moment)
        return self._decide()

    def _decide(self) -> list[Lesson]:
        until = self._now - self.settings.hold - self._lag - self._margin
        n = sum(moment.t <= until + _MOMENT for moment in self._waiting)
        due, self._waiting = self._waiting[:n], self._waiting[n:]
        learned = [lesson for moment in due if (lesson := self._consider(moment))]
        oldest = min([self._now, *(moment.begin for moment in self._waiting[:1])])
        for track in (self._keys, self._clips):
            track.forget(oldest - _REMEMBERED)
        return learned

    def _consider(self, moment: Moment) -> Lesson | None:
        """Learn from a moment whose keys are all in, or count why not."""
        label, clip = self._keys.at(moment.t + self._lag), self._clips.at(moment.t)
        why_not = self._unclear(moment, label, clip)
        if not why_not:
            self._heard[label, clip + 1] += 1
            why_not = self._confounded(label, clip) or self._too_much(moment, label)
        if why_not:
            self.refused[why_not] += 1
            return None
        self._number += 1
        since, stretch = self._stretch(moment, label)
        lesson = Lesson(self._number, moment.t, label, clip, stretch, since, moment.z.copy())
        self._learn(lesson)
        return lesson

    def _unclear(self, moment: Moment, label: int, clip: int) -> str:
        """Return why it is not known what was felt or heard; empty if it is."""
        if moment.begin < self._thawed:
            return "frozen"
        if label < 0:
            return "no label" if label == NO_LABEL else "label not known"
        keys, lag = self._keys, self._lag
        if keys.changes(moment.begin + lag, moment.t + lag):
            return "label changes"
        if keys.changes_near(moment.t + lag, self._margin):
            return "label changes"
        if clip == UNKNOWN:
            return "clip not known"
        return "clip changes" if self._clips.changes(moment.begin, moment.t) else ""

    def _confounded(self, label: int, clip: int) -> str:
        """Return why the clip could be learned instead of the label; empty if it could not."""
        if np.count_nonzero(self._heard[label, 1:]) == 1:
            return "one clip"
        clips = 1 + np.flatnonzero(self._heard[:, 1:].any(axis=0))
        if not len(clips):
            return ""
        ahead = self._learned[label, clip + 1] - self._learned[label, clips].min()
        return "clip ahead" if ahead >= self.settings.ahead else ""

    def _too_much(self, moment: Moment, label: int) -> str:
        if len(self._log) >= self.settings.most:
            return "full"
        for lesson, _ in reversed(self._log):
            if moment.t - lesson.t > 1.0 / self.settings.rate - _MOMENT:
                return ""
            if lesson.label == label:
                return "rate"
        return ""

    def _stretch(self, moment: Moment, label: int) -> tuple[float, int]:
        """Return since when, and which, stretch a row belongs to."""
        if self._log:
            last = self._log[-1][0]
            if last.label == label and moment.t - last.since < self._span - _MOMENT:
                return last.since, last.stretch
        return moment.t, self.memory.next_stretch

    def _learn(self, lesson: Lesson) -> None:
        before = self.memory.learn(lesson.z, lesson.label, lesson.stretch, lesson.t)
        self._log.append((lesson, before))
        self._learned[lesson.label, lesson.audible + 1] += 1

    def freeze(self) -> None:
        """Learn nothing from what was seen and not yet decided on, nor from what comes."""
        self.frozen = True
        self.refused["frozen"] += len(self._waiting)
        self._waiting = []

    def thaw(self) -> None:
        """Learn again, from rows of which nothing was seen while frozen."""
        if self.frozen:
            self.frozen, self._thawed = False, self._now

    def undo(self, seconds: float) -> tuple[Lesson, ...]:
        """Take back all that rests on the newest seconds, and decide on none of it later.

        Parameters
        ----------
        seconds : float
            Of data time, up to the newest moment seen.

        Returns
        -------
        tuple of Lesson
            What was taken back, newest first.

        Raises
        ------
        UsageError
            If the number of seconds is not above 0.
        """
        if not seconds > 0:
            raise UsageError(f"{seconds:g} s cannot be undone.", "Name a time above 0 s.")
        after = self._now - seconds
        self._waiting = [moment for moment in self._waiting if moment.t <= after]
        return self._back(lambda lesson: lesson.t > after)

    def mark(self, name: str) -> int:
        """Name the present state and return its number; an older one of that name is forgotten.

        Raises
        ------
        UsageError
            If the name is empty, a number, or `start`, which is what the calibration taught.
        """
        if not name or name.isdigit() or name == "start":
            raise UsageError(
                f"A state cannot be called {name!r}: numbers and `start` are taken.",
                "Choose another name.",
            )
        self._marks[name] = self.state
        return self.state

    def roll_back(self, state: int | str) -> tuple[Lesson, ...]:
        """Take back every lesson that came after a state.

        Moments that wait are let go: the person asked for what was, not for what is on its way.

        Parameters
        ----------
        state : int or str
            Number or name; 0 and `start` are what the calibration taught.

        Returns
        -------
        tuple of Lesson
            What was taken back, newest first.

        Raises
        ------
        UsageError
            If there is no such state.
        """
        if isinstance(state, str) and state not in self._marks:
            raise UsageError(
                f"There is no state {state!r}; there are {', '.join(sorted(self._marks))}.",
                "Name one of these, or a number.",
            )
        number = self._marks[state] if isinstance(state, str) else state
        if not 0 <= number <= self._number:
            raise UsageError(
                f"There is no state {number}; lessons so far have the numbers 1 to {self._number}.",
                "Name one of these, or 0 for the calibration alone.",
            )
        self._waiting = []
        return self._back(lambda lesson: lesson.number > number)

    def _back(self, wanted: Callable[[Lesson], bool]) -> tuple[Lesson, ...]:
        """Take lessons back from the newest on, as long as they are wanted back."""
        gone = []
        while self._log and wanted(self._log[-1][0]):
            lesson, before = self._log.pop()
            self.memory.take_back(before)
            self._learned[lesson.label, lesson.audible + 1] -= 1
            gone.append(lesson)
        return tuple(gone)

    def relearn(self, lessons: Sequence[Lesson], last: int = 0) -> None:
        """Learn again what a journal tells was learned, as after a restart.

        Parameters
        ----------
        lessons : sequence of Lesson
            Those not taken back, in order, before the first moment.
        last : int
            Highest number that was ever given.

        Raises
        ------
        FormatError
            If they are out of order, or there are lessons already.
        """
        self._check_order(lessons)
        for lesson in lessons:
            self._learn(lesson)
            self._heard[lesson.label, lesson.audible + 1] += 1
            self._number = lesson.number
        self._number = max(self._number, last)

    def _check_order(self, lessons: Sequence[Lesson]) -> None:
        numbers = [lesson.number for lesson in lessons]
        times = [lesson.t for lesson in lessons]
        if self._number or numbers != sorted(set(numbers)) or times != sorted(times):
            raise FormatError(
                f"{len(lessons)} lessons cannot be learned again: they are out of order, or "
                f"{self._number} were learned before them.",
                "Begin with the memory of the calibration, and learn them in their order.",
            )

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return the calibration's rows, every lesson and every mark, for `restore`.

        What waits and what was counted is not among them: a journal's inputs give it again.
        """
        names = list(self._marks)
        return {
            **{f"start.{name}": array for name, array in self._start.items()},
            **arrays_of(self.lessons, self.memory.n_dimensions),
            "mark.name": np.array(names, dtype=np.str_),
            "mark.number": np.array([self._marks[name] for name in names], dtype=np.int64),
        }

    def restore(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Know, and be able to take back, what `arrays` gave; before the first moment.

        Parameters
        ----------
        arrays : mapping of str to array
            From a learner over a memory of the same dimensions, classes and capacity.

        Raises
        ------
        FormatError
            If an array is missing or does not fit, or there are lessons already.
        """
        if not {"mark.name", "mark.number"} <= arrays.keys():
            raise FormatError("The lessons come without their marks.", "Save them again.")
        lessons = lessons_of(arrays)
        self._check_order(lessons)
        start = {name[6:]: array for name, array in arrays.items() if name.startswith("start.")}
        self.memory.restore(start)
        self._start = self.memory.arrays()
        self.relearn(lessons)
        marked = zip(arrays["mark.name"].tolist(), arrays["mark.number"].tolist(), strict=True)
        self._marks = dict(marked)
        self._number = max([self._number, *self._marks.values()])


def for_learning(memory: Memory, settings: LearningSettings) -> Memory:
    """Return a memory of the same rows that has room to learn, and forgets.

    All rows of the model are of one age, those of earlier visits among them: as long as nothing is
    learned, the answers are the model's own. The model's memory stays as it was trained.

    Parameters
    ----------
    memory : Memory
        A model's.
    settings : LearningSettings
        Capacity and half-life; a ring is never made smaller.
    """
    capacity = max(settings.capacity, memory.capacity)
    more = Memory(
        memory.n_dimensions,
        capacity,
        memory.n_classes,
        metric=memory.metric,
        k=memory.k,
        exclusion=memory.exclusion,
        half_life=settings.half_life,
        prior=memory.prior,
    )
    arrays = memory.arrays()
    written = np.array(memory.counts)
    more.restore({**arrays, "t": np.zeros(len(arrays["t"])), "written": written})
    return more


def _unfit(moment: Moment) -> str:
    """Return why an embedding cannot be learned; empty if it can."""
    return "" if np.isfinite(moment.z).all() and moment.z.any() else "no embedding"

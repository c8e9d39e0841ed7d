"""Sessions made up message by message, so that every figure of the analysis is known beforehand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rym import messages as m
from rym import topics

CHANNELS = (
    *("Fp1", "Fp2", "F7", "F3", "Fz", "F4", "F8", "T7", "C3", "Cz"),
    *("C4", "T8", "P7", "P3", "Pz", "P4", "P8", "O1", "O2"),
)
GAINS = {"negative": (1.0, 0.0, 0.0), "neutral": (0.0, 1.0, 0.0), "positive": (0.0, 0.0, 1.0)}


class Talk:
    """Builds the messages of a journal, numbering each topic as its service would."""

    def __init__(self) -> None:
        self.log: dict[str, list[m.Message]] = {}
        self.epochs: dict[str, int] = {}
        self._seq: dict[tuple[str, int, str], int] = {}

    def say(
        self,
        topic: topics.Topic,
        content: m.Content,
        mono: float,
        cause: tuple[m.Message, ...] = (),
        service: str = "",
        **meta: float,
    ) -> m.Message:
        """Append one message."""
        service = service or topic.short.split("/")[0]
        epoch = self.epochs.get(service, 1)
        seq = self._seq.get((service, epoch, topic.short), 0)
        self._seq[service, epoch, topic.short] = seq + 1
        message = m.Message(
            id=m.Identity(service, epoch, topic.short, seq),
            cause=tuple(x.id for x in cause),
            content=content,
            meta=m.Meta(wall=1.7e9 + mono, mono=mono, host="h", pid=1, **meta),
        )
        self.log.setdefault(topic.short, []).append(message)
        return message

    def phase(self, name: str, index: int, starts: float, ends: float | None = None) -> None:
        """Announce a phase at its beginning."""
        content = m.Phase(name=name, index=index, starts=starts, ends=ends, simulated=True)
        self.say(topics.PHASE, content, starts)

    def label(self, t: float, state: Any) -> None:
        """Press a key."""
        self.say(topics.LABEL, m.Label(state=state, t=t, source="simulator"), t)

    def truth(self, t: float, state: Any) -> None:
        """Feel something."""
        self.say(topics.TRUTH, m.Truth(t=t, state=state, strength=1.0), t)

    def window(self, t_last: float, first: int = 0, age: float = 0.02, **more: Any) -> m.Message:
        """Send one window of one second whose newest sample is at `t_last`."""
        content = m.Window(
            segment=more.get("segment", 0),
            first_sample=first,
            n_new=125,
            t_first=t_last - 499 / 500,
            rate=500.0,
            channels=CHANNELS,
            samples=np.zeros((500, 19), np.float32),
            bad=more.get("bad", ()),
            valid=more.get("valid", True),
            reason=more.get("reason", ""),
        )
        return self.say(topics.WINDOW, content, t_last + age, age=age)

    def valence(
        self,
        t: float,
        probabilities: tuple[float, float, float] | None,
        mono: float | None = None,
        cause: tuple[m.Message, ...] = (),
        reason: str = "",
    ) -> m.Message:
        """Decode; unknown where there is a reason."""
        p = probabilities
        known = p is not None and not reason
        content = m.Valence(
            t=t,
            state=m.AFFECTS[int(np.argmax(p))] if known and p else "unknown",
            valence=p[2] - p[0] if known and p else None,
            probabilities=p,
            confidence=max(p) if p else 0.0,
            reason=reason,
            model="0123456789abcdef",
        )
        return self.say(topics.VALENCE, content, t if mono is None else mono, cause)

    def played(
        self,
        frame: int,
        audible: m.Affect,
        mono: float,
        fade: m.Fade | None = None,
        cause: tuple[m.Message, ...] = (),
        **more: Any,
    ) -> m.Message:
        """Tell what is heard; the device is `ahead` seconds behind."""
        content = m.Played(
            frame=frame,
            decided=more.get("decided", audible),
            requested=more.get("requested", fade.to if fade else audible),
            audible=audible,
            gains=more.get("gains", GAINS[audible]),
            section=more.get("section", 0),
            variant=0,
            position=frame % 480_000,
            fade=fade,
            level_db=more.get("level_db", 0.0),
            safety=more.get("safety", "RUN"),
            why=more.get("why", "tick"),
        )
        ahead = more.get("ahead", 0.05)
        if ahead is None:
            return self.say(topics.NOW, content, mono, cause)
        return self.say(topics.NOW, content, mono, cause, audible_at=mono + ahead)

    def status(self, service: str, life: m.Life, mono: float, **drops: int) -> None:
        """Tell how a service is."""
        content = m.Status(
            service=service,
            epoch=self.epochs.get(service, 1),
            life=life,
            detail="",
            version="0.1.0",
            facts={},
            drops={k.replace("_", "/"): n for k, n in drops.items()},
        )
        self.say(topics.STATUS[service], content, mono, service=service)


class Story:
    """A whole simulated session, drawn from a seed, as the parts would tell it.

    The player here knows one rule only (a state that held for a second is asked for, the change
    waits for the next even second, fades take two seconds); it stands for no part of RYM.
    """

    RATE = 48_000

    def __init__(self, seed: int = 3, follows: bool = True) -> None:
        self.rng = np.random.default_rng(seed)
        self.talk = Talk()
        self.t0 = 1000.0
        self.edges = {"rest": 0.0, "calibration": 20.0, "training": 95.0, "feedback": 110.0}
        self.end = 185.0
        self.follows = follows
        self.feel: list[tuple[float, m.Affect]] = []

    def tell(self) -> dict[str, list[m.Message]]:
        """Return the session's messages."""
        for i, (name, start) in enumerate(self.edges.items()):
            ends = [*self.edges.values(), self.end][i + 1]
            self.talk.phase(name, i, self.t0 + start, self.t0 + ends)
        self.talk.phase("ended", 4, self.t0 + self.end)
        for service in ("stream", "decoder", "player", "session", "simulator", "journal"):
            self.talk.status(service, "ready", self.t0 - 2.0)
        self._draw_feelings()
        self._say(topics.SAFETY, "RUN", 0.0, "fresh valence")
        self._run()
        self.talk.status("decoder", "ended", self.t0 + self.end, stream_window=2)
        return self.talk.log

    def _say(self, topic: topics.Topic, state: Any, t: float, reason: str, text: str = "") -> None:
        content = m.Safety(state=state, frame=int(t * self.RATE), reason=reason, text=text)
        self.talk.say(topic, content, self.t0 + t)

    def _draw_feelings(self) -> None:
        for a, b in ((20.0, 95.0), (110.0, 185.0)):
            t, before = a, ""
            while t < b - 6.0:
                choice = [x for x in m.AFFECTS if x != before]
                state = choice[int(self.rng.integers(len(choice)))]
                self.feel.append((t, state))
                self.talk.truth(self.t0 + t, state)
                wrong = m.AFFECTS[int(self.rng.integers(3))]
                key = wrong if self.rng.random() < 0.05 else state
                self.talk.label(self.t0 + t + float(self.rng.uniform(0.3, 1.0)), key)
                before, t = state, t + float(self.rng.uniform(12.0, 20.0))

    def _felt(self, t: float) -> str:
        past = [s for a, s in self.feel if a <= t]
        return past[-1] if past else "neutral"

    def _run(self) -> None:
        smooth = np.array([1.0, 1.0, 1.0]) / 3
        audible: m.Affect = "neutral"
        fade: m.Fade | None = None
        held, streak = "neutral", 0
        clench = (self.t0 + 150.0, self.t0 + 153.0)
        for k in range(int(self.end * 4)):
            t = self.t0 + 1.0 + k / 4
            bad = ("T7", "T8", "F7") if clench[0] < t < clench[1] else ("T7",) if k % 9 else ()
            valid = not (len(bad) > 2)
            if t - self.t0 > 130.0 and "restarted" not in self.__dict__:
                self.restarted = True
                self.talk.status("stream", "gone", t)
                self.talk.epochs["stream"] = 2
                self.talk.status("stream", "ready", t + 0.4)
            age = 0.012 + float(self.rng.gamma(2.0, 0.004))
            reason = "" if valid else "3 of 19 channels are bad"
            w = self.talk.window(t, 125 * k, age, bad=bad, valid=valid, reason=reason)
            self._tell_quality(w, t, bad)
            strength = 2.2 if self.follows else 0.0
            z = self.rng.normal(0.0, 1.0, 3)
            z[m.AFFECTS.index(self._felt(t - self.t0 - 1.6))] += strength  # type: ignore[arg-type]
            p = np.exp(z) / np.exp(z).sum()
            smooth = 0.75 * smooth + 0.25 * p
            why = self._unknown(t, valid, smooth)
            known = (float(smooth[0]), float(smooth[1]), float(smooth[2]))
            spoken = t + age + 0.004 + float(self.rng.gamma(2.0, 0.001))
            v = self.talk.valence(t, known if valid and not why.startswith("no") else None, spoken,
                                  (w,), why)  # fmt: skip
            taken = spoken + 0.003 + float(self.rng.uniform(0.0, 0.01))
            frame = int((taken - self.t0) * self.RATE)
            self.talk.say(topics.APPLIED["player"], m.Applied(input=v.id, at=frame), taken,
                          service="player")  # fmt: skip
            want = "neutral" if v.content.state == "unknown" else v.content.state
            held, streak = (held, streak + 1) if want == held else (want, 0)
            if fade is not None and frame >= fade.half:
                audible = fade.to
            if fade is not None and frame >= fade.end:
                fade = None
            cause: tuple[m.Message, ...] = ()
            moved = "tick"
            if fade is None and streak >= 4 and held != audible:
                start = (frame // (2 * self.RATE) + 1) * 2 * self.RATE
                fade = m.Fade(to=held, start=start, half=start + self.RATE, end=start + 96_000)  # type: ignore[arg-type]
                cause, moved = (v,), "valence"
            self.talk.played(frame, audible, taken, fade, cause, decided=v.content.state,
                             requested=fade.to if fade else audible, why=moved, ahead=0.085,
                             gains=self._gains(frame, audible, fade), section=k // 130,
                             level_db=min(0.0, -40.0 + k))  # fmt: skip

    def _gains(self, frame: int, audible: m.Affect, fade: m.Fade | None) -> tuple[float, ...]:
        if fade is None or frame <= fade.start:
            return GAINS[audible]
        x = min(1.0, (frame - fade.start) / (fade.end - fade.start)) * np.pi / 2
        gains = dict.fromkeys(m.AFFECTS, 0.0)
        old = audible if audible != fade.to else self._before
        self._before = old
        gains[old] += float(np.cos(x))
        gains[fade.to] += float(np.sin(x))
        return tuple(gains.values())

    def _unknown(self, t: float, valid: bool, p: np.ndarray) -> str:
        if not valid:
            return "invalid window: 3 of 19 channels are bad"
        if t < self.t0 + self.edges["feedback"]:
            return "no model"
        if not self.follows:
            return "verdict: guessing"
        return "" if p.max() > 0.5 else "not confident"

    def _tell_quality(self, window: m.Message, t: float, bad: tuple[str, ...]) -> None:
        rows = tuple(
            m.ChannelQuality(name=c, ok=c not in bad, reason="flat" if c in bad else "")
            for c in CHANNELS
        )
        overall = 1.0 - len(bad) / len(CHANNELS)
        level: Any = "good" if len(bad) < 1 else "fair" if len(bad) < 3 else "low"
        content = m.Quality(t=t, overall=overall, level=level, channels=rows)
        self.talk.say(topics.QUALITY, content, t + 0.03, (window,))


@pytest.fixture
def talk() -> Talk:
    """Return an empty journal that messages can be added to."""
    return Talk()


@pytest.fixture
def story() -> Callable[..., dict[str, list[m.Message]]]:
    """Return a function that tells a whole simulated session."""

    def tell(seed: int = 3, follows: bool = True) -> dict[str, list[m.Message]]:
        return Story(seed, follows).tell()

    return tell

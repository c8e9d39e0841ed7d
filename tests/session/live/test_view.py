"""The terminal view: what it says, and that it fits."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest
from rich.console import Console

from rym import messages as m
from rym import topics
from rym.bus import MemoryHub
from rym.clock import ManualClock
from session.live.results import in_words, sound_in_words
from session.live.view import NOTICE, Board, Screen, usable

NAMES = ("Fp1", "Fp2", "F3", "F4", "C3", "C4", "P3", "P4", "O1", "O2")


class Stage:
    """A bus in memory, on which parts say what the view shows."""

    def __init__(self) -> None:
        self.clock = ManualClock(100.0)
        self.hub = MemoryHub()
        self.buses: dict[str, Any] = {}

    def bus(self, service: str) -> Any:
        """Return a service's bus."""
        if service not in self.buses:
            self.buses[service] = self.hub.bus(service, self.clock, 1)
        return self.buses[service]

    def say(self, topic: topics.Topic, content: m.Content, **meta: float) -> m.Message:
        """Publish in the name of the topic's service."""
        message: m.Message = self.bus(topic.short.split("/")[0]).publish(topic, content, **meta)
        return message


def quality(t: float, level: str, **bad: str) -> m.Quality:
    """Return the quality of one window, with these channels not ok."""
    rows = tuple(
        m.ChannelQuality(name=name, ok=name not in bad, reason=bad.get(name, "")) for name in NAMES
    )
    return m.Quality(t=t, overall=0.5, level=level, channels=rows)


def valence(t: float, state: str, reason: str = "") -> m.Valence:
    """Return an estimate."""
    p = None if state == "unknown" else (0.1, 0.2, 0.7)
    return m.Valence(
        t=t, state=state, valence=None if p is None else 0.6, probabilities=p,
        confidence=0.0 if p is None else 0.7, reason=reason, model="",
    )  # fmt: skip


def played(audible: m.Affect, **more: Any) -> m.Played:
    """Return what is heard."""
    gains = {"negative": (1.0, 0.0, 0.0), "neutral": (0.0, 1.0, 0.0), "positive": (0.0, 0.0, 1.0)}
    return m.Played(
        frame=48_000, decided="neutral", requested=more.get("requested", audible), audible=audible,
        gains=more.get("gains", gains[audible]), section=1, variant=0, position=0,
        fade=more.get("fade"), level_db=more.get("level_db", 0.0), safety="RUN", why="tick",
    )  # fmt: skip


def phase(name: str, index: int, starts: float, ends: float | None) -> m.Phase:
    """Return a phase."""
    return m.Phase(name=name, index=index, starts=starts, ends=ends, simulated=True)


def shown(board: Board, now: float, width: int = 80) -> str:
    """Return the screen as text."""
    console = Console(width=width, height=24, file=io.StringIO(), force_terminal=False)
    with console.capture() as caught:
        console.print(board.draw(now))
    return caught.get()


def full(stage: Stage, board: Board) -> None:
    """Let a board take in one of everything."""
    screen = Screen(board, quiet=True)
    screen.watch(stage.bus("session"))
    stage.say(topics.PHASE, phase("feedback", 3, 90.0, 165.0))
    stage.say(topics.LABEL, m.Label(state="negative", t=99.0, source="simulator"))
    stage.say(topics.QUALITY, quality(99.9, "low", P3="rail", F3="copy of F4", F4="copy of F3"))
    stage.say(topics.VALENCE, valence(99.9, "positive"), age=0.034)
    fade = m.Fade(to="positive", start=48_000 * 3, half=48_000 * 4, end=48_000 * 5)
    stage.say(topics.NOW, played("neutral", fade=fade, requested="positive"))
    stage.say(topics.SAFETY, m.Safety(state="RUN", frame=0, reason="start", text=""))
    for name in ("stream", "decoder", "player"):
        said = m.Status(service=name, epoch=1, life="ready", detail="", version="", facts={},
                        drops={})  # fmt: skip
        stage.say(topics.STATUS[name], said)
    screen.refresh()


@pytest.mark.parametrize("width", [80, 120])
def test_everything_is_said_and_fits(width: int) -> None:
    """Phase with time left, report, channels, estimate, fade to come, delay, parts; 24 lines."""
    stage, board = Stage(), Board(mark="SIMULATED", note="q ends")
    full(stage, board)
    text = shown(board, 100.0, width)
    assert max(map(len, text.splitlines())) <= width
    assert len(text.splitlines()) <= 20
    for words in (
        "SIMULATED", "feedback", "65 s left", "unpleasant (simulator)", "3 of 10 channels",
        "P3 (rail)", "F3 F4 (copy)", "pleasant 0.70", "neither, turning pleasant in 2 s",
        "section 2, 0 dB", "34 ms from newest sample", "stream, decoder, player", "q ends",
    ):  # fmt: skip
        assert words in text, words


def test_without_eeg_nothing_is_said_of_it() -> None:
    """`rym listen` asks and hears; it has no signal, no estimate and no delay."""
    stage, board = Stage(), Board(eeg=False)
    full(stage, board)
    text = shown(board, 100.0)
    assert "asked     pleasant" in text
    for words in ("signal", "estimate", "delay", "reported"):
        assert words not in text


def test_silence_is_called_silence() -> None:
    """Where nothing sounds, no affect is named as heard."""
    stage, board = Stage(), Board()
    full(stage, board)
    board.take(stage.say(topics.NOW, played("positive", level_db=-120.0)))
    assert "silence" in shown(board, 100.0)


def test_what_is_old_is_said_to_be_old() -> None:
    """Neither signal nor estimate is shown as live when nothing has come for a while."""
    stage, board = Stage(), Board()
    full(stage, board)
    assert "nothing new" not in shown(board, 100.5)
    text = shown(board, 105.0)
    assert "nothing new for 5 s" in text
    assert text.count("not known since 5 s") == 2
    assert "P3 (rail)" not in text
    assert "pleasant 0.70" not in text


def test_a_clock_that_runs_ahead_makes_nothing_fresh() -> None:
    """What is stamped an hour into the future grows old from when it was said."""
    stage, board = Stage(), Board()
    full(stage, board)
    board.take(stage.say(topics.QUALITY, quality(3700.0, "good")))
    board.take(stage.say(topics.VALENCE, valence(3700.0, "positive"), age=-3600.0))
    assert "pleasant 0.70" in shown(board, 101.0)
    assert shown(board, 105.0).count("not known since 5 s") == 2


def test_what_disturbs_stays_long_enough_to_be_seen() -> None:
    """A blink for 2 s after its window, what was filled in with its window, then nothing."""
    board, stage = Board(), Stage()
    blink = msgspec.structs.replace(quality(100.0, "good"), artifacts=("blink", "muscle"), lost=7)
    board.take(stage.say(topics.QUALITY, blink))
    assert "disturbs  blink, muscle, 7 samples filled in" in shown(board, 100.0)
    for t, said in ((101.75, "disturbs  blink, muscle "), (102.25, "disturbs  nothing ")):
        stage.clock.advance(t - stage.clock.now())
        board.take(stage.say(topics.QUALITY, quality(t, "good")))
        assert said in shown(board, t)


def test_an_outage_is_told_with_its_length() -> None:
    """Without alarm: how long nothing has come."""
    stage, board = Stage(), Board()
    full(stage, board)
    assert "disturbs  nothing " in shown(board, 100.5)
    assert "nothing has come for 5 s; it is waited for" in shown(board, 105.0)


def test_a_sender_that_must_be_confirmed_is_told_with_its_key() -> None:
    """On the screen and as a line, until the stream is there again."""
    stage, board = Stage(), Board()
    full(stage, board)
    facts = {"error": "A vanished 10 s ago; there is B instead.", "exit_code": 5}
    said = m.Status(service="stream", epoch=1, life="failed", detail="A vanished.", version="",
                    facts=facts, drops={})  # fmt: skip
    line = board.take(stage.say(topics.STATUS["stream"], said))
    told = "A vanished 10 s ago; there is B instead; y goes on with what is there now"
    assert line == f"stream: {told}"
    assert told in " ".join(shown(board, 110.0, 120).split())
    again = msgspec.structs.replace(said, epoch=2, life="ready", detail="", facts={})
    board.take(stage.say(topics.STATUS["stream"], again))
    assert "y goes on" not in shown(board, 110.0)


def test_a_model_that_lacks_a_state_is_told_so() -> None:
    """Beside the estimate, as long as there is one; a model that knows all says nothing."""
    stage, board = Stage(), Board()
    full(stage, board)
    for states, said in (("neutral positive", True), ("negative neutral positive", False)):
        ready = m.Status(service="decoder", epoch=1, life="ready", detail="", version="",
                         facts={"states": states}, drops={})  # fmt: skip
        board.take(stage.say(topics.STATUS["decoder"], ready))
        assert ("it never says unpleasant" in shown(board, 100.0, 100)) == said


def test_a_level_at_the_edge_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """To and fro of every window is no news; a level that lasts is."""
    stage, board = Stage(), Board()
    lines = []
    for k in range(80):
        level = "fair" if k % 2 else "good"
        lines.append(board.take(stage.say(topics.QUALITY, quality(k / 4, level))))
    for k in range(80, 120):
        lines.append(board.take(stage.say(topics.QUALITY, quality(k / 4, "low", P3="rail"))))
    assert [line for line in lines if line] == [
        "signal: good, all 10 channels usable",
        "signal: low, 1 of 10 channels not usable: P3 (rail)",
    ]
    assert capsys.readouterr().err == ""


def test_without_a_terminal_changes_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """The notice once and first, then a line per phase and state with its time."""
    stage, board = Stage(), Board()
    with Screen(board, quiet=False) as screen:
        screen.watch(stage.bus("session"))
        for k, name in enumerate(("rest", "feedback")):
            stage.say(topics.PHASE, phase(name, k, 100.0, 120.0))
            screen.refresh()
        safe = m.Safety(state="SAFE", frame=0, reason="stale", text="The music stays neutral.")
        stage.clock.advance(2.0)
        stage.say(topics.SAFETY, safe)
        screen.refresh()
    said = " ".join(capsys.readouterr().err.split())
    assert said == (
        f"{NOTICE} 0.0 s phase: rest, 20 s 0.0 s phase: feedback, 20 s "
        "2.0 s player: SAFE. The music stays neutral."
    )


def test_what_the_player_says_is_told_whenever_it_turns() -> None:
    """Another sentence in the same state is a line of its own; the same once more is none."""
    stage, board = Stage(), Board()
    said = [("RUN", ""), ("SAFE", "It cannot be used."), ("SAFE", "It cannot be used."),
            ("SAFE", "It has paused."), ("RUN", "")]  # fmt: skip
    lines = [
        board.take(stage.say(topics.SAFETY, m.Safety(state=s, frame=0, reason="", text=t)))
        for s, t in said
    ]
    assert lines == [
        "player: RUN",
        "player: SAFE. It cannot be used.",
        None,
        "player: SAFE. It has paused.",
        "player: RUN",
    ]


def test_a_pause_is_an_alarm_on_the_operators_screen_and_in_the_log() -> None:
    """Somebody sits in silence until a person acts: it stands above all else, with the key."""
    stage, board = Stage(), Board()
    neutral = m.Safety(state="SAFE", frame=0, reason="stale", text="The music stays neutral.")
    pause = m.Safety(state="SAFE", frame=0, reason="pause", text="A short pause.")
    assert "ALARM" not in (board.take(stage.say(topics.SAFETY, neutral)) or "")
    assert "ALARM" not in shown(board, 100.0)
    line = board.take(stage.say(topics.SAFETY, pause)) or ""
    assert line.startswith("player: SAFE. ALARM: nothing has come for a minute")
    words = shown(board, 100.0)
    assert words.index("ALARM") < words.index("phase")
    assert "r lets the music come back" in words
    board.take(stage.say(topics.SAFETY, neutral))
    assert "ALARM" not in shown(board, 100.0)


def test_the_newest_warning_is_on_the_screen_while_the_session_runs() -> None:
    """A list that grows behind the board; nothing is said where there is none."""
    warnings: list[str] = []
    board = Board(warnings=warnings)
    assert "warning" not in shown(board, 100.0)
    warnings += ["The decoder ended.", "player did not answer."]
    assert "player did not answer." in shown(board, 100.0)
    assert "The decoder ended." not in shown(board, 100.0)


def test_without_a_terminal_each_warning_is_a_line_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Those of before the session began as well."""
    stage, warnings = Stage(), ["no colours"]
    with Screen(Board(eeg=False, warnings=warnings), quiet=False) as screen:
        screen.watch(stage.bus("session"))
        screen.refresh()
        stage.clock.advance(2.0)
        warnings += ["one", "two"]
        screen.refresh()
        screen.refresh()
    lines = capsys.readouterr().err.splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "0.0 s warning: no colours",
        "2.0 s warning: one",
        "2.0 s warning: two",
    ]


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """With `--json` nothing is written beside the one object."""
    stage = Stage()
    with Screen(Board(), quiet=True) as screen:
        screen.watch(stage.bus("session"))
        stage.say(topics.PHASE, phase("rest", 0, 100.0, 120.0))
        screen.refresh()
    assert capsys.readouterr() == ("", "")


def test_reasons_of_one_kind_stand_together() -> None:
    """Whose copy it is changes from window to window, and is left out."""
    q = quality(1.0, "low", F3="copy of F4", F4="copy of C3", O1="implausible level 900 µV")
    assert usable(q) == "3 of 10 channels not usable: F3 F4 (copy); O1 (implausible)"


SUMMARY: dict[str, Any] = {
    "session": "/s", "report": "/s/" + "x" * 90, "journal": "/j", "heard": "/h", "model": None,
    "bank": "/b", "kind": "recorded",
    "decoding": {"balanced_accuracy": 0.9, "without_delay": 0.8, "chance_low": 0.0,
                 "chance_high": 1.0, "n_states": 2, "verdict": "unclear"},
    "signal": "98 % of 400 windows usable; no gap",
    "latency_ms": {"software_p50": 31.2, "software_p99": 61.0},
    "felt_to_heard_s": {"p50": None, "p90": None},
    "learning": {"rows": {"negative": 2, "neutral": 0, "positive": 3}, "taken_back": 1,
                 "why_none": None, "drift": [{"suggestion": "Look at the electrodes."}]},
    "hearing": "The level was set by the person; the sound pressure is not known.",
    "warnings": ["two files, two labels: this score cannot tell state from file."],
}  # fmt: skip


def test_the_last_screen_fits_and_claims_nothing() -> None:
    """80 columns but for paths, which stay whole; score with chance and both delays."""
    text = in_words(SUMMARY)
    lines = text.splitlines()
    assert all(len(line) <= 80 for line in lines if "/" not in line)
    assert f"report        {SUMMARY['report']}" in lines
    words = " ".join(text.split())
    for said in (
        "RECORDED", "unclear: ", "signal 98 % of 400 windows usable; no gap",
        "0.90 at the declared delay, 0.80 without",
        "guessing stays within 0.00 … 1.00 (chance, 2 independent states)",
        "it says nothing about how well", "felt → heard not measured", "31 ms median",
        "learned 5 rows from held keys; 1 taken back; Look at the electrodes",
        "loudness The level was set by the person; the sound pressure is not known.",
        "note two files, two labels: this score cannot tell state from file.",
    ):  # fmt: skip
        assert said in words, said
    assert "model" not in words


def test_what_the_limits_of_exposure_move_is_told_in_the_log() -> None:
    """Without alarm, and once: the ticks that follow say nothing."""
    stage, board = Stage(), Board()
    lines = []
    limited = (("neutral", "exposure, resting"), ("neutral", "tick, resting"), ("neutral", "tick"))
    for affect, why in (("negative", "valence"), *limited):
        now = msgspec.structs.replace(played(affect), why=why)
        lines.append(board.take(stage.say(topics.NOW, now)))
    assert lines[1] == "player: long enough of one thing; the music stays neutral for a while"
    assert lines[2:] == [None, None]


def test_while_the_limits_of_exposure_hold_the_player_s_row_says_so() -> None:
    """Whichever message of several a second is the one that is seen."""
    stage, board = Stage(), Board()
    full(stage, board)
    said = "stays neutral for a while"
    for why, told in (("tick, resting", True), ("tick", False)):
        board.take(stage.say(topics.NOW, msgspec.structs.replace(played("neutral"), why=why)))
        assert (said in shown(board, 100.0, 120)) == told


def test_where_nothing_was_learned_the_last_screen_says_why() -> None:
    """In the report's own sentence."""
    none = {"rows": dict.fromkeys(m.AFFECTS, 0), "taken_back": 0, "drift": [],
            "why_none": "Learning was frozen."}  # fmt: skip
    text = in_words({**SUMMARY, "learning": none})
    assert "learned       Learning was frozen\n" in text


def test_without_a_model_the_last_screen_says_so() -> None:
    """No score is made up."""
    nothing = dict.fromkeys(SUMMARY["decoding"])
    text = in_words({**SUMMARY, "decoding": nothing, "kind": "pilot", "warnings": []})
    assert "none: there was no model" in text
    assert "nothing could be compared" in text
    assert "learned" not in text
    assert "SIMULATED" not in text


def test_listening_ends_with_where_the_sound_is() -> None:
    """Every sound file and every note, a line each."""
    text = sound_in_words(
        {"heard": ["/a.flac", "/b.flac"], "bank": "/b", "hearing": None, "warnings": ["one"]}
    )
    assert text.splitlines() == [
        "note          one",
        "heard         /a.flac",
        "heard         /b.flac",
        "bank          /b",
    ]

"""The page as its reader finds it."""

from __future__ import annotations

import colorsys
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rym import messages as m
from rym import topics
from rym.errors import UsageError
from session.after import page, report
from session.after.analysis import analyse
from session.after.facts import Facts
from session.folder import Folder, Record
from session.live.lines import to_line

VOID = {"meta", "line", "rect", "polyline", "polygon", "circle", "br"}
SETTINGS: dict[str, dict[str, Any]] = {
    "session": {"kind": "simulated"},
    "stream": {"hop": 0.25},
    "player": {"dwell": 8.0, "preset": "gentle", "depth": 0.2, "latency": 0.05},
}


class Reader(HTMLParser):
    """Collects the visible words and checks that every tag is closed where it must be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        """Open a tag."""
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost tag, which must be this one."""
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        """Note a tag that closes itself."""
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        """Keep words that people see."""
        if "style" not in self.open:
            self.words.append(data)


def seen(html: str) -> tuple[str, set[str]]:
    """Return a page's visible words and its tags."""
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    return " ".join(reader.words), reader.tags


@pytest.fixture
def html(story: Any) -> str:
    """Return the report of a whole simulated session."""
    log = story()
    facts = Facts(kind="simulated", session="sub-sim/ses-01/recall_run-1", verdict="follows",
                  verdict_why="Held-out score 0.71.", delay=1.6)  # fmt: skip
    return page.render(analyse(log, facts), log)


def test_the_page_needs_nothing_from_outside(html: str) -> None:
    """No script, link, picture or address; a small file; every tag closed."""
    _, tags = seen(html)
    assert not tags & {"script", "link", "img", "iframe", "object", "form", "button"}
    assert not re.search(r"(?:src|href)=|@import|url\((?!#)", html)
    assert set(re.findall(r"https?://[^\"' ]+", html)) == {"http://www.w3.org/2000/svg"}
    assert len(html.encode()) < 1_000_000


def test_the_gate_and_simulated_come_first(html: str) -> None:
    """SIMULATED, then the one sentence, then the verdict and its choice, then the rest."""
    words, _ = seen(html)
    places = [
        words.index(x)
        for x in ("SIMULATED", "It is often wrong", "The gate", "The estimate steered",
                  "Agreement in feedback", "Signal", "Latency budget")
    ]  # fmt: skip
    assert places == sorted(places)
    assert words.count("It is often wrong") == 1


def test_every_delay_is_named_with_p50_and_p99(html: str) -> None:
    """Each measured hop stands in the table with two figures."""
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    for name in ("newest sample → window sent", "window sent → valence sent",
                 "valence sent → taken in by the player", "state decoded → change requested",
                 "change requested → fade begins", "fade begins → half-way heard",
                 "sound made → leaves the device", "(software, total)"):  # fmt: skip
        (row,) = [r for r in rows if f"{name}</td>" in r]
        cells = re.findall(r"<td>(.*?)</td>", row)
        assert re.fullmatch(r"[\d.\u202f]+", cells[3])
        assert re.fullmatch(r"[\d.\u202f]+", cells[4])


def test_scores_stand_beside_chance_and_claim_nothing(html: str) -> None:
    """Four comparisons; the band, the number of states, and that one run claims nothing."""
    words, _ = seen(html)
    assert "balanced accuracy" in words
    assert "guessing stays within" in words
    assert "claims nothing by itself" in words
    assert words.count("1.60 s, declared") == 1
    assert words.count("1.10 s, declared") == 1


def test_sound_leads_back_to_samples(html: str) -> None:
    """Files, ranges and the chain of messages are on the page."""
    words, _ = seen(html)
    assert re.search(r"eeg\.xdf: \d+ … \d+ \(segment 0\)", words)
    assert "eeg-02.xdf" in words
    assert re.search(r"decoder/valence #\d+ ← stream/window #\d+", words)


def test_affect_is_named_for_people_and_never_shown_in_signal_colours(html: str) -> None:
    """Pleasant, unpleasant, neither; no strong colour that is green or red."""
    words, _ = seen(html)
    assert {"pleasant", "unpleasant", "neither"} <= set(words.split())
    assert not re.search(r"\b(positive|negative)\b", words)
    for colour in set(re.findall(r"#[0-9a-f]{6}\b", html)):
        red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        hue, _, strength = colorsys.rgb_to_hls(red, green, blue)
        loud = strength > 0.25 and max(red, green, blue) - min(red, green, blue) > 0.2
        assert not loud or 20 < hue * 360 < 60 or 190 < hue * 360 < 320, colour


@pytest.mark.parametrize("kind", ["pilot", "recorded", "simulated"])
def test_the_kind_of_session_is_told(kind: str) -> None:
    """SIMULATED and RECORDED are on top where they are true, and nowhere else."""
    words, _ = seen(page.render(analyse({}, Facts(kind=kind)), {}))
    for name in ("simulated", "recorded"):
        assert (name.upper() in words) == (kind == name)


@pytest.mark.parametrize(
    ("verdict", "drive", "words"),
    [
        ("follows", "verdict", "The estimate steered what was played."),
        ("guessing", "verdict", "The estimate did not steer"),
        ("unclear", "verdict", "The estimate did not steer"),
        ("guessing", "always", "The estimate steered all the same"),
        ("", "verdict", "No model was reported"),
    ],
)
def test_the_choice_follows_from_the_verdict(
    talk: Any, verdict: str, drive: str, words: str
) -> None:
    """Only `follows` steers, unless the settings ask otherwise, which is said."""
    talk.played(0, "neutral", 1.0)
    a = analyse(talk.log, Facts(verdict=verdict, drive=drive))
    assert words in seen(page.render(a, talk.log))[0]


def test_an_empty_session_says_what_is_missing() -> None:
    """No figure is drawn of nothing; every lack is a sentence."""
    html = page.render(analyse({}, Facts()), {})
    words, tags = seen(html)
    assert "The journal holds no message" in words
    assert "Nothing was played." in words
    assert "svg" not in tags or "Latency budget" in words
    assert "nan" not in html.lower().replace("finan", "")


def test_without_an_estimate_no_empty_panel_is_drawn(talk: Any, story: Any) -> None:
    """Panels of probability and valence stand where there were any, and are missed where not."""
    talk.played(0, "neutral", 1.0)
    for log, drawn in ((talk.log, False), (story(), True)):
        words, _ = seen(page.render(analyse(log, Facts(delay=1.6)), log))
        assert ("unpleasant −1" in words) == drawn
        assert ("No window gave probabilities." in words) != drawn


def cut(log: dict[str, list[m.Message]], until: float) -> dict[str, list[m.Message]]:
    """Return what a journal holds that ends at `until`."""
    return {k: [x for x in v if x.meta.mono <= until] for k, v in log.items()}


@pytest.mark.parametrize("seconds", [0.0, 5.0, 50.0, 100.0, 130.0])
def test_a_session_that_was_cut_short_is_reported(story: Any, seconds: float) -> None:
    """Wherever it ends, the page is whole and says that the session did not come to its end."""
    log = cut(story(), 1000.0 + seconds)
    words, _ = seen(page.render(analyse(log, Facts(delay=1.6)), log))
    assert "it was cut short" in words


TOPICS = (
    "stream/window", "stream/quality", "decoder/valence", "player/now", "session/label",
    "session/phase", "simulator/truth", "player/safety", "player/applied", "decoder/status",
)  # fmt: skip


@pytest.mark.parametrize("topic", TOPICS)
def test_any_topic_may_be_absent(story: Any, topic: str) -> None:
    """A journal that lacks a whole topic still gives a page."""
    log = {k: v for k, v in story().items() if k != topic}
    a = analyse(log, Facts(delay=1.6, verdict="follows"))
    words, _ = seen(page.render(a, log))
    assert "Files and versions" in words
    without = {
        "player/now": "Nothing was played.",
        "session/label": "No key was pressed.",
        "session/phase": "No phase was announced.",
        "decoder/valence": "Nothing was estimated from EEG",
        "stream/quality": "Nothing is known of the signal's quality.",
    }
    assert without.get(topic, "") in words


def test_the_words_of_a_message_cannot_break_the_page(talk: Any) -> None:
    """Whatever a part or a file says is shown as words."""
    row = m.ChannelQuality(name="<i>", ok=False, reason="<script>alert(1)</script>")
    quality = m.Quality(t=1.0, overall=0.0, level="low", channels=(row,))
    talk.say(topics.QUALITY, quality, 1.0)
    talk.say(topics.SAFETY,
             m.Safety(state="SAFE", frame=0, reason="</table>", text="a & b"), 2.0)  # fmt: skip
    talk.played(0, "neutral", 1.0)
    words, tags = seen(page.render(analyse(talk.log, Facts(warnings=("<b>x</b>",))), talk.log))
    assert "script" not in tags
    assert "<script>alert(1)</script>" in words
    assert "<b>x</b>" in words


def make(root: Path, log: dict[str, list[m.Message]] | None, *, record: bool = True) -> Folder:
    """Return a session's folder with this journal."""
    folder = Folder.create(root, "sim", "01", "recall")
    if record:
        folder.write(Record(subject="sim", session="01", task="recall", run=1, started=1.7e9,
                            simulated=True, settings=SETTINGS))  # fmt: skip
    if log is not None:
        lines = b"".join(to_line(x) for messages in log.values() for x in messages)
        folder.journal.write_bytes(lines)
    return folder


def test_a_folder_gets_its_report_and_the_last_screen(tmp_path: Path, story: Any) -> None:
    """From the journal's own lines, windows by reference: report and summary agree."""
    log = story()
    gone = log["decoder/status"][-1]
    detail = f"{tmp_path}/people/sim/x.flac cannot be written."
    content = msgspec.structs.replace(gone.content, detail=detail)
    log["decoder/status"][-1] = msgspec.structs.replace(gone, content=content)
    folder = make(tmp_path, log)
    (folder.sound / "heard-01.flac").write_bytes(b"")
    again = "stream ended by itself and was started again."
    folder.write(msgspec.structs.replace(folder.read(), warnings=(again,)))
    found = report.finish(folder)
    assert report.finish(folder) == found, "made again, it says the same"
    html = folder.report.read_text()
    words, _ = seen(html)
    assert found["report"] == str(folder.report)
    assert found["heard"] == str(folder.sound / "heard-01.flac")
    assert found["model"] is None
    assert found["warnings"][0] == again
    assert all(warning in words for warning in found["warnings"])
    assert msgspec.json.decode(msgspec.json.encode(found)) == found
    assert f"{found['decoding']['balanced_accuracy']:.2f}" in words
    assert "started again" in words
    assert "people/sim/ses-01/recall_run-1/heard-01.flac" in words
    assert str(tmp_path) not in html
    assert "people/sim/x.flac cannot be written." in words
    assert "eeg-02.xdf" in words


def test_trouble_with_the_recording_is_a_warning(tmp_path: Path, story: Any) -> None:
    """What the stream said of a full disk stands in report and summary, once, also afterwards."""
    log = story()
    said = list(log["stream/status"])
    words = "eeg.xdf cannot be written (No space left on device); it waits in memory."
    content = msgspec.structs.replace(said[-1].content, detail=words, life="ready")
    full = msgspec.structs.replace(said[-1], content=content)
    log["stream/status"] = [*said[:-1], full, full, said[-1]]
    found = report.finish(make(tmp_path, log))
    assert found["warnings"].count(words) == 1


def test_an_outage_is_no_warning_but_trouble_is(talk: Any, tmp_path: Path) -> None:
    """That a sender fell silent and came back stands among the gaps, and is no note as well."""
    told = ((False, "1 % of the samples were lost."), (True, "Nothing comes."), (True, "No disk."),
            (False, "It is there again."))  # fmt: skip
    for k, (away, words) in enumerate(told):
        content = m.Status(service="stream", epoch=1, life="ready", detail=words, version="",
                           facts={"away": away}, drops={})  # fmt: skip
        talk.say(topics.STATUS["stream"], content, float(k), service="stream")
    found = report.finish(make(tmp_path, talk.log))
    assert found["warnings"] == ["1 % of the samples were lost.", "No disk."]


def test_a_path_is_enough_and_an_older_report_is_replaced(tmp_path: Path, story: Any) -> None:
    """The journal's process calls with what it has; the report is made anew."""
    folder = make(tmp_path, cut(story(), 1050.0))
    assert report.write(folder.path) == folder.report
    first = folder.report.read_text()
    with folder.journal.open("ab") as file:
        lines = [to_line(x) for v in story().values() for x in v if x.meta.mono > 1050.0]
        file.write(b"".join(lines))
    report.write(folder)
    assert folder.report.read_text() != first


@pytest.mark.parametrize("record", [True, False])
@pytest.mark.parametrize("data", [None, b"", b'{"topic": "session/phase", "mess'])
def test_a_killed_session_has_a_report(tmp_path: Path, data: bytes | None, record: bool) -> None:
    """No journal, an empty one, a torn one; with and without session.json: each says what it is."""
    folder = make(tmp_path, None, record=record)
    if data is not None:
        folder.journal.write_bytes(data)
    words, _ = seen(report.write(folder).read_text())
    assert "The journal holds no message" in words
    assert ("There is no journal.jsonl" in words) == (data is None)
    assert ("There is no session.json" in words) == (not record)
    assert ("1 lines of the journal cannot be read" in words) == bool(data)
    assert str(tmp_path) not in words


def test_another_folder_is_refused(tmp_path: Path) -> None:
    """A path that is no session's folder is a wrong use, and nothing is written."""
    with pytest.raises(UsageError, match="not a session's folder"):
        report.write(tmp_path)
    assert list(tmp_path.iterdir()) == []

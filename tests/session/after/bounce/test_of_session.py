"""A session made audible and visible again: the same samples, and nothing lost where it fails."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import soundfile

from generator.pictures.files import encode
from player.output.flac import Recording
from player.pictures.files import load as load_pictures
from player.pictures.gallery import FASTEST
from player.service import load
from player.settings import PlayerSettings
from rym import bank
from rym import messages as m
from rym.bank import Frame, Maker, Scene
from rym.clock import ManualClock, SystemClock
from rym.errors import UsageError
from rym.topics import NOW, STOP
from session import cli
from session.after import rerun
from session.after.bounce.making import Rendered, paint
from session.after.bounce.of_session import bounce
from session.after.bounce.path import CALM, CATCHING_UP, Eye, Look, looks
from session.after.bounce.pictures import COLOUR, Painter
from session.folder import Folder
from session.live.lines import from_line, read, to_line

ROOT = Path(__file__).resolve().parents[4]
RATE = 48_000
SIZE = (64, 36)


def shown(frame: int, scene: int, before: int, share: float, valence: float = 0.0) -> m.Shown:
    """Return one word of the player's."""
    return m.Shown(frame=frame, scene=scene, before=before, share=share, valence=valence)


# -- where the pictures are ----------------------------------------------------------------------


def test_between_two_words_everything_moves_in_a_line() -> None:
    """Valence and dissolve; before the first word its look, behind the last one the last's."""
    said = [shown(100, 1, 0, 0.2, -1.0), shown(300, 1, 0, 0.6, 1.0)]
    found = list(looks(said, 500, 100))
    assert found == [
        Look(1, 0, 0.2, -1.0),
        Look(1, 0, 0.2, -1.0),
        Look(1, 0, pytest.approx(0.4), pytest.approx(0.0)),
        Look(1, 0, 0.6, 1.0),
        Look(1, 0, 0.6, 1.0),
    ]


def test_a_dissolve_begins_and_ends_between_two_words() -> None:
    """From the old scene alone to the first word of the new one, and on to the new one alone."""
    said = [shown(0, 0, 0, 1.0), shown(100, 1, 0, 0.1), shown(200, 1, 1, 1.0)]
    found = list(looks(said, 201, 50))
    shares = [(one.scene, one.before, one.share) for one in found]
    assert shares == [
        (1, 0, 0.0),  # the old scene alone
        (1, 0, pytest.approx(0.05)),
        (1, 0, pytest.approx(0.1)),
        (1, 0, pytest.approx(0.55)),
        (1, 1, 1.0),
    ]


def test_without_words_the_picture_is_calm() -> None:
    """A player that says nothing of pictures leaves the first scene, neutral."""
    assert list(looks([], 3 * 1920, 1920)) == [CALM] * 3


# -- pictures ------------------------------------------------------------------------------------


def with_scenes(folder: Path, greys: list[tuple[int, ...]], size: tuple[int, int] = SIZE) -> None:
    """Add strips of plain frames to a bank, one per row of greys."""
    (folder / "images").mkdir(exist_ok=True)
    scenes = []
    for number, row in enumerate(greys):
        frames = []
        for k, (grey, valence) in enumerate(zip(row, np.linspace(-1, 1, len(row)), strict=True)):
            file = f"images/scene-{number}-f{k:02d}.webp"
            (folder / file).write_bytes(
                encode(np.full((size[1], size[0], 3), grey, np.uint8), quality=100)
            )
            frames.append(
                Frame(file=file, sha256=bank.sha256(folder / file), valence=float(valence),
                      hue=0.0, saturation=0.0, value=grey / 255, luminance=grey / 255)
            )  # fmt: skip
        scenes.append(
            Scene(name=f"scene-{number}", maker=Maker(backend="test"), prompt_sha256="", seed=0,
                  width=size[0], height=size[1], flashes=0, frames=tuple(frames))
        )  # fmt: skip
    bank.save(msgspec.structs.replace(bank.read(folder), scenes=tuple(scenes)), folder)


@pytest.fixture
def pictured(bank_copy: Path) -> Path:
    """Return a bank with two scenes: greys of 60, 80, 100 and of 100, 120, 140."""
    with_scenes(bank_copy, [(60, 80, 100), (100, 120, 140)])
    return bank_copy


@pytest.fixture
def bank_copy(brief: Folder) -> Path:
    """Return the bank of a session's copy."""
    return brief.bank


@pytest.fixture(scope="module")
def lived(rehearsal: Callable[[], Any]) -> Folder:
    """Return a session of eight seconds in which the music is steered, lowered and stopped."""
    session = rehearsal()
    session.run(1.5)
    session.order("steer", "positive")
    session.run(3)
    session.order("set-level", "-6")
    session.run(2)
    session.session.publish(STOP, m.Stop(by="operator", t=session.clock.now()))
    session.run(1.5)
    folder: Folder = session.end()
    return folder


@pytest.fixture
def brief(lived: Folder, tmp_path: Path) -> Folder:
    """Return a copy of that session, to be changed."""
    root = tmp_path / "moved"
    shutil.copytree(lived.root, root)
    return Folder(root / lived.path.relative_to(lived.root))


def grey(picture: bytes) -> float:
    """Return the mean of a picture."""
    return float(np.frombuffer(picture, np.uint8).mean())


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (Look(0, 0, 1.0, -1.0), 60),
        (Look(0, 0, 1.0, 0.5), 90),
        (Look(1, 1, 1.0, 1.0), 140),
        (Look(1, 0, 0.25, 0.0), 90),
        (Look(1, 0, 1.0, 0.0), 120),
    ],
)
def test_a_picture_lies_between_its_neighbours(pictured: Path, look: Look, expected: float) -> None:
    """Along valence between two frames, in a dissolve between two scenes."""
    hall = load_pictures(pictured)
    seen = Eye(hall.gallery).follow(look, 0.04)
    assert grey(Painter(hall, SIZE).paint(seen)) == pytest.approx(expected, abs=1.0)


def test_a_strip_that_may_not_be_seen_has_its_place_taken(pictured: Path) -> None:
    """As on the participant's page: by another one; by a calm plain picture where there is none."""
    scenes = bank.read(pictured).scenes
    (pictured / scenes[0].frames[2].file).unlink()
    hall = load_pictures(pictured)
    seen = Eye(hall.gallery).follow(Look(0, 0, 1.0, 0.0), 0.04)
    assert grey(Painter(hall, SIZE).paint(seen)) == pytest.approx(120, abs=1.0)
    (pictured / scenes[1].frames[0].file).write_bytes(b"RIFF")
    hall = load_pictures(pictured)
    seen = Eye(hall.gallery).follow(Look(0, 0, 1.0, 0.0), 0.04)
    assert Painter(hall, SIZE).paint(seen) == bytes(COLOUR) * (SIZE[0] * SIZE[1])


def test_what_may_not_be_seen_is_told_and_the_rest_is_there(brief: Folder) -> None:
    """A bank without pictures has a plain video, one with a damaged strip says which."""
    rendered = Rendered(1920, [], [])
    sound = brief.path / "x.flac"
    soundfile.write(sound, np.zeros((1920, 2)), RATE)
    told = paint(rendered, sound, brief.path / "x.mp4", brief.bank)
    assert told == ["The bank has no pictures: the video stays plain."]
    with_scenes(brief.bank, [(60, 80), (100, 120)])
    (brief.bank / bank.read(brief.bank).scenes[1].frames[0].file).unlink()
    told = paint(rendered, sound, brief.path / "x.mp4", brief.bank)
    assert told[0].startswith("Not shown on the video: scene-1; another scene is seen in its place")
    assert (brief.path / "x.mp4").stat().st_size > 0


def test_what_is_seen_never_jumps(pictured: Path) -> None:
    """It gets to wherever it is asked to be, and no faster than the page lets it."""
    gallery = load_pictures(pictured).gallery
    eye, rng = Eye(gallery), np.random.default_rng(2)
    before = eye.follow(Look(0, 0, 1.0, -1.0), 0.04)
    for _ in range(300):
        scene = int(rng.integers(0, 2))
        wish = Look(scene, scene, 1.0, float(rng.uniform(-1, 1)))
        seen = eye.follow(wish, 0.04)
        most = FASTEST * 0.04 / min(gallery.strips[seen.scene].steep)
        assert abs(seen.valence - before.valence) <= most + 1e-9
        if (seen.scene, seen.before) == (before.scene, before.before):
            assert abs(seen.share - before.share) <= CATCHING_UP * 0.04 + 1e-9
        else:  # a dissolve begins from the old one alone, or has come to its end
            assert before.share == 1.0 or seen.share == 1.0
        before = seen
    for _ in range(200):
        seen = eye.follow(Look(1, 1, 1.0, 0.25), 0.04)
    assert (seen.scene, seen.before, seen.share, seen.valence) == (1, 1, 1.0, 0.25)


# -- a session -----------------------------------------------------------------------------------


def record_live(folder: Folder) -> None:
    """Write `heard-01.flac` with 16 bits, by what the live player writes it with."""
    record, journal = folder.read(), read(folder)
    settings = msgspec.convert(record.settings["player"], PlayerSettings)
    epoch = journal.epochs(NOW, "player")[0]
    file = Recording(folder.sound / "heard-01.flac", RATE)
    for piece in rerun.player(journal, epoch, load(folder.bank), settings, {}):
        file.write(piece.sound)
    file.close()


def probe(path: str) -> dict[str, Any]:
    """Return what ffprobe says of the streams of a file, by kind."""
    words = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", path]
    out = subprocess.run(words, capture_output=True, check=True).stdout
    return {one["codec_type"]: one for one in json.loads(out)["streams"]}


@pytest.fixture
def no_video(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide ffmpeg, so that the sound alone is made."""
    monkeypatch.setattr("session.after.bounce.video.shutil.which", lambda name: None)


def test_a_session_is_bounced_to_sound_and_pictures(
    rehearsal: Callable[[], Any], program: Callable[[str], str]
) -> None:
    """FLAC of 24 bits and MP4 of H.264 and AAC, of one length; nothing else is left there."""
    program("ffprobe")
    session = rehearsal()
    session.run(2)
    folder = session.end()
    with_scenes(folder.bank, [(60, 80, 100), (100, 120, 140)])
    agreed(folder)
    found = bounce(folder, SystemClock(), folder.path / "out")
    start = found.starts[0]
    sound = soundfile.info(start.sound)
    assert (sound.subtype, sound.samplerate, sound.channels) == ("PCM_24", RATE, 2)
    streams = probe(start.video)
    video, audio = streams["video"], streams["audio"]
    assert (video["codec_name"], video["width"], video["height"]) == ("h264", 1280, 720)
    assert (video["r_frame_rate"], video["pix_fmt"]) == ("25/1", "yuv420p")
    assert audio["codec_name"] == "aac"
    for stream in (video, audio):
        assert float(stream["duration"]) == pytest.approx(start.seconds, abs=0.08)
    assert sound.frames == pytest.approx(start.seconds * RATE)
    names = sorted(path.name for path in (folder.path / "out").iterdir())
    assert names == [f"sub-p_ses-a_recall_run-1_bounce-01.{x}" for x in ("flac", "mp4")]
    assert found.whole
    assert found.sound_speed > found.speed > 0.0
    assert "× live" in found.sentence


def agreed(folder: Folder) -> None:
    """Say that the session was played from the bank as it is now."""
    record = folder.read()
    hashes = record.hashes | {"bank": bank.read(folder.bank).content_sha256}
    folder.write(msgspec.structs.replace(record, hashes=hashes))


@pytest.mark.usefixtures("no_video")
def test_every_sample_is_the_one_that_was_recorded(brief: Folder) -> None:
    """16 bits of live sound against what is rendered: equal; one that is altered is named."""
    record_live(brief)
    start = bounce(brief, ManualClock()).starts[0]
    path = brief.sound / "heard-01.flac"
    sound, _ = soundfile.read(path, dtype="int16")
    assert np.abs(sound).max() > 1000
    assert start.differs_at is None
    assert start.n_compared == len(sound) > 7 * RATE
    assert f"{len(sound)} samples are those of heard-01.flac, every one." in start.sentence
    sound[250_000, 1] ^= 1
    soundfile.write(path, sound, RATE, subtype="PCM_16")
    start = bounce(brief, ManualClock()).starts[0]
    assert start.differs_at == 250_000
    assert not start.whole
    assert "Sample 250000 is the first that heard-01.flac has not." in start.sentence


def test_what_was_heard_behind_the_players_last_word_is_told(
    brief: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to a quarter of a second is as it must be; more is missing from the bounce."""
    video = "session.after.bounce.of_session.paint"
    monkeypatch.setattr(video, lambda rendered, sound, film, *_: film.touch() or [])
    record_live(brief)
    path = brief.sound / "heard-01.flac"
    sound, _ = soundfile.read(path, dtype="int16")
    for seconds, whole in ((0.0, True), (0.25, True), (2.0, False)):
        more = np.zeros((round(seconds * RATE), 2), np.int16)
        soundfile.write(path, np.concatenate([sound, more]), RATE, subtype="PCM_16")
        start = bounce(brief, ManualClock()).starts[0]
        assert (start.n_compared, start.n_beyond) == (len(sound), len(more))
        assert start.differs_at is None
        assert start.whole is whole
        assert (f"heard-01.flac goes on for {seconds:.2f} s" in start.sentence) is bool(seconds)


@pytest.mark.usefixtures("no_video")
def test_a_recording_that_was_cut_off_is_compared_as_far_as_it_goes(brief: Folder) -> None:
    """The bounce is whole, and says how many samples both have."""
    record_live(brief)
    path = brief.sound / "heard-01.flac"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    start = bounce(brief, ManualClock()).starts[0]
    assert start.differs_at is None
    assert 0 < start.n_compared < start.seconds * RATE


def test_without_ffmpeg_the_sound_is_there_and_the_remedy_is_said(
    brief: Folder, no_video: None
) -> None:
    """One sentence; a second bounce replaces the first and says so."""
    start = bounce(brief, ManualClock()).starts[0]
    assert Path(start.sound).parent == brief.sound
    assert soundfile.info(start.sound).frames > 0
    assert start.video == ""
    assert not start.whole
    assert "There is no ffmpeg on this machine" in start.sentence
    assert "Install ffmpeg" in start.sentence
    assert "replaces" not in start.sentence
    again = bounce(brief, ManualClock()).starts[0]
    assert f"It replaces the {Path(start.sound).name} of before." in again.sentence


@pytest.mark.usefixtures("no_video")
def test_a_missing_input_ends_the_sound_there_and_is_said(brief: Folder) -> None:
    """Without the STOP itself everything up to it is there."""
    whole = bounce(brief, ManualClock()).starts[0].seconds
    rows = [from_line(line) for line in brief.journal.read_bytes().splitlines()
            if not line.startswith(b'{"topic":"stream/window"')]  # fmt: skip
    kept = [to_line(row) for row in rows if row.id.topic != STOP.short]
    brief.journal.write_bytes(b"".join(kept))
    start = bounce(brief, ManualClock()).starts[0]
    assert whole - 2.0 < start.seconds < whole
    assert "It ends here: The player took in" in start.sentence
    assert "safety/stop#0" in start.sentence
    assert not start.whole


@pytest.mark.usefixtures("no_video")
def test_what_the_device_lost_is_told_not_imitated(brief: Folder) -> None:
    """The player's status counted it; the sound has no hole."""
    whole = bounce(brief, ManualClock()).starts[0]
    rows = []
    for line in brief.journal.read_bytes().splitlines():
        if b'"player/status"' in line:
            row = from_line(line)
            facts = row.content.facts | {"xruns": 3, "xrun_ms": 41.0}
            content = msgspec.structs.replace(row.content, facts=facts)
            line = to_line(msgspec.structs.replace(row, content=content)).rstrip()  # noqa: PLW2901
        rows.append(line + b"\n")
    brief.journal.write_bytes(b"".join(rows))
    start = bounce(brief, ManualClock()).starts[0]
    assert (start.xruns, start.xrun_ms) == (3, 41.0)
    assert "lost sound 3 times, 41 ms in all; here nothing is missing" in start.sentence
    assert start.seconds == whole.seconds


@pytest.mark.usefixtures("no_video")
def test_every_start_of_the_player_has_its_own_files(rehearsal: Callable[[], Any]) -> None:
    """Two starts, two files, each as long as its start."""
    session = rehearsal()
    session.run(3)
    session.start_player()
    session.run(5)
    found = bounce(session.end(), ManualClock())
    assert [round(start.seconds) for start in found.starts] == [3, 5]
    assert [Path(start.sound).name[-9:-5] for start in found.starts] == ["e-01", "e-02"]


def test_a_session_without_sound_is_refused(brief: Folder) -> None:
    """There is nothing to render."""
    rows = brief.journal.read_bytes().splitlines(keepends=True)
    brief.journal.write_bytes(b"".join(r for r in rows if b'"player/now"' not in r))
    with pytest.raises(UsageError, match="there is nothing to render"):
        bounce(brief, ManualClock())


@pytest.mark.usefixtures("no_video")
def test_on_the_command_line(brief: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    """With or without --verify, in words and as one object; neither of them is refused."""
    place, out = str(brief.path), str(brief.path / "out")
    assert cli.main(["replay", place, "--bounce", "--out", out]) == 1  # there is no ffmpeg
    told = capsys.readouterr().out
    assert told.startswith("sub-p_ses-a_recall_run-1_bounce-01.flac: 8.0 s.")
    assert "× live" in told
    cli.main(["replay", place, "--verify", "--bounce", "--json", "--out", out])
    said = json.loads(capsys.readouterr().out)
    assert said["identical"]
    assert said["bounce"]["starts"][0]["differs_at"] is None
    assert cli.main(["replay", place]) == 2
    assert "Neither --verify nor --bounce is given." in capsys.readouterr().err


# -- what cannot be written ----------------------------------------------------------------------


def test_a_full_disk_is_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    """Beyond a size that the system allows nothing is written: no file, no part of one."""
    code = f"""
import resource, sys
import numpy as np
from pathlib import Path
from session.after.bounce.sound import Flac
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
file = Flac(Path({str(tmp_path)!r}) / "x.flac", 48000)
noise = np.random.default_rng(1).uniform(-1, 1, (48000, 2)).astype(np.float32)
try:
    for _ in range({{n}}):
        file.write(noise)
    file.keep()
except Exception as error:
    sys.exit(f"{{{{type(error).__name__}}}}: {{{{error}}}}")
"""
    for n in (1, 5):
        words = [sys.executable, "-c", code.format(n=n)]
        said = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=False)
        assert said.returncode == 1
        assert said.stderr.startswith("DeviceError: ")
        assert "x.flac cannot be written" in said.stderr
        assert list(tmp_path.iterdir()) == []

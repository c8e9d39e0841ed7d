import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest
import soundfile
from scipy import signal

from generator.making import rows
from generator.making.build import build
from generator.memory import Memory
from generator.settings import GeneratorSettings, MusicGen
from rym import bank
from rym.bank import Approval
from rym.errors import FormatError, UsageError
from rym.messages import AFFECTS

SPREAD = """
import os, sys, time
from generator.making.processes import spread

for pid in spread([os.getpid] * 4, 2):
    print(pid, flush=True)
time.sleep(60)
"""
STOPPED = """
import sys
from pathlib import Path
from generator.making.build import build
from generator.memory import Memory
from generator.settings import GeneratorSettings

def tell(progress):
    print(progress.done, flush=True)
    if progress.done == int(sys.argv[3]):
        sys.stdin.read()

settings = GeneratorSettings(
    sections=1, variants=1, bars=2, frames=3, scenes=1, width=128, height=72
)
build(Memory(text=sys.argv[2], seed=11), Path(sys.argv[1]), settings, tell)
"""


def hashes(folder: Path) -> dict[str, str]:
    """Return every file's hash by its path."""
    return {
        str(path.relative_to(folder)): bank.sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def copied(folder: Path, to: Path) -> Path:
    """Copy a bank, so that a test may change it."""
    for path in folder.rglob("*"):
        if path.is_file():
            target = to / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return to


def onsets(sound: np.ndarray, rate: int, hop: int = 240) -> np.ndarray:
    """Return by how much the spectrum's level rises, hop by hop."""
    _, _, spectrum = signal.stft(sound.mean(axis=1), rate, nperseg=1024, noverlap=1024 - hop)
    level = np.log1p(1000 * np.abs(spectrum))
    return np.maximum(np.diff(level, axis=1), 0).sum(axis=0)


def test_small_bank_is_whole(small_bank):
    """The player's own reader takes it; siblings have one length; the manifest is the file."""
    manifest = bank.load(small_bank)
    assert manifest.affects == AFFECTS
    assert len({clip.n_samples for clip in manifest.loops}) == 1
    assert len(manifest.clips) == 6
    assert [len(scene.frames) for scene in manifest.scenes] == [3]
    for clip in manifest.clips:
        info = soundfile.info(small_bank / clip.file)
        assert (info.samplerate, info.channels, info.subtype) == (48_000, 2, "PCM_24")
        assert info.frames == clip.n_samples
        assert len(clip.downbeats) == clip.bars
        assert clip.bars == 2 or clip.kind == "ending"
        assert (clip.seed, clip.maker.backend) == (11, "procedural")


def test_deleted_clip_is_made_again_and_others_are_kept(small_bank, tmp_path, memory, small):
    """Only what is missing is rendered; the end is the same folder."""
    out = copied(small_bank, tmp_path / "bank")
    (out / "audio/s0-v0-neutral.flac").unlink()
    (out / "images/scene-0-f01.webp").unlink()
    told = []
    build(memory, out, small, told.append)
    made = {progress.file for progress in told if not progress.kept}
    assert made == {"audio/s0-v0-neutral.flac", "images/scene-0-f01.webp"}
    assert (told[-1].done, told[-1].total, len(told)) == (9, 9, 9)
    assert hashes(out) == hashes(small_bank)


def test_more_processes_make_the_same_bytes(small_bank, tmp_path, memory, small):
    """The same memory elsewhere, made by two processes as it comes: the same folder to the byte."""
    build(memory, tmp_path / "bank", small, jobs=2)
    assert hashes(tmp_path / "bank") == hashes(small_bank)


def kill_after(n_files: int, out: Path, text: str) -> None:
    """Begin a bank in a process of its own and kill it once so many files are there."""
    child = subprocess.Popen(
        [sys.executable, "-c", STOPPED, out, text, str(n_files)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[3],
    )
    with child:
        assert child.stdout is not None
        while int(child.stdout.readline()) < n_files:
            pass
        child.kill()


def test_the_processes_of_a_killed_one_end():
    """Who had them work is killed: within seconds they are gone, though nobody tells them."""
    child = subprocess.Popen(
        [sys.executable, "-c", SPREAD],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[3],
    )
    with child:
        assert child.stdout is not None
        workers = {psutil.Process(int(child.stdout.readline())) for _ in range(4)}
        child.kill()
    assert workers
    assert psutil.wait_procs(workers, timeout=10.0)[1] == []


@pytest.mark.long
@pytest.mark.parametrize("after", [1, 7])
def test_killed_build_is_taken_up(after, small_bank, tmp_path, memory, small):
    """After SIGKILL with a file half written, the same call completes the same bank."""
    out = tmp_path / "bank"
    kill_after(after, out, memory.text)
    assert not (out / bank.MANIFEST).exists()
    whole = (small_bank / "audio/s0-v0-positive.flac").read_bytes()
    (out / "audio").mkdir(exist_ok=True)
    (out / "audio/s0-v0-positive.flac.part").write_bytes(whole[:1000])
    told = []
    build(memory, out, small, told.append)
    assert sum(progress.kept for progress in told) == after
    assert hashes(out) == hashes(small_bank)


def test_another_take_replaces_one_clip_and_its_approval(small_bank, tmp_path, memory, small):
    """What is asked for again sounds otherwise under another name; the rest stays approved."""
    out = copied(small_bank, tmp_path / "bank")
    before = bank.read(out)
    said = [
        Approval(name=name, sha256=digest, by="operator", approved=True)
        for name, digest in before.judged.items()
    ]
    bank.amend(out, lambda _: tuple(said))
    rows.wish(out, "audio/s0-v0-positive.flac", 1)
    after = build(memory, out, small).bank
    clip = after.clip(0, 0, "positive")
    assert (clip.file, clip.take) == ("audio/s0-v0-positive-t1.flac", 1)
    assert clip.sha256 != before.clip(0, 0, "positive").sha256
    assert not (out / "audio/s0-v0-positive.flac").exists()
    verdicts = {name: bank.read(out).verdict(name, "operator") for name in after.judged}
    assert [name for name, verdict in verdicts.items() if verdict is None] == [clip.file]


def test_another_take_of_a_scene(small_bank, tmp_path, memory, small):
    """A scene that is asked for again is another place; the sound stays."""
    out = copied(small_bank, tmp_path / "bank")
    rows.wish(out, "scene-0", 1)
    after, before = build(memory, out, small).bank, bank.read(small_bank)
    assert after.scenes[0].take == 1
    assert after.scenes[0].sha256 != before.scenes[0].sha256
    assert after.clips == before.clips


@pytest.mark.usefixtures("small_bank")
def test_settings_that_change_no_byte_may_change(small_bank, tmp_path, memory, small):
    """More tries, a time limit, another device: the same folder goes on; a model may come later."""
    out = copied(small_bank, tmp_path / "bank")
    settings = (MusicGen(tries=3), MusicGen(tries=9, device="cpu"), MusicGen(guidance=4.0))
    first, patient, other = (msgspec.structs.replace(small, music=music) for music in settings)
    for accepted in (first, patient):
        rows.claim(out, memory, accepted)
        assert rows.origin(out).settings == accepted
    with pytest.raises(UsageError, match="music"):
        rows.claim(out, memory, other)


def test_another_person_s_label_is_not_written_over(small_bank, tmp_path, memory, small):
    """A bank that names its person is not built for another, whose approvals those would be."""
    out = copied(small_bank, tmp_path / "bank")
    build(memory, out, small, subject="p01")
    with pytest.raises(UsageError, match=r"of p01, this build is for p02"):
        build(memory, out, small, subject="p02")
    assert bank.read(out).subject == "p01"


def test_a_full_disk_is_told_with_the_file(tmp_path):
    """The system names no file where there is no space; the error does, and nothing is left."""
    (tmp_path / "x.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as told:
        rows.write(tmp_path / "x", b"y" * 10)
    assert told.value.filename == str(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("small_bank")
def test_the_time_left_is_told_and_falls(small_told):
    """Once a clip and a picture were timed, the rest is told in seconds, down to nothing."""
    left = [progress.left for progress in small_told]
    assert left[1] > 0.0
    assert left[-1] == 0.0


def test_a_full_disk_leaves_the_previous_bank(small_bank, tmp_path, memory, small):
    """No space for a new take: the error of the system, no half file, the bank as it was."""
    out = copied(small_bank, tmp_path / "bank")
    rows.wish(out, "audio/s0-v0-positive.flac", 1)
    before = hashes(out)
    part = out / "audio/s0-v0-positive-t1.flac.part"
    part.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        build(memory, out, small)
    assert hashes(out) == before
    build(memory, out, small)
    assert bank.load(out).clip(0, 0, "positive").take == 1


def test_a_folder_that_cannot_be_made(memory, small):
    """Where nothing may be written the system says so, and nothing was begun."""
    with pytest.raises(OSError, match=r"Permission|permitted|No such|Read-only"):
        build(memory, Path("/proc/rym-bank"), small)


@pytest.mark.fault(24)
@pytest.mark.parametrize("file", ["audio/s0-v0-negative.flac", "build/s0-v0-negative.json"])
def test_altered_file_is_refused_by_readers_and_made_again(
    file, small_bank, tmp_path, memory, small
):
    """One changed byte: the reader refuses the bank if it is a clip, and a build heals it."""
    out = copied(small_bank, tmp_path / "bank")
    data = bytearray((out / file).read_bytes())
    data[len(data) // 2] ^= 0xFF
    (out / file).write_bytes(data)
    if file.endswith(".flac"):
        with pytest.raises(FormatError, match=r"s0-v0-negative\.flac"):
            bank.load(out)
    build(memory, out, small)
    assert hashes(out) == hashes(small_bank)


def test_folder_of_another_memory_is_left_alone(small_bank, tmp_path, small):
    """Another memory, other settings, a stranger's folder, a file: refused, nothing changed."""
    out = copied(small_bank, tmp_path / "bank")
    other = Memory(text="something else", seed=11)
    with pytest.raises(UsageError, match="holds the bank of memory"):
        build(other, out, small)
    with pytest.raises(UsageError, match="was begun with bars = 2, now it is 4"):
        build(Memory(text="x"), *_begun(tmp_path, small))
    assert hashes(out) == hashes(small_bank)
    stranger = tmp_path / "photos"
    stranger.mkdir()
    (stranger / "lake.jpg").write_bytes(b"x")
    with pytest.raises(UsageError, match="not a bank"):
        build(other, stranger, small)
    with pytest.raises(UsageError, match="is a file"):
        build(other, stranger / "lake.jpg", small)
    assert hashes(stranger) == {"lake.jpg": bank.sha256(stranger / "lake.jpg")}


def _begun(tmp_path: Path, small: GeneratorSettings) -> tuple[Path, GeneratorSettings]:
    build(Memory(text="x"), tmp_path / "begun", small)
    return tmp_path / "begun", msgspec.structs.replace(small, bars=4)


def test_words_are_nowhere_in_the_bank(small_bank, text):
    """Neither the text nor any of its longer words is in any file or file name."""
    words = [word.strip(",.").encode() for word in text.split() if len(word) > 5]
    assert len(words) >= 3
    for path in small_bank.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        for word in words:
            assert word.lower() not in data.lower()
            assert word.decode() not in path.name


def test_avoid_list_reaches_the_bank(tmp_path, text, small):
    """An avoided instrument is in no clip's notes."""
    manifest = build(Memory(text=text, seed=11, avoid=("Harp",)), tmp_path / "bank", small).bank
    voices = {note.voice for clip in manifest.clips for note in clip.notes}
    assert voices
    assert not any(voice.endswith("/harp") for voice in voices)


def test_loudness_that_cannot_be_had_is_refused(tmp_path, memory, small):
    """Where peaks forbid the level, one sentence says so, and no clip is left behind."""
    loud = msgspec.structs.replace(small, target_lufs=-14.0, max_true_peak=-12.0)
    with pytest.raises(FormatError, match="LUFS"):
        build(memory, tmp_path / "bank", loud)
    assert list((tmp_path / "bank").rglob("*.flac*")) == []


@pytest.mark.long
def test_full_bank_sounds_as_it_must(full_bank, full):
    """A full-size bank: levels, seams, lengths, gentle treble, no clicks, siblings in step."""
    manifest = bank.load(full_bank)
    settings = full
    assert len(manifest.loops) == 3 * settings.sections * settings.variants
    expected = round(settings.bars * 4 * 60 / 72 * 48_000)
    assert {clip.n_samples for clip in manifest.loops} == {expected}
    assert {(c.bpm, c.key) for c in manifest.clips} == {(72.0, "D")}
    sounds = {}
    for clip in manifest.clips:
        assert abs(clip.lufs + 20) <= 0.2
        assert clip.true_peak_dbtp <= -1
        assert clip.kind == "ending" or clip.loop_residual_db <= -50
        sound, rate = soundfile.read(full_bank / clip.file)
        if clip.kind == "loop":
            sounds[clip.section, clip.variant, clip.affect] = sound
        assert np.max(np.abs(sound.mean(axis=0))) < 1e-4
        power = np.abs(np.fft.rfft(sound.mean(axis=1))) ** 2
        hz = np.fft.rfftfreq(len(sound), 1 / rate)
        assert power[hz > 6000].sum() < 0.01 * power.sum()
        # A click has sound where this music has none, above 12 kHz; the loop is heard twice.
        highpass = signal.butter(6, 12_000, "highpass", fs=rate, output="sos")
        above = signal.sosfilt(highpass, np.concatenate([sound, sound]), axis=0)
        assert np.max(np.abs(above[rate:])) < 1e-3
    for section in range(settings.sections):
        envelopes = [onsets(sounds[section, 0, affect], 48_000) for affect in AFFECTS]
        for other in (envelopes[0], envelopes[2]):
            assert abs(_lag(envelopes[1], other)) * 240 / 48_000 <= 0.025


def _lag(one: np.ndarray, other: np.ndarray) -> int:
    """Return the shift in hops, within half a beat, at which two envelopes agree best."""
    half_beat = round(0.5 * 60 / 72 * 48_000 / 240)
    one, other = one - one.mean(), other - other.mean()
    shifts = range(-half_beat, half_beat + 1)
    scores = [float(np.sum(one * np.roll(other, shift))) for shift in shifts]
    return shifts[int(np.argmax(scores))]


def test_loudness_agrees_with_ffmpeg(full_bank, program):
    """An independent meter reads the same loudness and peak (EBU R 128 filter of ffmpeg)."""
    ffmpeg, options = program("ffmpeg"), ["-af", "ebur128=peak=true", "-f", "null", "-"]
    for clip in bank.load(full_bank).clips[::4]:
        told = subprocess.run(
            [ffmpeg, "-nostats", "-i", full_bank / clip.file, *options],
            capture_output=True,
            text=True,
            check=True,
        ).stderr
        summary = told[told.rindex("Summary:") :]
        loudness = float(summary.split("I:")[1].split()[0])
        peak = float(summary.split("Peak:")[1].split()[0])
        assert abs(loudness + 20) <= 0.5
        assert peak <= -1
        assert abs(peak - clip.true_peak_dbtp) < 0.3

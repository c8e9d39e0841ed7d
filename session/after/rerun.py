"""Every stage run again from what a session left, with the inputs where the journal has them.

Each function yields the messages that its stage must have sent: same identity, cause and content.
The stages are the very objects that ran live; only what fed them is different.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from decoder import model as models
from decoder.decoder import Decoder
from decoder.service import TOPIC_OF, carry_out, heard_at, lessons_in
from decoder.settings import DecoderSettings
from player.deciding.leads import released
from player.engine import Engine
from player.kept import FIRST
from player.kept import read as read_kept
from player.level.limiter import DELAY
from player.music.material import Material
from player.service import TOPIC_OF as SAID_ON
from player.settings import BLOCK, PlayerSettings
from rym import messages as m
from rym.errors import FormatError, UsageError
from rym.topics import (
    APPLIED,
    COMMAND,
    LABEL,
    NOW,
    QUALITY,
    SAFETY,
    STATUS,
    STOP,
    VALENCE,
    WINDOW,
    Topic,
)
from stream.files.xdf import replay_file
from stream.settings import StreamSettings

from ..folder import Folder, Record
from ..live.lines import Journal
from .compare import made
from .recordings import recordings


def stream(
    folder: Folder, record: Record, journal: Journal
) -> Iterator[tuple[m.Message, m.Message]]:
    """Yield every window of every recording with its quality, in order.

    Parameters
    ----------
    folder : Folder
        Holds the recordings.
    record : Record
        Holds the stream's settings.
    journal : Journal
        Says which start of the stream made which file.
    """
    settings = msgspec.convert(record.settings.get("stream", {}), StreamSettings)
    for epoch, path in recordings(folder, journal):
        for seq, (window, quality) in enumerate(replay_file(path, settings)):
            first = made(m.Identity("stream", epoch, WINDOW.short, seq), window)
            name = m.Identity("stream", epoch, QUALITY.short, seq)
            yield first, made(name, quality, (first.id,))


class Step(NamedTuple):
    """One window that a decoder took in, and the number of its answer."""

    seq: int
    window: m.Identity


def steps(answers: Sequence[m.Message]) -> list[Step]:
    """Return what one start of the decoder took in, in order.

    Every answer names its window. Where answers are lacking, the windows between those around the
    hole are taken if there are just as many of them: the decoder answers every window.

    Parameters
    ----------
    answers : sequence of Message
        The Valences of one epoch, in order.
    """
    found: list[Step] = []
    for answer in answers:
        if not answer.cause:
            continue
        here = Step(answer.id.seq, answer.cause[0])
        last = found[-1] if found else None
        found += _between(last, here)
        found.append(here)
    return found


def _between(last: Step | None, here: Step) -> list[Step]:
    first = last.seq + 1 if last else 0
    lacking = here.seq - first
    begin = here.window.seq - lacking
    if last is not None:
        same = (last.window.service, last.window.epoch) == (here.window.service, here.window.epoch)
        if not same or last.window.seq + 1 != begin:
            return []
    if begin < 0:
        return []
    name = here.window
    return [
        Step(first + i, m.Identity(name.service, name.epoch, name.topic, begin + i))
        for i in range(lacking)
    ]


class Decoders:
    """Every start of the decoder, fed with the windows and the inputs that it took in.

    Parameters
    ----------
    folder : Folder
        Holds the models.
    record : Record
        Holds the decoder's settings.
    journal : Journal
        Says which windows were answered, and what was taken in before which of them.
    """

    def __init__(self, folder: Folder, record: Record, journal: Journal) -> None:
        self._models = _Models(folder, journal)
        self._settings = msgspec.convert(record.settings.get("decoder", {}), DecoderSettings)
        self._decoders: dict[int, Decoder] = {}
        self._takes: dict[m.Identity, list[tuple[int, int]]] = defaultdict(list)
        self._inputs: dict[tuple[int, int], list[m.Message]] = defaultdict(list)
        self._count: Counter[tuple[int, str]] = Counter()
        for epoch in journal.epochs(VALENCE, "decoder"):
            answers = journal.of(VALENCE, "decoder", epoch)
            taken = steps(answers)
            for seq, window in taken:
                self._takes[window].append((epoch, seq))
            for seq, message in _taken_in(journal, epoch, answers, taken):
                self._inputs[epoch, seq].append(message)
            self._decoders[epoch] = self._start(journal, epoch)

    def _start(self, journal: Journal, epoch: int) -> Decoder:
        decoder = Decoder(self._settings)
        said = [x.content.facts for x in journal.of(STATUS["decoder"]) if x.content.epoch == epoch]
        named = [facts for facts in said if "model" in facts]
        if named and named[0]["model"]:
            self._models.put(decoder, str(named[0]["model"]))
        elif not named and self._settings.model:
            self._models.put(decoder, self._settings.model)
        start = named[0] if named else {}
        if start.get("frozen"):
            decoder.order("freeze")
        if start.get("lessons"):
            self._relearn(decoder, Path(str(start["lessons"])))
        return decoder

    def _relearn(self, decoder: Decoder, path: Path) -> None:
        """Know what was learned before; where that failed live, it fails here, too."""
        try:
            decoder.relearn(lessons_in(self._models.moved(path)))
        except FormatError:
            return

    def feed(self, window: m.Message) -> list[m.Message]:
        """Return what the decoders that took a window in must have said to it.

        Parameters
        ----------
        window : Message
            In the order of the recordings.
        """
        answers = []
        for epoch, seq in self._takes.get(window.id, []):
            decoder = self._decoders[epoch]
            for message in self._inputs.get((epoch, seq), []):
                self._put(decoder, message)
            name = m.Identity("decoder", epoch, VALENCE.short, seq)
            answers.append(made(name, decoder.step(window.content), (window.id,)))
            for content in decoder.events():
                short = TOPIC_OF[type(content)].short
                name = m.Identity("decoder", epoch, short, self._count[epoch, short])
                self._count[epoch, short] += 1
                answers.append(made(name, content, (window.id,)))
        return answers

    def _put(self, decoder: Decoder, message: m.Message) -> None:
        """Let a decoder take in an order, a key, or what is heard."""
        match message.content:
            case m.Command(action="load-model", value=value):
                self._models.put(decoder, value)
            case m.Command() as command:
                carry_out(decoder, command)
            case m.Label(t=t, state=state):
                decoder.label(t, state)
            case m.Played() as played:
                decoder.audible(heard_at(message), played.heard)


def _taken_in(
    journal: Journal, epoch: int, answers: Sequence[m.Message], taken: Sequence[Step]
) -> Iterator[tuple[int, m.Message]]:
    """Yield (number of the answer before which, message) of every input, in order."""
    inputs = {x.id: x for topic in (COMMAND, LABEL, NOW) for x in journal.of(topic)}
    numbers: dict[int, list[int]] = defaultdict(list)
    for step in taken:
        numbers[step.window.seq].append(step.seq)
    said, seqs = [x.meta.mono for x in answers], [x.id.seq for x in answers]
    done: set[m.Identity] = set()
    for applied in journal.of(APPLIED["decoder"], "decoder", epoch):
        name, at = applied.content.input, applied.content.at
        refused = applied.content.refused and name.topic == COMMAND.short
        if name in done or name not in inputs or refused:
            continue
        done.add(name)
        # Windows count from 0 after every start of the stream: of two with this number it is the
        # one answered after the input was taken in.
        n_before = bisect_left(said, applied.meta.mono)
        last = seqs[n_before - 1] if n_before else -1
        later = [seq for seq in numbers[at] if seq > last]
        if later:
            yield later[0], inputs[name]


class _Models:
    """Finds a model by its id, or by the folder that was named when it was there."""

    def __init__(self, folder: Folder, journal: Journal) -> None:
        values = [x.content.value for x in journal.of(COMMAND) if x.content.action == "load-model"]
        inside = sorted(path.parent for path in folder.path.rglob(models.MANIFEST))
        self._folder = folder
        self._known = [*inside, *(Path(value) for value in values)]

    def put(self, decoder: Decoder, name: str) -> None:
        """Load a model; where that fails the one before stays, as it did live."""
        try:
            decoder.load(self._find(name))
        except (FormatError, UsageError):
            return

    def _find(self, name: str) -> models.Model:
        place = self.moved(Path(name))
        if (place / models.MANIFEST).exists():
            return models.load(place)
        for path in self._known:
            if (path / models.MANIFEST).exists() and (model := models.load(path)).id == name:
                return model
        raise FormatError(f"There is no model {name}.", "Put its folder back.")

    def moved(self, path: Path) -> Path:
        """Return where a path inside the session's folder is now."""
        own, parts = self._folder.path.parts[-3:], path.parts
        for i in range(len(parts) - 3):
            if parts[i : i + 3] == own:
                return self._folder.path.joinpath(*parts[i + 3 :])
        return path


class Input(NamedTuple):
    """One thing that the player took in, and from which frame on."""

    at: int
    name: m.Identity | None
    """None where the supervisor was gone."""
    refused: bool = False
    """True for a key that only ended what was held, since its time was not that of now."""


def inputs(journal: Journal, epoch: int) -> list[Input]:
    """Return what one start of the player took in, in order.

    That the supervisor is gone is no message; the `Safety` that it led to has its frame. Both that
    and every `Applied` are said at once, so that their times tell the order within one frame.

    Parameters
    ----------
    journal : Journal
        Holds the player's `Applied` and `Safety`.
    epoch : int
        Of the player.
    """
    applied = journal.of(APPLIED["player"], "player", epoch)
    found = [Input(x.content.at, x.content.input, bool(x.content.refused)) for x in applied]
    for message in journal.of(SAFETY, "player", epoch):
        safety: m.Safety = message.content
        if safety.reason == "supervisor gone":
            here = (safety.frame, message.meta.mono)
            before = sum((x.content.at, x.meta.mono) < here for x in applied)
            found.insert(before, Input(safety.frame, None))
    return found


class Piece(NamedTuple):
    """One stretch of what the player gave out, and what it said while it made it."""

    sound: npt.NDArray[np.float32]
    """Shape (n_times, 2), from where the last piece ended; valid until the next one is made."""
    said: list[m.Message]


def player(
    journal: Journal,
    epoch: int,
    material: Material,
    settings: PlayerSettings,
    valences: Mapping[m.Identity, m.Content],
) -> Iterator[Piece]:
    """Yield what one start of the player must have played and said, up to the journal's last word.

    Parameters
    ----------
    journal : Journal
        Says how it started, and what it took in at which frame.
    epoch : int
        Of the player.
    material : Material
        The bank.
    settings : PlayerSettings
        Those of the session.
    valences : mapping of Identity to Valence
        Made again; they stand in for Valences that the journal lacks.

    Raises
    ------
    FormatError
        If the journal does not say how the player started, or lacks an input.
    """
    contents = dict(valences)
    for topic in (VALENCE, LABEL, COMMAND, STOP):
        contents.update((message.id, message.content) for message in journal.of(topic))
    engine = _engine(journal, epoch, material, settings)
    said = [x for topic in SAID_ON.values() for x in journal.of(topic, "player", epoch)]
    until = max((_rendered(message.content) for message in said), default=-1)
    waiting = inputs(journal, epoch)
    unsaid = _unsaid(said, waiting)
    if unsaid is not None:
        until = unsaid[1] - BLOCK
    # The limiter's delay is left out of the first block, so that every `render` makes one block.
    scratch = np.zeros((BLOCK, 2), dtype=np.float32)
    out = scratch[DELAY:]
    count: Counter[Topic] = Counter()
    while engine.frame <= until:
        while waiting and waiting[0].at <= engine.frame:
            _apply(engine, waiting.pop(0), contents)
        engine.render(out)
        again = []
        for content, cause in engine.events():
            topic = SAID_ON[type(content)]
            name = m.Identity("player", epoch, topic.short, count[topic])
            again.append(made(name, content, cause))
            count[topic] += 1
        yield Piece(out, again)
        out = scratch
    if unsaid is not None:
        raise FormatError(
            f"The player followed {unsaid[0]} by frame {unsaid[1]}, and the journal does not say "
            "from which frame on: that line was lost with the connection.",
            "Its sound cannot be verified from there on.",
        )


def _rendered(content: Any) -> int:
    """Return the first frame of the control block in which a content was said."""
    if isinstance(content, m.Loudness):
        return int(content.frame + content.n_frames + DELAY - BLOCK)
    return int(content.frame)


def _unsaid(said: Iterable[m.Message], taken: Iterable[Input]) -> tuple[m.Identity, int] | None:
    """Return the first input whose effects the journal has but not its `Applied`, and by when.

    A broker that dies together with the player can take that line along.
    """
    known = {x.name for x in taken}
    found = [(x.content.frame, name) for x in said for name in x.cause if name not in known]
    frame, name = min(found, default=(0, None))
    return None if name is None else (name, frame)


def left_out(journal: Journal, epoch: int) -> str:
    """Return what of the bank one start of the player could not play, as its status has it."""
    said = (x.content.facts for x in journal.of(STATUS["player"], "player", epoch))
    return next((str(facts["left_out"]) for facts in said if "left_out" in facts), "")


def _engine(journal: Journal, epoch: int, material: Material, settings: PlayerSettings) -> Engine:
    for message in journal.of(STATUS["player"], "player", epoch):
        facts = message.content.facts
        if "place" in facts:
            return Engine(
                material,
                settings,
                place=int(facts["place"]),
                stopped=bool(facts["stopped"]),
                session=str(facts["session"]),
                full_scale_dba=_full_scale(facts),
                kept=read_kept(str(facts["kept"])) if "kept" in facts else FIRST,
            )
    raise FormatError(
        f"The journal does not say where in the music the player of epoch {epoch} began.",
        "Its sound cannot be verified; the other parts can be looked at in the report.",
    )


def _full_scale(facts: Mapping[str, str | int | float | bool]) -> float | None:
    """Return the calibration that held for a start; None where none did."""
    return float(facts["full_scale_dba"]) if "full_scale_dba" in facts else None


def _apply(engine: Engine, taken: Input, contents: Mapping[m.Identity, m.Content]) -> None:
    if taken.at != engine.frame:
        raise FormatError(
            f"The journal says that {taken.name} was applied at frame {taken.at}, where no control "
            f"block begins; the next one begins at {engine.frame}.",
            "The journal was altered.",
        )
    if taken.name is None:
        engine.supervisor_gone()
    elif taken.name in contents:
        content = contents[taken.name]
        if isinstance(content, m.Label) and taken.refused:
            content = released(content)
        engine.apply(taken.name, content)
    else:
        raise FormatError(
            f"The player took in {taken.name}, which neither the journal nor the replay has.",
            "Its sound cannot be verified from there on.",
        )

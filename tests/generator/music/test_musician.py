import numpy as np
import pytest

from generator.drafts import Place
from generator.memory import Memory
from generator.music.musician import Composer
from generator.settings import GeneratorSettings
from rym.errors import UsageError
from rym.messages import AFFECTS

SMALL = GeneratorSettings(sections=2, variants=1, bars=2)


@pytest.fixture(scope="module")
def composer():
    """Return the composer of a short piece."""
    return Composer(Memory(text="x", seed=5), SMALL)


@pytest.mark.parametrize("section", [0, 1])
def test_endings_come_home_and_ring_out_together(composer, section):
    """Each ends on the tonic, is as long as its siblings, and falls silent by itself."""
    lengths = set()
    for affect in AFFECTS:
        draft = composer.play(Place(section, 0, affect, "ending"), 0)
        last = max(n.beat for n in draft.notes if n.voice.startswith("bass"))
        held = [n for n in draft.notes if n.beat + n.length > last + 5]
        low = min(held, key=lambda n: n.pitch)
        assert (low.pitch - composer.piece.tonic) % 12 == 0
        end = draft.sound[-round(0.05 * SMALL.rate) :]
        assert np.max(np.abs(end)) <= 1e-3 * np.max(np.abs(draft.sound))
        assert 2 <= draft.grid.bars <= 4
        lengths.add(len(draft.sound))
    assert len(lengths) == 1


def test_another_take_is_another_hearing_of_the_same_bars(composer):
    """Grid, key and mode stay; notes and sound differ; asked again, it is the same to the bit."""
    place = Place(1, 0, "positive")
    first, again, other = (composer.play(place, take) for take in (0, 0, 1))
    assert np.array_equal(first.sound, again.sound)
    assert (first.grid, first.key, first.mode) == (other.grid, other.key, other.mode)
    assert first.notes != other.notes
    assert len(first.sound) == len(other.sound) == first.grid.n_samples
    assert not np.array_equal(first.sound, other.sound)


def test_what_the_piece_does_not_have_is_refused(composer):
    """A section or variant beyond the settings is an error that names both."""
    with pytest.raises(UsageError, match="section 2"):
        composer.play(Place(2, 0, "neutral"), 0)


def test_another_seed_is_another_piece():
    """The seed reaches the notes; the same seed gives the same bytes."""
    settings = GeneratorSettings(sections=1, variants=1, bars=2)
    place = Place(0, 0, "neutral")
    one, again, other = (
        Composer(Memory(text="x", seed=seed), settings).play(place) for seed in (11, 11, 12)
    )
    assert one.sound.tobytes() == again.sound.tobytes()
    assert one.notes != other.notes

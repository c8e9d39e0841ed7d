import pytest

from generator.music.characters import CHARACTERS, LIGHTS
from rym.messages import AFFECTS


@pytest.mark.parametrize("character", CHARACTERS)
@pytest.mark.parametrize("affect", AFFECTS)
def test_figures_fit_their_bars_and_ladders(character, affect):
    """Every row is whole bars of sixteen places, and every step is on the affect's ladder."""
    texture, light = character.textures[affect], LIGHTS[affect]
    rows = [row for figure in texture.figures for row in (*figure.rows, figure.turn) if row]
    for row in (*rows, *texture.bells):
        for bar in row.split("|"):
            assert len(bar) == 16
            assert all(step == "." or int(step) < len(light.ladder) for step in bar)
    assert len(texture.bass) == 16
    assert len(texture.figures) >= 3
    assert len({figure.rows for figure in texture.figures}) == len(texture.figures)


@pytest.mark.parametrize("character", CHARACTERS)
def test_affects_differ_in_what_is_written(character):
    """No figure of one light is played in another, and the bright one has the most tones."""
    figures = [set(character.textures[affect].figures) for affect in AFFECTS]
    assert not figures[0] & figures[1]
    assert not figures[1] & figures[2]
    counts = []
    for affect in AFFECTS:
        texture = character.textures[affect]
        per_bar = [
            sum(step != "." for bar in row.split("|") for step in bar) / len(row.split("|"))
            for figure in texture.figures
            for row in figure.rows
        ]
        counts.append(sum(per_bar) / len(texture.figures))
    assert counts == sorted(set(counts))

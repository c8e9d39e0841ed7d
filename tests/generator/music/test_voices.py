import numpy as np
import pytest

from generator.music.voices import TIMBRES, Blow, _modes, _swung, frequency, tone

RATE = 48_000


@pytest.mark.parametrize("instrument", TIMBRES)
@pytest.mark.parametrize("pitch", [45, 60, 79])
def test_tone_has_its_pitch_and_no_edges(instrument, pitch):
    """The strongest partial near the fundamental is in tune; the tone starts and ends at zero."""
    sound = tone(Blow(instrument, pitch, 8, RATE), 1.0, RATE)
    assert np.max(np.abs(sound[[0, -1]])) < 1e-4
    spectrum = np.abs(np.fft.rfft(sound.sum(axis=1) * np.hanning(len(sound))))
    hz = np.fft.rfftfreq(len(sound), 1 / RATE)
    near = (hz > frequency(pitch) * 0.9) & (hz < frequency(pitch) * 1.1)
    found = hz[near][np.argmax(spectrum[near])]
    assert abs(1200 * np.log2(found / frequency(pitch))) < 15


def test_product_is_the_sum_of_damped_swings():
    """The fast form is, sample by sample, what the plain sum over partials gives."""
    blow = Blow("piano", 57, 9, 3000)
    amplitude, swing = _modes(TIMBRES["piano"], blow, 1.0, RATE)
    plain = (amplitude[:, None, :] * np.exp(np.arange(3000)[:, None] * swing)).sum(axis=2).real
    assert np.max(np.abs(_swung(amplitude, swing, 3000) - plain.T)) < 1e-5


@pytest.mark.parametrize("instrument", ["piano", "harp", "bell", "bass"])
def test_struck_tones_die_away(instrument):
    """A struck tone is far softer after two seconds than at its beginning."""
    sound = tone(Blow(instrument, 60, 8, 3 * RATE), 1.0, RATE)
    early, late = sound[RATE // 10 : RATE // 2], sound[2 * RATE : 2 * RATE + RATE // 2]
    assert np.sum(late**2) < 0.2 * np.sum(early**2)


def test_harder_touch_and_more_light_are_brighter():
    """Velocity and light both open the spectrum."""

    def centroid(touch: int, light: float) -> float:
        sound = tone(Blow("piano", 60, touch, RATE), light, RATE).sum(axis=1)
        spectrum = np.abs(np.fft.rfft(sound))
        return float((np.fft.rfftfreq(len(sound), 1 / RATE) * spectrum).sum() / spectrum.sum())

    assert centroid(4, 1.0) < centroid(12, 1.0)
    assert centroid(8, 0.7) < centroid(8, 1.3)

"""What is heard in a simulated session: the player's own engine over a bank that sounds of nothing.

Decisions, waits for a bar, fades, dwell, exposure limits and the dead-man switch are those of a
real session, by the same objects; only the clips are silence, which costs nothing to keep.
"""

from __future__ import annotations

import numpy as np

from player.engine import Engine
from player.music.material import Material, Section
from player.settings import RATE, PlayerSettings
from rym.messages import AFFECTS, Affect, Identity, Played, Valence

BEAT = RATE * 60 // 72
"""Frames of a beat: 72 a minute, as in the bank of the example."""
BARS = 8
RUN_IN = 10.0
"""Seconds for which the music has been on when feedback begins."""


def silent_bank() -> Material:
    """Return one section of eight bars in all three affects, all of them silence."""
    n = 4 * BEAT * BARS
    silence = np.broadcast_to(np.zeros((1, 2), dtype=np.float32), (n, 2))
    section = Section(
        n_frames=n,
        bars=tuple(range(0, n, 4 * BEAT)),
        beats=tuple(range(0, n, BEAT)),
        sounds=((silence,) * len(AFFECTS),),
        rho=(((0.0, 0.0, 0.0),) * BARS,),
    )
    return Material(AFFECTS, (section,))


class Music:
    """The engine by rig time.

    An answer takes effect where the player has not rendered yet: `depth` and the device's `latency`
    later than it comes.

    Parameters
    ----------
    settings : PlayerSettings
        Preset, dwell, exposure limits and so on.
    start : float
        Rig time in seconds at which feedback begins; neutral has been heard for a while.
    """

    def __init__(self, settings: PlayerSettings, start: float) -> None:
        self._engine = Engine(silent_bank(), settings)
        self._ahead = settings.depth + settings.latency
        self._origin = start - RUN_IN
        self._n = 0
        self.played: list[tuple[float, Played]] = []
        """Everything the player said, each with the rig time from which it can be heard."""
        self._advance(start)
        # From what is heard at the start on: something more is rendered ahead by then.
        self.played = self.played[max(0, sum(t <= start for t, _ in self.played) - 1) :]

    def take(self, valence: Valence) -> list[tuple[float, Affect | None]]:
        """Take in the answer to a window that has just ended.

        Parameters
        ----------
        valence : Valence
            From the decoder.

        Returns
        -------
        list of (float, str or None)
            What is heard from which rig time on, as far as the answer before this one led.
        """
        n_known = len(self.played)
        self._advance(valence.t)
        self._engine.apply(Identity("decoder", 0, "decoder/valence", self._n), valence)
        self._n += 1
        return [(t, played.heard) for t, played in self.played[n_known:]]

    def _advance(self, t: float) -> None:
        """Render up to what is heard at rig time `t` and a little later."""
        self._engine.advance(max(0, round((t + self._ahead - self._origin) * RATE)))
        for content, _ in self._engine.events():
            if isinstance(content, Played):
                self.played.append((self._origin + content.frame / RATE, content))

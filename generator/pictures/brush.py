"""What all scenes have in common: sky, sun, clouds, ridges, mist, water, rain."""

from __future__ import annotations

import numpy as np

from .fields import Field, clouds, on_plane, smoothstep, soft, tile, waves
from .layers import Stage
from .light import Curve, Palette, falling, rising
from .shapes import Points, cover

TAU = 2 * np.pi


class Brush:
    """A stage, its coordinates, and what is drawn for this scene.

    Parameters
    ----------
    shape : (int, int)
        Height and width in pixels.
    rng : numpy.random.Generator
        Decides the layout.
    palette : Palette
    barred : frozenset of str
        Elements that must not be seen, such as `water` or `rain`.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        rng: np.random.Generator,
        palette: Palette,
        barred: frozenset[str] = frozenset(),
    ) -> None:
        self.stage = Stage(shape, palette)
        self.shape, self.rng, self.barred = shape, rng, barred
        height, width = shape
        self.aspect = width / height
        self.x = ((np.arange(width, dtype=np.float32) + 0.5) / height)[None]
        self.y = ((np.arange(height, dtype=np.float32) + 0.5) / height)[:, None]
        side = rng.choice([-1.0, 1.0])
        self.sun = (self.aspect * (0.5 + side * rng.uniform(0.14, 0.26)), rng.uniform(0.2, 0.3))
        """Its place in frame heights; its light comes from there."""

    def rows(self, top: float, bottom: float) -> slice:
        """Return the rows between two heights."""
        n = self.shape[0]
        return slice(max(0, int(top * n)), min(n, int(np.ceil(bottom * n)) + 1))

    def draw(self, polygons: list[Points], strength: float = 1.0) -> Field:
        """Return the cover of polygons."""
        return cover(self.shape, polygons, strength)

    # The sky

    def sky(self, horizon: float) -> None:
        """Paint the sky down to the horizon, with the sun's glow."""
        y = np.clip(self.y / horizon, 0, 1) + 0 * self.x
        y = y + 0.05 * clouds(self.rng, self.shape, 1.3, 3, 3.0)
        high = 1 - smoothstep(0.0, 0.62, y)
        low = smoothstep(0.42, 1.05, y)
        cover = np.ones(self.shape, np.float32)
        cover[self.rows(horizon, 1).stop :] = 0
        self.stage.over(cover, ("sky_high", high), ("sky_low", low * (1 - high)), ("sky_mid", None))
        self.glow(horizon)

    def distance(self) -> Field:
        """Return every pixel's distance from the sun."""
        return np.asarray(np.hypot(self.x - self.sun[0], self.y - self.sun[1]), np.float32)

    def glow(self, horizon: float) -> None:
        """Paint the light around the sun, and its disc."""
        far = self.distance()
        low = np.exp(-(((self.y - horizon) / 0.22) ** 2)) * np.exp(
            -(((self.x - self.sun[0]) / 0.9) ** 2)
        )
        wide = 0.55 * np.exp(-far / 0.28) + 0.5 * low
        self.stage.over(np.clip(wide, 0, 0.9), ("glow", None), strength=rising(-1.0, 0.9, 1, 0.25))
        near = np.exp(-((far / 0.1) ** 2)) * 0.8
        self.stage.over(near, ("sun", None), strength=rising(-0.9, 0.9, 0.9, 0.1))
        if "sun" in self.barred:
            return
        disc = np.clip((0.036 - far) * self.shape[0] / 1.5 + 0.5, 0, 1)
        self.stage.over(disc, ("sun", None), strength=rising(-0.5, 0.5))

    def clouds(self, horizon: float) -> None:
        """Paint clouds that close the sky at −1, break up at 0 and are few at 1.

        Where clouds are barred, an even veil is drawn instead.
        """
        if "cloud" in self.barred:
            veil = 0.75 * smoothstep(horizon * 1.02, horizon * 0.2, self.y + 0 * self.x)
            self.stage.over(veil, ("cloud_lit", None), strength=falling(-1.0, 0.8))
            return
        texture = tile(self.rng, 512, 1.75)
        depth = 0.12 + 0.9 * np.clip(1 - self.y / horizon, 0.0, 1)
        scale = self.rng.uniform(0.3, 0.42)
        across = (self.x - self.aspect / 2) / (0.35 + 0.65 * depth) * scale
        back = 0.5 * np.log(0.16 + depth) + self.rng.uniform()
        bend = 0.018 * clouds(self.rng, self.shape, 3.0, 4, 2.0)
        across, back = across + bend + 0 * back, back + 0.7 * bend
        thick = on_plane(texture, across, back)
        towards = np.tanh((self.sun[0] - self.x) / 0.5)
        puffs = on_plane(tile(self.rng, 512, 1.1), across * 1.9, back * 1.9)
        thick = thick + 0.10 * puffs
        light = on_plane(texture, across + 0.022 * towards, back + 0.03)
        lit = smoothstep(-0.75, 0.85, 1.0 * (thick - light) + 0.12 * puffs + 0.2)
        rows = self.rows(0, horizon)
        thick, fade = thick[rows], smoothstep(horizon * 1.02, horizon * 0.7, self.y[rows])

        def covered(valence: float) -> Field:
            edge = -2.2 + 1.75 * (valence + 1) - 1.25 * max(valence, 0.0)
            body = smoothstep(edge, edge + 1.7 - 0.25 * valence, thick)
            return np.asarray(body * (np.float32(0.35) + np.float32(0.6) * fade))

        self.stage.weather(rows, covered, ("cloud_lit", lit), ("cloud_shade", None))

    # The land

    def line(self, base: float, height: float, cells: float, octaves: int = 5) -> Field:
        """Return a rolling line, shape (width,), as heights from the top."""
        return np.float32(base) - np.float32(height) * waves(
            self.rng, self.shape[1], cells, self.aspect, octaves
        )

    def below(self, line: Field) -> Field:
        """Return the cover of all that lies below a line, with a smooth edge."""
        return np.clip((self.y - line[None]) * self.shape[0] + 0.5, 0, 1).astype(np.float32)

    def ridge(
        self,
        line: Field,
        inks: str,
        depth: float,
        haze: float,
        *,
        grain: float = 7.0,
        form: Field | None = None,
    ) -> None:
        """Paint land below a line, lit from the sun's side, with haze towards its foot.

        Parameters
        ----------
        line : array of shape (width,)
        inks : {"far", "mid", "near", "earth"}
            Its shade; its light is the ink with `_lit`.
        depth : float
            How far down the light fades and the haze thickens, in frame heights.
        haze : float
            Most haze at the foot, 0…1.
        grain : float
            Patches per frame height.
        form : array of shape (width,) or None
            The ground below trees, where the line is theirs.
        """
        ground = line if form is None else form
        down = self.y - line[None]
        slope = np.gradient(soft(ground[None], 0.02 * self.shape[0])[0]) * self.shape[0]
        facing = np.clip(slope * np.tanh((self.x[0] - self.sun[0]) / 0.4), -0.6, 0.6)
        patches = clouds(self.rng, self.shape, grain, 5, 1.5 if form is not None else 2.4)
        # Light lies on the top; trees also hide it from what is behind them.
        rim = np.exp(-np.clip(down, 0, None) / (0.2 * depth))
        lit = smoothstep(-1.5, 1.9, 0.9 * patches + 1.6 * (facing[None] + 0.3) * rim + 0.2)
        lit *= 0.3 + 0.7 * np.exp(-np.clip(down, 0, None) / depth)
        if "mist" in self.barred:
            haze = 0.0
        misty = haze * smoothstep(0.0, depth * 1.6, down + 0.012 * patches)
        self.stage.over(
            self.below(line),
            ("haze", misty),
            (inks + "_lit", (lit * (1 - misty)).astype(np.float32)),
            (inks, None),
        )

    def wood(self, line: Field, size: float, pointed: bool) -> Field:
        """Return a line with trees on it: pointed firs or round crowns."""
        n, grown = self.shape[1], line.copy()
        if "tree" in self.barred:
            return grown
        count = int(self.aspect / size * 3.4)
        fine = waves(self.rng, n, 2.2 / size, self.aspect, 4)
        for x, big in zip(
            self.rng.uniform(-0.05, self.aspect + 0.05, count),
            self.rng.lognormal(0.0, 0.3, count),
            strict=True,
        ):
            tall, half = size * big * (1.5 if pointed else 0.9), size * big * 0.42
            off = np.abs(self.x[0] - x) / half
            near = np.flatnonzero(off < 1)
            if not len(near):
                continue
            form = 1 - off[near] if pointed else np.sqrt(1 - off[near] ** 2)
            jag = (1 + 0.3 * fine[near]) if pointed else (1 + 0.16 * fine[near])
            foot = line[near[len(near) // 2]]
            grown[near] = np.minimum(grown[near], foot - tall * form * jag)
        return grown

    def mist(self, at: float, thick: float, strength: Curve | None = None) -> None:
        """Paint a bank of mist around a height."""
        wisps = clouds(self.rng, self.shape, 2.2, 5, 5.0)
        if "mist" in self.barred:
            return
        cover = np.exp(-(((self.y - at) / thick) ** 2)) * smoothstep(-1.6, 1.4, wisps)
        self.stage.over(
            cover.astype(np.float32),
            ("haze", None),
            strength=strength or falling(-1, 0.9, 0.8, 0.2),
        )

    # Water

    def water(self, horizon: float, swell: float = 1.0, cover: Field | None = None) -> None:
        """Paint water that mirrors what is above its far shore, with the sun's path on it.

        Parameters
        ----------
        horizon : float
            Its far shore, in frame heights.
        swell : float
            How much it is moved; 1 is a lake on a calm day.
        cover : array of shape (height, width) or None
            Where it is; None: all below the shore.
        """
        rows = self.rows(horizon, 1.0)
        near = (self.y[rows] - horizon) / (1 - horizon)
        texture = tile(self.rng, 512, 1.25, 1.0)
        depth = 1 / (near + 0.06)
        u = (self.x - self.aspect / 2) * depth * 0.10
        ripple = on_plane(texture, u * 0.42, depth * 0.20 + 0 * u)
        fine = on_plane(texture, u * 1.3 + 0.3, depth * 0.75 + 0.4 + 0 * u)
        moved = (ripple + 0.5 * fine) * (0.004 + 0.03 * near) * swell
        height, width = self.shape
        up = np.clip((2 * horizon - self.y[rows] + moved * 0.8) * height, 0, horizon * height - 1)
        across = np.clip((self.x + 0.35 * moved) * height, 0, width - 1)
        there = np.ones(self.shape, np.float32) if cover is None else cover
        source = up.astype(np.intp) * width + across.astype(np.intp)
        own = np.arange(self.shape[0] * width).reshape(self.shape)[rows]
        self.stage.mirror(rows, np.where(there[rows] > 0.5, source, own))

        def place(field: Field) -> Field:
            whole = np.zeros(self.shape, np.float32)
            whole[rows] = field
            return whole * there

        deep = 0.16 + 0.12 * (swell - 1) + 0.5 * smoothstep(0.0, 1.1, near) + 0.10 * np.tanh(ripple)
        self.stage.over(place(deep.astype(np.float32)), ("water", None))
        shine = smoothstep(0.5, 1.6, ripple * 0.7 + fine * 0.6) * (1 - 0.6 * near)
        self.stage.over(place(0.30 * shine), ("water_lit", None), strength=rising(-1.4, 1))
        path = np.exp(-(((self.x - self.sun[0]) / (0.05 + 0.16 * near)) ** 2))
        glints = smoothstep(-0.35, 1.2, ripple * 0.6 + fine * 0.8) * path
        self.stage.over(place(0.95 * glints), ("sun", None), strength=rising(-0.7, 1.0, 0.9))
        shore = np.exp(-(near / 0.025)) + 0 * self.x
        self.stage.over(place(0.4 * shore), ("water_lit", None))

    # Weather

    def shafts(self, reach: float = 0.9) -> None:
        """Paint rays of light from the sun."""
        if "sun" in self.barred:
            return
        dx, dy = self.x - self.sun[0], self.y - self.sun[1]
        angle = np.arctan2(dx, dy) / TAU + 0.5
        n = 2048
        rays = waves(self.rng, n, 26, 1.0, 3)
        beam = smoothstep(
            -0.1, 0.9, np.interp(angle, np.linspace(0, 1, n), rays).astype(np.float32)
        )
        far = self.distance()
        fall = np.exp(-far / reach) * smoothstep(0.03, 0.3, far) * smoothstep(-0.1, 0.2, dy)
        self.stage.over(
            (0.34 * beam * fall).astype(np.float32), ("sun", None), strength=rising(-0.1, 1.0)
        )

    def rain(self) -> None:
        """Paint gentle rain below −0.2, or mist where rain is barred."""
        if "rain" in self.barred:
            self.mist(0.55, 0.3, falling(-1, 0.0, 0.45))
            return
        drops = []
        for _ in range(int(420 * self.aspect)):
            x, y = self.rng.uniform(-0.1, self.aspect), self.rng.uniform(-0.05, 1.0)
            near = self.rng.uniform(0.3, 1) ** 2
            tip = np.array([x + 0.012 * near, y + 0.075 * near])
            drops.append(([x, y], tip, 0.0016 * (0.5 + near)))
        polygons = [
            np.array([[x, y], [x + w, y], [t[0] + w, t[1]], [t[0], t[1]]]) for (x, y), t, w in drops
        ]
        self.stage.over(self.draw(polygons, 0.34), ("rain", None), strength=falling(-1, -0.15))
        veil = np.full(self.shape, 0.22, np.float32) * smoothstep(0.9, 0.3, self.y + 0 * self.x)
        self.stage.over(veil, ("haze", None), strength=falling(-1, 0.1))

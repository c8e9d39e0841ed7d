"""The page in a real browser: in time with the sound, calm in any storm, and back by itself."""

from __future__ import annotations

import base64
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from player.music.crossfade import only, turn
from player.pictures.files import load
from player.pictures.path import Path as Way
from player.pictures.path import strips
from player.pictures.server import PageServer
from player.settings import BLOCK, RATE
from rym import bank
from rym.clock import SystemClock
from rym.flashes import LINEAR, MAX_FLASHES, flashes_of
from tests.player.pictures.conftest import HEIGHT, WIDTH, ramp

playwright = pytest.importorskip("playwright.sync_api")

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
AHEAD = 0.33
"""Seconds by which a place is said before it is heard: the ring and the device's buffer."""
EARLY, LATE = 0.125, 0.045
"""Seconds by which the picture may come before and after its sound (ITU-R BT.1359)."""
BLACK_TO_WHITE = ramp((0, 0, 0), (255, 255, 255))
CALM = ramp((40, 60, 90), (110, 130, 160))
WARM = ramp((70, 50, 40), (170, 140, 110))

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on this machine"),
]

READING = "Multiple readback operations"
WATCH = """() => {
  // What is on the screen, picture by picture, small.
  const small = new OffscreenCanvas(16, 9).getContext("2d", { willReadFrequently: true });
  window.watched = [];
  const look = () => {
    small.drawImage(canvas, 0, 0, 16, 9);
    const data = small.getImageData(0, 0, 16, 9).data;
    watched.push([here(), btoa(String.fromCharCode(...data))]);
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return a browser without a window."""
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(
            executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu", "--mute-audio"]
        )
        yield found
        found.close()


@contextmanager
def serving(folder: Path, **chosen: Any) -> Iterator[PageServer]:
    """Run a server."""
    with PageServer(load(folder), SystemClock(), **chosen) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.hang_up()
            server.shutdown()
            thread.join()


@contextmanager
def opened(browser: Any, server: PageServer, *, quiet: bool = True, **chosen: Any) -> Iterator[Any]:
    """Open the page; it must have had nothing to complain of in the end."""
    complaints: list[str] = []
    tab = browser.new_page(viewport={"width": 640, "height": 360}, **chosen)
    tab.set_default_timeout(10_000)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda asked: _outside(asked.url, server, complaints))
    if quiet:
        # Only a test looks at what was painted.
        tab.on(
            "console", lambda said: None if READING in said.text else complaints.append(said.text)
        )
    tab.goto(server.url)
    until(tab, "pictures.every((strip) => strip.every(Boolean)) && offset !== null")
    yield tab
    tab.close()
    assert complaints == []


def _outside(url: str, server: PageServer, complaints: list[str]) -> None:
    if not url.startswith(f"http://127.0.0.1:{server.server_port}/"):
        complaints.append(f"asked for {url}")


def until(page: Any, true: str, seconds: float = 15.0) -> None:
    """Wait until an expression holds; the driver's own way is barred by the page's policy."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if page.evaluate(true):
            return
        page.wait_for_timeout(25)
    pytest.fail(f"{true} did not come true within {seconds} s")


def place(at: float, valence: float, scene: int = 0) -> dict[str, Any]:
    """Return a place without a dissolve."""
    return {"at": at, "scene": scene, "before": scene, "share": 1.0, "valence": valence}


def arrive(page: Any, server: PageServer, valence: float = 0.0, scene: int = 0) -> None:
    """Begin, and wait until the picture has come out of the plain one."""
    page.click("#begin")
    end = time.monotonic() + 20
    while not page.evaluate(
        f"seen.scene === {scene} && seen.share === 1 && Math.abs(seen.valence - {valence}) < 1e-6"
    ):
        assert time.monotonic() < end, page.evaluate("JSON.stringify(seen)")
        server.show(place(server.clock.now(), valence, scene))
        page.wait_for_timeout(100)


class Feed(threading.Thread):
    """Says places in true time, as the player does: `Way` a third of a second ahead."""

    def __init__(self, server: PageServer, heard: list[tuple[Any, int, bool]]) -> None:
        super().__init__()
        self.said: list[dict[str, Any]] = []
        self.late = 0.0
        self._server, self._heard = server, heard
        self._way = Way(strips(bank.read(server.folder).scenes), heard[0][1])
        self.start()

    def run(self) -> None:
        """Walk through what is heard."""
        clock = self._server.clock
        began = clock.now()
        for k, (gains, section, calm) in enumerate(self._heard):
            time.sleep(max(0.0, began + k * BLOCK / RATE - clock.now()))
            self.late = max(self.late, clock.now() - began - k * BLOCK / RATE)
            shown = self._way.step(k * BLOCK, gains, section, calm=calm)
            if shown is not None:
                said = {
                    "at": began + AHEAD + k * BLOCK / RATE,
                    "scene": shown.scene,
                    "before": shown.before,
                    "share": shown.share,
                    "valence": shown.valence,
                }
                self.said.append(said)
                self._server.show(said)


def lags(said: list[dict[str, Any]], painted: list[list[float]]) -> np.ndarray:
    """Return by how much what is on the screen lies behind its sound, every 10 ms of movement.

    Of what stays as it is, nobody can say when it was due; so only stretches count in which the
    picture moves, each compared on its own.
    """
    at = np.array([one["at"] for one in said])
    valence = np.array([one["valence"] for one in said])
    times = np.array([row[0] for row in painted])
    values = np.array([row[3] for row in painted])
    found = []
    for a, b, v, w in zip(at, at[1:], valence, valence[1:], strict=False):
        if abs(w - v) < 0.01:
            continue
        for t in np.arange(a, b, 0.01):
            k = np.searchsorted(times, t, side="right") - 1
            if k < 0:
                continue
            # The time at which the sound was where the picture is now.
            near = (at > t - 1) & (at < t + 1)
            x, y = at[near], valence[near]
            if w < v:
                y = -y
            sign = 1 if w > v else -1
            if np.all(np.diff(y) >= 0):
                found.append(t - np.interp(sign * values[k], y, x))
    return np.array(found)


@pytest.mark.alone
@pytest.mark.quiet
def test_pictures_are_in_time_with_the_sound(browser: Any, hung: Callable[..., Path]) -> None:
    """95 of 100 moments lie within what nobody notices, through fades of several lengths."""
    folder = hung(calm=CALM, warm=WARM)
    n = 5 * RATE // BLOCK
    up = [(turn(only(1), 2, k / n), 0, False) for k in range(n)]
    down = [(turn(only(2), 1, k / n), 0, False) for k in range(n)]
    low = [(turn(only(1), 0, k / n), 0, False) for k in range(n)]
    rest = [(only(1), 0, False)] * 50
    with serving(folder) as server, opened(browser, server) as page:
        server.folder = folder
        arrive(page, server)
        feed = Feed(server, rest + up + down + low)
        while feed.is_alive():
            page.wait_for_timeout(200)
        page.wait_for_timeout(500)
        behind = lags(feed.said, page.evaluate("painted"))
    assert len(behind) > 800
    early, late = np.percentile(behind, [2.5, 97.5])
    assert early > -EARLY
    assert late < LATE


def seen_by(page: Any) -> tuple[list[np.ndarray], float]:
    """Return what was watched, and how many pictures a second that were."""
    rows = page.evaluate("watched")
    times = [row[0] for row in rows]
    pictures = [
        np.frombuffer(base64.b64decode(data), np.uint8).reshape(9, 16, 4)[..., :3]
        for _, data in rows
    ]
    return pictures, (len(times) - 1) / (times[-1] - times[0])


@pytest.mark.fault(53)
def test_a_storm_of_events_does_not_flash(browser: Any, hung: Callable[..., Path]) -> None:
    """From end to end of the steepest strip and to another scene, 20 times a second for seconds."""
    folder = hung(steep=BLACK_TO_WHITE, calm=CALM)
    with serving(folder) as server, opened(browser, server) as page:
        arrive(page, server)
        page.evaluate(WATCH)
        end, k = time.monotonic() + 8, 0
        while time.monotonic() < end:
            k += 1
            server.show(place(server.clock.now(), (-1.0) ** k, scene=k // 7 % 2))
            time.sleep(0.05)
        page.wait_for_timeout(100)
        pictures, rate = seen_by(page)
    wild = [np.full((9, 16, 3), 255 * (j // 3 % 2), np.uint8) for j in range(len(pictures))]
    assert flashes_of(wild, rate) > MAX_FLASHES, "what was asked for would have flashed"
    light = [float(one.mean()) for one in pictures]
    assert max(light) - min(light) > 5, "nothing moved at all"
    assert flashes_of(pictures, rate) <= MAX_FLASHES


@pytest.mark.fault(53)
def test_what_may_not_be_seen_is_not(browser: Any, hung: Callable[..., Path]) -> None:
    """A flashing and a truncated strip are never asked for; a good one stands in for them."""
    flashing = [(255, 0, 255), (0, 255, 0)] * 5
    folder = hung(flashing=flashing, good=CALM, broken=WARM)
    frame = bank.read(folder).scenes[2].frames[4]
    data = (folder / frame.file).read_bytes()
    (folder / frame.file).write_bytes(data[: len(data) // 2])
    refused = {x.sha256 for k in (0, 2) for x in bank.read(folder).scenes[k].frames}
    asked: list[str] = []
    with serving(folder) as server, opened(browser, server) as page:
        page.on("request", lambda one: asked.append(one.url))
        page.reload()
        until(page, "pictures.every((strip) => strip.every(Boolean)) && offset !== null")
        arrive(page, server, scene=0)
        for scene in (0, 1, 2):
            for _ in range(5):
                server.show(place(server.clock.now(), 0.0, scene))
                page.wait_for_timeout(100)
            colour = page.evaluate("[...brush.getImageData(20, 20, 1, 1).data]")[:3]
            assert colour == pytest.approx(list(CALM[4]), abs=2)
    assert not [url for url in asked if url.rpartition("/")[2] in refused]
    assert len([url for url in asked if "/file/" in url]) == len(CALM)


def test_nothing_is_seen_before_it_is_begun(browser: Any, hung: Callable[..., Path]) -> None:
    """The notice stands alone, with SIMULATED, until somebody clicks; then no words but that."""
    with (
        serving(hung(calm=CALM), mark="SIMULATED") as server,
        opened(browser, server) as page,
    ):
        for _ in range(5):
            server.show(place(server.clock.now(), 1.0))
            page.wait_for_timeout(50)
        assert page.evaluate("painted.length") == 0
        playwright.expect(page.locator("#notice")).to_contain_text("seizure")
        playwright.expect(page.locator("#mark")).to_have_text("SIMULATED")
        page.click("#begin")
        playwright.expect(page.locator("#notice")).to_be_hidden()
        assert page.evaluate("document.body.innerText.trim()") == "SIMULATED"
        server.say("A short pause, nothing is wrong.")
        playwright.expect(page.locator("#said.on")).to_have_text("A short pause, nothing is wrong.")
        server.say("")
        playwright.expect(page.locator("#said.on")).to_have_count(0)
        assert page.evaluate("document.querySelectorAll('audio, video').length") == 0


def test_it_comes_out_of_the_plain_slowly(browser: Any, hung: Callable[..., Path]) -> None:
    """The first picture dissolves in over four seconds."""
    with serving(hung(calm=CALM)) as server, opened(browser, server) as page:
        began = time.monotonic()
        arrive(page, server)
        assert 3.0 < time.monotonic() - began < 12.0


def test_without_a_word_it_goes_to_neutral_and_comes_back_by_itself(
    browser: Any, hung: Callable[..., Path]
) -> None:
    """The part dies and comes back at the same address: slowly to neutral, then followed again."""
    folder = hung(calm=CALM)
    with serving(folder) as server:
        port, token = server.server_port, server.token
        with opened(browser, server, quiet=False) as page:
            arrive(page, server, 0.6)
            server.hang_up()
            server.shutdown()
            server.server_close()
            gone = time.monotonic()
            until(page, "seen.valence < 0.599", 10)
            assert time.monotonic() - gone > 2
            until(page, "seen.valence === 0", 12)
            assert time.monotonic() - gone > 6
            assert page.evaluate("seen.scene") == 0
            with serving(folder, port=port, token=token) as again:
                end = time.monotonic() + 10
                while page.evaluate("seen.valence") <= 0.05:
                    assert time.monotonic() < end
                    again.show(place(again.clock.now(), 0.6))
                    page.wait_for_timeout(100)


def test_less_motion_is_less(browser: Any, hung: Callable[..., Path]) -> None:
    """Where the system asks for reduced motion, everything takes five times as long."""
    with (
        serving(hung(steep=BLACK_TO_WHITE)) as server,
        opened(browser, server, reduced_motion="reduce") as page,
    ):
        page.evaluate("seen = {scene: 0, before: 0, share: 1, valence: -1}")
        page.click("#begin")
        began = time.monotonic()
        for _ in range(20):
            server.show(place(server.clock.now(), 1.0))
            page.wait_for_timeout(100)
        value = page.evaluate("brush.getImageData(20, 20, 1, 1).data[0]")
        assert 0.02 < LINEAR[value] < 0.1 * (time.monotonic() - began) + 0.02


def test_layers_weigh_what_they_should(browser: Any, hung: Callable[..., Path]) -> None:
    """Half-way in valence and in a dissolve, each of the four pictures counts a quarter."""
    folder = hung(low=[(0, 0, 0), (100, 0, 0)], high=[(0, 0, 200), (0, 200, 0)])
    with serving(folder) as server, opened(browser, server) as page:
        assert page.evaluate("[canvas.width, canvas.height]") == [WIDTH, HEIGHT]
        page.evaluate("seen = {scene: 1, before: 0, share: 0.5, valence: 0}; paint()")
        colour = page.evaluate("[...brush.getImageData(20, 20, 1, 1).data]")[:3]
    assert colour == pytest.approx([25, 50, 50], abs=2)

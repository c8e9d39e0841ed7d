"""The page in a real browser: it sounds, it is seen, and what is clicked is written down."""

from __future__ import annotations

import base64
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import soundfile

from rym import bank
from session.bank.approvals import approve
from session.bank.server import Audition

playwright = pytest.importorskip("playwright.sync_api")

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FIRST = "audio/s0-v0-negative.flac"
RATE = 48_000

pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on this machine")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return a browser without a window."""
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(
            executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu", "--mute-audio"]
        )
        yield found
        found.close()


@pytest.fixture
def page(browser: Any, folder: Path) -> Iterator[Any]:
    """Return the loaded page; it must have had nothing to complain of in the end."""
    complaints: list[str] = []
    with Audition(folder) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        tab = browser.new_page(viewport={"width": 1180, "height": 820})
        tab.set_default_timeout(10_000)
        tab.on("console", lambda said: complaints.append(f"{said.type}: {said.text}"))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("request", lambda asked: outside(asked.url, server, complaints))
        tab.goto(server.url)
        until(tab, "Object.keys(things).length === 10")
        yield tab
        tab.close()
        server.shutdown()
        thread.join()
    assert complaints == []


def until(page: Any, true: str) -> None:
    """Wait until an expression holds; the driver's own way is barred by the page's policy."""
    for _ in range(400):
        if page.evaluate(true):
            return
        page.wait_for_timeout(25)
    pytest.fail(f"{true} did not come true within 10 s")


def outside(url: str, server: Audition, complaints: list[str]) -> None:
    """Note what is asked of anybody else."""
    if not url.startswith((f"http://127.0.0.1:{server.server_port}/", "data:")):
        complaints.append(f"asked for {url}")


def choose(page: Any, role: str) -> None:
    """Say who decides."""
    page.locator(f"[name=role][value={role}]").check(force=True)


def button(page: Any, name: str, what: str) -> Any:
    """Return a card's button."""
    return page.locator(f'.item[data-name="{name}"] [data-say={what}]')


def test_clicks_land_in_the_manifest(page: Any, folder: Path) -> None:
    """Nobody decides before a role is chosen; each role has its own word."""
    assert button(page, FIRST, "yes").is_disabled()
    assert button(page, FIRST, "again").is_enabled()
    choose(page, "person")
    button(page, FIRST, "yes").click()
    button(page, "scene-0", "no").click()
    playwright.expect(button(page, "scene-0", "no")).to_have_attribute("aria-pressed", "true")
    choose(page, "operator")
    assert button(page, FIRST, "yes").get_attribute("aria-pressed") == "false"
    now = bank.load(folder)
    assert now.verdict(FIRST, "person") is True
    assert now.verdict("scene-0", "person") is False
    assert now.verdict(FIRST, "operator") is None
    approve(folder, "all", "operator")
    page.evaluate("ask('state')")
    playwright.expect(page.locator("[data-count=operator]")).to_have_text(
        "operator: 10 of 10 approved"
    )


def test_the_keyboard_is_enough(page: Any, folder: Path) -> None:
    """Tab, arrows and Enter: choose, approve, lead a scene."""
    page.locator("[name=role]").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("role") == "person"
    button(page, FIRST, "yes").focus()
    page.keyboard.press("Enter")
    playwright.expect(button(page, FIRST, "yes")).to_have_attribute("aria-pressed", "true")
    assert bank.read(folder).verdict(FIRST, "person") is True
    page.locator(".lead").focus()
    page.keyboard.press("End")
    until(page, "document.querySelector('.lead').value === '1'")


def test_a_page_of_before_is_told_and_writes_nothing(
    page: Any, folder: Path, remake: Callable[[Path, str], None]
) -> None:
    """The clip was made again meanwhile: a sentence, and the card closes."""
    choose(page, "person")
    remake(folder, FIRST)
    button(page, FIRST, "yes").click()
    news = page.locator("#news")
    playwright.expect(news).to_contain_text(f"{FIRST} is another one now")
    assert bank.read(folder).verdict(FIRST, "person") is None
    playwright.expect(button(page, FIRST, "yes")).to_be_disabled()
    page.evaluate("ask('state')")
    playwright.expect(news).to_contain_text("Load the page again.")
    page.reload()
    choose(page, "person")
    button(page, FIRST, "yes").click()
    playwright.expect(button(page, FIRST, "yes")).to_have_attribute("aria-pressed", "true")
    assert bank.read(folder).verdict(FIRST, "person") is True


def test_what_was_heard_is_approved_at_once(page: Any, folder: Path) -> None:
    """What was played to its end, by this role, and not rejected; the rest stays open."""
    choose(page, "operator")
    assert page.locator("#all").is_disabled()
    page.locator("audio").nth(0).evaluate("clip => { clip.loop = false; clip.play(); }")
    until(page, "waiting().length === 1")
    page.evaluate("for (const k of [1, 2]) heard(items[k], 3, 3)")
    button(page, "audio/s0-v0-neutral.flac", "no").click()
    playwright.expect(page.locator("#all")).to_have_text("Approve all that I have heard (2)")
    choose(page, "person")
    assert page.locator("#all").is_disabled()
    choose(page, "operator")
    page.locator("#all").click()
    playwright.expect(page.locator("#news")).to_have_text("2 approved by the operator.")
    now = bank.read(folder)
    said = [now.verdict(name, "operator") for name in list(now.judged)[:4]]
    assert said == [True, False, True, None]


def test_what_was_heard_before_anybody_chose_counts_once(page: Any) -> None:
    """The first role gets it; after another load nobody else is handed the same."""
    page.evaluate("heard(items[0], 3, 3)")
    choose(page, "operator")
    assert page.evaluate("waiting().length") == 1
    for role, n in (("person", 0), ("operator", 1)):
        page.reload()
        until(page, "Object.keys(things).length === 10")
        choose(page, role)
        assert page.evaluate("waiting().length") == n


PLAYED = """(quiet) => new Promise((done) => {
  const clip = clips[0];
  clip.loop = false;
  if (quiet === "muted") clip.muted = true;
  else { volume.value = 0; volume.dispatchEvent(new Event("input")); }
  clip.addEventListener("ended", () => done(kept[key(items[0])] || 0));
  clip.play();
})"""


@pytest.mark.parametrize("quiet", ["muted", "volume"])
def test_silence_is_not_heard(page: Any, quiet: str) -> None:
    """A clip that was played muted, or with the volume at 0, nobody has heard."""
    choose(page, "operator")
    assert page.evaluate(PLAYED, quiet) == 0


def test_a_section_without_correlations_is_mixed_as_unlike(page: Any, folder: Path) -> None:
    """The page loads and its music is levelled as if no two affects were alike."""
    bank.save(msgspec.structs.replace(bank.read(folder), correlations=()), folder)
    page.reload()
    until(page, "Object.keys(things).length === 10")
    rho = page.evaluate("new Mixer(document.querySelector('.music')).rho")
    assert rho == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_the_small_players_can_play(page: Any) -> None:
    """Each file is decoded to its whole length."""
    lengths = page.evaluate(
        """() => Promise.all(clips.map((clip) => new Promise((done, failed) => {
          clip.addEventListener("canplaythrough", () => done([clip.duration, clip.loop]));
          clip.addEventListener("error", () => failed(clip.error.message));
          clip.load();
        })))"""
    )
    assert len(lengths) == 9
    assert [length for length, _ in lengths] == pytest.approx([2.0] * 9, abs=1e-3)
    assert [loop for _, loop in lengths] == [True] * 6 + [False] * 3


IN_STEP = """async () => {
  context = new OfflineAudioContext(2, 5 * 48000, 48000);
  context.resume = async () => {};
  master = context.createGain();
  master.connect(context.destination);
  const mixer = new Mixer(document.querySelector(".music"));
  await mixer.start();
  const turn = context.suspend(2.5).then(() => {
    mixer.choices.find((choice) => choice.value === "positive").checked = true;
    mixer.turn();
    OfflineAudioContext.prototype.resume.call(context);
  });
  const sound = await context.startRendering();
  await turn;
  running = null;
  const bytes = new Uint8Array(sound.getChannelData(0).buffer);
  let text = "";
  for (let k = 0; k < bytes.length; k += 8192) {
    text += String.fromCharCode(...bytes.subarray(k, k + 8192));
  }
  return btoa(text);
}"""


def test_the_three_affects_run_in_step(page: Any, folder: Path) -> None:
    """They begin at one sample, loop without a seam, and fade within 1 s at the same place."""
    rendered = np.frombuffer(base64.b64decode(page.evaluate(IN_STEP)), np.float32)
    begin, volume = round(0.15 * RATE), 0.25
    sounds = [
        np.tile(soundfile.read(folder / f"audio/s0-v0-{affect}.flac")[0][:, 0], 3)
        for affect in ("neutral", "positive")
    ]
    neutral, positive = (volume * np.r_[np.zeros(begin), one][: 5 * RATE] for one in sounds)
    assert not rendered[: begin - 1].any()
    before = slice(begin + RATE, round(2.49 * RATE))  # past the rise, and over the loop's end
    assert np.abs(rendered - neutral)[before].max() < 1e-5
    after = slice(round(3.52 * RATE), 5 * RATE)
    assert np.abs(rendered - positive)[after].max() < 1e-5
    middle = slice(round(2.98 * RATE), round(3.02 * RATE))
    # Half-way at equal gains, whose power is levelled by the clips' correlation of 0.2.
    gain = 1 / np.sqrt(2 * (1 + 0.2))
    assert np.abs(rendered - gain * (neutral + positive))[middle].max() < 0.002


def test_a_scene_is_led_no_faster_than_it_may_change(page: Any) -> None:
    """From one end to the other its luminance moves by a quarter a second at most."""
    steps = page.evaluate(
        """async () => {
          const stage = new Stage(document.querySelector(".scene .item"));
          stage.fetchAll();
          await Promise.all(stage.pictures.map((picture) => picture.decode()));
          const seen = [];
          for (const to of [1, -1]) {
            stage.lead.value = to;
            for (let k = 0; k < 400; k += 1) {
              stage.approach(1 / 60);
              seen.push([stage.now, stage.luminance(stage.now)]);
            }
          }
          stage.draw();
          const { data } = stage.canvas.getContext("2d").getImageData(1, 1, 1, 1);
          return [seen, [...data.slice(0, 3)], kept[key(stage.card)]];
        }"""
    )
    seen, colour, heard = steps
    valence, luminance = np.array(seen).T
    assert valence[399] == pytest.approx(1.0)
    assert valence[-1] == pytest.approx(-1.0)
    assert np.abs(np.diff(luminance)).max() <= 0.25 / 60 + 1e-9
    assert np.abs(np.diff(valence)).max() <= 0.8 / 60 + 1e-9
    assert colour == pytest.approx([51, 76, 128], abs=2)
    assert heard == 1


@pytest.mark.long
@pytest.mark.parametrize("width", [390, 768, 1180])
def test_nothing_leaves_the_screen_sideways(page: Any, width: int) -> None:
    """On a telephone, a tablet, a desk; buttons are large enough for a finger."""
    page.set_viewport_size({"width": width, "height": 1000})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    heights = page.evaluate(
        "[...document.querySelectorAll('button')].map((x) => x.getBoundingClientRect().height)"
    )
    assert min(heights) >= 44

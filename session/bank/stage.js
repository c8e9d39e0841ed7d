// Sound: three affects that began at one sample, mixed as the player mixes them; and one by one.
const FADE = 1.0; // seconds of a crossfade
const LEAD = 0.15; // seconds until a start, so that all sources are ready for it
const CURVE = 65;
const volume = document.getElementById("volume");
const clips = [...document.querySelectorAll("audio")];
let context = null;
let master = null;
let running = null;

function loud() {
  return volume.value ** 2; // the ear's own scale is nearer to this than to the slider's
}

function only(k) {
  return facts.affects.map((_, i) => (i === k ? 1 : 0));
}

function level(gains, rho) {
  // As the player: gains over the root of their power, by how alike the affects are.
  let power = 0;
  gains.forEach((a, i) => gains.forEach((b, j) => {
    power += a * b * (i === j ? 1 : Math.max(-0.5, Math.min(1, rho[i][j])));
  }));
  return gains.map((g) => g / Math.sqrt(Math.max(power, 1e-9)));
}

function mean(bars) {
  return bars[0].map((row, i) => row.map((_, j) => {
    return bars.reduce((sum, bar) => sum + bar[i][j], 0) / bars.length;
  }));
}

class Mixer {
  constructor(section) {
    this.section = section;
    this.cards = facts.affects.map((a) => section.querySelector(`.item[data-affect=${a}]`));
    const bars = facts.rho[`${section.dataset.section}-${section.dataset.variant}`];
    // Where nobody has measured how alike the affects are, they count as unlike.
    this.rho = bars && bars.length ? mean(bars) : facts.affects.map((_, k) => only(k));
    this.button = section.querySelector(".play");
    this.where = section.querySelector(".where");
    this.choices = [...section.querySelectorAll(".mixer input")];
    this.sources = [];
    this.button.addEventListener("click", () => (running === this ? hush() : this.start()));
    for (const choice of this.choices) choice.addEventListener("change", () => this.turn());
  }

  chosen() {
    return facts.affects.indexOf(this.choices.find((choice) => choice.checked).value);
  }

  async start() {
    hush();
    running = this;
    this.button.setAttribute("aria-pressed", "true");
    this.button.textContent = "Stop";
    this.where.textContent = "loading …";
    if (!context) {
      // At the bank's own rate a loop stays as many samples long as it was made.
      context = new AudioContext({ sampleRate: facts.rate });
      master = context.createGain();
      master.connect(context.destination);
    }
    await context.resume();
    let buffers;
    try {
      buffers = await Promise.all(this.cards.map(async (card) => {
        const answer = await fetch(`file/${card.dataset.sha}`);
        if (!answer.ok) throw new Error((await answer.json()).error);
        return context.decodeAudioData(await answer.arrayBuffer());
      }));
    } catch (error) {
      if (running === this) hush();
      tell(`The music cannot be played: ${error.message}`, true);
      return;
    }
    if (running === this) this.begin(buffers);
  }

  begin(buffers) {
    this.origin = context.currentTime + LEAD;
    this.length = buffers[0].duration;
    this.from = this.to = only(this.chosen());
    this.since = this.origin - FADE;
    this.last = this.origin;
    master.gain.cancelScheduledValues(0);
    master.gain.setValueAtTime(0, context.currentTime);
    master.gain.setValueAtTime(0, this.origin);
    master.gain.linearRampToValueAtTime(loud(), this.origin + 0.5);
    this.sources = buffers.map((buffer, k) => {
      const source = new AudioBufferSourceNode(context, { buffer, loop: true });
      source.fader = new GainNode(context, { gain: this.to[k] });
      source.connect(source.fader).connect(master);
      source.start(this.origin);
      return source;
    });
    requestAnimationFrame(() => this.follow());
  }

  gains(at) {
    const share = Math.max(0, Math.min(1, (at - this.since) / FADE));
    const angle = (Math.PI / 2) * share;
    const mix = (a, b) => Math.cos(angle) * a + Math.sin(angle) * b;
    return level(this.from.map((a, k) => mix(a, this.to[k])), this.rho);
  }

  turn() {
    if (!this.sources.length) return;
    const now = context.currentTime;
    this.from = this.gains(now);
    this.to = only(this.chosen());
    this.since = now;
    this.sources.forEach((source, k) => {
      const curve = Array.from({ length: CURVE }, (_, i) => {
        return this.gains(now + (FADE * i) / (CURVE - 1))[k];
      });
      source.fader.gain.cancelScheduledValues(0);
      source.fader.gain.setValueCurveAtTime(curve, now, FADE);
    });
  }

  follow() {
    if (running !== this || !this.sources.length) return;
    const now = context.currentTime;
    const place = Math.max(0, now - this.origin) % this.length;
    const gains = this.gains(now);
    const passed = Math.max(0, Math.min(1, now - this.last));
    this.last = Math.max(now, this.origin);
    this.cards.forEach((card, k) => {
      mark(card, place / this.length, gains[k] > 0.5);
      if (gains[k] > 0.5 && loud() > 0) heard(card, passed, this.length);
    });
    this.where.textContent = `${place.toFixed(0)} of ${this.length.toFixed(0)} s`;
    requestAnimationFrame(() => this.follow());
  }

  stop() {
    const end = context ? context.currentTime + 0.08 : 0;
    for (const source of this.sources) {
      source.fader.gain.cancelScheduledValues(0);
      source.fader.gain.setTargetAtTime(0, context.currentTime, 0.015);
      source.stop(end);
    }
    this.sources = [];
    this.cards.forEach((card) => mark(card, 0, false));
    this.where.textContent = "";
    this.button.setAttribute("aria-pressed", "false");
    this.button.textContent = "Play in step";
  }
}

function mark(card, share, on) {
  const line = card.querySelector(".wave b");
  line.classList.toggle("on", on);
  line.style.left = `${100 * share}%`;
}

function hush(but = null) {
  if (running) {
    const before = running;
    running = null;
    before.stop();
  }
  for (const clip of clips) if (clip !== but) clip.pause();
}

for (const clip of clips) {
  const card = clip.closest(".item");
  let last = 0;
  clip.volume = loud();
  clip.addEventListener("play", () => { hush(clip); last = clip.currentTime; });
  clip.addEventListener("timeupdate", () => {
    const passed = clip.currentTime - last;
    last = clip.currentTime;
    const audible = !clip.muted && clip.volume > 0;
    if (audible && passed > 0 && passed < 1) heard(card, passed, clip.duration);
    mark(card, clip.currentTime / (clip.duration || 1), !clip.paused);
  });
  clip.addEventListener("pause", () => mark(card, 0, false));
}
document.getElementById("quiet").addEventListener("click", () => hush());
volume.addEventListener("input", () => {
  for (const clip of clips) clip.volume = loud();
  if (master) master.gain.setTargetAtTime(loud(), context.currentTime, 0.03);
});
for (const section of document.querySelectorAll(".music")) {
  if (section.querySelector(".mixer")) new Mixer(section);
}

// Sight: a strip of pictures led along valence: quicker than a session, and far from a flash.
const FASTEST = 0.8; // valence per second
const LIGHT = 0.25; // relative luminance per second: far below what flashes

class Stage {
  constructor(card) {
    this.card = card;
    this.canvas = card.querySelector("canvas");
    this.lead = card.querySelector(".lead");
    this.strip = facts.scenes[card.dataset.name];
    this.pictures = this.strip.map(() => null);
    this.now = 0;
    this.low = this.high = false;
    this.moving = false;
    this.lead.addEventListener("input", () => this.move());
    this.lead.addEventListener("pointerenter", () => this.fetchAll(), { once: true });
    this.lead.addEventListener("focus", () => this.fetchAll(), { once: true });
    new IntersectionObserver((seen, watch) => {
      if (!seen.some((one) => one.isIntersecting)) return;
      watch.disconnect();
      this.draw();
    }).observe(this.canvas);
  }

  fetchAll() {
    this.strip.forEach((_, k) => this.picture(k));
  }

  picture(k) {
    if (!this.pictures[k]) {
      const picture = new Image();
      picture.onload = () => this.draw();
      picture.src = `file/${this.strip[k][0]}`;
      this.pictures[k] = picture;
    }
    return this.pictures[k];
  }

  around(valence) {
    const last = this.strip.length - 1;
    let k = this.strip.findIndex((frame) => frame[1] > valence) - 1;
    if (k < 0) k = valence <= this.strip[0][1] ? 0 : last - 1;
    k = Math.max(0, Math.min(k, last - 1));
    const [low, high] = [this.strip[k][1], this.strip[k + 1][1]];
    return [k, Math.max(0, Math.min(1, (valence - low) / (high - low)))];
  }

  luminance(valence) {
    const [k, share] = this.around(valence);
    return this.strip[k][2] * (1 - share) + this.strip[k + 1][2] * share;
  }

  move() {
    if (this.moving) return;
    this.moving = true;
    let last = null;
    const step = (time) => {
      const passed = last === null ? 0 : Math.min(0.1, (time - last) / 1000);
      last = time;
      this.approach(passed);
      this.draw();
      this.moving = Math.abs(this.lead.value - this.now) > 1e-3;
      if (this.moving) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  approach(seconds) {
    const far = this.lead.value - this.now;
    let by = Math.sign(far) * Math.min(Math.abs(far), FASTEST * seconds);
    const change = Math.abs(this.luminance(this.now + by) - this.luminance(this.now));
    if (change > LIGHT * seconds) by *= (LIGHT * seconds) / change;
    // The next picture is waited for: a jump once it is there would be the flash we avoid.
    const [k] = this.around(this.now + by);
    if ([k, k + 1].every((i) => this.ready(i))) this.now += by;
    if (this.now <= -0.98) this.low = true;
    if (this.now >= 0.98) this.high = true;
    if (this.low && this.high) heard(this.card, ENOUGH, ENOUGH);
  }

  ready(k) {
    const picture = this.picture(k);
    return picture.complete && picture.naturalWidth > 0;
  }

  draw() {
    const [k, share] = this.around(this.now);
    const brush = this.canvas.getContext("2d");
    if (!this.ready(k) || (share > 0 && !this.ready(k + 1))) return;
    const { width, height } = this.canvas;
    brush.globalAlpha = 1;
    brush.drawImage(this.pictures[k], 0, 0, width, height);
    if (share === 0) return;
    brush.globalAlpha = share;
    brush.drawImage(this.pictures[k + 1], 0, 0, width, height);
  }
}

for (const card of document.querySelectorAll(".item[data-name]")) {
  if (card.querySelector("canvas")) new Stage(card);
}
ask("state");

// What is seen follows what is heard: places in the pictures come ahead of their time, each with the
// rig's time at which its sound leaves the device, and between two of them everything moves in a
// line. Whatever comes, no part of the picture changes faster than `facts.fastest` allows.
"use strict";
const PLAIN = -1;
const COLOUR = "#5b646c";
const EXCHANGES = 8; // measurements of the clock that are kept
const EVERY = 5; // seconds between two of them
const LONGEST = 0.1; // seconds of movement made up for by one frame, at most
const canvas = document.querySelector("canvas");
const brush = canvas.getContext("2d", { alpha: false });
const slower = matchMedia("(prefers-reduced-motion: reduce)");
const painted = []; // the newest that was painted, and when: [rig time, scene, share, valence]

// The rig's clock.
let offset = null;
const exchanges = [];

function here() {
  return performance.now() / 1000;
}

async function exchange() {
  const asked = here();
  const [came, went] = await (await fetch("time")).json();
  const answered = here();
  exchanges.push([answered - asked - (went - came), (came - asked + went - answered) / 2]);
  if (exchanges.length > EXCHANGES) exchanges.shift();
  offset = exchanges.reduce((best, one) => (one[0] < best[0] ? one : best))[1];
}

async function keepTime() {
  for (;;) {
    try {
      await exchange();
    } catch {
      // The part is away; it comes back at the same address.
    }
    const pause = exchanges.length < EXCHANGES ? 0.1 : EVERY;
    await new Promise((done) => setTimeout(done, 1000 * pause));
  }
}

// The pictures, decoded before anything is shown of them.
const pictures = facts.strips.map((strip) => strip.map(() => null));

async function fetchAll() {
  for (let s = 0; s < facts.strips.length; s += 1) {
    for (let k = 0; k < facts.strips[s].length; k += 1) {
      while (!pictures[s][k]) {
        try {
          const answer = await fetch(`file/${facts.strips[s][k][0]}`);
          if (answer.ok) pictures[s][k] = await createImageBitmap(await answer.blob());
        } catch {
          // As above.
        }
        if (!pictures[s][k]) await new Promise((done) => setTimeout(done, 500));
      }
    }
  }
}

function ready(strip) {
  return strip === PLAIN || pictures[strip].every((picture) => picture !== null);
}

// What comes.
let points = [];
let heardOf = -Infinity; // when something came last, by this page's clock
let source = null;

function take(point) {
  heardOf = here();
  points = points.filter((one) => one.at < point.at);
  points.push(point);
  if (points.length > 64) points.shift();
}

function listen() {
  source = new EventSource("events");
  source.addEventListener("shown", (event) => take(JSON.parse(event.data)));
  source.addEventListener("said", (event) => say(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    // After some failures the browser does not try again by itself.
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 500);
  });
}

function say(text) {
  const line = document.getElementById("said");
  if (text) line.textContent = text;
  line.classList.toggle("on", text !== "");
}

// Where the picture should be.
function strip(scene) {
  return facts.places.length ? facts.places[scene % facts.places.length] : PLAIN;
}

function wished(at) {
  if (here() - heardOf > facts.quiet || !points.length) return null;
  let next = points.findIndex((point) => point.at > at);
  if (next === 0) return null;
  if (next < 0) next = points.length;
  const [a, b] = [points[next - 1], points[next]];
  const goal = b ? line(a, b, (at - a.at) / (b.at - a.at)) : a;
  const [scene, before] = [strip(goal.scene), strip(goal.before)];
  return { scene, before, share: goal.share, valence: goal.valence };
}

function line(a, b, x) {
  const valence = a.valence + x * (b.valence - a.valence);
  if (a.scene === b.scene && a.before === b.before) {
    return { ...b, share: a.share + x * (b.share - a.share), valence };
  }
  if (b.before === a.scene && b.scene !== b.before) return { ...b, share: x * b.share, valence };
  return { ...a, share: a.share + x * (1 - a.share), valence };
}

// Where it is, and how it gets there.
let seen = { scene: PLAIN, before: PLAIN, share: 1, valence: 0 };

function apart(a, b) {
  if (a === b) return 0;
  return a === PLAIN || b === PLAIN ? facts.plain : facts.apart[a][b];
}

function steepness(s, valence) {
  // The steepest of the stretch that the place lies in and of those beside it.
  if (s === PLAIN || facts.steep[s].length === 0) return 0;
  const [k] = around(s, valence);
  return Math.max(...facts.steep[s].slice(Math.max(0, k - 1), k + 2));
}

function reach(s, valence) {
  // Where the stretches end of which the steepest counts; beyond a strip's ends nothing changes.
  if (s === PLAIN) return [-Infinity, Infinity];
  const shades = facts.strips[s];
  const [k] = around(s, valence);
  return [
    k > 1 ? shades[k - 1][1] : -Infinity,
    k + 2 < shades.length - 1 ? shades[k + 2][1] : Infinity,
  ];
}

function around(s, valence) {
  const shades = facts.strips[s];
  const last = shades.length - 1;
  if (last === 0 || valence <= shades[0][1]) return [0, 0];
  if (valence >= shades[last][1]) return [last - 1, 1];
  const k = shades.findIndex((shade) => shade[1] > valence) - 1;
  return [k, (valence - shades[k][1]) / (shades[k + 1][1] - shades[k][1])];
}

function approach(goal, seconds) {
  let left = facts.fastest * seconds * (slower.matches ? 0.2 : 1);
  if (goal && seen.share >= 1 && goal.scene !== seen.scene && ready(goal.scene)) {
    if (seen.scene === PLAIN) seen.valence = goal.valence; // nothing of it can be seen
    seen = { ...seen, before: seen.scene, scene: goal.scene, share: 0 };
  }
  if (seen.share < 1) {
    const same = goal && goal.scene === seen.scene && goal.before === seen.before;
    const to = same ? goal.share : 1;
    const most = (same ? facts.catchingUp : facts.dissolve) * seconds;
    const cost = apart(seen.before, seen.scene);
    const by = Math.max(0, Math.min(to - seen.share, most, cost > 0 ? left / cost : 1));
    left -= by * cost;
    seen.share = seen.share + by > 1 - facts.enough ? 1 : seen.share + by;
    if (seen.share === 1) seen.before = seen.scene;
  }
  const cost = Math.max(
    steepness(seen.scene, seen.valence),
    seen.share < 1 ? steepness(seen.before, seen.valence) : 0,
  );
  let most = cost > 0 ? left / cost : 2;
  if (!goal) most = Math.min(most, facts.calm * seconds);
  // What lies beyond the stretches that were looked at may be steeper than all of them.
  const [low, high] = reach(seen.scene, seen.valence);
  const [lower, higher] = seen.share < 1 ? reach(seen.before, seen.valence) : [low, high];
  const down = Math.max(seen.valence - most, low, lower);
  const up = Math.min(seen.valence + most, high, higher);
  seen.valence = Math.max(down, Math.min(up, goal ? goal.valence : 0));
}

function layers() {
  const found = [];
  const add = (s, weight) => {
    if (weight <= 0) return;
    if (s === PLAIN) {
      found.push([null, weight]);
      return;
    }
    const [k, share] = around(s, seen.valence);
    found.push([pictures[s][k], weight * (1 - share)]);
    if (share > 0) found.push([pictures[s][k + 1], weight * share]);
  };
  add(seen.before, 1 - seen.share);
  add(seen.scene, seen.share);
  return found.filter(([, weight]) => weight > 0);
}

function paint() {
  // Each over what is there already, so that all weigh what they should in the end.
  let whole = 0;
  for (const [picture, weight] of layers()) {
    whole += weight;
    brush.globalAlpha = weight / whole;
    if (picture) {
      brush.drawImage(picture, 0, 0, canvas.width, canvas.height);
    } else {
      brush.fillStyle = COLOUR;
      brush.fillRect(0, 0, canvas.width, canvas.height);
    }
  }
}

// From picture to picture of the screen.
let begun = false;
let last = null;
let refresh = 1 / 60;
let shown = "";

function step(time) {
  requestAnimationFrame(step);
  const passed = last === null ? 0 : time / 1000 - last;
  last = time / 1000;
  if (passed > 0.004 && passed < 0.04) refresh += 0.05 * (passed - refresh);
  if (!begun || offset === null) return;
  // What is painted now is seen with the screen's next refresh.
  const now = here() + offset;
  approach(wished(now + refresh), Math.min(LONGEST, passed));
  const all = [seen.scene, seen.before, seen.share.toFixed(3), seen.valence.toFixed(3)].join(" ");
  if (all === shown) return;
  shown = all;
  paint();
  painted.push([now + refresh, seen.scene, seen.share, seen.valence]);
  if (painted.length > 4096) painted.shift();
}

document.getElementById("begin").addEventListener("click", () => {
  document.getElementById("notice").hidden = true;
  document.body.classList.add("begun");
  begun = true;
  // A browser may refuse both; the pictures are seen all the same.
  document.documentElement.requestFullscreen?.().catch(() => {});
  navigator.wakeLock?.request("screen").catch(() => {});
});
brush.fillStyle = COLOUR;
brush.fillRect(0, 0, canvas.width, canvas.height);
keepTime();
fetchAll();
listen();
requestAnimationFrame(step);

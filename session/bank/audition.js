"use strict";
// What is said of clips and scenes: kept by the server, shown here, never guessed.
const facts = JSON.parse(document.getElementById("bank").textContent);
const items = [...document.querySelectorAll(".item")];
const news = document.getElementById("news");
const ENOUGH = 8; // seconds after which a clip counts as heard
const SAID = new Map([[true, "approved"], [false, "rejected"], [null, "not yet"]]);
const PACE = 4000; // milliseconds between two looks at what others have said
let role = null;
let things = {};

function tell(words, refused = false) {
  if (news.textContent !== words) news.textContent = words; // else it would be read out again
  news.classList.toggle("refused", refused);
}

async function ask(path, body) {
  const options = body && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    tell("Nobody answers any more: start `rym bank show` again, nothing new is kept.", true);
    return null;
  }
  const told = await answer.json();
  if (told.error) tell(`${told.error} ${told.remedy}`, true);
  if (told.things) take(told);
  return told;
}

function take(told) {
  things = told.things;
  const stale = told.content !== facts.content;
  for (const item of items) show(item);
  for (const count of document.querySelectorAll("[data-count]")) {
    const all = Object.values(things);
    const n = all.filter((thing) => thing[count.dataset.count] === true).length;
    count.textContent = `${count.dataset.count}: ${n} of ${all.length} approved`;
  }
  if (stale) tell("The bank was made again since this page was loaded. Load the page again.", true);
  count();
}

function fresh(item) {
  const thing = things[item.dataset.name];
  return thing !== undefined && thing.sha256 === item.dataset.sha;
}

function show(item) {
  const thing = things[item.dataset.name];
  const able = fresh(item);
  item.classList.toggle("stale", !able);
  for (const line of item.querySelectorAll("[data-by]")) {
    const said = able ? SAID.get(thing[line.dataset.by]) : "not yet";
    const mark = line.querySelector("b");
    mark.textContent = said;
    mark.className = said.replace(" ", "-");
  }
  item.querySelector(".wish").textContent = able && thing.wished ? "to be made again" : "";
  const mine = able && role ? thing[role] : null;
  const pressed = { yes: mine === true, no: mine === false, again: able && thing.wished };
  for (const button of item.querySelectorAll("[data-say]")) {
    const what = button.dataset.say;
    button.setAttribute("aria-pressed", String(pressed[what]));
    const needs = what === "again" || (role && !("broken" in button.dataset));
    button.disabled = !able || !needs;
    button.title = what === "again" || role ? "" : "Choose first who decides.";
  }
}

// -- what was heard and seen ----------------------------------------------------------------------

const kept = JSON.parse(sessionStorage.getItem("heard") || "{}");

function key(item) {
  return `${role || ""}:${item.dataset.sha}`;
}

function heard(item, seconds, whole) {
  const before = kept[key(item)] || 0;
  if (before >= 1) return;
  kept[key(item)] = Math.min(1, before + seconds / Math.min(ENOUGH, whole * 0.95));
  sessionStorage.setItem("heard", JSON.stringify(kept));
  if (kept[key(item)] >= 1) count();
}

function give(item, to, share) {
  // Given away once: the next role after another load has not heard it.
  const theirs = `${to}:${item.dataset.sha}`;
  delete kept[key(item)];
  kept[theirs] = Math.max(kept[theirs] || 0, share);
}

function waiting() {
  const open = (item) => fresh(item) && things[item.dataset.name][role] === null;
  const able = (item) => !item.querySelector("[data-broken]");
  return items.filter((item) => role && open(item) && able(item) && kept[key(item)] >= 1);
}

function count() {
  for (const item of items) {
    const word = item.querySelector("canvas") ? "seen" : "heard";
    item.querySelector(".ear").textContent = kept[key(item)] >= 1 ? word : "";
  }
  const n = waiting().length;
  const all = document.getElementById("all");
  all.disabled = n === 0;
  all.textContent = "Approve all that I have heard" + (n ? ` (${n})` : "");
}

// -- saying it ------------------------------------------------------------------------------------

function judgement(item, approved) {
  return { name: item.dataset.name, sha256: item.dataset.sha, approved };
}

async function judge(said) {
  const told = await ask("judge", { by: role, said });
  if (!told || told.error) return;
  if (told.refused.length) tell(told.refused.join(" "), true);
  else if (said.length > 1) tell(`${said.length} approved by the ${role}.`);
}

function listen(item) {
  for (const button of item.querySelectorAll("[data-say]")) {
    button.addEventListener("click", () => {
      const { name, sha } = item.dataset;
      if (button.dataset.say === "again") {
        const wish = button.getAttribute("aria-pressed") !== "true";
        ask("again", { name, sha256: sha, wish }).then((told) => {
          if (told && told.things && wish) tell("It is made again by the next `rym bank build`.");
        });
      } else judge([judgement(item, button.dataset.say === "yes")]);
    });
  }
}

items.forEach(listen);
document.getElementById("all").addEventListener("click", () => {
  judge(waiting().map((item) => judgement(item, true)));
});
for (const choice of document.querySelectorAll("[name=role]")) {
  choice.checked = false;
  choice.addEventListener("change", () => {
    if (role === null) {
      // What was heard before anybody had said who listens was heard by this one.
      for (const item of items) {
        const before = kept[key(item)];
        if (before) give(item, choice.value, before);
      }
      sessionStorage.setItem("heard", JSON.stringify(kept));
    }
    role = choice.value;
    items.forEach(show);
    count();
  });
}
const look = () => document.visibilityState === "visible" && ask("state");
setInterval(look, PACE);
document.addEventListener("visibilitychange", look);

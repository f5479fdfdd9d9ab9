// The moderators' desk: one comment at a time, decided by keys.

import { ask } from "./api.js";
import { legend, scoreRow, shadedText, strongestWords } from "./cards.js";
import { $, h, pretty, say, shown, store, stored, warn } from "./dom.js";

let labels = [];
let comments = [];
let chosen = new Set();
let last = null;
let correcting = false;
let done = 0;
let waiting = null;
let busy = false;
let explanation = null;

const current = () => comments[0];
const key = (letter) => h("kbd", {}, letter);

function nothing(text) {
  $("desk").replaceChildren(h("div", { class: "nothing" }, h("p", { class: "welcome-head" }, text),
    h("p", {}, done ? `You decided ${done}.` : "Say who you are, and get comments from the queue."), undoButton()));
}

function undoButton() {
  return last ? h("button", { type: "button", class: "quiet", onclick: undo }, key("U"), " Correct the last one") : null;
}

function draw() {
  const comment = current();
  explanation = null;
  $("who").classList.toggle("busy-desk", Boolean(comment));
  if (!comment) {
    nothing(done ? "Nothing is waiting any more." : "Nothing is waiting.");
    return;
  }
  const text = h("p", { class: "text", dir: "auto", id: "desk-text" }, shown(comment.text));
  const scores = Object.entries(comment.probabilities).map(([label, probability]) => scoreRow(label, { probability }));
  const buttons = labels.map((label, place) => h("button", {
    type: "button", class: `pick label-${label}`, "aria-pressed": String(chosen.has(label)), "data-label": label,
    onclick: () => toggle(label),
  }, key(place + 1), h("i", { class: "swatch", "aria-hidden": "true" }), pretty(label)));
  const left = waiting === null ? comments.length : Math.max(waiting - done, comments.length);
  const facts = [`Group ${comment.group}`, comment.copies > 1 ? `${comment.copies} copies` : null,
    comment.second ? "second opinion" : null, correcting ? "correcting your last decision" : null];
  $("desk").replaceChildren(
    h("p", { class: "progress" }, h("b", {}, String(done)), " decided, ", h("b", { id: "left" }, String(left)), " waiting"),
    h("article", { class: "case", tabindex: "-1", id: "case", "aria-labelledby": "desk-text" },
      h("p", { class: "small facts" }, facts.filter(Boolean).join(" · ")), text,
      h("div", { id: "case-legend" }),
      h("ul", { class: "scores", id: "case-scores", hidden: !$("scores").checked }, scores)),
    h("div", { class: "picks", role: "group", "aria-label": "What it would be rejected for" }, buttons),
    h("div", { class: "acts" },
      h("button", { type: "button", class: "act accept", id: "accept", onclick: () => decide("accept") }, key("A"), " Accept"),
      h("button", { type: "button", class: "act reject", id: "reject", onclick: () => decide("reject") }, key("R"), " Reject"),
      h("button", { type: "button", class: "act", id: "skip", onclick: skip }, key("S"), " Skip"),
      h("button", { type: "button", class: "act", id: "explain", onclick: explain }, key("W"), " Why"),
      undoButton()));
  $("case").focus();
}

function toggle(label) {
  if (chosen.has(label)) chosen.delete(label);
  else chosen.add(label);
  document.querySelectorAll(".pick").forEach((button) => {
    button.setAttribute("aria-pressed", String(chosen.has(button.dataset.label)));
  });
  say(chosen.size ? `For ${[...chosen].map(pretty).join(", ")}` : "No label chosen");
}

async function decide(verdict) {
  const comment = current();
  if (!comment || busy) return;
  if (verdict === "reject" && !chosen.size) {
    warn("Choose what it is rejected for: keys 1 to 6, then R.");
    document.querySelector(".pick")?.focus();
    return;
  }
  busy = true;
  const body = { comment_id: comment.comment_id, moderator: $("moderator").value, verdict, correct: correcting };
  body.labels = verdict === "reject" ? labels.filter((label) => chosen.has(label)) : [];
  try {
    await ask("v1/decisions", body);
    warn("");
    if (!correcting) done += 1;
    last = comment;
    next(verdict === "accept" ? "Accepted" : `Rejected for ${body.labels.map(pretty).join(", ")}`);
  } catch (error) {
    warn(error.message);
    if (error.status === 409 || error.status === 404) next("Not decided");
  } finally {
    busy = false;
  }
}

function next(told) {
  comments.shift();
  chosen = new Set();
  correcting = false;
  say(`${told}. ${comments.length} left here.`);
  if (comments.length) draw();
  else fetchMore();
}

function skip() {
  if (comments.length > 1) comments.push(comments.shift());
  chosen = new Set();
  correcting = false;
  draw();
  say("Skipped.");
}

function undo() {
  if (!last || busy || correcting) return;
  comments.unshift(last);
  last = null;
  chosen = new Set();
  correcting = true;
  draw();
  say("The last comment is back: decide it again.");
}

async function explain() {
  const comment = current();
  if (!comment || !comment.text.trim()) return;
  const [label] = Object.entries(comment.probabilities).sort((one, other) => other[1] - one[1])[0];
  try {
    const found = explanation || (await ask("v1/explain", { text: comment.text, labels: [label] })).explanations.at(-1);
    if (comment !== current()) return;
    explanation = found;
    $("desk-text").replaceChildren(...shadedText(comment.text, found, label));
    $("case-legend").replaceChildren(legend(found, label));
    say(`Words for ${pretty(label)}: ${strongestWords(found, label).join(", ") || "none"}`);
  } catch (error) {
    warn(error.message);
  }
}

async function fetchMore() {
  const query = new URLSearchParams({ moderator: $("moderator").value, order: $("order").value, limit: "20" });
  if ($("queue-group").value) query.set("group", $("queue-group").value);
  try {
    const found = await ask(`v1/queue?${query}`);
    comments = found.comments;
    waiting = found.waiting === null ? null : found.waiting + done;
    draw();
    say(comments.length ? `${comments.length} comments are yours.` : "Nothing is waiting.");
  } catch (error) {
    warn(error.message);
    if (error.status === 401) $("about").showModal();
  }
}

function pressed(event) {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "checkbox";
  if ($("queue").hidden || typing || event.ctrlKey || event.metaKey || event.altKey || $("about").open) return;
  const letter = event.key.toLowerCase();
  const acts = { a: () => decide("accept"), r: () => decide("reject"), s: skip, u: undo, w: explain, v: () => $("scores").click() };
  const act = acts[letter] || (letter >= "1" && letter <= String(labels.length) ? () => toggle(labels[Number(letter) - 1]) : null);
  if (!act) return;
  event.preventDefault();
  act();
}

export function prepareQueue() {
  $("moderator").value = stored("moderator", "");
  $("scores").checked = stored("scores", false);
  $("scores").addEventListener("change", () => {
    store("scores", $("scores").checked);
    const box = $("case-scores");
    if (box) box.hidden = !$("scores").checked;
  });
  $("who").addEventListener("submit", (event) => {
    event.preventDefault();
    store("moderator", $("moderator").value);
    done = 0;
    last = null;
    fetchMore();
  });
  document.addEventListener("keydown", pressed);
  nothing("Nobody is at the desk.");
}

export function startQueue(info) {
  labels = info.models[0].labels;
  $("queue-group-box").hidden = info.groups.length < 2;
  const groups = info.groups.length < 2 ? [] : info.groups.map((group) => h("option", { value: group }, group));
  $("queue-group").replaceChildren(h("option", { value: "" }, "all"), ...groups);
  $("who").hidden = !info.database;
  if (!info.database) {
    $("desk").replaceChildren(h("div", { class: "nothing" }, h("p", { class: "welcome-head" }, "There is no queue here."),
      h("p", {}, "Start the service with ", h("code", {}, "--database build/moderation.db"), ", and uncertain comments wait here for a person.")));
  }
}

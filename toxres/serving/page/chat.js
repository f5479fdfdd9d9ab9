// The conversation: a comment, what every model says of it, the verdict, and the words that count.

import { ask } from "./api.js";
import { agreement, legend, modelCard, shadedText, strongestWords, verdictPill, VERDICTS } from "./cards.js";
import { $, download, h, percent, pretty, say, shown, store, stored, warn } from "./dom.js";

const EXAMPLES = [
  "Thanks for fixing the table, it reads much better now.",
  "You are a fool, and your edit is rubbish.",
  "Nobody should ever say \u201cyou are an idiot\u201d to a newcomer here.",
  "If you touch my page again, I will come and find you.",
  "What the hell, this map is brilliant!",
  "People from that valley are all liars and thieves.",
];
const MOST = 100;
const QUICK = 120; // words up to which an explanation is fetched unasked

let history = [];
let service = null;

const rule = (reason) => {
  if (reason.rule === "always_review") return `${pretty(reason.label)} ${percent(reason.probability)}: always for a person`;
  const points = Math.abs(100 * reason.distance);
  const far = points < 1 ? "just" : `${points.toFixed(0)} points`;
  const side = reason.distance === null ? "" : `, ${far} ${reason.distance >= 0 ? "above" : "below"} ${percent(reason.threshold)}`;
  return `${pretty(reason.label)} ${percent(reason.probability)}${side}`;
};

function why(result) {
  const first = result.reasons[0];
  if (!first) return "";
  if (first.rule === "unknown_group" || first.rule === "no_promise") return "nothing can be promised here, so a person decides";
  return result.reasons.filter((each) => each.rule === "always_review" || each.distance >= 0).slice(0, 3).map(rule).join("; ") || rule(first);
}

function entryCard(entry) {
  const { result } = entry;
  const text = h("p", { class: "text", dir: "auto" }, shown(entry.text));
  const legendBox = h("div", { class: "legend-box" });
  const card = h("article", { class: "message", "aria-label": `Comment: ${entry.text.slice(0, 60)}` });
  let explanations = null;

  const pressed = (key) => card.querySelectorAll(".score").forEach((row) => {
    row.setAttribute("aria-pressed", String(row.dataset.key === key));
  });
  const show = (model, label) => {
    const found = explanations.find((each) => each.model === model);
    text.replaceChildren(...shadedText(entry.text, found, label));
    legendBox.replaceChildren(legend(found, label));
    pressed(`${model}/${label}`);
    const words = strongestWords(found, label);
    say(words.length ? `Words for ${pretty(label)}: ${words.join(", ")}` : `No word raises ${pretty(label)} much.`);
  };
  const pick = async (model, label) => {
    try {
      if (!explanations) {
        legendBox.replaceChildren(h("p", { class: "small" }, "Asking word by word…"));
        explanations = (await ask("v1/explain", { text: entry.text })).explanations;
      }
      show(model, label);
    } catch (error) {
      legendBox.replaceChildren();
      warn(error.message);
    }
  };
  card.append(h("div", { class: "bubble" }, text));
  const stored_ = result.stored ? h("span", { class: "small" }, " recorded") : null;
  card.append(h("div", { class: "answer" },
    h("p", { class: "decided" }, verdictPill(result.verdict), h("span", { class: "why" }, why(result)), stored_),
    h("div", { class: "models" }, result.models.map((scores) => modelCard(scores, entry.text.trim() ? pick : null))),
    agreement(result.models), legendBox));
  card.explain = () => {
    const scores = result.models.find((each) => each.model === result.model) || result.models[0];
    const [label] = Object.entries(scores.labels).sort((one, other) => other[1].probability - one[1].probability)[0];
    if (entry.text.trim() && entry.text.split(/\s+/).length <= QUICK) return pick(scores.model, label);
    return null;
  };
  return card;
}

function draw(entry) {
  $("welcome").hidden = true;
  const card = entryCard(entry);
  $("messages").append(card);
  return card;
}

function keep() {
  history = history.slice(-MOST);
  while (!store("history", history) && history.length) history.shift();
}

function settle(card) {
  const fits = card.offsetHeight <= $("messages").clientHeight;
  card.scrollIntoView({ block: fits ? "end" : "start", behavior: "smooth" });
}

async function send(texts) {
  const busy = h("p", { class: "busy" }, texts.length > 1 ? `Scoring ${texts.length} comments…` : "Scoring…");
  $("welcome").hidden = true;
  $("messages").append(busy);
  busy.scrollIntoView({ block: "end" });
  try {
    const size = Math.min(16, service?.limits?.comments || 16);
    for (let start = 0; start < texts.length; start += size) {
      const part = texts.slice(start, start + size);
      const body = {
        comments: part.map((text) => ({ text })), predictions: true, spans: "none", store: $("store").checked,
      };
      if ($("group").value) body.group = $("group").value;
      const found = await ask("v1/moderate", body);
      busy.remove();
      let card = null;
      found.results.forEach((result, place) => {
        const entry = { text: part[place], time: new Date().toISOString(), result };
        history.push(entry);
        card = draw(entry);
      });
      keep();
      settle(card);
      const { verdict, models } = found.results.at(-1);
      say(`${VERDICTS[verdict][0]}. ${models.map((each) => `${each.model}: ${Object.entries(each.labels).filter(([, score]) => score.decision).map(([label]) => pretty(label)).join(", ") || "no label"}`).join("; ")}`);
      if (texts.length === 1) {
        // The next comment need not wait for the words of this one.
        card.explain().then(() => card.isConnected && !card.nextElementSibling && settle(card), (error) => warn(error.message));
      }
    }
    warn("");
    return true;
  } catch (error) {
    warn(error.message);
    if (error.status === 401) $("about").showModal();
    return false;
  } finally {
    busy.remove();
    $("welcome").hidden = history.length > 0;
  }
}

const cell = (value) => {
  const text = String(value ?? "");
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text; // a spreadsheet must not take a comment for a formula
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

export function asCsv(entries) {
  const rows = [["time", "text", "verdict", "group", "model", "version", "label", "probability", "threshold", "decision"]];
  entries.forEach(({ time, text, result }) => result.models.forEach((each) => {
    Object.entries(each.labels).forEach(([label, score]) => {
      rows.push([time, text, result.verdict, result.group, each.model, each.version, label, score.probability, score.threshold, score.decision]);
    });
  }));
  return rows.map((row) => row.map(cell).join(",")).join("\r\n");
}

function grow() {
  const box = $("text");
  box.style.blockSize = "auto";
  box.style.blockSize = `${Math.min(box.scrollHeight + 2, 240)}px`;
}

export function startChat(info) {
  service = info;
  $("group-box").hidden = info.groups.length < 2;
  $("group").replaceChildren(...(info.groups.length < 2 ? [] : info.groups.map((group) => h("option", { value: group }, group))));
  $("store-box").hidden = !info.database;
}

export function prepareChat() {
  EXAMPLES.forEach((example) => $("examples").append(
    h("li", {}, h("button", { type: "button", onclick: () => send([example]) }, example))));
  history = stored("history", []).filter((entry) => entry?.result?.models && typeof entry.text === "string");
  history.forEach(draw);
  $("messages").scrollTop = $("messages").scrollHeight;
  $("text").addEventListener("input", grow);
  $("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      $("composer").requestSubmit();
    }
  });
  $("composer").addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = $("text").value;
    const texts = $("lines").checked ? text.split(/\r?\n/).filter((line) => line.trim()) : [text];
    if (!texts.length || !text.trim() || $("send").disabled) return;
    $("send").disabled = true;
    $("text").value = "";
    grow();
    if (!(await send(texts))) $("text").value ||= text;
    $("send").disabled = false;
    grow();
    $("text").focus();
  });
  $("export").addEventListener("click", () => {
    if (!history.length) {
      warn("There is no history to export yet.");
      return;
    }
    const name = `toxres-${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}`;
    download(`${name}.csv`, "text/csv", asCsv(history));
    download(`${name}.json`, "application/json", JSON.stringify(history, null, 2));
    say(`${history.length} comments exported as CSV and JSON.`);
  });
  $("clear").addEventListener("click", () => {
    history = [];
    keep();
    document.querySelectorAll(".message").forEach((card) => card.remove());
    $("welcome").hidden = false;
    say("The history is cleared.");
    $("text").focus();
  });
}

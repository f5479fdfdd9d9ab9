// What the models say, drawn: bars with thresholds, verdicts, shaded words.

import { h, percent, pretty, shown } from "./dom.js";

const LEVELS = 8;
const LEAST = 2; // logits that the deepest shade stands for at least, so that little does not look like much

export const VERDICTS = {
  accept: ["Accept", "✓"],
  uncertain: ["Ask a person", "?"],
  reject: ["Reject", "✕"],
};

export function verdictPill(verdict) {
  const [word, sign] = VERDICTS[verdict];
  return h("strong", { class: `verdict verdict-${verdict}` }, h("span", { "aria-hidden": "true" }, sign), ` ${word}`);
}

export function bar(probability, threshold) {
  const fill = h("i", { class: "fill" });
  fill.style.inlineSize = `${100 * probability}%`;
  const track = h("span", { class: "track", "aria-hidden": "true" }, fill);
  if (threshold !== undefined) {
    const tick = h("b", { class: "tick" });
    tick.style.insetInlineStart = `${100 * threshold}%`;
    track.append(tick);
  }
  return track;
}

export function scoreRow(label, score, pick) {
  const told = score.decision === undefined ? "" : score.decision ? ", given" : ", not given";
  const limit = score.threshold === undefined ? "" : `, threshold ${percent(score.threshold)}`;
  const inside = [
    h("span", { class: "name" }, h("i", { class: "swatch", "aria-hidden": "true" }), pretty(label)),
    bar(score.probability, score.threshold),
    h("span", { class: "value" }, percent(score.probability)),
    h("span", { class: "unseen" }, `${told}${limit}${pick ? "; show the words" : ""}`),
  ];
  const given = score.decision ? " given" : "";
  const box = pick
    ? h("button", { type: "button", class: `score label-${label}${given}`, "aria-pressed": "false", onclick: pick }, inside)
    : h("div", { class: `score label-${label}${given}` }, inside);
  return h("li", {}, box);
}

export function modelCard(scores, pick) {
  const rows = Object.entries(scores.labels).map(([label, score]) => {
    const row = scoreRow(label, score, pick && (() => pick(scores.model, label)));
    row.firstChild.dataset.key = `${scores.model}/${label}`;
    return row;
  });
  const windows = scores.windows > 1
    ? h("p", { class: "small" }, `Read in ${scores.windows} overlapping windows; each bar is the highest of them.`)
    : null;
  return h("section", { class: "model", "aria-label": `Model ${scores.model}` },
    h("h4", {}, scores.model, " ", h("span", { class: "small mono" }, scores.version)),
    h("ul", { class: "scores" }, rows), windows);
}

export function agreement(models) {
  if (models.length < 2) return null;
  const sets = models.map((each) => new Set(Object.keys(each.labels).filter((label) => each.labels[label].decision)));
  const all = Object.keys(models[0].labels);
  const agreed = all.filter((label) => sets.every((set) => set.has(label)));
  const split = all.filter((label) => sets.some((set) => set.has(label)) && !sets.every((set) => set.has(label)));
  const words = (labels) => labels.map(pretty).join(", ");
  const both = models.length === 2 ? "Both" : "All";
  if (!agreed.length && !split.length) return h("p", { class: "agree" }, models.length === 2 ? "Neither model gives a label." : "No model gives a label.");
  return h("p", { class: "agree" },
    agreed.length ? [`${both} give `, h("b", {}, words(agreed)), ". "] : null,
    split.length ? ["They differ on ", h("b", { class: "differ" }, words(split)), "."] : null);
}

export function shadedText(text, explanation, label) {
  if (!explanation) return shown(text);
  const letters = Array.from(explanation.text);
  const column = explanation.labels.indexOf(label);
  const values = explanation.attributions.map((row) => row[column]);
  const signed = explanation.method !== "attention";
  const limit = Math.max(signed ? LEAST : 0, ...values.map(Math.abs));
  const parts = [];
  let place = 0;
  explanation.words.forEach(([start, end], word) => {
    if (start > place) parts.push(...shown(letters.slice(place, start).join("")));
    const level = limit > 0 ? Math.round((LEVELS * values[word]) / limit) : 0;
    const shade = level === 0 ? "" : ` ${level > 0 ? "o" : "b"}${Math.abs(level)}`;
    const title = explanation.read[word] ? `${values[word] >= 0 ? "+" : "−"}${Math.abs(values[word]).toFixed(2)}` : "not asked about";
    parts.push(h("span", { class: `word${shade}${explanation.read[word] ? "" : " unread"}`, title }, shown(letters.slice(start, end).join(""))));
    place = end;
  });
  if (place < letters.length) parts.push(...shown(letters.slice(place).join("")));
  return parts;
}

export function legend(explanation, label) {
  const column = explanation.labels.indexOf(label);
  const limit = Math.max(LEAST, ...explanation.attributions.map((row) => Math.abs(row[column])));
  const shades = [];
  for (let level = -LEVELS; level <= LEVELS; level += 1) {
    shades.push(h("i", { class: level === 0 ? "" : `${level > 0 ? "o" : "b"}${Math.abs(level)}` }));
  }
  return h("div", { class: "legend small" },
    h("span", {}, "Words for ", h("b", {}, pretty(label)), ` by ${explanation.model}`),
    h("span", { class: "scale" }, h("span", {}, `−${limit.toFixed(1)} lowers`),
      h("span", { class: "shades", "aria-hidden": "true" }, shades), h("span", {}, `raises +${limit.toFixed(1)}`)),
    explanation.note ? h("span", {}, `Careful: ${explanation.note}.`) : null);
}

export function strongestWords(explanation, label) {
  const column = explanation.labels.indexOf(label);
  return explanation.word_texts
    .map((word, place) => [word, explanation.attributions[place][column]])
    .filter(([, value]) => value > 0.05)
    .sort((one, other) => other[1] - one[1])
    .slice(0, 3)
    .map(([word]) => word);
}

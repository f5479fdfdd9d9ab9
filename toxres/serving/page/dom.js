// Elements without markup: whatever comes from a comment is text, never HTML.

export const $ = (id) => document.getElementById(id);

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const percent = (value) => {
  const rounded = Math.round(100 * value);
  if (value > 0 && rounded === 0) return "<1%";
  return value < 1 && rounded === 100 ? ">99%" : `${rounded}%`;
};

export const pretty = (label) => label.replaceAll("_", " ");

export function say(text) {
  $("status").textContent = text;
}

let hiding = 0;

export function warn(text) {
  const box = $("alert");
  box.textContent = text;
  box.hidden = !text;
  clearTimeout(hiding);
  if (text) hiding = setTimeout(() => { box.hidden = true; }, 12000);
}

// Characters that show nothing, or that turn the text around them, as chips with their code points.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
const JOINS = /[\u200c\u200d]/;

export function shown(text) {
  const parts = [];
  let plain = "";
  const letters = Array.from(text);
  letters.forEach((letter, place) => {
    const joins = JOINS.test(letter) && place > 0 && /[\p{L}\p{M}\p{So}\ufe0f\u{1f3fb}-\u{1f3ff}]/u.test(letters[place - 1]);
    if (letter === "\n" || letter === "\t" || joins || !HIDDEN.test(letter)) {
      plain += letter;
      return;
    }
    if (letter === "\r") return;
    if (plain) parts.push(plain);
    plain = "";
    const code = `U+${letter.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
    parts.push(h("span", { class: "chip", title: "a character that would not show" }, code));
  });
  if (plain) parts.push(plain);
  return parts;
}

export function stored(name, fallback) {
  try {
    const value = JSON.parse(localStorage.getItem(`toxres.${name}`));
    return value === null ? fallback : value;
  } catch {
    return fallback;
  }
}

export function store(name, value) {
  try {
    localStorage.setItem(`toxres.${name}`, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

export function download(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = h("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

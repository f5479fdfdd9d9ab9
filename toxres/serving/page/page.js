// The page: its views, what is served, and the key.

import { ask, useKey } from "./api.js";
import { prepareChat, startChat } from "./chat.js";
import { $, h, percent, pretty, warn } from "./dom.js";
import { prepareQueue, startQueue } from "./queue.js";

const VIEWS = ["chat", "queue"];

function view(name, focus = false) {
  VIEWS.forEach((each) => {
    const tab = $(`tab-${each}`);
    $(each).hidden = each !== name;
    tab.setAttribute("aria-selected", String(each === name));
    tab.tabIndex = each === name ? 0 : -1;
    if (focus && each === name) tab.focus();
  });
  window.history.replaceState(null, "", name === "chat" ? window.location.pathname : `#${name}`);
}

function tabs() {
  VIEWS.forEach((name, place) => {
    $(`tab-${name}`).addEventListener("click", () => view(name));
    $(`tab-${name}`).addEventListener("keydown", (event) => {
      if (event.key !== "ArrowRight" && event.key !== "ArrowLeft") return;
      event.preventDefault();
      view(VIEWS[(place + 1) % VIEWS.length], true);
    });
  });
  view(window.location.hash === "#queue" ? "queue" : "chat");
}

function about(info) {
  const models = info.models.map((model) => h("li", {}, h("b", {}, model.name), " ",
    h("span", { class: "small mono" }, model.version), model.decides ? " decides" : "",
    h("p", { class: "small" }, "thresholds: ", Object.entries(model.thresholds).map(([label, at]) => `${pretty(label)} ${percent(at)}`).join(", "))));
  $("about-body").replaceChildren(
    h("ul", { class: "plain" }, models),
    h("h3", {}, info.policy ? `Policy ${info.policy.name}` : "No policy"),
    h("ul", {}, info.promises.map((promise) => h("li", {}, promise))),
    h("p", { class: "small" }, "Probabilities are calibrated: of comments with 80%, four in five carry the label. A long comment is read in overlapping windows, and the highest counts."),
    h("p", {}, h("a", { href: "openapi.json" }, "The API's description"), " (OpenAPI)"));
}

async function start() {
  try {
    const info = await ask("v1/models");
    about(info);
    startChat(info);
    startQueue(info);
    document.body.dataset.ready = "true";
  } catch (error) {
    warn(error.message);
    if (error.status === 401) $("about").showModal();
  }
}

$("open-about").addEventListener("click", () => $("about").showModal());
$("key-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  useKey($("key").value.trim());
  $("about").close();
  await start();
});
tabs();
prepareChat();
prepareQueue();
start();

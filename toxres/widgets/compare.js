// The front end of `Compare`. Cards come from the kernel as HTML in which every text is escaped.

const PAUSE = 180; // milliseconds without a key before a draft is scored
const PATIENCE = 1500; // milliseconds until an answer that does not come is worth a word
let views = 0;

const make = (html) => {
  const template = document.createElement("template");
  template.innerHTML = html.trim();
  return template.content.firstElementChild;
};

const escaped = (text) => {
  const span = document.createElement("span");
  span.textContent = text;
  return span.innerHTML.replace(/"/g, "&quot;");
};

const options = (pairs) => pairs.map(([value, name]) => `<option value="${escaped(value)}">${escaped(name)}</option>`).join("");

const skeleton = (setup, id) => `
<div class="toxres-compare tc-root" data-lm-suppress-shortcuts="true">
  <div class="tc-tools" role="group" aria-label="Settings">
    <fieldset class="tc-mode"><legend>Score</legend>
      <label><input type="radio" name="${id}-mode" value="live">as I type</label>
      <label><input type="radio" name="${id}-mode" value="enter">on Enter</label></fieldset>
    <label class="tc-method">Explain by <select>${options(setup.methods)}</select></label>
    <label class="tc-group" ${setup.groups.length > 1 ? "" : "hidden"}>Group of sites
      <select>${options([["", "first known"], ...setup.groups.map((name) => [name, name])])}</select></label>
    <span class="tc-exports"><button type="button" data-act="export" data-as="csv">Export CSV</button>
      <button type="button" data-act="export" data-as="html">Export page</button>
      <button type="button" data-act="clear">Clear</button></span>
  </div>
  <details class="tc-settings"><summary>Thresholds${setup.policies ? " and policies" : ""}</summary>
    <div class="tc-thresholds"></div><button type="button" data-act="reset">Back to the tuned ones</button></details>
  <div class="tc-history" role="region" aria-label="Compared comments" tabindex="0">
    <p class="tc-empty">Write a comment below, or try one of the examples. Choose a label in a card to see which words it comes from.</p></div>
  <div class="tc-draft"></div>
  <div class="tc-examples" role="group" aria-label="Examples, written for this page">
    ${setup.examples.map((text) => `<button type="button" data-act="example" dir="auto">${escaped(text)}</button>`).join("")}</div>
  <div class="tc-compose">
    <label class="tc-write" for="${id}-text">Comment</label>
    <textarea id="${id}-text" rows="2" dir="auto" spellcheck="false" maxlength="200000"
      placeholder="Write a comment; Enter compares it, Shift+Enter is a new line" aria-describedby="${id}-keys"></textarea>
    <button type="button" class="tc-send" data-act="send">Compare</button>
    <label class="tc-lines" hidden><input type="checkbox">one comment a line</label>
  </div>
  <p class="tc-status" role="status" aria-live="polite"></p>
  <p class="tc-keys" id="${id}-keys">Esc empties the field, ↑ brings the last comment back, several pasted lines become
    a comment each. Clear leaves what is pinned. <span class="tc-saved">What stands above is saved with the notebook.</span></p>
</div>`;

function render({ model, el }) {
  const id = `tc-view-${(views += 1)}`;
  const setup = model.get("setup");
  const root = make(skeleton(setup, id));
  const find = (selector) => root.querySelector(selector);
  const [history, draft, text, status] = [".tc-history", ".tc-draft", "textarea", ".tc-status"].map(find);
  const [send, linesBox, thresholds] = [".tc-send", ".tc-lines", ".tc-thresholds"].map(find);
  const lines = linesBox.firstElementChild;
  let [timer, patience, asking, next, last, mode] = [0, 0, false, null, "", setup.mode];
  find(`.tc-mode input[value="${mode}"]`).checked = true;
  el.append(root);

  const say = (told, kind = "hint") => {
    status.textContent = told;
    status.dataset.kind = kind;
  };
  const ask = (message) => {
    clearTimeout(patience);
    patience = setTimeout(() => say("The kernel is busy; the answer comes as soon as it is free.", "busy"), PATIENCE);
    model.send(message);
  };
  const comments = () => text.value.split(/\r\n|\r|\n/).filter((line) => line.trim());
  const several = () => lines.checked && comments().length > 1;

  // One draft is asked about at a time; what is written meanwhile follows when its answer is there.
  const askDraft = () => {
    const written = mode === "live" && !several() ? text.value : "";
    if (!written.trim()) draft.replaceChildren();
    else if (asking) next = written;
    else {
      asking = true;
      ask({ act: "draft", text: written });
    }
  };
  const written = () => {
    const count = comments().length;
    linesBox.hidden = count < 2;
    send.textContent = several() ? `Compare ${count} comments` : "Compare";
    clearTimeout(timer);
    timer = setTimeout(askDraft, PAUSE);
  };
  const submit = () => {
    if (!text.value.trim()) return;
    ask({ act: "say", text: text.value, lines: several() });
    [last, next] = [text.value, null];
    text.value = "";
    lines.checked = false;
    draft.replaceChildren();
    written();
    text.focus();
  };

  const place = () => {
    const cards = [...history.querySelectorAll(".tc-turn")];
    const pinned = (card) => (card.classList.contains("tc-pinned") ? 0 : 1);
    cards.sort((a, b) => pinned(a) - pinned(b) || a.dataset.turn - b.dataset.turn);
    history.append(...cards);
    find(".tc-empty").hidden = cards.length > 0;
  };
  // A card that is replaced keeps the focus where it was.
  const keepFocus = (change) => {
    const at = history.contains(root.getRootNode().activeElement) ? root.getRootNode().activeElement : null;
    const [scrolled, where] = [history.scrollTop, at?.dataset ?? {}];
    change();
    history.scrollTop = scrolled;
    if (!at || at.isConnected) return;
    const same = [...history.querySelectorAll("button")].find(
      (b) => b.dataset.act === where.act && b.dataset.turn === where.turn && b.dataset.label === where.label,
    );
    (same ?? history).focus({ preventScroll: true });
  };
  const show = {
    all(message) {
      keepFocus(() => {
        history.querySelectorAll(".tc-turn").forEach((card) => card.remove());
        message.turns.forEach((turn) => history.append(make(turn.html)));
        place();
      });
      find(".tc-method select").value = message.method;
      find(".tc-group select").value = message.group;
      if (message.thresholds !== undefined) thresholds.innerHTML = message.thresholds;
    },
    add(message) {
      message.turns.forEach((turn) => history.append(make(turn.html)));
      history.querySelectorAll(".tc-turn").forEach((card) => {
        if (!message.kept.includes(Number(card.dataset.turn))) card.remove();
      });
      place();
      history.scrollTop = history.scrollHeight;
    },
    turn(message) {
      const old = history.querySelector(`.tc-turn[data-turn="${message.id}"]`);
      if (!old) return;
      keepFocus(() => {
        old.replaceWith(make(message.html));
        place();
      });
      const why = history.querySelector(`.tc-turn[data-turn="${message.id}"] .tc-why`);
      const below = why ? why.getBoundingClientRect().bottom - history.getBoundingClientRect().bottom : 0;
      if (below > 0) history.scrollTop += below + 8;
    },
    draft(message) {
      if (!text.value.trim() || mode !== "live" || !message.html) draft.replaceChildren();
      else draft.replaceChildren(make(message.html));
    },
    drafted() {
      asking = false;
      if (next !== null) {
        next = null;
        askDraft();
      }
    },
    status: (message) => say(message.text, message.as),
    file(message) {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([message.text], { type: `${message.type};charset=utf-8` }));
      link.download = message.name;
      root.append(link);
      link.click();
      link.remove();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    },
  };
  const hear = (message) => {
    clearTimeout(patience);
    if (status.dataset.kind === "busy") say("");
    show[message.kind]?.(message);
  };
  model.on("msg:custom", hear);

  const acts = {
    send: submit,
    example: (button) => {
      text.value = button.textContent;
      submit();
    },
    why: (b) => ask({ act: "why", turn: b.dataset.turn, label: b.dataset.label }),
    pin: (b) => ask({ act: "pin", turn: b.dataset.turn }),
    drop: (b) => ask({ act: "drop", turn: b.dataset.turn }),
    clear: () => ask({ act: "clear" }),
    reset: () => ask({ act: "reset" }),
    export: (b) => ask({ act: "export", as: b.dataset.as }),
  };
  root.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-act]");
    if (button) acts[button.dataset.act]?.(button);
  });
  text.addEventListener("input", written);
  text.addEventListener("paste", (event) => {
    const count = (event.clipboardData?.getData("text") ?? "").split(/\r\n|\r|\n/).filter((line) => line.trim()).length;
    if (count < 2) return;
    lines.checked = true;
    say(`${count} lines pasted: a comment each, unless you untick "one comment a line".`);
  });
  lines.addEventListener("change", written);
  text.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      submit();
    } else if (event.key === "Escape" && text.value) {
      text.value = "";
      written();
    } else if (event.key === "ArrowUp" && !text.value && last) {
      event.preventDefault();
      text.value = last;
      written();
    }
    event.stopPropagation();
  });
  find(".tc-mode").addEventListener("change", (event) => {
    mode = event.target.value;
    askDraft();
  });
  find(".tc-method select").addEventListener("change", (event) => ask({ act: "method", value: event.target.value }));
  find(".tc-group select").addEventListener("change", (event) => ask({ act: "group", value: event.target.value }));
  thresholds.addEventListener("input", (event) => {
    const { model: name, label } = event.target.dataset;
    if (!label) return;
    event.target.nextElementSibling.textContent = Number(event.target.value).toFixed(2);
    ask({ act: "threshold", model: name, label, value: Number(event.target.value), key: `${name} ${label}` });
  });
  thresholds.addEventListener("change", (event) => {
    const { model: name, policy } = event.target.dataset;
    if (!policy) return;
    const sides = event.target.closest(".tc-limits").querySelectorAll("input");
    const [accept, reject] = [...sides].map((side) => (side.value === "" ? null : Number(side.value)));
    ask({ act: "limits", model: name, policy, accept, reject, key: `${name} ${policy}` });
  });

  ask({ act: "hello" });
  return () => {
    model.off("msg:custom", hear);
    [timer, patience].forEach(clearTimeout);
  };
}

export default { render };

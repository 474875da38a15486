// What lies over the page: drawers and dialogs on the desk, sheets in a phone. Esc closes the one on top.

import { button, h, icon } from "./dom.js";

const open = [];

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.isComposing || open.length === 0) return;
  event.preventDefault();
  open[open.length - 1].close();
});

/** Put a node over `place` until its close() is called; the focus goes in and comes back. */
export function layer(place, node, { closed, trap = true } = {}) {
  const before = document.activeElement;
  const entry = {
    close() {
      const at = open.indexOf(entry);
      if (at < 0) return;
      open.splice(at, 1);
      node.remove();
      closed?.();
      if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    },
  };
  open.push(entry);
  place.append(node);
  if (trap) node.addEventListener("keydown", (event) => keepFocus(event, node));
  const first = node.querySelector("[autofocus]") || node.querySelector("button, input, select, textarea");
  first?.focus({ preventScroll: true });
  return entry;
}

function keepFocus(event, node) {
  if (event.key !== "Tab") return;
  const able = [...node.querySelectorAll("button, input, select, textarea, summary, a[href]")]
    .filter((one) => !one.disabled && one.offsetParent !== null);
  if (able.length === 0) return;
  const edge = event.shiftKey ? able[0] : able[able.length - 1];
  if (document.activeElement !== edge) return;
  event.preventDefault();
  (event.shiftKey ? able[able.length - 1] : able[0]).focus();
}

/** A drawer at the right of the desk (the whole width on a phone). Answers {body, close}. */
export function drawer(title, { test, closed, wide = false } = {}) {
  const body = h("div", { class: "drawer__body" });
  const close = button(icon("close"), { class: "plain", test: "drawer-close", label: "关闭", click: () => entry.close() });
  const panel = h("section", { class: `drawer ${wide ? "drawer_wide" : ""}`, role: "dialog", "aria-modal": "true", "aria-label": title, test },
    h("header", { class: "drawer__head" }, h("h2", {}, title), close), body);
  const shade = h("div", { class: "shade shade_drawer", on: { click: (event) => event.target === shade && entry.close() } }, panel);
  const entry = layer(document.getElementById("layer"), shade, { closed });
  return { body, close: entry.close };
}

/** A question in the middle of the page; answers true or false. */
export function ask(title, text, yes, { test, bad = false } = {}) {
  return new Promise((resolve) => {
    let answer = false;
    const choose = (value) => () => { answer = value; entry.close(); };
    const box = h("div", { class: "dialog", role: "alertdialog", "aria-modal": "true", "aria-label": title, test },
      h("h2", { class: "dialog__title" }, title), h("p", { class: "dialog__text" }, text),
      h("div", { class: "dialog__foot" },
        button("取消", { class: "dialog__button", test: `${test}-cancel`, click: choose(false) }),
        button(yes, { class: `dialog__button ${bad ? "bad" : "good"}`, test: `${test}-yes`, click: choose(true) })));
    const shade = h("div", { class: "shade shade_centre" }, box);
    const entry = layer(document.getElementById("layer"), shade, { closed: () => resolve(answer) });
  });
}

/** A sheet that comes up from the foot of a phone. Answers {body, close}. */
export function sheet(place, title, { test, closed } = {}) {
  const body = h("div", { class: "sheet__body" });
  const close = button(icon("close"), { class: "plain", test: "sheet-close", label: "关闭", click: () => entry.close() });
  const panel = h("section", { class: "sheet", role: "dialog", "aria-label": title, test },
    h("header", { class: "sheet__head" }, h("h2", {}, title), close), body);
  const shade = h("div", { class: "phone__shade", on: { click: (event) => event.target === shade && entry.close() } }, panel);
  const entry = layer(place, shade, { closed });
  return { body, close: entry.close };
}

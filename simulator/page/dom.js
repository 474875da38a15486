// Small tools for making elements. Words from outside only ever become text nodes or checked attributes.

const SVG = "http://www.w3.org/2000/svg";

/** An element. `test` becomes data-test, `on` holds listeners, `data` data-attributes; false and null are left out. */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) set(node, name, value);
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

function set(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "class") node.className = value;
  else if (name === "test") node.dataset.test = value;
  else if (name === "data") Object.assign(node.dataset, value);
  else if (name === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
  else if (name === "value" || name === "checked") node[name] = value;
  else node.setAttribute(name, value === true ? "" : value);
}

/** An icon of icons.svg; it is decoration, the button that holds it carries the label. */
export function icon(name, className = "icon") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `icons.svg#${name}`);
  svg.append(use);
  return svg;
}

/** A button with text or an icon; `label` is what a screen reader says when there is no text. */
export function button(content, { class: className = "", test, label, click, ...rest } = {}) {
  const props = { type: "button", class: className, test, "aria-label": label, title: label, on: click ? { click } : {}, ...rest };
  return h("button", props, content);
}

/** A labelled input line of a form. */
export function field(label, input) {
  return h("label", { class: "field" }, h("span", { class: "field__label" }, label), input);
}

const COLOURS = ["#5b8def", "#e08a3c", "#4aa36b", "#b36bc9", "#d9635f", "#3f9fb5", "#8a7a5c", "#6f7bd0"];

/** A square with the first character of a name (drawn by the style sheet, it is no text), in a colour that stays the same. */
export function avatar(name, { account = false } = {}) {
  const node = h("span", { class: "avatar", "aria-hidden": "true", data: { face: Array.from(name || "?")[0] } });
  const sum = Array.from(name || "?").reduce((total, sign) => total + sign.codePointAt(0), 0);
  node.style.backgroundColor = account ? "#07a35a" : COLOURS[sum % COLOURS.length];
  return node;
}

let hiding = 0;

/** A short sentence at the foot of the page. */
export function toast(text, bad = false, ms = bad ? 6000 : 2600) {
  const node = document.getElementById("toast");
  node.textContent = text;
  node.classList.toggle("toast_bad", bad);
  node.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { node.hidden = true; }, ms);
}

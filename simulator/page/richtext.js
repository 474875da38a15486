// Text of a message: links, choices (weixin://bizmsgmenu) and mini-program links inside it, as WeChat shows them.

import { h } from "./dom.js";

const ANCHOR = /<a\b([^>]*)>([\s\S]*?)<\/a>/gi;
const ATTRIBUTE = /([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/g;
const BARE_URL = /https?:\/\/[^\s<>"'，。；！？）】》、]+/g;
const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'" };

function attributes(text) {
  const found = {};
  for (const [, name, double, single, bare] of text.matchAll(ATTRIBUTE)) {
    const value = double ?? single ?? bare ?? "";
    found[name.toLowerCase()] = value.replace(/&(amp|lt|gt|quot|#39);/g, (entity) => ENTITIES[entity]);
  }
  return found;
}

/** Split a text into plain strings and {kind, text, ...} parts. */
export function parts(text) {
  const found = [];
  let end = 0;
  for (const match of text.matchAll(ANCHOR)) {
    found.push(...bare(text.slice(end, match.index)), anchor(attributes(match[1]), match[2]));
    end = match.index + match[0].length;
  }
  found.push(...bare(text.slice(end)));
  return found.filter((part) => part !== "");
}

function bare(text) {
  const found = [];
  let end = 0;
  for (const match of text.matchAll(BARE_URL)) {
    found.push(text.slice(end, match.index), { kind: "link", text: match[0], url: match[0] });
    end = match.index + match[0].length;
  }
  return [...found, text.slice(end)];
}

function anchor(values, text) {
  const href = (values.href || "").trim();
  if (values["data-miniprogram-appid"]) {
    return { kind: "mini", text, appid: values["data-miniprogram-appid"], path: values["data-miniprogram-path"] || "" };
  }
  if (/^weixin:\/\/bizmsgmenu\?/i.test(href)) {
    const query = new URLSearchParams(href.slice(href.indexOf("?") + 1));
    return { kind: "choice", text, id: query.get("msgmenuid") || "", content: query.get("msgmenucontent") || text };
  }
  return /^(https?:)?\/\/|^\/(?!\/)/i.test(href) ? { kind: "link", text, url: href } : text;
}

/** Nodes of a text; `acts` holds open(url), choose(id, content), mini(appid, path). */
export function richText(text, acts) {
  return parts(text).map((part) => {
    if (typeof part === "string") return part;
    if (part.kind === "choice") {
      const click = () => acts.choose(part.id, part.content);
      return inline("choice", part.text, { menuId: part.id }, click);
    }
    const click = () => (part.kind === "mini" ? acts.mini(part.appid, part.path) : acts.open(part.url));
    return inline("link", part.text, { url: part.url || part.path }, click);
  });
}

/** Words to tap inside a line. No button element: a button is a block of its own and would break the line before it. */
function inline(test, text, data, click) {
  const keydown = (event) => event.key === "Enter" && (event.preventDefault(), click());
  return h("a", { role: "button", tabindex: "0", class: test === "choice" ? "choice" : "inlink", test, data, on: { click, keydown } }, text);
}

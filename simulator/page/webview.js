// A web page opened in a phone: a frame over the conversation, logged in as the owner of the phone.

import { mounted } from "./api.js";
import { button, h, icon } from "./dom.js";
import { layer } from "./layers.js";
import { placeNow } from "./places.js";
import { personName } from "./state.js";

const shown = new Map();
let backend = "";

/** Where addresses without a host lead to. */
export function setBackend(address) {
  backend = new URL(address || "/", location.href).href;
}

/** The address that logs the browser in as a person and goes on to `url`. */
function doorOf(person, url) {
  return mounted("admin/open", { person, url }).href;
}

/** Open `url` in a phone. One browser has one jar of cookies, so pages of other phones are covered meanwhile. */
export function webview(phone, url) {
  const address = new URL(url, backend || location.href);
  if (!/^https?:$/.test(address.protocol)) return;
  shown.get(phone)?.close();
  const title = h("span", { class: "nav__title" }, "正在打开…");
  const frame = h("iframe", { class: "web__frame", test: `webview-frame-${phone.person}`, title: `${personName(phone.person)}打开的网页`,
    allow: "geolocation; camera; clipboard-write", referrerpolicy: "same-origin" });
  const cover = h("div", { class: "web__cover", hidden: true }, h("p", {}, "这时另一部手机登录着网页。"),
    button(`用${personName(phone.person)}的手机继续`, { class: "weui-btn weui-btn_primary", test: `webview-resume-${phone.person}`, click: () => wear(here()) }));
  const node = h("div", { class: "web", role: "dialog", "aria-label": "网页", test: `webview-${phone.person}` },
    h("header", { class: "nav nav_web" },
      button(icon("close"), { class: "plain", test: `webview-close-${phone.person}`, label: "关闭网页", click: () => entry.close() }), title,
      button(icon("reload"), { class: "plain", test: `webview-reload-${phone.person}`, label: "重新打开", click: () => wear(here()) })),
    h("div", { class: "web__body" }, frame, cover));

  /** The address shown now, as far as this page may know it. */
  function here() {
    try {
      const at = frame.contentWindow.location.href;
      return at.startsWith("http") ? at : address.href;
    } catch {
      return address.href;
    }
  }

  function wear(at) {
    for (const [other, view] of shown) if (other !== phone) view.cover();
    cover.hidden = true;
    title.textContent = "正在打开…";
    frame.src = doorOf(phone.person, at);
  }

  frame.addEventListener("load", () => {
    const page = ownWindow(frame);
    title.textContent = page?.document.title || address.host;
    if (page) settle(page, phone, () => entry.close());
  });
  const entry = layer(phone.screen, node, { trap: false, closed: () => shown.delete(phone) });
  shown.set(phone, { close: entry.close, cover: () => { cover.hidden = false; } });
  wear(address.href);
}

/** The window of a frame, when it is of the same origin. */
function ownWindow(frame) {
  try {
    return frame.contentWindow.document ? frame.contentWindow : null;
  } catch {
    return null;
  }
}

/** Give a page what the browser inside WeChat gives it: the place of this phone, and a way to close itself. */
function settle(page, phone, close) {
  const locate = (found) => {
    const { lat, lng } = placeNow(phone.person);
    found({ coords: { latitude: Number(lat), longitude: Number(lng), accuracy: 20, system: "gcj02" }, timestamp: Date.now() });
  };
  const geolocation = { getCurrentPosition: locate, watchPosition: (found) => { locate(found); return 1; }, clearWatch() {} };
  Object.defineProperty(page.navigator, "geolocation", { value: geolocation, configurable: true });
  page.WeixinJSBridge = { invoke: (name) => name === "closeWindow" && close(), call: (name) => name === "closeWindow" && close(), on() {} };
  page.document.dispatchEvent(new page.Event("WeixinJSBridgeReady"));
}

// What every page needs: the JSON interface, small dialogs, elements made without HTML strings.
"use strict";
window.tx = (() => {
  const csrf = document.querySelector("meta[name=csrf]").content;

  /** At the desk of the console the same interface is served below its own address. */
  const base = document.querySelector("meta[name=api]")?.content || "";
  /** Where the pages of this session are. */
  const root = document.querySelector("meta[name=root]")?.content || "/m";
  const ahead = Number(document.querySelector("meta[name=clock]")?.content || 0);
  /** This moment by the phone's clock; in the demo by the demo's, which is told with the page. */
  const now = () => new Date(Date.now() + ahead);

  /** An answer that says no. `status` 0: there was no answer at all. */
  class Refused extends Error {
    constructor(status, body) {
      const error = (body && body.error) || { code: "unknown", message: "没有办成，请稍后再试。", field: null };
      super(error.message);
      Object.assign(this, { status, body: body || {}, code: error.code, field: error.field });
    }
    /** Worth trying again by itself. */
    get passing() { return this.status === 0 || this.status === 429 || this.status >= 500 || this.code === "request_running"; }
  }

  function randomKey() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  /** One call of the interface. `body` is sent as JSON, `file` as it is; every POST has a key that names it. */
  async function api(method, path, { body, file, key, version, stay } = {}) {
    const headers = { Accept: "application/json", "X-CSRF-Token": csrf };
    if (method === "POST") headers["Idempotency-Key"] = key || randomKey();
    if (version !== undefined) headers["If-Match"] = `"${version}"`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (file) headers["Content-Type"] = file.type || "application/octet-stream";
    let answer;
    try {
      answer = await fetch(base + path, { method, headers, body: file || (body === undefined ? undefined : JSON.stringify(body)), credentials: "same-origin" });
    } catch {
      throw new Refused(0, { error: { code: "offline", message: "没有信号，请到信号好的地方再试。", field: null } });
    }
    if (answer.status === 401 && !stay) location.assign(`${base ? "/console" : "/m"}/login?to=${encodeURIComponent(location.pathname + location.search)}`);
    const found = answer.status === 204 ? null : await answer.json().catch(() => null);
    if (!answer.ok) throw new Refused(answer.status, found);
    return found;
  }

  /** The same call again, with longer and longer pauses, while it fails for a passing reason. */
  async function patiently(call, times = 4) {
    for (let pause = 700; ; pause *= 2) {
      try { return await call(); } catch (error) {
        if (!error.passing || --times <= 0) throw error;
        await new Promise((go) => setTimeout(go, pause));
      }
    }
  }

  /** An element: attributes by name, `on…` as listeners, the rest as children. */
  function el(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value === true) node.setAttribute(name, "");
      else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
    }
    node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
    return node;
  }

  function toast(words) {
    const node = el("div", { class: "toast", role: "status" }, words);
    document.body.append(node);
    setTimeout(() => node.remove(), 2200);
  }

  /** A question with two answers; true when it is the first. */
  function sure(title, words, yes, no = "再想想") {
    const before = document.activeElement;
    return new Promise((decide) => {
      const close = (said) => { veil.remove(); if (before) before.focus(); decide(said); };
      const good = el("button", { type: "button", class: "weui-btn weui-btn_primary", onclick: () => close(true) }, yes);
      const bad = el("button", { type: "button", class: "weui-btn weui-btn_default", onclick: () => close(false) }, no);
      const veil = el("div", { class: "veil" },
        el("div", { class: "dialog", role: "dialog", "aria-modal": "true", "aria-label": title }, el("b", {}, title), el("p", {}, words), good, bad));
      veil.addEventListener("keydown", (event) => {
        if (event.key === "Escape") close(false);
        if (event.key === "Tab") { event.preventDefault(); (document.activeElement === good ? bad : good).focus(); }
      });
      document.body.append(veil);
      bad.focus();
    });
  }

  function strip(words) {
    const node = document.getElementById("strip");
    node.textContent = words;
    node.hidden = !words;
  }

  /** Do something once per tap: the button rests meanwhile; a refusal goes to `fault` or a toast. */
  async function once(button, fault, work) {
    if (button.disabled) return;
    button.disabled = true;
    if (fault) fault.hidden = true;
    try { await work(); } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (fault) { fault.textContent = error.message; fault.hidden = false; fault.scrollIntoView({ block: "center" }); } else toast(error.message);
    } finally { button.disabled = false; }
  }

  /** 30000 yuan as people write it to whole fen; null when it is no amount. */
  function fen(text) {
    const found = /^(\d{1,11})(?:\.(\d{1,2}))?$/.exec(text.trim().replace(/,/g, ""));
    return found ? Number(found[1]) * 100 + Number((found[2] || "").padEnd(2, "0")) : null;
  }

  /** Fen as people read it: 3万元, 3500元, 12.5元. */
  function yuan(amount) {
    const unit = amount >= 1000000 && amount % 10000 === 0 ? [1000000, "万元"] : [100, "元"];
    return `${amount / unit[0]}${unit[1]}`;
  }

  addEventListener("offline", () => strip("没有信号。已经填的不会丢。"));
  addEventListener("online", () => strip(""));
  return { now, root, api, patiently, Refused, randomKey, el, toast, sure, strip, once, fen, yuan };
})();

// The platform's clock and the buttons that move it.

import { admin, attempt } from "./api.js";
import { button, h, icon, toast } from "./dom.js";
import { ask } from "./layers.js";
import { now, on, setClock, state } from "./state.js";
import { clockFace, localInput, nextNine } from "./when.js";

/** The clock part of the control strip. */
export function clockPart() {
  const day = h("span", { class: "clock__day" });
  const time = h("b", { class: "clock__time", test: "clock" });
  const face = button([icon("clock"), day, time], { class: "clock__face", test: "clock-face", label: "平台的北京时间；点一下可以拨", "aria-expanded": "false", click: () => fold() });
  const at = h("input", { type: "datetime-local", class: "input clock__at", test: "clock-at", "aria-label": "拨到的北京时间" });
  const buttons = [
    ["clock-hour", "+1小时", () => move({ advance_seconds: 3600 })],
    ["clock-day", "+1天", () => move({ advance_seconds: 86_400 })],
    ["clock-week", "+7天", () => move({ advance_seconds: 7 * 86_400 })],
    ["clock-nine", "到9点", () => move({ at: nextNine(now()) }), "到下一个早上九点"],
  ].map(([test, words, click, label]) => button(words, { class: "strip__button", test, label, click }));
  const submit = (event) => {
    event.preventDefault();
    if (at.value) move({ at: at.value });
  };
  const free = h("form", { class: "clock__free", on: { submit } }, at, h("button", { type: "submit", class: "strip__button", test: "clock-go" }, "拨到"));
  const tools = h("div", { class: "clock__tools", role: "group", "aria-label": "拨钟" }, buttons);
  const node = h("div", { class: "clock", test: "clock-part" }, face, tools, free);

  function fold(open = !node.classList.contains("clock_open")) {
    node.classList.toggle("clock_open", open);
    face.setAttribute("aria-expanded", String(open));
    if (open) at.value = localInput(now());
  }

  function show() {
    if (!state.clockKnown) return;
    const one = clockFace(now());
    day.replaceChildren(h("span", { class: "clock__year" }, one.day), h("span", { class: "clock__short" }, one.short), ` ${one.weekday}`);
    time.textContent = `${one.time}:${one.seconds}`;
    time.dataset.at = now().toISOString();
  }

  async function move(body) {
    if (node.classList.contains("clock_busy")) return;
    if (body.at && Date.parse(`${body.at}:00+08:00`) < now() - 60_000) {
      if (!await ask("往回拨？", "平时钟只往前走。往回拨以后，后台可能会拒收或者重复办事。", "往回拨", { test: "clock-back", bad: true })) return;
      body.back = true;
    }
    node.classList.add("clock_busy");
    node.querySelectorAll(".strip__button").forEach((one) => { one.disabled = true; });
    const answer = await attempt(() => admin.post("clock", body));
    node.classList.remove("clock_busy");
    node.querySelectorAll(".strip__button").forEach((one) => { one.disabled = false; });
    if (!answer) return;
    setClock(answer.now);
    at.value = localInput(now());
    fold(false);
    const one = clockFace(now());
    toast(`现在是 ${one.short} ${one.weekday} ${one.time}`);
  }

  document.addEventListener("keydown", (event) => event.key === "Escape" && fold(false));
  document.addEventListener("pointerdown", (event) => !node.contains(event.target) && fold(false));
  on("clock", () => { show(); if (!at.value) at.value = localInput(now()); });
  setInterval(show, 500);
  return node;
}

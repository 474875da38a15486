// Where a person types, and the panel behind the plus.

import { button, h, icon } from "./dom.js";
import { takePhoto } from "./pictures.js";
import { photoSheet, placeSheet, scanSheet, voiceSheet } from "./sheets.js";
import { miniPrograms } from "./miniprogram.js";
import { personName } from "./state.js";

const ROWS_PX = 96;

/** The row with the text field, and the panel of a phone. */
export function composer(phone) {
  const { person } = phone;
  const input = h("textarea", { class: "say__input", rows: "1", test: `say-${person}`, "aria-label": `${personName(person)}要说的话`, enterkeyhint: "send", maxlength: "2000" });
  const send = button("发送", { class: "weui-btn weui-btn_primary say__send", test: `send-${person}`, hidden: true, click: say });
  const plus = button(icon("plus"), { class: "plain", test: `plus-${person}`, label: "更多：照片、位置、语音", "aria-expanded": "false", click: () => fold(!panel.hidden) });
  const speak = button(icon("voice"), { class: "plain", test: `speak-${person}`, label: "按住说话", click: () => voiceSheet(phone) });
  const panel = h("div", { class: "panel", hidden: true, test: `panel-${person}`, role: "group", "aria-label": "更多" });

  function fold(hide) {
    panel.hidden = hide;
    plus.setAttribute("aria-expanded", String(!hide));
    if (!hide) fill();
    phone.toEnd();
  }

  function fill() {
    const tiles = [
      ["photo", "照片", () => photoSheet(phone)],
      ["camera", "拍摄", async () => phone.act({ photo: await takePhoto(phone) })],
      ["place", "位置", () => placeSheet(phone), "location"],
      ["voice", "语音", () => voiceSheet(phone)],
      ["scan", "扫一扫", () => scanSheet(phone)],
      ...(miniPrograms().length ? [["mini", "小程序", () => phone.acts.mini("", "")]] : []),
    ];
    panel.replaceChildren(...tiles.map(([name, words, act, test]) => button(
      [h("span", { class: "panel__icon" }, icon(name)), h("span", { class: "panel__word" }, words)],
      { class: "panel__tile", test: `${test || name}-${person}`, label: words, click: () => { fold(true); act(); } })));
  }

  function grow() {
    send.hidden = input.value.trim() === "";
    plus.hidden = !send.hidden;
    input.style.height = "auto";
    input.style.height = `${Math.min(input.scrollHeight, ROWS_PX)}px`;
  }

  function say() {
    const words = input.value.trim();
    if (!words) return;
    input.value = "";
    grow();
    input.focus();
    phone.act({ say: words });
  }

  input.addEventListener("input", grow);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !panel.hidden) fold(true);
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    say();
  });
  return h("div", { class: "say" }, h("div", { class: "say__row" }, speak, input, plus, send), panel);
}

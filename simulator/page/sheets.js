// Sheets for what is more than words: a photo, a place, a voice, a code to scan.

import { button, field, h } from "./dom.js";
import { sheet } from "./layers.js";
import { homeOf, places, placeNow, stayAt } from "./places.js";
import { SAMPLES, drawSample, readPicture } from "./pictures.js";
import { personName } from "./state.js";
import { attempt } from "./api.js";

/** Choose a picture of this computer or one that is drawn. */
export function photoSheet(phone) {
  const { body, close } = sheet(phone.screen, "发照片", { test: "photo-sheet" });
  const send = (picture) => { close(); phone.act({ photo: picture }); };
  const file = h("input", { type: "file", accept: "image/*", class: "unseen", test: `photo-file-${phone.person}`, "aria-label": "选一张照片", on: {
    change: async () => { const picture = file.files[0] && await attempt(() => readPicture(file.files[0])); if (picture) send(picture); },
  } });
  const samples = SAMPLES.map(({ name, words }) => {
    const canvas = drawSample(name, phone);
    canvas.className = "sample__picture";
    return button([canvas, h("span", {}, words)], { class: "sample", test: "photo-sample", "data-name": name, label: `发样图：${words}`,
      click: () => send(canvas.toDataURL("image/jpeg", 0.85).split(",")[1]) });
  });
  body.append(h("div", { class: "samples" }, samples),
    h("label", { class: "weui-btn weui-btn_default file" }, "从电脑或手机里选", file));
}

/** Say where one is; the places of the demo stand ready. */
export function placeSheet(phone) {
  const { body, close } = sheet(phone.screen, "发位置", { test: "location-sheet" });
  const at = placeNow(phone.person);
  const label = h("input", { class: "input", test: "location-label", value: at.label, maxlength: "60" });
  const lat = h("input", { class: "input", test: "location-lat", inputmode: "decimal", value: at.lat, required: true, pattern: "-?[0-9]+(\\.[0-9]+)?" });
  const lng = h("input", { class: "input", test: "location-lng", inputmode: "decimal", value: at.lng, required: true, pattern: "-?[0-9]+(\\.[0-9]+)?" });
  const fill = (place) => { label.value = place.label; lat.value = place.lat; lng.value = place.lng; };
  const home = homeOf(phone.person);
  const known = [...(home ? [{ ...home, words: `家：${home.label}` }] : []), ...places()];
  const submit = (event) => {
    event.preventDefault();
    const place = { lat: Number(lat.value), lng: Number(lng.value), label: label.value.trim() };
    stayAt(phone.person, place);
    close();
    phone.act({ location: place });
  };
  body.append(h("form", { on: { submit } },
    h("div", { class: "chips" }, known.map((place) => button(place.words || place.label, { class: "chip", test: "location-place", "data-label": place.label, click: () => fill(place) }))),
    field("地点", label), h("div", { class: "pair" }, field("纬度", lat), field("经度", lng)),
    h("button", { type: "submit", class: "weui-btn weui-btn_primary", test: "location-send" }, "发送位置")));
}

/** Speak: what stands here is what the recogniser hears. */
export function voiceSheet(phone) {
  const { body, close } = sheet(phone.screen, "说一句话", { test: "voice-sheet" });
  const words = h("textarea", { class: "input", rows: "3", test: "voice-text", placeholder: "例如：我要贷五万块钱养牛", required: true, autofocus: true, maxlength: "300",
    on: { keydown: (event) => { if (event.key === "Enter" && !event.isComposing) { event.preventDefault(); form.requestSubmit(); } } } });
  const submit = (event) => {
    event.preventDefault();
    if (!words.value.trim()) return;
    close();
    phone.act({ voice: words.value.trim() });
  };
  const form = h("form", { on: { submit } }, h("p", { class: "hint" }, "写下微信会听成的字，发出去的是一条语音。"), words,
    h("button", { type: "submit", class: "weui-btn weui-btn_primary", test: "voice-send" }, "发送语音"));
  body.append(form);
  words.focus();
}

/** Scan a code: the scene it carries. */
export function scanSheet(phone) {
  const { body, close } = sheet(phone.screen, "扫一扫", { test: "scan-sheet" });
  const scene = h("input", { class: "input", test: "scan-scene", required: true, autofocus: true, placeholder: "二维码的场景值或 ticket", maxlength: "200" });
  const submit = (event) => {
    event.preventDefault();
    const value = scene.value.trim();
    if (!value) return;
    close();
    phone.act({ scan: value.startsWith("gQ") ? { ticket: value } : { scene: value } });
  };
  body.append(h("form", { on: { submit } }, h("p", { class: "hint" }, `${personName(phone.person)}扫公众号的二维码，没关注的会先关注。`), scene,
    h("button", { type: "submit", class: "weui-btn weui-btn_primary", test: "scan-send" }, "扫")));
  scene.focus();
}

// The control strip: people, the clock, faults, messages, reset.

import { admin, attempt } from "./api.js";
import { clockPart } from "./clock.js";
import { avatar, button, field, h, icon, toast } from "./dom.js";
import { countFaults, faultDrawer } from "./faults.js";
import { ask, drawer } from "./layers.js";
import { sentDrawer } from "./sent.js";
import { account, accountTitle, changePerson, on, personName, state, unread } from "./state.js";

const FACES = 60;
const LINK = { live: "已连上，消息即时到", polling: "即时连接不通，每一秒半问一次", lost: "连不上模拟器" };
const COUNT_MS = 5000;
const SMS_MS = 12_000;

/** Build the strip. `desk` takes somebody onto the desk and knows who is there. */
export function buildStrip(node, desk) {
  const dot = h("span", { class: "dot", test: "link", role: "img", "aria-label": "正在连接" });
  const faces = h("div", { class: "faces", role: "toolbar", "aria-label": "人" });
  const add = button([h("span", { class: "face__add" }, icon("add")), h("span", { class: "face__name" }, "添人")],
    { class: "face", test: "person-add", label: "添一个人", click: () => addPerson(desk) });
  const number = h("span", { class: "weui-badge", test: "fault-count-badge", hidden: true });
  const tools = h("div", { class: "tools", role: "group", "aria-label": "工具" },
    tool("bolt", "故障", "faults-open", () => faultDrawer(), number), tool("tray", "消息", "sent-open", () => sentDrawer()), tool("reset", "重置", "reset", reset));
  addLinks(tools).catch(() => {});
  node.append(
    h("h1", { class: "brand" }, dot, "微信模拟台"), h("div", { class: "people" }, faces, add), clockPart(), tools);

  on("link", (name) => {
    dot.className = `dot dot_${name}`;
    dot.dataset.state = name;
    dot.title = LINK[name];
    dot.setAttribute("aria-label", LINK[name]);
  });
  on("sms", (row) => toast(`短信 ${row.person ? personName(row.person) : row.phone}：${row.text}`, false, SMS_MS));
  on("faults", (count) => { number.hidden = count === 0; number.textContent = String(count); });
  for (const name of ["people", "unread", "desk"]) on(name, () => drawFaces(faces, desk));
  setInterval(() => countFaults().catch(() => {}), COUNT_MS);
  countFaults().catch(() => {});
}

function tool(name, words, test, click, extra = null) {
  return button([icon(name), h("span", {}, words), extra], { class: "tool", test, label: words, click });
}

/** Pages of the program around the simulator, each in a tab of its own. */
async function addLinks(node) {
  const { links } = await admin.get("links");
  node.prepend(...links.map(({ title, url }) => h("a", { class: "tool", test: "link-out", href: url, target: "_blank", rel: "noopener", "aria-label": title }, icon("outside"), h("span", {}, title))));
}

function drawFaces(node, desk) {
  const kept = document.activeElement?.dataset?.test;
  const persons = [...new Set([...desk.named, ...state.order])].filter((person) => state.people.has(person)).slice(0, FACES);
  const at = node.scrollLeft;
  node.replaceChildren(...persons.map((person) => face(person, desk)));
  node.scrollLeft = at;
  if (kept) node.querySelector(`[data-test="${CSS.escape(kept)}"]`)?.focus({ preventScroll: true });
}

function face(person, desk) {
  const name = personName(person);
  const count = unread(person);
  const shown = desk.shows(person);
  return button([
    h("span", { class: "face__picture" }, avatar(name), count ? h("span", { class: "weui-badge", test: "unread" }, count > 99 ? "99+" : String(count)) : null),
    h("span", { class: "face__name" }, name),
  ], { class: `face ${shown ? "face_shown" : ""}`, test: `avatar-${person}`, label: `${name}${count ? `，${count} 条未读` : ""}`, "aria-pressed": String(shown), click: () => desk.bring(person) });
}

/** A new person: a name, a phone number, and an account to follow. */
function addPerson(desk) {
  const { body, close } = drawer("添一个人", { test: "add-person" });
  const name = h("input", { class: "input", test: "new-name", required: true, autofocus: true, maxlength: "20", placeholder: "例如：李秀兰" });
  const phone = h("input", { class: "input", test: "new-phone", inputmode: "tel", pattern: "1[0-9]{10}", placeholder: "可以不填" });
  const follows = h("input", { type: "checkbox", role: "switch", class: "weui-switch", test: "new-follow", checked: true });
  const submit = async (event) => {
    event.preventDefault();
    const row = { person: freeId(), name: name.value.trim(), ...(phone.value ? { phone: phone.value.trim() } : {}) };
    const target = account(desk.account);
    if (follows.checked && target?.kind === "service") row.follow = [target.name];
    if (!await attempt(() => changePerson(row))) return;
    close();
    desk.bring(row.person);
  };
  body.append(h("form", { class: "form", on: { submit } }, field("姓名", name), field("手机号", phone),
    h("div", { class: "lines" }, h("label", { class: "line__switch" }, h("span", {}, `关注「${accountTitle(desk.account)}」`), follows)),
    h("button", { type: "submit", class: "weui-btn weui-btn_primary", test: "new-save" }, "添上")));
  name.focus();
}

function freeId() {
  let number = state.people.size + 1;
  while (state.people.has(`person${number}`)) number += 1;
  return `person${number}`;
}

async function reset() {
  const sure = await ask("全部重来？", "模拟器会忘掉所有人、消息、菜单和故障，钟也拨回去。后台自己的数据不变。", "重来", { test: "reset-confirm", bad: true });
  if (sure && await attempt(() => admin.post("reset", {}))) location.reload();
}

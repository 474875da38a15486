// What a person can set: follow or not, refuse notices, allow single messages, block.

import { admin, attempt } from "./api.js";
import { avatar, button, h, toast } from "./dom.js";
import { sheet } from "./layers.js";
import { accountTitle, changePerson, loadPeople, on, personName, relation, state } from "./state.js";

/** The settings of the owner of a phone, for the account that is open. */
export function personCard(phone) {
  const stop = on("people", () => draw());
  const { body, close } = sheet(phone.screen, personName(phone.person), { test: "person-sheet", closed: stop });

  function draw() {
    const kept = document.activeElement?.dataset?.test;
    body.replaceChildren(...head(phone.person), ...state.accounts.map((row) => accountPart(phone.person, row)),
      button("拿走这部手机", { class: "weui-btn weui-btn_default", test: "phone-away", click: () => { close(); phone.away?.(); } }));
    if (kept) body.querySelector(`[data-test="${CSS.escape(kept)}"]`)?.focus({ preventScroll: true });
  }

  draw();
}

function head(person) {
  const row = state.people.get(person) || {};
  return [h("div", { class: "who" }, avatar(personName(person)),
    h("div", {}, h("b", {}, personName(person)), h("p", { class: "hint" }, [row.about, row.phone].filter(Boolean).join(" · ") || person)))];
}

function accountPart(person, row) {
  const known = relation(person, row.name) || {};
  const change = (values) => attempt(() => changePerson({ person, account: row.name, ...values }));
  const lines = [];
  if (row.kind === "service") {
    lines.push(toggle("关注公众号", `follow-switch-${row.name}`, known.following,
      (wanted) => change(wanted ? { follow: [row.name] } : { unfollow: [row.name] })));
    for (const template of row.templates || []) {
      const refused = (known.refused || []).includes(template.id);
      lines.push(toggle(`收「${template.title || template.id}」`, `accept-${template.id}`, !refused,
        (wanted) => change(wanted ? { accept_template: [template.id] } : { refuse_template: [template.id] })));
    }
  } else {
    for (const template of row.templates || []) lines.push(grantLine(person, row, known, template));
  }
  lines.push(toggle("拉黑这个账号", `block-${row.name}`, known.blocked, (wanted) => change({ block: { [row.name]: wanted } })));
  return h("section", { class: "part", test: "person-account", data: { account: row.name } },
    h("h3", {}, accountTitle(row.name), h("span", { class: "part__kind" }, row.kind === "service" ? "公众号" : "小程序")),
    known.tags?.length ? h("p", { class: "hint" }, `标签：${known.tags.join("、")}`) : null, h("div", { class: "lines" }, lines),
    known.openid ? button(`openid ${known.openid}`, { class: "openid", test: "openid", label: `复制 openid ${known.openid}`, click: () => copy(known.openid) }) : null);
}

function toggle(words, test, isOn, change) {
  const box = h("input", { type: "checkbox", role: "switch", class: "weui-switch", test, checked: Boolean(isOn), on: { change: () => change(box.checked) } });
  return h("label", { class: "line__switch" }, h("span", {}, words), box);
}

/** A one-time message of a mini-program: how often it may be sent, one more, or turned off. */
function grantLine(person, row, known, template) {
  const left = known.grants?.[template.id] || 0;
  const off = (known.turned_off || []).includes(template.id);
  const words = off ? "已关" : template.long_term && left ? "长期" : `还能收 ${left} 次`;
  const popup = (choice) => attempt(async () => {
    await admin.post("popup", { account: row.name, person, choices: { [template.id]: choice } });
    await loadPeople();
  });
  const turnOff = () => attempt(() => changePerson({ person, account: row.name, turn_off: [template.id] }));
  return h("div", { class: "grant" }, h("div", { class: "grant__words" }, h("span", {}, template.title || template.id), h("small", {}, words)),
    h("div", { class: "row" }, button("允许一次", { class: "chip", test: `grant-${template.id}`, click: () => popup("accept") }),
      button("拒绝", { class: "chip", test: `reject-${template.id}`, click: () => popup("reject") }),
      button("在设置里关掉", { class: "chip", test: `off-${template.id}`, click: turnOff })));
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("openid 已复制");
  } catch {
    toast(text);
  }
}

// What the platform has accepted, and what it has pushed: the two drawers one looks into when something is odd.

import { admin, attempt } from "./api.js";
import { button, h } from "./dom.js";
import { drawer } from "./layers.js";
import { accountTitle, now, personName, state } from "./state.js";
import { stamp } from "./when.js";

const SHOWN = 200;
const POLL_MS = 1500;
const KINDS = { template: "模板消息", subscribe: "订阅消息", bizsend: "订阅通知", custom: "客服消息", mass: "群发" };
const RESULTS = { replied: "有回答", accepted: "收下了", unavailable: "没有回答", lost: "停推丢了", not_pushed: "没有后台" };

/** Open the drawer; `tab` is sent, pushes or sms. */
export function sentDrawer(tab = "sent") {
  const list = h("div", { class: "list", test: "sent-list" });
  const who = h("select", { class: "input", test: "sent-person", "aria-label": "只看谁", on: { change: () => refresh() } },
    h("option", { value: "" }, "所有人"), state.order.map((person) => h("option", { value: person }, personName(person))));
  const { body } = drawer("消息", { test: "sent", wide: true, closed: () => clearInterval(timer) });
  const tabs = [["sent", "后台发出的"], ["pushes", "推给后台的"], ["sms", "短信"]].map(([name, words]) => button(words, {
    class: "tab", role: "tab", test: `tab-${name}`, click: () => { tab = name; refresh(); } }));
  let drawn = "";

  async function refresh() {
    tabs.forEach((one) => one.setAttribute("aria-selected", String(one.dataset.test === `tab-${tab}`)));
    const rows = (await attempt(TABS[tab].newest)) || [];
    const wanted = rows.filter((row) => !who.value || row.person === who.value);
    const picture = JSON.stringify([tab, wanted.map((row) => [row.seq || row.id, row.status, row.repeats])]);
    if (picture === drawn) return;
    drawn = picture;
    const opened = new Set([...list.querySelectorAll("details[open]")].map((one) => one.dataset.id));
    list.replaceChildren(...(wanted.length ? wanted.map(TABS[tab].row) : [h("p", { class: "hint" }, "还没有。")]));
    for (const one of list.children) if (opened.has(one.dataset.id)) one.open = true;
  }

  body.append(h("div", { class: "tabs", role: "tablist" }, tabs), who, list);
  const timer = setInterval(refresh, POLL_MS);
  refresh();
}

/** The newest rows first. */
async function newest(path, name) {
  const { [name]: rows } = await admin.get(path, { newest: SHOWN });
  return rows.reverse();
}

const TABS = {
  sent: { newest: () => newest("sent", "sent"), row: sentRow },
  pushes: { newest: () => newest("replies", "replies"), row: pushRow },
  sms: { newest: () => newest("sms", "sms"), row: smsRow },
};

function sentState(row) {
  if (row.delivered) return ["delivered", "已送达"];
  if (row.status) return ["refused", row.status.includes("block") ? "被拒收" : "没送到"];
  return ["waiting", "在路上"];
}

function sentTitle(row) {
  const { body } = row;
  if (row.kind === "custom") return body.text?.content?.replace(/<[^>]+>/g, "") || body.msgmenu?.head_content || `[${body.msgtype}]`;
  const template = state.accounts.flatMap((one) => one.templates || []).find((one) => one.id === body.template_id);
  return template?.title || body.template_id || "";
}

function sentRow(row) {
  const [name, words] = sentState(row);
  const repeats = row.repeats ? ` · 重复 ${row.repeats} 次被挡下` : "";
  return h("details", { class: "entry", test: "sent-row", data: { id: `s${row.seq}`, state: name, kind: row.kind, person: row.person || "" } },
    h("summary", {}, h("span", { class: "entry__words" }, h("b", {}, sentTitle(row)),
      h("small", {}, `${stamp(Date.parse(row.at), now())} · ${personName(row.person) || "多人"} · ${KINDS[row.kind] || row.kind}${repeats}`)),
    h("span", { class: `state state_${name}` }, words)),
    row.status && !row.delivered ? h("p", { class: "hint" }, row.status) : null,
    h("pre", { class: "raw" }, JSON.stringify(row.body, null, 2)),
    h("p", { class: "hint" }, `第 ${row.seq} 条 · ${accountTitle(row.account)} · msgid ${row.msgid}${row.client_msg_id ? ` · client_msg_id ${row.client_msg_id}` : ""}`));
}

function pushTitle(fields) {
  if (fields.MsgType === "event") return `事件 ${fields.Event}${fields.EventKey ? ` ${fields.EventKey}` : ""}`;
  return fields.Content || fields.Recognition || fields.Label || `[${fields.MsgType}]`;
}

function pushRow(row) {
  const good = row.result === "replied" || row.result === "accepted";
  return h("details", { class: "entry", test: "push-row", data: { id: `p${row.id}`, result: row.result, person: row.person || "" } },
    h("summary", {}, h("span", { class: "entry__words" }, h("b", {}, pushTitle(row.fields)),
      h("small", {}, `${stamp(Date.parse(row.at), now())} · ${personName(row.person)} · ${row.ms.toFixed(1)} ms · ${row.tries} 次${row.repeat ? " · 重复的" : ""}`)),
    h("span", { class: `state state_${good ? "delivered" : "refused"}` }, RESULTS[row.result] || row.result)),
    row.error ? h("p", { class: "hint" }, row.error) : null,
    h("pre", { class: "raw" }, JSON.stringify(row.fields, null, 2)), row.clear || row.raw ? h("pre", { class: "raw" }, row.clear || row.raw) : null);
}

/** A short message is not WeChat's: it is read here because no network carries it. */
function smsRow(row) {
  return h("article", { class: "entry", test: "sms-row", data: { id: `m${row.id}`, person: row.person || "" } },
    h("p", { class: "entry__sms" }, row.text),
    h("p", { class: "hint" }, `${stamp(Date.parse(row.at), now())} · 发到 ${row.phone}${row.person ? `（${personName(row.person)}）` : ""}`));
}

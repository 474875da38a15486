// The switchboard of faults: presets in words, orders by hand, what is in force.

import { admin, attempt } from "./api.js";
import { button, field, h, toast } from "./dom.js";
import { drawer } from "./layers.js";
import { emit } from "./state.js";

const SEND = "/cgi-bin/message/*";
const PRESETS = [
  { name: "timeout", words: "微信超时一次", about: "下一条消息，微信一直不回话", row: { endpoint: SEND, kind: "hang", seconds: 60, count: 1 } },
  { name: "token", words: "令牌失效", about: "下一条消息说令牌无效，要换新的再发", row: { endpoint: SEND, kind: "errcode", errcode: 40001, count: 1 } },
  { name: "quota", words: "配额用完", about: "所有消息都回 45009，直到拿掉", row: { endpoint: SEND, kind: "errcode", errcode: 45009 } },
  { name: "refused", words: "用户拒收", about: "下一条消息回 43101", row: { endpoint: SEND, kind: "errcode", errcode: 43101, count: 1 } },
  { name: "lost", words: "丢回包", about: "微信收下了，可是回话丢了", row: { endpoint: SEND, kind: "drop_after_accept", count: 1 } },
  { name: "busy", words: "系统繁忙三次", about: "连着三条回 -1", row: { endpoint: SEND, kind: "errcode", errcode: -1, count: 3 } },
  { name: "gateway", words: "网关错误", about: "三次 502 网页", row: { endpoint: "*", kind: "http_status", status: 502, count: 3 } },
  { name: "slow", words: "微信变慢", about: "十次都要等三秒", row: { endpoint: SEND, kind: "slow", seconds: 3, count: 10 } },
];
const KINDS = {
  errcode: "回错误码", http_status: "回 HTTP 错误", hang: "不回话", slow: "慢慢回", drip: "一个字一个字回", drop_before: "没收就断线",
  drop_after_accept: "收下后断线", hang_after_accept: "收下后不回话", garbage: "回网页", truncated: "回一半", empty: "回空的",
  big_body: "回特别长的", wrong_types: "类型写错", bom: "前面多个 BOM",
};
const NEEDS = { errcode: "errcode", http_status: "status", hang: "seconds", hang_after_accept: "seconds", slow: "seconds", drip: "seconds", big_body: "bytes" };
const LABELS = { errcode: ["错误码", 45009], status: ["HTTP 状态", 502], seconds: ["秒", 3], bytes: ["字节", 10_485_760] };
const ENDPOINTS = [
  [SEND, "所有消息"], ["/cgi-bin/message/template/send", "模板消息"], ["/cgi-bin/message/subscribe/send", "订阅消息"],
  ["/cgi-bin/message/custom/send", "客服消息"], ["/cgi-bin/stable_token", "稳定令牌"], ["/cgi-bin/token", "令牌"],
  ["/cgi-bin/media/*", "素材"], ["/cgi-bin/menu/*", "菜单"], ["/sns/*", "登录"], ["*", "所有接口"],
];
const SWITCHES = [
  ["push_duplicates", "每条推送重复一次", 1, 0], ["push_out_of_order", "回执倒着来", true, false],
  ["receipts", "回执来两次", "twice", "once"], ["receipts", "回执不来", "never", "once"],
  ["receipt_failure_probability", "收下后都送不到", 1, 0],
];
const POLL_MS = 1500;
let known = [];

/** How many faults are in force; told to the strip. */
export async function countFaults() {
  const { faults, endpoints } = await admin.get("faults");
  emit("faults", faults.filter((fault) => fault.left !== 0).length);
  known = endpoints || [];
  return faults;
}

/** Open the drawer. */
export function faultDrawer() {
  const list = h("div", { class: "list", test: "fault-list" });
  const toggles = h("div", { class: "lines" });
  const { body } = drawer("故障", { test: "faults", closed: () => clearInterval(timer) });
  const order = async (row) => {
    if (await attempt(() => admin.post("faults", row))) toast("故障已经打开");
    refresh();
  };

  async function refresh() {
    const faults = await attempt(countFaults);
    if (faults) list.replaceChildren(...(faults.length ? faults.map(line) : [h("p", { class: "hint" }, "现在没有故障。")]));
  }

  function line(fault) {
    const place = ENDPOINTS.find(([path]) => path === fault.endpoint)?.[1];
    const what = [KINDS[fault.kind] || fault.kind, fault[NEEDS[fault.kind]] ?? ""].join(" ");
    const left = fault.left === null ? "一直有效" : fault.left === 0 ? "已用完" : `还有 ${fault.left} 次`;
    const chance = fault.probability < 1 ? ` · ${Math.round(fault.probability * 100)}%` : "";
    return h("div", { class: `row_fault ${fault.left === 0 ? "row_done" : ""}`, test: "fault-row", data: { id: fault.id, kind: fault.kind, fired: fault.fired } },
      h("span", { class: "row_fault__words" }, h("b", {}, what), h("small", {}, place ? `${place} · ` : "", h("code", {}, fault.endpoint)),
        h("small", {}, `${left} · 出现过 ${fault.fired} 次${chance}`)),
      button("拿掉", { class: "chip", test: `fault-clear-${fault.id}`, click: async () => { await attempt(() => admin.remove("faults", { id: fault.id })); refresh(); } }));
  }

  async function showToggles(answer) {
    const values = (answer || await attempt(() => admin.get("switches")))?.switches;
    if (!values) return;
    toggles.replaceChildren(...SWITCHES.map(([name, words, yes, no]) => {
      const box = h("input", { type: "checkbox", role: "switch", class: "weui-switch", test: `switch-${name}-${yes}`, checked: values[name] === yes,
        on: { change: async () => showToggles(await attempt(() => admin.post("switches", { [name]: box.checked ? yes : no }))) } });
      return h("label", { class: "line__switch" }, h("span", {}, words), box);
    }));
  }

  body.append(
    h("div", { class: "presets" }, PRESETS.map((one) => button([h("b", {}, one.words), h("small", {}, one.about)],
      { class: "preset", test: `fault-preset-${one.name}`, label: one.words, click: () => order({ ...one.row }) }))),
    h("div", { class: "part__head" }, h("h3", {}, "正在起作用"), button("全部拿掉", { class: "chip", test: "faults-clear", click: async () => { await attempt(() => admin.remove("faults")); refresh(); } })),
    list, h("h3", {}, "推送和回执"), toggles, h("h3", {}, "自己定"), faultForm(order));
  const timer = setInterval(refresh, POLL_MS);
  refresh();
  showToggles();
}

function choose(test, pairs, change) {
  return h("select", { class: "input", test, on: { change } }, pairs.map(([value, words]) => h("option", { value }, words)));
}

function faultForm(order) {
  const kind = choose("fault-kind", Object.entries(KINDS), () => ask());
  const endpoint = h("input", { class: "input", test: "fault-endpoint", value: SEND, required: true, list: "fault-endpoints" });
  const value = h("input", { class: "input", test: "fault-value", type: "number" });
  const valueLine = field("", value);
  const count = h("input", { class: "input", test: "fault-count", type: "number", min: "1", placeholder: "一直" });
  const chance = h("input", { class: "input", test: "fault-probability", type: "number", min: "1", max: "100", value: "100" });

  function ask() {
    const need = NEEDS[kind.value];
    valueLine.hidden = !need;
    if (!need) return;
    valueLine.firstChild.textContent = LABELS[need][0];
    value.value = LABELS[need][1];
  }

  const submit = (event) => {
    event.preventDefault();
    const need = NEEDS[kind.value];
    order({ endpoint: endpoint.value.trim(), kind: kind.value, probability: Number(chance.value || 100) / 100,
      ...(need ? { [need]: Number(value.value) } : {}), ...(count.value ? { count: Number(count.value) } : {}) });
  };
  ask();
  return h("form", { class: "form", on: { submit } },
    field("接口", endpoint), h("datalist", { id: "fault-endpoints" }, ENDPOINTS.map(([path, words]) => h("option", { value: path }, words)),
      known.filter((path) => !ENDPOINTS.some(([one]) => one === path)).map((path) => h("option", { value: path }))),
    field("毛病", kind), valueLine, h("div", { class: "pair" }, field("几次", count), field("机会 %", chance)),
    h("button", { type: "submit", class: "weui-btn weui-btn_primary", test: "fault-add" }, "打开这个故障"));
}

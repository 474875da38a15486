// Mini-programs: their code runs nowhere here, so a tap tells which page would open and gives a login code to try it with.

import { push } from "./acts.js";
import { admin, attempt } from "./api.js";
import { button, h } from "./dom.js";
import { sheet } from "./layers.js";
import { accountTitle, personName, state } from "./state.js";

export function miniPrograms() {
  return state.accounts.filter((one) => one.kind === "mini_program");
}

/** Show what a mini-program link leads to. Without an appid: a list of the mini-programs there are. */
export function miniProgram(phone, appid, path) {
  const { body, close } = sheet(phone.screen, "小程序", { test: "mini-sheet" });
  const known = miniPrograms().filter((one) => !appid || one.appid === appid);
  if (known.length === 0) body.append(h("p", { class: "hint" }, `这里没有 appid 为 ${appid} 的小程序。`));
  body.append(...known.map((one) => box(phone, one, path, close)));
}

function box(phone, row, path, close) {
  const out = h("output", { class: "code", test: "mini-code" });
  const code = async (what) => {
    const answer = await attempt(() => admin.get(what, { account: row.name, person: phone.person }));
    if (answer) out.textContent = answer.code;
  };
  const talk = () => { close(); push(row.name, phone.person, { enter: true }); phone.openChat(row.name); };
  return h("section", { class: "mini" }, h("b", {}, accountTitle(row.name)),
    path ? h("p", { class: "mini__path", test: "mini-path" }, path) : null,
    h("p", { class: "hint" }, `小程序在微信开发者工具里运行。这里可以取${personName(phone.person)}的登录码去试接口，五分钟内用一次。`),
    h("div", { class: "row" }, button("登录码", { class: "chip", test: "mini-login", click: () => code("login_code") }),
      button("手机号码", { class: "chip", test: "mini-phone", click: () => code("phone_code") }),
      button("客服会话", { class: "chip", test: "mini-chat", click: talk })), out);
}

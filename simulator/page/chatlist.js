// The first page of WeChat: the conversations of a phone, one for each account.

import { avatar, button, h } from "./dom.js";
import { layer } from "./layers.js";
import { accountTitle, chat, loadChat, now, on, state, unread } from "./state.js";
import { stamp } from "./when.js";

const WORDS = { image: "[图片]", voice: "[语音]", video: "[视频]", location: "[位置]", link: "[链接]", news: "[图文]", miniprogrampage: "[小程序]" };

function lastLine(entry) {
  if (!entry) return "";
  if (entry.type === "template") return entry.title || "通知";
  if (entry.type === "msgmenu") return entry.head || "请选择";
  if (entry.type === "event") return "";
  return (entry.text || "").replace(/<[^>]+>/g, "") || WORDS[entry.type] || "";
}

/** Open the list over a phone. */
export function chatList(phone) {
  const row = (one) => {
    const last = chat(one.name, phone.person).findLast((entry) => entry.type !== "event");
    const count = unread(phone.person, one.name);
    return button([
      h("span", { class: "chats__face" }, avatar(accountTitle(one.name), { account: true }), count ? h("span", { class: "weui-badge" }, String(count)) : null),
      h("span", { class: "chats__words" }, h("span", { class: "chats__name" }, accountTitle(one.name)), h("span", { class: "chats__last" }, lastLine(last))),
      h("span", { class: "chats__at" }, last ? stamp(Date.parse(last.at), now()) : ""),
    ], { class: "chats__row", test: "chat-row", "data-account": one.name, label: accountTitle(one.name), click: () => { entry.close(); phone.openChat(one.name); } });
  };
  const list = h("div", { class: "chats__list" });
  const draw = () => list.replaceChildren(...state.accounts.map(row));
  const node = h("div", { class: "chats", role: "dialog", "aria-label": "所有会话", test: `chat-list-${phone.person}` },
    h("header", { class: "nav" }, h("span", { class: "nav__title" }, "微信")), list);
  draw();
  const stops = ["chat", "entry", "unread"].map((name) => on(name, (detail) => (!detail || detail.person === phone.person) && draw()));
  const entry = layer(phone.screen, node, { trap: false, closed: () => { stops.forEach((stop) => stop()); phone.list = null; } });
  for (const one of state.accounts) if (!chat(one.name, phone.person).length) loadChat(one.name, phone.person).catch(() => {});
  return entry;
}

// One phone: whose it is, the conversation, what can be typed and tapped.

import { mayTalk, push } from "./acts.js";
import { admin, attempt } from "./api.js";
import { bubble } from "./bubbles.js";
import { chatList } from "./chatlist.js";
import { composer } from "./composer.js";
import { avatar, button, h, icon } from "./dom.js";
import { layer } from "./layers.js";
import { accountMenu } from "./menu.js";
import { personCard } from "./person.js";
import { miniProgram } from "./miniprogram.js";
import { account, accountTitle, changePerson, chat, lastPush, loadChat, now, on, personName, seen, state, unread } from "./state.js";
import { webview } from "./webview.js";
import { clockFace, stamp } from "./when.js";

const GAP_MS = 5 * 60_000;
const NEAR_END_PX = 120;
const TYPING_MS = 15_000;

export class Phone {
  constructor(person, accountName) {
    this.person = person;
    this.account = accountName;
    this.busy = new Set();
    this.typingUntil = 0;
    this.stops = [];
    this.build();
    this.listen();
    this.openChat(accountName);
  }

  // Building

  build() {
    const { person } = this;
    this.title = h("span", { class: "nav__title", test: `title-${person}` });
    this.badge = h("span", { class: "weui-badge nav__badge", hidden: true });
    this.nav = h("header", { class: "nav" },
      button([icon("back"), this.badge], { class: "plain nav__back", test: `chats-${person}`, label: "所有会话", click: () => this.openList() }),
      this.title,
      button(icon("more"), { class: "plain", test: `person-${person}`, label: "这个人的设置", click: () => personCard(this) }));
    this.log = h("div", { class: "log", role: "log", "aria-live": "polite", test: `log-${person}`, tabindex: "0" });
    this.log.addEventListener("scroll", () => {
      this.atEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR_END_PX;
    });
    this.foot = h("div", { class: "foot" });
    this.time = h("span", { class: "status__time" });
    this.screen = h("div", { class: "screen" },
      h("div", { class: "status", "aria-hidden": "true" }, this.time, icon("signal", "status__signal"), icon("battery", "status__battery")),
      this.nav, this.log, this.foot);
    this.speed = h("span", { class: "owner__speed", test: `speed-${person}` });
    this.owner = h("div", { class: "owner" });
    this.node = h("section", { class: "phone", test: `phone-${person}`, data: { person }, "aria-label": `${personName(person)}的手机` },
      this.owner, h("div", { class: "device" }, this.screen));
    this.showOwner();
    this.tick();
  }

  showOwner() {
    const row = state.people.get(this.person);
    const about = row?.about || row?.phone || this.person;
    this.owner.replaceChildren(avatar(personName(this.person)),
      h("span", { class: "owner__words" }, h("b", {}, personName(this.person)), h("span", { class: "owner__about" }, about)), this.speed);
    this.node.setAttribute("aria-label", `${personName(this.person)}的手机`);
  }

  listen() {
    const mine = (detail) => detail.person === this.person && detail.account === this.account;
    this.stops = [
      on("entry", (entry) => mine(entry) && this.add(entry)),
      on("chat", (detail) => mine(detail) && this.render()),
      on("typing", (entry) => mine(entry) && this.typing(entry.on)),
      on("busy", (detail) => mine(detail) && this.setBusy(detail)),
      on("push", (row) => mine(row) && this.showSpeed()),
      on("menu", (detail) => (!detail.account || detail.account === this.account) && this.menu?.reload()),
      on("people", () => { this.showOwner(); this.showFoot(); }),
      on("accounts", () => { this.showTitle(); this.showFoot(); }),
      on("unread", () => this.showBadge()),
      on("clock", () => this.restamp()),
    ];
  }

  /** Take the phone off the desk. */
  remove() {
    this.stops.forEach((stop) => stop());
    this.node.remove();
  }

  // Which conversation

  openChat(accountName) {
    this.list?.close();
    this.account = accountName;
    this.shown = "";
    this.showTitle();
    this.showFoot();
    this.showSpeed();
    this.render();
    this.seen();
    if (account(accountName)) attempt(() => loadChat(accountName, this.person));
  }

  openList() {
    this.list?.close();
    this.list = chatList(this);
  }

  /** Whether this conversation is before somebody's eyes. */
  shows(accountName) {
    return this.account === accountName && !this.list && !document.hidden && this.node.isConnected;
  }

  /** Mark the open conversation as read, if it can be seen. */
  seen() {
    if (state.looking(this.account, this.person)) seen(this.account, this.person);
  }

  showTitle() {
    const waiting = this.busy.size > 0 || performance.now() < this.typingUntil;
    this.title.textContent = waiting ? "对方正在输入…" : accountTitle(this.account);
    this.log.setAttribute("aria-label", `${personName(this.person)}和${accountTitle(this.account)}的对话`);
    this.nav.classList.toggle("nav_typing", waiting);
  }

  showBadge() {
    const count = unread(this.person);
    this.badge.hidden = count === 0;
    this.badge.textContent = count > 99 ? "99+" : String(count);
  }

  /** The foot depends on whether the person follows: text field and menu, or the button to follow. */
  showFoot() {
    const row = account(this.account);
    const talk = mayTalk(row, this.person);
    const wanted = `${this.account} ${talk}`;
    if (wanted === this.shown) return;
    this.shown = wanted;
    this.menu = talk && row?.kind === "service" ? accountMenu(this) : null;
    if (talk) this.foot.replaceChildren(composer(this), this.menu ? this.menu.node : "");
    else this.foot.replaceChildren(this.followBar(row));
  }

  followBar(row) {
    if (!row) return h("p", { class: "follow__text" }, "没有这个公众号");
    const follow = async () => attempt(() => changePerson({ person: this.person, follow: [row.name] }));
    return h("div", { class: "follow" }, h("p", { class: "follow__text" }, `${personName(this.person)}还没有关注「${accountTitle(row.name)}」`),
      button("关注公众号", { class: "weui-btn weui-btn_primary", test: `follow-${this.person}`, click: follow }));
  }

  // The conversation

  acts = {
    open: (url) => webview(this, url),
    choose: (id, content) => this.act({ menu: { id, content } }),
    mini: (appid, path) => miniProgram(this, appid, path),
    enlarge: (src) => this.enlarge(src),
    grown: () => this.atEnd && this.toEnd(),
    menuName: (key) => this.menu?.nameOf(key) || key,
  };

  act(what) {
    this.toEnd();
    return push(this.account, this.person, what);
  }

  names() {
    return { person: personName(this.person), account: accountTitle(this.account) };
  }

  render() {
    this.log.replaceChildren();
    this.lastAt = 0;
    for (const entry of chat(this.account, this.person)) this.append(entry);
    this.waitingDots();
    this.showSpeed();
    this.toEnd();
  }

  add(entry) {
    if (entry.from !== "user") this.typing(false);
    const stay = this.atEnd || entry.from === "user";
    this.append(entry);
    this.waitingDots();
    if (stay) this.toEnd();
    this.seen();
  }

  append(entry) {
    const at = Date.parse(entry.at);
    if (at - this.lastAt > GAP_MS || at < this.lastAt) {
      this.log.append(h("div", { class: "stamp", "aria-hidden": "true", data: { at: entry.at } }, stamp(at, now())));
    }
    this.lastAt = at;
    this.log.append(bubble(entry, this.names(), this.acts));
  }

  restamp() {
    for (const node of this.log.querySelectorAll(".stamp")) node.textContent = stamp(Date.parse(node.dataset.at), now());
    this.tick();
  }

  tick() {
    this.time.textContent = state.clockKnown ? clockFace(now()).time : "";
  }

  toEnd() {
    this.log.scrollTop = this.log.scrollHeight;
    this.atEnd = true;
    requestAnimationFrame(() => { this.log.scrollTop = this.log.scrollHeight; });
  }

  enlarge(src) {
    const picture = h("button", { type: "button", class: "big", "aria-label": "收起大图", on: { click: () => entry.close() } }, h("img", { src, alt: "大图" }));
    const entry = layer(this.screen, picture);
  }

  // Waiting and speed

  setBusy({ number, on: starts }) {
    if (starts) this.busy.add(number);
    else this.busy.delete(number);
    this.showTitle();
    this.waitingDots();
  }

  typing(isOn) {
    this.typingUntil = isOn ? performance.now() + TYPING_MS : 0;
    this.showTitle();
    this.waitingDots();
    clearTimeout(this.typingEnd);
    if (isOn) this.typingEnd = setTimeout(() => this.typing(false), TYPING_MS);
  }

  waitingDots() {
    this.log.querySelector(".dots")?.remove();
    if (this.busy.size === 0 && performance.now() >= this.typingUntil) return;
    this.log.append(h("div", { class: "dots", test: `typing-${this.person}`, "aria-label": "对方正在输入" }, h("i"), h("i"), h("i")));
    if (this.atEnd) this.toEnd();
  }

  /** How the last push ended: "8 ms", or what went wrong. */
  showSpeed() {
    const last = lastPush(this.account, this.person);
    if (!last) return this.speed.replaceChildren();
    const words = { unavailable: "没有回答", lost: "微信停推", not_pushed: "没有后台地址" }[last.result];
    const tries = last.tries > 1 ? ` · ${last.tries} 次` : "";
    this.speed.textContent = words ? `${words}${tries}` : `${last.ms < 10 ? last.ms.toFixed(1) : Math.round(last.ms)} ms${tries}`;
    this.speed.title = last.error || "后台回答这一条用的时间";
    this.speed.classList.toggle("owner__speed_bad", Boolean(words));
    this.speed.dataset.result = last.result;
    return undefined;
  }

  menuOf() {
    return admin.get("menu", { account: this.account, person: this.person });
  }
}

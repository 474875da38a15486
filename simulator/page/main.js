// Starts the page: reads the address, lays out phones, connects to the platform.
//
// ?phones=zhang,wang   who lies on the desk (missing: as many people as fit)
// ?account=county      whose conversation is open (missing: the first service account)
// ?backend=/           where addresses without a host lead to

import { attempt } from "./api.js";
import { h } from "./dom.js";
import { live } from "./live.js";
import { Phone } from "./phone.js";
import { loadPlaces } from "./places.js";
import { emit, loadAccounts, loadClock, loadPeople, on, state } from "./state.js";
import { buildStrip } from "./strip.js";
import { setBackend } from "./webview.js";

const PHONE_PX = 350;
const MOST_PHONES = 6;
const STAMP_MS = 20_000;
const narrow = matchMedia("(max-width: 760px)");
const query = new URLSearchParams(location.search);
const named = (query.get("phones") || "").split(",").map((name) => name.trim()).filter(Boolean).slice(0, MOST_PHONES);

/** The phones that lie on the desk; on a narrow screen only one of them shows. */
class Desk {
  constructor(node) {
    this.node = node;
    this.phones = [];
    this.named = named;
    this.account = "";
    this.current = null;
  }

  /** Whether the phone of a person can be seen. */
  shows(person) {
    return this.phones.some((phone) => phone.person === person && (!narrow.matches || phone === this.current));
  }

  /** Whether a conversation is before somebody's eyes. */
  looking(account, person) {
    return this.phones.some((phone) => phone.person === person && phone.shows(account) && (!narrow.matches || phone === this.current));
  }

  shown() {
    return this.phones.map((phone) => [phone.account, phone.person]).filter(([account]) => account);
  }

  room() {
    return narrow.matches ? MOST_PHONES : Math.max(1, Math.min(MOST_PHONES, Math.floor(innerWidth / PHONE_PX)), named.length);
  }

  /** Put the phone of a person on the desk, in place of the one used longest ago when there is no room. */
  bring(person) {
    let phone = this.phones.find((one) => one.person === person);
    if (!phone) {
      phone = new Phone(person, this.account);
      phone.away = () => this.putAway(phone);
      // not at pointerdown: the desk would scroll away under the finger, and nothing would be tapped
      phone.node.addEventListener("click", () => this.current !== phone && this.turnTo(phone));
      const oldest = [...this.phones].sort((one, other) => (one.used || 0) - (other.used || 0))[0];
      if (this.phones.length >= this.room() && oldest) {
        oldest.node.replaceWith(phone.node);
        oldest.remove();
        this.phones[this.phones.indexOf(oldest)] = phone;
      } else {
        this.node.append(phone.node);
        this.phones.push(phone);
      }
    }
    this.turnTo(phone);
  }

  putAway(phone) {
    phone.remove();
    this.phones = this.phones.filter((one) => one !== phone);
    this.turnTo(this.phones[0] || null);
  }

  turnTo(phone) {
    if (phone && phone !== this.current) phone.toEnd();
    this.current = phone;
    for (const one of this.phones) one.node.classList.toggle("phone_current", one === phone);
    this.node.classList.toggle("desk_empty", this.phones.length === 0);
    if (phone) {
      phone.used = performance.now();
      phone.node.scrollIntoView({ block: "nearest", inline: "nearest" });
      phone.seen();
    }
    emit("desk");
  }
}

/** Lay out the phones the address asks for, as soon as their owners exist; without names, as many as fit. */
function layOut(desk) {
  const before = desk.phones.length;
  const first = named.length ? named : before ? [] : state.order.slice(0, Math.min(4, desk.room()));
  const missing = first.filter((person) => state.people.has(person) && !laid.has(person));
  for (const person of missing) {
    laid.add(person);
    desk.bring(person);
  }
  if (before === 0) desk.turnTo(desk.phones[0] || null);
}

const laid = new Set();

async function start() {
  const desk = new Desk(document.getElementById("desk"));
  state.looking = (account, person) => desk.looking(account, person);
  setBackend(query.get("backend"));
  buildStrip(document.getElementById("strip"), desk);
  const ready = await attempt(() => Promise.all([loadAccounts(), loadPeople(), loadClock(), loadPlaces()]));
  if (!ready) {
    emit("link", "lost");
    setTimeout(() => location.reload(), 3000);
    return;
  }
  const service = state.accounts.find((one) => one.kind === "service") || state.accounts[0];
  desk.account = query.get("account") || service?.name || "";
  desk.node.append(h("p", { class: "desk__hint" }, "还没有人。点上面的「添人」，给他一部手机。"));
  layOut(desk);
  live(() => desk.shown());
  narrow.addEventListener("change", () => desk.turnTo(desk.current));
  document.addEventListener("visibilitychange", () => desk.phones.forEach((phone) => phone.seen()));
  on("people", () => layOut(desk));
  setInterval(() => desk.phones.forEach((phone) => phone.tick()), 1000);
  setInterval(() => desk.phones.forEach((phone) => phone.restamp()), STAMP_MS);
  document.documentElement.dataset.ready = "true";
}

start();

// What the page knows: accounts, people, conversations, unread counts and the platform's clock.

import { admin } from "./api.js";

const KEPT = 400;
const MOST_PEOPLE = 500;

export const state = {
  accounts: [],
  people: new Map(),
  order: [],
  chats: new Map(),
  unread: new Map(),
  lastPush: new Map(),
  last: 0,
  clock: 0,
  clockKnown: false,
  looking: () => false,
};

const bus = new EventTarget();

/** Listen for `entry`, `people`, `unread`, `clock`, `menu`, `push`, `accounts`, `chat`, `link` or `faults`. */
export function on(name, listener) {
  const handler = (event) => listener(event.detail);
  bus.addEventListener(name, handler);
  return () => bus.removeEventListener(name, handler);
}

export function emit(name, detail) {
  bus.dispatchEvent(new CustomEvent(name, { detail }));
}

// Accounts

export async function loadAccounts() {
  state.accounts = (await admin.get("accounts")).accounts;
  emit("accounts");
}

export function account(name) {
  return state.accounts.find((one) => one.name === name || one.appid === name);
}

/** What people read above the conversation. */
export function accountTitle(name) {
  const found = account(name);
  return (found && found.title) || name;
}

// People

export async function loadPeople() {
  const { users } = await admin.get("users", { limit: MOST_PEOPLE });
  for (const person of users) state.people.set(person.person, person);
  state.order = users.map((person) => person.person);
  emit("people");
}

/** Change a person by POST /admin/users and keep the new state. */
export async function changePerson(row) {
  const answer = await admin.post("users", row);
  for (const person of answer.users || []) {
    if (!state.people.has(person.person)) state.order.push(person.person);
    state.people.set(person.person, person);
  }
  emit("people");
  return answer;
}

export function personName(id) {
  return state.people.get(id)?.name || id;
}

/** What an account knows of a person, or undefined. */
export function relation(person, accountName) {
  return state.people.get(person)?.accounts?.[accountName];
}

// Conversations

const key = (accountName, person) => `${accountName}\n${person}`;

export function chat(accountName, person) {
  return state.chats.get(key(accountName, person)) || [];
}

/** Read a conversation from the start; entries that came meanwhile are kept in order. */
export async function loadChat(accountName, person) {
  const { chat: entries } = await admin.get("chat", { account: accountName, person, newest: KEPT });
  const end = entries.at(-1)?.id ?? 0;
  const newer = chat(accountName, person).filter((entry) => entry.id > end && end > 0);
  state.chats.set(key(accountName, person), [...entries, ...newer].slice(-KEPT));
  emit("chat", { account: accountName, person });
}

/** Forget all conversations: a platform that was started anew counts its entries from one again. */
export function forgetChats() {
  state.chats.clear();
  state.last = 0;
}

/** Take a new entry of any conversation; entries seen before are left alone. */
export function take(entry) {
  if (entry.type === "typing") return emit("typing", entry);
  state.last = Math.max(state.last, entry.id);
  if (!state.people.has(entry.person)) {
    if (state.people.size >= MOST_PEOPLE) return undefined; // a load run with very many people is not for this page
    peopleSoon();
  }
  const name = key(entry.account, entry.person);
  const known = state.chats.get(name) || [];
  if (known.length && known[known.length - 1].id >= entry.id) return undefined;
  state.chats.set(name, [...known.slice(1 - KEPT), entry]);
  if (entry.from !== "user" && !state.looking(entry.account, entry.person)) {
    state.unread.set(name, (state.unread.get(name) || 0) + 1);
    emit("unread");
  }
  if (entry.event === "subscribe" || entry.event === "unsubscribe") peopleSoon();
  return emit("entry", entry);
}

let waiting = 0;

/** Read the people again in a moment; many changes at once cost one reading. */
export function peopleSoon() {
  clearTimeout(waiting);
  waiting = setTimeout(() => loadPeople().catch(() => {}), 150);
}

/** Unread messages of a person, of one account or of all. */
export function unread(person, accountName) {
  let count = 0;
  for (const [name, number] of state.unread) {
    const [at, who] = name.split("\n");
    if (who === person && (!accountName || at === accountName)) count += number;
  }
  return count;
}

export function seen(accountName, person) {
  if (state.unread.delete(key(accountName, person))) emit("unread");
}

// Pushes

/** A finished push: how long the backend took, kept for the line under its reply. */
export function finished(push) {
  state.lastPush.set(key(push.account, push.person), push);
  emit("push", push);
}

export function lastPush(accountName, person) {
  return state.lastPush.get(key(accountName, person));
}

// Clock

/** The platform says what time it is. */
export function setClock(iso) {
  state.clock = Date.parse(iso) - Date.now();
  state.clockKnown = true;
  emit("clock");
}

export function now() {
  return new Date(Date.now() + state.clock);
}

export async function loadClock() {
  setClock((await admin.get("clock")).now);
}

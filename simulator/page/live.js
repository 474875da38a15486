// News from the platform: server-sent events, and asking again and again where they do not come through.

import { admin, mounted } from "./api.js";
import { chat, emit, finished, forgetChats, loadAccounts, loadChat, loadClock, loadPeople, peopleSoon, setClock, state, take } from "./state.js";

const POLL_MS = 1500;
const PATIENCE_MS = 4000;
const LOST_BEFORE_POLLING = 3;

let source = null;
let lost = 0;
let polling = 0;

/** Connect, and stay connected. `shown` tells the conversations that are on the desk. */
export function live(shown) {
  const url = mounted("admin/stream", { after: state.last || undefined });
  source = new EventSource(url);
  const slow = setTimeout(() => poll(shown), PATIENCE_MS);
  source.addEventListener("open", () => {
    clearTimeout(slow);
    stopPolling();
    if (lost) catchUp(shown);
    lost = 0;
    emit("link", "live");
  });
  source.addEventListener("error", () => {
    lost += 1;
    emit("link", "lost");
    if (lost >= LOST_BEFORE_POLLING || source.readyState === EventSource.CLOSED) poll(shown);
  });
  listen("chat", take);
  listen("clock", (data) => setClock(data.now));
  listen("menu", (data) => emit("menu", data));
  listen("push", finished);
  listen("users", peopleSoon);
  listen("sms", (row) => emit("sms", row));
  listen("reset", () => location.reload());
}

function listen(name, receive) {
  source.addEventListener(name, (event) => receive(JSON.parse(event.data)));
}

/** After a break the platform may be another one: read everything that is shown again. */
async function catchUp(shown) {
  forgetChats();
  try {
    await Promise.all([loadAccounts(), loadPeople(), loadClock()]);
    await Promise.all(shown().map(([account, person]) => loadChat(account, person)));
  } catch {
    emit("link", "lost");
  }
}

function poll(shown) {
  if (polling) return;
  polling = setInterval(() => ask(shown), POLL_MS);
  ask(shown);
}

function stopPolling() {
  clearInterval(polling);
  polling = 0;
}

async function ask(shown) {
  try {
    for (const [account, person] of shown()) {
      const { chat: entries } = await admin.get("chat", { account, person, after: chat(account, person).at(-1)?.id });
      entries.forEach(take);
    }
    setClock((await admin.get("clock")).now);
    emit("link", "polling");
    if (source.readyState === EventSource.CLOSED) {
      stopPolling();
      live(shown);
    }
  } catch {
    emit("link", "lost");
  }
}

// What a person can do with the phone in hand: everything becomes one POST /admin/push.

import { admin, attempt } from "./api.js";
import { emit, finished, relation } from "./state.js";

let running = 0;

/** Let somebody act and answer the finished push, or null when the platform refused. */
export async function push(account, person, act) {
  const number = ++running;
  emit("busy", { account, person, number, on: true });
  try {
    const answer = await attempt(() => admin.post("push", { account, person, ...act }));
    if (answer?.id) finished(answer);
    return answer;
  } finally {
    emit("busy", { account, person, number, on: false });
  }
}

/** Whether the person may speak to the account: followers of a service account, anybody at a mini-program. */
export function mayTalk(accountRow, person) {
  return accountRow?.kind === "mini_program" || Boolean(relation(person, accountRow?.name)?.following);
}

// The simulator's admin interface. The page lies at <mount>/sim/, so everything is found from there.

import { toast } from "./dom.js";

const MOUNT = new URL("../", document.baseURI);

/** Address of a path below the place where the simulator is mounted. */
export function mounted(path, params = {}) {
  const url = new URL(path.replace(/^\/+/, ""), MOUNT);
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  }
  return url;
}

export class AdminError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function call(method, path, { params, body } = {}) {
  const options = { method, headers: { Accept: "application/json" }, cache: "no-store" };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(mounted(path, params), options);
  } catch {
    throw new AdminError("模拟器没有回应，请看它是否还在运行", 0);
  }
  const values = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new AdminError(values.error || `模拟器回了 ${answer.status}`, answer.status);
  return values;
}

export const admin = {
  get: (path, params) => call("GET", `admin/${path}`, { params }),
  post: (path, body) => call("POST", `admin/${path}`, { body }),
  remove: (path, params) => call("DELETE", `admin/${path}`, { params }),
};

/** Run something a person asked for; when it fails, say so and answer null. */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AdminError)) console.error(error);
    toast(error.message, true);
    return null;
  }
}

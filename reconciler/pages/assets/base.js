// Elements, times and states that all parts of the pages use. Untrusted text is always set as text.

export const byId = (id) => document.getElementById(id);

// The states in the order of urgency, each with a sign, so that color is never the only difference.
export const STATES = {
  failed: { sign: "\u2715", tone: "bad" },
  unreadable: { sign: "?", tone: "bad" },
  drifted: { sign: "\u2260", tone: "warn" },
  withheld: { sign: "!", tone: "warn" },
  stale: { sign: "\u21bb", tone: "warn" },
  pending: { sign: "\u2026", tone: "cool" },
  suspended: { sign: "\u2016", tone: "cool" },
  "in sync": { sign: "\u2713", tone: "good" },
  live: { sign: "\u25cf", tone: "good" },
  missing: { sign: "\u2205", tone: "warn" },
  "not managed": { sign: "\u00b7", tone: "quiet" },
};
export const ORDER = Object.keys(STATES);
export const lookOf = (state) => STATES[state] ?? STATES["not managed"];

// The tones by urgency, with the sign of each.
export const HEALTH_SIGNS = { bad: "\u2715", warn: "!", cool: "\u2026", good: "\u2713" };
const HEALTH_TONES = { stuck: "bad", "no response": "bad", "invalid manifests": "warn", starting: "cool", elsewhere: "cool", waiting: "cool", standby: "cool" };
export const healthTone = (word) => HEALTH_TONES[word] ?? lookOf(word).tone;

// Escapes control characters, which could hide or reorder the text around them.
export function escapeControls(text) {
  return String(text).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
}

function fill(created, properties, children) {
  for (const [property, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (property.startsWith("on")) created.addEventListener(property.slice(2), value);
    else created.setAttribute(property, value === true ? "" : value);
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) created.append(child instanceof Node ? child : escapeControls(child));
  }
  return created;
}

export const element = (name, properties = {}, ...children) => fill(document.createElement(name), properties, children);
export const svg = (name, properties = {}, ...children) => fill(document.createElementNS("http://www.w3.org/2000/svg", name), properties, children);

export const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

export function formatDuration(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

// The seconds that the clock of the server is ahead of that of the browser.
let clockOffset = 0;
export const now = () => Date.now() / 1000 + clockOffset;

// Updates the text of a time element: "5 s ago", "in 5 s", or "for 5 s" if it has data-since.
function updateTime(time) {
  const remaining = Number(time.dataset.at) - now();
  if ("since" in time.dataset) time.textContent = `for ${formatDuration(-remaining)}`;
  // The clock of the server is known to a second.
  else if (Math.abs(remaining) < 2) time.textContent = "now";
  else time.textContent = remaining > 0 ? `in ${formatDuration(remaining)}` : `${formatDuration(-remaining)} ago`;
  return time;
}

export function timeElement(seconds, attributes = {}) {
  const date = new Date(seconds * 1000);
  return updateTime(element("time", { datetime: date.toISOString(), title: date.toLocaleString(), "data-at": seconds, ...attributes }));
}

export const updateTimes = (root = document) => root.querySelectorAll("time[data-at]").forEach(updateTime);

export function stateElement(state, label = state) {
  const { sign, tone } = lookOf(state);
  return element("span", { class: `state ${tone}`, "data-state": state }, element("i", { "aria-hidden": "true" }, sign), label);
}

// Splits a key such as route/shop/edge/v1 into its kind, mesh, parents below the mesh, and name.
export function splitKey(key) {
  const [kind, mesh, ...rest] = key.split("/");
  const name = rest.pop() ?? mesh;
  return { kind, mesh, parents: rest, name };
}

const COMMIT_DIGITS = 12;
export const shortCommit = (commit) => commit.slice(0, COMMIT_DIGITS);

// The path of a field for people; items of lists have their names in it if they have some.
export function fieldText({ path, pointer }) {
  return path ?? pointer.slice(1).split("/").map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~")).join(".");
}

const TIMEOUT_MS = 8000;

// Returns the JSON of a response; throws an error with the message of the server.
export async function fetchJson(path, options = {}) {
  const { timeout = TIMEOUT_MS, ...rest } = options;
  const response = await fetch(path, { cache: "no-store", ...(timeout ? { signal: AbortSignal.timeout(timeout) } : {}), ...rest });
  const date = Date.parse(response.headers.get("date"));
  if (date) clockOffset = date / 1000 - Date.now() / 1000;
  const document_ = await response.json().catch((error) => {
    // A proxy may answer with a page of its own, and an answer may be cut off.
    if (response.ok) throw error;
    return {};
  });
  if (!response.ok) throw Object.assign(new Error(document_.message ?? `HTTP ${response.status}`), { status: response.status });
  return document_;
}

const POLL_INTERVAL_MS = 3000;

// Calls refresh now, every few seconds while the page is shown, and when it is shown again.
export function startPolling(refresh) {
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
  const poll = async () => {
    if (!document.hidden) await refresh();
    setTimeout(poll, POLL_INTERVAL_MS);
  };
  poll();
}

// Replaces the children only if the content changed: a button replaced during a click misses the click.
export function replaceIfChanged(parent, content, makeChildren) {
  const text = JSON.stringify(content);
  if (parent.dataset.content === text) return;
  parent.dataset.content = text;
  const focused = [...parent.children].indexOf(document.activeElement);
  parent.replaceChildren(...makeChildren());
  parent.children[focused]?.focus();
}

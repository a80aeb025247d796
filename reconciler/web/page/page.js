// Shows /status and keeps it current. Whatever came from a mesh or a file is set as text, never as markup.
"use strict";

const PAUSE_MS = 3000;
const PATIENCE_MS = 8000;
const MOST_NOTICES = 10;

const at = (id) => document.getElementById(id);
const rows = new Map();
let chosen = null;
let clockOffset = 0;
let heard = null;
let shown = null;

// Spells out what could hide or reorder the text around it.
function plain(text) {
  return String(text).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
}

function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [property, value] of Object.entries(properties)) {
    if (property === "class") made.className = value;
    else made.setAttribute(property, value);
  }
  made.append(...children.filter((child) => child !== null).map((child) => (child instanceof Node ? child : plain(child))));
  return made;
}

function span(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

// A time as somebody says it now: how long ago, in how long, or for how long already.
function tell(time) {
  const away = Number(time.dataset.at) - (Date.now() / 1000 + clockOffset);
  if ("lasting" in time.dataset) time.textContent = `for ${span(-away)}`;
  else time.textContent = away > 0 ? `in ${span(away)}` : `${span(-away)} ago`;
  return time;
}

function moment(seconds, more = {}) {
  const day = new Date(seconds * 1000);
  return tell(element("time", { datetime: day.toISOString(), title: day.toLocaleString(), "data-at": seconds, ...more }));
}

function value(field, side) {
  return side in field ? element("code", {}, JSON.stringify(field[side])) : element("i", {}, "absent");
}

function difference(field) {
  const path = field.pointer.slice(1).split("/").map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  return element("li", {}, element("b", {}, path.join(".")), " ", value(field, "before"), " \u2192 ", value(field, "after"));
}

function resource(it) {
  const [kind, ...path] = it.key.split("/");
  const parents = path.slice(0, -1).map((name) => `${name}/`).join("");
  const origin = it.origin ? `${it.origin.file}:${it.origin.line}` : "in no manifest";
  return [
    element("div", { class: "key" }, element("span", { class: "quiet" }, `${kind}/${parents}`), path.at(-1)),
    element("div", { class: "quiet" }, origin, it.owner ? ` \u00b7 owner ${it.owner}` : " \u00b7 no owner"),
  ];
}

function explained(it) {
  const cause = it.cause === "unknown" ? "cause unknown" : it.cause;
  const head = [cause, it.traffic].filter(Boolean).join(", ");
  const fields = it.fields.length ? element("ul", {}, ...it.fields.map(difference)) : null;
  const seen = it.last_seen_at === null ? null : element("div", {}, "last seen ", moment(it.last_seen_at));
  return [head ? element("div", { class: "cause" }, head) : null, seen, it.reason ? element("div", {}, it.reason) : null, fields];
}

function cell(label, ...content) {
  const filled = content.some((part) => part !== null);
  return element("td", { role: "cell", "data-label": label, class: filled ? "" : "empty" }, ...content);
}

function row(it) {
  const state = element("span", { class: "state", "data-state": it.state }, it.state);
  const attempts = it.attempts ? `${it.attempts} failed in a row` : null;
  return element("tr", { role: "row" },
    cell("State", state, " ", moment(it.since, { "data-lasting": "" })),
    cell("Resource", ...resource(it)),
    cell("Difference", ...explained(it)),
    cell("Last outcome", it.outcome && element("div", {}, it.outcome), it.outcome_at && moment(it.outcome_at)),
    cell("Next attempt", it.next_attempt_at && moment(it.next_attempt_at), attempts && element("div", { class: "quiet" }, attempts)));
}

// A row whose content stays the same is kept, and nothing moves where all do.
function fill(resources) {
  const before = new Map(rows);
  rows.clear();
  for (const it of resources) {
    const text = JSON.stringify(it);
    const known = before.get(it.key);
    if (known?.text === text) rows.set(it.key, known);
    else {
      const line = row(it);
      rows.set(it.key, { text, line, words: line.textContent.toLowerCase(), state: it.state });
    }
  }
  const lines = [...rows.values()].map((kept) => kept.line);
  const present = at("resources").children;
  if (lines.length !== present.length || lines.some((line, place) => line !== present[place])) at("resources").replaceChildren(...lines);
}

function sift() {
  const words = at("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  let visible = 0;
  for (const kept of rows.values()) {
    const wanted = (chosen === null || kept.state === chosen) && words.every((word) => kept.words.includes(word));
    kept.line.hidden = !wanted;
    visible += wanted;
  }
  at("none").hidden = visible > 0 || shown === null;
  at("none").textContent = rows.size ? "No resource matches the filter." : "No resources yet.";
}

function count(resources) {
  // They come with what needs somebody first, and so do the counts.
  const counted = new Map();
  for (const { state } of resources) counted.set(state, (counted.get(state) ?? 0) + 1);
  if (!counted.has(chosen)) chosen = null;
  // A button that is replaced between press and release is never clicked.
  const told = JSON.stringify([chosen, ...counted]);
  if (at("counts").dataset.told === told) return;
  at("counts").dataset.told = told;
  const button = (label, number, state) => {
    const made = element("button", { type: "button", "aria-pressed": String(chosen === state) }, element("b", {}, number), ` ${label}`);
    if (state) made.dataset.state = state;
    made.addEventListener("click", () => choose(chosen === state ? null : state));
    return made;
  };
  const focused = [...at("counts").children].indexOf(document.activeElement);
  at("counts").replaceChildren(
    button(resources.length === 1 ? "resource" : "resources", resources.length, null),
    ...[...counted].map(([state, number]) => button(state, number, state)));
  at("counts").children[focused]?.focus();
}

function choose(state) {
  chosen = state;
  count(shown.resources);
  sift();
}

function facts(status) {
  const { target, cycle, lease } = status;
  const first = cycle.finished_at === null;
  const runs = cycle.started_at > cycle.finished_at ? "running" : "";
  const ended = first ? [] : [runs ? ", the previous one ended " : "ended ", moment(cycle.finished_at), ` with ${cycle.exit_code} (${cycle.exit_name})`];
  const known = {
    target: [target.name === target.url ? target.url : `${target.name} (${target.url})`],
    account: [`${target.account ?? "unknown"}, ${target.region}`],
    owner: [`${status.owner}, policy ${status.policy}`],
    cycle: [cycle.number ? `${cycle.number} ${runs}` : "none yet", ...ended],
    every: [`${span(status.interval_seconds)}${status.recheck_seconds ? `, all tags within ${span(status.recheck_seconds)}` : ""}`],
    lease: lease && [status.is_leader ? "held here" : lease.holder ? `standby, held by ${lease.holder}` : "standby, no holder"],
  };
  at("facts").replaceChildren(...Object.entries(known).filter(([, content]) => content).map(([name, content]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, ...content))));
}

function notices(status) {
  const found = [];
  if (!status.healthy) found.push("The daemon responds, but its loop is stuck: restart the daemon and report a bug.");
  if (status.error) found.push(status.error);
  found.push(...status.unlisted.map((it) => `${it.pattern}: could not be listed, and may include managed resources: ${it.reason}`));
  if (!status.source.valid) found.push("The manifests are not valid: the daemon applies the last valid ones and deletes nothing.");
  found.push(...status.source.diagnostics);
  const text = found.join("\n");
  if (at("notices").dataset.text === text) return;
  at("notices").dataset.text = text;
  if (found.length > MOST_NOTICES) found.splice(MOST_NOTICES, Infinity, `and ${found.length - MOST_NOTICES} more`);
  at("notices").replaceChildren(...found.map((line) => element("p", { class: "notice" }, line)));
}

function pulse(word, stale) {
  document.body.classList.toggle("stale", stale);
  if (at("pulse").textContent !== word) at("pulse").textContent = word;
}

function show(status) {
  shown = status;
  const failing = status.resources.filter((it) => it.state !== "in sync" && it.state !== "suspended").length;
  const synced = status.unlisted.length ? "not all could be read" : "in sync";
  document.title = `${failing ? `${failing} not in sync` : synced} \u00b7 ${plain(status.target.name)}`;
  facts(status);
  notices(status);
  count(status.resources);
  fill(status.resources);
  sift();
}

async function look() {
  try {
    const answer = await fetch("status", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!answer.ok) throw new Error(answer.statusText);
    const status = await answer.json();
    heard = new Date();
    clockOffset = (Date.parse(answer.headers.get("date")) || Date.now()) / 1000 - Date.now() / 1000;
    show(status);
    pulse("live", false);
  } catch {
    pulse(heard ? `stale: no response since ${heard.toLocaleTimeString()}` : "no response from the daemon", true);
  }
  document.querySelectorAll("time").forEach(tell);
}

async function follow() {
  if (!document.hidden) await look();
  setTimeout(follow, PAUSE_MS);
}

at("filter").addEventListener("input", sift);
document.addEventListener("visibilitychange", () => document.hidden || look());
follow();

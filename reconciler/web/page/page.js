// Shows /status and refreshes it. Untrusted text is always set as text, never as markup.
"use strict";

const POLL_INTERVAL_MS = 3000;
const TIMEOUT_MS = 8000;
const MAX_NOTICES = 10;
const COMMIT_DIGITS = 12;

const byId = (id) => document.getElementById(id);
const rows = new Map();
let selectedState = null;
let clockOffset = 0;
let lastResponse = null;
let currentStatus = null;

// Escapes control characters, which could hide or reorder the text around them.
function escapeControls(text) {
  return String(text).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
}

function element(name, properties = {}, ...children) {
  const created = document.createElement(name);
  for (const [property, value] of Object.entries(properties)) {
    if (property === "class") created.className = value;
    else created.setAttribute(property, value);
  }
  created.append(...children.filter((child) => child !== null).map((child) => (child instanceof Node ? child : escapeControls(child))));
  return created;
}

function formatDuration(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

// Updates the text of a time element relative to now: "5 s ago", "in 5 s" or "for 5 s".
function updateTime(time) {
  const remaining = Number(time.dataset.at) - (Date.now() / 1000 + clockOffset);
  if ("since" in time.dataset) time.textContent = `for ${formatDuration(-remaining)}`;
  else time.textContent = remaining > 0 ? `in ${formatDuration(remaining)}` : `${formatDuration(-remaining)} ago`;
  return time;
}

function timeElement(seconds, attributes = {}) {
  const date = new Date(seconds * 1000);
  return updateTime(element("time", { datetime: date.toISOString(), title: date.toLocaleString(), "data-at": seconds, ...attributes }));
}

function fieldValue(field, side) {
  return side in field ? element("code", {}, JSON.stringify(field[side])) : element("i", {}, "absent");
}

function fieldItem(field) {
  const path = field.pointer.slice(1).split("/").map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  return element("li", {}, element("b", {}, path.join(".")), " ", fieldValue(field, "before"), " \u2192 ", fieldValue(field, "after"));
}

function resourceContent(resource) {
  const [kind, ...path] = resource.key.split("/");
  const parents = path.slice(0, -1).map((name) => `${name}/`).join("");
  const origin = resource.origin ? `${resource.origin.file}:${resource.origin.line}` : "in no manifest";
  return [
    element("div", { class: "key" }, element("span", { class: "quiet" }, `${kind}/${parents}`), path.at(-1)),
    element("div", { class: "quiet" }, origin, resource.owner ? ` \u00b7 owner ${resource.owner}` : " \u00b7 no owner"),
  ];
}

function differenceContent(resource) {
  const cause = resource.cause === "unknown" ? "cause unknown" : resource.cause;
  const head = [cause, resource.traffic].filter(Boolean).join(", ");
  const fields = resource.fields.length ? element("ul", {}, ...resource.fields.map(fieldItem)) : null;
  const seen = resource.last_seen_at === null ? null : element("div", {}, "last seen ", timeElement(resource.last_seen_at));
  return [head ? element("div", { class: "cause" }, head) : null, seen, resource.reason ? element("div", {}, resource.reason) : null, fields];
}

function cell(label, ...content) {
  const hasContent = content.some((part) => part !== null);
  return element("td", { role: "cell", "data-label": label, class: hasContent ? "" : "empty" }, ...content);
}

function rowElement(resource) {
  const state = element("span", { class: "state", "data-state": resource.state }, resource.state);
  const attempts = resource.attempts ? `${resource.attempts} failed in a row` : null;
  return element("tr", { role: "row" },
    cell("State", state, " ", timeElement(resource.since, { "data-since": "" })),
    cell("Resource", ...resourceContent(resource)),
    cell("Difference", ...differenceContent(resource)),
    cell("Last outcome", resource.outcome && element("div", {}, resource.outcome), resource.outcome_at && timeElement(resource.outcome_at)),
    cell("Next attempt", resource.next_attempt_at && timeElement(resource.next_attempt_at), attempts && element("div", { class: "quiet" }, attempts)));
}

// Keeps the rows of unchanged resources, and the whole table if nothing changed.
function updateRows(resources) {
  const previous = new Map(rows);
  rows.clear();
  for (const resource of resources) {
    const json = JSON.stringify(resource);
    const known = previous.get(resource.key);
    if (known?.json === json) rows.set(resource.key, known);
    else {
      const line = rowElement(resource);
      rows.set(resource.key, { json, line, words: line.textContent.toLowerCase(), state: resource.state });
    }
  }
  const lines = [...rows.values()].map((row) => row.line);
  const present = byId("resources").children;
  if (lines.length !== present.length || lines.some((line, index) => line !== present[index])) byId("resources").replaceChildren(...lines);
}

function applyFilter() {
  const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  let visible = 0;
  for (const row of rows.values()) {
    const matches = (selectedState === null || row.state === selectedState) && words.every((word) => row.words.includes(word));
    row.line.hidden = !matches;
    visible += matches;
  }
  byId("none").hidden = visible > 0 || currentStatus === null;
  byId("none").textContent = rows.size ? "No resource matches the filter." : "No resources yet.";
}

function updateCounts(resources) {
  // The counts are in the order of the resources, which are sorted by urgency.
  const counts = new Map();
  for (const { state } of resources) counts.set(state, (counts.get(state) ?? 0) + 1);
  if (!counts.has(selectedState)) selectedState = null;
  // Replace the buttons only if they change: a button replaced during a click misses the click.
  const content = JSON.stringify([selectedState, ...counts]);
  if (byId("counts").dataset.content === content) return;
  byId("counts").dataset.content = content;
  const button = (label, number, state) => {
    const created = element("button", { type: "button", "aria-pressed": String(selectedState === state) }, element("b", {}, number), ` ${label}`);
    if (state) created.dataset.state = state;
    created.addEventListener("click", () => selectState(selectedState === state ? null : state));
    return created;
  };
  const focused = [...byId("counts").children].indexOf(document.activeElement);
  byId("counts").replaceChildren(
    button(resources.length === 1 ? "resource" : "resources", resources.length, null),
    ...[...counts].map(([state, number]) => button(state, number, state)));
  byId("counts").children[focused]?.focus();
}

function selectState(state) {
  selectedState = state;
  updateCounts(currentStatus.resources);
  applyFilter();
}

function updateFacts(status) {
  const { target, cycle, lease, source: { revision } } = status;
  const isFirst = cycle.finished_at === null;
  const running = cycle.started_at > cycle.finished_at ? "running" : "";
  const ended = isFirst ? [] : [running ? ", the previous one ended " : "ended ", timeElement(cycle.finished_at), ` with ${cycle.exit_code} (${cycle.exit_name})`];
  const contents = {
    target: [target.name === target.url ? target.url : `${target.name} (${target.url})`],
    account: [`${target.account ?? "unknown"}, ${target.region}`],
    owner: [`${status.owner}, policy ${status.policy}`],
    commit: revision && [element("code", { title: revision.commit }, revision.commit.slice(0, COMMIT_DIGITS)), `${revision.dirty ? " with local changes," : ""} by ${revision.author}: ${revision.subject}`],
    cycle: [cycle.number ? `${cycle.number} ${running}` : "none yet", ...ended],
    every: [`${formatDuration(status.interval_seconds)}${status.recheck_seconds ? `, all tags within ${formatDuration(status.recheck_seconds)}, all resources within ${formatDuration(status.description_seconds)}` : ""}`],
    lease: lease && [status.is_leader ? "held here" : lease.holder ? `standby, held by ${lease.holder}` : "standby, no holder"],
  };
  byId("facts").replaceChildren(...Object.entries(contents).filter(([, content]) => content).map(([name, content]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, ...content))));
}

function updateNotices(status) {
  const found = [];
  if (!status.healthy) found.push("The daemon responds, but its loop is stuck: restart the daemon and report a bug.");
  if (status.error) found.push(status.error);
  found.push(...status.unlisted.map((list) => `${list.pattern}: could not be listed, and may include managed resources: ${list.reason}`));
  if (!status.source.valid) found.push("The manifests are not valid: the daemon applies the last valid ones and deletes nothing.");
  found.push(...status.source.diagnostics);
  const text = found.join("\n");
  if (byId("notices").dataset.text === text) return;
  byId("notices").dataset.text = text;
  if (found.length > MAX_NOTICES) found.splice(MAX_NOTICES, Infinity, `and ${found.length - MAX_NOTICES} more`);
  byId("notices").replaceChildren(...found.map((line) => element("p", { class: "notice" }, line)));
}

function updatePulse(text, isStale) {
  document.body.classList.toggle("stale", isStale);
  if (byId("pulse").textContent !== text) byId("pulse").textContent = text;
}

function show(status) {
  currentStatus = status;
  const failing = status.resources.filter(({ state }) => state !== "in sync" && state !== "suspended").length;
  const synced = status.unlisted.length ? "not all could be read" : "in sync";
  document.title = `${failing ? `${failing} not in sync` : synced} \u00b7 ${escapeControls(status.target.name)}`;
  updateFacts(status);
  updateNotices(status);
  updateCounts(status.resources);
  updateRows(status.resources);
  applyFilter();
}

async function refresh() {
  try {
    const response = await fetch("status", { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok) throw new Error(response.statusText);
    const status = await response.json();
    lastResponse = new Date();
    clockOffset = (Date.parse(response.headers.get("date")) || Date.now()) / 1000 - Date.now() / 1000;
    show(status);
    updatePulse("live", false);
  } catch {
    updatePulse(lastResponse ? `stale: no response since ${lastResponse.toLocaleTimeString()}` : "no response from the daemon", true);
  }
  document.querySelectorAll("time").forEach(updateTime);
}

async function poll() {
  if (!document.hidden) await refresh();
  setTimeout(poll, POLL_INTERVAL_MS);
}

byId("filter").addEventListener("input", applyFilter);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
poll();

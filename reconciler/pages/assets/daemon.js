// The page of the daemon: shows /status and refreshes it. It only reads; a cycle needs the token of the daemon.
import { HEALTH_SIGNS, byId, element, escapeControls, fetchJson, formatDuration, healthTone, now, plural, shortCommit, startPolling, stateElement, timeElement, updateTimes, STATES } from "./base.js";
import { Changes } from "./changes.js";
import { sideBySide } from "./diff.js";
import { Drawer, factList, section } from "./drawer.js";
import { MeshGraph } from "./graph.js";
import { Log, timeOf } from "./log.js";
import { ResourceTable, kindColumn, nameCell } from "./resources.js";
import { Tabs } from "./tabs.js";

const MAX_NOTICES = 5;
const MAX_EVENTS = 20;

let status = null;
let lastResponse = null;

const tabs = new Tabs(["mesh", "resources", "changes", "log"], { filters: { mesh: "graph-filter", resources: "filter", log: "log-filter" }, onTab: () => refreshTab(), onKey: (key) => drawer.open(key) });
const openKey = (key) => tabs.openKey(key);
const graph = new MeshGraph({ onOpen: openKey });
const changes = new Changes({ onOpen: openKey });
const log = new Log({ onOpen: openKey });
const drawer = new Drawer({ render: renderResource, onClose: () => tabs.closeKey() });
const table = new ResourceTable({ columns: [
  { name: "state", label: "State", value: (r) => Object.keys(STATES).indexOf(r.state), cell: (r) => [stateElement(r.state)] },
  kindColumn,
  { name: "name", label: "Resource", value: (r) => r.key.split("/").at(-1), cell: nameCell },
  { name: "detail", label: "Difference", value: detailText, cell: (r) => [element("span", { title: detailText(r) }, detailText(r))] },
  { name: "outcome", label: "Last outcome", value: (r) => r.outcome_at && -r.outcome_at, cell: (r) => (r.outcome ? [r.outcome, " ", timeElement(r.outcome_at)] : []) },
  { name: "next", label: "Next attempt", value: (r) => r.next_attempt_at, cell: (r) => (r.next_attempt_at ? [timeElement(r.next_attempt_at)] : []) },
  { name: "since", label: "Since", value: (r) => -r.since, cell: (r) => [timeElement(r.since, { "data-since": "" })] },
], words: (r) => [r.key, r.state, detailText(r), r.outcome ?? "", r.owner ?? "no owner", r.origin ? `${r.origin.file}:${r.origin.line}` : "in no manifest", ...r.fields.map((field) => field.pointer)].join(" "), onOpen: openKey });

function detailText(resource) {
  const parts = [resource.cause === "unknown" ? "cause unknown" : resource.cause, resource.traffic];
  if (resource.fields.length) parts.push(`${plural(resource.fields.length, "field")} ${resource.fields.length === 1 ? "differs" : "differ"}`);
  return [...parts, resource.reason].filter(Boolean).join("; ");
}

const originText = ({ origin }) => (origin ? `${origin.file}:${origin.line}` : "in no manifest");

async function renderResource(key) {
  const resource = status?.resources.find((item) => item.key === key);
  if (!resource) return [element("p", { class: "notice" }, status ? "The daemon does not know this resource: it may have been deleted." : "Loading")];
  const [details, { events }] = await Promise.all([fetchJson(`resource?key=${encodeURIComponent(key)}`), fetchJson("log")]);
  const own = events.filter((event) => event.key === key).reverse().slice(0, MAX_EVENTS);
  const origin = details.link ? element("a", { href: details.link, target: "_blank", rel: "noreferrer" }, originText(resource)) : originText(resource);
  const notes = { liveNote: details.is_live_known ? "does not exist" : "not in the last plan" };
  return [
    factList({
      state: [stateElement(resource.state), " ", timeElement(resource.since, { "data-since": "" })],
      reason: resource.reason, cause: resource.cause, traffic: [resource.traffic, ...resource.effects].filter(Boolean).join("; "), origin: [origin],
      owner: resource.owner ?? "no owner",
      "last outcome": resource.outcome && [resource.outcome, " ", timeElement(resource.outcome_at)],
      "next attempt": resource.next_attempt_at && [timeElement(resource.next_attempt_at), `, ${plural(resource.attempts, "attempt")} failed in a row`],
      "last seen": resource.last_seen_at && [timeElement(resource.last_seen_at)],
    }),
    section("Difference", details.is_equal ? element("p", { class: "quiet" }, "In sync: the last cycle found no difference in the managed fields.") : null, sideBySide(details.live, details.desired, notes)),
    section("Events", own.length ? element("ol", { class: "events" }, own.map((event) => element("li", {}, timeOf(event), " ", event.message))) : element("p", { class: "quiet" }, "No record of this resource in the last records of the log.")),
  ];
}

function showHeader() {
  const word = lastResponse?.failed ? "no response" : status.health;
  const tone = healthTone(word);
  byId("health").className = tone;
  byId("health").replaceChildren(element("i", { "aria-hidden": "true" }, HEALTH_SIGNS[tone]), word);
  document.title = `${escapeControls(word)} \u00b7 ${escapeControls(status?.target.name ?? "mesh-reconciler")}`;
  if (!status) return;
  const { target, cycle, lease, source: { revision } } = status;
  const isRunning = cycle.started_at > cycle.finished_at;
  const ended = cycle.finished_at === null ? [] : [isRunning ? ", the one before ended " : " ended ", timeElement(cycle.finished_at), ` with ${cycle.exit_code} (${cycle.exit_name})`];
  const next = cycle.next_at ?? null;
  const contents = {
    target: [element("span", { title: `${target.url}, account ${target.account ?? "unknown"}` }, target.name, element("span", { class: "quiet" }, ` ${target.account ?? "account unknown"} ${target.region}`))],
    owner: [`${status.owner}, policy ${status.policy}`],
    commit: revision && [element("code", { title: `${revision.commit} by ${escapeControls(revision.author)}` }, shortCommit(revision.commit)), `${revision.dirty ? " with local changes" : ""} `, element("span", { class: "quiet" }, revision.subject)],
    cycle: [cycle.number ? `${cycle.number}${isRunning ? " running" : ""}` : "none yet", ...ended],
    next: [next !== null && next > now() ? timeElement(next) : `every ${formatDuration(status.interval_seconds)}`],
    lease: status.held_by ? [`held by ${status.held_by}`] : lease && [status.is_leader ? "held here" : lease.holder ? `standby, held by ${lease.holder}` : "standby, no holder"],
    rollout: status.waits_for && [status.waits_for],
  };
  byId("facts").replaceChildren(...Object.entries(contents).filter(([, content]) => content).map(([name, content]) =>
    element("div", { class: name }, element("dt", {}, name), element("dd", {}, ...content))));
}

function showNotices() {
  const found = [];
  if (lastResponse?.failed) found.push(lastResponse.at ? `No response since ${lastResponse.at.toLocaleTimeString("en-GB")}: the page shows the last status.` : "No response from the daemon.");
  if (status) {
    if (!status.healthy) found.push("The daemon responds, but its loop is stuck: restart the daemon and report a bug.");
    if (status.error) found.push(status.error);
    found.push(...status.unlisted.map((list) => `${list.pattern}: could not be listed, and may include managed resources: ${list.reason}`));
    found.push(...status.source.diagnostics);
  }
  const rest = found.length - MAX_NOTICES;
  const notices = [...found.slice(0, MAX_NOTICES), ...(rest > 0 ? [`and ${rest} more: see reconciler status`] : [])];
  const text = JSON.stringify(notices);
  if (byId("notices").dataset.content === text) return;
  byId("notices").dataset.content = text;
  byId("notices").replaceChildren(...notices.map((notice) => element("p", { class: "notice" }, notice)));
}

let drawn = "";

async function refreshTab() {
  if (!status) return;
  if (tabs.current === "changes") await changes.refresh();
  if (tabs.current === "log") await log.refresh();
  if (tabs.current !== "mesh") return;
  // The graph can only change with the status of its resources.
  const version = JSON.stringify(status.resources.map(({ key, state, since }) => [key, state, since]));
  if (version === drawn) return;
  try {
    graph.update(await fetchJson("graph"));
    drawn = version;
  } catch (error) {
    byId("graph-note").textContent = `The graph cannot be read: ${error.message}`;
  }
}

async function refresh() {
  try {
    status = await fetchJson("status");
    lastResponse = { failed: false, at: new Date() };
    table.update(status.resources);
  } catch {
    lastResponse = { failed: true, at: lastResponse?.at };
  }
  document.body.classList.toggle("stale", lastResponse.failed);
  showHeader();
  showNotices();
  if (!lastResponse.failed) await Promise.all([refreshTab(), drawer.refresh()]);
  updateTimes();
}

async function reconcile() {
  const result = byId("reconcile-result");
  const token = byId("token").value.trim();
  if (!token) {
    result.textContent = "Enter the token: it is in the token file of the daemon.";
    return;
  }
  byId("reconcile").disabled = true;
  result.textContent = "Waiting for the end of the cycle";
  try {
    // A token with other characters could not be sent in a header.
    const headers = { authorization: `Bearer ${token.replace(/[^\x21-\x7e]/g, "")}`, "content-type": "application/json" };
    const { cycle, exit_code: code, exit_name: name } = await fetchJson("reconcile", { method: "POST", headers, body: "{}", timeout: 0 });
    result.textContent = `Cycle ${cycle} ended with ${code} (${name}).`;
  } catch (error) {
    result.textContent = `Not reconciled: ${error.message}`;
  }
  byId("reconcile").disabled = false;
  refresh();
}

byId("reconcile-open").addEventListener("click", () => {
  const open = byId("reconcile-form").hidden;
  byId("reconcile-form").hidden = !open;
  byId("reconcile-open").setAttribute("aria-expanded", String(open));
  if (open) byId("token").focus();
});
byId("reconcile").addEventListener("click", reconcile);
byId("token").addEventListener("keydown", (event) => event.key === "Enter" && reconcile());
tabs.start();
startPolling(refresh);

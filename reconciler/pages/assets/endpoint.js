// The page of the endpoint: its live resources, calls, faults and Envoys. It only reads.
// With access keys, it signs its requests; the key is lost when the page is closed.
import { byId, element, fetchJson, formatDuration, plural, replaceIfChanged, startPolling, timeElement, updateTimes } from "./base.js";
import { Drawer, factList, section } from "./drawer.js";
import { MeshGraph } from "./graph.js";
import { ResourceTable, kindColumn, nameCell } from "./resources.js";
import { Signer, canSign } from "./signature.js";
import { Tabs } from "./tabs.js";
import { yamlLines } from "./yaml.js";

const OWNER_TAG = "mesh-reconciler:owner";

let scopes = [];
let revisions = "";
let chosen = null;
let signer = null;

const read = async (path) => fetchJson(path, signer ? { headers: await signer.headers(path) } : {});

const tabs = new Tabs(["mesh", "resources", "calls", "faults", "envoys"], { filters: { mesh: "graph-filter", resources: "filter" }, onTab: () => refreshTab().catch(showError), onKey: (key) => drawer.open(key) });
const openKey = (key) => tabs.openKey(key);
const graph = new MeshGraph({ onOpen: openKey });
const drawer = new Drawer({ render: renderResource, onClose: () => tabs.closeKey() });
const ownerOf = (resource) => resource.tags[OWNER_TAG] ?? "no owner";
const table = new ResourceTable({ columns: [
  kindColumn,
  { name: "name", label: "Resource", value: (r) => r.key.split("/").at(-1), cell: nameCell },
  { name: "detail", label: "Owner", value: ownerOf, cell: (r) => [ownerOf(r)] },
  { name: "version", label: "Version", value: (r) => r.version, cell: (r) => [String(r.version)] },
  { name: "updated", label: "Updated", value: (r) => -r.updated_at, cell: (r) => [timeElement(r.updated_at)] },
  { name: "since", label: "Created", value: (r) => -r.created_at, cell: (r) => [timeElement(r.created_at)] },
], words: (r) => [r.key, ...Object.entries(r.tags).flat(), JSON.stringify(r.spec)].join(" "), onOpen: openKey });

const scopeName = ({ account, region }) => `${account} ${region}`;
const current = () => scopes.find((scope) => scopeName(scope) === chosen);

function renderResource(key) {
  const resource = current()?.resources.find((item) => item.key === key);
  if (!resource) return [element("p", { class: "notice" }, "There is no such resource in this account and region.")];
  return [
    factList({ owner: ownerOf(resource), account: resource.owner, version: String(resource.version), updated: [timeElement(resource.updated_at)], created: [timeElement(resource.created_at)] }),
    section("Spec", element("pre", { class: "yaml" }, ...yamlLines(resource.spec).flatMap((line, index) => (index ? [document.createTextNode("\n"), line] : [line])))),
    section("Tags", Object.keys(resource.tags).length ? element("table", { class: "plain" }, element("tbody", {}, Object.entries(resource.tags).map(([name, value]) => element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, value))))) : element("p", { class: "quiet" }, "no tags")),
  ];
}

function showScope() {
  const scope = current();
  table.update((scope?.resources ?? []).map((resource) => ({ ...resource, state: "live" })));
  graph.update(scope?.graph ?? { meshes: [], nodes: [], edges: [] });
  drawer.refresh();
}

async function refreshResources() {
  const { scopes: known } = await read("revisions");
  const text = JSON.stringify(known);
  if (text === revisions) return;
  ({ scopes } = await read("resources"));
  revisions = text;
  const names = scopes.map(scopeName);
  if (!names.includes(chosen)) chosen = scopes.find((scope) => scope.resources.length) ? scopeName(scopes.find((scope) => scope.resources.length)) : names[0] ?? null;
  replaceIfChanged(byId("scopes"), names, () => names.map((name) => element("option", { value: name }, name)));
  byId("scopes").value = chosen ?? "";
  byId("scope-picker").hidden = names.length < 2;
  showFacts();
  showScope();
}

function showFacts() {
  const scope = current();
  const facts = scope ? { account: scope.account, region: scope.region, revision: String(scope.revision), resources: String(scope.resources.length) } : { state: "no resources yet" };
  byId("facts").replaceChildren(...Object.entries(facts).map(([name, content]) => element("div", {}, element("dt", {}, name), element("dd", {}, content))));
}

const row = (...cells) => element("tr", {}, cells.map((cell, index) => element(index ? "td" : "th", index ? {} : { scope: "row" }, cell)));

async function refreshCalls() {
  const { calls } = await read("calls");
  const sorted = Object.entries(calls).sort(([, a], [, b]) => b - a);
  replaceIfChanged(byId("calls"), sorted, () => sorted.map(([name, count]) => row(name, element("span", { class: "number" }, count.toLocaleString("en")))));
  byId("no-calls").hidden = sorted.length > 0;
}

async function refreshFaults() {
  const { faults, seed } = await read("faults");
  replaceIfChanged(byId("faults"), [faults, seed], () => faults.map((fault) => {
    const { fault: kind, operation, name, ...rest } = fault;
    return row(kind, operation, name ?? "*", Object.entries(rest).map(([member, value]) => `${member} ${JSON.stringify(value)}`).join(", "));
  }));
  byId("no-faults").hidden = faults.length > 0;
}

function envoyRow(proxy, scope) {
  const errors = Object.entries(proxy.types).filter(([, type]) => type.error).map(([name, type]) => element("div", { class: "bad" }, `${name}: ${type.error}`));
  const losses = proxy.losses.map((loss) => element("div", { class: "quiet" }, `${loss.grade}: ${loss.path || loss.key}: ${loss.words}`));
  const [sign, tone, word] = errors.length ? ["\u2715", "bad", "rejected"] : proxy.is_behind ? ["\u2026", "warn", "behind"] : ["\u2713", "good", "current"];
  return row(
    element("span", { class: `state ${tone}` }, element("i", { "aria-hidden": "true" }, sign), word),
    element("button", { type: "button", class: "link", onclick: () => openKey(proxy.key) }, proxy.key),
    proxy.client, `for ${formatDuration(proxy.connected_seconds)}`, `${proxy.revision} of ${scope.revision}`, element("div", {}, ...errors, ...losses));
}

async function refreshEnvoys() {
  const found = await read("proxies");
  replaceIfChanged(byId("envoys"), found, () => found.flatMap((scope) => scope.proxies.map((proxy) => envoyRow(proxy, scope))));
  const connected = found.reduce((sum, scope) => sum + scope.proxies.length, 0);
  const missing = found.flatMap((scope) => scope.without_proxy);
  byId("envoy-note").textContent = `${plural(connected, "Envoy")} connected${missing.length ? `; without a proxy: ${missing.slice(0, 20).join(", ")}${missing.length > 20 ? ` and ${missing.length - 20} more` : ""}` : ""}`;
}

const refreshers = { mesh: refreshResources, resources: refreshResources, calls: refreshCalls, faults: refreshFaults, envoys: refreshEnvoys };

async function refreshTab() {
  await refreshers[tabs.current]();
}

function showHealth(sign, tone, word) {
  byId("health").className = tone;
  byId("health").replaceChildren(element("i", { "aria-hidden": "true" }, sign), word);
  document.body.classList.toggle("stale", tone === "bad");
}

const NEEDS_KEY = "This endpoint answers signed requests: enter an access key with the permission admin.";
const NEEDS_TLS = "This endpoint answers signed requests, and a browser signs them only over TLS or on this machine: serve the endpoint with --tls-cert, or use reconciler graph --live.";

function showError(error) {
  const needsKey = error.status === 403 && !signer;
  showHealth(needsKey ? "!" : "\u2715", needsKey ? "warn" : "bad", needsKey ? "locked" : "not readable");
  if (error.status === 403) byId("sign-in").hidden = !canSign();
  const text = needsKey ? (canSign() ? NEEDS_KEY : NEEDS_TLS) : `The endpoint cannot be read: ${error.message}`;
  replaceIfChanged(byId("notices"), text, () => [element("p", { class: "notice" }, text)]);
}

async function refresh() {
  try {
    // The drawer may be open on any tab.
    if (tabs.current !== "mesh" && tabs.current !== "resources" && (drawer.key !== null || !scopes.length)) await refreshResources();
    await refreshTab();
    showHealth("\u2713", "good", "live");
    byId("sign-in").hidden = true;
    replaceIfChanged(byId("notices"), "", () => []);
  } catch (error) {
    showError(error);
  }
  updateTimes();
}

byId("scopes").addEventListener("change", () => {
  chosen = byId("scopes").value;
  showFacts();
  showScope();
});

async function useKey() {
  const [id, secret, token] = ["key-id", "secret", "session-token"].map((name) => byId(name).value.trim());
  // Other characters cannot be part of a header.
  if (!/^\w+$/.test(id) || !secret || !/^[\x21-\x7e]*$/.test(token)) {
    byId("sign-in-note").textContent = "Enter an access key id and its secret.";
    return;
  }
  byId("sign-in-note").textContent = "";
  signer = await Signer.create(id, secret, token);
  for (const name of ["secret", "session-token"]) byId(name).value = "";
  await findEnvoys();
  await refresh();
}

byId("use-key").addEventListener("click", useKey);
byId("sign-in").addEventListener("keydown", (event) => event.key === "Enter" && event.target.matches("input") && useKey());

// Only an endpoint with --xds has the list of proxies.
const findEnvoys = () => read("proxies").then(() => true, () => false).then((found) => {
  byId("tab-envoys").hidden = !found;
});

findEnvoys().finally(() => {
  tabs.start();
  startPolling(refresh);
});

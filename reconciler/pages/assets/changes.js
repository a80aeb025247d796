// The runs of the history as a timeline; an open run shows its diff.
import { byId, element, fetchJson, formatDuration, plural, replaceIfChanged, shortCommit, timeElement } from "./base.js";
import { fieldList, trafficLines } from "./diff.js";

const SIGNS = { create: "+", update: "~", adopt: "~", delete: "\u2212" };
const MAX_SHOWN_CHANGES = 200;

export class Changes {
  constructor({ onOpen }) {
    this.onOpen = onOpen;
    this.latest = "";
  }

  async refresh() {
    let document_;
    try {
      document_ = await fetchJson("runs");
    } catch (error) {
      document_ = { error: `The history cannot be read: ${error.message}` };
    }
    const runs = document_.runs ?? [];
    byId("no-runs").hidden = runs.length > 0;
    byId("no-runs").textContent = document_.error ?? (document_.runs ? "No run is recorded: each run that writes, fails or withholds changes appears here." : "The daemon keeps no history: start it without --history none.");
    replaceIfChanged(byId("runs"), runs, () => runs.map((run) => this.#run(run)));
  }

  #run(run) {
    const open = byId("runs").querySelector(`details[open][data-run="${CSS.escape(run.run)}"]`);
    const { sign, tone, label } = resultOf(run);
    const counts = Object.entries(run.counts).map(([name, count]) => `${count} ${name}`).join(", ");
    const took = run.duration_seconds === null ? "" : `took ${formatDuration(run.duration_seconds)}`;
    const body = element("div", { class: "run-body" });
    const details = element("details", { "data-run": run.run },
      element("summary", {},
        element("span", { class: `state ${tone}` }, element("i", { "aria-hidden": "true" }, sign), label),
        element("b", {}, counts || run.error || "nothing to do"),
        element("span", { class: "quiet" }, timeElement(run.started_at)),
        element("span", { class: "quiet wide" }, run.command, " by ", run.actor),
        element("code", { class: "quiet wide" }, run.commit ? shortCommit(run.commit) + (run.dirty ? "+" : "") : ""),
        element("span", { class: "quiet wide" }, took)),
      body);
    details.addEventListener("toggle", () => details.open && this.#load(run.run, body));
    details.open = open !== null;
    return element("li", {}, details);
  }

  async #load(run, body) {
    body.replaceChildren(element("p", { class: "quiet" }, "Loading"));
    try {
      body.replaceChildren(...this.#content(await fetchJson(`run?id=${encodeURIComponent(run)}`)));
    } catch (error) {
      body.replaceChildren(element("p", { class: "notice" }, `The run cannot be shown: ${error.message}`));
    }
  }

  #content(run) {
    const outcomes = new Map((run.outcomes ?? []).map((outcome) => [outcome.key, outcome]));
    const changes = run.changes ?? [];
    const withheld = run.withheld ?? [];
    return [
      run.error ? element("p", { class: "notice" }, run.error) : null,
      run.finished ? null : element("p", { class: "notice" }, "The run was interrupted or still runs, so each change may have been made."),
      ...changes.slice(0, MAX_SHOWN_CHANGES).map((change) => this.#change(change, outcomes.get(change.key))),
      ...withheld.slice(0, MAX_SHOWN_CHANGES).map((item) => this.#withheld(item)),
      changes.length > MAX_SHOWN_CHANGES || withheld.length > MAX_SHOWN_CHANGES ? element("p", { class: "quiet" }, `${plural(changes.length + withheld.length, "entry").replace("entrys", "entries")}; reconciler history ${run.run} prints all of them.`) : null,
      changes.length || withheld.length || run.error ? null : element("p", { class: "quiet" }, "No change."),
    ].filter(Boolean);
  }

  #key(key) {
    return element("button", { type: "button", class: "link", onclick: () => this.onOpen(key) }, key);
  }

  #change(change, outcome) {
    const failed = outcome && outcome.outcome !== "applied";
    return element("div", { class: "change" },
      element("div", {}, element("span", { class: `sign ${change.operation}`, "aria-hidden": "true" }, SIGNS[change.operation] ?? "~"), " ",
        element("b", {}, change.operation), " ", this.#key(change.key), " ", element("span", { class: "quiet" }, change.cause, outcome ? `, ${outcome.outcome}` : "")),
      failed && outcome.reason ? element("p", { class: "bad" }, outcome.reason) : null,
      ...trafficLines(change).map((line) => element("p", {}, line)),
      change.traffic ? element("p", { class: "quiet" }, change.traffic) : null,
      change.fields.length ? fieldList(change.fields) : null);
  }

  #withheld(item) {
    return element("div", { class: "change" },
      element("div", {}, element("span", { class: "sign", "aria-hidden": "true" }, "!"), " ", element("b", {}, "withheld"), " ", this.#key(item.key)),
      element("p", {}, item.reason), item.change?.fields.length ? fieldList(item.change.fields) : null);
  }
}

function resultOf(run) {
  if (run.exit_code === null) return { sign: "?", tone: "warn", label: "unfinished" };
  if (run.exit_code === 0) return { sign: "\u2713", tone: "good", label: "ok" };
  if (run.counts.withheld && !run.counts.failed && !run.error) return { sign: "!", tone: "warn", label: "withheld" };
  return { sign: "\u2715", tone: "bad", label: "failed" };
}

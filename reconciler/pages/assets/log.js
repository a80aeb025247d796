// The last records of the log of the daemon, the newest first.
import { byId, element, fetchJson, replaceIfChanged } from "./base.js";

const TONES = { error: "bad", critical: "bad", warning: "warn" };
const SIGNS = { error: "\u2715", critical: "\u2715", warning: "!" };

export const timeOf = (event) => element("time", { datetime: new Date(event.at * 1000).toISOString() }, new Date(event.at * 1000).toLocaleTimeString("en-GB"));

export class Log {
  constructor({ onOpen }) {
    this.onOpen = onOpen;
    this.events = [];
    byId("log-filter").addEventListener("input", () => this.#show());
    byId("log-problems").addEventListener("change", () => this.#show());
  }

  async refresh() {
    try {
      this.events = (await fetchJson("log")).events.reverse();
      this.error = null;
    } catch (error) {
      this.error = `The log cannot be read: ${error.message}`;
    }
    this.#show();
  }

  #show() {
    const words = byId("log-filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = this.events.filter((event) => (!byId("log-problems").checked || event.level in TONES) && words.every((word) => event.message.toLowerCase().includes(word)));
    byId("no-events").hidden = shown.length > 0 && !this.error;
    byId("no-events").textContent = this.error ?? (this.events.length ? "No record matches the filter." : "No records yet.");
    replaceIfChanged(byId("events"), shown, () => shown.map((event) => this.#line(event)));
  }

  #line(event) {
    return element("li", { class: TONES[event.level] ?? "" }, timeOf(event),
      element("span", { class: "level" }, element("i", { "aria-hidden": "true" }, SIGNS[event.level] ?? ""), event.level),
      element("span", { class: "message" }, event.message),
      event.key ? element("button", { type: "button", class: "link", onclick: () => this.onOpen(event.key) }, event.key) : null);
  }
}

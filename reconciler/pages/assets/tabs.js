// Tabs and the address: #resources opens a tab, #resources/KEY also opens the drawer of a resource.
import { byId } from "./base.js";

export class Tabs {
  // filters: the id of the input to which "/" moves the focus, by tab.
  constructor(names, { filters, onTab, onKey }) {
    this.names = names;
    this.onTab = onTab;
    this.onKey = onKey;
    for (const name of names) {
      const tab = byId(`tab-${name}`);
      tab.addEventListener("click", () => this.go(name));
      tab.addEventListener("keydown", (event) => this.#move(event, name));
    }
    addEventListener("hashchange", () => this.#read());
    addEventListener("keydown", (event) => {
      const filter = filters[this.current];
      if (event.key !== "/" || !filter || event.target.matches("input, select")) return;
      event.preventDefault();
      byId(filter).focus();
    });
  }

  start() {
    this.#read();
  }

  go(name, key = null) {
    const hash = `#${name}${key === null ? "" : `/${encodeURIComponent(key)}`}`;
    if (location.hash === hash) this.#read();
    else location.hash = hash;
  }

  openKey(key) {
    this.go(this.current, key);
  }

  closeKey() {
    this.go(this.current);
  }

  #read() {
    const [name, ...rest] = location.hash.slice(1).split("/");
    this.current = this.names.includes(name) && !byId(`tab-${name}`).hidden ? name : this.names[0];
    for (const other of this.names) {
      const selected = other === this.current;
      const tab = byId(`tab-${other}`);
      tab.setAttribute("aria-selected", String(selected));
      tab.tabIndex = selected ? 0 : -1;
      byId(`panel-${other}`).hidden = !selected;
    }
    this.onTab(this.current);
    let key = null;
    try {
      key = rest.length ? decodeURIComponent(rest.join("/")) : null;
    } catch {
      // An address that was edited by hand opens no drawer.
    }
    this.onKey(key);
  }

  #move(event, name) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const names = this.names.filter((other) => !byId(`tab-${other}`).hidden);
    const next = names[(names.indexOf(name) + step + names.length) % names.length];
    byId(`tab-${next}`).focus();
    this.go(next);
  }
}

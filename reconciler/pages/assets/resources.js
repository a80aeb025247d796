// The table of resources: grouped, filtered and sorted. Only the visible rows are elements.
import { ORDER, byId, element, replaceIfChanged, splitKey, stateElement } from "./base.js";

const KINDS = ["mesh", "virtual-gateway", "gateway-route", "virtual-service", "virtual-router", "route", "virtual-node"];
const SPARE_ROWS = 8;

const compareNames = new Intl.Collator("en", { numeric: true }).compare;
const order = (list, item) => (list.indexOf(item) + list.length + 1) % (list.length + 1);

export class ResourceTable {
  // columns: { name, label, value(resource) to sort by, cell(resource) -> nodes }; the first is the state.
  constructor({ columns, words, onOpen }) {
    this.columns = columns;
    this.words = words;
    this.onOpen = onOpen;
    this.sort = { column: columns[0], descending: false };
    this.state = null;
    this.entries = new Map();
    this.sorted = [];
    this.rows = [];
    this.active = 0;
    this.narrow = matchMedia("(max-width: 60rem)");
    this.body = byId("rows");
    this.space = element("div", { class: "space", role: "presentation" });
    this.body.append(this.space);
    this.#makeHead();
    this.body.addEventListener("scroll", () => this.#paint(), { passive: true });
    this.body.addEventListener("click", (event) => this.#click(event));
    this.body.addEventListener("keydown", (event) => this.#key(event));
    this.narrow.addEventListener("change", () => this.#repaint());
    new ResizeObserver(() => this.#paint()).observe(this.body);
    byId("filter").addEventListener("input", () => this.filter());
    byId("filter").addEventListener("keydown", (event) => event.key === "ArrowDown" && this.#activate(this.#step(-1, 1), event));
  }

  update(resources) {
    const entries = new Map();
    let changed = resources.length !== this.entries.size || !this.isFilled;
    this.isFilled = true;
    for (const resource of resources) {
      const json = JSON.stringify(resource);
      const known = this.entries.get(resource.key);
      if (known?.json === json) entries.set(resource.key, known);
      else {
        changed = true;
        entries.set(resource.key, { json, resource, ...splitKey(resource.key), words: this.words(resource).toLowerCase() });
      }
    }
    this.entries = entries;
    this.#counts();
    if (changed) this.#sortRows();
  }

  filter() {
    const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = this.sorted.filter((entry) => (this.state === null || entry.resource.state === this.state) && words.every((word) => entry.words.includes(word)));
    // Meshes and their kinds are in the order of their first rows, so those that need attention come first.
    const groups = new Map();
    for (const entry of shown) {
      if (!groups.has(entry.mesh)) groups.set(entry.mesh, new Map());
      const kinds = groups.get(entry.mesh);
      if (!kinds.has(entry.kind)) kinds.set(entry.kind, []);
      kinds.get(entry.kind).push(entry);
    }
    const active = this.rows[this.active]?.resource?.key;
    this.rows = [...groups].flatMap(([mesh, kinds]) => {
      const entries = [...kinds.values()].flatMap((group) => group.map((entry, index) => ({ ...entry, isFirst: index === 0 })));
      // A mesh without other resources needs no heading.
      return entries.length === 1 && entries[0].kind === "mesh" ? entries : [{ mesh, count: entries.length }, ...entries];
    });
    this.active = this.rows.findIndex((row) => row.resource?.key === active);
    if (this.active < 0) this.active = this.rows.findIndex((row) => row.resource);
    byId("none").hidden = shown.length > 0;
    byId("none").textContent = this.entries.size ? "No resource matches the filter." : "No resources yet.";
    byId("table").setAttribute("aria-rowcount", String(this.rows.length + 1));
    byId("shown").textContent = shown.length === this.entries.size ? "" : `${shown.length} of ${this.entries.size}`;
    this.#repaint();
  }

  #sortRows() {
    const { column, descending } = this.sort;
    const sign = descending ? -1 : 1;
    const keyed = [...this.entries.values()].map((entry) => ({ entry, value: column.value(entry.resource) }));
    keyed.sort((a, b) => sign * compareValues(a.value, b.value) || compareNames(a.entry.mesh, b.entry.mesh) || order(KINDS, a.entry.kind) - order(KINDS, b.entry.kind) || compareNames(a.entry.resource.key, b.entry.resource.key));
    this.sorted = keyed.map(({ entry }) => entry);
    this.filter();
  }

  #makeHead() {
    byId("head").append(...this.columns.map((column) => {
      const button = element("button", { type: "button", onclick: () => {
        this.sort = { column, descending: this.sort.column === column && !this.sort.descending };
        this.#markSort();
        this.#sortRows();
        this.body.scrollTop = 0;
      } }, column.label);
      return element("div", { role: "columnheader", class: column.name }, button);
    }));
    this.#markSort();
  }

  #markSort() {
    this.columns.forEach((column, index) => {
      const direction = this.sort.column !== column ? "none" : this.sort.descending ? "descending" : "ascending";
      byId("head").children[index].setAttribute("aria-sort", direction);
    });
  }

  #counts() {
    const counts = new Map();
    for (const { resource } of this.entries.values()) counts.set(resource.state, (counts.get(resource.state) ?? 0) + 1);
    if (!counts.has(this.state)) this.state = null;
    const states = [...counts].sort(([a], [b]) => ORDER.indexOf(a) - ORDER.indexOf(b));
    replaceIfChanged(byId("counts"), [this.state, this.entries.size, ...states], () => [
      this.#countButton(null, this.entries.size, this.entries.size === 1 ? "resource" : "resources"),
      ...states.map(([state, count]) => this.#countButton(state, count, state)),
    ]);
  }

  #countButton(state, count, label) {
    const content = state === null ? label : stateElement(state);
    return element("button", { type: "button", "aria-pressed": String(this.state === state), onclick: () => {
      this.state = this.state === state ? null : state;
      this.#counts();
      this.filter();
      this.body.scrollTop = 0;
    } }, element("b", {}, count), " ", content);
  }

  get #height() {
    return this.narrow.matches ? 46 : 26;
  }

  #repaint() {
    this.painted = null;
    this.space.style.height = `${this.rows.length * this.#height}px`;
    this.#paint();
  }

  #paint() {
    const height = this.#height;
    const first = Math.max(0, Math.floor(this.body.scrollTop / height) - SPARE_ROWS);
    const last = Math.min(this.rows.length, Math.ceil((this.body.scrollTop + this.body.clientHeight) / height) + SPARE_ROWS);
    const range = `${first} ${last} ${this.active}`;
    if (this.painted === range) return;
    this.painted = range;
    const hadFocus = this.space.contains(document.activeElement);
    const present = new Map([...this.space.children].map((line) => [line.dataset.index, line]));
    const lines = [];
    for (let index = first; index < last; index += 1) {
      const row = this.rows[index];
      const known = present.get(String(index));
      const line = known && known.row.resource === row.resource && known.row.isFirst === row.isFirst && known.row.mesh === row.mesh && known.row.count === row.count ? known : this.#line(row, index);
      line.tabIndex = index === this.active ? 0 : -1;
      line.style.top = `${index * height}px`;
      lines.push(line);
    }
    const kept = new Set(lines);
    for (const line of present.values()) if (!kept.has(line)) line.remove();
    lines.forEach((line, index) => {
      if (this.space.children[index] !== line) this.space.insertBefore(line, this.space.children[index] ?? null);
    });
    if (hadFocus && !this.space.contains(document.activeElement)) this.#focus();
  }

  #line(row, index) {
    const line = row.resource ? this.#resourceLine(row) : element("div", { role: "row", class: "group" },
      element("div", { role: "gridcell", "aria-colspan": this.columns.length }, element("b", {}, row.mesh), " ", element("span", { class: "quiet" }, row.count)));
    line.row = row;
    line.dataset.index = index;
    line.setAttribute("aria-rowindex", String(index + 2));
    return line;
  }

  #resourceLine(row) {
    const cells = this.columns.map((column) => element("div", { role: "gridcell", class: column.name }, ...column.cell(row.resource, row)));
    return element("div", { role: "row", "data-key": row.resource.key }, ...cells);
  }

  #click(event) {
    const line = event.target.closest("[data-key]");
    if (!line || String(getSelection())) return;
    this.#activate(Number(line.dataset.index));
    this.onOpen(line.dataset.key);
  }

  #step(from, step) {
    let index = Math.min(Math.max(from + step, 0), this.rows.length - 1);
    // Headings of groups are not opened, so they are left out.
    while (this.rows[index] && !this.rows[index].resource) index += step < 0 && index > 0 ? -1 : 1;
    return index;
  }

  #key(event) {
    const page = Math.max(1, Math.floor(this.body.clientHeight / this.#height) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -this.rows.length, End: this.rows.length };
    if (event.key in steps) this.#activate(this.#step(this.active, steps[event.key]), event);
    if ((event.key === "Enter" || event.key === " ") && this.rows[this.active]?.resource) {
      event.preventDefault();
      this.onOpen(this.rows[this.active].resource.key);
    }
  }

  #activate(index, event) {
    event?.preventDefault();
    if (!this.rows[index]) return;
    this.active = index;
    const height = this.#height;
    const top = index * height;
    if (top < this.body.scrollTop + height) this.body.scrollTop = top - height;
    if (top + height > this.body.scrollTop + this.body.clientHeight) this.body.scrollTop = top + height - this.body.clientHeight;
    this.#paint();
    this.#focus();
  }

  #focus() {
    this.space.querySelector("[tabindex='0']")?.focus({ preventScroll: true });
  }

  focusKey(key) {
    const index = this.rows.findIndex((row) => row.resource?.key === key);
    if (index >= 0) this.#activate(index);
  }
}

function compareValues(a, b) {
  if (a === b) return 0;
  // Resources without a value are last.
  if (a === null || a === undefined || a === "") return 1;
  if (b === null || b === undefined || b === "") return -1;
  return typeof a === "string" ? compareNames(a, b) : a - b;
}

// Shows the kind in the first row of its group; screen readers get it in each row.
export const kindColumn = { name: "kind", label: "Kind", value: (resource) => KINDS.indexOf(splitKey(resource.key).kind), cell: (resource, row) => [element("span", { class: row.isFirst ? "" : "again" }, row.kind)] };

export const nameCell = (resource) => {
  const { parents, name } = splitKey(resource.key);
  return [element("span", { class: "quiet" }, parents.map((parent) => `${parent}/`).join("")), element("b", { title: resource.key }, name)];
};

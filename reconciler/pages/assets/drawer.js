// The drawer: everything about one resource, over the right side of the page.
import { byId, element, splitKey } from "./base.js";

export class Drawer {
  // render(key) returns the sections, or a promise of them.
  constructor({ render, onClose }) {
    this.render = render;
    this.onClose = onClose;
    this.key = null;
    this.drawer = byId("drawer");
    byId("drawer-close").addEventListener("click", () => this.onClose());
    document.addEventListener("pointerdown", (event) => {
      if (this.key !== null && !this.drawer.contains(event.target) && !event.target.closest("[data-key], [data-id], button, a, input, select")) this.onClose();
    });
    addEventListener("keydown", (event) => event.key === "Escape" && this.key !== null && this.onClose());
  }

  open(key) {
    if (key === this.key) return;
    const isFirst = this.key === null;
    this.key = key;
    if (key === null) {
      this.drawer.hidden = true;
      this.returnTo?.isConnected && this.returnTo.focus();
      return;
    }
    if (isFirst) this.returnTo = document.activeElement;
    this.drawer.hidden = false;
    this.content = null;
    const { kind, mesh, parents, name } = splitKey(key);
    const path = kind === "mesh" ? kind : `${kind} in ${[mesh, ...parents].join("/")}`;
    byId("drawer-title").replaceChildren(element("span", { class: "quiet" }, path), element("br"), name);
    byId("drawer-body").replaceChildren(element("p", { class: "quiet" }, "Loading"));
    byId("drawer-body").scrollTop = 0;
    byId("drawer-title").focus();
    this.refresh();
  }

  // Renders again; an answer that arrives after another resource was opened is dropped.
  async refresh() {
    const { key } = this;
    if (key === null) return;
    let sections;
    try {
      sections = await this.render(key);
    } catch (error) {
      sections = [element("p", { class: "notice" }, `The resource cannot be shown: ${error.message}`)];
    }
    if (this.key !== key) return;
    const text = sections.map((section) => section?.outerHTML ?? "").join("").replace(/<time.*?<\/time>/g, "");
    if (text === this.content) return;
    this.content = text;
    byId("drawer-body").replaceChildren(...sections.filter(Boolean));
  }
}

export const factList = (facts) => element("dl", { class: "facts" }, Object.entries(facts).filter(([, content]) => content).map(([name, content]) =>
  element("div", {}, element("dt", {}, name), element("dd", {}, content))));

export const section = (title, ...content) => element("section", {}, element("h3", {}, title), ...content);

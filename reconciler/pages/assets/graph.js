// The mesh as a picture: dagre places the resources, and this draws them as SVG with pan and zoom.
import { ORDER, byId, element, escapeControls, lookOf, plural, replaceIfChanged, stateElement, svg } from "./base.js";

const NODE_HEIGHT = 36;
const MIN_NODE_WIDTH = 116;
const MAX_NODE_CHARACTERS = 26;
const CHARACTER_WIDTH = 7.8;
const KIND_CHARACTER_WIDTH = 6;
const LABEL_CHARACTER_WIDTH = 6.2;
const MAX_LABEL_CHARACTERS = 30;
// A larger graph is neither readable nor laid out within a second.
const MAX_NODES = 250;
const MIN_SCALE = 0.05;
const MAX_SCALE = 2.5;
const MIN_FIRST_SCALE = 0.6;
const PAN_STEP = 60;

// The kind, and in words each state that needs attention.
const kindText = (node) => (lookOf(node.state).tone === "good" ? node.kind : `${node.kind} \u00b7 ${node.state}`);

const shorten = (text, length) => {
  const characters = [...escapeControls(text)];
  return characters.length > length ? `${characters.slice(0, length - 1).join("")}\u2026` : characters.join("");
};

export class MeshGraph {
  constructor({ onOpen }) {
    this.onOpen = onOpen;
    this.graph = { meshes: [], nodes: [], edges: [] };
    this.mesh = null;
    this.view = null;
    this.shape = "";
    this.serial = 0;
    this.worker = new Worker("layout.js", { type: "module" });
    this.worker.addEventListener("message", ({ data }) => data.id === this.serial && this.#draw(data));
    this.worker.addEventListener("error", () => this.#say("The layout of this graph failed."));
    this.picture = byId("picture");
    this.canvas = svg("g", {});
    this.picture.append(svg("defs", {}, ...["edge", "edge-active"].map((id) => svg("marker", { id, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, svg("path", { d: "M0 0 8 4 0 8z" })))), this.canvas);
    byId("meshes").addEventListener("change", () => this.#choose(byId("meshes").value));
    byId("graph-filter").addEventListener("input", () => this.#lay());
    byId("zoom-in").addEventListener("click", () => this.#zoom(1.25));
    byId("zoom-out").addEventListener("click", () => this.#zoom(0.8));
    byId("zoom-fit").addEventListener("click", () => this.#fit());
    this.#listen();
    new ResizeObserver(() => this.layout && !this.moved && this.#begin()).observe(this.picture);
  }

  update(graph) {
    this.graph = graph;
    const meshes = [...new Set([...graph.meshes, ...graph.nodes].map((item) => item.mesh ?? item.name))].sort();
    if (!meshes.includes(this.mesh)) this.mesh = this.#worstMesh(meshes);
    replaceIfChanged(byId("meshes"), [this.mesh, ...meshes], () => meshes.map((mesh) => element("option", { value: mesh, selected: mesh === this.mesh }, mesh)));
    byId("meshes").value = this.mesh ?? "";
    byId("mesh-picker").hidden = meshes.length < 2;
    this.#lay();
  }

  #worstMesh(meshes) {
    const rank = (item) => ORDER.indexOf(item.state);
    const broken = [...this.graph.nodes, ...this.graph.meshes].filter((item) => ["bad", "warn"].includes(lookOf(item.state).tone)).sort((a, b) => rank(a) - rank(b));
    const first = broken[0] ?? this.graph.nodes[0];
    return first ? first.mesh ?? first.name : meshes[0] ?? null;
  }

  #choose(mesh) {
    this.mesh = mesh;
    this.moved = false;
    this.#lay();
  }

  // Chooses the resources to show: those that match the filter or need attention come first, with their neighbors.
  #select() {
    const nodes = this.graph.nodes.filter((node) => node.mesh === this.mesh);
    const ids = new Set(nodes.map((node) => node.id));
    const edges = this.graph.edges.filter((edge) => ids.has(edge.from) && ids.has(edge.to));
    const words = byId("graph-filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length && nodes.length <= MAX_NODES) return { nodes, edges, total: nodes.length };
    const neighbors = new Map(nodes.map((node) => [node.id, []]));
    for (const { from, to } of edges) {
      neighbors.get(from).push(to);
      neighbors.get(to).push(from);
    }
    const seeds = words.length
      ? nodes.filter((node) => words.every((word) => `${node.id} ${node.state}`.toLowerCase().includes(word)))
      : [...nodes].sort((a, b) => Number(lookOf(a.state).tone === "good") - Number(lookOf(b.state).tone === "good"));
    const chosen = new Set();
    for (const seed of seeds) {
      for (const id of [seed.id, ...neighbors.get(seed.id)]) if (chosen.size < MAX_NODES) chosen.add(id);
    }
    return { nodes: nodes.filter((node) => chosen.has(node.id)), edges: edges.filter((edge) => chosen.has(edge.from) && chosen.has(edge.to)), total: nodes.length };
  }

  #lay() {
    const mesh = this.graph.meshes.find((item) => item.name === this.mesh);
    replaceIfChanged(byId("mesh-state"), mesh ?? null, () => (mesh ? [element("button", { type: "button", onclick: () => this.onOpen(mesh.id) }, stateElement(mesh.state, `${mesh.id}: ${mesh.state}`))] : []));
    const { nodes, edges, total } = this.#select();
    this.shown = { nodes, edges };
    this.#say(this.mesh === null ? "No resources yet." : total === 0 ? "No resources besides the mesh." : nodes.length === total ? plural(total, "resource") : `${nodes.length} of ${plural(total, "resource")}: filter to see others`);
    const width = (node) => Math.max(MIN_NODE_WIDTH, 40 + CHARACTER_WIDTH * Math.min(MAX_NODE_CHARACTERS, escapeControls(node.name).length), 44 + KIND_CHARACTER_WIDTH * kindText(node).length);
    const sized = nodes.map((node) => ({ id: node.id, width: width(node), height: NODE_HEIGHT }));
    const labeled = edges.map(({ from, to, label }) => ({ from, to, labelWidth: label ? LABEL_CHARACTER_WIDTH * Math.min(MAX_LABEL_CHARACTERS, escapeControls(label).length) + 10 : 0 }));
    const shape = JSON.stringify([sized, labeled, edges.map((edge) => edge.label)]);
    if (shape === this.shape) {
      if (this.layout) this.#states();
      return;
    }
    this.shape = shape;
    if (!nodes.length) {
      this.layout = null;
      this.canvas.replaceChildren();
      this.picture.dataset.drawn = "empty";
      return;
    }
    this.sizes = new Map(sized.map((node) => [node.id, node]));
    this.serial += 1;
    const space = { width: this.picture.clientWidth || 1200, height: this.picture.clientHeight || 700 };
    if (!this.layout) this.canvas.replaceChildren(svg("text", { class: "name", x: 24, y: 40 }, "Drawing…"));
    this.worker.postMessage({ id: this.serial, nodes: sized, edges: labeled, space });
  }

  #draw(layout) {
    this.layout = layout;
    const focused = document.activeElement?.dataset?.id;
    const edges = this.shown.edges.map((edge, index) => this.#edge(edge, layout.edges[index]));
    this.cards = new Map(this.shown.nodes.map((node) => [node.id, this.#node(node, layout.nodes[node.id])]));
    this.canvas.replaceChildren(svg("g", {}, ...edges.map(([path]) => path)), svg("g", {}, ...edges.map(([, label]) => label)), svg("g", {}, ...this.cards.values()));
    this.#states();
    if (focused) this.cards.get(focused)?.focus();
    if (!this.moved) this.#begin();
    this.picture.dataset.drawn = String(this.serial);
  }

  #edge(edge, { points, x, y }) {
    const path = svg("path", { class: "edge", d: curve(points), "marker-end": "url(#edge)", "data-from": edge.from, "data-to": edge.to });
    if (!edge.label) return [path, null];
    const text = shorten(edge.label, MAX_LABEL_CHARACTERS);
    const width = LABEL_CHARACTER_WIDTH * [...text].length + 8;
    return [path, svg("g", { class: "label", transform: `translate(${x} ${y})` },
      svg("rect", { x: -width / 2, y: -8, width, height: 16, rx: 3 }), svg("text", { "text-anchor": "middle", y: 4 }, text), svg("title", {}, edge.label))];
  }

  #node(node, [x, y]) {
    const { width } = this.sizes.get(node.id);
    const open = () => this.onOpen(node.id);
    const card = svg("g", {
      class: "node", tabindex: 0, role: "button", "data-id": node.id, "data-kind": node.kind, transform: `translate(${x - width / 2} ${y - NODE_HEIGHT / 2})`,
      onclick: () => this.dragged || open(),
      onkeydown: (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        open();
      },
      onfocus: () => this.#light(node.id), onblur: () => this.#light(null),
      onpointerenter: () => this.#light(node.id), onpointerleave: () => this.#light(null),
    },
    svg("rect", { class: "card", width, height: NODE_HEIGHT, rx: node.kind === "virtual-service" ? NODE_HEIGHT / 2 : 5 }),
    svg("circle", { class: "dot", cx: 17, cy: NODE_HEIGHT / 2, r: 9 }),
    svg("text", { class: "sign", x: 17, y: NODE_HEIGHT / 2 + 4, "text-anchor": "middle" }),
    svg("text", { class: "name", x: 33, y: 15 }, shorten(node.name, MAX_NODE_CHARACTERS)),
    svg("text", { class: "kind", x: 33, y: 28 }, kindText(node)),
    svg("title", {}, node.id));
    return card;
  }

  // Shows the states of the resources, which change more often than the layout.
  #states() {
    for (const node of this.shown.nodes) {
      const card = this.cards.get(node.id);
      // Until the layout of a new graph arrives, the cards are those of the graph before.
      if (!card) continue;
      const { sign, tone } = lookOf(node.state);
      card.setAttribute("class", `node ${tone}`);
      card.querySelector(".sign").textContent = sign;
      card.querySelector(".kind").textContent = kindText(node);
    }
  }

  #light(id) {
    for (const path of this.canvas.querySelectorAll(".edge")) {
      const lit = id !== null && (path.dataset.from === id || path.dataset.to === id);
      path.classList.toggle("lit", lit);
      path.setAttribute("marker-end", lit ? "url(#edge-active)" : "url(#edge)");
    }
  }

  #listen() {
    const pointers = new Map();
    const { picture } = this;
    picture.addEventListener("wheel", (event) => {
      event.preventDefault();
      const { left, top } = picture.getBoundingClientRect();
      this.#zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), [event.clientX - left, event.clientY - top]);
    }, { passive: false });
    picture.addEventListener("pointerdown", (event) => {
      pointers.set(event.pointerId, [event.clientX, event.clientY]);
      this.dragged = false;
    });
    addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (!before || !this.view) return;
      const after = [event.clientX, event.clientY];
      if (!this.dragged && Math.hypot(after[0] - before[0], after[1] - before[1]) < 4) return;
      this.dragged = true;
      if (pointers.size === 2) {
        const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
        const distance = (at) => Math.hypot(at[0] - other[0], at[1] - other[1]) || 1;
        const { left, top } = picture.getBoundingClientRect();
        this.#zoom(distance(after) / distance(before), [other[0] - left, other[1] - top]);
      } else this.#move(after[0] - before[0], after[1] - before[1]);
      pointers.set(event.pointerId, after);
    });
    for (const name of ["pointerup", "pointercancel"]) addEventListener(name, (event) => pointers.delete(event.pointerId));
    picture.addEventListener("keydown", (event) => {
      const moves = { ArrowLeft: [PAN_STEP, 0], ArrowRight: [-PAN_STEP, 0], ArrowUp: [0, PAN_STEP], ArrowDown: [0, -PAN_STEP] };
      const actions = { "+": () => this.#zoom(1.25), "=": () => this.#zoom(1.25), "-": () => this.#zoom(0.8), 0: () => this.#fit() };
      const action = moves[event.key] ? () => this.#move(...moves[event.key]) : actions[event.key];
      if (!action) return;
      event.preventDefault();
      action();
    });
    // A card that is focused by the keyboard may be outside of the picture.
    picture.addEventListener("focusin", (event) => event.target.matches(".node:focus-visible") && this.#reveal(event.target));
  }

  #reveal(card) {
    const outer = this.picture.getBoundingClientRect();
    const inner = card.getBoundingClientRect();
    const shift = (low, high, from, to) => (low < from ? from - low + 20 : high > to ? to - high - 20 : 0);
    this.#move(shift(inner.left, inner.right, outer.left, outer.right), shift(inner.top, inner.bottom, outer.top, outer.bottom));
  }

  #move(x, y) {
    if (!this.view || (!x && !y)) return;
    this.moved = true;
    this.view = { ...this.view, x: this.view.x + x, y: this.view.y + y };
    this.#apply();
  }

  #zoom(factor, [x, y] = [this.picture.clientWidth / 2, this.picture.clientHeight / 2]) {
    if (!this.view) return;
    this.moved = true;
    const scale = Math.min(MAX_SCALE, Math.max(MIN_SCALE, this.view.scale * factor));
    const ratio = scale / this.view.scale;
    this.view = { scale, x: x - (x - this.view.x) * ratio, y: y - (y - this.view.y) * ratio };
    this.#apply();
  }

  // Shows the whole graph, or at a readable size its first part or the first resource that needs attention.
  #begin() {
    this.#fit();
    if (!this.view || this.view.scale >= MIN_FIRST_SCALE) return;
    const { clientWidth, clientHeight } = this.picture;
    const scale = MIN_FIRST_SCALE;
    const broken = this.shown.nodes.find((node) => ["bad", "warn"].includes(lookOf(node.state).tone));
    const rank = this.layout.direction === "LR" ? 0 : 1;
    const first = Object.values(this.layout.nodes).reduce((a, b) => (b[rank] < a[rank] ? b : a));
    const [x, y] = broken ? this.layout.nodes[broken.id] : first;
    const within = (at, size, space) => (size * scale <= space ? (space - size * scale) / 2 : Math.min(0, Math.max(space - size * scale, space / 2 - at * scale)));
    this.view = { scale, x: within(x, this.layout.size.width, clientWidth), y: within(y, this.layout.size.height, clientHeight) };
    this.#apply();
  }

  #fit() {
    const { clientWidth, clientHeight } = this.picture;
    if (!this.layout || !clientWidth) return;
    const { width, height } = this.layout.size;
    const scale = Math.min(1.1, Math.max(MIN_SCALE, Math.min(clientWidth / width, clientHeight / height)));
    this.view = { scale, x: (clientWidth - width * scale) / 2, y: (clientHeight - height * scale) / 2 };
    this.moved = false;
    this.#apply();
  }

  #apply() {
    this.canvas.setAttribute("transform", `translate(${this.view.x} ${this.view.y}) scale(${this.view.scale})`);
  }

  #say(text) {
    byId("graph-note").textContent = text;
  }
}

// A smooth path through the points: straight to the middle of each section, curved around its corners.
function curve(points) {
  const [first, ...rest] = points;
  let path = `M${first[0]} ${first[1]}`;
  rest.forEach(([x, y], index) => {
    const next = rest[index + 1];
    path += next ? `Q${x} ${y} ${(x + next[0]) / 2} ${(y + next[1]) / 2}` : `L${x} ${y}`;
  });
  return path;
}

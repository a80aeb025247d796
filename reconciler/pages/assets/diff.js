// Differences as people read them: two sides of YAML, and lists of changed fields.
import { element, fieldText } from "./base.js";
import { alignLines, yamlLines } from "./yaml.js";

// Unchanged lines that are shown around a changed one.
const CONTEXT_LINES = 3;

const lineCell = (line, mark, changed) => element("td", { class: changed ? (mark === "+" ? "added" : "removed") : line === null ? "absent" : "" },
  line === null ? null : [element("span", { class: "mark" }, changed ? mark : " "), line]);

// Returns a table with the live side, the desired side, and a mark at each changed line.
export function sideBySide(live, desired, { liveNote = "does not exist", desiredNote = "in no manifest" } = {}) {
  const lines = (side) => (side === null ? [] : yamlLines(side));
  const rows = alignLines(lines(live), lines(desired));
  const isChanged = ([left, right]) => live !== null && desired !== null && left !== right;
  const near = new Set();
  rows.forEach((row, index) => {
    if (isChanged(row)) for (let at = index - CONTEXT_LINES; at <= index + CONTEXT_LINES; at += 1) near.add(at);
  });
  const whole = near.size === 0;
  const body = element("tbody");
  let folded = [];
  const makeRow = (row) => element("tr", {}, lineCell(row[0], "-", isChanged(row) && row[0] !== null), lineCell(row[1], "+", isChanged(row) && row[1] !== null));
  const endFold = () => {
    if (folded.length === 1) body.append(makeRow(folded[0]));
    else if (folded.length) {
      const hidden = folded;
      const fold = element("tr", { class: "fold" }, element("td", { colspan: 2 }, element("button", { type: "button", onclick: () => fold.replaceWith(...hidden.map(makeRow)) }, `${hidden.length} equal lines`)));
      body.append(fold);
    }
    folded = [];
  };
  rows.forEach((row, index) => {
    if (!whole && !near.has(index)) return folded.push(row);
    endFold();
    return body.append(makeRow(row));
  });
  endFold();
  const added = rows.filter((row) => isChanged(row) && row[1] !== null).length;
  const removed = rows.filter((row) => isChanged(row) && row[0] !== null).length;
  const head = (label, side, note, count) => element("th", { scope: "col" }, label, " ", element("span", { class: "quiet" }, side === null ? note : count));
  return element("table", { class: "sides" },
    element("caption", { class: "unseen" }, "Live and desired state"),
    element("thead", {}, element("tr", {}, head("Live", live, liveNote, removed ? `\u2212${removed}` : ""), head("Desired", desired, desiredNote, added ? `+${added}` : ""))),
    body);
}

const shown = (field, side) => (side in field ? JSON.stringify(field[side]) : null);

// Returns the lines of changed fields: the old value with a minus and the new one with a plus.
export function fieldList(fields) {
  return element("dl", { class: "fields" }, fields.map((field) => {
    const before = shown(field, "before");
    const after = shown(field, "after");
    return element("div", {}, element("dt", {}, fieldText(field)),
      before === null ? null : element("dd", { class: "removed" }, element("span", { class: "mark" }, "-"), before),
      after === null ? null : element("dd", { class: "added" }, element("span", { class: "mark" }, "+"), after));
  }));
}

// Returns the effects of a change on traffic; without one, the shares of traffic that it moves.
export function trafficLines({ effects, shares }) {
  if (effects?.length) return effects;
  const percent = (share) => `${Number((share * 100).toFixed(2))} %`;
  return shares?.length ? [shares.map(({ target, before, after }) => `${target} ${percent(before)} \u2192 ${percent(after)}`).join(", ")] : [];
}

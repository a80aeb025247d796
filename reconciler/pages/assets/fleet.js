// The page of a daemon of many targets: a line for each, with a link to its own page.
import { HEALTH_SIGNS, byId, element, fetchJson, healthTone, plural, replaceIfChanged, shortCommit, startPolling, timeElement, updateTimes } from "./base.js";

const TONES = Object.keys(HEALTH_SIGNS);

function row(target) {
  const tone = healthTone(target.health);
  return element("tr", {},
    element("th", { scope: "row" }, element("a", { href: target.link.replace(/^\//, "") }, target.target)),
    element("td", {}, element("span", { class: `state ${tone}` }, element("i", { "aria-hidden": "true" }, HEALTH_SIGNS[tone]), target.health)),
    element("td", { class: "wide" }, String(target.cycle)),
    element("td", { class: "wide" }, target.finished_at === null ? "" : timeElement(target.finished_at)),
    element("td", { class: "wide" }, element("code", {}, shortCommit(target.commit ?? ""))),
    element("td", { class: "wide" }, target.holder ?? ""),
    element("td", {}, target.error ?? target.waits_for ?? ""));
}

function memberRow(member) {
  return element("tr", {},
    element("th", { scope: "row" }, `${member.name}${member.is_self ? " (this daemon)" : ""}`),
    element("td", {}, timeElement(member.since)),
    element("td", {}, String(member.targets)));
}

function showMembers(members) {
  byId("fleet").hidden = !members.length;
  replaceIfChanged(byId("members"), members, () => members.map(memberRow));
}

function showTargets(targets) {
  const focused = document.activeElement?.getAttribute("href");
  replaceIfChanged(byId("targets"), targets, () => targets.map(row));
  if (focused && document.activeElement === document.body) byId("targets").querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
}

function showHealth(tone, text) {
  byId("health").className = tone;
  replaceIfChanged(byId("health"), [tone, text], () => [element("i", { "aria-hidden": "true" }, HEALTH_SIGNS[tone]), document.createTextNode(text)]);
  document.title = `${text} \u00b7 mesh-reconciler`;
}

async function refresh() {
  let notices = [];
  try {
    const { targets, members, rollout } = await fetchJson("status");
    showTargets(targets);
    showMembers(members);
    byId("rollout").hidden = !rollout;
    replaceIfChanged(byId("rollout"), rollout, () => [document.createTextNode(rollout ?? "")]);
    const tones = targets.map(({ health }) => healthTone(health));
    const counts = TONES.map((tone) => [tone, tones.filter((other) => other === tone).length]).filter(([, count]) => count);
    const [worst, count] = counts[0];
    showHealth(worst, worst === "good" ? plural(count, "target") : `${count} of ${plural(targets.length, "target")}`);
  } catch (error) {
    showHealth("bad", "no response");
    notices = [`The page shows the last status: ${error.message}`];
  }
  document.body.classList.toggle("stale", notices.length > 0);
  replaceIfChanged(byId("notices"), notices, () => notices.map((notice) => element("p", { class: "notice" }, notice)));
  updateTimes();
}

startPolling(refresh);

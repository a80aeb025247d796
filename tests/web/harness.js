// Opens the page in a frame of a chosen width, waits for what it is told to, and writes down what it sees.
"use strict";

const asked = new URLSearchParams(location.search);
const frame = document.createElement("iframe");
frame.width = asked.get("width");
frame.height = 900;
frame.src = "/";
document.body.append(frame);

function luminance([red, green, blue]) {
  const [r, g, b] = [red, green, blue].map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

const numbers = (color) => color.match(/[\d.]+/g).map(Number);

function behind(element, view) {
  for (let at = element; at; at = at.parentElement) {
    const color = numbers(view.getComputedStyle(at).backgroundColor);
    if (color.length === 3 || color[3] === 1) return color;
  }
  return [255, 255, 255];
}

// The least contrast of any element that has text of its own.
function contrast(page, view) {
  let least = { ratio: 21 };
  for (const element of page.querySelectorAll("body *")) {
    const speaks = [...element.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim());
    if (!speaks || element.tagName === "NOSCRIPT") continue;
    const one = luminance(numbers(view.getComputedStyle(element).color));
    const other = luminance(behind(element, view));
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < least.ratio) least = { ratio, text: element.textContent };
  }
  return least;
}

function facts(page, view) {
  const texts = (selector) => [...page.querySelectorAll(selector)].map((element) => element.textContent);
  const shown = () => [...page.querySelectorAll("tbody tr")].filter((row) => row.offsetHeight > 0).length;
  const filter = page.getElementById("filter");
  const sifted = (words) => {
    filter.value = words;
    filter.dispatchEvent(new view.Event("input"));
    return shown();
  };
  const one = [...page.querySelectorAll("#counts button")].find((button) => button.textContent === "2 withheld");
  one?.click();
  const chosen = shown();
  page.querySelector("#counts button[aria-pressed=true]")?.click();
  return {
    width: view.innerWidth,
    overflow: page.documentElement.scrollWidth,
    title: page.title,
    markup: page.querySelectorAll("img, iframe, tbody script").length,
    stale: page.body.classList.contains("stale"),
    pulse: texts("#pulse")[0],
    facts: texts("#facts")[0],
    notices: texts(".notice"),
    counts: texts("#counts button"),
    states: texts(".state"),
    keys: texts(".key"),
    items: texts("tbody li"),
    head: page.querySelector("thead").offsetHeight > 1,
    cells: page.querySelectorAll("[role=table] > [role=rowgroup] > [role=row] > [role=cell]").length,
    unlabeled: [...page.querySelectorAll("input, button")].filter((it) => !it.ariaLabel && !it.textContent).length,
    least: contrast(page, view),
    chosen,
    all: sifted(""),
    two: sifted("MANIFESTS/or drifted"),
    missing: sifted("ghost missing last seen ago"),
    none: sifted("no such thing"),
    said: texts("#none")[0],
  };
}

function look() {
  const page = frame.contentDocument;
  if (!page?.getElementById("pulse")?.textContent.startsWith(asked.get("pulse"))) return setTimeout(look, 50);
  const told = document.createElement("pre");
  told.textContent = JSON.stringify(facts(page, frame.contentWindow));
  document.body.append(told);
}
look();

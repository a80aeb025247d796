"""Mermaid itself draws our flowcharts, in a browser: all of them, and no name as anything but text.

Graphviz reads our DOT. npm fetches both, in the versions below.
"""

import base64
import hashlib
import html
import json
import re
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from programs import require_program
from render.test_graph import changes_of_everything, hostile_graph, shop
from sample_graphs import GOLDENS, examples_graph, rendered
from web.browser import BROWSERS, DARK, SCREENSHOTS

from reconciler.render.graph.build import resource_graph
from reconciler.render.graph.mermaid import render_mermaid

VERSION = "11.12.0"
SHA512 = "ZudVx73BwrMJfCFmSSJT84y6u5brEoV8DOItdHomNLz32uBjNrelm7mg95X7g+C6UoQH/W6mBLGDEDv73JdxBg=="
# Graphviz, compiled to WebAssembly.
VIZ_VERSION = "3.31.0"
VIZ_SHA512 = (
    "r7zlQdRvcwvIpjHGgs+KNWHeE/P5/Dq7k8ZAKaMCbZqomxCBJV78gVuQYaHzFVca+kB0mX0fMW9UFevCOBG50A=="
)
VIZ_SCRIPT = """
const texts = JSON.parse(require("fs").readFileSync(0, "utf8"));
require(process.argv[1]).instance().then(viz => console.log(JSON.stringify(
  texts.map(text => viz.render(text, {format: "json"})))));
"""
HOSTILE = (
    "end", "\"'`", "]]>--", "<b>x</b><img src=x onerror=alert(1)>", "a\nb", "#quot;", "#35;",
    "1. one", "- item", "+ item", "**bold**", "`code`", "fa:fa-ban", "click n0 call x()",
    "%%{init: {}}%%", "$$x$$", "www.x.org", "@team", "&lt;", "x|y", "\\", "/*", "\u202e", "\u540d",
    "http://x.org", "_x_", "*x*", "***", "fas:fa-a", "--", "...",
)  # fmt: skip
Draw = Callable[[Mapping[str, str]], dict[str, Any]]

PAGE = """<!doctype html><meta charset="utf-8"><body><script src="mermaid.min.js"></script><script>
const texts = TEXTS;
(async () => {
  mermaid.initialize({startOnLoad: false});
  const found = {};
  for (const [name, text] of Object.entries(texts)) {
    try {
      const box = document.createElement("div");
      document.body.append(box);
      box.innerHTML = (await mermaid.render("g" + Object.keys(found).length, text)).svg;
      found[name] = {
        labels: [...box.querySelectorAll(".nodeLabel")].map(it => it.innerText),
        edges: box.querySelectorAll(".flowchart-link").length,
        tags: [...new Set([...box.querySelectorAll("*")].map(it => it.localName))],
      };
      box.remove();
    } catch (error) { found[name] = {error: String(error)}; }
  }
  const result = document.createElement("pre");
  result.textContent = JSON.stringify(found);
  document.body.replaceChildren(result);
})();
</script>"""


def fetched(directory: Path, name: str, version: str, sha512: str, file: str) -> Path:
    """Return a file of a package of npm, whose digest is that of the registry."""
    npm = require_program("npm", purpose=f"our graphs with {name}")
    command = [npm, "pack", f"{name}@{version}", "--silent", "--cache", str(directory / "cache")]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (archive,) = directory.glob("*.tgz")
    assert base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() == sha512
    with tarfile.open(archive) as packed:
        packed.extract(f"package/dist/{file}", directory, filter="data")
    return directory / "package" / "dist" / file


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the bundle of Mermaid."""
    directory = tmp_path_factory.mktemp("mermaid")
    return fetched(directory, "mermaid", VERSION, SHA512, "mermaid.min.js").parent


@pytest.fixture
def draw(package: Path, tmp_path: Path) -> Draw:
    def run(texts: Mapping[str, str]) -> dict[str, Any]:
        browser = require_program(*BROWSERS, purpose="that Mermaid draws our flowcharts")
        page = package / "page.html"
        page.write_text(PAGE.replace("TEXTS", json.dumps(texts).replace("<", "\\u003c")), "utf-8")
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu",
                   f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom",
                   "--virtual-time-budget=60000", page.as_uri()]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
        result = re.search(r"<pre>(.*)</pre>", done.stdout, re.DOTALL)
        assert result, done.stdout[-2_000:]
        facts: dict[str, Any] = json.loads(html.unescape(result[1]))
        return facts

    return run


@pytest.mark.browser
def test_mermaid_draws_every_topology(draw: Draw) -> None:
    texts = {name: text() for name, text in GOLDENS.items() if name.endswith(".mmd")}
    texts["shop"] = render_mermaid(examples_graph())
    texts["everything"] = render_mermaid(changes_of_everything())
    found = draw(texts)
    for name, text in texts.items():
        assert "error" not in found[name], found[name]
        assert found[name]["edges"] == len(re.findall(r"^  n\d+ -", text, re.MULTILINE)), name
    assert "~ virtual-node old\nhttp:80" in found["everything"]["labels"]


@pytest.mark.browser
def test_mermaid_draws_hostile_names_as_text(draw: Draw) -> None:
    texts = {
        name: render_mermaid(hostile_graph([name, f"{name} one", f"{name} two", "three"], name))
        for name in HOSTILE
    }
    found = draw(texts | {"x": render_mermaid(hostile_graph(["a", "b", "c", "d"], "x"))})
    plain = {*found["x"]["tags"]}
    for name in HOSTILE:
        assert "error" not in found[name], (name, found[name])
        assert {*found[name]["tags"]} <= plain, name
        shown = name if name.isprintable() else name.encode("unicode_escape").decode()
        labels = [_visible(label) for label in found[name]["labels"]]
        assert _visible(f"virtual-service {shown} one") in labels, labels


def _visible(text: str) -> str:
    return re.sub(r"\s|\u2060", "", text)


@pytest.mark.browser
def test_mermaid_draws_as_much_as_we_leave_of_a_large_graph(draw: Draw) -> None:
    text = render_mermaid(resource_graph(shop(300)))
    found = draw({"large": text})["large"]
    assert found["edges"] == len(re.findall(r"^  n\d+ -", text, re.MULTILINE)), found


@pytest.mark.process
def test_graphviz_reads_every_topology(tmp_path: Path) -> None:
    node = require_program("node", purpose="that Graphviz reads our DOT")
    package = fetched(tmp_path, "@viz-js/viz", VIZ_VERSION, VIZ_SHA512, "viz.cjs")
    texts = [text() for name, text in GOLDENS.items() if name.endswith(".dot")]
    texts += [
        rendered(hostile_graph([name, "one", "two", name * 2], name), "dot") for name in HOSTILE
    ]
    done = subprocess.run(
        [node, "-e", VIZ_SCRIPT, str(package)],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
    )
    results = json.loads(done.stdout)
    # It has no fonts, so it guesses the width of letters that are not ASCII.
    messages = [error["message"] for it in results for error in it["errors"]]
    assert [it for it in messages if "width of non-ASCII character" not in it] == []
    for text, it in zip(texts, results, strict=True):
        found = json.loads(it["output"])
        assert len(found.get("edges", ())) == text.count(" -> n")
        boxes = [each["label"] for each in found["objects"] if each["name"].startswith("n")]
        assert len(boxes) == text.count("[shape=")
        assert all(label.isprintable() or "\n" in label for label in boxes)


@pytest.mark.browser
def test_a_picture_is_drawn_in_light_and_dark(tmp_path: Path) -> None:
    browser = require_program(*BROWSERS, purpose="that a browser draws our pictures")
    picture = tmp_path / "graph.svg"
    picture.write_text(rendered(changes_of_everything(), "svg"), "utf-8")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    images = []
    for name, flags in {"light": [], "dark": [DARK]}.items():
        image = SCREENSHOTS / f"graph-{name}.png"
        subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *flags,
             f"--user-data-dir={tmp_path / name}", f"--screenshot={image}",
             "--window-size=1500,700", picture.as_uri()],
            capture_output=True, check=True, timeout=100,
        )  # fmt: skip
        images.append(image.read_bytes())
    assert all(len(image) > 10_000 for image in images)
    assert images[0] != images[1]

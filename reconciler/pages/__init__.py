"""The pages of the daemons and of the endpoint: plain files, and their headers.

The pages have one frame and the same parts. There is no build step: a browser gets the scripts and
styles as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from string import Template

_ROOT = files(__name__) / "assets"
_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
}
_PARTS = (
    *("base.js", "dagre.js", "drawer.js", "graph.js", "layout.js", "page.css", "resources.js"),
    *("tabs.js", "yaml.js"),
)
_DAEMON_PARTS = ("daemon.js", "changes.js", "diff.js", "log.js")
_FLEET_PARTS = ("base.js", "fleet.js", "page.css")
_ENDPOINT_PARTS = ("endpoint.js", "signature.js")

# A browser loads nothing from other origins, runs no inline script, and shows no page in a frame.
HEADERS = (
    (
        b"content-security-policy",
        (
            b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
            b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
    ),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
)


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of a page."""

    text: str
    content_type: str


def daemon_page() -> Mapping[str, Asset]:
    """Return the files of the page of the daemon by name; the empty name is the page itself."""
    return _page("daemon", "mesh-reconciler", *_PARTS, *_DAEMON_PARTS)


def fleet_page() -> Mapping[str, Asset]:
    """Return the files of the page of a daemon of many targets, likewise."""
    return _page("fleet", "mesh-reconciler", *_FLEET_PARTS)


def endpoint_page() -> Mapping[str, Asset]:
    """Return the files of the page of the endpoint, likewise."""
    return _page("endpoint", "local App Mesh", *_PARTS, *_ENDPOINT_PARTS)


def _page(name: str, title: str, *parts: str) -> Mapping[str, Asset]:
    body = Template(_text(f"{name}.html")).substitute(
        mesh=_text("mesh.html"), drawer=_text("drawer.html")
    )
    frame = Template(_text("frame.html"))
    page = Asset(frame.substitute(title=title, script=f"{name}.js", body=body), _TYPES["html"])
    return {"": page} | {
        part: Asset(_text(part), _TYPES[part.rpartition(".")[2]]) for part in parts
    }


def _text(name: str) -> str:
    return (_ROOT / name).read_text("utf-8")

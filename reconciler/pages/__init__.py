"""The pages of the daemon and of the endpoint: plain files, and their headers.

Both pages consist of the same parts. There is no build step: a browser gets the files as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

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
    return _page("daemon.html", *_PARTS, *_DAEMON_PARTS)


def endpoint_page() -> Mapping[str, Asset]:
    """Return the files of the page of the endpoint by name; the empty name is the page itself."""
    return _page("endpoint.html", *_PARTS, *_ENDPOINT_PARTS)


def _page(page: str, *parts: str) -> Mapping[str, Asset]:
    return {"": _asset(page)} | {part: _asset(part) for part in parts}


def _asset(name: str) -> Asset:
    return Asset((_ROOT / name).read_text("utf-8"), _TYPES[name.rpartition(".")[2]])

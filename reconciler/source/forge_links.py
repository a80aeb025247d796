"""Links to files of a repository on a forge."""

from urllib.parse import quote, urlsplit

from reconciler.core.resources import Origin
from reconciler.core.source_revision import SourceRevision
from reconciler.source.git_url import GitAddress

# The path between the repository and the commit, by a part of the name of the host.
_FORGES = {"github": "blob", "gitlab": "-/blob"}


def file_link(address: GitAddress, revision: SourceRevision, origin: Origin) -> str | None:
    """Return the URL of a line in a manifest at a commit, or None for an unknown forge."""
    parts = urlsplit(address.url)
    host = parts.hostname or ""
    forge = next((path for name, path in _FORGES.items() if name in host), None)
    if forge is None or parts.scheme not in ("https", "ssh"):
        return None
    port = f":{parts.port}" if parts.port and parts.scheme == "https" else ""
    repository = quote(parts.path.strip("/").removesuffix(".git"))
    file = quote(origin.file.removeprefix("./"))
    return f"https://{host}{port}/{repository}/{forge}/{revision.commit}/{file}#L{origin.line}"

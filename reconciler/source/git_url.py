"""Addresses of git repositories: ``git+https://HOST/REPO.git?ref=main&path=prod``.

Only these transports are possible, and no part of an address can be taken for an option of git or
ssh. `ref` is a branch, a tag or a full commit id; `path` is a directory or file in the repository.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, quote, unquote, urlsplit

from reconciler import limits
from reconciler.core.errors import UsageError
from reconciler.core.escaping import escaped

PREFIX = "git+"
TRANSPORTS = ("https", "ssh", "file", "http", "git")
# Neither encrypted nor authenticated, so they are used on this machine only.
_PLAIN_TRANSPORTS = ("http", "git")
USAGE = "use git+https://HOST/PATH, git+ssh://USER@HOST/PATH or git+file:///PATH"
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
ABBREVIATED_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_REF = re.compile(r"[\w.@%+=,#/][\w.@%+=,#/-]{0,254}")
_HOST = re.compile(r"[\w:][\w.:-]{0,254}")
_USER = re.compile(r"[\w][\w.-]{0,254}")
_QUERY = ("ref", "path")


@dataclass(frozen=True, slots=True)
class GitAddress:
    """A directory or file of a repository, at a branch, tag or commit."""

    url: str
    """The URL for git; it holds no password."""
    ref: str | None = None
    """None for the default branch."""
    path: str = ""
    """Without slashes at its ends; empty for the whole repository."""

    def __str__(self) -> str:
        """Return the address as the user would pass it."""
        values = zip(_QUERY, (self.ref, self.path), strict=True)
        query = "&".join(f"{name}={quote(value)}" for name, value in values if value)
        return f"{PREFIX}{self.url}{query and f'?{query}'}"

    @property
    def transport(self) -> str:
        """The scheme of the URL."""
        return self.url.partition(":")[0]


def is_git(text: str) -> bool:
    """Whether `text` is meant as the address of a repository, valid or not."""
    return text.startswith(PREFIX)


def parse_address(text: str, ref: str | None = None, path: str | None = None) -> GitAddress:
    """Return the address in `text`; `ref` and `path` are the settings beside it.

    Raises:
        UsageError: It is not valid. The message does not repeat a URL that may hold a password.
    """
    if len(text) > limits.MAX_GIT_URL_CHARACTERS or not text.isprintable() or " " in text:
        raise UsageError(f"invalid address of a git repository: {USAGE}")
    base, _, query = text.removeprefix(PREFIX).partition("?")
    try:
        parts = urlsplit(base)
        # git knows it only in small letters.
        _require_safe(parts._replace(scheme=base.partition(":")[0]))
    except ValueError:
        raise UsageError(f"invalid address of a git repository: {USAGE}") from None
    given = {"ref": ref, "path": path}
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        if name not in _QUERY:
            raise UsageError(f"invalid address {PREFIX}{base}: after ? use ref=REF and path=PATH")
        if given[name] is not None:
            raise UsageError(f"invalid address {PREFIX}{base}: it has two values of {name}")
        given[name] = unquote(value)
    return GitAddress(base.rstrip("/"), _valid_ref(given["ref"]), _valid_path(given["path"] or ""))


def _require_safe(parts: SplitResult) -> None:
    """Reject a URL that git must not be given."""
    if parts.scheme not in TRANSPORTS:
        raise UsageError(f"a git repository is not read over this transport: {USAGE}")
    is_file, user = parts.scheme == "file", parts.username
    if parts.password is not None or (user is not None and parts.scheme != "ssh"):
        raise UsageError(
            f"the address of the git repository on {escaped(parts.hostname or '')} has a user or "
            "password: remove them, and set a credential helper of git or an SSH key"
        )
    has_host = parts.hostname is not None and _HOST.fullmatch(parts.hostname) is not None
    is_place = parts.path.strip("/") and "\\" not in parts.path and (not parts.netloc or has_host)
    is_place = is_place and parts.path.startswith("/")
    is_complete = is_file == (not parts.netloc) and not parts.fragment and parts.port != 0
    if not is_place or not is_complete or (user is not None and not _USER.fullmatch(user)):
        raise UsageError(f"invalid address of a git repository: {USAGE}")
    if parts.scheme in _PLAIN_TRANSPORTS and not _is_loopback(parts.hostname or ""):
        raise UsageError(
            f"{PREFIX}{parts.scheme}:// to {parts.hostname} would trust every machine on the way: "
            "use git+https://"
        )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _valid_ref(ref: str | None) -> str | None:
    if ref is None:
        return None
    odd = ref.endswith(("/", ".", ".lock")) or ref.startswith(("/", ".")) or "@{" in ref
    if odd or any(pair in ref for pair in ("..", "//", "/.")) or not _REF.fullmatch(ref):
        raise UsageError(f'invalid ref "{escaped(ref)}": use a branch, a tag or a full commit id')
    return ref


def _valid_path(path: str) -> str:
    path = path.rstrip("/")
    is_odd = not path.isprintable() or any(part in ("", ".", "..") for part in path.split("/"))
    if path and is_odd:
        raise UsageError(
            f'invalid path "{escaped(path)}" in a git repository: use a path from its '
            "root, without . and .."
        )
    return path

"""The settings of a repository as the source; reading one needs many more modules."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class GitSettings:
    """How a run uses a repository."""

    target: tuple[str, ...] = ("",)
    """The name and the owner of the target, which have a pin and a last applied commit."""
    scope: tuple[str, ...] = ()
    """The account and region of the target: targets with one name and owner may have others."""
    exclude: tuple[str, ...] = ()
    """Patterns of files that are not part of the source."""
    allowed_signers: Path | None = None
    """A file for ssh-keygen; commits without a signature of these signers are not used."""
    revision: str | None = None
    """A commit to use instead of the newest."""
    follows_pin: bool = False
    """Whether a pin holds this run too."""
    poll_seconds: float | None = None
    """How often to fetch; None to fetch once, and to fail if that fails."""

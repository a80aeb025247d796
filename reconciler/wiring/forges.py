"""Selects the forge whose CI job runs this process: one row for each forge."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reconciler.core.errors import UsageError
from reconciler.forges.forge import Forge
from reconciler.forges.github import GitHub
from reconciler.forges.gitlab import GitLab


@dataclass(frozen=True, slots=True)
class ForgeEntry:
    """A forge that can run `ci`."""

    product: str
    """Name of its CI, for messages."""
    variable: str
    """Environment variable that is "true" in its jobs."""
    open: Callable[[Mapping[str, str]], Forge]
    """Returns the forge for the environment of a job."""


FORGES = (
    ForgeEntry("GitHub Actions", "GITHUB_ACTIONS", GitHub),
    ForgeEntry("GitLab CI", "GITLAB_CI", GitLab),
)


def open_forge(environment: Mapping[str, str]) -> Forge:
    """Return the forge that runs this process.

    Raises:
        UsageError: no forge runs it, or the job's variables are invalid.
    """
    for entry in FORGES:
        if environment.get(entry.variable) == "true":
            return entry.open(environment)
    products = " and ".join(entry.product for entry in FORGES)
    raise UsageError(
        f"ci runs only in jobs of {products}: elsewhere use plan, apply and "
        "plan --detailed-exitcode"
    )

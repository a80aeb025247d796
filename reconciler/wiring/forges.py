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
    user: str
    """Environment variable with the user who started the job."""
    job: str
    """Environment variable with the id of the job."""


FORGES = (
    ForgeEntry("GitHub Actions", "GITHUB_ACTIONS", GitHub, "GITHUB_ACTOR", "GITHUB_RUN_ID"),
    ForgeEntry("GitLab CI", "GITLAB_CI", GitLab, "GITLAB_USER_LOGIN", "CI_JOB_ID"),
)


def job_of(environment: Mapping[str, str]) -> str:
    """Return the user and the job of the forge that runs this process; empty if none does."""
    for entry in FORGES:
        if environment.get(entry.variable) == "true":
            user, job = (environment.get(name, "unknown") for name in (entry.user, entry.job))
            return f"{user}, {entry.product} job {job}"
    return ""


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

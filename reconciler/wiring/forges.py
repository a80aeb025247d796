"""The forge that runs this process, by its environment."""

from collections.abc import Mapping

from reconciler.core.errors import UsageError
from reconciler.forges.forge import Forge
from reconciler.forges.github import GitHub
from reconciler.forges.gitlab import GitLab


def open_forge(environment: Mapping[str, str]) -> Forge:
    """Return the forge; UsageError where none runs this process."""
    if environment.get("GITHUB_ACTIONS") == "true":
        return GitHub(environment)
    if environment.get("GITLAB_CI") == "true":
        return GitLab(environment)
    raise UsageError(
        "ci runs only in jobs of GitHub Actions and GitLab CI: elsewhere use plan, apply and "
        "plan --detailed-exitcode"
    )

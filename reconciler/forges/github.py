"""GitHub: the environment of an Actions job and the REST API (version 2022-11-28)."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from reconciler.core.errors import ForgeError, UsageError
from reconciler.forges.forge import Comment, Event, EventKind, JobFiles, MergedRequest, are_ids
from reconciler.forges.rest import RestClient, validate_token

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
# Tokens of apps, such as GITHUB_TOKEN, get 403 on GET /user, so GraphQL is used instead.
_VIEWER = "query { viewer { login } }"
_EDITED = """
query($id: ID!) {
  node(id: $id) {
    ... on IssueComment {
      body lastEditedAt author { __typename login } editor { __typename login }
    }
  }
}
"""


class GitHub:
    """The repository that runs the job."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Read the event; the API is not called yet.

        Raises:
            UsageError: the environment or the event is invalid or not supported.
        """
        repository = environment.get("GITHUB_REPOSITORY", "")
        if not _REPOSITORY.fullmatch(repository):
            raise UsageError(
                "GITHUB_REPOSITORY is not OWNER/NAME: run ci in a job of GitHub Actions"
            )
        self.event = _event(environment)
        files = (environment.get(name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"))
        outputs, summary = (Path(file) if file else None for file in files)
        self.files = JobFiles(outputs, summary=summary)
        self._environment = environment
        self._path = f"/repos/{repository}"

    @cached_property
    def _rest(self) -> RestClient:
        token = validate_token(self._environment.get("GITHUB_TOKEN"), "GITHUB_TOKEN")
        url = self._environment.get("GITHUB_API_URL") or "https://api.github.com"
        return RestClient(url, token, {"X-GitHub-Api-Version": "2022-11-28"})

    @cached_property
    def _login(self) -> str:
        """The login of the token: github-actions[bot], another app's bot, or a user."""
        match self._rest.query(_VIEWER):
            case {"viewer": {"login": str(login)}}:
                return login
        raise ForgeError("the viewer query: the response has no user")

    def comments(self, request: int) -> Iterator[Comment]:
        """Yield the comments that the user of our token made, oldest first."""
        for item in self._rest.pages(f"{self._path}/issues/{request}/comments"):
            match item:
                case {
                    "id": int(number),
                    "node_id": str(node),
                    "body": str(body),
                    "user": {"login": self._login},
                }:
                    yield Comment(number, body, node)

    def unedited(self, comment: Comment) -> str | None:
        """Return the current body of our comment, or None if another user edited it last."""
        match self._rest.query(_EDITED, id=comment.node):
            case {"node": {"body": str(body), "lastEditedAt": None}}:
                return body
            case {"node": {"body": str(body), "author": dict(author), "editor": editor}}:
                # `editor` is None if that user was deleted.
                return body if editor == author else None
        raise ForgeError("the query for a comment's editor: the response has no comment")

    def create(self, request: int, body: str) -> Comment:
        """Add a comment."""
        path = f"{self._path}/issues/{request}/comments"
        return Comment(self._rest.number("POST", path, {"body": body}), body)

    def update(self, request: int, number: int, body: str) -> None:
        """Replace the body of a comment."""
        del request
        self._rest.request("PATCH", f"{self._path}/issues/comments/{number}", {"body": body})

    def delete(self, request: int, number: int) -> None:
        """Delete a comment."""
        del request
        self._rest.request("DELETE", f"{self._path}/issues/comments/{number}")

    def request_for_commit(self, commit: str) -> MergedRequest | None:
        """Return the pull request that was merged as `commit`, or None."""
        for item in self._rest.pages(f"{self._path}/commits/{commit}/pulls"):
            match item:
                case {"number": int(number), "merged_at": str(), "merge_commit_sha": merged}:
                    if merged == commit:
                        return MergedRequest(number, _is_from_fork(item))
        return None

    def branch_head(self) -> str:
        """Return the current head commit of the job's branch."""
        branch = self._environment.get("GITHUB_REF", "").removeprefix("refs/heads/")
        path = f"{self._path}/commits/{quote(branch, errors='surrogateescape')}"
        match self._rest.request("GET", path):
            case {"sha": str(commit)}:
                return commit
        raise ForgeError(f"GET {path}: the response has no commit")


def _is_from_fork(request: Any) -> bool:
    match request:
        case {"head": {"repo": {"id": head_id}}, "base": {"repo": {"id": base_id}}}:
            return are_ids(head_id, base_id) and head_id != base_id
        case {"head": {"repo": None}}:
            # The fork was deleted.
            return True
        case _:
            return False


def _event(environment: Mapping[str, str]) -> Event:
    path = environment.get("GITHUB_EVENT_PATH", "")
    try:
        payload: Any = json.loads(Path(path).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"reading the event in GITHUB_EVENT_PATH: {error}") from error
    commit, ref = environment.get("GITHUB_SHA", ""), environment.get("GITHUB_REF", "")
    name = environment.get("GITHUB_EVENT_NAME", "")
    if name == "pull_request_target":
        raise UsageError(
            "pull_request_target gives the secrets to the author of any pull request: "
            "run the job on pull_request"
        )
    match name, payload:
        case "pull_request", {
            "number": int(number),
            "pull_request": {
                "head": {"repo": head},
                "base": {"repo": {"id": base_id}, "sha": base},
            },
        }:
            # The head has no repository if the fork was deleted.
            head_id = head.get("id") if isinstance(head, dict) else None
            trusted = are_ids(head_id, base_id) and head_id == base_id
            return Event(name, EventKind.REQUEST, commit, _text(base), number, trusted=trusted)
        case (("push" | "workflow_dispatch"), {"repository": {"default_branch": str(branch)}}):
            kind = EventKind.PUSH if name == "push" else EventKind.MANUAL
            main = ref == f"refs/heads/{branch}"
            return Event(name, kind, commit, _text(payload.get("before")), main=main)
        case "schedule", _:
            # GitHub runs schedules only on the default branch.
            return Event(name, EventKind.SCHEDULE, commit, main=True)
        case _:
            return Event(name, EventKind.OTHER, commit)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None

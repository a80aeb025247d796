"""GitLab: the environment of a CI job and the REST API (v4)."""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from reconciler.core.errors import ForgeError, UsageError
from reconciler.forges.forge import Comment, Event, EventKind, JobFiles, MergedRequest, are_ids
from reconciler.forges.rest import RestClient, validate_token

_EVENT_KINDS = {
    "merge_request_event": EventKind.REQUEST,
    "push": EventKind.PUSH,
    "schedule": EventKind.SCHEDULE,
    "web": EventKind.MANUAL,
}
FILES = JobFiles(
    Path("reconciler.env"),
    # The outputs become variables of later jobs; with RECONCILER_ they would set options there.
    prefix="mesh_",
    annotations=Path("gl-code-quality-report.json"),
)
# The merge commit, the squash commit, or the last commit of the branch (fast-forward).
_MERGED_AS = ("merge_commit_sha", "squash_commit_sha", "sha")
_SIDES = ("source_project_id", "target_project_id")
_EDITED = """
query($id: NoteID!) { note(id: $id) { body author { id } lastEditedBy { id } } }
"""
_NUMBER = re.compile(r"[0-9]{1,18}")
_TOKENS = ("RECONCILER_GITLAB_TOKEN", "GITLAB_TOKEN")


class GitLab:
    """The project that runs the job."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Read the event; the API is not called yet.

        Raises:
            UsageError: the environment is not that of a job of a project.
        """
        project = environment.get("CI_PROJECT_ID", "")
        if not _NUMBER.fullmatch(project):
            raise UsageError("CI_PROJECT_ID is not a project id: run ci in a job of GitLab CI")
        self.event = _event(environment, project)
        self.files = FILES
        self._environment = environment
        self._path = f"/projects/{project}"

    @cached_property
    def _rest(self) -> RestClient:
        name = next((name for name in _TOKENS if self._environment.get(name)), _TOKENS[0])
        token = validate_token(self._environment.get(name), name)
        return RestClient(self._environment.get("CI_API_V4_URL", ""), token)

    def comments(self, request: int) -> Iterator[Comment]:
        """Yield the comments that the user of our token made, oldest first."""
        own_id = self._rest.number("GET", "/user")
        for item in self._rest.pages(self._notes(request)):
            match item:
                case {"id": int(number), "body": str(body), "author": {"id": author}}:
                    if are_ids(author, own_id) and author == own_id:
                        yield Comment(number, body)

    def unedited(self, comment: Comment) -> str | None:
        """Return the current body of our comment, or None if another user edited it last."""
        match self._rest.query(_EDITED, id=f"gid://gitlab/Note/{comment.number}"):
            case {"note": {"body": str(body), "lastEditedBy": None}}:
                return body
            case {"note": {"body": str(body), "author": dict(author), "lastEditedBy": editor}}:
                return body if editor == author else None
        raise ForgeError("the query for a note's editor: the response has no note")

    def create(self, request: int, body: str) -> Comment:
        """Add a comment."""
        return Comment(self._rest.number("POST", self._notes(request), {"body": body}), body)

    def update(self, request: int, number: int, body: str) -> None:
        """Replace the body of a comment."""
        self._rest.request("PUT", f"{self._notes(request)}/{number}", {"body": body})

    def delete(self, request: int, number: int) -> None:
        """Delete a comment."""
        self._rest.request("DELETE", f"{self._notes(request)}/{number}")

    def request_for_commit(self, commit: str) -> MergedRequest | None:
        """Return the merge request that was merged as `commit`, or None."""
        for item in self._rest.pages(f"{self._path}/repository/commits/{commit}/merge_requests"):
            match item:
                case {"iid": int(number), "state": "merged"}:
                    if commit in map(item.get, _MERGED_AS):
                        source, target = map(item.get, _SIDES)
                        fork = are_ids(source, target) and source != target
                        return MergedRequest(number, fork)
        return None

    def branch_head(self) -> str:
        """Return the current head commit of the job's branch."""
        branch = self._environment.get("CI_COMMIT_BRANCH", "")
        branch = quote(branch, safe="", errors="surrogateescape")
        path = f"{self._path}/repository/branches/{branch}"
        match self._rest.request("GET", path):
            case {"commit": {"id": str(commit)}}:
                return commit
        raise ForgeError(f"GET {path}: the response has no commit")

    def _notes(self, request: int) -> str:
        return f"{self._path}/merge_requests/{request}/notes"


def _event(environment: Mapping[str, str], project: str) -> Event:
    source = environment.get("CI_PIPELINE_SOURCE", "")
    kind = _EVENT_KINDS.get(source, EventKind.OTHER)
    commit = environment.get("CI_COMMIT_SHA", "")
    if kind is not EventKind.REQUEST:
        branch = environment.get("CI_COMMIT_BRANCH")
        main = bool(branch) and branch == environment.get("CI_DEFAULT_BRANCH")
        return Event(source, kind, commit, environment.get("CI_COMMIT_BEFORE_SHA"), main=main)
    number = environment.get("CI_MERGE_REQUEST_IID", "")
    if not _NUMBER.fullmatch(number):
        raise UsageError("CI_MERGE_REQUEST_IID is not the number of a merge request")
    # A pipeline for merged results contains the changes of the target branch too.
    base = environment.get("CI_MERGE_REQUEST_TARGET_BRANCH_SHA") or environment.get(
        "CI_MERGE_REQUEST_DIFF_BASE_SHA"
    )
    sources = ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "CI_MERGE_REQUEST_PROJECT_ID")
    trusted = all(environment.get(name) == project for name in sources)
    return Event(source, kind, commit, base, int(number), trusted=trusted)

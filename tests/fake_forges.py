"""Servers that play GitHub's and GitLab's REST APIs, and the environments of their CI jobs."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from servers import Answer

CANARY = "canary-of-a-token"
NUMBER = 7
OURS, STRANGER, MEMBER, OTHER_BOT = 42, 43, 44, 45
LOGINS = {
    OURS: "github-actions[bot]",
    STRANGER: "mallory",
    MEMBER: "carol",
    OTHER_BOT: "dependabot[bot]",
}


def _never(_request: str) -> Answer | None:
    return None


@dataclass
class Played:
    """What a forge holds: comments on one request, and the commits that it was merged as.

    ``editors`` tells who edited a comment last, by its number; ``edited`` is said in its place. The
    request came from a ``fork`` or not. The branch is ``at`` a commit, that of the last job where
    it is empty. ``fault`` is asked first about each request, as "METHOD path".
    """

    folder: Path
    comments: list[dict[str, Any]] = field(default_factory=list)
    editors: dict[int, int] = field(default_factory=dict)
    edited: Answer | None = None
    merged: list[str] = field(default_factory=list)
    fork: bool = False
    at: str = ""
    fault: Callable[[str], Answer | None] = _never
    _ran_for: str = ""
    _numbers: Any = field(default_factory=lambda: count(100))

    update = "PATCH"
    comment = r"/repos/acme/mesh/issues/comments/(\d+)"
    thread = f"/repos/acme/mesh/issues/{NUMBER}/comments"
    requests = r"/repos/acme/mesh/commits/(\w+)/pulls"
    branch = "/repos/acme/mesh/commits/main"
    api = ""

    @property
    def bodies(self) -> list[str]:
        return [comment["body"] for comment in self.comments]

    def __call__(self, request: str, body: bytes) -> Answer:
        broken = self.fault(request)
        if broken is not None:
            return broken
        method, _, target = request.partition(" ")
        path = urlsplit(target).path.removeprefix(self.api)
        query = parse_qs(urlsplit(target).query)
        if path == self.thread:
            return self._listed(query) if method == "GET" else self._added(json.loads(body))
        if found := re.fullmatch(self.comment, path):
            return self._changed(method, int(found[1]), body)
        if found := re.fullmatch(self.requests, path):
            known = [self.request_of(found[1])] if found[1] in self.merged else []
            return Answer(body=known if query["page"] == ["1"] else [])
        return self._told(path, body)

    def _told(self, path: str, body: bytes) -> Answer:
        if path in ("/graphql", "/api/graphql"):
            return self._queried(**json.loads(body))
        facts = {"/user": self.user(), self.branch: self.newest(self.at or self._ran_for)}
        return Answer(body=facts[path]) if path in facts else Answer(404, {"message": "Not Found"})

    def add(self, body: str, author: int = OURS) -> dict[str, Any]:
        number = next(self._numbers)
        made = {"id": number, "node_id": f"IC_{number}", "body": body, **self.author(author)}
        self.comments.append(made)
        return made

    def edit(self, body: str, editor: int) -> None:
        """Edit the first comment as ``editor``, as the forge's own page does it."""
        self.comments[0]["body"] = body
        self.editors[self.comments[0]["id"]] = editor

    def _listed(self, query: dict[str, list[str]]) -> Answer:
        page, size = int(query["page"][0]), int(query["per_page"][0])
        return Answer(body=self.comments[(page - 1) * size : page * size])

    def _added(self, document: dict[str, Any]) -> Answer:
        return Answer(201, self.add(document["body"]))

    def _changed(self, method: str, number: int, body: bytes) -> Answer:
        (known,) = [comment for comment in self.comments if comment["id"] == number]
        if method == "DELETE":
            self.comments.remove(known)
            return Answer(204)
        assert method == self.update
        known["body"] = json.loads(body)["body"]
        self.editors[number] = OURS
        return Answer(body=known)

    def _queried(self, query: str, variables: dict[str, str]) -> Answer:
        if "viewer" in query:
            return Answer(body={"data": {"viewer": {"login": LOGINS[OURS]}}})
        return self.edited or Answer(body={"data": self.editor_of(variables["id"])})

    def user(self) -> dict[str, Any]:
        # A GITHUB_TOKEN may not ask.
        return {"message": "Resource not accessible by integration"}

    def author(self, author: int) -> dict[str, Any]:
        user = {"id": author, "login": LOGINS[author], "type": actor(author)["__typename"]}
        return {"user": user, "author_association": "MEMBER" if author == MEMBER else "NONE"}

    def editor_of(self, node: str) -> dict[str, Any]:
        (known,) = [comment for comment in self.comments if comment["node_id"] == node]
        editor = self.editors.get(known["id"])
        result = {
            "body": known["body"],
            "author": actor(known["user"]["id"]),
            "lastEditedAt": "2026-11-26T00:00:00Z" if editor else None,
            "editor": actor(editor) if editor else None,
        }
        return {"node": result}

    def request_of(self, commit: str) -> dict[str, Any]:
        merged = {"merged_at": "2026-11-26T00:00:00Z", "merge_commit_sha": commit}
        head = {"repo": {"id": 2 if self.fork else 1}}
        return {"number": NUMBER, **merged, "head": head, "base": {"repo": {"id": 1}}}

    def newest(self, commit: str) -> dict[str, Any]:
        return {"sha": commit}

    def environment(self, url: str, occasion: str, commit: str, base: str) -> dict[str, str]:
        """Return the variables of a job on a request, a fork, a push, a schedule or a branch.

        Those of a manual run begin with ``manual``; what ends with ``branch`` runs on another one.
        """
        self._ran_for = commit
        repository = {"id": 1, "full_name": "acme/mesh", "default_branch": "main"}
        head = {**repository, "id": 2} if occasion == "fork" else repository
        sides = {"head": {"repo": head}, "base": {"repo": repository, "sha": base}}
        event = {"number": NUMBER, "pull_request": sides, "repository": repository, "before": base}
        (self.folder / "event.json").write_text(json.dumps(event))
        names = {"request": "pull_request", "fork": "pull_request", "branch": "push"}
        names |= dict.fromkeys(("manual", "manual branch"), "workflow_dispatch")
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": url,
            "GITHUB_EVENT_NAME": names.get(occasion, occasion),
            "GITHUB_EVENT_PATH": str(self.folder / "event.json"),
            "GITHUB_OUTPUT": str(self.folder / "outputs"),
            "GITHUB_REF": "refs/heads/other" if occasion.endswith("branch") else "refs/heads/main",
            "GITHUB_REPOSITORY": "acme/mesh",
            "GITHUB_SHA": commit,
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
            "GITHUB_TOKEN": CANARY,
        }

    def outputs(self) -> dict[str, str]:
        """Return the outputs of the last job."""
        file = self.folder / "outputs"
        lines = [line.partition("=") for line in file.read_text().splitlines()]
        file.unlink()
        return {name: value for name, _, value in lines}


def actor(user: int) -> dict[str, str]:
    """Return a user as GitHub's GraphQL shows it: a bot's login is shorter than in REST."""
    login = LOGINS[user].removesuffix("[bot]")
    return {"__typename": "User" if login == LOGINS[user] else "Bot", "login": login}


class PlayedGitHub(Played):
    """GitHub."""


class PlayedGitLab(Played):
    """GitLab."""

    update = "PUT"
    comment = rf"/projects/1/merge_requests/{NUMBER}/notes/(\d+)"
    thread = f"/projects/1/merge_requests/{NUMBER}/notes"
    requests = r"/projects/1/repository/commits/(\w+)/merge_requests"
    branch = "/projects/1/repository/branches/main"
    api = "/api/v4"

    def user(self) -> dict[str, Any]:
        return {"id": OURS}

    def author(self, author: int) -> dict[str, Any]:
        return {"author": {"id": author}}

    def editor_of(self, node: str) -> dict[str, Any]:
        number = int(node.removeprefix("gid://gitlab/Note/"))
        (known,) = [comment for comment in self.comments if comment["id"] == number]
        editor = self.editors.get(number)
        result = {
            "body": known["body"],
            "author": {"id": f"gid://gitlab/User/{known['author']['id']}"},
            "lastEditedBy": {"id": f"gid://gitlab/User/{editor}"} if editor else None,
        }
        return {"note": result}

    def request_of(self, commit: str) -> dict[str, Any]:
        sides = {"source_project_id": 2 if self.fork else 1, "target_project_id": 1}
        return {"iid": NUMBER, "state": "merged", "merge_commit_sha": commit, **sides}

    def newest(self, commit: str) -> dict[str, Any]:
        return {"commit": {"id": commit}}

    def environment(self, url: str, occasion: str, commit: str, base: str) -> dict[str, str]:
        self._ran_for = commit
        names = {"request": "merge_request_event", "fork": "merge_request_event", "branch": "push"}
        names |= dict.fromkeys(("manual", "manual branch"), "web")
        return {
            "GITLAB_CI": "true",
            "CI_API_V4_URL": f"{url}{self.api}",
            "CI_COMMIT_BEFORE_SHA": base,
            "CI_COMMIT_BRANCH": "other" if occasion.endswith("branch") else "main",
            "CI_COMMIT_SHA": commit,
            "CI_DEFAULT_BRANCH": "main",
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": base,
            "CI_MERGE_REQUEST_IID": str(NUMBER),
            "CI_MERGE_REQUEST_PROJECT_ID": "1",
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "2" if occasion == "fork" else "1",
            "CI_PIPELINE_SOURCE": names.get(occasion, occasion),
            "CI_PROJECT_ID": "1",
            "RECONCILER_GITLAB_TOKEN": CANARY,
        }

    def outputs(self) -> dict[str, str]:
        file = Path("reconciler.env")
        lines = [
            line.removeprefix("mesh_").partition("=") for line in file.read_text().splitlines()
        ]
        file.unlink()
        return {name: value for name, _, value in lines}

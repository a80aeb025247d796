"""What each forge runs a job for, and what is then done."""

import json
from pathlib import Path
from typing import Any

import pytest
from fake_forges import Played, PlayedGitHub, PlayedGitLab
from servers import Answer, scripted

from reconciler.core.errors import UsageError
from reconciler.forges.forge import MergedRequest, Task
from reconciler.forges.github import GitHub
from reconciler.forges.gitlab import GitLab
from reconciler.wiring.forges import open_forge

TASKS = {
    "request": Task.REVIEW,
    "fork": Task.VALIDATE,
    "push": Task.APPLY,
    "schedule": Task.WATCH,
    "branch": Task.VALIDATE,
    "manual": Task.WATCH,
    "manual branch": Task.PREVIEW,
    "anything else": Task.VALIDATE,
}


@pytest.mark.parametrize("played", [PlayedGitHub, PlayedGitLab])
@pytest.mark.parametrize(("occasion", "task"), TASKS.items())
def test_the_event_decides_what_is_done(
    tmp_path: Path, played: type[Played], occasion: str, task: Task
) -> None:
    environment = played(tmp_path).environment("http://127.0.0.1:1", occasion, "c0", "ba5e")
    event = open_forge(environment).event
    assert event.task() is task
    expecting = Task.APPLY if occasion == "manual" else task
    assert event.task(expects_plan=True) is expecting
    assert event.commit == "c0"
    assert event.base == ("ba5e" if task in (Task.REVIEW, Task.APPLY) else event.base)
    assert event.request == (7 if occasion in ("request", "fork") else None)


def github(tmp_path: Path, name: str, event: Any, url: str = "") -> GitHub:
    (tmp_path / "event.json").write_text(json.dumps(event))
    return GitHub(
        {
            "GITHUB_API_URL": url,
            "GITHUB_EVENT_NAME": name,
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_REPOSITORY": "acme/mesh",
            "GITHUB_TOKEN": "t",
        }
    )


@pytest.mark.parametrize("head", [None, {}, {"id": 2}, "acme/mesh"])
def test_a_pull_request_whose_repository_is_not_known_to_be_ours_is_not_trusted(
    tmp_path: Path, head: Any
) -> None:
    sides = {"head": {"repo": head}, "base": {"repo": {"id": 1}, "sha": "ba5e"}}
    event = github(tmp_path, "pull_request", {"number": 1, "pull_request": sides}).event
    assert event.task() is Task.VALIDATE


@pytest.mark.parametrize(
    ("name", "event"),
    [("pull_request", {}), ("pull_request", []), ("push", {"ref": "x"}), ("merge_group", {})],
)
def test_an_event_that_is_not_understood_is_only_validated(
    tmp_path: Path, name: str, event: Any
) -> None:
    assert github(tmp_path, name, event).event.task() is Task.VALIDATE


def test_e26_an_event_that_hands_out_secrets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"run the job on pull_request$"):
        github(tmp_path, "pull_request_target", {})


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "ci runs only in jobs of GitHub Actions and GitLab CI"),
        ({"GITHUB_ACTIONS": "true"}, "GITHUB_REPOSITORY is not OWNER/NAME"),
        ({"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "a/b/../c"}, "is not OWNER/NAME"),
        ({"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "a/b"}, "reading the event in GITHUB_EV"),
        ({"GITLAB_CI": "true"}, "CI_PROJECT_ID is not a project id"),
        (
            {
                "GITLAB_CI": "true",
                "CI_PROJECT_ID": "1",
                "CI_PIPELINE_SOURCE": "merge_request_event",
            },
            "CI_MERGE_REQUEST_IID is not the number of a merge request",
        ),
    ],
)
def test_where_no_forge_runs_it_there_is_no_job(environment: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        open_forge(environment)


@pytest.mark.parametrize("missing", ["SOURCE_PROJECT_ID", "PROJECT_ID"])
def test_a_merge_request_that_does_not_say_whose_it_is_is_not_trusted(
    tmp_path: Path, missing: str
) -> None:
    environment = PlayedGitLab(tmp_path).environment("", "request", "c0", "ba5e")
    del environment[f"CI_MERGE_REQUEST_{missing}"]
    assert GitLab(environment).event.task() is Task.VALIDATE


def test_a_pipeline_for_merged_results_starts_at_the_target_branch(tmp_path: Path) -> None:
    environment = PlayedGitLab(tmp_path).environment("", "request", "c0", "ba5e")
    environment["CI_MERGE_REQUEST_TARGET_BRANCH_SHA"] = "7a59e7"
    assert GitLab(environment).event.base == "7a59e7"


def test_only_what_was_merged_as_the_commit_brought_it(tmp_path: Path) -> None:
    withheld = {"number": 1, "merged_at": None, "merge_commit_sha": "c0"}
    earlier = {"number": 2, "merged_at": "then", "merge_commit_sha": "c1"}
    brought = {"number": 3, "merged_at": "then", "merge_commit_sha": "c0"}
    pages = [[withheld, earlier, "no request"], [brought], []]

    def played(request: str, _: bytes) -> Answer:
        return Answer(body=pages[int(request.rpartition("=")[2]) - 1])

    with scripted(played) as server:
        forge = github(tmp_path, "schedule", {}, server.url)
        assert forge.request_for_commit("c0") == MergedRequest(3, fork=False)
        pages[1] = []
        assert forge.request_for_commit("c0") is None


@pytest.mark.parametrize(
    ("repository", "fork"), [({"id": 1}, False), ({"id": 2}, True), (None, True)]
)
def test_a_fork_that_is_gone_is_one(
    tmp_path: Path, repository: dict[str, int] | None, fork: bool
) -> None:
    sides = {"head": {"repo": repository}, "base": {"repo": {"id": 1}}}
    merged = {"number": 1, "merged_at": "then", "merge_commit_sha": "c0", **sides}
    with scripted(lambda *_: Answer(body=[merged])) as server:
        assert github(tmp_path, "schedule", {}, server.url).request_for_commit(
            "c0"
        ) == MergedRequest(1, fork)


@pytest.mark.parametrize("name", ["merge_commit_sha", "squash_commit_sha", "sha"])
def test_gitlab_merges_in_three_ways(tmp_path: Path, name: str) -> None:
    listed = [{"iid": 1, "state": "opened", name: "c0"}, {"iid": 2, "state": "merged", name: "c1"}]
    with scripted(
        lambda request, _: Answer(body=listed if request.endswith("&page=1") else [])
    ) as server:
        forge = GitLab(PlayedGitLab(tmp_path).environment(server.url, "push", "c0", ""))
        assert forge.request_for_commit("c0") is None
        assert forge.request_for_commit("c1") == MergedRequest(2, fork=False)


@pytest.mark.parametrize(
    ("tokens", "sent"),
    [
        ({"RECONCILER_GITLAB_TOKEN": "ours", "GITLAB_TOKEN": "t"}, "Bearer ours"),
        ({"RECONCILER_GITLAB_TOKEN": "", "GITLAB_TOKEN": "t"}, "Bearer t"),
    ],
)
def test_of_several_tokens_our_own_counts(
    tmp_path: Path, tokens: dict[str, str], sent: str
) -> None:
    headers: dict[str, str] = {}
    with scripted(lambda *_: Answer(body=[]), headers) as server:
        environment = PlayedGitLab(tmp_path).environment(server.url, "push", "c0", "")
        assert GitLab(environment | tokens).request_for_commit("c0") is None
    assert headers["authorization"] == sent

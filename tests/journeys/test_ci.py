"""The CI job from a pull request to the merge and the watch, on forges that a test plays."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from comments import blocks_of
from conftest import Cli, Run
from fake_forges import (
    CANARY,
    MEMBER,
    OTHER_BOT,
    OURS,
    STRANGER,
    Played,
    PlayedGitHub,
    PlayedGitLab,
)
from manifest_text import mesh_yaml
from manual import ROOT
from repository import commit_all, git
from servers import Answer, Scripted, recording, scripted

from reconciler.core.planning.last_applied import unattested
from reconciler.endpoint import LocalEndpoint

# Each test plays both forges in make full, and one of them here.
pytestmark = [pytest.mark.process, pytest.mark.sample(1)]

Write = Callable[[str, str], Path]
Job = Callable[..., Run]
MARK = "<!-- mesh-reconciler:plan staging/platform -->\n"


@pytest.fixture(params=[PlayedGitHub, PlayedGitLab])
def forge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Played:
    made: Played = request.param(tmp_path_factory.mktemp("forge"))
    return made


@pytest.fixture
def server(forge: Played) -> Iterator[Scripted]:
    with scripted(forge) as serving:
        yield serving


@pytest.fixture
def mesh_api(endpoint: LocalEndpoint) -> Iterator[Scripted]:
    with recording(endpoint.url) as serving:
        yield serving


@pytest.fixture
def job(
    cli: Cli,
    here: Path,
    write: Write,
    forge: Played,
    server: Scripted,
    mesh_api: Scripted,
    monkeypatch: pytest.MonkeyPatch,
) -> Job:
    """Return a CI job: ``job("request")``, whose change began at the commit ``base``."""
    write(
        "reconciler.toml",
        f'[targets.staging]\nendpoint_url = "{mesh_api.url}"\nowner = "platform"\n'
        'source = "manifests"\n',
    )
    write(".gitignore", "reconciler.env\ngl-code-quality-report.json\n*.plan\n")

    def run(occasion: str, *arguments: str, base: str = "", target: str = "staging") -> Run:
        with monkeypatch.context() as environment:
            for name in os.environ:
                if name.startswith(("GITHUB_", "GITLAB_", "CI")):
                    environment.delenv(name)
            head = git(here, "rev-parse", "HEAD")
            variables = forge.environment(server.url, occasion, head, base or f"{head}")
            for name, value in variables.items():
                environment.setenv(name, value)
            result = cli("ci", "--target", target, *arguments)
        assert all("canary" not in body for body in forge.bodies)
        for file in (*forge.folder.iterdir(), *here.glob("*.env"), *here.glob("*.json")):
            assert file.is_dir() or "canary" not in file.read_text()
        return result

    return run


def egress(client: Any, name: str) -> str:
    return str(client.describe_mesh(meshName=name)["mesh"]["spec"]["egressFilter"]["type"])


def writes(mesh_api: Scripted) -> list[str]:
    asked = [request for request, _ in mesh_api.asked if "GET" not in request]
    return [request for request in asked if "/v20190125" in request]


@pytest.mark.unmeasured
def test_a_job_that_applies_renews_no_record(
    job: Job, write: Write, here: Path, mesh_api: Scripted, by_hand: Any
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    commit_all(here)
    assert job("push").code == 0
    arn = by_hand.describe_mesh(meshName="a")["mesh"]["metadata"]["arn"]
    tags = by_hand.list_tags_for_resource(resourceArn=arn)["tags"]
    plain = unattested({tag["key"]: tag["value"] for tag in tags})
    older = [{"key": key, "value": value} for key, value in plain.items()]
    assert older != tags
    by_hand.tag_resource(resourceArn=arn, tags=older)
    mesh_api.asked.clear()
    result = job("push")
    assert (result.code, writes(mesh_api)) == (0, [])
    assert "renew" not in result.out


def test_from_a_request_to_the_merge_and_a_hand_edit(
    job: Job, write: Write, here: Path, forge: Played, server: Scripted, by_hand: Any
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    base = commit_all(here)
    assert job("push").code == 0
    assert egress(by_hand, "a") == "DROP_ALL"
    assert forge.comments == []
    forge.outputs()

    git(here, "switch", "--quiet", "--create", "change")
    write("manifests/a.yaml", mesh_yaml("a", "ALLOW_ALL"))
    write("manifests/b.yaml", mesh_yaml("b"))
    commit_all(here)
    result = job("request", "--out", "p.plan", base=base)
    assert (result.code, result.err) == (0, "")
    (comment,) = forge.bodies
    assert comment.startswith(MARK)
    assert "### Plan: 1 to create, 1 to update" in comment
    assert "**This change" not in comment
    assert '`spec.egressFilter.type`: `"DROP_ALL"` → `"ALLOW_ALL"`' in comment
    assert "- + `mesh/b`" in comment
    assert "opens traffic" in comment
    outputs = forge.outputs()
    assert (outputs["exit_code"], outputs["changes"], outputs["plan"]) == ("0", "2", "p.plan")
    assert f"fingerprint {outputs['fingerprint']}" in comment
    assert f"reviewed {outputs['fingerprint']} -->" in comment
    assert (here / "p.plan").exists()

    write("manifests/b.yaml", mesh_yaml("b", "ALLOW_ALL"))
    commit_all(here)
    assert job("request", base=base).code == 0
    assert len(forge.bodies) == 1
    assert forge.bodies[0] != comment
    assert server.count(forge.update) == 1

    git(here, "switch", "--quiet", "main")
    git(here, "merge", "--quiet", "--no-ff", "change")
    forge.merged.append(git(here, "rev-parse", "HEAD"))
    result = job("push", "--lock", f"file:{here}/ci.lock", base=base)
    assert (result.code, result.err) == (0, "")
    assert "Applied: 1 updated, 1 created." in result.out
    assert egress(by_hand, "b") == "ALLOW_ALL"
    (comment,) = forge.bodies
    assert "### Applied: 1 updated, 1 created." in comment
    again = job("push", base=base)
    assert again.code == 0
    assert "No changes" in again.out

    assert job("schedule").code == 0
    by_hand.update_mesh(meshName="a", spec={"egressFilter": {"type": "DROP_ALL"}})
    forge.outputs()
    result = job("schedule")
    assert result.code == 2
    assert "~ mesh/a  unknown" in result.out
    assert forge.outputs()["exit_code"] == "2"
    assert len(forge.bodies) == 1


@pytest.mark.unmeasured
def test_the_comment_has_the_graph_of_the_change(
    job: Job, write: Write, here: Path, forge: Played
) -> None:
    for file in (ROOT / "manifests" / "shop").glob("*.yaml"):
        # A canary is a secret in these tests.
        write(f"manifests/{file.name}", file.read_text("utf-8").replace("canary", "split"))
    base = commit_all(here)
    assert job("push").code == 0
    git(here, "switch", "--quiet", "--create", "change")
    checkout = (here / "manifests/checkout.yaml").read_text("utf-8")
    write("manifests/checkout.yaml", checkout.replace("weight: 90", "weight: 30"))
    commit_all(here)
    assert job("request", base=base).code == 0
    (comment,) = forge.bodies
    graph = comment.partition("```mermaid\n")[2].partition("```")[0]
    assert graph.startswith("flowchart LR\n")
    assert '"#126; route split<br/>' in graph
    assert '|"#126; 90 #37; #45;#62; 75 #37;"|' in graph
    # The neighbors are the router and the two nodes.
    assert len(re.findall(r"^    n\d+\W", graph, re.MULTILINE)) == 4


@pytest.mark.unmeasured
def test_what_was_not_reviewed_is_not_applied(
    job: Job, write: Write, here: Path, forge: Played, mesh_api: Scripted, by_hand: Any
) -> None:
    write("manifests/a.yaml", mesh_yaml("a", team="pay"))
    base = commit_all(here)
    job("push")
    write("manifests/a.yaml", mesh_yaml("a", "ALLOW_ALL", team="pay"))
    write("manifests/b.yaml", mesh_yaml("b"))
    forge.merged.append(commit_all(here))
    assert job("request", base=base).code == 0
    by_hand.update_mesh(meshName="a", spec={"serviceDiscovery": {"ipPreference": "IPv6_ONLY"}})
    mesh_api.asked.clear()
    result = job("push", base=base)
    assert result.code == 6
    assert writes(mesh_api) == []
    assert "so nothing was applied: open a request" in result.err
    (comment,) = forge.bodies
    assert "**Note:** `the plan is" in comment
    assert "also reverts these differences between live and base" in comment
    assert '`spec.serviceDiscovery.ipPreference`: `"IPv6_ONLY"` → absent' in comment
    assert "Changed both here and live" in comment
    assert '`spec.egressFilter.type`: base `"DROP_ALL"`, live absent, here `"ALLOW_ALL"`' in comment
    # The refusal is no review: it stays one however often the job runs.
    assert job("push", base=base).code == 6
    fingerprint = str(re.search(r"the plan is now ([\w-]{43})", result.err)[1])  # type: ignore[index]
    assert job("push", "--expect", fingerprint, base=base).code == 0
    assert egress(by_hand, "a") == "ALLOW_ALL"


@pytest.mark.parametrize("comment", ["failed", "withdrawn", "unwritten", "taken away"])
def test_a_request_whose_comment_shows_no_plan_is_not_applied(
    job: Job,
    write: Write,
    here: Path,
    forge: Played,
    mesh_api: Scripted,
    endpoint: LocalEndpoint,
    comment: str,
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    forge.merged.append(commit_all(here))
    if comment != "failed":
        job("request")
    if comment in ("failed", "withdrawn"):
        gone = {"operation": "ListMeshes", "fault": "error", "status": 400}
        faults = f"{endpoint.url}/_endpoint/faults"
        urllib3.request("PUT", faults, json={"faults": [gone]})
        assert job("request").code == 1
        urllib3.request("DELETE", faults)
    else:
        forge.comments.clear()
    if comment == "unwritten":
        forge.fault = lambda request: None if request.startswith("GET") else Answer(403, {})
        assert job("request").code == 1
    result = job("push")
    assert result.code == 6
    assert "the comment on request 7 shows no reviewed plan, so nothing" in result.err
    assert writes(mesh_api) == []
    fingerprint = str(re.search(r"pass --expect ([\w-]{43})", result.err)[1])  # type: ignore[index]
    assert job("push", "--expect", fingerprint).code == 0


@pytest.mark.unmeasured
def test_of_what_nobody_reviewed_only_the_newest_is_applied(
    job: Job, write: Write, here: Path, forge: Played, mesh_api: Scripted
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    forge.merged.append(commit_all(here))
    forge.fork = True
    forge.at = "f" * 40
    result = job("push")
    assert result.code == 6
    assert f"the branch is now at {forge.at}, so nothing was applied" in result.err
    assert writes(mesh_api) == []
    forge.fault = lambda request: Answer(body={}) if forge.branch in request else None
    result = job("push")
    assert result.code == 1
    assert "the response has no commit" in result.err
    forge.fault, forge.at = lambda _: None, ""
    assert job("push").code == 0
    forge.merged.clear()
    assert job("push").code == 0


@pytest.mark.unmeasured
def test_what_an_apply_left_over_may_be_tried_again(
    job: Job, write: Write, here: Path, forge: Played, endpoint: LocalEndpoint, by_hand: Any
) -> None:
    for name in "ab":
        write(f"manifests/{name}.yaml", mesh_yaml(name))
    forge.merged.append(commit_all(here))
    assert job("request").code == 0
    refused = {"operation": "CreateMesh", "name": "b", "fault": "error", "status": 403}
    faults = f"{endpoint.url}/_endpoint/faults"
    urllib3.request("PUT", faults, json={"faults": [refused]})
    result = job("push")
    assert result.code == 4
    assert "### Applied: 1 created, 1 failed." in forge.bodies[0]
    urllib3.request("DELETE", faults)
    assert job("push").code == 0
    assert egress(by_hand, "b") == "DROP_ALL"


@pytest.mark.unmeasured
def test_what_could_not_be_listed_fails_the_job_and_is_in_its_comment(
    job: Job, write: Write, here: Path, forge: Played, endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    forge.merged.append(commit_all(here))
    assert job("request").code == 0
    assert job("push").code == 0
    # Its manifest goes, so that what is in it would have to go first.
    write("manifests/b.yaml", mesh_yaml("b"))
    (here / "manifests/a.yaml").unlink()
    commit_all(here)
    refused = {"operation": "ListVirtualNodes", "fault": "error", "status": 403}
    urllib3.request("PUT", f"{endpoint.url}/_endpoint/faults", json={"faults": [refused]})
    assert job("schedule").code == 1
    assert job("request").code == 1
    assert "- **unlisted** `virtual-node/a/*`: " in forge.bodies[0]


def test_e26_a_fork_is_validated_and_reaches_nothing(
    job: Job, write: Write, here: Path, server: Scripted, mesh_api: Scripted, forge: Played
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    commit_all(here)
    assert job("fork").code == 0
    write("manifests/a.yaml", mesh_yaml("a", "NO"))
    result = job("fork")
    assert result.code == 65
    assert "manifests/a.yaml:6:24: error[MR021]" in result.out
    if isinstance(forge, PlayedGitHub):
        assert "::error file=manifests/a.yaml,line=6,col=24," in result.out
        assert "MR021" in (forge.folder / "summary.md").read_text()
    else:
        assert '"begin": 6' in (here / "gl-code-quality-report.json").read_text()
    assert server.asked == []
    assert mesh_api.asked == []


@pytest.mark.parametrize("source", ["link", "..", "/"])
def test_e26_a_fork_cannot_have_other_files_than_its_own_read(
    job: Job, write: Write, here: Path, source: str
) -> None:
    (here / "link").symlink_to(here.parent)
    commit_all(here)
    write("reconciler.toml", f'[targets.staging]\nsource = "{source}"\n')
    result = job("fork")
    assert result.code == 64
    assert f"{source} is outside of the checkout" in result.err


@pytest.mark.parametrize("setting", ['var_file = ["secrets"]', "var_env = true"])
def test_e26_a_forks_settings_name_no_variables(
    job: Job, write: Write, here: Path, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("secrets", "VALUE=canary")
    monkeypatch.setenv("VALUE", "canary")
    write("manifests/a.yaml", mesh_yaml("a", "$VALUE"))
    write("reconciler.toml", f"{setting}\n[targets.staging]\n")
    commit_all(here)
    result = job("fork")
    assert result.code == 65
    assert "error[MR036]" in result.out
    assert "canary" not in result.out


def test_another_branch_is_validated_alone(
    job: Job, write: Write, here: Path, server: Scripted, mesh_api: Scripted
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    commit_all(here)
    assert job("branch").code == 0
    assert server.asked == mesh_api.asked == []


@pytest.mark.unmeasured
def test_a_run_by_hand_shows_the_plan_and_applies_it_only_by_its_fingerprint(
    job: Job, write: Write, here: Path, mesh_api: Scripted, by_hand: Any
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    commit_all(here)
    for arguments in ((), ("--expect", "A" * 43)):
        result = job("manual branch", *arguments)
        assert (result.code, result.err) == (0, "")
        assert "outside of the default branch: plans, and applies nothing\n" in result.out
        assert "+ mesh/a" in result.out
    result = job("manual")
    assert result.code == 2
    assert (
        "on the default branch: plans, applies nothing, and exits with 2 if the live state"
        in result.out
    )
    fingerprint = str(re.search(r"fingerprint ([\w-]{43})", result.out)[1])  # type: ignore[index]
    assert job("manual", "--expect", "A" * 43).code == 6
    assert writes(mesh_api) == []
    result = job("manual", "--expect", fingerprint)
    assert result.code == 0
    assert "on the default branch: applies the plan of --expect, and no other\n" in result.out
    assert egress(by_hand, "a") == "DROP_ALL"
    assert job("manual").code == 0


FIRST_LINES = {
    "request": "(pull|merge)_request(_event)?: plans, and shows the plan in a comment",
    "fork": "(pull|merge)_request(_event)? from a fork: validates the manifests, without access",
    "push": "push on the default branch: applies; after a merge, only the plan that",
    "branch": "push outside of the default branch: validates the manifests, without access",
    "schedule": "schedule on the default branch: plans, applies nothing, and exits with 2 if",
    "release": "release: validates the manifests, without access to the target or the forge",
}


@pytest.mark.unmeasured
@pytest.mark.sample(2)
@pytest.mark.parametrize(("occasion", "line"), FIRST_LINES.items())
def test_the_job_says_first_what_it_does_and_for_which_event(
    job: Job, write: Write, here: Path, occasion: str, line: str
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    base = commit_all(here)
    lines = job(occasion, base=base).out.splitlines()
    # GitHub's runner is told first that what follows is no command to it.
    first = next(it for it in lines if not it.startswith("::"))
    assert re.search(line, first), first


def test_invalid_manifests_take_the_place_of_the_plan_in_the_comment(
    job: Job, write: Write, here: Path, forge: Played
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    base = commit_all(here)
    assert job("request", base=base).code == 0
    write("manifests/a.yaml", mesh_yaml("a", "NO"))
    assert job("request", base=base).code == 65
    (comment,) = forge.bodies
    assert comment.startswith(f"{MARK}### Manifests\n")
    assert "error[MR021]" in comment
    assert "reviewed" not in comment


def test_e11_hostile_names_are_text_in_the_comment(
    job: Job, write: Write, here: Path, forge: Played
) -> None:
    hostile = "a`b ``` <img src=x> @all [x](http://y) ::error::x ##[set-output name=x]y --> \\x1b"
    write("manifests/b.yaml", mesh_yaml("b"))
    base = commit_all(here)
    file = "manifests/``` <b> @all.yaml"
    write(file, mesh_yaml("a"))
    commit_all(here)
    assert job("request", base=base).code == 0
    write(file, mesh_yaml("a").replace("DROP_ALL", f"'{hostile}'"))
    result = job("request", base=base)
    assert result.code == 65
    assert hostile[:30] in forge.bodies[0]
    blocks_of(forge.bodies[0])
    if isinstance(forge, PlayedGitHub):
        # Whatever is not ours is printed while the runner hears no command.
        (token,) = set(re.findall(r"^::stop-commands::(\w{32})$", result.out, re.MULTILINE))
        parts = re.split(
            rf"^::(?:stop-commands::)?{token}(?:::)?\n", result.out, flags=re.MULTILINE
        )
        before, unheard, heard, more, after = parts
        assert before == after == ""
        assert unheard == "pull_request: plans, and shows the plan in a comment\n"
        assert heard.startswith("::error file=manifests/``` <b> @all.yaml,line=6,col=24,")
        assert len(heard.splitlines()) == 1
        assert "##[set-output" in more


@pytest.mark.unmeasured
@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(401, {"message": CANARY}), "HTTP 401: the token is invalid or has expired"),
        (Answer(403, {}), "HTTP 403: the token does not permit this request"),
        (Answer(404, {}), "HTTP 404: not found, or the token does not permit reading it"),
        (Answer(429, {}, {"retry-after": "0"}), "HTTP 429"),
        (Answer(500, b"<h1>", {"retry-after": "0"}), "HTTP 500"),
        (Answer(302, b"", {"location": "http://127.0.0.1:1/"}), "HTTP 302"),
        (Answer(200, b"<html>"), "the response is not JSON"),
        (Answer(200, {"a": 1}), "the response is not a list"),
        (Answer(200, [{"id": 1}]), "the list has more than 5,000 items"),
    ],
)
def test_a_forge_that_fails_fails_a_review_and_hides_none_of_it(
    job: Job, write: Write, here: Path, forge: Played, answer: Answer, words: str
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    base = commit_all(here)
    forge.fault = lambda request: answer if forge.thread in request else None
    result = job("request", base=base)
    assert result.code == 1
    assert "Plan: 1 to create" in result.out
    assert result.err.startswith("reconciler: the comment could not be written: GET http://")
    assert words in result.err
    assert len(result.err.splitlines()) == 1
    assert forge.outputs()["exit_code"] == "1"


def test_a_merge_is_not_applied_while_nobody_can_say_what_was_reviewed(
    job: Job, write: Write, here: Path, forge: Played, by_hand: Any
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    commit_all(here)
    forge.fault = lambda _: Answer(403, {})
    result = job("push")
    assert result.code == 1
    assert "HTTP 403" in result.err
    assert by_hand.list_meshes()["meshes"] == []
    forge.fault = lambda _: None
    job("request")
    fingerprint = forge.outputs()["fingerprint"]
    forge.fault = lambda _: Answer(403, {})
    result = job("push", "--expect", fingerprint)
    assert result.code == 0
    assert "no comment is written" in result.err
    assert egress(by_hand, "a") == "DROP_ALL"


@pytest.mark.unmeasured
def test_a_comment_that_fails_after_an_apply_changes_no_code(
    job: Job, write: Write, here: Path, forge: Played, by_hand: Any
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    forge.merged.append(commit_all(here))
    assert job("request").code == 0
    forge.fault = lambda request: Answer(403, {}) if forge.update in request else None
    result = job("push")
    assert result.code == 0
    assert f"the comment could not be written: {forge.update}" in result.err
    assert egress(by_hand, "a") == "DROP_ALL"


def test_of_two_comments_the_older_one_stays(
    job: Job, write: Write, here: Path, forge: Played
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    base = commit_all(here)

    def overtaken(request: str) -> None:
        if request.startswith("POST") and forge.thread in request:
            forge.add(f"{MARK}of another run")

    forge.fault = overtaken
    assert job("request", base=base).code == 0
    (comment,) = forge.bodies
    assert "Plan: 1 to create" in comment


@pytest.mark.parametrize("author", [STRANGER, MEMBER, OTHER_BOT])
def test_e26_a_comment_of_another_user_is_not_ours(
    job: Job, write: Write, here: Path, forge: Played, by_hand: Any, author: int
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    base = commit_all(here)
    theirs = f"{MARK}<!-- mesh-reconciler:reviewed {'x' * 43} -->\nforged"
    forge.add(theirs, author)
    forge.add("and of ours, about something else", OURS)
    forge.merged.append(git(here, "rev-parse", "HEAD"))
    assert job("request", base=base).code == 0
    assert forge.bodies[0] == theirs
    assert len(forge.bodies) == 3
    assert job("push").code == 0
    assert egress(by_hand, "a") == "DROP_ALL"


@pytest.mark.unmeasured
@pytest.mark.parametrize("author", [STRANGER, MEMBER, OTHER_BOT])
def test_e26_a_forged_comment_approves_nothing(
    job: Job, write: Write, here: Path, forge: Played, mesh_api: Scripted, author: int
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    forge.merged.append(commit_all(here))
    assert job("request").code == 0
    (reviewed,) = forge.bodies
    forge.comments.clear()
    forge.add(reviewed, author)
    result = job("push")
    assert result.code == 6
    assert "the comment on request 7 shows no reviewed plan, so nothing" in result.err
    assert writes(mesh_api) == []


@pytest.mark.unmeasured
@pytest.mark.parametrize("editor", [STRANGER, MEMBER, OTHER_BOT])
def test_e26_our_comment_approves_nothing_once_another_user_edited_it(
    job: Job, write: Write, here: Path, forge: Played, mesh_api: Scripted, editor: int
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    base = commit_all(here)
    assert job("request", base=base).code == 0
    write("manifests/b.yaml", mesh_yaml("b"))
    forge.merged.append(commit_all(here))
    # They agree to what nobody has reviewed.
    result = job("push", base=base)
    wanted = str(re.search(r"the plan is now ([\w-]{43})", result.err)[1])  # type: ignore[index]
    forge.edit(f"{MARK}<!-- mesh-reconciler:reviewed {wanted} -->\n", editor)
    for _ in range(2):
        result = job("push", base=base)
        assert result.code == 6
        assert writes(mesh_api) == []
    assert len(forge.bodies) == 1
    # A new review makes it ours again.
    forge.edit("whatever", editor)
    assert job("request", base=base).code == 0
    assert job("push", base=base).code == 0


@pytest.mark.unmeasured
def test_e26_an_edit_is_told(
    job: Job, write: Write, here: Path, forge: Played, mesh_api: Scripted
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    forge.merged.append(commit_all(here))
    assert job("request").code == 0
    forge.edit(forge.bodies[0], MEMBER)
    result = job("push")
    assert result.code == 6
    assert (
        "another user edited the comment on request 7, so nothing was applied: open" in result.err
    )
    assert writes(mesh_api) == []
    fingerprint = str(re.search(r"pass --expect ([\w-]{43})", result.err)[1])  # type: ignore[index]
    assert job("push", "--expect", fingerprint).code == 0


def test_what_does_not_say_who_edited_a_comment_is_a_failure(
    job: Job, write: Write, here: Path, forge: Played, mesh_api: Scripted
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    forge.merged.append(commit_all(here))
    assert job("request").code == 0
    error: dict[str, Any] = {"errors": [{"message": CANARY}]}
    answers: list[Any] = [{"data": None, **error}, {"data": {}, **error}, {"data": {}}, {}]
    for answer in answers:
        forge.edited = Answer(body=answer)
        done = job("push")
        assert done.code == 1
        assert len(done.err.splitlines()) == 1
        assert writes(mesh_api) == []


def test_a_failure_is_told_in_the_comment_too(
    job: Job, write: Write, here: Path, forge: Played, endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    base = commit_all(here)
    result = job("request", "--only", "mesh/nothing", base=base)
    assert result.code == 64
    (comment,) = forge.bodies
    assert "### The CI job failed" in comment
    assert "mesh/nothing matches no resource" in comment
    assert endpoint.url not in comment


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ("0" * 40, "`not compared with the base: git merge-base: fatal: "),
        ("--upload-pack=x", "`not compared with the base: the base is not a commit id`"),
    ],
)
def test_a_base_that_cannot_be_read_is_one_line(
    job: Job, write: Write, here: Path, forge: Played, base: str, words: str
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    commit_all(here)
    assert job("request", base=base).code == 0
    assert words in forge.bodies[0]


@pytest.mark.parametrize("forge", [PlayedGitHub], indirect=True)
@pytest.mark.parametrize("base", [17, ["x"], {"a": 1}, True, 1.5])
def test_a_base_that_is_no_text_is_one_line(
    job: Job, write: Write, here: Path, forge: Played, base: Any
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    commit_all(here)
    result = job("request", base=base)
    assert (result.code, result.err) == (0, "")
    assert "not compared with the base: the base is not a commit id" in forge.bodies[0]


def test_a_base_that_is_not_valid_is_one_line(
    job: Job, write: Write, here: Path, forge: Played
) -> None:
    write("manifests/a.yaml", mesh_yaml("a", "NO"))
    base = commit_all(here)
    write("manifests/a.yaml", mesh_yaml("a"))
    commit_all(here)
    assert job("request", base=base).code == 0
    assert "not compared with the base: its manifests are not valid" in forge.bodies[0]


def test_files_that_cannot_be_written_change_no_code(
    job: Job, write: Write, here: Path, forge: Played
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    base = commit_all(here)
    outputs = (
        forge.folder / "outputs" if isinstance(forge, PlayedGitHub) else Path("reconciler.env")
    )
    outputs.mkdir()
    result = job("request", base=base)
    assert result.code == 0
    assert result.err == (
        f"reconciler: writing {outputs}: Is a directory; the job continues without this file\n"
    )


def test_an_implied_target_is_refused(
    cli: Cli, forge: Played, endpoint: LocalEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in forge.environment("http://127.0.0.1:1", "schedule", "", "").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_APP_MESH", endpoint.url)
    result = cli("ci", "--owner", "o")
    assert result.code == 64
    assert "no target given: pass --target NAME" in result.err


def test_without_a_token_there_is_no_comment_and_one_line_says_so(
    job: Job, write: Write, here: Path, forge: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    base = commit_all(here)
    told_of = forge.environment

    def poorer(*event: str) -> dict[str, str]:
        return {
            name: f"{value}\nx" if "TOKEN" in name else value
            for name, value in told_of(*event).items()
            if name not in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
        }

    monkeypatch.setattr(forge, "environment", poorer)
    result = job("request", base=base)
    assert result.code == 1
    assert not (forge.folder / "outputs").exists()
    assert "the comment could not be written: " in result.err
    assert "_TOKEN has no valid token" in result.err


@pytest.mark.unmeasured
def test_a_change_of_twelve_targets_is_one_comment_and_one_review(
    job: Job, write: Write, here: Path, forge: Played, endpoint: LocalEndpoint
) -> None:
    regions = [f"r{number:02}" for number in range(12)]
    write(
        "reconciler.toml",
        f'[targets.shop]\nregions = {regions}\nendpoint_url = "{endpoint.url}"\n'
        'owner = "platform"\nsource = "manifests"\n'
        '[rollout]\nwaves = [["shop-r0[0-3]"], ["shop-r0[4-7]"], ["shop-r0[89]", "shop-r1*"]]\n',
    )
    write("manifests/a.yaml", mesh_yaml("a"))
    base = commit_all(here)
    assert job("push", target="shop-*").code == 0
    git(here, "switch", "--quiet", "--create", "change")
    write("manifests/a.yaml", mesh_yaml("a", "ALLOW_ALL"))
    commit_all(here)
    wide = job("request", "--wide-share", "50%", base=base, target="shop-*")
    assert wide.code == 5
    assert "so apply changes nothing: pass --wide" in forge.bodies[0]
    forge.outputs()
    assert job("request", base=base, target="shop-*").code == 0
    (comment,) = forge.bodies
    assert "### 12 targets: 12 ok" in comment
    # Equal changes are shown once.
    heading = "`shop-r00`, `shop-r01`, `shop-r02`, `shop-r03`, `shop-r04` and 7 more (12 targets)"
    assert f"#### {heading}\n" in comment
    assert comment.count('spec.egressFilter.type  "ALLOW_ALL"') == 1
    outputs = forge.outputs()
    assert (outputs["exit_code"], outputs["changes"]) == ("0", "12")
    assert f"reviewed {outputs['fingerprint']} -->" in comment

    git(here, "switch", "--quiet", "main")
    git(here, "merge", "--quiet", "--no-ff", "change")
    forge.merged.append(git(here, "rev-parse", "HEAD"))
    # Each of the second wave tries twice.
    calls = list(range(5, 13))
    fault = {"operation": "UpdateMesh", "calls": calls, "fault": "error", "status": 400}
    urllib3.request("PUT", f"{endpoint.url}/_endpoint/faults", json={"faults": [fault]})
    stopped = job("push", base=base, target="shop-*")
    assert (stopped.code, stopped.err) == (1, "")
    (comment,) = forge.bodies
    later = "`shop-r08`, `shop-r09`, `shop-r10`, `shop-r11`"
    assert "- **error** `shop-r04`, `shop-r05`, `shop-r06`, `shop-r07`: " in comment
    assert f"- **pending** {later}: `not reached: wave 2 of the rollout stopped at" in comment
    # The rest was reviewed, so the job may run again.
    result = job("push", base=base, target="shop-*")
    assert (result.code, result.err) == (0, "")
    assert result.out.count("Applied: 1 updated.") == 8 + 1
    (comment,) = forge.bodies
    assert "and 3 more (8 targets): `Applied: 1 updated.`" in comment
    assert job("schedule", target="shop-*").code == 0
    write("manifests/b.yaml", mesh_yaml("b"))
    commit_all(here)
    unreviewed = job("push", "--expect", "x" * 43, target="shop-*")
    assert unreviewed.code == 6
    assert "so nothing was applied" in unreviewed.err
    result = job("schedule", target="shop-*")
    assert result.code == 2, result.out


def test_a_job_for_many_targets_reports_manifests_and_targets_that_fail(
    job: Job, write: Write, here: Path, forge: Played, mesh_api: Scripted
) -> None:
    write(
        "reconciler.toml",
        f'[targets.a-good]\nendpoint_url = "{mesh_api.url}"\nowner = "o"\n'
        '[targets.a-dead]\nendpoint_url = "http://127.0.0.1:1"\nowner = "o"\n',
    )
    write("manifests/a.yaml", "apiVersion: mesh-reconciler/v1\nkind: Mesh\n")
    base = commit_all(here)
    assert job("request", base=base, target="a-*").code == 65
    assert forge.bodies[0].count("MR") == 1
    node = "apiVersion: mesh-reconciler/v1\nkind: VirtualNode\nmetadata: {mesh: a, name: n}\n"
    write("manifests/a.yaml", f"{mesh_yaml('a')}---\n{node}spec: {{}}\n")
    base = commit_all(here)
    assert job("request", base=base, target="a-*").code == 1
    (comment,) = forge.bodies
    assert "- **error** `a-dead`: `ListMeshes: Could not connect" in comment
    (title,) = re.findall(r"<summary>Graph of the .* neighbors: (.*)</summary>", comment)
    assert title == "<code>a-good</code>"
    assert "#43; virtual-node n" in comment
    applied = job("push", base=base, target="a-*")
    assert applied.code == 1
    assert "Applied: 2 created." in applied.out

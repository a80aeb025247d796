"""A saved plan: what was agreed to, and nothing else, from the file to the live meshes."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
import urllib3
from conftest import Cli, Run
from manifest_text import mesh_yaml

from reconciler.core.resources import OWNER_TAG
from reconciler.endpoint import LocalEndpoint

Write = Callable[[str, str], Path]
Verb = Callable[..., Run]
COMMAND = [sys.executable, "-m", "reconciler"]
READING = ("Describe", "List", "Get")


def writes(endpoint: LocalEndpoint) -> dict[str, int]:
    """Return the writing calls that were made since this was asked last."""
    url = f"{endpoint.url}/_endpoint/calls"
    counts = urllib3.request("GET", url).json()["calls"]
    urllib3.request("DELETE", url)
    return {name: count for name, count in counts.items() if not name.startswith(READING)}


@pytest.fixture
def by_hand(endpoint: LocalEndpoint, here: Path) -> Iterator[Any]:
    del here
    client = boto3.client("appmesh", endpoint_url=endpoint.url)
    yield client
    client.close()


@pytest.fixture
def there(cli: Cli, endpoint: LocalEndpoint) -> Verb:
    def run(command: str, *arguments: str) -> Run:
        where = ("--endpoint-url", endpoint.url, "--owner", "o")
        return cli(command, *where, *arguments)

    return run


@pytest.fixture
def apply_saved(there: Verb) -> Verb:
    def run(*arguments: str) -> Run:
        return there("apply", "--plan", "p.plan", "--auto-approve", *arguments)

    return run


@pytest.fixture
def every_change(write: Write, there: Verb, by_hand: Any, endpoint: LocalEndpoint) -> None:
    """Save a plan of a create, an update, an adoption and a delete."""
    for name in ("moved", "gone"):
        write(f"manifests/{name}.yaml", mesh_yaml(name))
    assert there("apply", "--auto-approve").code == 0
    by_hand.create_mesh(meshName="adopted", spec={"egressFilter": {"type": "DROP_ALL"}})
    write("manifests/gone.yaml", "").unlink()
    write("manifests/moved.yaml", mesh_yaml("moved", "ALLOW_ALL"))
    write("manifests/adopted.yaml", mesh_yaml("adopted", "ALLOW_ALL", reconcile="{adopt: true}"))
    write("manifests/new.yaml", mesh_yaml("new"))
    result = there("plan", "--policy", "sync", "--out", "p.plan")
    assert "Plan: 1 to create, 1 to update, 1 to adopt, 1 to delete" in result.out
    assert result.code == 0
    writes(endpoint)


def egress(client: Any, name: str) -> str:
    return str(client.describe_mesh(meshName=name)["mesh"]["spec"]["egressFilter"]["type"])


def names(client: Any) -> set[str]:
    return {mesh["meshName"] for mesh in client.list_meshes()["meshes"]}


@pytest.mark.unmeasured
def test_a_saved_plan_as_a_path_names_the_option(
    there: Verb, write: Write, endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    there("plan", "--out", "p.json")
    writes(endpoint)
    result = there("apply", "p.json", "--auto-approve")
    assert (result.code, result.out, result.err) == (
        64,
        "",
        "reconciler: p.json is a saved plan: run apply --plan p.json\n",
    )
    assert writes(endpoint) == {}
    # Neither a directory nor a missing file is one.
    assert there("apply", "manifests", "--auto-approve").code == 0
    assert "does not exist" in there("apply", "nowhere", "--auto-approve").err


@pytest.mark.unmeasured
@pytest.mark.usefixtures("every_change")
def test_s11_a_saved_plan_is_applied_as_it_is_whatever_the_manifests_say_now(
    write: Write, apply_saved: Verb, there: Verb, by_hand: Any, endpoint: LocalEndpoint
) -> None:
    write("manifests/moved.yaml", "nonsense")
    write("manifests/more.yaml", mesh_yaml("more"))
    result = apply_saved()
    assert result.code == 0
    assert "Applied: 1 adopted, 1 updated, 1 created, 1 deleted." in result.out
    # What is adopted is tagged as ours before its spec is written, and its record comes after it.
    assert writes(endpoint) == {
        "CreateMesh": 1, "UpdateMesh": 2, "DeleteMesh": 1, "TagResource": 3,
    }  # fmt: skip
    assert names(by_hand) == {"adopted", "moved", "new"}
    write("manifests/moved.yaml", mesh_yaml("moved", "ALLOW_ALL"))
    write("manifests/more.yaml", "").unlink()
    assert "No changes." in there("plan", "--policy", "sync").out


@pytest.mark.unmeasured
@pytest.mark.usefixtures("every_change")
def test_e08_a_plan_that_was_applied_writes_nothing_a_second_time(
    apply_saved: Verb, by_hand: Any, endpoint: LocalEndpoint
) -> None:
    assert apply_saved().code == 0
    by_hand.update_mesh(meshName="new", spec={"egressFilter": {"type": "ALLOW_ALL"}})
    writes(endpoint)
    result = apply_saved()
    assert result.code == 6
    assert "Applied: 3 stale, 1 deleted." in result.out
    assert "3 stale: changed since the plan" in result.out
    assert writes(endpoint) == {}
    assert json.loads(apply_saved("--format", "json").out)["exit_name"] == "stale"


@pytest.mark.unmeasured
@pytest.mark.usefixtures("every_change")
def test_a43_s11_what_moved_since_the_plan_is_left_alone_and_the_others_are_applied(
    apply_saved: Verb, by_hand: Any
) -> None:
    by_hand.update_mesh(meshName="moved", spec={"serviceDiscovery": {"ipPreference": "IPv6_ONLY"}})
    by_hand.create_mesh(meshName="new", tags=[{"key": OWNER_TAG, "value": "another team"}])
    result = apply_saved()
    assert result.code == 6
    assert "mesh/moved: update stale: it was at version 1 and is now at 2" in result.out
    assert "mesh/new: create stale: it was created after the plan" in result.out
    assert "Applied: 1 adopted, 2 stale, 1 deleted." in result.out
    live = by_hand.describe_mesh(meshName="moved")["mesh"]
    assert live["spec"] == {"serviceDiscovery": {"ipPreference": "IPv6_ONLY"}}
    assert by_hand.describe_mesh(meshName="new")["mesh"]["metadata"]["version"] == 1
    assert egress(by_hand, "adopted") == "ALLOW_ALL"
    assert names(by_hand) == {"adopted", "moved", "new"}


@pytest.mark.sample(2)
@pytest.mark.usefixtures("every_change")
@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda text: text.replace("ALLOW_ALL", "DROP_ALL"), "was edited after it was saved"),
        (lambda text: text[:-100], "is not a complete saved plan"),
        (lambda text: text.replace('"schema":1', '"schema":2'), "newer version (schema 2"),
        (lambda text: " " * (17 << 20) + text, "larger than 16 MiB"),
    ],
)
def test_e07_e10_a_plan_that_cannot_be_trusted_is_one_line_and_nothing_is_written(
    edit: Callable[[str], str], words: str, apply_saved: Verb, cli: Cli, endpoint: LocalEndpoint
) -> None:
    file = Path("p.plan")
    file.write_text(edit(file.read_text("utf-8")), "utf-8")
    for result in (apply_saved(), cli("show", "p.plan")):
        assert result.code == 64
        assert result.out == ""
        assert len(result.err.splitlines()) == 1
        assert words in result.err
    assert writes(endpoint) == {}


ELSEWHERE: dict[str, tuple[dict[str, str], list[str], str]] = {
    "another URL": ({}, ["--endpoint-url", "http://127.0.0.1:9"], "made for target"),
    "another name": ({"[targets.t]\n": "[targets.u]\n"}, ["--target", "u"], "for target t, but"),
    "another URL of the same name": ({"HERE": "http://127.0.0.1:9"}, [], "for URL http"),
    "another region": ({}, ["--region", "eu-north-1"], "for region eu-west-1, but"),
    "another owner": ({}, ["--owner", "x"], "for owner table, but this run is for owner x"),
    "another owner of the table": ({"table": "x"}, [], "for owner table, but"),
}


@pytest.mark.unmeasured
@pytest.mark.parametrize(("edit", "arguments", "words"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_e08_a_plan_for_elsewhere_is_refused(
    edit: dict[str, str],
    arguments: list[str],
    words: str,
    cli: Cli,
    write: Write,
    endpoint: LocalEndpoint,
) -> None:
    def configure(edit: dict[str, str]) -> None:
        text = '[targets.t]\nendpoint_url = "HERE"\nowner = "table"\nregion = "eu-west-1"\n'
        for old, new in {**edit, "HERE": edit.get("HERE", endpoint.url)}.items():
            text = text.replace(old, new)
        write("reconciler.toml", text)

    write("manifests/a.yaml", mesh_yaml("a"))
    configure({})
    assert cli("plan", "--target", "t", "--out", "p.plan").code == 0
    configure(edit)
    where = (
        arguments if "--target" in arguments or "--endpoint-url" in arguments else ["--target", "t"]
    )
    result = cli("apply", *where, *arguments, "--plan", "p.plan", "--auto-approve")
    assert result.code == 64
    assert words in result.err
    assert len(result.err.splitlines()) == 1
    assert writes(endpoint) == {}


def test_e08_a_plan_for_another_account_is_refused(
    write: Write,
    there: Verb,
    apply_saved: Verb,
    endpoint: LocalEndpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    there("plan", "--out", "p.plan")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "999999999999")
    result = apply_saved()
    assert result.code == 64
    assert "made for account 123456789012, but this run is for account 999999999999" in result.err
    assert writes(endpoint) == {}


@pytest.fixture(params=[403, 500, 503])
def sts(
    request: pytest.FixtureRequest, endpoint: LocalEndpoint, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """Return a function after which STS "fails", for good or for a time, or "answers"."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    fault = {"fault": "error", "operation": "GetCallerIdentity", "status": request.param}

    def stands(how: str) -> None:
        faults = {"faults": [fault] if how == "fails" else []}
        urllib3.request("PUT", f"{endpoint.url}/_endpoint/faults", json=faults)

    return stands


def test_e08_a_plan_is_saved_only_where_the_account_is_known(
    write: Write,
    there: Verb,
    apply_saved: Verb,
    sts: Callable[[str], None],
    here: Path,
    endpoint: LocalEndpoint,
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    sts("fails")
    assert "account unknown" in there("plan").out
    result = there("plan", "--out", "p.plan")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        f"reconciler: the account behind {endpoint.url} is unknown (GetCallerIdentity was not "
        "answered), so no plan was saved: run plan again, or use apply without a saved plan\n"
    )
    assert not (here / "p.plan").exists()
    sts("answers")
    assert there("plan", "--out", "p.plan").code == 0
    sts("fails")
    result = apply_saved()
    assert result.code == 64
    assert "made for account 123456789012, but this run is for account unknown" in result.err
    assert writes(endpoint) == {}
    sts("answers")
    assert apply_saved().code == 0


@pytest.mark.unmeasured
def test_where_nobody_says_the_account_what_is_owned_tells(
    write: Write, there: Verb, apply_saved: Verb, sts: Callable[[str], None]
) -> None:
    sts("fails")
    write("manifests/a.yaml", mesh_yaml("a"))
    assert there("apply", "--auto-approve").code == 0
    write("manifests/b.yaml", mesh_yaml("b"))
    assert "account 123456789012" in there("plan", "--out", "p.plan").out
    assert "mesh/b: created" in apply_saved().out


@pytest.mark.unmeasured
def test_on_the_local_target_the_port_may_change_and_the_owner_comes_from_the_plan(
    cli: Cli, write: Write, here: Path
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    with LocalEndpoint(here / ".reconciler") as holder:
        result = cli("plan", "--target", "local", "--owner", "x", "--out", "p.plan")
        assert holder.url in result.out
        url = holder.url
    result = cli("apply", "--target", "local", "--plan", "p.plan", "--auto-approve")
    assert result.code == 0
    assert "owner x" in result.out
    assert url in result.out
    assert "No changes" in cli("plan", "--target", "local", "--owner", "x").out


BESIDE = {
    "a path": (["manifests"], "PATH"),
    "a pattern": (["--only", "mesh/a"], "which --only cannot change"),
    "an exception": (["--except", "mesh/a"], "which --except cannot change"),
    "a variable": (["--var", "A=b"], "which --var cannot change"),
    "a file of variables": (["--var-file", "x"], "which --var-file cannot change"),
    "the environment": (["--var-env"], "which --var-env cannot change"),
    "a policy": (["--policy", "observe"], "which --policy cannot change"),
    "a limit": (["--max-deletes", "0"], "which --max-deletes cannot change"),
    "a fingerprint": (["--expect", "x"], "which --expect cannot change"),
}


@pytest.mark.sample(2)
@pytest.mark.parametrize(("arguments", "words"), BESIDE.values(), ids=BESIDE)
def test_what_shapes_a_plan_does_not_go_with_a_saved_one(
    arguments: list[str],
    words: str,
    write: Write,
    there: Verb,
    apply_saved: Verb,
    endpoint: LocalEndpoint,
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    there("plan", "--out", "p.plan")
    result = apply_saved(*arguments)
    assert result.code == 64
    assert words in result.err
    assert writes(endpoint) == {}


def test_a_run_that_may_only_observe_applies_no_saved_plan(
    write: Write, there: Verb, apply_saved: Verb, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    there("plan", "--out", "p.plan")
    monkeypatch.setenv("RECONCILER_POLICY", "observe")
    result = apply_saved()
    assert result.code == 64
    assert "nothing was applied: the policy of target" in result.err


@pytest.mark.unmeasured
def test_s11_a_fingerprint_lets_through_the_plan_that_was_agreed_to_and_no_other(
    write: Write, there: Verb, endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    result = there("plan")
    last = result.out.splitlines()[-1]
    fingerprint = json.loads(there("plan", "--format", "json").out)["plan"]["fingerprint"]
    assert last == f"fingerprint {fingerprint}"
    write("manifests/b.yaml", mesh_yaml("b"))
    refused = there("apply", "--expect", fingerprint, "--auto-approve")
    assert refused.code == 6
    assert refused.out == ""
    assert len(refused.err.splitlines()) == 1
    now = json.loads(there("plan", "--format", "json").out)["plan"]["fingerprint"]
    for word in (fingerprint, now, "run plan again"):
        assert word in refused.err
    assert writes(endpoint) == {}
    assert there("apply", "--expect", now, "--auto-approve").code == 0
    assert writes(endpoint) == {"CreateMesh": 2}


@pytest.mark.unmeasured
@pytest.mark.process
@pytest.mark.usefixtures("every_change")
def test_show_prints_what_plan_printed_and_reaches_nothing(
    there: Verb, cli: Cli, endpoint: LocalEndpoint, here: Path
) -> None:
    for style, calls, none in (
        ("text", r"\d+ API calls: .*\n", ""),
        ("json", r'"calls":\{[^}]+\}', '"calls":{}'),
        ("markdown", r" · `\d+ API calls: [^`]*`", ""),
    ):
        planned = there("plan", "-v", "--policy", "sync", "--format", style, "--out", "p.plan")
        asked = urllib3.request("GET", f"{endpoint.url}/_endpoint/calls").json()
        shown = cli("show", "p.plan", "--format", style)
        without_calls, count = re.subn(calls, none, planned.out)
        assert (shown.code, shown.out, count) == (0, without_calls, 1)
        assert urllib3.request("GET", f"{endpoint.url}/_endpoint/calls").json() == asked
    program = (
        "import sys; from reconciler.cli.main import main; code = main(sys.argv[1:]);"
        "print(code, 'boto3' in sys.modules, 'pydantic' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, "show", "p.plan"],
        cwd=here, capture_output=True, check=True, text=True,
    )  # fmt: skip
    assert result.stdout.splitlines()[-1] == "0 False False"


@pytest.mark.unmeasured
def test_a_plan_that_holds_something_back_is_saved_and_applied_without_it(
    write: Write, there: Verb, apply_saved: Verb, cli: Cli, by_hand: Any
) -> None:
    by_hand.create_mesh(meshName="theirs", tags=[{"key": OWNER_TAG, "value": "another team"}])
    for name in ("theirs", "ours"):
        write(f"manifests/{name}.yaml", mesh_yaml(name))
    assert there("plan", "--out", "p.plan").code == 5
    assert cli("show", "p.plan").code == 5
    result = apply_saved()
    assert result.code == 5
    assert "Applied: 1 created, 1 withheld." in result.out
    assert "1 withheld: " in result.out


def test_a_pattern_that_names_nothing_saves_nothing(write: Write, there: Verb, here: Path) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    result = there("plan", "--only", "mesh/typo", "--out", "p.plan")
    assert result.code == 64
    assert "--only mesh/typo matches no resource, neither desired nor live" in result.err
    assert not (here / "p.plan").exists()


@pytest.mark.parametrize("arguments", [[], ["a.plan", "b.plan"], ["missing.plan"]])
def test_show_takes_one_plan_that_is_there(cli: Cli, arguments: list[str]) -> None:
    assert cli("show", *arguments).code == 64


@pytest.mark.unmeasured
@pytest.mark.process
def test_a_plan_is_the_same_bytes_whatever_the_order_hash_seed_locale_and_time_zone(
    endpoint: LocalEndpoint, tmp_path: Path, here: Path, by_hand: Any
) -> None:
    del here
    spec = {"egressFilter": {"type": "DROP_ALL"}, "serviceDiscovery": {"ipPreference": "IPv6_ONLY"}}
    tags = [
        {"key": OWNER_TAG, "value": "o"},
        {"key": "b", "value": "1"},
        {"key": "a", "value": "2"},
    ]
    for name in ("m3", "zz"):
        by_hand.create_mesh(meshName=name, spec=spec, tags=tags)
    saved = set()
    surroundings = [
        {},
        {"PYTHONHASHSEED": "1", "TZ": "Asia/Kathmandu", "LC_ALL": "C"},
        {"PYTHONHASHSEED": "2", "TZ": "America/St_Johns", "LC_ALL": "tr_TR.UTF-8"},
        {"PYTHONHASHSEED": "3", "LANG": "de_DE.UTF-8", "PYTHONUTF8": "0"},
    ]
    for number, environment in enumerate(surroundings):
        folder = tmp_path / str(number)
        (folder / "manifests").mkdir(parents=True)
        order = list(range(9))
        for each in order[number:] + order[:number]:
            text = mesh_yaml(f"m{each}", "ALLOW_ALL", note="\u0131\u00fc", **{f"t{each}": "1"})
            (folder / f"manifests/{each}.yaml").write_text(text, "utf-8")
        subprocess.run(
            [*COMMAND, "plan", "--endpoint-url", endpoint.url, "--owner", "o", "--policy", "sync",
             "--out", "p.plan"],
            cwd=folder, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, check=True,
        )  # fmt: skip
        saved.add((folder / "p.plan").read_bytes())
    (content,) = saved
    assert len(re.findall(rb'"operation":', content)) == 10

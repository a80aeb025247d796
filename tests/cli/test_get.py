"""get at the command line: the table, the filters and the machine formats."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import urllib3
import yaml
from conftest import Cli, Run

from reconciler.core.resources import OWNER_TAG
from reconciler.endpoint import LocalEndpoint

Get = Callable[..., Run]
HOSTILE = "\u202eevil \x1b[2J: é"


@pytest.fixture
def get(cli: Cli, endpoint: LocalEndpoint) -> Get:
    def run(*arguments: str) -> Run:
        return cli("get", *arguments, "--endpoint-url", endpoint.url)

    return run


@pytest.fixture
def live(by_hand: Any) -> Any:
    for name, tags in {
        "pay": {OWNER_TAG: "platform", "note": HOSTILE},
        "ops": {"team": "ops"},
        "theirs": {OWNER_TAG: "another"},
    }.items():
        listed = [{"key": key, "value": value} for key, value in tags.items()]
        by_hand.create_mesh(meshName=name, spec={}, tags=listed)
    return by_hand


@pytest.mark.unmeasured
@pytest.mark.usefixtures("live")
def test_the_table_has_a_row_for_each_resource(get: Get) -> None:
    result = get()
    assert (result.code, result.err) == (0, "")
    target, head, *rows, counts = result.out.splitlines()
    assert target.startswith("target http://127.0.0.1:")
    assert head.split() == ["KEY", "OWNER", "VERSION", "AGE"]
    assert [row.split()[:3] for row in rows] == [
        ["mesh/ops", "none", "1"],
        ["mesh/pay", "platform", "1"],
        ["mesh/theirs", "another", "1"],
    ]
    # Columns are aligned.
    assert {row.index(" 1 ") for row in rows} == {head.index("VERSION") - 1}
    assert counts == "3 resources: 2 owned by another, platform, 1 without an owner."


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("--owned", "--owner", "platform"), ["mesh/pay"]),
        (("--unowned",), ["mesh/ops"]),
        (("mesh/*s",), ["mesh/ops", "mesh/theirs"]),
        (("mesh/pay", "mesh/ops"), ["mesh/ops", "mesh/pay"]),
        (("mesh/pay", "--unowned"), []),
    ],
)
@pytest.mark.usefixtures("live")
def test_keys_and_owners_select(arguments: tuple[str, ...], names: list[str], get: Get) -> None:
    document = json.loads(get(*arguments, "--format", "json").out)
    assert [item["key"] for item in document["resources"]] == names


@pytest.mark.usefixtures("live")
def test_the_machine_formats_have_the_whole_resource(get: Get) -> None:
    result = get("mesh/pay", "--format", "json")
    (resource,) = json.loads(result.out)["resources"]
    assert list(yaml.safe_load_all(get("mesh/pay", "--format", "yaml").out)) == [resource]
    assert resource["tags"]["note"] == HOSTILE
    assert (resource["owner"], resource["version"], resource["spec"]) == ("platform", 1, {})
    wide = get("mesh/pay", "--format", "wide").out
    assert all(resource[name] in wide for name in ("account", "arn", "uid", "created"))


@pytest.mark.unmeasured
@pytest.mark.usefixtures("live")
def test_hostile_values_move_no_cursor(get: Get) -> None:
    for line in get("--format", "yaml").out.splitlines():
        assert line.isprintable()


@pytest.mark.usefixtures("live")
def test_a_resource_that_cannot_be_read_is_a_row_and_exit_1(
    get: Get, endpoint: LocalEndpoint
) -> None:
    fault = {"operation": "DescribeMesh", "fault": "error", "status": 403, "calls": [1]}
    content = {"faults": [fault]}
    urllib3.request("PUT", f"{endpoint.url}/_endpoint/faults", json=content)
    result = get("--parallelism", "1")
    assert result.code == 1
    assert re.search(r"^mesh/ops +it could not be read: ", result.out, re.MULTILINE)
    assert ", 1 could not be read." in result.out
    urllib3.request("PUT", f"{endpoint.url}/_endpoint/faults", json=content)
    document = json.loads(get("--parallelism", "1", "--format", "json").out)
    assert (document["exit_code"], len(document["resources"])) == (1, 3)
    assert "could not be read" in document["resources"][0]["error"]


@pytest.mark.unmeasured
def test_an_empty_target_has_no_rows(get: Get) -> None:
    assert get().out.splitlines()[1:] == ["0 resources."]
    assert get("--format", "yaml").out == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--owned", "--unowned"), "pass --owned or --unowned, not both"),
        (("--owned",), "no owner given"),
        (("mesh/nowhere",), "mesh/nowhere matches no live resource"),
        (("nowhere",), "nowhere is not a key"),
    ],
)
def test_wrong_usage_is_one_line(arguments: tuple[str, ...], words: str, get: Get) -> None:
    result = get(*arguments)
    assert (result.code, result.out) == (64, "")
    assert words in result.err

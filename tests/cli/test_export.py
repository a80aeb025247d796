"""export at the command line: what it writes, and what it never writes over."""

import json
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import urllib3
from conftest import Cli, Run
from servers import recording

from reconciler.cli.write_files import write_new
from reconciler.core.errors import ReconcilerError, UsageError
from reconciler.core.resources import OWNER_TAG
from reconciler.endpoint import LocalEndpoint

Write = Callable[[str, str], Path]
Export = Callable[..., Run]


@pytest.fixture
def export(cli: Cli, endpoint: LocalEndpoint) -> Export:
    def run(*arguments: str, url: str = "") -> Run:
        return cli("export", *arguments, "--endpoint-url", url or endpoint.url, "--to", "out")

    return run


@pytest.fixture
def live(by_hand: Any) -> Any:
    for name, tags in {
        "pay": {"team": "pay", "stage": "no"},
        "ops": {"team": "ops"},
        "s.local": {"team": "pay", OWNER_TAG: "another"},
    }.items():
        listed = [{"key": key, "value": value} for key, value in tags.items()]
        by_hand.create_mesh(meshName=name, spec={}, tags=listed)
    return by_hand


def written(here: Path) -> set[str]:
    return {str(path.relative_to(here)) for path in here.glob("out/**/*") if path.is_file()}


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ((), {"pay", "ops", "s.local"}),
        (("mesh/pay",), {"pay"}),
        (("mesh/p*", "mesh/s*"), {"pay", "s.local"}),
        (("--tag", "team=pay"), {"pay", "s.local"}),
        (("mesh/p*", "--tag", "team=pay", "--tag", "stage=no"), {"pay"}),
        (("--tag", "team=none"), set()),
    ],
)
@pytest.mark.usefixtures("live")
def test_all_or_some_are_written_one_file_each(
    arguments: tuple[str, ...], names: set[str], export: Export, here: Path
) -> None:
    result = export(*arguments)
    assert (result.code, result.err) == (0, "")
    assert written(here) == {f"out/mesh/{name}.yaml" for name in names}


@pytest.mark.unmeasured
@pytest.mark.usefixtures("live")
def test_it_reads_well_and_needs_no_owner(
    export: Export, here: Path, endpoint: LocalEndpoint
) -> None:
    result = export("mesh/pay")
    assert result.out == (
        f"target {endpoint.url}, account 123456789012, region eu-west-1\n"
        "wrote out/mesh/pay.yaml\nExported 1 manifest, 1 of them new.\n"
    )
    assert (here / "out/mesh/pay.yaml").read_text() == (
        "apiVersion: mesh-reconciler/v1\nkind: Mesh\nmetadata:\n  name: pay\n"
        "  tags:\n    stage: 'no'\n    team: pay\nspec: {}\n"
    )
    assert "1 manifest, 0 of them new" in export("mesh/pay").out


def test_what_a_part_needs_of_the_rest_is_named(export: Export, here: Path, by_hand: Any) -> None:
    by_hand.create_mesh(meshName="m")
    by_hand.create_virtual_node(meshName="m", virtualNodeName="n", spec={})
    node = {"virtualNode": {"virtualNodeName": "n"}}
    by_hand.create_virtual_service(meshName="m", virtualServiceName="s", spec={"provider": node})
    result = export("mesh/m", "virtual-service/*")
    assert result.code == 0
    assert (
        "! out/virtual-service/m/s.yaml  refers to a resource that was not exported: "
        "virtual-service/m/s refers to virtual-node/m/n, which is not declared although its mesh is"
        in result.out
    )
    assert "needs" not in export("*", "--to", "whole").out
    del here


@pytest.mark.usefixtures("live")
def test_nothing_is_written_over(export: Export, write: Write, here: Path) -> None:
    write("out/mesh/ops.yaml", "mine\n")
    result = export()
    assert result.code == 64
    assert "out/mesh/ops.yaml exists with other content" in result.err
    assert written(here) == {"out/mesh/ops.yaml"}
    assert (here / "out/mesh/ops.yaml").read_text() == "mine\n"


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize("broken", ["file", "folder", "link"])
def test_a_folder_that_cannot_be_used_is_one_line(
    broken: str, export: Export, write: Write, here: Path
) -> None:
    if broken == "file":
        write("out", "a file\n")
    elif broken == "folder":
        (here / "out/mesh/ops.yaml").mkdir(parents=True)
    else:
        write("out/mesh/x", "").with_name("ops.yaml").symlink_to("/nowhere")
    result = export("mesh/ops")
    assert result.code == 64
    assert "out" in result.err
    assert len(result.err.splitlines()) == 1
    assert not list(here.glob("out/mesh/.*"))


def test_a_full_disk_is_no_wrong_usage(here: Path) -> None:
    limit, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
    try:
        with pytest.raises(ReconcilerError, match=": File too large") as refused:
            write_new(here / "out/a.yaml", "text")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
    assert not isinstance(refused.value, UsageError)


def test_names_with_odd_characters_do_not_leave_the_folder(
    export: Export, by_hand: Any, here: Path
) -> None:
    for name in ("a b", "%2e%2e", "...", "é" * 60):
        by_hand.create_mesh(meshName=name)
    assert export().code == 0
    assert all(name.startswith("out/mesh/") for name in written(here))
    assert len(written(here)) == 4


def grown(request: str, content: bytes) -> bytes:
    """Let the API have grown a field."""
    return content.replace(b'"spec":{}', b'"spec":{"added":1}') if "/ops" in request else content


def shared(request: str, content: bytes) -> bytes:
    """Let a mesh of the list be another account's."""
    if not request.startswith("GET /v20190125/meshes"):
        return content
    result = json.loads(content)
    for ref in result.get("meshes", [result]):
        if "ops" in str(ref):
            ref.get("metadata", ref)["meshOwner"] = "999999999999"
    return json.dumps(result).encode()


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize(
    ("alter", "words"),
    [
        (
            grown,
            "! mesh/ops  not exported: it has no valid manifest: spec.added: is an unknown field",
        ),
        (shared, "! mesh/ops@999999999999  not exported: it belongs to account 999999999999"),
    ],
)
def test_what_no_manifest_could_say_is_left_out_with_a_line(
    alter: Callable[[str, bytes], bytes],
    words: str,
    export: Export,
    here: Path,
    endpoint: LocalEndpoint,
) -> None:
    with recording(endpoint.url, alter, unsaid="?meshOwner=999999999999") as server:
        result = export(url=server.url)
    assert result.code == 5
    assert words in result.out
    assert "Exported 2 manifests, 2 of them new, 1 not exported." in result.out
    assert "out/mesh/ops.yaml" not in written(here)


@pytest.mark.usefixtures("live")
def test_what_cannot_be_read_is_never_left_out_in_silence(
    export: Export, here: Path, endpoint: LocalEndpoint
) -> None:
    refused = {"operation": "DescribeMesh", "name": "ops", "fault": "error", "status": 403}
    urllib3.request("PUT", f"{endpoint.url}/_endpoint/faults", json={"faults": [refused]})
    result = export("--tag", "team=pay")
    assert result.code == 1
    assert "! mesh/ops  not exported: it could not be read: DescribeMesh of mesh/ops" in result.out
    assert written(here) == {"out/mesh/pay.yaml", "out/mesh/s.local.yaml"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--to", "out", "mesh/none"), "mesh/none matches no live resource"),
        (("--to", "out", "--tag", "team"), "invalid --tag: use KEY=VALUE"),
        ((), "--to DIR"),
    ],
)
def test_wrong_usage_is_64_and_writes_nothing(
    arguments: tuple[str, ...], words: str, cli: Cli, here: Path, endpoint: LocalEndpoint
) -> None:
    result = cli("export", "--endpoint-url", endpoint.url, *arguments)
    assert result.code == 64
    assert words in result.err
    assert not (here / "out").exists()

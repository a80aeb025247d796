"""The files of proxies: their order of publication, and what stays untouched."""

import json
import os
from pathlib import Path, PurePosixPath

import pytest
from builders import key
from envoy.meshes import dns, shop, translated

from reconciler.envoy.files import ProxyFiles, proxy_directory, proxy_files, publish, uses_sds
from reconciler.envoy.proxy import ProxyConfig

A = "virtual-node/m/a"


def files_of(config: ProxyConfig, directory: Path) -> ProxyFiles:
    return proxy_files(config, directory, "bootstrap: {}\n")


def clusters_in(directory: Path) -> list[str]:
    content = json.loads((directory / "cds.json").read_text())
    return [resource["name"] for resource in content["resources"]]


def test_new_clusters_come_before_their_routes_and_old_ones_go_after(tmp_path: Path) -> None:
    before, after = translated(shop())[A], translated(moved())[A]
    old, new = "cds_egress_m_b_http_80", "cds_egress_m_c_http_80"
    publish([files_of(before, tmp_path)])
    assert old in clusters_in(tmp_path)
    seen: list[tuple[bool, bool, bool]] = []

    def pause() -> bool:
        found = clusters_in(tmp_path)
        routes = (tmp_path / "rds.rds_egress_http_80.json").read_text()
        seen.append((old in found, new in found, old in routes))
        return True

    assert publish([files_of(after, tmp_path)], pause) == [tmp_path]
    assert seen == [(True, True, True), (True, True, False)]
    assert old not in clusters_in(tmp_path)


def test_a_change_that_is_stopped_is_finished_by_the_next_export(tmp_path: Path) -> None:
    before, after = translated(shop())[A], translated(moved())[A]
    old, new = "cds_egress_m_b_http_80", "cds_egress_m_c_http_80"
    publish([files_of(before, tmp_path)])
    publish([files_of(after, tmp_path)], lambda: False)
    # The routes of the old state have their clusters still.
    assert {old, new} <= {*clusters_in(tmp_path)}
    assert old in (tmp_path / "rds.rds_egress_http_80.json").read_text()
    publish([files_of(after, tmp_path)])
    assert old not in clusters_in(tmp_path)


def test_a_file_that_cannot_be_written_is_named_and_leaves_no_part(tmp_path: Path) -> None:
    (tmp_path / "lds.json").mkdir()
    with pytest.raises(OSError, match=str(tmp_path / "lds.json")):
        publish([files_of(translated(shop())[A], tmp_path)])
    assert [*tmp_path.glob(".*")] == []


def test_parts_of_killed_exports_are_removed(tmp_path: Path) -> None:
    old, young = tmp_path / ".cds.json.1.part", tmp_path / ".cds.json.2.part"
    for part in (old, young):
        part.touch()
    os.utime(old, (0, 0))
    publish([files_of(translated(shop())[A], tmp_path)])
    assert [*tmp_path.glob(".*")] == [young]


def moved() -> dict[str, object]:
    mesh = shop()
    mesh["route/m/r/x"]["httpRoute"]["action"]["weightedTargets"][0]["virtualNode"] = "c"
    return mesh


def test_unchanged_files_stay_untouched_and_files_of_old_resources_go(tmp_path: Path) -> None:
    mesh = shop()
    mesh["virtual-node/m/b"]["serviceDiscovery"] = {
        "awsCloudMap": {"namespaceName": "one", "serviceName": "one"}
    }
    publish([files_of(translated(mesh)[A], tmp_path)])
    assert (tmp_path / "eds.cds_egress_m_b_http_80.json").exists()
    times = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert publish([files_of(translated(mesh)[A], tmp_path)]) == []
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    mesh["virtual-node/m/b"].update(dns("b"))
    publish([files_of(translated(mesh)[A], tmp_path)])
    assert not (tmp_path / "eds.cds_egress_m_b_http_80.json").exists()
    assert times[tmp_path / "lds.json"] == (tmp_path / "lds.json").stat().st_mtime_ns


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"resources": 1}'])
def test_a_damaged_file_is_replaced(tmp_path: Path, content: str) -> None:
    (tmp_path / "cds.json").write_text(content)
    publish([files_of(translated(shop())[A], tmp_path)])
    assert clusters_in(tmp_path)


def test_names_cannot_leave_the_directory() -> None:
    for name in ("..", "a/b", ".hidden"):
        path = proxy_directory(PurePosixPath("/x"), key("virtual-node/m@111122223333/a"))
        assert path == PurePosixPath("/x/m@111122223333/virtual-node/a")
        odd = proxy_directory(
            PurePosixPath("/x"), key("virtual-node/m/a").__class__("virtual-node", (name, name))
        )
        assert len(odd.relative_to("/x").parts) == 3
        assert not set(odd.relative_to("/x").parts) & {"..", "."}


def test_a_proxy_with_secrets_needs_the_sds_server() -> None:
    mesh = shop()
    assert not uses_sds(translated(mesh)[A])
    mesh[A]["listeners"][0]["tls"] = {
        "mode": "STRICT", "certificate": {"sds": {"secretName": "s"}},
    }  # fmt: skip
    assert uses_sds(translated(mesh)[A])

"""Sources of instances: a source that fails takes no instance from a service."""

import json
from pathlib import Path
from typing import Any

import pytest
from envoy.meshes import Specs, backend, listening, shop, to_node, translated

from reconciler.core.errors import ReconcilerError
from reconciler.envoy.cloud_map import CloudMap
from reconciler.envoy.instances_file import InstancesFile
from reconciler.envoy.snapshot import CloudMapQuery, Instance

SERVICE = {"namespace": "shop", "service": "web", "instances": [{"ipv4": "10.0.0.1"}]}
WEB = CloudMapQuery("shop", "web")
BLUE = CloudMapQuery("shop", "web", (("color", "blue"),))
CLUSTER = "cds_egress_m_c_http_80"


def test_a_file_that_is_wrong_or_gone_is_reported_and_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    file = tmp_path / "instances.yaml"
    source = InstancesFile(file)
    assert not source.read()
    assert source.health.error == f"reading {file}: No such file or directory"
    assert source.health.age(7) == 0
    file.write_text(json.dumps([SERVICE]))
    first = source.read()
    assert first["shop", "web"][0].ipv4 == "10.0.0.1"
    assert source.read() is first
    assert source.health.error == ""
    assert source.health.read_at is not None
    assert source.health.age(source.health.read_at + 7) == 7
    file.write_text("- wrong")
    assert source.read() is first
    assert source.read() is first
    assert "reading" in source.health.error
    file.unlink()
    assert source.read() is first
    texts = [record.getMessage() for record in caplog.records]
    assert len(texts) == 4
    assert texts[1] == "instances can be read again"
    assert all("the last ones are kept" in text for text in texts[2:])


class Responses:
    """Cloud Map; a response that is an error is raised."""

    def __init__(self) -> None:
        self.by_query: dict[CloudMapQuery, Any] = {}

    def __call__(self, query: CloudMapQuery) -> Any:
        found = self.by_query[query]
        if isinstance(found, str):
            raise ReconcilerError(found)
        return found


def response(revision: int | None, *addresses: str, **attributes: str) -> dict[str, Any]:
    rows = [{"Attributes": {"AWS_INSTANCE_IPV4": it, **attributes}} for it in addresses]
    return {"Instances": rows, **({} if revision is None else {"InstancesRevision": revision})}


def addresses(source: CloudMap) -> list[str]:
    return [instance.ipv4 for instance in source.read().get(("shop", "web"), ())]


def test_the_last_response_is_kept_on_errors() -> None:
    cloud_map = Responses()
    source = CloudMap(cloud_map)
    cloud_map.by_query[WEB] = response(1, "10.0.0.2", "10.0.0.1")
    source.poll([WEB])
    assert addresses(source) == ["10.0.0.1", "10.0.0.2"]
    first, read_at = source.read(), source.health.read_at
    cloud_map.by_query[WEB] = "throttled"
    source.poll([WEB])
    assert source.read() is first
    assert source.health.error == "throttled"
    assert source.health.read_at == read_at
    cloud_map.by_query[WEB] = response(2)
    source.poll([WEB])
    assert addresses(source) == []
    assert source.health.error == ""


def test_another_order_or_the_same_revision_is_no_change() -> None:
    cloud_map = Responses()
    source = CloudMap(cloud_map)
    cloud_map.by_query[WEB] = response(None, "10.0.0.1", "10.0.0.2")
    source.poll([WEB])
    first = source.read()
    cloud_map.by_query[WEB] = response(None, "10.0.0.2", "10.0.0.1")
    source.poll([WEB])
    assert source.read() is first
    cloud_map.by_query[WEB] = response(3, "10.0.0.3")
    source.poll([WEB])
    assert addresses(source) == ["10.0.0.3"]
    cloud_map.by_query[WEB] = response(3)
    source.poll([WEB])
    assert addresses(source) == ["10.0.0.3"]


def test_the_instances_of_all_queries_of_a_service_are_joined() -> None:
    cloud_map = Responses()
    source = CloudMap(cloud_map)
    cloud_map.by_query[WEB] = response(1, "10.0.0.1")
    cloud_map.by_query[BLUE] = response(1, "10.0.0.2", color="blue")
    source.poll([WEB, BLUE])
    blue = {"AWS_INSTANCE_IPV4": "10.0.0.2", "color": "blue"}
    assert source.read()["shop", "web"][1] == Instance("10.0.0.2", "", blue)
    assert addresses(source) == ["10.0.0.1", "10.0.0.2"]
    source.poll([WEB])
    assert addresses(source) == ["10.0.0.1"]


def cloud_mapped(**attributes: str) -> Specs:
    pairs = [{"key": name, "value": value} for name, value in attributes.items()]
    discovery = {"namespaceName": "shop", "serviceName": "web", "attributes": pairs}
    node = {**listening("http", 80), "serviceDiscovery": {"awsCloudMap": discovery}}
    return shop(
        virtual_node__m__c=node,
        virtual_node__m__a=backend("t.local"),
        virtual_service__m__t_local=to_node("c"),
    )


def test_an_empty_answer_is_a_change() -> None:
    cloud_map = Responses()
    source = CloudMap(cloud_map)
    cloud_map.by_query |= {WEB: response(1, "10.0.0.1"), BLUE: "throttled"}
    source.poll([WEB, BLUE])
    before = source.read()
    assert before == source.read()
    cloud_map.by_query[BLUE] = response(1)
    source.poll([WEB, BLUE])
    assert source.read() != before
    assert source.read() != dict(before)
    assert dict(source.read()) == dict(before)


def test_instances_that_are_not_known_yet_are_no_empty_list() -> None:
    cloud_map = Responses()
    source = CloudMap(cloud_map)
    cloud_map.by_query[WEB] = response(1, "10.0.0.1")
    cloud_map.by_query[BLUE] = "throttled"
    source.poll([WEB, BLUE])
    unknown = translated(cloud_mapped(color="blue"), source.read())["virtual-node/m/a"]
    assert CLUSTER in unknown.clusters
    assert not unknown.endpoints
    cloud_map.by_query[BLUE] = response(1)
    source.poll([WEB, BLUE])
    known = translated(cloud_mapped(color="blue"), source.read())["virtual-node/m/a"]
    assert known.endpoints[CLUSTER]["endpoints"] == []

"""Each behavior: parsed, refused, shown, and seen to make its difference."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from endpoint.samples import NODE, ORDER, SCOPE, SPECS, arn, named, request_of
from endpoint.test_kinds import do

from reconciler.endpoint import (
    Behavior,
    InvalidBehaviorError,
    LocalEndpoint,
    parse_behavior,
)

if TYPE_CHECKING:
    from endpoint.conftest import Client, Clock, Reply

    Serve = Callable[..., Client]

OTHER = ("222222222222", "eu-west-1")
DROP = {"egressFilter": {"type": "DROP_ALL"}}


@pytest.fixture
def serve(
    client_of: "Callable[[LocalEndpoint], Client]",
    clock: "Clock",
    new_store: "Callable[[], str | None]",
    request: pytest.FixtureRequest,
) -> "Serve":
    """Serve with behaviors given as NAME=VALUE; returns a client."""

    def served(*settings: str) -> "Client":
        endpoint = LocalEndpoint(
            None, store=new_store(), behavior=parse_behavior(settings), clock=clock
        )
        endpoint.__enter__()
        request.addfinalizer(lambda: endpoint.__exit__(None, None, None))
        return client_of(endpoint)

    return served


def build(client: "Client", *kinds: str) -> "Client":
    for kind in kinds or ORDER:
        assert do(client, "create", kind).status == 200, kind
    return client


def test_settings_are_laid_over_the_defaults() -> None:
    chosen = parse_behavior(["list-order=uid", "token-retention-seconds = 5", "list-order=created"])
    assert chosen == Behavior(list_order="created", token_retention_seconds=5)
    assert parse_behavior([], chosen) is not Behavior()
    assert parse_behavior([], chosen) == chosen


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("list-order=size", 'list-order must be name or created or uid, not "size"'),
        ("read-lag-seconds=-1", 'read-lag-seconds must be a number of seconds, not "-1"'),
        ("read-lag-seconds=soon", 'must be a number of seconds, not "soon"'),
        ("read-lag-seconds=inf", "must be a number of seconds"),
        ("color=red", 'invalid behavior "color=red": use NAME=VALUE of: token-retention-seconds, '),
        ("list-order", "use NAME=VALUE of"),
    ],
)
def test_what_is_no_setting_is_refused_with_words(setting: str, says: str) -> None:
    with pytest.raises(InvalidBehaviorError) as caught:
        parse_behavior([setting])
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("value", "statuses"),
    [("replays", (200, 404)), ("forgets", (200, 200)), ("conflicts", (409, 404))],
)
def test_token_after_delete(serve: "Serve", value: str, statuses: tuple[int, int]) -> None:
    client = serve(f"token-after-delete={value}")
    client.create("pay", clientToken="t")
    assert client.create("pay", clientToken="t").status == 200
    client.delete("pay")
    again = client.create("pay", clientToken="t")
    assert (again.status, client.describe("pay").status) == statuses


@pytest.mark.parametrize("kind", ["Route", "VirtualService"])
def test_token_after_delete_looks_for_the_right_resource(serve: "Serve", kind: str) -> None:
    client = build(serve("token-after-delete=forgets"), *ORDER[: ORDER.index(kind)])
    first, second = (do(client, "create", kind, clientToken="t").body for _ in range(2))
    assert first == second
    assert do(client, "delete", kind).status == 200
    third = do(client, "create", kind, clientToken="t").body
    assert third["metadata"]["uid"] != first["metadata"]["uid"]


@pytest.mark.parametrize(("value", "status"), [("forgotten", 200), ("remembered", 409)])
def test_token_of_refused(serve: "Serve", value: str, status: int) -> None:
    client = serve(f"token-of-refused={value}", "token-after-delete=forgets")
    client.create("pay")
    refused = client.create("pay", clientToken="t")
    client.delete("pay")
    again = client.create("pay", clientToken="t")
    assert again.status == status
    if status == 409:
        assert again.body == refused.body
        assert client.create("other", clientToken="t").status == 409


@pytest.mark.parametrize(("value", "status"), [("409", 409), ("200", 200)])
def test_create_equal_spec(serve: "Serve", value: str, status: int) -> None:
    client = serve(f"create-equal-spec={value}")
    first = client.create("pay", spec=DROP)
    again = client.create("pay", spec=DROP)
    assert again.status == status
    if status == 200:
        assert again.body == first.body
    assert client.create("pay", spec={}).status == 409


@pytest.mark.parametrize(("value", "spec"), [("clears", {}), ("keeps", DROP)])
def test_update_without_spec(serve: "Serve", value: str, spec: object) -> None:
    client = serve(f"update-without-spec={value}")
    client.create("pay", spec=DROP)
    assert client.update("pay").body["spec"] == spec
    assert client.update("pay", spec={}).body["spec"] == {}


@pytest.mark.parametrize(("value", "version"), [("yes", 2), ("no", 1)])
def test_noop_update_bumps_version(
    serve: "Serve", clock: "Clock", value: str, version: int
) -> None:
    client = serve(f"noop-update-bumps-version={value}")
    client.create("pay", spec=DROP)
    clock.now += 1
    metadata = client.update("pay", spec=DROP).body["metadata"]
    assert metadata["version"] == version
    assert (metadata["lastUpdatedAt"] > metadata["createdAt"]) == (version == 2)
    assert client.update("pay", spec={}).body["metadata"]["version"] == version + 1


@pytest.mark.parametrize(("value", "version"), [("yes", 3), ("no", 1)])
def test_tagging_bumps_version(serve: "Serve", value: str, version: int) -> None:
    client = serve(f"tagging-bumps-version={value}")
    made = client.create("pay").body["metadata"]["arn"]
    client.tag(made, {"a": "1"})
    client.untag(made, "a")
    assert client.describe("pay").body["metadata"]["version"] == version


@pytest.mark.parametrize(
    ("value", "versions"), [("children", (1, 2)), ("all", (2, 2)), ("none", (1, 1))]
)
def test_delete_bumps_version(serve: "Serve", value: str, versions: tuple[int, int]) -> None:
    client = build(serve(f"delete-bumps-version={value}"), "Mesh", "VirtualRouter")
    router, mesh = (do(client, "delete", kind).body for kind in ("VirtualRouter", "Mesh"))
    assert (mesh["metadata"]["version"], router["metadata"]["version"]) == versions


@pytest.mark.parametrize(("value", "status"), [("ignored", 200), ("refused", 400)])
def test_untag_of_absent(serve: "Serve", value: str, status: int) -> None:
    client = serve(f"untag-of-absent={value}")
    made = client.create("pay", tags=[{"key": "a", "value": "1"}]).body["metadata"]["arn"]
    assert client.untag(made, "a", "b").status == status
    assert len(client.tags(made).body["tags"]) == (0 if status == 200 else 1)


@pytest.mark.parametrize(
    "code", ["BadRequestException", "TooManyTagsException", "LimitExceededException"]
)
def test_too_many_tags_on_create(serve: "Serve", code: str) -> None:
    tags = [{"key": f"k{number}", "value": ""} for number in range(51)]
    reply = serve(f"too-many-tags-on-create={code}").create("pay", tags=tags)
    assert reply.refusal == (400, code)


@pytest.mark.parametrize("refusal", [(400, "BadRequestException"), (403, "AccessDeniedException")])
def test_reserved_tag(serve: "Serve", refusal: tuple[int, str]) -> None:
    client = serve(f"reserved-tag={refusal[1]}")
    assert client.create("pay", tags=[{"key": "aws:k", "value": ""}]).refusal == refusal


@pytest.mark.parametrize("refusal", [(404, "NotFoundException"), (400, "BadRequestException")])
def test_reference_not_found(serve: "Serve", refusal: tuple[int, str]) -> None:
    client = build(serve(f"reference-not-found={refusal[1]}"), "Mesh")
    reply = do(client, "create", "VirtualService")
    assert reply.refusal == refusal
    assert reply.body["message"].startswith("VirtualRouter with name edge is not present")


def test_references(serve: "Serve") -> None:
    client = build(serve("references=unchecked"), "Mesh", "VirtualRouter", "Route")
    build(client, "VirtualGateway", "GatewayRoute", "VirtualService")


@pytest.mark.parametrize(("value", "status"), [("at-most-100", 200), ("exactly-100", 400)])
def test_weights(serve: "Serve", value: str, status: int) -> None:
    client = build(serve(f"weights={value}"), "Mesh", "VirtualNode", "VirtualRouter")
    targets = [{"virtualNode": "checkout", "weight": 0}]
    spec = {"tcpRoute": {"action": {"weightedTargets": targets}}}
    assert do(client, "create", "Route", spec=spec).status == status
    targets[0]["weight"] = 100
    assert do(client, "create", "Route", spec=spec, routeName="full").status == 200


@pytest.mark.parametrize(("value", "status"), [("word", 400), ("any", 200)])
def test_router_names(serve: "Serve", value: str, status: int) -> None:
    client = build(serve(f"router-names={value}"), "Mesh")
    assert do(client, "create", "VirtualRouter", virtualRouterName="a.b").status == status
    assert do(client, "create", "VirtualRouter", virtualRouterName="a_b-c1").status == 200


@pytest.mark.parametrize("value", ["name", "created", "uid"])
def test_list_order(serve: "Serve", clock: "Clock", value: str) -> None:
    client = serve(f"list-order={value}")
    uids = {}
    for name in "cabed":
        uids[name] = client.create(name).body["metadata"]["uid"]
        clock.now += 1
    order = {
        "name": "abcde",
        "created": "cabed",
        "uid": "".join(sorted(uids, key=lambda n: uids[n])),
    }
    assert names_in_pages(client, 2) == list(order[value])


@pytest.mark.parametrize("position", [["x", "y"], ["9" * 16, "y"], ["1"], ["1", "2", "3"]])
def test_a_token_of_another_order_is_refused(serve: "Serve", position: list[str]) -> None:
    parts = json.dumps(["ListMeshes", "", *position])
    token = urlsafe_b64encode(parts.encode()).decode()
    reply = serve("list-order=created").send("GET", f"/v20190125/meshes?nextToken={token}")
    assert reply.refusal == (400, "BadRequestException")


def names_in_pages(
    client: "Client", limit: int, signed: tuple[str, str] | None = None
) -> list[str]:
    names, token = [], ""
    while True:
        path = f"/v20190125/meshes?limit={limit}&nextToken={token}"
        page = client.send("GET", path, signed=signed).body
        names += [mesh["meshName"] for mesh in page["meshes"]]
        token = page.get("nextToken", "")
        if not token:
            return names


def test_read_lag(serve: "Serve", clock: "Clock") -> None:
    client = serve("read-lag-seconds=60")
    made = client.create("pay", spec=DROP).body["metadata"]["arn"]
    assert client.describe("pay").status == 404
    assert client.tags(made).status == 404
    assert names_in_pages(client, 5) == []
    assert client.create("pay").status == 409
    clock.now += 30
    assert client.update("pay", spec={}).status == 200
    clock.now += 30
    assert client.describe("pay").body["spec"] == DROP
    assert names_in_pages(client, 5) == ["pay"]
    clock.now += 30
    assert client.describe("pay").body["spec"] == {}
    client.delete("pay")
    assert client.describe("pay").status == 200
    clock.now += 60
    assert client.describe("pay").status == 404


def test_inactive(serve: "Serve", clock: "Clock") -> None:
    client = serve("inactive-seconds=5")
    assert client.create("pay").body["status"] == {"status": "INACTIVE"}
    clock.now += 5
    assert client.describe("pay").body["status"] == {"status": "ACTIVE"}


@pytest.mark.parametrize("kind", ["VirtualNode", "VirtualGateway"])
@pytest.mark.parametrize("value", ["filled", "echoed"])
def test_health_check_port(serve: "Serve", kind: str, value: str) -> None:
    client = build(serve(f"health-check-port={value}"), "Mesh", kind)
    (listener,) = do(client, "describe", kind).body["spec"]["listeners"]
    filled = listener["portMapping"]["port"] if value == "filled" else None
    assert listener["healthCheck"].get("port") == filled


@pytest.mark.parametrize(("value", "status"), [("accepted", 200), ("refused", 400)])
def test_health_check_elsewhere(serve: "Serve", value: str, status: int) -> None:
    client = build(serve(f"health-check-elsewhere={value}"), "Mesh")
    (listener,) = NODE["listeners"]
    elsewhere = {**listener, "healthCheck": {**listener["healthCheck"], "port": 9}}
    spec = {**NODE, "listeners": [elsewhere]}
    assert do(client, "create", "VirtualNode", spec=spec).status == status


@pytest.mark.parametrize(("value", "status"), [("unchecked", 200), ("checked", 400)])
@pytest.mark.parametrize(
    "match",
    [
        {},
        {"port": 8080},
        {"prefix": "/", "headers": [{"name": "h", "match": {"range": {"start": 2, "end": 2}}}]},
    ],
)
def test_controller_rules(
    serve: "Serve", value: str, status: int, match: dict[str, object]
) -> None:
    client = build(serve(f"controller-rules={value}", "references=unchecked"), *ORDER[:4])
    action = {"weightedTargets": [{"virtualNode": "nowhere", "weight": 1}]}
    spec = {"httpRoute": {"match": match, "action": action}}
    assert do(client, "create", "Route", routeName="v2", spec=spec).status == status


@pytest.mark.parametrize(
    ("value", "written", "read"),
    [
        ("read", {}, {"backends": []}),
        ("filled", {"backends": []}, {"backends": []}),
        ("echoed", {}, {}),
    ],
)
def test_backends(serve: "Serve", value: str, written: object, read: object) -> None:
    client = build(serve(f"backends={value}"), "Mesh")
    for command in ("create", "update"):
        assert do(client, command, "VirtualNode", spec={}).body["spec"] == written
        assert do(client, "describe", "VirtualNode").body["spec"] == read
    assert do(client, "delete", "VirtualNode").body["spec"] == read


@pytest.mark.parametrize(("value", "port"), [("filled", 8080), ("echoed", None)])
def test_target_port(serve: "Serve", value: str, port: int | None) -> None:
    client = build(serve(f"target-port={value}", "references=unchecked"), *ORDER[:4])
    route = do(client, "describe", "Route").body["spec"]["httpRoute"]
    assert route["action"]["weightedTargets"][0].get("port") == port
    nowhere = {"weightedTargets": [{"virtualNode": "nowhere", "weight": 1}]}
    spec = {"tcpRoute": {"action": nowhere}}
    shown = do(client, "create", "Route", routeName="v2", spec=spec).body["spec"]
    assert shown == spec


@pytest.mark.parametrize(("value", "name"), [("kept", "myKey"), ("lowered", "mykey")])
def test_grpc_metadata_names(serve: "Serve", value: str, name: str) -> None:
    client = build(serve(f"grpc-metadata-names={value}"), "Mesh", "VirtualNode", "VirtualRouter")
    action = SPECS["Route"]["httpRoute"]["action"]
    spec = {"grpcRoute": {"action": action, "match": {"metadata": [{"name": "myKey"}]}}}
    shown = do(client, "create", "Route", spec=spec).body["spec"]
    assert shown["grpcRoute"]["match"]["metadata"] == [{"name": name}]


@pytest.mark.parametrize(
    ("value", "status", "listed"),
    [("by-owner", 200, ["own"]), ("listed", 200, ["own", "pay"]), ("none", 404, ["own"])],
)
def test_shared_meshes(serve: "Serve", value: str, status: int, listed: list[str]) -> None:
    client = build(serve(f"shared-meshes={value}"), "Mesh")
    client.create("own", OTHER)
    assert client.describe(f"pay?meshOwner={SCOPE[0]}", OTHER).status == status
    for limit in (1, 5):
        assert names_in_pages(client, limit, OTHER) == listed


@pytest.mark.parametrize("code", ["AccessDeniedException", "ForbiddenException"])
def test_denial(serve: "Serve", code: str) -> None:
    client = build(serve(f"denial={code}"), "Mesh")
    assert client.tags(arn("Mesh"), signed=OTHER).refusal == (403, code)


@pytest.mark.parametrize(("value", "mesh"), [("plain", "pay"), ("with-owner", "pay@123456789012")])
def test_shared_arns(serve: "Serve", value: str, mesh: str) -> None:
    client = build(serve(f"shared-arns={value}"), "Mesh")
    wanted = request_of(named("create", "VirtualRouter"))
    reply: Reply = client.send(
        "PUT", f"{wanted.path}?meshOwner={SCOPE[0]}", wanted.body, signed=OTHER
    )
    made = reply.body["metadata"]["arn"]
    assert made == f"arn:aws:appmesh:eu-west-1:222222222222:mesh/{mesh}/virtualRouter/edge"
    assert client.tags(made, signed=OTHER).body == {"tags": []}


@pytest.mark.parametrize(("value", "status"), [("none", 200), ("aws", 400)])
def test_quotas(serve: "Serve", value: str, status: int) -> None:
    client = build(serve(f"quotas={value}"), "Mesh")
    for number in range(14):
        assert client.create(f"m{number}", SCOPE).status == 200
    assert client.create("sixteenth", SCOPE).status == status
    assert client.create("pay", SCOPE).status == 409
    backends = NODE["backends"] * 50
    assert do(client, "create", "VirtualNode", spec={"backends": backends}).status == 200
    backends += NODE["backends"]
    assert do(client, "update", "VirtualNode", spec={"backends": backends}).status == status


@pytest.mark.parametrize(("value", "status"), [("any", 200), ("word", 400)])
def test_mesh_names(serve: "Serve", value: str, status: int) -> None:
    client = serve(f"mesh-names={value}")
    assert client.create("a.b").status == status
    assert client.create("a_b-c1").status == 200


@pytest.mark.parametrize(("value", "status"), [("no", 200), ("yes", 409)])
def test_backends_hold_services(serve: "Serve", value: str, status: int) -> None:
    client = build(serve(f"backends-hold-services={value}"), "Mesh")
    name = {"virtualServiceName": "nowhere.local"}
    assert do(client, "create", "VirtualService", spec={}, **name).status == 200
    build(client, "VirtualNode")
    path = "/v20190125/meshes/pay/virtualServices/nowhere.local"
    reply = client.send("DELETE", path, signed=SCOPE)
    assert reply.status == status
    if status == 409:
        assert reply.body["message"].endswith("in the following: VIRTUAL_NODE: [checkout]")

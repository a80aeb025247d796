"""What stands in what, as the real target shows it: named where it holds, empty where it is not."""

import pytest
from builders import ACCOUNT, OWNER, SYNC, desired, egress, key, plan
from warm_targets import Warm

from reconciler.core.changes import Delete
from reconciler.core.errors import ConflictError, NotFoundError
from reconciler.core.resources import OWNER_TAG
from reconciler.endpoint import LocalEndpoint


@pytest.fixture
def warm(endpoint: LocalEndpoint) -> Warm:
    return Warm(endpoint.url)


def deletion(warm: Warm) -> Delete:
    """Return the delete of a mesh that held nothing when it was planned."""
    ours = [{"key": OWNER_TAG, "value": OWNER}]
    warm.hand.create_mesh(meshName="m", spec=egress("DROP_ALL"), tags=ours)
    world = warm.target.read_all([], OWNER)
    (change,) = plan(desired("kept"), *world.resources.values(), guards=SYNC).changes[1:]
    assert isinstance(change, Delete)
    return change


@pytest.mark.parametrize(
    ("nodes", "told"),
    [
        (2, "it contains virtual-node/m/n0, virtual-node/m/n1"),
        (7, "virtual-node/m/n3, virtual-node/m/n4 and 2 more"),
    ],
)
def test_a30_what_came_into_a_mesh_meanwhile_is_named_where_it_holds_it(
    nodes: int, told: str, warm: Warm
) -> None:
    change = deletion(warm)
    for number in range(nodes):
        warm.hand.create_virtual_node(meshName="m", virtualNodeName=f"n{number}", spec={})
    with pytest.raises(ConflictError) as refused:
        warm.target.apply(change, None)
    assert str(refused.value).endswith(told)


def test_a30_what_is_held_by_something_beside_it_is_told_as_the_service_tells_it(
    warm: Warm,
) -> None:
    warm.hand.create_mesh(meshName="m")
    node = warm.hand.create_virtual_node(
        meshName="m",
        virtualNodeName="n",
        spec={},
        tags=[{"key": OWNER_TAG, "value": OWNER}],
    )
    provider = {"virtualNode": {"virtualNodeName": "n"}}
    warm.hand.create_virtual_service(
        meshName="m", virtualServiceName="s", spec={"provider": provider}
    )
    assert node["virtualNode"]["metadata"]["resourceOwner"] == ACCOUNT
    live = warm.target.read(key("virtual-node/m/n"))
    assert live is not None
    (change,) = plan(desired("kept"), live, guards=SYNC).changes[1:]
    with pytest.raises(ConflictError, match="VirtualService provider"):
        warm.target.apply(change, None)


def test_what_is_not_there_holds_nothing(warm: Warm) -> None:
    assert warm.target.list_versions([key("route/nowhere/r/x")]) == {}


def test_a_list_of_meshes_that_is_not_there_is_no_empty_one(warm: Warm) -> None:
    def gone(*_: object, **__: object) -> None:
        raise NotFoundError("no such service")

    warm.calls.pages = gone  # type: ignore[assignment,method-assign]  # as a strange service
    with pytest.raises(NotFoundError):
        warm.target.list_versions([key("m")])

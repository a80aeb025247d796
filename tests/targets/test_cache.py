"""Who looks again and again reads anew what moved, and everything else in turn."""

from collections import Counter

import pytest
from amounts import amount
from builders import OWNER, desired, egress, key, listening, mesh, provided_by, route
from daemons import eventually
from warm_targets import Warm

from reconciler.core.changes import Cause, Update
from reconciler.core.errors import ConflictError
from reconciler.core.resources import OWNER_TAG
from reconciler.endpoint import LocalEndpoint
from reconciler.engine import ApplyOptions, apply
from reconciler.targets.api_client import TagPage
from reconciler.targets.cache import ReadCache

pytestmark = pytest.mark.unmeasured

DROP, ALLOW = egress("DROP_ALL"), egress("ALLOW_ALL")
WANTS = [desired(f"m{number:03}", DROP, tags={"team": "pay"}) for number in range(205)]
# At least two pages of a list.
SOME = WANTS[: amount("meshes of which one changes", test=105, full=205)]


@pytest.fixture
def warm(endpoint: LocalEndpoint) -> Warm:
    return Warm(endpoint.url)


def arn(warm: Warm, name: str) -> str:
    found: str = warm.hand.describe_mesh(meshName=name)["mesh"]["metadata"]["arn"]
    return found


def test_a_cycle_in_which_nothing_moved_takes_lists_and_a_part_of_the_index(warm: Warm) -> None:
    warm.cycle(WANTS)
    warm.plan(WANTS)
    for _ in range(3):
        plan, made = warm.plan(WANTS)
        assert (plan.changes, len(plan.unchanged)) == ((), len(WANTS))
        assert made == {"ListMeshes": 3, "GetResources": made["GetResources"]}
        assert made["GetResources"] <= 2
    assert warm.memory.cycles_per_full_recheck == 2


def test_a13_what_moved_is_read_anew_at_once(warm: Warm) -> None:
    warm.cycle(SOME)
    warm.plan(SOME)
    warm.hand.update_mesh(meshName="m007", spec=ALLOW)
    (change,) = warm.plan(SOME)[0].changes
    assert isinstance(change, Update)
    assert (change.key, change.cause) == (mesh("m007"), Cause.UNKNOWN)
    warm.hand.delete_mesh(meshName="m008")
    assert {str(item.key) for item in warm.plan(SOME)[0].changes} == {"mesh/m007", "mesh/m008"}


@pytest.mark.sample(1)
@pytest.mark.parametrize("owner", ["nobody", "other"])
def test_s07_drift_of_tags_and_a_lost_mark_show_within_a_round(warm: Warm, owner: str) -> None:
    warm.cycle(SOME)
    warm.plan(SOME)
    changed = [{"key": "team", "value": "theirs"}]
    warm.hand.tag_resource(resourceArn=arn(warm, "m050"), tags=changed)
    if owner == "nobody":
        warm.hand.untag_resource(resourceArn=arn(warm, "m104"), tagKeys=[OWNER_TAG])
    else:
        taken = [{"key": OWNER_TAG, "value": owner}]
        warm.hand.tag_resource(resourceArn=arn(warm, "m104"), tags=taken)
    seen: set[str] = set()
    # A page may be read before the tags move, so a whole round more tells for certain.
    for _ in range(2 * warm.memory.cycles_per_full_recheck):
        plan, _ = warm.plan(SOME)
        seen |= {str(item.key) for item in (*plan.changes, *plan.withheld)}
    assert seen == {"mesh/m050", "mesh/m104"}


def test_what_we_wrote_is_not_taken_for_granted(warm: Warm) -> None:
    warm.cycle(SOME)
    moved = [desired("m000", ALLOW, tags={"team": "new"}), *SOME[1:]]
    warm.cycle(moved)
    plan, made = warm.plan(moved)
    assert plan.changes == ()
    assert made["DescribeMesh"] == made["ListTagsForResource"] == 1
    assert warm.plan(moved)[1]["DescribeMesh"] == 0


def test_without_an_index_some_are_read_anew_in_each_cycle(warm: Warm) -> None:
    few = WANTS[:5]
    warm.cycle(few)
    warm.calls.tagged = lambda *_: None  # type: ignore[method-assign]  # as a target without one
    warm.plan(few)
    for _ in range(6):
        plan, made = warm.plan(few)
        assert plan.changes == ()
        assert made["DescribeMesh"] <= 2
    warm.hand.tag_resource(resourceArn=arn(warm, "m004"), tags=[{"key": "team", "value": "theirs"}])
    assert any(warm.plan(few)[0].changes for _ in range(2 * warm.memory.cycles_per_full_recheck))


def test_an_index_that_fails_later_is_done_without(warm: Warm) -> None:
    few = WANTS[:5]
    warm.cycle(few)
    warm.plan(few)
    warm.calls.tagged = lambda *_: None  # type: ignore[method-assign]  # as a target without one
    plan, made = warm.plan(few)
    assert plan.changes == ()
    assert made["ListTagsForResource"] == 5


@pytest.fixture
def restarted(warm: Warm, endpoint: LocalEndpoint) -> Warm:
    """Return a new process, which has read nothing, at a target in sync."""
    warm.cycle(FEW)
    return Warm(endpoint.url)


FEW = WANTS[:5]
LISTS = {"ListMeshes": 1, "GetResources": 1}


def described(made: Counter[str]) -> int:
    return made["DescribeMesh"]


def test_a_first_cycle_describes_nothing_that_its_record_attests(restarted: Warm) -> None:
    for _ in range(3):
        plan, made = restarted.plan(FEW)
        assert (plan.changes, plan.renewals, made) == ((), (), LISTS)


def test_a_new_manifest_of_an_attested_resource_is_planned_at_once(restarted: Warm) -> None:
    restarted.plan(FEW)
    (change,) = restarted.plan([desired("m000", ALLOW, tags={"team": "pay"}), *FEW[1:]])[0].changes
    assert isinstance(change, Update)
    assert (change.key, change.cause) == (mesh("m000"), Cause.MANIFEST)
    assert change.difference.before == {
        "spec": DROP,
        "tags": {"mesh-reconciler:owner": OWNER, "team": "pay"},
    }


def test_a_new_tag_or_protection_of_an_attested_resource_is_planned_at_once(
    restarted: Warm,
) -> None:
    restarted.plan(FEW)
    tagged = desired("m000", DROP, tags={"team": "new"})
    protected = desired("m001", DROP, tags={"team": "pay"}, protect=True)
    plan = restarted.plan([tagged, protected, *FEW[2:]])[0]
    assert [change.key for change in plan.changes] == [mesh("m000"), mesh("m001")]


def test_drift_of_an_attested_resource_shows_in_the_next_cycle(restarted: Warm) -> None:
    restarted.plan(FEW)
    theirs = [{"key": "team", "value": "theirs"}]
    restarted.hand.tag_resource(resourceArn=arn(restarted, "m001"), tags=theirs)
    restarted.hand.update_mesh(meshName="m002", spec=ALLOW)
    plan, made = restarted.plan(FEW)
    assert [change.key for change in plan.changes] == [mesh("m001"), mesh("m002")]
    # Each twice: the tags of the index may be older than the change.
    assert described(made) == 4


def test_a_refresh_describes_everything(restarted: Warm) -> None:
    restarted.plan(FEW)
    assert described(restarted.plan(FEW, refresh=True)[1]) == 5
    assert described(restarted.plan(FEW)[1]) == 0


def test_a_requested_cycle_describes_everything_once(restarted: Warm) -> None:
    restarted.plan(FEW)
    restarted.memory.clear()
    assert described(restarted.plan(FEW)[1]) == 5
    assert described(restarted.plan(FEW)[1]) == 0


def test_an_index_that_may_lag_attests_nothing(warm: Warm, endpoint: LocalEndpoint) -> None:
    warm.cycle(FEW)
    lagging = Warm(endpoint.url, lag=120)
    assert described(lagging.plan(FEW)[1]) == 5
    assert described(lagging.plan(FEW)[1]) == 0


def test_a_share_is_described_in_each_cycle_until_all_are(restarted: Warm) -> None:
    restarted.memory.description_cycles = 3
    assert described(restarted.plan(FEW)[1]) == 0
    made = [described(restarted.plan(FEW)[1]) for _ in range(3)]
    assert (made, sum(made)) == ([1, 2, 2], 5)


def test_a_copy_of_our_tags_is_believed_until_it_is_described(
    warm: Warm, endpoint: LocalEndpoint
) -> None:
    warm.cycle(FEW)
    tags = warm.hand.list_tags_for_resource(resourceArn=arn(warm, "m000"))["tags"]
    warm.hand.delete_mesh(meshName="m000")
    warm.hand.create_mesh(meshName="m000", spec=ALLOW, tags=tags)
    copied = Warm(endpoint.url)
    copied.memory.description_cycles = 5
    assert copied.plan(FEW)[0].changes == ()
    assert [change.key for change in copied.plan(FEW)[0].changes] == [mesh("m000")]
    assert [change.key for change in Warm(endpoint.url).plan(FEW, refresh=True)[0].changes] == [
        mesh("m000")
    ]


GRAPH = [
    desired("m", {}),
    desired("virtual-node/m/n", {}),
    desired("virtual-router/m/r", listening(80)),
    desired("route/m/r/x", route("n")),
    desired("virtual-service/m/s", provided_by("virtualRouter", "r")),
    desired("virtual-gateway/m/g", listening(80)),
]


def test_what_stands_in_a_mesh_is_listed_only_where_it_is_our_business(warm: Warm) -> None:
    warm.hand.create_mesh(meshName="theirs")
    warm.hand.create_virtual_node(meshName="theirs", virtualNodeName="n", spec={})
    warm.cycle(GRAPH)
    warm.plan(GRAPH)
    plan, made = warm.plan(GRAPH)
    assert len(plan.unchanged) == len(GRAPH)
    made.pop("GetResources")
    assert made == {
        "ListMeshes": 1,
        "ListVirtualNodes": 1,
        "ListVirtualRouters": 1,
        "ListRoutes": 1,
        "ListVirtualServices": 1,
        "ListVirtualGateways": 1,
        "ListGatewayRoutes": 1,
    }
    assert key("virtual-node/theirs/n") not in warm.target.read_all([], OWNER).not_selected


def test_a_description_that_lags_behind_its_list_is_not_remembered(warm: Warm) -> None:
    few = WANTS[:2]
    warm.cycle(few)
    moved, describe = mesh("m000"), warm.target.describe
    old = describe(moved)
    warm.hand.update_mesh(meshName="m000", spec=ALLOW)
    # As reads do that lag.
    warm.target.describe = lambda key: old if key == moved else describe(key)  # type: ignore[method-assign]
    assert warm.plan(few)[0].changes == ()
    warm.target.describe = describe  # type: ignore[method-assign]  # as it was
    (change,) = warm.plan(few)[0].changes
    assert change.key == moved


def test_a_token_of_the_index_that_ended_costs_one_whole_look(warm: Warm) -> None:
    warm.cycle(WANTS)
    warm.plan(WANTS)
    tagged, fresh = warm.calls.tagged, {""}

    def taking(tag: str, token: str) -> TagPage | None:
        page = tagged(tag, token) if token in fresh else None
        fresh.update({page[1]} if page else ())
        return page

    warm.calls.tagged = taking  # type: ignore[method-assign]  # as a target whose tokens end
    assert warm.plan(WANTS)[1]["DescribeMesh"] == len(WANTS)
    for _ in range(3):
        plan, made = warm.plan(WANTS)
        assert plan.changes == ()
        assert made["DescribeMesh"] == 0
        assert made["GetResources"] <= 2


def test_without_an_index_tags_that_moved_hold_an_update_up_only_once(warm: Warm) -> None:
    few = [desired(f"m{number:03}", DROP) for number in range(40)]
    warm.calls.tagged = lambda *_: None  # type: ignore[method-assign]  # as a target without one
    warm.cycle(few)
    warm.plan(few)
    warm.plan(few)
    warm.hand.tag_resource(resourceArn=arn(warm, "m039"), tags=[{"key": "a", "value": "b"}])
    few[39] = desired("m039", ALLOW)
    assert not apply(warm.plan(few)[0], warm.target, ApplyOptions(workers=4)).converged
    warm.cycle(few)


def test_an_orphan_whose_delete_failed_is_seen_in_the_next_cycle(warm: Warm) -> None:
    warm.cycle(SOME)
    warm.plan(SOME)
    last = SOME[-1].key
    warm.hand.create_virtual_node(meshName=last.name, virtualNodeName="n", spec={})
    for _ in range(2):
        plan, _ = warm.plan(SOME[:-1])
        (withheld,) = plan.withheld
        assert withheld.key == last
        with pytest.raises(ConflictError):
            warm.target.apply(withheld.change, None)  # type: ignore[arg-type]  # it is a delete


def test_a_record_that_no_longer_holds_is_found_within_the_cycles_of_a_description(
    endpoint: LocalEndpoint,
) -> None:
    few = WANTS[:20]
    Warm(endpoint.url).cycle(few)
    warm = Warm(endpoint.url, memory=ReadCache(description_cycles=5))
    # By its version and its tags, the mesh is the one that the record of its create attests.
    tags = warm.hand.list_tags_for_resource(resourceArn=arn(warm, "m013"))["tags"]
    warm.hand.delete_mesh(meshName="m013")
    warm.hand.create_mesh(meshName="m013", spec=ALLOW, tags=tags)
    # Dates have whole seconds, so a mesh may be believed a second after its create.
    eventually(lambda: Warm(endpoint.url).plan(few)[1]["DescribeMesh"] == 0)
    plan, made = warm.plan(few)
    assert (plan.changes, made["DescribeMesh"]) == ((), 0)
    found = 0
    for _ in range(5):
        plan, made = warm.plan(few)
        assert made["DescribeMesh"] <= 4 + 2 * len(plan.changes)
        found += [change.key for change in plan.changes] == [mesh("m013")]
    assert found >= 1

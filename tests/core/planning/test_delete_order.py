"""Deletes in an order that is right whether or not a backend holds the service that it names."""

import random
from collections.abc import Iterable

import pytest
from builders import desired, key, plan, present, provided_by

from reconciler.core.changes import Cause, Change, Delete, Unlinked, unlinked, waves_of
from reconciler.core.kinds import mentioned_by, parent_of, referenced_keys, without_mentions
from reconciler.core.planning.guards import GuardSettings, Policy
from reconciler.core.planning.plan import Plan
from reconciler.core.resources import Json, Key, LiveResource, Spec

DOWN = GuardSettings(policy=Policy.SYNC, max_deletes=99, allow_empty=True)
GRAPHS = 300


def calling(*services: str) -> Spec:
    """Return the spec of a node that has these services for backends."""
    found: list[Json] = [{"virtualService": {"virtualServiceName": name}} for name in services]
    return {"backends": found}


def torn_down(*nodes_and_services: LiveResource) -> Plan:
    return plan(present("m"), *nodes_and_services, guards=DOWN)


def node(name: str, *services: str) -> LiveResource:
    return present(f"virtual-node/m/{name}", calling(*services))


def service(name: str, provider: str) -> LiveResource:
    return present(f"virtual-service/m/{name}", provided_by("virtualNode", provider))


def keys(changes: Iterable[Change]) -> list[str]:
    return [str(change.key) for change in changes]


def links_of(made: Plan) -> dict[str, tuple[Unlinked, ...]]:
    return {str(change.key): found for change in made.changes if (found := unlinked(change))}


def test_a_node_goes_before_its_backends_and_after_what_it_provides() -> None:
    made = torn_down(node("a"), node("b", "a"), service("a", "a"), service("b", "b"))
    assert keys(made.changes) == [
        "virtual-service/m/b",
        "virtual-node/m/b",
        "virtual-service/m/a",
        "virtual-node/m/a",
        "mesh/m",
    ]
    assert links_of(made) == {}


def test_a_backend_that_stays_or_is_not_there_changes_nothing() -> None:
    made = plan(
        desired("m"),
        present("m"),
        desired("virtual-node/m/kept", {}),
        present("virtual-node/m/kept", {}),
        desired("virtual-service/m/kept", provided_by("virtualNode", "kept")),
        service("kept", "kept"),
        node("a", "kept", "nowhere"),
        guards=DOWN,
    )
    assert keys(made.changes) == ["virtual-node/m/a"]
    assert links_of(made) == {}


def test_a_node_that_stays_loses_its_backend_before_the_service_goes() -> None:
    made = plan(
        desired("m"),
        present("m"),
        desired("virtual-node/m/a", calling()),
        node("a", "s"),
        service("s", "a"),
        guards=DOWN,
    )
    assert keys(made.changes) == ["virtual-node/m/a", "virtual-service/m/s"]
    assert links_of(made) == {}


def test_a_node_whose_backend_it_provides_is_updated_first() -> None:
    made = torn_down(node("a", "a", "elsewhere"), service("a", "a"))
    assert keys(made.changes) == ["virtual-service/m/a", "virtual-node/m/a", "mesh/m"]
    ((link,),) = links_of(made).values()
    live = node("a", "a", "elsewhere")
    update = link.update
    assert (update.key, update.before, update.tags) == (live.key, live, live.tags)
    assert (update.spec, update.cause) == (calling("elsewhere"), Cause.REMOVED)
    assert (link.difference.before, link.difference.after) == (
        {"spec": live.spec},
        {"spec": update.spec},
    )
    deleted = made.changes[1]
    assert isinstance(deleted, Delete)
    # Its own delete follows on the update, whose version and spec it then finds.
    assert (deleted.before.version, deleted.before.spec) == (2, calling("elsewhere"))
    assert deleted.before.uid == live.uid
    assert deleted.difference.before == {
        "spec": live.spec,
        "tags": {"mesh-reconciler:owner": "platform"},
    }


def test_of_a_circle_the_service_goes_first_that_takes_the_fewest_updates() -> None:
    made = torn_down(
        node("a", "b", "c"),
        node("b", "a", "c"),
        node("c", "a"),
        *(service(name, name) for name in "abc"),
    )
    ((freed, (link,)),) = links_of(made).items()
    assert (freed, link.before.key, link.spec) == (
        "virtual-service/m/b",
        key("virtual-node/m/a"),
        calling(),
    )
    assert keys(made.changes) == [
        "virtual-service/m/b",
        "virtual-node/m/b",
        "virtual-service/m/c",
        "virtual-node/m/c",
        "virtual-service/m/a",
        "virtual-node/m/a",
        "mesh/m",
    ]


def test_a_delete_that_begins_with_updates_is_a_wave_by_itself() -> None:
    made = torn_down(
        node("a", "a", "b", "c"),
        *(service(name, "a") for name in "abc"),
        node("x"),
        service("x", "x"),
    )
    assert [keys(wave) for wave in waves_of(made.changes)] == [
        ["virtual-service/m/x"],
        ["virtual-node/m/x"],
        ["virtual-service/m/a"],
        ["virtual-service/m/b", "virtual-service/m/c"],
        ["virtual-node/m/a"],
        ["mesh/m"],
    ]
    assert [*links_of(made)] == ["virtual-service/m/a"]


def test_the_updates_are_part_of_what_is_agreed_to() -> None:
    straight = torn_down(node("a"), service("a", "a"))
    circular = torn_down(node("a", "a"), service("a", "a"))
    for made in (straight, circular):
        assert len(set(made.keys)) == len(made.keys) == 3
    assert straight.fingerprint != circular.fingerprint
    assert circular.fingerprint == torn_down(node("a", "a"), service("a", "a")).fingerprint


@pytest.mark.parametrize("spec", [{}, {"backends": "odd"}, {"backends": [{"virtualService": 1}]}])
def test_a_spec_without_backends_mentions_nothing(spec: Spec) -> None:
    assert mentioned_by(key("virtual-node/m/n"), spec) == ()
    assert without_mentions(key("virtual-node/m/n"), spec, {key("virtual-service/m/s")}) == spec


def test_a_mention_is_in_the_same_mesh_and_of_the_same_account() -> None:
    shared = Key("virtual-node", ("m", "n"), "999999999999")
    assert mentioned_by(shared, calling("s")) == (
        Key("virtual-service", ("m", "s"), "999999999999"),
    )


@pytest.mark.unmeasured
def test_no_order_leaves_anything_held_by_what_goes_later() -> None:
    circles = 0
    for seed in range(GRAPHS):
        draw = random.Random(seed)  # noqa: S311  # repeatable, and no secret
        names = [f"n{number}" for number in range(draw.randint(1, 6))]
        services = {f"s{number}": draw.choice(names) for number in range(draw.randint(0, 6))}
        nodes = [node(it, *(name for name in services if draw.random() < 0.4)) for it in names]
        made = torn_down(*nodes, *(service(*it) for it in services.items()))
        assert len(made.changes) == len(names) + len(services) + 1, seed
        specs = {
            change.key: change.before.spec for change in made.changes if isinstance(change, Delete)
        }
        specs |= {it.key: it.spec for it in nodes}
        for wave in waves_of(made.changes):
            for link in (link for change in wave for link in unlinked(change)):
                assert len(wave) == 1, seed
                circles += 1
                specs[link.before.key] = link.spec
            gone = {change.key for change in wave}
            for other, spec in specs.items():
                if other not in gone:
                    withheld = {
                        parent_of(other),
                        *referenced_keys(other, spec),
                        *mentioned_by(other, spec),
                    }
                    assert not gone & withheld, (seed, other)
            specs = {name: spec for name, spec in specs.items() if name not in gone}
        assert specs == {}
    assert circles > GRAPHS / 10

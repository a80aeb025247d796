"""A resource is not described only if its record attests exactly what its manifest asks for."""

from collections.abc import Mapping
from typing import Any

import pytest
from builders import OWNER, canonical, desired, egress, mesh

from reconciler.core.planning.attestation import Attestations
from reconciler.core.planning.last_applied import attest, last_applied_for
from reconciler.core.resources import APPLIED_TAG, OWNER_TAG, Desired, Key, ResourceVersion, Spec

DROP, ALLOW = egress("DROP_ALL"), egress("ALLOW_ALL")
CREATED_AT = 1_700_000_000.0
NOW = ResourceVersion(3, CREATED_AT)
PAY = desired("a", DROP, tags={"team": "pay"})


def tags_of(
    resource: Desired = PAY, version: int = 3, created_at: float | None = CREATED_AT, **others: str
) -> dict[str, str]:
    """Return the tags after an apply of ``resource`` that resulted in ``version``."""
    spec = None if resource.spec is None else canonical(resource.spec)
    record = last_applied_for(spec, resource.tags, protect=resource.options.protect)
    tags = {**resource.tags, OWNER_TAG: OWNER, APPLIED_TAG: str(record)}
    return {**attest(tags, version, created_at), **others}


def attested(
    tags: Mapping[str, str],
    *,
    wanted: Desired = PAY,
    key: Key = PAY.key,
    version: ResourceVersion = NOW,
) -> Spec | None:
    return Attestations({wanted.key: wanted}, OWNER, canonical)(key, version, tags)


@pytest.mark.parametrize(
    "tags",
    [tags_of(), tags_of(created_at=None), tags_of(cost="9")],
    ids=["by an update", "by a create", "with a tag of another tool"],
)
def test_a_record_of_the_listed_version_is_believed(tags: dict[str, str]) -> None:
    assert attested(tags) == DROP


def test_a_resource_without_a_managed_spec_is_attested_with_an_empty_one() -> None:
    unmanaged = desired("a", managed=False)
    assert attested(tags_of(unmanaged), wanted=unmanaged) == {}


def test_only_the_managed_part_is_attested() -> None:
    ignoring = desired("a", {**DROP, "serviceDiscovery": {}}, ignore=("/egressFilter",))
    assert attested(tags_of(desired("a", {})), wanted=ignoring) == {}


def without(tags: Mapping[str, str], key: str) -> dict[str, str]:
    return {name: value for name, value in tags.items() if name != key}


def last_value() -> str:
    return tags_of()[APPLIED_TAG]


@pytest.mark.parametrize(
    ("tags", "changes"),
    [
        (tags_of(), {"key": mesh("b")}),
        (without(tags_of(), APPLIED_TAG), {}),
        (tags_of() | {APPLIED_TAG: "made by hand"}, {}),
        (without(tags_of(), OWNER_TAG), {}),
        (tags_of() | {OWNER_TAG: "other"}, {}),
        (tags_of(), {"version": ResourceVersion(2, CREATED_AT)}),
        (tags_of(), {"version": ResourceVersion(4, CREATED_AT)}),
        (tags_of(), {"version": ResourceVersion(3, CREATED_AT + 1)}),
        (tags_of() | {APPLIED_TAG: last_value().partition(":@2@")[0]}, {}),
        (tags_of(desired("a", DROP, tags={"team": "pay"}, protect=True)), {}),
        (tags_of(), {"wanted": desired("a", DROP, tags={"team": "pay"}, protect=True)}),
        (tags_of(), {"wanted": desired("a", ALLOW, tags={"team": "pay"})}),
        (tags_of(), {"wanted": desired("a", managed=False, tags={"team": "pay"})}),
        (tags_of(), {"wanted": desired("a", DROP)}),
        (tags_of(), {"wanted": desired("a", DROP, tags={"team": "pay", "tier": "1"})}),
        (tags_of(team="theirs"), {}),
        (without(tags_of(), "team"), {}),
    ],
    ids=[
        "no manifest",
        "no record",
        "an invalid record",
        "no owner tag",
        "another owner",
        "an older version",
        "a newer version",
        "another creation",
        "no version in the record",
        "protected",
        "to be protected",
        "another spec",
        "an unmanaged spec",
        "a tag to remove",
        "a tag to add",
        "another value of a tag",
        "a missing tag",
    ],
)
def test_anything_else_is_described(tags: dict[str, str], changes: dict[str, Any]) -> None:
    assert attested(tags, **changes) is None

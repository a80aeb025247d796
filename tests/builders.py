"""Values for tests, each with as little said as the test needs."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from reconciler.core.kinds import KINDS
from reconciler.core.planning.guards import GuardSettings, Policy
from reconciler.core.planning.last_applied import last_applied_for
from reconciler.core.planning.plan import Plan, make_plan
from reconciler.core.planning.verdicts import PlanInput
from reconciler.core.resources import (
    APPLIED_TAG,
    OWNER_TAG,
    Desired,
    Json,
    Key,
    LiveResource,
    LiveState,
    Options,
    Origin,
    Spec,
    TargetId,
    Unlisted,
    Unreadable,
    drop_empty,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OWNER = "platform"
ACCOUNT = "123456789012"
TARGET = TargetId("test", "http://127.0.0.1:1", ACCOUNT, "eu-west-1")
SYNC = GuardSettings(policy=Policy.SYNC)


def mesh(name: str) -> Key:
    return Key("mesh", (name,))


def key(text: str) -> Key:
    """Return the key that ``route/m/r/x`` stands for; a bare name is a mesh's."""
    kind, *path = text.split("/")
    return Key.parse(text) if kind in KINDS and path else mesh(text)


def listening(*ports: int, protocol: str = "http") -> Spec:
    """Return the spec of a router or gateway."""
    return {"listeners": [{"portMapping": {"port": port, "protocol": protocol}} for port in ports]}


def route(*nodes: str, port: int | None = None, prefix: str = "/") -> Spec:
    """Return the spec of a route that shares what matches among ``nodes``."""
    match: dict[str, Json] = (
        {"prefix": prefix} if port is None else {"prefix": prefix, "port": port}
    )
    targets: list[Json] = [{"virtualNode": node, "weight": 1} for node in nodes]
    return {"httpRoute": {"match": match, "action": {"weightedTargets": targets}}}


def provided_by(kind: str, name: str) -> Spec:
    """Return the spec of a service that a ``virtualNode`` or ``virtualRouter`` provides."""
    return {"provider": {kind: {f"{kind}Name": name}}}


def gateway_route(service: str, port: int | None = None) -> Spec:
    """Return the spec of a gateway route to a service."""
    match: dict[str, Json] = {"prefix": "/"} if port is None else {"prefix": "/", "port": port}
    target: Json = {"virtualService": {"virtualServiceName": service}}
    return {"httpRoute": {"match": match, "action": {"target": target}}}


def egress(kind: str | None) -> Spec:
    return {} if kind is None else {"egressFilter": {"type": kind}}


def canonical(spec: Spec, reference: Spec | None = None) -> Spec:
    del reference
    plain = drop_empty(spec)
    assert isinstance(plain, dict)
    return plain


def desired(
    name: str,
    spec: Spec | None = None,
    *,
    managed: bool = True,
    tags: Mapping[str, str] | None = None,
    **options: Any,
) -> Desired:
    """Return what is wanted; ``managed=False`` is a manifest without a spec."""
    wanted = (spec or {}) if managed else None
    origin = Origin(f"manifests/{name}.yaml", 1, 1)
    return Desired(key(name), wanted, tags or {}, origin, Options(**options))


def present(
    name: str,
    spec: Spec | None = None,
    *,
    owner: str | None = OWNER,
    applied: Desired | None = None,
    tags: Mapping[str, str] | None = None,
    **changes: Any,
) -> LiveResource:
    """Return what is live; ``applied`` is the manifest that its mark remembers."""
    ours = {} if owner is None else {OWNER_TAG: owner}
    if applied is not None:
        managed = None if applied.spec is None else canonical(applied.spec)
        mark = last_applied_for(managed, applied.tags, protect=applied.options.protect)
        ours[APPLIED_TAG] = str(replace(mark, version=changes.get("version", 1)))
    facts: dict[str, Any] = {
        "key": key(name),
        "spec": spec or {},
        "tags": {**(tags or {}), **ours},
        "uid": f"uid-of-{name}",
        "version": 1,
        "arn": f"arn:aws:appmesh:eu-west-1:{ACCOUNT}:mesh/{name}",
        "account": ACCOUNT,
        "created_at": 1_700_000_000.0,
    }
    return LiveResource(**(facts | changes))


def plan(
    *items: Desired | LiveResource | Unreadable,
    guards: GuardSettings | None = None,
    gaps: tuple[Unlisted, ...] = (),
    others: tuple[str, ...] = (),
    target: TargetId = TARGET,
) -> Plan:
    """Return the plan for the desired among ``items`` in a world made of the others."""
    wanted = {item.key: item for item in items if isinstance(item, Desired)}
    seen = {item.key: item for item in items if not isinstance(item, Desired)}
    world = LiveState(seen, gaps, not_selected=frozenset(map(key, others)))
    return make_plan(
        PlanInput(target, OWNER, wanted, world, canonical, guards or GuardSettings(), NOW)
    )

"""Makes a plan from the desired and the live state.

A plan has each desired or live key exactly once: as a change, as unchanged, or as withheld with a
reason. `make_plan` is a pure function, so equal inputs give equal plans.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.core.changes import (
    Change,
    ReasonCode,
    Update,
    Withheld,
    detached_routes,
    operation_name,
    unlinked,
)
from reconciler.core.planning.change_order import order_changes
from reconciler.core.planning.dependencies import withhold_blocked
from reconciler.core.planning.guards import apply_guards
from reconciler.core.planning.listener_changes import plan_listener_changes
from reconciler.core.planning.verdicts import (
    PlanInput,
    renewal_of,
    verdict_of,
    verdict_without_manifest,
)
from reconciler.core.resources import (
    Json,
    Key,
    LiveResource,
    LiveState,
    TargetId,
    Unlisted,
    Unreadable,
    digest,
)
from reconciler.core.source_revision import AppliedCommit, SourceRevision


@dataclass(frozen=True, slots=True)
class Plan:
    """One verdict for each key.

    Attributes:
        changes: The changes to make, in the order of the writes.
        unchanged: Keys whose live state is the desired state.
        withheld: Resources that are not changed, with reasons.
        unlisted: Lists that could not be read; even the keys of these resources are unknown.
        owned: Number of live resources of ``owner``; None if not counted.
        renewals: Updates of nothing but the last-applied record, of resources in ``unchanged``.
        revision: The commit of the manifests, which is only shown; None if it is not known.
        proxies: The proxies that each change concerns, by the key of the change. It is only shown.
        traffic: The effects of each change on traffic, by the key of the change. It is only shown.
        applied_commit: The commit to record when the plan is applied; None for files.
    """

    target: TargetId
    owner: str
    changes: tuple[Change, ...]
    unchanged: tuple[Key, ...]
    withheld: tuple[Withheld, ...]
    unlisted: tuple[Unlisted, ...] = ()
    owned: int | None = None
    renewals: tuple[Update, ...] = ()
    revision: SourceRevision | None = None
    proxies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    traffic: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    applied_commit: AppliedCommit | None = None

    @property
    def keys(self) -> tuple[Key, ...]:
        """All keys with a verdict, including routes that are detached by an update."""
        changes = (
            *self.changes,
            *(withheld.change for withheld in self.withheld if withheld.change),
        )
        return (
            *(change.key for change in self.changes),
            *(route.detach.key for change in changes for route in detached_routes(change)),
            *self.unchanged,
            *(withheld.key for withheld in self.withheld),
        )

    @property
    def is_complete(self) -> bool:
        """Whether all resources that ``owner`` may own were read."""
        return not self.unlisted and not any(
            withheld.reason_code is ReasonCode.UNREADABLE for withheld in self.withheld
        )

    @property
    def fingerprint(self) -> str:
        """The digest that a reviewer approves: 43 characters.

        It covers the target, the owner and the patch of each change. Versions, times and the commit
        of the manifests are not included, so that unrelated edits do not change it.
        """
        changes: list[Json] = [
            [
                str(change.key),
                operation_name(change),
                list(change.difference.patch),
                *_steps(change),
            ]
            for change in sorted(self.changes, key=lambda change: change.key)
        ]
        target: list[Json] = [self.target.name, self.target.account, self.target.region]
        return digest([*target, self.owner, changes])


def _steps(change: Change) -> list[Json]:
    steps = [(item.detach.key, item.attach.difference) for item in detached_routes(change)]
    steps += [(item.before.key, item.difference) for item in unlinked(change)]
    return [[str(key), list(difference.patch)] for key, difference in steps]


def make_plan(inputs: PlanInput) -> Plan:
    """Return the plan for ``inputs``."""
    desired, live = inputs.desired, inputs.live
    owned = count_owned(live.resources.values(), inputs.owner)
    verdicts = [
        verdict_of(inputs, resource, live.resources.get(key)) for key, resource in desired.items()
    ] + [
        verdict_without_manifest(inputs, resource)
        for key, resource in live.resources.items()
        if key not in desired
    ]
    allowed, withheld_by_guards = apply_guards(
        [verdict for verdict in verdicts if isinstance(verdict, Change)],
        inputs.guards,
        owned=owned,
        nothing_desired=not desired,
        unlisted=_read_failures(live),
    )
    withheld = [verdict for verdict in verdicts if isinstance(verdict, Withheld)]
    withheld += withheld_by_guards
    withheld_keys = {item.key for item in withheld}
    listener_plan = plan_listener_changes(allowed, desired, withheld_keys, live, inputs.owner)
    possible, blocked = withhold_blocked(listener_plan.changes, live)
    unchanged = {verdict for verdict in verdicts if isinstance(verdict, Key)}
    unchanged -= listener_plan.detached_keys
    return Plan(
        inputs.target,
        inputs.owner,
        order_changes(possible, listener_plan.before_parent),
        tuple(sorted(unchanged)),
        tuple(
            sorted(
                (*withheld, *listener_plan.withheld, *blocked),
                key=lambda item: item.key,
            )
        ),
        live.unlisted,
        owned,
        tuple(
            renewal
            for key in sorted(unchanged)
            if (renewal := renewal_of(inputs, desired[key], live.resources[key])) is not None
        ),
    )


def count_owned(resources: Iterable[LiveResource | Unreadable], owner: str) -> int:
    """Return how many of ``resources`` are known to be owned by ``owner``."""
    return sum(isinstance(live, LiveResource) and live.owner == owner for live in resources)


def _read_failures(live: LiveState) -> list[str]:
    return [
        *(f"{unlisted} could not be listed" for unlisted in live.unlisted),
        *(
            f"{resource.key} could not be read"
            for resource in live.resources.values()
            if isinstance(resource, Unreadable)
        ),
    ]

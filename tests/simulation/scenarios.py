"""The stories: how a world came to be, what is wanted of it one cycle after the other."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from builders import desired, egress

from reconciler import limits
from reconciler.core.planning.guards import GuardSettings, Policy
from reconciler.core.resources import OWNER_TAG, Desired, Spec
from simulation.faults import STRANGER
from simulation.service import BEHAVIORS, Service

Act = Callable[[Service], object]

DROP, ALLOW = egress("DROP_ALL"), egress("ALLOW_ALL")
IPV4: Spec = {"serviceDiscovery": {"ipPreference": "IPv4_ONLY"}}
IPV6: Spec = {"serviceDiscovery": {"ipPreference": "IPv6_ONLY"}}
SYNC = GuardSettings(policy=Policy.SYNC, max_deletes=9)
MINUTE, HOURS = 60.0, 10 * 3600.0


@dataclass(frozen=True)
class Step:
    """One cycle towards ``desired``, after ``wait`` seconds and what somebody else did before."""

    desired: tuple[Desired, ...]
    before: Act | None = None
    wait: float = MINUTE


@dataclass(frozen=True)
class Scenario:
    """``made`` builds the world without faults, ``steps`` are the cycles that faults happen in.

    ``left`` are the names of ours that stay though no manifest asks for them; ``victim`` is the
    mesh that other hands reach for while none is being talked of. It is run under ``behaviors``.
    """

    made: tuple[Step, ...]
    steps: tuple[Step, ...]
    restraint: GuardSettings = SYNC
    left: frozenset[str] = field(default=frozenset())
    victim: str = "a"
    behaviors: tuple[str, ...] = tuple(BEHAVIORS)

    @property
    def wanted(self) -> tuple[Desired, ...]:
        return self.steps[-1].desired

    @property
    def adopts(self) -> frozenset[str]:
        steps = (*self.made, *self.steps)
        return frozenset(
            desired_resource.key.name
            for step in steps
            for desired_resource in step.desired
            if desired_resource.options.adopt
        )


def step(*wants: Desired, before: Act | None = None, wait: float = MINUTE) -> Step:
    return Step(wants, before, wait)


def by_hand(name: str, spec: Spec, **tags: str) -> Act:
    return lambda service: service.create(name, spec, tags, None, STRANGER)


def strangers(name: str) -> Act:
    return lambda service: service.create(name, DROP, {OWNER_TAG: STRANGER}, None, STRANGER)


def deleted(name: str) -> Act:
    return lambda service: service.live.get(name) and service.delete(name, STRANGER)


def edited(name: str, spec: Spec) -> Act:
    return lambda service: service.live.get(name) and service.update(name, spec, None, STRANGER)


def tagged(name: str, **tags: str) -> Act:
    return lambda service: service.live.get(name) and service.tag(name, tags, STRANGER)


def recreated(name: str, spec: Spec, *edits: Spec, keep_tags: bool = False) -> Act:
    """Return a delete and a create a second later, and updates: at version 1 plus ``edits``.

    A record does not tell what was created within one second apart.
    """

    def act(service: Service) -> None:
        tags = service.live[name].tags if keep_tags and name in service.live else {}
        deleted(name)(service)
        service.now += 1
        service.create(name, spec, tags, None, STRANGER)
        for edit in edits:
            service.update(name, edit, None, STRANGER)

    return act


def long_before(act: Act) -> Act:
    """Return ``act`` and a wait after which every read shows it, where time passes at all."""

    def acted(service: Service) -> None:
        act(service)
        if service.behavior.pause_between_cycles:
            service.now += 2 * MINUTE

    return acted


def untagged(name: str, key: str) -> Act:
    def act(service: Service) -> None:
        if name in service.live and key in service.live[name].tags:
            service.untag(name, [key], STRANGER)

    return act


A, KEPT = desired("a", DROP, tags={"team": "ours"}), desired("kept", IPV4)
# One more than are looked at one by one.
_MANY = (*(desired(f"m{number:02}", DROP) for number in range(limits.MAX_INDIVIDUAL_RECHECKS)), A)
_ONE = (step(A),)
_TWO = (step(A, KEPT),)

SCENARIOS: dict[str, Scenario] = {
    "create-one": Scenario((), (step(A),)),
    "create-several": Scenario(
        (), (step(A, desired("b", ALLOW), desired("c", managed=False), KEPT),)
    ),
    "there-and-back": Scenario(_ONE, (step(replace(A, spec=ALLOW)), step(A))),
    "there-and-back-twice": Scenario(
        (step(A), step(replace(A, spec=ALLOW))),
        (step(A), step(replace(A, spec=ALLOW)), step(A)),
    ),
    "create-delete-create": Scenario(_TWO, (step(KEPT), step(A, KEPT))),
    "deleted-behind-our-back": Scenario(
        _ONE, (step(A, before=deleted("a")), step(A, before=deleted("a")))
    ),
    "deleted-four-times": Scenario(
        (*_ONE, step(A, before=deleted("a")), step(A, before=deleted("a"))),
        (step(A, before=deleted("a")), step(A, before=deleted("a"))),
    ),
    "deleted-hours-later": Scenario(
        _ONE, (step(A, before=deleted("a"), wait=HOURS), step(A, before=deleted("a"), wait=HOURS))
    ),
    "created-again-by-hand": Scenario(_ONE, (step(A, before=recreated("a", ALLOW)), step(A))),
    "created-again-at-our-version": Scenario(
        (step(replace(A, spec=ALLOW)), step(A)),
        (step(A, before=recreated("a", ALLOW, {})), step(A)),
    ),
    "created-again-with-our-tags": Scenario(
        (step(replace(A, spec=ALLOW)), step(A)),
        (step(A, before=long_before(recreated("a", ALLOW, {}, keep_tags=True))), step(A)),
    ),
    "drift-of-spec": Scenario(
        _ONE, (step(A, before=edited("a", ALLOW)), step(A, before=edited("a", ALLOW)))
    ),
    "drift-of-tags": Scenario(
        _ONE,
        (
            step(A, before=tagged("a", team="theirs", extra="1")),
            step(A, before=untagged("a", "team")),
        ),
    ),
    "tag-dropped": Scenario((step(replace(A, tags={"team": "ours", "old": "1"})),), (step(A),)),
    "adopt-equal": Scenario(
        (), (step(desired("a", DROP, adopt=True), before=by_hand("a", DROP, theirs="1")),)
    ),
    "adopt-different": Scenario(
        (), (step(desired("a", DROP, adopt=True), before=by_hand("a", ALLOW, theirs="1")),)
    ),
    "foreign-name": Scenario(
        (), (step(A, desired("b", ALLOW), before=strangers("a")), step(A, desired("b", DROP)))
    ),
    "adopt-foreign": Scenario((), (step(desired("a", DROP, adopt=True), before=strangers("a")),)),
    "name-freed": Scenario((), (step(A, before=strangers("a")), step(A, before=deleted("a")))),
    "protected": Scenario(
        (step(desired("a", DROP, protect=True), KEPT),), (step(KEPT),), left=frozenset({"a"})
    ),
    "delete-one": Scenario(_TWO, (step(KEPT),), restraint=replace(SYNC, max_deletes=1)),
    "deletes-over-budget": Scenario(
        (step(A, desired("b", DROP), KEPT),),
        (step(KEPT),),
        restraint=replace(SYNC, max_deletes=1),
        left=frozenset({"a", "b"}),
    ),
    "part-of-the-source": Scenario(
        _TWO,
        (step(replace(KEPT, spec=IPV6)),),
        restraint=replace(SYNC, incomplete_reason="--only was given"),
        left=frozenset({"a"}),
    ),
    "orphan": Scenario(_TWO, (step(KEPT),), restraint=GuardSettings(), left=frozenset({"a"})),
    "emptied-source": Scenario(_TWO, (step(),), left=frozenset({"a", "kept"})),
    "renamed": Scenario(_TWO, (step(replace(A, key=desired("z").key), KEPT),)),
    "tags-and-spec": Scenario(
        (step(replace(A, tags={"team": "ours", "old": "1"})),),
        (step(desired("a", ALLOW, tags={"team": "new", "more": "1"})),),
    ),
    "empty-or-absent": Scenario(
        (step(desired("a", {"egressFilter": {"type": "DROP_ALL"}, "serviceDiscovery": {}})),),
        (step(desired("a", DROP)), step(desired("a", {"serviceDiscovery": {}}))),
    ),
    "spec-not-managed": Scenario(
        (step(desired("a", managed=False)),),
        (step(desired("a", managed=False, tags={"team": "ours"}), before=edited("a", ALLOW)),),
    ),
    "ignored-pointer": Scenario(
        (step(desired("a", {**DROP, **IPV4}, ignore=("/egressFilter",))),),
        (
            step(
                desired("a", {**DROP, **IPV6}, ignore=("/egressFilter",)),
                before=edited("a", {**ALLOW, **IPV4}),
            ),
        ),
    ),
    "many-updates": Scenario(
        (Step(_MANY),),
        (Step(tuple(replace(want, spec=ALLOW) for want in _MANY)),),
        behaviors=("tags-in-pages",),
    ),
    "all-at-once": Scenario(
        (step(A, desired("b", DROP), KEPT),),
        (step(replace(A, spec=ALLOW), desired("new", DROP), KEPT),),
    ),
}

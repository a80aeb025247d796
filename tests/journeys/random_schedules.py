"""What a seed decides: graphs, behaviors of the service, and what goes wrong on the way."""

import random
from collections.abc import Iterator
from typing import Any, NamedTuple, get_args, get_type_hints

from journeys.graphs import graph

from reconciler.core.resources import Desired
from reconciler.endpoint.semantics.behaviors import Behavior

SECONDS = {
    "token-retention-seconds": ("0", "60", "28800", "100000000"),
    "read-lag-seconds": ("1", "5"),
    "inactive-seconds": ("30",),
}
# What these graphs never meet: odd names, too many tags, tags of AWS, denials, gRPC metadata.
UNMET = {
    "mesh-names",
    "router-names",
    "too-many-tags-on-create",
    "reserved-tag",
    "denial",
    "grpc-metadata-names",
}
# Uids are random, so no line could repeat an order of theirs.
NOT_REPEATABLE = "list-order=uid"
OPERATIONS = ("*", "Create*", "Update*", "Delete*", "Describe*", "List*", "*Tag*", "GetResources")
FAULTS: tuple[dict[str, Any], ...] = (
    {"fault": "throttle"},
    {"fault": "error"},
    {"fault": "error", "effect": "after"},
    {"fault": "error", "status": 503},
    {"fault": "error", "status": 403},
    {"fault": "error", "status": 400},
    {"fault": "error", "status": 404},
    {"fault": "error", "status": 409},
    {"fault": "lost-reply"},
    {"fault": "hang", "seconds": 0},
    {"fault": "cut"},
    {"fault": "html", "status": 200},
    {"fault": "empty"},
    {"fault": "duplicate"},
    {"fault": "stale"},
    {"fault": "lag", "versions": 2},
)
NO_INDEX = {"fault": "error", "status": 403, "operation": "GetResources"}
# What the service then says of the state is not so, and a run can only repeat it.
LIES = ("stale", "lag", "duplicate")


# The process ends before the effect of a call or after it, or other hands come in between.
AT_A_CALL = ("crash-before", "crash-after", "hands")


class Disturbance(NamedTuple):
    """What goes wrong in one run: ``faults``, or what happens at the call numbered ``at``."""

    faults: list[dict[str, Any]]
    at: int = 0
    what: str = ""

    @property
    def lies(self) -> bool:
        """Whether a run may say in good faith what is not so."""
        result = any(it["fault"] in LIES or it.get("status") == 404 for it in self.faults)
        return result or self.what == "hands"


class Phase(NamedTuple):
    """What the manifests say, how often others reach in first, and the runs that go wrong."""

    wants: tuple[Desired, ...]
    hands: int
    disturbances: tuple[Disturbance, ...]

    @property
    def is_quiet(self) -> bool:
        return not (self.hands or self.disturbances)


class Schedule(NamedTuple):
    """All that a seed decides.

    ``settings`` are behaviors of the endpoint as its command takes them. With ``strangers`` there
    is what is not ours. A ``daemon`` remembers what lists showed; if it has no index, tags
    are read one resource at a time.
    """

    settings: tuple[str, ...]
    phases: tuple[Phase, ...]
    strangers: bool
    daemon: bool
    has_index: bool


def schedule(draw: random.Random) -> Schedule:
    """Return a schedule: to some graphs one after the other, and down again."""
    known = list(every_setting())
    chosen = draw.sample(known, draw.choice((0, 1, 2, 2, 2, 3, 4)))
    graphs = [tuple(graph(draw)) for _ in range(2)]
    sequence = draw.choice(([0], [0, 1], [0, 1], [0, 1, 0], [0, None, 0]))
    phases = (
        _phase(draw, () if number is None else graphs[number]) for number in [*sequence, None]
    )
    return Schedule(
        tuple(draw.choice(settings) for settings in chosen),
        tuple(phases),
        strangers=draw.random() < 0.5,
        daemon=draw.random() < 0.5,
        has_index=draw.random() < 0.8,
    )


def every_setting() -> Iterator[list[str]]:
    """Yield, for each behavior of the endpoint that counts here, the settings that change it."""
    for field, hint in get_type_hints(Behavior).items():
        name = field.replace("_", "-")
        usual = getattr(Behavior(), field)
        values = SECONDS.get(name) or [value for value in get_args(hint) if value != usual]
        settings = [f"{name}={value}" for value in values]
        if name not in UNMET:
            yield [setting for setting in settings if setting != NOT_REPEATABLE]


def _phase(draw: random.Random, wants: tuple[Desired, ...]) -> Phase:
    disturbances = [_disturbance(draw) for _ in range(draw.choice((0, 1, 1, 2)))]
    return Phase(wants, draw.choice((0, 0, 1, 2)), tuple(disturbances))


def _disturbance(draw: random.Random) -> Disturbance:
    if draw.random() < 0.5:
        what = draw.choice(AT_A_CALL)
        return Disturbance([], draw.randint(1, 60), what)
    faults = [
        {**fault, "operation": draw.choice(OPERATIONS), "rate": draw.choice((0.05, 0.2, 0.5, 1))}
        for fault in draw.choices(FAULTS, k=draw.randint(1, 3))
    ]
    return Disturbance(faults)

"""What can go wrong at one call, as data; and the wire on which it goes wrong."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from reconciler.core.errors import (
    ConflictError,
    NotFoundError,
    RejectedError,
    TargetError,
    ThrottledError,
    UnavailableError,
)
from reconciler.core.resources import OWNER_TAG, Spec
from simulation.service import DAY, Mesh, Request, Service

Answer = TypeVar("Answer", Mesh, list[Mesh])
STRANGER = "somebody"
TIME_OUT_SECONDS = 10.0
MAX_LATENESS_CALLS = 9

LISTS = ("ListMeshes", "GetResources", "ListTagsForResource")
READS = (*LISTS, "DescribeMesh")
TOKENED = ("CreateMesh", "UpdateMesh")
WRITES = (*TOKENED, "TagResource", "UntagResource", "DeleteMesh")
EVERY = READS + WRITES


class CrashError(Exception):
    """The process ends here; no TargetError, so the engine lets it through."""


class Call(NamedTuple):
    """One call as the client saw it: ``shown`` is the answer of a read, None where none came.

    ``shown_all`` is that of a list. ``read``: whether a read was answered, if only by "not there".
    """

    time: float
    operation: str
    name: str
    token: str | None = None
    request: object = None
    shown: Mesh | None = None
    shown_all: Mapping[str, Mesh] = {}
    read: bool = False


class Late(NamedTuple):
    """A request that the network delivers before the call ``due``."""

    due: int
    perform: Callable[[], object]
    sent: int
    since: float


@dataclass(slots=True)
class Wire:
    """The way of every call to the service, on which ``faults`` happen by the call's number."""

    service: Service
    faults: Mapping[int, str]
    victim: str
    calls: list[Call] = field(default_factory=list)
    under_way: list[Late] = field(default_factory=list)
    longest_delay: float = 0.0

    def read(
        self, operation: str, name: str, perform: Callable[[bool], Answer], empty: Answer
    ) -> Answer:
        """Make a reading call; ``perform`` is told whether it is to show the state before now."""
        index = self.begin(reads=True)
        kind = self.faults.get(index)
        call = Call(self.service.now, operation, name)
        self.calls.append(call)
        if kind is not None:
            self._before(kind, name, operation)
        try:
            answer = empty if kind == "empty" else perform(kind == "stale")
        except NotFoundError:
            self.calls[index] = call._replace(read=True)
            raise
        if isinstance(answer, Mesh):
            self.calls[index] = call._replace(read=True, shown=answer)
        else:
            everything = {mesh.name: mesh for mesh in answer}
            self.calls[index] = call._replace(read=True, shown_all=everything)
        if kind == "crash-after":
            raise CrashError
        return answer

    def write(
        self,
        operation: str,
        name: str,
        perform: Callable[[], Answer],
        *,
        token: str | None = None,
        request: Request = (),
    ) -> Answer:
        """Make a writing call."""
        index = self.begin(reads=False)
        self.calls.append(Call(self.service.now, operation, name, token, request))
        self._note_refusal(index, token, request)
        try:
            return self._written(index, operation, name, perform)
        except (ConflictError, NotFoundError, RejectedError) as error:
            # A service may keep these with the token of the request.
            error.request_id = self.service.answer_id if token else ""
            raise

    def _written(
        self, index: int, operation: str, name: str, perform: Callable[[], Answer]
    ) -> Answer:
        kind = self.faults.get(index)
        if kind is None:
            return perform()
        self._before(kind, name, operation)
        way, _, lateness = kind.partition("+")
        if way in ("delayed", "crash-delayed"):
            self._put_off(index, int(lateness), perform)
            raise CrashError if way == "crash-delayed" else self._silence()
        if way == "again":
            self._put_off(index, int(lateness), perform)
        answer = perform()
        if way == "twice":
            return perform()
        if way == "failed-after":
            raise UnavailableError("500 after the effect")
        if way == "reply-lost":
            raise self._silence()
        if way == "crash-after":
            raise CrashError
        return answer

    def _note_refusal(self, index: int, token: str | None, request: Request) -> None:
        """Let the service remember what it is made to refuse."""
        kind = self.faults.get(index, "")
        if kind in REFUSALS:
            self.service.refused(token, request, ERRORS[kind](kind))

    def begin(self, *, reads: bool) -> int:
        """Return the number of the call that begins, which ``reads`` or writes."""
        del reads  # who shares the service with others takes turns by it
        index = len(self.calls)
        self.service.now += self.service.behavior.call_seconds
        self.service.call = index
        if self.under_way:
            self._deliver(index)
        return index

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        self.service.now += seconds

    def flush(self) -> None:
        """Deliver everything that is still under way."""
        self._deliver(None)

    def _put_off(self, index: int, lateness: int, perform: Callable[[], object]) -> None:
        self.under_way.append(Late(index + lateness, perform, index, self.service.now))

    def _deliver(self, until: int | None) -> None:
        due = [late for late in self.under_way if until is None or late.due <= until]
        self.under_way = [late for late in self.under_way if late not in due]
        for late in due:
            self.service.late_since = late.sent
            self.longest_delay = max(self.longest_delay, self.service.now - late.since)
            try:
                late.perform()
            except TargetError:
                continue  # nobody hears the answer
        self.service.late_since = None

    def _silence(self) -> UnavailableError:
        self.service.now += TIME_OUT_SECONDS
        return UnavailableError("no answer within 10 s")

    def _before(self, kind: str, name: str, operation: str) -> None:
        if kind in ERRORS:
            raise ERRORS[kind](f"{operation} of {name}: {kind}")
        if kind == "crash-before":
            raise CrashError
        if kind == "request-lost":
            raise self._silence()
        act = HANDS.get(kind)
        if act is not None:
            act(self.service, name if name in self.service.live else self.victim)


def _delete(service: Service, name: str) -> None:
    if name in service.live:
        service.delete(name, STRANGER)


def _replace(service: Service, name: str) -> None:
    _delete(service, name)
    service.create(name, {}, {OWNER_TAG: STRANGER}, None, STRANGER)


def _twin(service: Service, name: str) -> None:
    live = service.live.get(name)
    if live is not None:
        _delete(service, name)
        service.create(name, live.spec, live.tags, None, STRANGER)


def _edit(service: Service, name: str) -> None:
    if name in service.live:
        spec: Spec = {"egressFilter": {"type": "ALLOW_ALL"}, "serviceDiscovery": {}}
        service.update(name, spec, None, STRANGER)


def _retag(service: Service, name: str) -> None:
    if name in service.live:
        service.tag(name, {"team": "theirs", "extra": "1"}, STRANGER)


def _take(service: Service, name: str) -> None:
    if name in service.live:
        service.tag(name, {OWNER_TAG: STRANGER}, STRANGER)


def _strip(service: Service, name: str) -> None:
    if name in service.live and OWNER_TAG in service.live[name].tags:
        service.untag(name, [OWNER_TAG], STRANGER)


def _forget(service: Service, name: str) -> None:
    del name
    service.tokens.clear()


def _sleep(service: Service, name: str) -> None:
    del name
    service.now += 2 * DAY


ERRORS: dict[str, type[TargetError]] = {
    "throttled": ThrottledError,
    "refused": RejectedError,
    "failed-before": UnavailableError,
    "page-missing": UnavailableError,
    "not-found": NotFoundError,
    "conflict": ConflictError,
}
# What the service itself answers, and may remember with the token.
REFUSALS = ("refused", "not-found", "conflict")
HANDS: dict[str, Callable[[Service, str], None]] = {
    "deleted-by-hand": _delete,
    "replaced-by-stranger": _replace,
    "replaced-by-twin": _twin,
    "edited-by-hand": _edit,
    "retagged-by-hand": _retag,
    "taken-by-stranger": _take,
    "mark-lost": _strip,
    "tokens-forgotten": _forget,
    "asleep-for-days": _sleep,
}
# Which calls each fault can happen to.
KINDS: dict[str, tuple[str, ...]] = {
    "throttled": EVERY,
    "refused": EVERY,
    "failed-before": EVERY,
    "request-lost": EVERY,
    "crash-before": EVERY,
    "crash-after": EVERY,
    "page-missing": LISTS,
    "not-found": tuple(operation for operation in EVERY if operation not in LISTS[:2]),
    "conflict": (*TOKENED, "DeleteMesh"),
    "stale": READS,
    "empty": LISTS,
    "failed-after": WRITES,
    "reply-lost": WRITES,
    "twice": WRITES,
    "again+1": WRITES,
    "again+4": WRITES,
    f"again+{MAX_LATENESS_CALLS}": WRITES,
    "delayed+1": WRITES,
    "delayed+4": WRITES,
    f"delayed+{MAX_LATENESS_CALLS}": WRITES,
    "crash-delayed+1": WRITES,
    "crash-delayed+4": WRITES,
    **dict.fromkeys(HANDS, EVERY),
}
LIES = ("stale", "empty", "not-found")


def kinds_for(operation: str) -> list[str]:
    """Return the faults that can happen to a call."""
    return [kind for kind, operations in KINDS.items() if operation in operations]

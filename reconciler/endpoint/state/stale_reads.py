"""What resources were a moment ago, for readers that are made to lag behind the writes."""

from collections import OrderedDict
from dataclasses import dataclass

from reconciler import limits
from reconciler.endpoint.state.tables import Collection, Resource


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a read stays behind: whole writes of each resource, and seconds."""

    versions: int = 0
    seconds: float = 0.0


class WriteHistory:
    """The earlier states of the resources written last; it lives as long as the process."""

    def __init__(self) -> None:
        self._states: OrderedDict[tuple[Collection, str], list[tuple[int, Resource | None]]]
        self._states = OrderedDict()

    def record(self, collection: Collection, name: str, before: Resource | None, now: int) -> None:
        """Remember what a resource was until ``now``, a time in milliseconds."""
        states = self._states.setdefault((collection, name), [])
        states.append((now, before))
        del states[: -limits.MAX_STALE_STATES]
        self._states.move_to_end((collection, name))
        if len(self._states) > limits.MAX_STALE_RESOURCES:
            self._states.popitem(last=False)

    def read(
        self, collection: Collection, name: str, resource: Resource | None, lag: Lag, now: int
    ) -> Resource | None:
        """Return a resource as a reader sees it who lags behind; None where it saw none."""
        states = list(self._states.get((collection, name), ()))
        if lag.seconds:
            since = now - lag.seconds * 1000
            states = [state for state in states if state[0] > since]
            return states[0][1] if states else resource
        if lag.versions and states:
            return states[-min(lag.versions, len(states))][1]
        return resource

    def clear(self) -> None:
        """Forget all of it."""
        self._states.clear()

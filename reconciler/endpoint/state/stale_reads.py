"""Earlier states of resources, to return stale reads on request."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from reconciler import limits
from reconciler.endpoint.state.tables import Collection, Resource


@dataclass(frozen=True, slots=True)
class Lag:
    """The age of a stale read, in writes of each resource or in seconds."""

    versions: int = 0
    seconds: float = 0.0


class WriteHistory:
    """The earlier states of the resources that this process wrote recently, kept in memory."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._states: OrderedDict[tuple[Collection, str], list[tuple[int, Resource | None]]]
        self._states = OrderedDict()

    def record(self, collection: Collection, name: str, before: Resource | None, now: int) -> None:
        """Record the state that a resource had until ``now``, in milliseconds since 1970."""
        with self._guard:
            states = self._states.setdefault((collection, name), [])
            states.append((now, before))
            del states[: -limits.MAX_STALE_STATES]
            self._states.move_to_end((collection, name))
            if len(self._states) > limits.MAX_STALE_RESOURCES:
                self._states.popitem(last=False)

    def read(
        self, collection: Collection, name: str, resource: Resource | None, lag: Lag, now: int
    ) -> Resource | None:
        """Return the state of a resource ``lag`` ago, or None if it did not exist."""
        states = list(self._states.get((collection, name), ()))
        if lag.seconds:
            since = now - lag.seconds * 1000
            states = [state for state in states if state[0] > since]
            return states[0][1] if states else resource
        if lag.versions and states:
            return states[-min(lag.versions, len(states))][1]
        return resource

    def clear(self) -> None:
        """Delete all states."""
        with self._guard:
            self._states.clear()

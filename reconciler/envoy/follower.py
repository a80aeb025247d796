"""Follows the state of one account and region, and keeps its control plane up to date.

A thread waits for a new revision, reads and translates it; the event loop publishes it. If the
state cannot be read, the proxies keep their configuration.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any, Protocol

from reconciler import limits
from reconciler.core.errors import ReconcilerError
from reconciler.core.resources import Key
from reconciler.envoy.control_plane import ControlPlane, Update
from reconciler.envoy.snapshot import NO_INSTANCES, Instances, Snapshot

logger = logging.getLogger("reconciler.envoy")


class StateUnreadableError(ReconcilerError):
    """The state cannot be read now."""


class LiveState(Protocol):
    """The resources of one account and region, with a revision that rises with each change."""

    def wait(self, after: int, timeout: float) -> int:
        """Return the revision when it is higher than `after`, or after `timeout` seconds.

        Raises:
            StateUnreadableError: It cannot be read.
        """

    def read(self) -> tuple[int, Iterable[tuple[Key, Mapping[str, Any]]]]:
        """Return the revision and all resources at this revision.

        Raises:
            StateUnreadableError: They cannot be read.
        """


@dataclass(slots=True)
class Follower:
    """The thread that follows the state for one control plane.

    Attributes:
        plane: The control plane.
        state: The state to follow.
        instances: Returns the instances of Cloud Map services; the same object if none changed.
        is_current: Whether the last read succeeded.
    """

    plane: ControlPlane
    state: LiveState
    loop: asyncio.AbstractEventLoop
    instances: Callable[[], Instances] = lambda: NO_INSTANCES
    is_current: bool = False
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    """Set in the event loop when the first snapshot is published."""
    waiting: int = 0
    """The streams that wait for the first snapshot; counted in the event loop."""
    _published: asyncio.Condition = field(default_factory=asyncio.Condition)
    _stopped: Event = field(default_factory=Event)
    _thread: Thread | None = None
    _served_at: float = -math.inf

    def start(self) -> None:
        """Start the thread."""
        self._thread = Thread(target=self._run, name="envoy-follower", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; it ends after at most one wait."""
        self._stopped.set()

    async def catch_up(self) -> None:
        """Wait until the control plane serves a revision that is not older than this call.

        A proxy that comes from another server may have a newer revision than this one serves, and
        would be led back. A state that cannot be read is not waited for.
        """
        await self.ready.wait()
        try:
            revision = await asyncio.to_thread(self.state.wait, -1, 0)
        except StateUnreadableError:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(limits.XDS_CATCH_UP_SECONDS), self._published:
                await self._published.wait_for(lambda: self.plane.revision >= revision)

    def join(self) -> None:
        """Wait until the thread ended, while its event loop runs."""
        if self._thread:
            self._thread.join(limits.XDS_STOP_TIMEOUT_SECONDS)

    def _run(self) -> None:
        revision, known = -1, NO_INSTANCES
        while not self._stopped.is_set():
            try:
                found = self.state.wait(revision, limits.XDS_INSTANCES_POLL_SECONDS)
                instances = self.instances()
                if found > revision:
                    revision, known = self._follow(found, instances), instances
                elif instances is not known:
                    revision, known = self._serve(self._prepare(instances)), instances
                self._report(readable=True)
            except StateUnreadableError as error:
                self._report(readable=False, reason=str(error))
                self._stopped.wait(limits.XDS_RETRY_SECONDS)
            except Exception as error:  # a bug must not end the thread
                reason = f"a bug in mesh-reconciler: {type(error).__name__}: {error}"
                self._report(readable=False, reason=reason)
                logger.debug("the bug", exc_info=error)
                self._stopped.wait(limits.XDS_RETRY_SECONDS)

    def _follow(self, found: int, instances: Instances) -> int:
        """Serve the state at revision `found`, or at one that follows it at once."""
        seen_at = time.monotonic()
        # Nothing else is to be done until it is known whether other writes follow. Among many
        # writes, most of this work would be for nothing.
        is_single = seen_at - self._served_at > limits.XDS_MAX_DEBOUNCE_SECONDS
        update = self._prepare(instances) if is_single else None
        settled = self._settled_revision(found, seen_at)
        if update is None or update.revision < settled:
            update = self._prepare(instances)
        return self._serve(update)

    def _settled_revision(self, revision: int, seen_at: float) -> int:
        """Return the last of the revisions that follow `revision` at once."""
        quiet_at = seen_at + limits.XDS_DEBOUNCE_SECONDS
        while True:
            newer = self.state.wait(revision, max(0.0, quiet_at - time.monotonic()))
            now = time.monotonic()
            if newer == revision or now >= seen_at + limits.XDS_MAX_DEBOUNCE_SECONDS:
                return newer
            revision, quiet_at = newer, now + limits.XDS_DEBOUNCE_SECONDS

    def _prepare(self, instances: Instances) -> Update:
        revision, rows = self.state.read()
        began = time.monotonic()
        snapshot = Snapshot.from_rows(
            ((key, dict(spec)) for key, spec in rows), instances, self.plane.snapshot
        )
        update = self.plane.prepare(snapshot, revision)
        self.plane.counters.count_translated(time.monotonic() - began)
        return update

    def _serve(self, update: Update) -> int:
        asyncio.run_coroutine_threadsafe(self._publish(update), self.loop).result()
        self._served_at = time.monotonic()
        return update.revision

    async def _publish(self, update: Update) -> None:
        self.plane.publish(update, time.monotonic())
        self.ready.set()
        async with self._published:
            self._published.notify_all()

    def _report(self, *, readable: bool, reason: str = "") -> None:
        if readable != self.is_current:
            if readable:
                logger.info("the state can be read; revision %d is served", self.plane.revision)
            else:
                logger.error(
                    "the state cannot be read, proxies keep their configuration: %s", reason
                )
        self.is_current = readable

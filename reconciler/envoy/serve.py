"""Runs the server of Envoys in a thread of its own."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self

from reconciler import limits
from reconciler.core.errors import UsageError
from reconciler.envoy.ads_server import AdsServer, TooManyScopesError
from reconciler.envoy.ads_session import AdsSession
from reconciler.envoy.bootstrap import Address
from reconciler.envoy.control_plane import ControlPlane
from reconciler.envoy.counters import Counters
from reconciler.envoy.follower import Follower, LiveState, StateUnreadableError
from reconciler.envoy.instance_source import InstanceSource, NoInstances
from reconciler.envoy.metrics import Scrape
from reconciler.envoy.node_identity import NodeIdentity, ProxyId
from reconciler.envoy.proxy_state import ProxyHistory
from reconciler.envoy.proxy_status import plane_status
from reconciler.envoy.server_tls import ServerTls, server_credentials
from reconciler.envoy.snapshot import CloudMapQuery
from reconciler.envoy.translate import TranslateOptions

SOCKET_MODE = 0o660


@dataclass(eq=False)
class EnvoyServer:
    """A context manager that serves Envoys until the block ends.

    Attributes:
        addresses: The addresses to listen on.
        state_of: Returns the state of an account and a region.
        identity: How node ids and certificates name proxies.
        options: The settings of the translation.
        instances: The source of the instances of Cloud Map services.
        tls: The certificate of the server on TCP, and the authority of its clients; None for plain
            TCP, on which any client can read the configuration of any proxy.
        socket_mode: The permissions of unix sockets.
        make_session: Returns the session of a stream.
    """

    addresses: Sequence[Address]
    state_of: Callable[[str, str], LiveState]
    identity: NodeIdentity
    options: TranslateOptions = field(default_factory=TranslateOptions)
    instances: InstanceSource = field(default_factory=NoInstances)
    tls: ServerTls | None = None
    socket_mode: int = SOCKET_MODE
    make_session: Callable[[ProxyHistory], AdsSession] = AdsSession
    counters: Counters = field(default_factory=Counters, init=False)
    _followers: dict[tuple[str, str], Follower] = field(default_factory=dict, init=False)
    _loop: asyncio.AbstractEventLoop = field(init=False, repr=False)
    _server: AdsServer = field(init=False, repr=False)
    _thread: Thread = field(init=False, repr=False)

    def __enter__(self) -> Self:
        """Listen on all addresses, and serve.

        Raises:
            UsageError: An address cannot be used, or a file of TLS cannot be read.
        """
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="envoy-server", daemon=True)
        self._thread.start()
        try:
            self._run(self._start()).result()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End all streams; the proxies keep their configuration."""
        self._run(self._stop()).result()
        self._end()
        for address in self.addresses:
            if address.path:
                Path(address.path).unlink(missing_ok=True)

    def status(self) -> list[dict[str, Any]]:
        """Return the status of the proxies of each account and region that has any."""
        found: list[dict[str, Any]] = self._run(self._status()).result(
            limits.XDS_STATUS_TIMEOUT_SECONDS
        )
        return found

    def metrics(self) -> str:
        """Return the metrics in the text format of Prometheus."""
        text: str = self._run(self._metrics()).result(limits.XDS_STATUS_TIMEOUT_SECONDS)
        return text

    def is_current(self) -> bool:
        """Return whether the state of each account and region could be read."""
        found: bool = self._run(self._is_current()).result(limits.XDS_STATUS_TIMEOUT_SECONDS)
        return found

    def _run(self, work: Any) -> "Future[Any]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        self._server = AdsServer(
            self.identity,
            self._plane_of,
            requires_certificate=self.tls is None or self.tls.client_ca is not None,
        )
        credentials = None if self.tls is None else server_credentials(self.tls)
        for address in self.addresses:
            if address.path:
                self._listen_on_socket(address.path)
            else:
                self._listen(f"{address.host}:{address.port}", credentials)
        # A server that never had proxies must know earlier states when those of another one come.
        follower = self._follow(self.identity.account, self.identity.region)
        with suppress(TimeoutError):
            await asyncio.wait_for(follower.ready.wait(), limits.XDS_CATCH_UP_SECONDS)
        self.instances.start(self._queries)
        await self._server.start()

    def _listen_on_socket(self, path: str) -> None:
        socket = Path(path)
        if socket.exists() and not socket.is_socket():
            raise UsageError(f"{path} is not a socket: remove it, or pass another --xds unix:PATH")
        before = os.umask(0o777 & ~self.socket_mode)
        try:
            socket.unlink(missing_ok=True)
            self._listen(f"unix:{path}", None)
        except OSError as error:
            raise UsageError(f"listening on {path}: {error.strerror}") from error
        finally:
            os.umask(before)

    def _listen(self, address: str, credentials: Any) -> None:
        try:
            self._server.listen(address, credentials)
        except RuntimeError as error:
            text = f"cannot listen on {address}: it is in use, or not an address of this machine"
            raise UsageError(text) from error

    async def _stop(self) -> None:
        self.instances.stop()
        for follower in self._followers.values():
            follower.stop()
        await self._server.stop()
        for follower in self._followers.values():
            await asyncio.to_thread(follower.join)

    async def _status(self) -> list[dict[str, Any]]:
        now = time.monotonic()
        return [
            {
                "account": account,
                "region": region,
                "is_current": follower.is_current,
                "instances_error": self.instances.health.error or None,
                **plane_status(follower.plane, now),
            }
            for (account, region), follower in sorted(self._followers.items())
        ]

    async def _metrics(self) -> str:
        planes = tuple(follower.plane for follower in self._followers.values())
        age = self.instances.health.age(time.monotonic())
        return Scrape(self.counters, planes, await self._is_current(), age).exposition()

    async def _is_current(self) -> bool:
        return all(follower.is_current for follower in self._followers.values())

    async def _plane_of(self, proxy: ProxyId) -> ControlPlane:
        scope = proxy.account, proxy.region
        if scope not in self._followers:
            self._forget_unused()
            own = self.identity.account, self.identity.region
            others = [item for name, item in self._followers.items() if name != own]
            empty = [item for item in others if not item.plane.has_resources]
            is_full = len(empty) >= limits.XDS_MAX_EMPTY_SCOPES
            if is_full and not await asyncio.to_thread(self._has_resources, *scope):
                raise TooManyScopesError(
                    f"account {proxy.account} and region {proxy.region} have no resources, and the "
                    "proxies of too many such accounts and regions are connected"
                )
        follower = self._followers.get(scope) or self._follow(*scope)
        follower.waiting += 1
        try:
            await follower.catch_up()
        finally:
            follower.waiting -= 1
        return follower.plane

    def _queries(self) -> set[CloudMapQuery]:
        """Return the queries of all nodes; called in another thread."""
        snapshots = [follower.plane.snapshot for follower in [*self._followers.values()]]
        return {query for it in snapshots if it is not None for query in it.cloud_map_queries}

    def _follow(self, account: str, region: str) -> Follower:
        plane = ControlPlane(self.options, self.make_session, self.counters)
        state = self.state_of(account, region)
        follower = Follower(plane, state, asyncio.get_running_loop(), self.instances.read)
        self._followers[account, region] = follower
        follower.start()
        return follower

    def _has_resources(self, account: str, region: str) -> bool:
        try:
            _, rows = self.state_of(account, region).read()
        except StateUnreadableError:
            return False
        return any(True for _ in rows)

    def _forget_unused(self) -> None:
        """Stop to follow accounts and regions without resources, proxies and waiting streams."""
        own = self.identity.account, self.identity.region
        for scope, follower in list(self._followers.items()):
            plane = follower.plane
            is_used = plane.has_resources or follower.waiting or any(plane.connected())
            if scope != own and not is_used:
                follower.stop()
                del self._followers[scope]

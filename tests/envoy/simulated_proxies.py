"""Proxies that accept everything at once, many in one thread."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Thread
from typing import Any

import grpc
from envoy.ads_client import METHOD

from reconciler.envoy.encoding import message_class
from reconciler.envoy.proxy_state import CLUSTERS, LISTENERS, ROUTES


class Proxy:
    """One stream.

    Attributes:
        last: When it took its last routes.
    """

    def __init__(self, channel: grpc.aio.Channel, node: str, tables: Sequence[str]) -> None:
        """Open the stream of a node, which has these tables of routes."""
        parse = message_class("envoy.service.discovery.v3.DiscoveryResponse").FromString
        self._call = channel.stream_stream(METHOD, response_deserializer=parse)()
        self._node, self._tables = node, tables
        self.last = -1.0

    async def run(self) -> None:
        """Accept everything until the stream ends."""
        for kind in (CLUSTERS, LISTENERS, ROUTES):
            await self._ask(kind)
        while (response := await self._call.read()) is not grpc.aio.EOF:
            if response.type_url == ROUTES:
                self.last = time.perf_counter()
            await self._ask(response.type_url, response.version_info, response.nonce)

    async def _ask(self, kind: str, version: str = "", nonce: str = "") -> None:
        request: Any = message_class("envoy.service.discovery.v3.DiscoveryRequest")(
            type_url=kind,
            version_info=version,
            response_nonce=nonce,
            resource_names=self._tables if kind == ROUTES else (),
        )
        request.node.id = self._node
        await self._call.write(request.SerializeToString())


@contextmanager
def simulated(address: str, nodes: Sequence[str], tables: Sequence[str]) -> Iterator[None]:
    """Connect a proxy for each node, until the block ends; each has its routes first."""

    async def connect() -> list["asyncio.Task[None]"]:
        channel = grpc.aio.insecure_channel(address)
        proxies = [Proxy(channel, node, tables) for node in nodes]
        tasks = [asyncio.create_task(proxy.run()) for proxy in proxies]
        while min(proxy.last for proxy in proxies) < 0:  # noqa: ASYNC110  # no one event
            await asyncio.sleep(0.01)
        return tasks

    async def disconnect(tasks: list["asyncio.Task[None]"]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    try:
        tasks = asyncio.run_coroutine_threadsafe(connect(), loop).result(120)
        yield
        asyncio.run_coroutine_threadsafe(disconnect(tasks), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

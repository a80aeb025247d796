"""An Envoy, servers behind it and requests to it, in a network namespace of their own.

Run as a program, it reads commands from standard input, one JSON list in a line, and answers each
with one line. A namespace is needed because a gateway listens on a fixed port.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from typing import Any


class Traffic:
    """The servers, the requests and their results."""

    def __init__(self, port: int) -> None:
        """Create it; `port` is that of the gateway."""
        self._port = port
        self._servers: dict[int, asyncio.Server] = {}
        self._results: Counter[str] = Counter()
        self._first: dict[str, float] = {}
        self._workers: list[asyncio.Task[None]] = []
        self._envoy: asyncio.subprocess.Process | None = None

    async def envoy(self, program: str, config: str, log: str) -> str:
        """Start Envoy, or start it again."""
        with open(log, "ab") as file:  # noqa: ASYNC230, PTH123  # a test
            self._envoy = await asyncio.create_subprocess_exec(
                program, "-c", config, "-l", "warning", "--use-dynamic-base-id", stderr=file
            )
        return "started"

    async def serve(self, port: int, answer: str) -> str:
        """Serve requests with `answer`."""
        body = answer.encode()
        reply = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while await reader.readuntil(b"\r\n\r\n"):
                    writer.write(reply)
                    await writer.drain()
            except (asyncio.IncompleteReadError, OSError):
                pass
            finally:
                writer.close()

        self._servers[port] = await asyncio.start_server(handle, "127.0.0.1", port)
        return "serving"

    async def load(self, workers: int, pause: float) -> str:
        """Send requests until the end, one after another on each of some connections."""
        self._workers += [asyncio.create_task(self._requests(pause)) for _ in range(workers)]
        return "loading"

    async def results(self) -> str:
        """Return the number of requests by their result since the last call."""
        found, self._results = self._results, Counter()
        self._first.clear()
        return json.dumps(found)

    async def first(self, answer: str, seconds: float) -> str:
        """Return when the load got this answer first since the last results."""
        deadline = time.monotonic() + seconds
        while answer not in self._first:
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.005)
        return json.dumps(self._first.get(answer, "never"))

    async def until(self, answer: str, seconds: float) -> str:
        """Send requests until one is answered so, and return the seconds that this took."""
        start = time.monotonic()
        found = ""
        while time.monotonic() < start + seconds:
            found = await self._request(None)
            if found == answer:
                return json.dumps(time.monotonic() - start)
            await asyncio.sleep(0.002)
        return json.dumps(f"never, but {found}")

    async def stop(self) -> None:
        """End Envoy."""
        if self._envoy:
            self._envoy.kill()
            await self._envoy.wait()

    async def _requests(self, pause: float) -> None:
        connection: list[Any] = []
        while True:
            answer = await self._request(connection)
            self._results[answer] += 1
            self._first.setdefault(answer, time.monotonic())
            await asyncio.sleep(pause)

    async def _request(self, connection: list[Any] | None) -> str:
        kept = [] if connection is None else connection
        try:
            if not kept:
                kept[:] = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = kept
            writer.write(b"GET / HTTP/1.1\r\nhost: s.local\r\n\r\n")
            # `asyncio.wait_for` of Python 3.11 may lose the cancellation at the end.
            async with asyncio.timeout(20):
                head = await reader.readuntil(b"\r\n\r\n")
            fields = head.decode().lower().split("\r\n")
            length = next(int(it[15:]) for it in fields if it.startswith("content-length:"))
            body = await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError, TimeoutError, StopIteration) as error:
            kept.clear()
            return f"failed {type(error).__name__}"
        if connection is None:
            writer.close()
        status = fields[0].split()[1]
        return body.decode() if status == "200" else f"failed {status}"


async def main(port: int) -> None:
    """Read commands until standard input ends."""
    traffic = Traffic(port)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        name, *arguments = json.loads(line)
        answer = await getattr(traffic, name)(*arguments)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
    await traffic.stop()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))

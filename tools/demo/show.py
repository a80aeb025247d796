"""Edits the weights, shows where the requests go, and measures how soon they follow."""

import statistics
import time

from demo.processes import DemoError
from demo.screen import Screen, bar
from demo.stack import Stack
from demo.traffic import Traffic

WEIGHTS = ((90, 10), (50, 50), (0, 100))
FRAMES_PER_SECOND = 12
FOLLOW_SECONDS = 20.0


def show(stack: Stack, screen: Screen, seconds: float, edits: int) -> None:
    """Show each weight for some seconds, then measure edits from one version to the other."""
    with Traffic(stack.gateway_port) as traffic:
        screen.print("\nroute.yaml: v1 weight 100, v2 weight 0")
        _show_shares(stack, traffic, screen, seconds)
        for v1, v2 in WEIGHTS:
            stack.set_weights(v1, v2)
            screen.print(f"route.yaml edited: v1 weight {v1}, v2 weight {v2}")
            _show_shares(stack, traffic, screen, seconds)
        delays = []
        for number in range(edits):
            screen.moving(f"measuring edit {number + 1} of {edits}")
            delays.append(_measure(stack, traffic, "v1" if number % 2 == 0 else "v2"))
    screen.print()
    if delays:
        screen.print(summary(delays))
    screen.print(f"{traffic.requests:,} requests were sent all the time; {traffic.failed} failed.")


def summary(delays: list[float]) -> str:
    """Return a line with the median and the 95th percentile of delays in seconds."""
    milliseconds = sorted(delay * 1000 for delay in delays)
    p50 = statistics.median(milliseconds)
    p95 = milliseconds[max(-(-95 * len(milliseconds) // 100) - 1, 0)]
    edits = f"{len(delays)} edits, from the file to the first request at the new version"
    return f"{edits}: p50 {p50:.0f} ms, p95 {p95:.0f} ms."


def _show_shares(stack: Stack, traffic: Traffic, screen: Screen, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        stack.processes.check()
        screen.moving(bar(traffic.shares()))
        time.sleep(1 / FRAMES_PER_SECOND)
    screen.print(bar(traffic.shares(end - seconds / 2)))


def _measure(stack: Stack, traffic: Traffic, version: str) -> float:
    # A request that an earlier edit sent to this version must not count.
    other = "v2" if version == "v1" else "v1"
    if not traffic.has_settled(other, FOLLOW_SECONDS):
        raise _not_followed(stack, other)
    edited = time.monotonic()
    stack.set_weights(*((100, 0) if version == "v1" else (0, 100)))
    first = traffic.first_answer(version, edited, FOLLOW_SECONDS)
    if first is None:
        raise _not_followed(stack, version)
    return first - edited


def _not_followed(stack: Stack, version: str) -> DemoError:
    stack.processes.check()
    reason = stack.processes.last("daemon")
    return DemoError(
        f"requests did not move to {version} in {FOLLOW_SECONDS:.0f} s;"
        f" last line of the daemon: {reason}"
    )

"""A pushed commit and a change by hand, up to the requests through a real Envoy."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from secrets import token_hex
from statistics import quantiles

import pytest
from amounts import amount
from daemons import eventually
from envoy.live_site import (
    GATEWAY_PORT,
    PAUSE_SECONDS,
    ROUTER_PORT,
    Site,
    node_spec,
    route_spec,
)
from envoy.meshes import Specs, listening, to_router
from git_servers import git_server
from manifest_text import manifest_text
from repository import git, publish
from webhooks import send_push

from bench.daemon import daemon

PUSHES = amount("pushes that requests through a real Envoy follow", test=2, full=20)
OPTIONS = ("--cache-dir", "cache", "--poll", "3600", "--region", "us-east-1")
pytestmark = [pytest.mark.process, pytest.mark.unmeasured]


def specs(target: int) -> Specs:
    """Return the mesh of the site, with all requests for one node."""
    action = {"target": {"virtualService": {"virtualServiceName": "s.local"}}}
    return {
        "mesh/m": {},
        "virtual-node/m/n0": node_spec(0),
        "virtual-node/m/n1": node_spec(1),
        "virtual-router/m/r": listening("http", ROUTER_PORT),
        "virtual-service/m/s.local": to_router("r"),
        "route/m/r/x": route_spec({target: 1}),
        "virtual-gateway/m/g": listening("http", GATEWAY_PORT),
        "gateway-route/m/g/y": {"httpRoute": {"match": {"prefix": "/"}, "action": action}},
    }


@dataclass(frozen=True)
class Repository:
    """A clone, and the daemon that follows its origin."""

    clone: Path
    daemon_url: str
    secret: Path

    def push(self, target: int) -> None:
        """Edit, commit and push, and send the webhook."""
        (self.clone / "m.yaml").write_text(manifest_text(specs(target)))
        git(self.clone, "commit", "--quiet", "--all", "--message", f"Lead requests to n{target}")
        git(self.clone, "push", "--quiet")
        send_push(self.daemon_url, self.secret)


@contextmanager
def reconciled(site: Site, directory: Path) -> Iterator[Repository]:
    """Serve a repository, and run a daemon that applies it to the site."""
    first, served, clone = (directory / name for name in ("first", "served", "clone"))
    first.mkdir()
    served.mkdir()
    (first / "m.yaml").write_text(manifest_text(specs(0)))
    publish(first, served / "meshes.git")
    git(directory, "clone", "--quiet", str(served / "meshes.git"), str(clone))
    secret = directory / "webhook-secret"
    secret.touch(mode=0o600)
    secret.write_text(token_hex())
    webhook = ("--webhook-secret-file", str(secret))
    with git_server(served) as server:
        source = (f"git+{server.url}/meshes.git", *OPTIONS, *webhook)
        with daemon(directory, site.url, "1", "000000000000", *source) as (_, _, url):
            yield Repository(clone, url, secret)


def test_requests_follow_a_push_and_return_from_a_change_by_hand(
    site: Site, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    site.endpoint()
    site.serve(0)
    site.serve(1)
    with reconciled(site, tmp_path) as repository:
        site.start_envoy()
        site.until("n0")
        site.tell("load", 4, PAUSE_SECONDS)
        waits = []
        for number in range(PUSHES):
            target = (number + 1) % 2
            eventually(partial(site.has_settled, f"n{1 - target}"))
            began = time.monotonic()
            repository.push(target)
            waits.append(site.first(f"n{target}") - began)
        eventually(partial(site.has_settled, f"n{PUSHES % 2}"))
        other = (PUSHES + 1) % 2
        site.route_to({other: 1})
        away = site.first(f"n{other}")
        eventually(partial(site.has_settled, f"n{PUSHES % 2}"))
        back = time.monotonic() - away
    p95 = quantiles(waits, n=20)[18]
    words = "from git push with its webhook to the first request elsewhere"
    record_property("figure", f"envoy: {PUSHES} pushes, {words}: p95 {p95:.2f} s")
    record_property("figure", f"envoy: a change by hand was undone after {back:.2f} s")
    record_property("measured: pushes", p95)
    record_property("measured: undone", back)

"""PostgreSQL goes away under a daemon and Terraform: both wait, and finish when it is back."""

import re
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3
from amounts import FULL, amount
from conftest import Start, Write
from daemons import eventually
from endpoint.conftest import Client
from endpoint.postgresql import PostgreSQL, postgresql
from manifest_text import mesh_yaml
from terraform import Terraform, configuration, require_mirror

from reconciler.endpoint import LocalEndpoint

pytestmark = [pytest.mark.slow, pytest.mark.process]

AWAY_SECONDS = amount("seconds without PostgreSQL under a daemon", test=1, full=30)
SCOPE = ("123456789012", "eu-west-1")


@contextmanager
def served() -> Iterator[tuple[PostgreSQL, Client, str]]:
    with postgresql() as server, LocalEndpoint(None, store=server.url()) as endpoint:
        yield server, Client(endpoint.url), endpoint.url


def endpoint_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.message for each in caplog.records if each.levelname != "INFO"]


def test_a_daemon_alerts_once_and_finishes(
    write: Write, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    path = write("manifests/a.yaml", mesh_yaml("a", "DROP_ALL"))
    write("manifests/b.yaml", mesh_yaml("b", "DROP_ALL"))
    lines: list[str] = []
    with served() as (server, client, url):
        process = start("manifests", "--interval", "1", "--policy", "sync", url=url)
        assert process.stderr
        following = threading.Thread(target=lines.extend, args=(process.stderr,))
        following.start()
        eventually(lambda: any("cycle done: 0 changes" in line for line in lines))
        server.kill()
        path.write_text(mesh_yaml("a", "ALLOW_ALL"))
        path.with_name("b.yaml").unlink()
        path.with_name("c.yaml").write_text(mesh_yaml("c"))
        time.sleep(AWAY_SECONDS)
        eventually(lambda: any(" ERROR " in line for line in lines))
        before = len(lines)
        server.start()
        eventually(lambda: any("cycle done: 0 changes" in line for line in lines[before:]))
        process.send_signal(signal.SIGTERM)
        following.join()
        shown = [client.describe(name, SCOPE) for name in "abc"]
        calls = urllib3.request("GET", f"{url}/_endpoint/calls").json()["calls"]
    (alert,) = [line for line in lines if re.search(" (WARNING|ERROR) ", line)]
    assert "cycle failed, nothing was changed" in alert
    assert "the target can be read again" in "".join(lines)
    assert [each.status for each in shown] == [200, 404, 200]
    assert [shown[number].body["metadata"]["version"] for number in (0, 2)] == [2, 1]
    assert [calls[name] for name in ("CreateMesh", "UpdateMesh", "DeleteMesh")] == [3, 1, 1]
    # Each change was planned once: none from what could not be read.
    planned = [
        line for line in lines[before:] if re.search("mesh/.: (create|update|delete),", line)
    ]
    assert len(planned) == 3, planned
    lost, back = endpoint_lines(caplog)
    assert "requests are answered with 503" in lost
    assert "answers again" in back


@pytest.mark.client
@pytest.mark.skipif(not FULL, reason="Terraform waits for PostgreSQL in make full")
def test_terraform_finishes(tmp_path: Path) -> None:
    plugins = require_mirror()
    with served() as (server, client, url), ThreadPoolExecutor(1) as pool:
        terraform = Terraform(tmp_path, plugins)
        terraform.configure(url, configuration("pay"))
        terraform("init")
        applying = pool.submit(terraform, "apply", "-auto-approve")
        while client.describe("pay", SCOPE).status != 200:
            assert not applying.done()
        server.kill()
        time.sleep(AWAY_SECONDS)
        server.start()
        assert "7 added, 0 changed, 0 destroyed" in applying.result()
        terraform("plan", "-detailed-exitcode")

"""The status of a server of Envoys over HTTP: probes, proxies and metrics."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import NoReturn, cast
from urllib.parse import urlsplit

import pytest
from conftest import Cli
from daemons import eventually
from envoy.ads_client import NODE, client, request
from envoy.live_states import ChangingState, served
from envoy.meshes import backend, shop
from programs import require_program

from reconciler.cli.xds_options import probe_documents, proxy_documents
from reconciler.endpoint import LocalEndpoint
from reconciler.envoy.instances_file import InstancesFile
from reconciler.envoy.serve import EnvoyServer
from reconciler.serving.documents import DocumentsApp
from reconciler.serving.http_server import listen, run_server, url_of
from reconciler.serving.protocol import Limits


class NotResponding:
    """A server whose event loop does not respond."""

    def status(self) -> NoReturn:
        raise TimeoutError

    metrics = is_current = status


@contextmanager
def shown(server: EnvoyServer) -> Iterator[str]:
    documents = {**probe_documents(server), **proxy_documents(server)}
    with (
        listen("127.0.0.1", 0, insecure=False) as socket,
        run_server(DocumentsApp(documents), socket, connection_limits=Limits()),
    ):
        yield url_of(socket)


def get(url: str, path: str, method: str = "GET", host: str = "127.0.0.1") -> tuple[int, str]:
    connection = HTTPConnection(urlsplit(url).netloc)
    with closing(connection):
        connection.request(method, path, headers={"Host": host})
        response = connection.getresponse()
        return response.status, response.read().decode()


def values(text: str) -> dict[str, float]:
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name.removeprefix("mesh_reconciler_xds_"): float(value) for name, _, value in lines}


def test_the_metrics_count_what_the_proxies_do(tmp_path: Path) -> None:
    state = ChangingState(shop(virtual_node__m__a=backend("none.local", "s.local")))
    with served(state, tmp_path) as server, client(f"unix:{tmp_path}/xds.sock") as proxy:
        assert proxy.clusters()
        before = values(server.metrics())
        assert before["streams"] == 1
        assert before["behind_streams"] == 1  # it has not asked for listeners
        assert before['pushes_total{type="clusters"}'] == 1
        assert before['pushes_total{type="routes"}'] == 0
        assert before['losses{grade="warn"}'] == 1
        assert before["state_readable"] == 1
        assert before["held_meshes"] == 0
        assert before["instances_age_seconds"] == 0
        assert before["translate_seconds_count"] == 1
        state.change(shop(virtual_node__m__a=backend("t.local")))
        response = proxy.receive()
        rejection = request(type_url=response.type_url, response_nonce=response.nonce)
        rejection.error_detail.message = "no"
        proxy.send(rejection)
        proxy.send(request(type_url="another", response_nonce="1"))
        eventually(lambda: values(server.metrics())['nacks_total{type="clusters"}'] == 1)
        after = values(server.metrics())
        assert after["translate_seconds_count"] == 2
        assert after["push_seconds_count"] == 0
        proxy.close()
        eventually(lambda: values(server.metrics())["streams"] == 0)
        assert values(server.metrics())["push_seconds_count"] == 1
        state.fail("lost")
        eventually(lambda: values(server.metrics())["state_readable"] == 0)


@pytest.mark.process
def test_prometheus_reads_the_metrics(tmp_path: Path) -> None:
    promtool = require_program("promtool", purpose="the metrics of the server of Envoys")
    with served(ChangingState(shop()), tmp_path) as server:
        text = server.metrics()
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_the_documents_are_read_over_http(tmp_path: Path) -> None:
    state = ChangingState(shop())
    with served(state, tmp_path) as server, shown(server) as url:
        eventually(lambda: get(url, "/_endpoint/ready")[0] == 200)
        assert get(url, "/_endpoint/health") == (200, '{"status": "alive"}')
        (scope,) = json.loads(get(url, "/_endpoint/proxies")[1])
        assert scope["instances_error"] is None
        assert "mesh_reconciler_xds_streams 0.0\n" in get(url, "/_endpoint/metrics")[1]
        assert get(url, "/")[0] == 404
        assert get(url, "/_endpoint/proxies", "POST")[0] == 405
        assert get(url, "/_endpoint/proxies", host="example.com")[0] == 403
        state.fail("lost")
        eventually(lambda: get(url, "/_endpoint/ready")[0] == 503)
        assert get(url, "/_endpoint/health")[0] == 200


def test_a_server_that_does_not_respond_is_not_healthy() -> None:
    with shown(cast("EnvoyServer", NotResponding())) as url:
        for path in ("health", "ready", "proxies", "metrics"):
            status, text = get(url, f"/_endpoint/{path}")
            assert (status, json.loads(text)["message"]) == (
                503,
                "the server of Envoys does not respond",
            )


@pytest.mark.process
def test_envoy_serve_has_the_paths_of_the_endpoint(here: Path, cli: Cli) -> None:
    with LocalEndpoint(here / ".reconciler"):
        command = [sys.executable, "-m", "reconciler", "envoy", "serve", "--xds", "unix:x.sock"]
        command += ["--listen", "127.0.0.1:0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            line = next(line for line in process.stdout if "their status at" in line)
            url = line.split("their status at ")[1].split(";")[0]
            assert get(url, "/_endpoint/ready")[0] == 200
            with client(f"unix:{here}/x.sock") as proxy:
                proxy.send(request(NODE))
                eventually(lambda: "virtual-node/m/a" in get(url, "/_endpoint/proxies")[1])
            assert "account 000000000000" in cli("envoy", "proxies", "--url", url).out
            process.terminate()
            assert process.wait() == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--listen", "example.com:1"), "cannot serve the status: example.com is not a loopback"),
        (("--listen", "x"), 'invalid --listen "x": use HOST:PORT'),
        (("--cloud-map", "--instances", "i"), "pass either --instances FILE or --cloud-map"),
    ],
)
def test_a_wrong_option_is_wrong_usage(
    cli: Cli, here: Path, arguments: tuple[str, ...], text: str
) -> None:
    with LocalEndpoint(here / ".reconciler"):
        pass
    done = cli("envoy", "serve", "--xds", f"unix:{here}/x.sock", *arguments)
    assert done.code == 64
    assert text in done.err


def test_instances_that_cannot_be_read_are_shown(tmp_path: Path, cli: Cli) -> None:
    file = tmp_path / "instances.yaml"
    file.write_text("[]")
    source = InstancesFile(file)
    with served(ChangingState(shop()), tmp_path, instances=source) as server:
        eventually(lambda: source.health.read_at is not None)
        assert values(server.metrics())["instances_age_seconds"] >= 0
        file.write_text("wrong: [")
        eventually(lambda: source.health.error != "")
        with shown(server) as url:
            text = cli("envoy", "proxies", "--url", url).out
    assert f"! the instances cannot be read, the last ones are kept: reading {file}" in text

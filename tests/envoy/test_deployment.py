"""The Envoys of the deployment files: their bootstraps, sockets, certificates and redirect."""

from pathlib import Path

import pytest
from conftest import Cli
from daemons import eventually
from deploy_files import DEPLOY, instructions, read, read_all
from envoy.envoys import Envoy
from envoy.live_states import ChangingState, served

from reconciler.cli.xds_options import probe_documents

COMPOSE = read("compose-envoy.yaml")["services"]
POD = read("kubernetes-envoy/application/deployment.yaml")["spec"]["template"]["spec"]
SERVER, SERVICE = read_all("kubernetes-envoy/xds.yaml")
ENVOY_USER = "1337"
TLS = [f"--xds-{name}=/tls/{file}" for name, file in
       (("cert", "tls.crt"), ("key", "tls.key"), ("ca", "ca.crt"))]  # fmt: skip
BOOTSTRAPS = {
    "envoy/gateway.yaml": ("virtual-gateway/demo/entry", "unix:/work/xds/xds.sock"),
    "envoy/checkout-v1.yaml": ("virtual-node/demo/checkout-v1", "unix:/work/xds/xds.sock"),
    "envoy/checkout-v2.yaml": ("virtual-node/demo/checkout-v2", "unix:/work/xds/xds.sock"),
    "kubernetes-envoy/application/web.yaml": (
        "virtual-node/payments/web",
        "xds.mesh-endpoint.svc:18000",
    ),
}


@pytest.mark.parametrize(("name", "proxy"), BOOTSTRAPS.items())
def test_each_bootstrap_is_printed_by_the_command(
    name: str, proxy: tuple[str, str], cli: Cli
) -> None:
    key, address = proxy
    files = [] if address.startswith("unix:") else TLS
    done = cli("envoy", "bootstrap", key, f"--xds={address}", *files)
    assert (done.code, done.out) == (0, (DEPLOY / name).read_text("utf-8"))


@pytest.mark.process
def test_envoy_accepts_the_bootstraps(newest_envoy: Envoy) -> None:
    for name, (_, address) in BOOTSTRAPS.items():
        # Files of TLS are in the pods alone.
        if address.startswith("unix:"):
            assert newest_envoy.rejection(read(name)) == ""


def test_envoys_of_the_trial_may_open_the_socket_and_are_not_redirected() -> None:
    user, _, group = dict(instructions())["USER"].partition(":")
    assert user == group
    assert "mkdir -m 750 /work/xds" in " ".join(text for word, text in instructions())
    assert "--xds=unix:/work/xds/xds.sock" in COMPOSE["endpoint"]["command"]
    for name in ("gateway", "v1-envoy", "v2-envoy"):
        assert COMPOSE[name]["user"] == f"{ENVOY_USER}:{group}"
        assert "xds:/work/xds" in COMPOSE[name]["volumes"]


def test_the_trial_redirects_each_node_before_its_envoy_starts() -> None:
    for name in ("v1", "v2"):
        assert COMPOSE[f"{name}-redirect"]["network_mode"] == f"service:{name}"
        assert COMPOSE[f"{name}-envoy"]["network_mode"] == f"service:{name}"
        assert f"{name}-redirect" in COMPOSE[f"{name}-envoy"]["depends_on"]
        *_, listen, port, version = COMPOSE[name]["entrypoint"]
        assert (listen, version) == ("127.0.0.1", name)
        assert COMPOSE[f"{name}-redirect"]["command"][-1] == port
        bootstrap = f"./envoy/checkout-{name}.yaml:/etc/envoy.yaml:ro"
        assert bootstrap in COMPOSE[f"{name}-envoy"]["volumes"]


def test_the_pod_has_the_redirect_that_live_tests_use() -> None:
    copy = DEPLOY / "kubernetes-envoy/application/redirect.sh"
    assert copy.read_text("utf-8") == (DEPLOY / "envoy/redirect.sh").read_text("utf-8")
    (redirect,) = POD["initContainers"]
    application, envoy = POD["containers"]
    assert redirect["command"][-1] == str(application["ports"][0]["containerPort"])
    assert str(envoy["securityContext"]["runAsUser"]) == ENVOY_USER
    assert POD["securityContext"]["fsGroup"] == envoy["securityContext"]["runAsGroup"]
    mounts = {it["name"]: it["mountPath"] for it in envoy["volumeMounts"]}
    assert envoy["command"] == ["envoy", "-c", f"{mounts['envoy']}/web.yaml"]


def test_the_probes_of_the_server_are_paths_that_it_serves(tmp_path: Path) -> None:
    (container,) = SERVER["spec"]["template"]["spec"]["containers"]
    probes = {name: it["httpGet"] for name, it in container.items() if name.endswith("Probe")}
    assert {it["port"] for it in probes.values()} == {"http"}
    ports = {it["name"]: it["containerPort"] for it in container["ports"]}
    assert f"--listen=0.0.0.0:{ports['http']}" in container["args"]
    state = ChangingState({})
    with served(state, tmp_path) as server:
        documents = probe_documents(server)
        startup, liveness, readiness = (
            documents[probes[f"{name}Probe"]["path"]]
            for name in ("startup", "liveness", "readiness")
        )
        eventually(lambda: startup().status == 200)
        assert liveness().status == readiness().status == 200
        state.fail("lost")
        eventually(lambda: startup().status == 503)
        # Its Envoys keep their last state, and others come to it.
        assert liveness().status == readiness().status == 200


def test_the_pod_reaches_the_server_by_its_name() -> None:
    host, _, port = BOOTSTRAPS["kubernetes-envoy/application/web.yaml"][1].partition(":")
    namespace = read("kubernetes-envoy/kustomization.yaml")["namespace"]
    assert host == f"{SERVICE['metadata']['name']}.{namespace}.svc"
    (container,) = SERVER["spec"]["template"]["spec"]["containers"]
    assert f"--xds=0.0.0.0:{port}" in container["args"]
    assert set(TLS) <= set(container["args"])
    assert [it["port"] for it in SERVICE["spec"]["ports"]] == [int(port)]
    server, database = read_all("kubernetes-envoy/network-policy.yaml")
    assert server["spec"]["ingress"][0]["ports"][0]["port"] == int(port)
    assert database["spec"]["podSelector"] == {
        "matchLabels": {"app.kubernetes.io/name": "postgresql"}
    }

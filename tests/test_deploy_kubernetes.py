"""The Kubernetes manifests fit together, ask for little, and lead to a pod that reads its files."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy_files import DEPLOY, instructions, read
from programs import require_program
from run_shell import shell_in

pytestmark = pytest.mark.unmeasured

BIN = Path(sys.executable).parent
ENDPOINT = DEPLOY / "kubernetes-endpoint"


def built(kustomization: Path) -> list[dict[str, Any]]:
    kubectl = require_program("kubectl", purpose="how kustomize joins the Kubernetes manifests")
    made = subprocess.run(
        [kubectl, "kustomize", str(kustomization)], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    return list(yaml.safe_load_all(made.stdout))


@pytest.mark.process
def test_kustomize_joins_what_belongs_together(tmp_path: Path) -> None:
    shutil.copytree(DEPLOY / "kubernetes", tmp_path / "it")
    kustomization = tmp_path / "it" / "kustomization.yaml"
    text = kustomization.read_text("utf-8")
    kustomization.write_text(text.replace("# components:", "components:"), "utf-8")
    objects = {it["kind"]: it for it in built(tmp_path / "it") if it["kind"] != "ConfigMap"}
    ours = {"app.kubernetes.io/name": "mesh-reconciler"}
    pod = objects["Deployment"]["spec"]["template"]
    assert pod["metadata"]["labels"] == ours
    assert objects["Deployment"]["spec"]["replicas"] == 2
    assert objects["Service"]["spec"]["selector"] == ours
    assert objects["Service"]["metadata"]["labels"] == ours
    assert objects["NetworkPolicy"]["spec"]["podSelector"] == {"matchLabels": ours}
    for kind in ("PodDisruptionBudget", "ServiceMonitor"):
        assert objects[kind]["spec"]["selector"] == {"matchLabels": ours}
    account = objects["ServiceAccount"]["metadata"]["name"]
    assert pod["spec"]["serviceAccountName"] == account
    assert (
        len({it["metadata"]["namespace"] for it in objects.values() if it["kind"] != "Namespace"})
        == 1
    )


@pytest.mark.process
def test_the_endpoints_reach_their_database_and_are_probed_where_they_listen() -> None:
    objects = {(it["kind"], it["metadata"]["name"]): it for it in built(ENDPOINT)}
    deployment = objects["Deployment", "endpoint"]["spec"]
    assert deployment["replicas"] == 2
    (container,) = deployment["template"]["spec"]["containers"]
    (port,) = container["ports"]
    assert f"--listen=0.0.0.0:{port['containerPort']}" in container["args"]
    store = next(it for it in container["args"] if it.startswith("--store="))
    user, _, host = store.removeprefix("--store=postgresql://").rpartition("/")[0].partition("@")
    assert ("Service", host) in objects
    (server,) = objects["StatefulSet", host]["spec"]["template"]["spec"]["containers"]
    assert {"name": "POSTGRES_USER", "value": user} in server["env"]
    secrets = [
        it["valueFrom"] for each in (container, server) for it in each["env"] if "valueFrom" in it
    ]
    assert secrets[0] == secrets[1]
    assert container["livenessProbe"]["httpGet"]["path"] == "/_endpoint/health"
    assert container["readinessProbe"]["httpGet"]["path"] == "/_endpoint/ready"
    for name in ("endpoint", host):
        labels = {"app.kubernetes.io/name": name}
        assert objects["Service", name]["spec"]["selector"] == labels
        assert objects["NetworkPolicy", name]["spec"]["podSelector"] == {"matchLabels": labels}
    for each in (container, server):
        assert each["securityContext"]["readOnlyRootFilesystem"]


def test_the_pod_asks_for_little_and_is_reached_where_it_listens() -> None:
    pod = read("kubernetes/deployment.yaml")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert f"{pod['securityContext']['runAsUser']}:" in dict(instructions())["USER"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"].keys() == {"requests", "limits"}
    (port,) = container["ports"]
    assert f"--listen=0.0.0.0:{port['containerPort']}" in container["args"]
    (opened,) = read("kubernetes/network-policy.yaml")["spec"]["ingress"]
    assert [it["port"] for it in opened["ports"]] == [port["containerPort"]]


@pytest.mark.process
def test_the_pod_reads_its_configuration_as_kubelet_lays_it_out(tmp_path: Path) -> None:
    maps = [it for it in built(DEPLOY / "kubernetes") if it["kind"] == "ConfigMap"]
    for directory, data in zip(
        (tmp_path / "manifests", tmp_path), (it["data"] for it in maps), strict=True
    ):
        versioned = directory / "..2026_11_26"
        versioned.mkdir(parents=True)
        (directory / "..data").symlink_to(versioned.name)
        for name, text in data.items():
            (versioned / name).write_text(text, "utf-8")
            (directory / name).symlink_to(f"..data/{name}")
    assert (tmp_path / "reconciler.toml").exists()
    result = shell_in(tmp_path, BIN)("reconciler validate manifests --target production")
    assert result == "Valid: 0 errors, 0 warnings, 1 resource.\n"

"""The Kubernetes manifests fit together, ask for little, and lead to a pod that reads its files."""

import getpass
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
import yaml
from botocore.exceptions import ClientError
from deploy_files import DEPLOY, instructions, read
from endpoint.postgresql import url_of
from programs import require_program
from repository import publish
from run_shell import shell_in
from ssh_servers import make_key, ssh_server

from reconciler.settings.options import OPTIONS

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
    kustomization.write_text(text.replace("# - monitoring", "- monitoring"), "utf-8")
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


def lay_out(directory: Path, files: dict[str, str]) -> None:
    """Write the files of a ConfigMap or Secret as kubelet does."""
    versioned = directory / "..2026_11_26"
    versioned.mkdir(parents=True)
    (directory / "..data").symlink_to(versioned.name)
    for name, text in files.items():
        (versioned / name).write_text(text, "utf-8")
        (versioned / name).chmod(0o400)
        (directory / name).symlink_to(f"..data/{name}")


@pytest.mark.process
def test_the_pod_reads_a_config_map(tmp_path: Path) -> None:
    shutil.copytree(DEPLOY / "kubernetes", tmp_path / "it")
    kustomization = tmp_path / "it" / "kustomization.yaml"
    text = kustomization.read_text("utf-8")
    kustomization.write_text(text.replace("- git\n", "- configmap\n"), "utf-8")
    objects = built(tmp_path / "it")
    maps = [it["data"] for it in objects if it["kind"] == "ConfigMap"]
    for directory, data in zip((tmp_path / "manifests", tmp_path), maps, strict=True):
        lay_out(directory, data)
    assert (tmp_path / "reconciler.toml").exists()
    assert "mesh-reconciler-git" not in str(objects)
    result = shell_in(tmp_path, BIN)("reconciler validate --target production")
    assert result == "Valid: 0 errors, 0 warnings, 1 resource.\n"


def secret_of_the_guide(directory: Path) -> dict[str, str]:
    """Return the files of the secret of the endpoints, made by the commands of the guide."""
    require_program("openssl", purpose="deploy/secrets.sh")
    guide = (DEPLOY / "README.md").read_text("utf-8")
    (commands,) = re.findall(r"```sh\n(\. \./secrets\.sh\n.+?)```", guide, re.DOTALL)
    shutil.copy(DEPLOY / "secrets.sh", directory)
    script = f'kubectl() {{ :; }}\n{commands}printf %s "$ENDPOINT_SECRET" > access-key'
    subprocess.run(["sh", "-euc", script], cwd=directory, check=True)
    (create,) = re.findall(r"secret generic endpoint (.+?)\nkubectl", commands, re.DOTALL)
    return {
        name: (directory / name).read_text() for name in re.findall(r"--from-file=(\S+)", create)
    }


@pytest.mark.process
def test_the_endpoints_use_tls_and_accept_the_keys_of_their_secret(tmp_path: Path) -> None:
    objects = {(it["kind"], it["metadata"]["name"]): it for it in built(ENDPOINT)}
    pod = objects["Deployment", "endpoint"]["spec"]["template"]["spec"]
    (container,), (volume,) = pod["containers"], pod["volumes"]
    (mount,) = container["volumeMounts"]
    assert volume["name"] == mount["name"]
    assert volume["secret"] == {"secretName": "endpoint", "defaultMode": 0o440}
    # The group of the files is the one of the process.
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]
    probes = [container[name]["httpGet"] for name in ("livenessProbe", "readinessProbe")]
    assert [probe["scheme"] for probe in probes] == ["HTTPS", "HTTPS"]
    guide = tmp_path / "guide"
    guide.mkdir()
    files = secret_of_the_guide(guide)
    lay_out(tmp_path / "secret", files)
    here = {"0.0.0.0:8473": "127.0.0.1:0", mount["mountPath"]: str(tmp_path / "secret")}
    arguments = [it for it in container["args"] if not it.startswith("--store=")]
    for there, replacement in here.items():
        arguments = [it.replace(there, replacement) for it in arguments]
    command = [sys.executable, "-m", "reconciler", *arguments, f"--data={tmp_path}/data"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        url, authority = url_of(process), str(guide / "tls.crt")
        names = [it.partition("=")[2] for it in arguments if it.startswith("--allow-host=")]
        assert names
        for name in names:
            with urllib3.PoolManager(ca_certs=authority, assert_hostname=name) as pool:
                for probe in probes:
                    reply = pool.request("GET", url + probe["path"], headers={"Host": name})
                    assert reply.status == 200
        for secret in ("another" * 5, (guide / "access-key").read_text()):
            session = boto3.Session("COMPOSE", secret, region_name="us-east-1")
            client = session.client("appmesh", endpoint_url=url, verify=authority)
            if secret.startswith("another"):
                with pytest.raises(ClientError, match="InvalidSignatureException"):
                    client.list_meshes()
            else:
                assert client.list_meshes()["meshes"] == []
            client.close()
    finally:
        process.terminate()
        process.communicate()
    assert {*files} == {Path(it).name for it in container["args"] if mount["mountPath"] in it}


@pytest.mark.process
def test_the_pod_reads_a_repository_with_its_deploy_key(tmp_path: Path, here: Path) -> None:
    del here
    objects = {it["kind"]: it for it in built(DEPLOY / "kubernetes")}
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    places = {it["name"]: it["mountPath"] for it in container["volumeMounts"]}
    volumes = {it["name"]: it for it in pod["volumes"]}
    assert volumes["git"]["secret"] == {"secretName": "mesh-reconciler-git", "defaultMode": 0o440}
    assert volumes["cache"]["emptyDir"] == {"sizeLimit": "2Gi"}
    # The group of the files is the one of the process.
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]
    assert {"port": 22, "protocol": "TCP"} in [
        port for rule in objects["NetworkPolicy"]["spec"]["egress"] for port in rule["ports"]
    ]
    variables = {it["name"]: it["value"].replace("/work", str(tmp_path)) for it in container["env"]}
    for name, place in places.items():
        (tmp_path / place.removeprefix("/work/")).parent.mkdir(parents=True, exist_ok=True)
        assert name in volumes
    for option in (name for name in variables if name.startswith("RECONCILER_")):
        name = option.removeprefix("RECONCILER_").removeprefix("RUN_").replace("_", "-").lower()
        assert any(it.name == name and it.offered_by("run") for it in OPTIONS)

    host, key = make_key(tmp_path / "host"), make_key(tmp_path / "ours")
    assert key
    manifest = DEPLOY / "kubernetes/configmap/manifests/payments.yaml"
    (tmp_path / "files/production").mkdir(parents=True)
    shutil.copy(manifest, tmp_path / "files/production")
    publish(tmp_path / "files", tmp_path / "meshes.git")
    with ssh_server(tmp_path) as port:
        secret = {"known_hosts": f"[127.0.0.1]:{port} {host}", "webhook-secret": "a secret of ours"}
        secret["ssh-privatekey"] = (tmp_path / "ours").read_text()
        lay_out(tmp_path / "git", secret)
        (tmp_path / ".cache").mkdir()
        settings = objects["ConfigMap"]["data"]["reconciler.toml"]
        address = f"{getpass.getuser()}@127.0.0.1:{port}{tmp_path}/meshes.git"
        assert "git@git.example.com/platform/meshes.git" in settings
        (tmp_path / "reconciler.toml").write_text(
            settings.replace("git@git.example.com/platform/meshes.git", address)
        )
        result = shell_in(tmp_path, BIN)("reconciler validate --target production", **variables)
    assert result == "Valid: 0 errors, 0 warnings, 1 resource.\n"
    assert list((tmp_path / ".cache/git").glob("*.git"))

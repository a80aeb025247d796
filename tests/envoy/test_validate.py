"""``validate --envoy``: losses of the translation as diagnostics, with their place in a file."""

import json
from pathlib import Path

import pytest
from amounts import amount
from conftest import Cli, Write
from envoy.leaves import child, shape_of
from envoy.random_meshes import random_snapshots
from hypothesis import HealthCheck, given, settings

from reconciler.core.diff import split_pointer
from reconciler.envoy.losses import Loss
from reconciler.envoy.snapshot import Snapshot
from reconciler.envoy.translate import Translator, all_losses

SCENARIOS = Path(__file__).with_name("scenarios")
ACM = str(SCENARIOS / "tls-acm.yaml")
INGRESS = str(SCENARIOS / "ingress.yaml")
CLOUD_MAP = str(SCENARIOS / "cloud-map.yaml")
LOSSES = amount("random meshes for Envoy whose losses have a place", test=8, full=1000)
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
TEMPLATE = {
    "Resources": {
        "Node": {
            "Type": "AWS::AppMesh::VirtualNode",
            "Properties": {
                "MeshName": "m",
                "VirtualNodeName": "n",
                "Spec": {
                    "Listeners": [
                        {
                            "PortMapping": {"Port": 80, "Protocol": "http"},
                            "TLS": {
                                "Mode": "STRICT",
                                "Certificate": {"ACM": {"CertificateArn": "arn:aws:acm:1"}},
                            },
                        }
                    ],
                    "ServiceDiscovery": {"DNS": {"Hostname": "n.local"}},
                },
            },
        }
    }
}


def test_a_refused_part_is_a_warning_at_its_field(cli: Cli) -> None:
    assert "MR07" not in cli("validate", ACM).out
    result = cli("validate", "--envoy", ACM)
    assert result.code == 0
    assert (
        f"{ACM}:30:31: warning[MR077] spec.listeners[0].tls.certificate.acm.certificateArn: "
        "virtual-node/tls-acm/server: Envoy cannot read from ACM; "
    ) in result.out
    assert cli("validate", "--envoy", "--strict", ACM).code == 65


def test_the_place_is_that_of_any_format(cli: Cli, write: Write) -> None:
    write("t.json", json.dumps(TEMPLATE, indent=1))
    result = cli("validate", "--envoy", "t.json")
    at = "Resources.Node.Properties.Spec.Listeners[0].TLS.Certificate.ACM.CertificateArn"
    assert f"t.json:19:29: warning[MR077] {at}: virtual-node/m/n: " in result.out


def test_a_note_is_no_warning(cli: Cli) -> None:
    result = cli("validate", "--envoy", "--strict", INGRESS, "--format", "json")
    document = json.loads(result.out)
    assert (result.code, document["warning_count"], document["note_count"]) == (0, 0, 4)
    assert {item["severity"] for item in document["diagnostics"]} == {"note"}
    assert "::notice file=" in cli("validate", "--envoy", INGRESS, "--format", "github").out
    sarif = json.loads(cli("validate", "--envoy", INGRESS, "--format", "sarif").out)
    assert {it["level"] for it in sarif["runs"][0]["results"]} == {"note"}
    assert ", 4 notes, " in cli("validate", "--envoy", INGRESS).out


def test_settings_and_instances_are_those_of_the_export(cli: Cli, write: Write) -> None:
    found = "[{ipv4: 10.0.0.9, attributes: {stage: v1}}]"
    write("i.yaml", f"[{{namespace: shop, service: a, instances: {found}}}]")
    without = cli("validate", "--envoy", CLOUD_MAP).out.count("[MR078]")
    result = cli("validate", "--envoy", CLOUD_MAP, "--instances", "i.yaml")
    assert 0 < result.out.count("[MR078]") < without
    write("reconciler.toml", '[acm."arn:aws:acm:1"]\nsecret_name = "s"\n')
    write("t.json", json.dumps(TEMPLATE))
    assert "MR077" not in cli("validate", "--envoy", "t.json").out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--instances", "i.yaml"), "--instances is only for --envoy"),
        (("--envoy", "--instances", "absent"), "reading absent: No such file or directory"),
    ],
)
def test_wrong_usage_is_one_line(cli: Cli, arguments: tuple[str, ...], problem: str) -> None:
    result = cli("validate", CLOUD_MAP, *arguments)
    assert (result.code, result.err) == (64, f"reconciler: {problem}\n")


LINTS = Path(__file__).parent.parent / "manifest" / "fixtures" / "native" / "envoy-rules.yaml"


@pytest.mark.parametrize("file", [SCENARIOS / "zeros.yaml", LINTS], ids=lambda file: file.name)
def test_a_field_is_reported_once_and_nothing_of_invalid_manifests(
    cli: Cli, write: Write, file: Path
) -> None:
    write("zeros.yaml", file.read_text())
    places = [
        line.split(": ")[0]
        for line in cli("validate", "--envoy", "zeros.yaml").out.splitlines()
        if "[MR07" in line
    ]
    assert places
    assert len(places) == len(set(places))
    write("bad.yaml", "kind: Mesh")
    assert "MR077" not in cli("validate", "--envoy", "bad.yaml", ACM).out


@pytest.mark.unmeasured
@given(random_snapshots())
@settings(max_examples=LOSSES, suppress_health_check=SLOW)
def test_every_loss_is_at_a_field_that_a_manifest_can_have(snapshot: Snapshot) -> None:
    for loss in all_losses(Translator(snapshot).translate_all()):
        assert_is_field(loss)


def assert_is_field(loss: Loss) -> None:
    shape = shape_of(loss.key.kind)
    for step in split_pointer(loss.path):
        shape = child(shape, "*" if step.isdecimal() else step)

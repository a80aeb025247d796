"""The commands: export, explain and bootstrap."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import forks
import pytest
import yaml
from amounts import amount
from conftest import Cli, Write
from daemons import ended, eventually, told_of
from envoy.envoys import Envoy

from reconciler.endpoint import LocalEndpoint

pytestmark = pytest.mark.measured

SCENARIOS = Path(__file__).with_name("scenarios")
BASICS = str(SCENARIOS / "basics.yaml")
FRONT = Path("out/basics/virtual-node/front")
KEY = "virtual-node/m/a"
KILLED = amount("SIGKILL of an export", test=2, full=30)


@pytest.fixture
def on_path(newest_envoy: Envoy, monkeypatch: pytest.MonkeyPatch) -> Envoy:
    monkeypatch.setenv("PATH", str(newest_envoy.program.parent), prepend=os.pathsep)
    return newest_envoy


def test_export_writes_each_proxy_once(cli: Cli, here: Path) -> None:
    first = cli("envoy", "export", "out", BASICS)
    assert (first.code, first.err) == (0, "")
    assert first.out.endswith("Exported 3 proxies, 3 of them changed.\n")
    names = sorted(path.name for path in (here / FRONT).iterdir())
    assert names == [
        "bootstrap.yaml", "cds.json", "lds.json",
        "rds.rds_egress_http_80.json", "rds.rds_ingress_http_80.json",
    ]  # fmt: skip
    again = cli("envoy", "export", "out", BASICS)
    assert again.out == "Exported 3 proxies, 0 of them changed.\n"


@pytest.mark.unmeasured
def test_the_export_of_the_live_resources_is_that_of_their_manifests(
    cli: Cli, endpoint: LocalEndpoint
) -> None:
    target = ("--endpoint-url", endpoint.url, "--owner", "o")
    assert cli("apply", BASICS, *target, "--auto-approve").code == 0
    cli("envoy", "export", "out", BASICS)
    result = cli("envoy", "export", "out", "--live", *target)
    assert (result.code, result.err) == (0, "")
    assert result.out == "Exported 3 proxies, 0 of them changed.\n"


def test_losses_are_printed_and_strict_makes_them_errors(cli: Cli, here: Path) -> None:
    source = str(SCENARIOS / "tls-acm.yaml")
    result = cli("envoy", "export", "out", source, "--strict")
    assert result.code == 65
    assert (
        result.err == "reconciler: --strict: 3 fields refused or changed, so nothing was written\n"
    )
    assert not (here / "out").exists()
    result = cli("envoy", "export", "out", source)
    assert result.code == 0
    assert (
        "refuse  virtual-node/tls-acm/server /listeners/0/tls/certificate/acm/certificateArn: "
        in (result.out)
    )
    assert result.out.endswith(", 3 refused.\n")


def test_a_map_in_the_settings_gives_certificates_of_acm(cli: Cli, write: Write) -> None:
    arn = "arn:aws:acm:eu-west-1:123456789012:certificate/"
    authority = "arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/1"
    write(
        "reconciler.toml",
        f"""
[acm."{arn}1"]
certificate_chain = "/keys/server.pem"
private_key = "/keys/server.key"
[acm."{arn}2"]
secret_name = "edge"
[acm."{authority}"]
certificate_chain = "/keys/ca.pem"
""",
    )
    result = cli("envoy", "export", "out", str(SCENARIOS / "tls-acm.yaml"), "--strict")
    assert (result.code, result.err) == (0, "")


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ('[acm."a"]\n', "acm.a must have either secret_name, or certificate_chain"),
        ('[acm."a"]\nsecret_name = "x"\nprivate_key = "y"', "acm.a must have either"),
        ('[acm."a"]\nsecret_name = ""', "acm.a: all values must be non-empty strings"),
        ('[acm."a"]\nfile = "x"', "acm.a.file is not a setting; use one of certificate_chain"),
        ("acm = 1", "acm must be tables"),
    ],
)
def test_an_invalid_map_is_one_line(cli: Cli, write: Write, table: str, problem: str) -> None:
    write("reconciler.toml", table)
    result = cli("envoy", "export", "out", BASICS)
    assert result.code == 64
    assert problem in result.err
    assert result.err.count("\n") == 1


@pytest.mark.process
@pytest.mark.usefixtures("on_path")
def test_check_validates_with_the_envoy_on_path(cli: Cli, here: Path, write: Write) -> None:
    assert cli("envoy", "export", "out", BASICS, "--check").err == ""
    source = (SCENARIOS / "tls-files.yaml").read_text()
    result = cli("envoy", "export", "out", str(SCENARIOS / "tls-files.yaml"), "--check")
    assert result.code == 0
    assert "not on this machine, so not validated: /keys/ca.pem, " in result.err
    for kind in ("pem", "key"):
        write(f"keys/strict.{kind}", "no certificate")
    manifest = write("tls.yaml", source.replace("/keys/", f"{here}/keys/"))
    result = cli("envoy", "export", "other", str(manifest), "--check")
    assert result.code == 65
    assert "virtual-node/tls-files/strict: " in result.err
    assert result.err.endswith("Envoy rejects 1 proxy, so nothing was written\n")
    assert not (here / "other").exists()


def test_without_an_envoy_check_says_so(
    cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(here))
    result = cli("envoy", "export", "out", BASICS, "--check")
    assert result.code == 0
    assert result.err == (
        "reconciler: --check: there is no envoy on PATH, so the configuration was not validated\n"
    )


@pytest.mark.process
def test_an_envoy_that_cannot_run_is_a_rejection(
    cli: Cli, write: Write, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("envoy", "no program").chmod(0o755)
    monkeypatch.setenv("PATH", str(here))
    result = cli("envoy", "export", "out", BASICS, "--check")
    assert result.code == 65
    assert "running " in result.err


def test_instances_come_from_a_file(cli: Cli, write: Write, here: Path) -> None:
    write(
        "i.yaml",
        "[{namespace: shop, service: a, instances: [{ipv4: 10.0.0.9, attributes: {stage: v1}}]}]",
    )
    source = str(SCENARIOS / "cloud-map.yaml")
    assert cli("envoy", "export", "out", source, "--instances", "i.yaml").code == 0
    path = here / "out/cloud-map/virtual-node/client/eds.cds_egress_cloud-map_v1_http_8080.json"
    assert "10.0.0.9" in path.read_text()
    result = cli("envoy", "export", "out", source, "--instances", "absent.yaml")
    assert (result.code, result.err) == (
        64, "reconciler: reading absent.yaml: No such file or directory\n",
    )  # fmt: skip


def test_invalid_manifests_write_nothing(cli: Cli, write: Write, here: Path) -> None:
    write("bad.yaml", "kind: Mesh")
    result = cli("envoy", "export", "out", "bad.yaml")
    assert result.code == 65
    assert result.err.endswith("the manifests are not valid, so nothing was translated\n")
    assert not (here / "out").exists()


def test_a_directory_that_cannot_be_written_is_one_line(cli: Cli, write: Write) -> None:
    write("out", "a file")
    result = cli("envoy", "export", "out", BASICS)
    assert result.code == 64
    assert result.err.startswith("reconciler: writing ")


@pytest.mark.parametrize(
    "arguments", [("-", "--watch"), ("--admin", "nonsense"), ("--admin", "h:0")]
)
def test_wrong_usage_of_export_is_one_line(cli: Cli, arguments: tuple[str, ...]) -> None:
    source = () if "-" in arguments else (BASICS,)
    result = cli("envoy", "export", "out", *source, *arguments)
    assert result.code == 64
    assert result.err.count("\n") == 1


def test_explain_prints_a_routing_table(cli: Cli, write: Write) -> None:
    write("manifests/m.yaml", Path(BASICS).read_text())
    result = cli("envoy", "explain", "virtual-node/basics/front")
    assert result.code == 0
    assert "    host back.local, back.local:80\n" in result.out
    assert "cds_egress_basics_back-v1_http_80 90%, cds_egress_basics_back-v2_http_80 10%; " in (
        result.out
    )
    assert result.out.endswith("\nLosses\n  none\n")


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("virtual-node/basics/*", "matches 3 proxies: use one of "),
        ("virtual-node/basics/gone", "matches no proxy: use one of "),
    ],
)
def test_explain_needs_one_proxy(cli: Cli, write: Write, pattern: str, problem: str) -> None:
    write("manifests/m.yaml", Path(BASICS).read_text())
    result = cli("envoy", "explain", pattern)
    assert result.code == 64
    assert problem in result.err


@pytest.mark.process
def test_watch_publishes_each_valid_change_until_stopped(write: Write, here: Path) -> None:
    text = Path(BASICS).read_text()
    write("manifests/m.yaml", text)
    command = ("envoy", "export", "out", "--watch", "--grace", "0.05")
    process = forks.start(*command, cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    routes = here / FRONT / "rds.rds_egress_http_80.json"
    try:
        eventually(routes.exists)
        write("manifests/m.yaml", "no manifest")
        told_of(process, "the files are those of the last valid state")
        write("manifests/m.yaml", text.replace("weight: 90", "weight: 70"))
        eventually(lambda: '"weight": 70' in routes.read_text())
        code, _ = ended(process, signal.SIGTERM)
        assert code == 143
    finally:
        process.kill()
        process.communicate()


def exporting(here: Path, *more: str) -> subprocess.Popen[str]:
    arguments = ("envoy", "export", "out", *more)
    return forks.start(*arguments, cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.unmeasured
@pytest.mark.process
def test_watch_follows_the_live_resources(
    cli: Cli, here: Path, write: Write, endpoint: LocalEndpoint
) -> None:
    target = ("--endpoint-url", endpoint.url, "--owner", "o")
    assert cli("apply", BASICS, *target, "--auto-approve").code == 0
    watch = ("--watch", "--interval", "1", "--grace", "0")
    process = exporting(here, "--live", *target, *watch)
    routes = here / FRONT / "rds.rds_egress_http_80.json"
    try:
        eventually(routes.exists)
        changed = write(
            "changed.yaml", Path(BASICS).read_text().replace("weight: 90", "weight: 70")
        )
        assert cli("apply", str(changed), *target, "--auto-approve").code == 0
        eventually(lambda: '"weight": 70' in routes.read_text())
        code, errors = ended(process, signal.SIGTERM)
        assert code == 143
        assert "valid state" not in errors
    finally:
        process.kill()
        process.communicate()


@pytest.mark.process
def test_watch_keeps_the_files_of_a_target_that_is_lost(cli: Cli, here: Path) -> None:
    with LocalEndpoint(None) as endpoint:
        target = ("--endpoint-url", endpoint.url, "--owner", "o")
        assert cli("apply", BASICS, *target, "--auto-approve").code == 0
        process = exporting(here, "--live", *target, "--watch", "--interval", "1")
        try:
            eventually((here / FRONT / "bootstrap.yaml").exists)
        except BaseException:
            process.kill()
            process.communicate()
            raise
    try:
        told_of(process, "the files are those of the last valid state")
        code, _ = ended(process, signal.SIGTERM)
        assert code == 143
    finally:
        process.kill()
        process.communicate()
    assert cli("envoy", "export", "out", BASICS).out.endswith(
        "Exported 3 proxies, 0 of them changed.\n"
    )


@pytest.mark.process
def test_watch_tries_again_to_write(write: Write, here: Path) -> None:
    text = Path(BASICS).read_text()
    write("manifests/m.yaml", text)
    process = exporting(here, "--watch", "--grace", "0")
    routes = here / FRONT / "rds.rds_egress_http_80.json"
    try:
        eventually(routes.exists)
        routes.unlink()
        routes.mkdir()
        write("manifests/m.yaml", text.replace("weight: 90", "weight: 70"))
        told_of(process, "Is a directory; it is tried again in 3 seconds")
        routes.rmdir()
        eventually(routes.is_file)
        assert '"weight": 70' in routes.read_text()
        code, _ = ended(process, signal.SIGINT)
        assert code == 130
    finally:
        process.kill()
        process.communicate()


@pytest.mark.process
def test_a_stop_within_the_grace_keeps_the_old_clusters(write: Write, here: Path) -> None:
    text = Path(BASICS).read_text()
    write("manifests/m.yaml", text)
    process = exporting(here, "--watch", "--grace", "3600")
    files = here / FRONT
    try:
        eventually((files / "bootstrap.yaml").exists)
        write("manifests/m.yaml", text.replace("port: 80,", "port: 81,"))
        eventually(lambda: "_http_81" in (files / "cds.json").read_text())
        code, errors = ended(process, signal.SIGINT)
        assert code == 130
        assert "stopped: the next export finishes a change in progress" in errors
    finally:
        process.kill()
        process.communicate()
    clusters = (files / "cds.json").read_text()
    assert "cds_egress_basics_back-v1_http_80" in clusters
    assert "cds_egress_basics_back-v1_http_81" in clusters
    assert not (files / "rds.rds_egress_http_81.json").exists()


@pytest.mark.process
def test_a_killed_export_leaves_no_half_file(write: Write, here: Path) -> None:
    text = Path(BASICS).read_text()
    for number in range(20):
        write(f"manifests/{number}.yaml", text.replace("basics", f"basics-{number}"))
    for _ in range(KILLED):
        process = exporting(here)
        eventually(lambda: any((here / "out").rglob("cds.json")))
        process.kill()
        process.communicate()
        for file in (here / "out").rglob("*.json"):
            assert json.loads(file.read_bytes())["resources"] is not None
        shutil.rmtree(here / "out")


XDS = ("--xds-cert", "/c.pem", "--xds-key", "/c.key", "--xds-ca", "/ca.pem")


@pytest.mark.process
@pytest.mark.parametrize(
    "arguments",
    [
        ("--files", "out"),
        ("--files", "/srv/envoys", "--sds", "--admin", "unix:/run/admin.sock"),
        ("--xds", "unix:/run/xds.sock", "--admin", "127.0.0.1:9901"),
        ("--xds", "unix:/run/xds.sock", "--sds"),
    ],
)
def test_envoy_accepts_the_bootstrap(
    envoy: Envoy, cli: Cli, arguments: tuple[str, ...], here: Path
) -> None:
    result = cli("envoy", "bootstrap", "virtual-node/basics/front", *arguments)
    assert (result.code, result.err) == (0, "")
    message: Any = yaml.safe_load(result.out)
    assert message["node"]["id"] == "mesh/basics/virtualNode/front"
    for kind in ("cds", "lds"):
        # Envoy validates that the files exist.
        source = message["dynamic_resources"][f"{kind}_config"].get("path_config_source")
        if source:
            empty = here / f"{kind}.json"
            empty.write_text("{}")
            source["path"] = str(empty)
    assert not envoy.rejection(message)


def test_a_server_on_another_machine_needs_mutual_tls(cli: Cli) -> None:
    words = ("envoy", "bootstrap", KEY, "--xds", "mesh.example.com:18000")
    assert cli(*words).code == 64
    result = cli(*words, *XDS)
    assert result.code == 0
    (cluster,) = yaml.safe_load(result.out)["static_resources"]["clusters"]
    context = cluster["transport_socket"]["typed_config"]
    assert context["sni"] == "mesh.example.com"
    assert "match_typed_subject_alt_names" in context["common_tls_context"]["validation_context"]


@pytest.mark.parametrize(
    "arguments",
    [
        (KEY,),
        (KEY, "--xds", "unix:/x", "--files", "out"),
        (KEY, "--xds", "none"),
        (KEY, "--xds", "nonsense"),
        (KEY, "--xds", "unix:/x", *XDS),
        ("route/m/r/x", "--files", "out"),
        ("virtual-node/m", "--files", "out"),
    ],
)
def test_wrong_usage_of_bootstrap_is_one_line(cli: Cli, arguments: tuple[str, ...]) -> None:
    result = cli("envoy", "bootstrap", *arguments)
    assert result.code == 64
    assert result.err.count("\n") == 1

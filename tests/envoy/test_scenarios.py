"""The scenarios and the topologies: real Envoys accept every proxy, and all of it is encoded."""

from collections.abc import Callable
from pathlib import Path

import pytest
from envoy.envoys import Envoy, culprit, joined, no_file
from journeys.environments import TOPOLOGIES, asked_for

from reconciler.core.resources import Desired, Key
from reconciler.envoy import encoding
from reconciler.envoy.losses import Grade
from reconciler.envoy.proxy import ProxyConfig
from reconciler.envoy.snapshot import Snapshot
from reconciler.envoy.static import static_bootstrap
from reconciler.envoy.tls import StoredCertificate
from reconciler.envoy.translate import TranslateOptions, Translator, all_losses
from reconciler.manifest.loading import load_manifests

SCENARIOS = sorted(Path(__file__).with_name("scenarios").glob("*.yaml"))
ACM = "arn:aws:acm:eu-west-1:123456789012:certificate/"
AUTHORITY = "arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/1"


def desired(path: Path) -> tuple[Desired, ...]:
    loaded = load_manifests([(path.name, path.read_bytes())])
    assert loaded.valid, loaded.diagnostics
    return loaded.desired


def translate_all(
    resources: tuple[Desired, ...], options: TranslateOptions | None = None
) -> dict[Key, ProxyConfig]:
    snapshot = Snapshot.from_resources(resources)
    return {**Translator(snapshot, options).translate_all()}


def scenario(name: str, options: TranslateOptions | None = None) -> dict[Key, ProxyConfig]:
    return translate_all(desired(Path(__file__).with_name("scenarios") / f"{name}.yaml"), options)


def everything() -> dict[Key, ProxyConfig]:
    """Return the proxies of all scenarios and of both states of all topologies."""
    found: dict[Key, ProxyConfig] = {}
    for path in SCENARIOS:
        found |= translate_all(desired(path))
    for topology in sorted(TOPOLOGIES.iterdir()):
        for state in ("before", "after"):
            configs = translate_all(asked_for(topology.name, f"{state}.yaml", "kept.yaml"))
            for key, config in configs.items():
                found[Key(key.kind, (f"{key.path[0]}-{state}", *key.path[1:]))] = config
    return found


@pytest.mark.process
@pytest.mark.sample(1)
def test_real_envoys_accept_every_proxy(
    envoy: Envoy, record_property: Callable[[str, object], None]
) -> None:
    configs = everything()
    rejection = envoy.rejection(joined(configs))
    assert not rejection, (culprit(rejection, configs), rejection)
    scenarios = sum(len(translate_all(desired(path))) for path in SCENARIOS)
    assert scenarios >= 57
    figure = f"{len(configs)} proxies, {scenarios} of scenarios, are valid in {envoy.version}"
    record_property("figure", f"envoy: {figure}")


@pytest.mark.unmeasured
def test_every_proxy_is_encoded() -> None:
    pytest.importorskip("google.protobuf")
    for config in everything().values():
        for name, messages in (
            (encoding.CLUSTER, config.clusters),
            (encoding.ENDPOINTS, config.endpoints),
            (encoding.LISTENER, config.listeners),
            (encoding.ROUTE_TABLE, config.route_tables),
        ):
            assert all(encoding.encode_any(name, message) for message in messages.values())


@pytest.mark.process
def test_a_proxy_alone_is_valid_with_its_own_addresses(newest_envoy: Envoy) -> None:
    for config in scenario("ports").values():
        assert not newest_envoy.rejection(static_bootstrap(config, no_file))


def test_certificates_of_acm_are_refused_by_name() -> None:
    losses = all_losses(scenario("tls-acm"))
    refused = [loss for loss in losses if loss.grade is Grade.REFUSE]
    certificate = "listeners/0/tls/certificate/acm/certificateArn"
    trust = "backendDefaults/clientPolicy/tls/validation/trust/acm/certificateAuthorityArns"
    assert [f"{loss.key}{loss.path}" for loss in refused] == [
        f"virtual-gateway/tls-acm/edge/{certificate}",
        f"virtual-node/tls-acm/client/{trust}",
        f"virtual-node/tls-acm/server/{certificate}",
    ]


@pytest.mark.process
def test_a_map_of_acm_serves_them(envoy: Envoy) -> None:
    options = TranslateOptions(
        {
            f"{ACM}1": StoredCertificate("/keys/server.pem", "/keys/server.key"),
            f"{ACM}2": StoredCertificate(secret_name="edge"),
            AUTHORITY: StoredCertificate("/keys/ca.pem"),
        }
    )
    configs = scenario("tls-acm", options)
    assert [loss for loss in all_losses(configs) if loss.grade is Grade.REFUSE] == []
    assert not envoy.rejection(joined(configs))

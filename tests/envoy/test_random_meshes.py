"""Random meshes are translated without an exception, encoded, and accepted by Envoy."""

from collections.abc import Callable

import pytest
from amounts import amount
from envoy.envoys import Envoy, culprit, joined
from envoy.random_meshes import random_snapshots
from hypothesis import HealthCheck, Phase, given, settings

from reconciler.core.resources import Key
from reconciler.envoy import encoding
from reconciler.envoy.proxy import ProxyConfig
from reconciler.envoy.snapshot import Snapshot
from reconciler.envoy.translate import Translator

pytestmark = pytest.mark.unmeasured

TRANSLATED = amount("random meshes for Envoy, translated and encoded", test=12, full=2000)
VALIDATED = amount("random meshes for Envoy, validated in one process", test=12, full=300)
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


@given(random_snapshots())
@settings(max_examples=TRANSLATED, suppress_health_check=SLOW)
def test_every_mesh_is_translated_and_encoded(snapshot: Snapshot) -> None:
    pytest.importorskip("google.protobuf")
    for config in Translator(snapshot).translate_all().values():
        for name, messages in (
            (encoding.CLUSTER, config.clusters),
            (encoding.ENDPOINTS, config.endpoints),
            (encoding.LISTENER, config.listeners),
            (encoding.ROUTE_TABLE, config.route_tables),
        ):
            assert all(encoding.encode_any(name, message) for message in messages.values())


@pytest.mark.process
@pytest.mark.sample(1)
def test_envoy_accepts_them(envoy: Envoy, record_property: Callable[[str, object], None]) -> None:
    found: dict[Key, ProxyConfig] = {}
    snapshots: list[Snapshot] = []

    @given(random_snapshots())
    @settings(
        max_examples=VALIDATED, suppress_health_check=SLOW, phases=[Phase.generate], database=None
    )
    def draw(snapshot: Snapshot) -> None:
        snapshots.append(snapshot)

    draw()
    for number, snapshot in enumerate(snapshots):
        for key, config in Translator(snapshot).translate_all().items():
            found[Key(key.kind, (f"{key.path[0]}-{number}", *key.path[1:]))] = config
    rejection = envoy.rejection(joined(found))
    assert not rejection, (culprit(rejection, found), rejection)
    figure = f"{len(found)} proxies of {len(snapshots)} random meshes are valid in {envoy.version}"
    record_property("figure", f"envoy: {figure}")

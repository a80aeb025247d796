"""The proxies of a change in a plan are all those whose configuration it changes."""

import json

import pytest
from amounts import amount
from builders import desired as declared
from conftest import Cli, Write
from envoy.random_meshes import random_snapshots
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from reconciler.core.changes import Create, Difference
from reconciler.core.planning.proxies import proxies_by_change
from reconciler.endpoint import LocalEndpoint
from reconciler.envoy.snapshot import Snapshot
from reconciler.envoy.translate import Translator

pytestmark = pytest.mark.unmeasured

CHANGES = amount("changes of random meshes for Envoy", test=8, full=500)
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
MANIFEST = """\
apiVersion: mesh-reconciler/v1
kind: Mesh
metadata: {name: m}
---
apiVersion: mesh-reconciler/v1
kind: VirtualNode
metadata: {name: a, mesh: m}
spec: {backends: [{virtualService: {virtualServiceName: s.local}}]}
---
apiVersion: mesh-reconciler/v1
kind: VirtualNode
metadata: {name: b, mesh: m}
spec:
  listeners: [{portMapping: {port: 80, protocol: http}}]
  serviceDiscovery: {dns: {hostname: b}}
---
apiVersion: mesh-reconciler/v1
kind: VirtualNode
metadata: {name: c, mesh: m}
spec: {}
---
apiVersion: mesh-reconciler/v1
kind: VirtualService
metadata: {name: s.local, mesh: m}
spec: {provider: {virtualNode: {virtualNodeName: b}}}
"""


@given(random_snapshots(), random_snapshots(), st.data())
@settings(max_examples=CHANGES, suppress_health_check=SLOW)
def test_no_proxy_changes_that_is_not_named(
    before: Snapshot, other: Snapshot, data: st.DataObject
) -> None:
    changed = data.draw(st.sampled_from([*before.specs]))
    rows = {**before.specs, changed: other.specs[changed]}
    is_removed = data.draw(st.booleans()) and changed.kind not in ("mesh", "virtual-service")
    if is_removed:
        assume(changed.kind not in ("virtual-router", "virtual-gateway"))
        del rows[changed]
    after = Snapshot.from_rows(rows.items(), before.instances)
    resource = declared(str(changed), other.specs[changed])
    change = Create(changed, resource.spec, {}, resource.origin, Difference(None, {}))
    specs = [*before.specs.items(), *after.specs.items()]
    named = proxies_by_change([change], [declared(str(it), spec) for it, spec in specs], ())
    old, new = (Translator(snapshot).translate_all() for snapshot in (before, after))
    moved = {str(it) for it in old.keys() | new.keys() if old.get(it) != new.get(it)}
    assert moved <= {*named[str(changed)]}


def test_the_json_of_a_plan_names_them(cli: Cli, write: Write, endpoint: LocalEndpoint) -> None:
    target = ("--endpoint-url", endpoint.url, "--owner", "o")
    write("manifests/m.yaml", MANIFEST)
    assert cli("apply", *target, "--auto-approve").code == 0
    write("manifests/m.yaml", MANIFEST.replace("hostname: b", "hostname: d"))
    saved = ("--out", "plan.json")
    (change,) = json.loads(cli("plan", *target, "--format", "json", *saved).out)["plan"]["changes"]
    assert change["proxies"] == ["virtual-node/m/a", "virtual-node/m/b"]
    shown = json.loads(cli("show", "plan.json", "--format", "json").out)
    assert shown["plan"]["changes"] == [change]
    only = json.loads(cli("plan", *target, "--format", "json", "--only", "virtual-node/m/b").out)
    assert only["plan"]["changes"] == [change]
    tagged = MANIFEST.replace("name: c, mesh: m", "name: c, mesh: m, tags: {t: u}")
    write("manifests/m.yaml", tagged)
    (change,) = json.loads(cli("plan", *target, "--format", "json").out)["plan"]["changes"]
    assert (change["key"], change["proxies"]) == ("virtual-node/m/c", [])

"""Resources are packed once, for all proxies and revisions that have them."""

from weakref import ref

from builders import key
from envoy.meshes import Specs, backend, dns, listening, shop
from google.protobuf.any_pb2 import Any

from reconciler.envoy import encoding
from reconciler.envoy.packing import Packer
from reconciler.envoy.proxy import ProxyConfig
from reconciler.envoy.proxy_state import ROUTES, ProxyState
from reconciler.envoy.snapshot import Snapshot
from reconciler.envoy.translate import Translator


def translated(specs: Specs) -> list[ProxyConfig]:
    rows = [(key(name), spec) for name, spec in specs.items()]
    return [*Translator(Snapshot.from_rows(rows)).translate_all().values()]


def test_equal_contents_are_one_object_in_all_proxies_and_revisions() -> None:
    packer = Packer()
    configs = translated(shop())
    first, again = packer.pack([*configs, *configs]), list(configs)
    assert first[: len(again)] == first[len(again) :]
    later = packer.pack(translated(shop()))
    for state, same in zip(first, later, strict=False):
        for type_url, content in state.types.items():
            assert same[type_url] is content


def test_nothing_is_kept_that_no_proxy_has() -> None:
    packer = Packer()
    states = packer.pack(translated(shop()))
    contents = [ref(content) for state in states for content in state.types.values()]
    assert all(content() for content in contents)
    del states
    assert not any(content() for content in contents)
    assert packer.pack(translated(shop()))


def hosts_of(states: list[ProxyState]) -> list[object]:
    tables = [state[ROUTES].resources["rds_egress_http_80"] for state in states]
    return [host for table in tables for host in table.parts if host.name == "s.local"]


def test_a_virtual_host_is_one_object_in_all_tables_and_revisions() -> None:
    other = {**listening("http", 80), **dns("d"), **backend("t.local", "s.local")}
    packer = Packer()
    specs = shop(virtual_node__m__d=other)
    found = packer.pack([it for it in translated(specs) if it.key.name in "ad"])
    specs["virtual-node/m/e"] = {**other, **backend("s.local", "none.local")}
    later = packer.pack([it for it in translated(specs) if it.key.name in "ade"])
    hosts = hosts_of([*found, *later])
    assert len(hosts) == 5
    assert len({id(host) for host in hosts}) == 1


def test_a_table_made_of_its_virtual_hosts_equals_one_encoded_as_a_whole() -> None:
    configs = translated(shop(mesh__m={"egressFilter": {"type": "ALLOW_ALL"}}))
    for config, state in zip(configs, Packer().pack(configs), strict=True):
        for name, table in config.route_tables.items():
            packed = Any.FromString(state[ROUTES].resources[name].body)
            parsed = encoding.message_class(encoding.ROUTE_TABLE).FromString(packed.value)
            whole = parsed.SerializeToString(deterministic=True)
            assert whole == encoding.encode(encoding.ROUTE_TABLE, table)

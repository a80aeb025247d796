"""Resources are packed once, for all proxies and revisions that have them."""

from builders import key
from envoy.meshes import shop

from reconciler.envoy.packing import Packer
from reconciler.envoy.snapshot import Snapshot
from reconciler.envoy.translate import Translator


def test_equal_resources_are_one_object_in_all_proxies_and_revisions() -> None:
    packer = Packer()
    rows = [(key(name), spec) for name, spec in shop().items()]
    configs = Translator(Snapshot.from_rows(rows)).translate_all().values()
    first, again = packer.pack([*configs, *configs]), list(configs)
    assert first[: len(again)] == first[len(again) :]
    packer.forget_all_but(first)
    later = packer.pack(Translator(Snapshot.from_rows(rows)).translate_all().values())
    for state, same in zip(first, later, strict=False):
        for type_url, content in state.types.items():
            for name, resource in content.resources.items():
                assert same[type_url].resources[name] is resource
    packer.forget_all_but([])
    (fresh, *_) = packer.pack([again[0]])
    assert fresh == first[0]
    assert fresh is not first[0]

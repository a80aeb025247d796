"""What is exported reads back as what was live, whatever it is called, or is refused with words."""

from dataclasses import replace
from pathlib import PurePosixPath

import pytest
import yaml
from builders import desired, egress, present
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.core.errors import ManifestError
from reconciler.core.resources import Key, Spec
from reconciler.manifest.loading import load_manifests
from reconciler.manifest.models.value_checks import (
    MAX_TAG_KEY_LENGTH,
    MAX_TAG_VALUE_LENGTH,
    InvalidValue,
    check_name,
)
from reconciler.render.native_manifest import file_name, render_manifest

_WORDS = ["no", "y", "N", "on", "null", "1e3", "0o7", "1_000", "12:30:45", ".inf", "2026-01-01"]
_SIGNS = st.sampled_from(" +-=._:/@0aéß中")
tag_keys = st.sampled_from(_WORDS) | st.text(_SIGNS, min_size=1, max_size=MAX_TAG_KEY_LENGTH)
tag_values = st.sampled_from(_WORDS) | st.text(_SIGNS, max_size=MAX_TAG_VALUE_LENGTH)
names = st.sampled_from(_WORDS) | st.text(min_size=1, max_size=255)
specs = st.sampled_from(
    [{}, egress("DROP_ALL"), {"serviceDiscovery": {"ipPreference": "IPv4_ONLY"}}]
)


def is_usable(name: str) -> bool:
    try:
        return check_name(name) == name
    except InvalidValue:
        return False


@pytest.mark.unmeasured
@given(names.filter(is_usable), st.dictionaries(tag_keys, tag_values, max_size=3), specs)
@example("y", {"n": "0x10", "a" * MAX_TAG_KEY_LENGTH: ""}, {})
@example("a: b # c", {"- ": "= "}, egress("ALLOW_ALL"))
@example("'\"\\", {}, {})
def test_an_exported_manifest_reads_back_equal(name: str, tags: dict[str, str], spec: Spec) -> None:
    live = present(name, spec, tags=tags)
    text = render_manifest(live, spec)
    (read,) = load_manifests([("a.yaml", text.encode())]).desired
    assert (read.key, read.spec, read.tags) == (live.key, spec, tags)
    assert read.options.protect is False
    # YAML 1.1, as PyYAML reads it, sees the same.
    assert yaml.safe_load(text)["metadata"] == {"name": name, **({"tags": tags} if tags else {})}


def test_a_required_match_that_is_empty_is_exported() -> None:
    action: Spec = {"weightedTargets": [{"virtualNode": "n", "weight": 1}]}
    live = replace(present("a"), key=Key("route", ("m", "v", "r")))
    text = render_manifest(live, {"grpcRoute": {"action": action}})
    assert "    match: {}\n" in text
    (read,) = load_manifests([("a.yaml", text.encode())]).desired
    assert read.spec == {"grpcRoute": {"action": action, "match": {}}}


@given(names.filter(lambda name: not is_usable(name)))
@example("${HOME}")
@example("${HOME:-elsewhere}")
@example("..")
@example("\ud800")
def test_a_name_that_no_manifest_may_have_is_refused(name: str) -> None:
    with pytest.raises(ManifestError, match="it has no valid manifest"):
        render_manifest(present(name), {})


def test_protection_is_exported() -> None:
    live = present("a", applied=desired("a", protect=True))
    assert "reconcile:\n  protect: true\n" in render_manifest(live, {})


def test_neither_our_tags_nor_those_of_aws_are_exported() -> None:
    live = present("a", tags={"aws:cloudformation:stack-name": "s"}, applied=desired("a"))
    assert render_manifest(live, {}) == (
        "apiVersion: mesh-reconciler/v1\nkind: Mesh\nmetadata:\n  name: a\nspec: {}\n"
    )


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"added": 1}, "spec.added: is an unknown field"),
        ({"egressFilter": {"type": "NEW"}}, "spec.egressFilter.type: must be"),
    ],
)
def test_a_spec_that_this_version_does_not_know_is_refused(spec: Spec, words: str) -> None:
    with pytest.raises(ManifestError) as refused:
        render_manifest(present("a", spec), spec)
    assert words in str(refused.value)


@given(st.lists(st.text(min_size=1, max_size=255), min_size=1, max_size=3))
@example(["..", ".", "/etc/passwd"])
@example(["\ud800", "\x00", "😀" * 255])
def test_no_name_leads_out_of_the_folder(path: list[str]) -> None:
    name = PurePosixPath(file_name(Key("route", tuple(path))))
    assert len(name.parts) == len(path) + 1
    assert name.parts[0] == "route"
    for part in name.parts:
        assert not part.startswith(".")
        assert len(part.encode()) <= 255
        assert part.isprintable()


def test_other_names_are_other_files() -> None:
    paths = [("a.b", "c"), ("a", "b.c"), ("a", "b"), ("A", "b"), ("é" * 80, "b"), ("é" * 81, "b")]
    assert len({file_name(Key("route", path)) for path in paths}) == len(paths)
    ours = Key("route", ("payments", "edge", "v1"))
    assert file_name(ours) == "route/payments/edge/v1.yaml"
    theirs = ours._replace(mesh_owner="111122223333")
    assert file_name(theirs) == "route/@111122223333/payments/edge/v1.yaml"

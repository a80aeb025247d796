"""Every form, every function and every oddity, as files with what is made of them.

``python tests/update_goldens.py`` writes the golden files anew.
"""

from pathlib import Path

import pytest
from update_goldens import FIXTURES, INPUTS, SUFFIX, fixtures, golden_of, result_of

from reconciler.manifest.loading import LoadResult, load_manifests
from reconciler.manifest.parsing.diagnostics import Code

ALL = fixtures()


def loaded(name: str) -> LoadResult:
    return load_manifests([(name, (FIXTURES / name).read_bytes())], INPUTS)


@pytest.mark.parametrize("fixture", ALL, ids=lambda path: str(path.relative_to(FIXTURES)))
def test_what_a_fixture_says(fixture: Path) -> None:
    assert result_of(fixture) == golden_of(fixture).read_text(encoding="utf-8")


def test_each_golden_file_belongs_to_a_fixture() -> None:
    assert set(FIXTURES.rglob(f"*{SUFFIX}")) == set(map(golden_of, ALL))


def test_every_complaint_about_text_has_a_fixture() -> None:
    about_files = {
        *(Code.UNREADABLE, Code.NOT_REGULAR, Code.SYMLINK, Code.LIMIT, Code.CHANGING),
        *(Code.FILE_NAME, Code.NO_MANIFEST, Code.IGNORE_FILE),
    }
    by_envoy = {"ENVOY_REFUSED", "ENVOY_CHANGED", "ENVOY_NOTE"}
    text = "".join(golden_of(fixture).read_text(encoding="utf-8") for fixture in ALL)
    missing = {code.name for code in Code if f"[{code.number}]" not in text}
    assert missing == {code.name for code in about_files} | by_envoy | {"TOO_MANY"}


@pytest.mark.parametrize(
    "name",
    [
        "others/kuma-on-kubernetes.yaml",
        "others/mesh-definition.yaml",
        "others/appmesh.yaml",
        "others/kustomization.yaml",
        "others/istio.yaml",
    ],
)
def test_i32_what_only_looks_like_ours_is_left_alone(name: str) -> None:
    result = loaded(name)
    assert (result.desired, result.diagnostics) == ((), ())
    assert sum(result.ignored.values()) == 1


@pytest.mark.parametrize(
    "name", ["others/kuma.yaml", "others/values.yaml", "others/mistyped-api-version.yaml"]
)
def test_i32_what_may_be_meant_for_us_is_never_skipped(name: str) -> None:
    result = loaded(name)
    assert not result.valid
    assert (result.desired, result.ignored) == ((), {})


def test_i17_an_error_in_the_twelfth_document_of_a_windows_file() -> None:
    (item,) = loaded("oddities/i17-bom-crlf-twelfth-document.yaml").diagnostics
    assert str(item.origin) == "oddities/i17-bom-crlf-twelfth-document.yaml:49:24"
    assert (item.path, item.code) == ("spec.egressFilter.type", Code.NOT_ALLOWED)


@pytest.mark.unmeasured
def test_nothing_of_a_template_or_a_state_is_lost_in_silence() -> None:
    for fixture in ALL:
        form = fixture.parent.name
        marks = {
            "cloudformation": b"AWS::AppMesh::",
            "terraform": b'"type": "aws_appmesh_',
        }
        if form not in marks:
            continue
        result = loaded(f"{form}/{fixture.name}")
        run = sum(count for what, count in result.ignored.items() if "esh" in what)
        ours = fixture.read_bytes().count(marks[form])
        # A loop gives one resource several times.
        if fixture.name not in {"plan.json", "stack-values.yaml"}:
            assert not result.valid or len(result.desired) + run == ours

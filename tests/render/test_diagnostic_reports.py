"""Complaints for people and for machines."""

import json

import pytest

from reconciler.core.resources import Origin
from reconciler.manifest.loading import LoadResult, load_manifests
from reconciler.manifest.parsing.diagnostics import Code, Diagnostic, SourceExcerpt
from reconciler.render.diagnostic_reports import as_json, code_quality, github, sarif, text

ALLOW = (
    b"apiVersion: mesh-reconciler/v1\nkind: Mesh\nmetadata:\n  name: payments\n"
    b"  tags:\n    team: payments\n\nspec:\n  egressFilter:\n    type: ALLOW\n"
)


def found() -> tuple[Diagnostic, ...]:
    return load_manifests([("manifests/payments.yaml", ALLOW)]).diagnostics


def test_text_reads_as_the_interface_promises() -> None:
    assert text(found(), color=False) == (
        "manifests/payments.yaml:10:11: error[MR021] spec.egressFilter.type: must be ALLOW_ALL or "
        'DROP_ALL, not "ALLOW" (did you mean ALLOW_ALL?)\n'
        "  10 |     type: ALLOW\n"
        "     |           ^^^^^\n"
    )


def test_text_of_a_whole_file_has_no_excerpt() -> None:
    item = Diagnostic(Code.NAMESPACE, Origin("f", 1, 1), "is odd")
    assert text([item], color=False) == "f:1:1: warning[MR052] is odd\n"


def test_colors_change_nothing_else() -> None:
    colored = text(found(), color=True)
    assert "\x1b[31m" in colored
    plain = colored
    for code in ("\x1b[31m", "\x1b[1m", "\x1b[0m"):
        plain = plain.replace(code, "")
    assert plain == text(found(), color=False)


@pytest.mark.parametrize(
    ("quote", "excerpt"),
    [
        (SourceExcerpt("\ta: b", 4, 1), "   1 | \ta: b\n     | \t   ^\n"),
        (SourceExcerpt("\ud55c\uad6d: x", 4, 1), "   1 | \ud55c\uad6d: x\n     |       ^\n"),
        (SourceExcerpt("e\u0301: x", 4, 1), "   1 | e\u0301: x\n     |    ^\n"),
        (SourceExcerpt("a\u202eb", 1, 1), "   1 | a\\u202eb\n     |  ^^^^^^\n"),
        (SourceExcerpt("\x1bb", 1, 1), "   1 | \\x1bb\n     |     ^\n"),
        (SourceExcerpt("a:", 2, 1), "   1 | a:\n     |   ^\n"),
    ],
)
def test_the_caret_stands_below_what_is_meant(quote: SourceExcerpt, excerpt: str) -> None:
    item = Diagnostic(Code.NAME, Origin("f", 1, 1), "m", excerpt=quote)
    assert text([item], color=False).partition("\n")[2] == excerpt


def test_json_counts_and_lists() -> None:
    desired = load_manifests([("m.yaml", ALLOW.replace(b"ALLOW", b"ALLOW_ALL"))]).desired
    loaded = LoadResult(desired, found(), {"v1 Secret": 2}, ignored_files=("m/charts/",))
    document = json.loads(as_json(loaded))
    assert document == {
        "format_version": "1.0",
        "valid": False,
        "error_count": 1,
        "warning_count": 0,
        "note_count": 0,
        "resource_count": 1,
        "ignored_count": 2,
        "ignored": {"v1 Secret": 2},
        "ignored_files": ["m/charts/"],
        "diagnostics": [
            {
                "code": "MR021",
                "title": "value that is not allowed",
                "severity": "error",
                "file": "manifests/payments.yaml",
                "line": 10,
                "column": 11,
                "path": "spec.egressFilter.type",
                "message": 'must be ALLOW_ALL or DROP_ALL, not "ALLOW"',
                "hint": "did you mean ALLOW_ALL?",
                "source": "    type: ALLOW",
            }
        ],
    }


def test_json_of_nothing_is_valid() -> None:
    warning = Diagnostic(Code.NAMESPACE, Origin("f", 1, 1), "m")
    document = json.loads(as_json(LoadResult((), (warning,), {})))
    assert (document["valid"], document["warning_count"]) == (True, 1)
    assert document["diagnostics"][0]["source"] is None


def test_sarif_has_what_code_scanning_needs() -> None:
    document = json.loads(sarif([*found(), Diagnostic(Code.NAMESPACE, Origin("a b", 2, 3), "m")]))
    (run,) = document["runs"]
    assert document["version"] == "2.1.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["MR021", "MR052"]
    first, second = run["results"]
    assert (first["ruleId"], first["level"], second["level"]) == ("MR021", "error", "warning")
    assert first["message"]["text"].startswith("spec.egressFilter.type: must be")
    assert second["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "a%20b"},
                "region": {"startLine": 2, "startColumn": 3},
            }
        }
    ]


def test_github_commands_are_escaped() -> None:
    item = Diagnostic(Code.NAME, Origin("a,b:c", 2, 3), "100%\nof it\r", path="p", hint="h")
    assert github([item]) == (
        "::error file=a%2Cb%3Ac,line=2,col=3,title=MR025 invalid name::p: 100%25%0Aof it%0D (h)\n"
    )


def test_code_quality_tells_gitlab_the_line_and_no_two_alike() -> None:
    found = json.loads(
        code_quality(load_manifests([("m/a.yaml", b"spec: 1\n---\nspec: 1\n")]).diagnostics)
    )
    assert {item["location"]["path"] for item in found} == {"m/a.yaml"}
    assert [item["location"]["lines"]["begin"] for item in found] == [1, 3]
    assert {item["severity"] for item in found} == {"major"}
    assert len({item["fingerprint"] for item in found}) == len(found) == 2

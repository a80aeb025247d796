"""What the models find, said in our words at the right place."""

from typing import Annotated

import pytest
from pydantic import Field

from reconciler.manifest.loading import load_manifests
from reconciler.manifest.models.fields import Model
from reconciler.manifest.models.validation import validate
from reconciler.manifest.parsing.decoding import decode
from reconciler.manifest.parsing.nodes import DiagnosticList, SourceText
from reconciler.manifest.parsing.yaml_parser import parse_yaml

NATIVE = "apiVersion: mesh-reconciler/v1\nkind: Mesh\n"


def complaints(rest: str) -> list[tuple[str, str, str, str, str]]:
    return [
        (
            f"{item.origin.line}:{item.origin.column}",
            item.code.name,
            item.path,
            item.message,
            item.hint,
        )
        for item in load_manifests([("m.yaml", (NATIVE + rest).encode())]).diagnostics
    ]


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("", ("1:1", "MISSING_FIELD", "metadata", "is required", "")),
        ("metadata: {}", ("3:11", "MISSING_FIELD", "metadata.name", "is required", "")),
        ("metadata: a", ("3:11", "WRONG_TYPE", "metadata", 'must be a mapping, not "a"', "")),
        (
            "metadata: {name: [a]}",
            ("3:18", "WRONG_TYPE", "metadata.name", "must be text, not a list", ""),
        ),
        (
            "metadata: {name: {}}",
            ("3:18", "WRONG_TYPE", "metadata.name", "must be text, not a mapping", ""),
        ),
        (
            "metadata: {name: a, tags: [b]}",
            ("3:27", "WRONG_TYPE", "metadata.tags", "must be a mapping, not a list", ""),
        ),
        (
            "metadata: {name: a, tags: {b: {}}}",
            ("3:31", "WRONG_TYPE", "metadata.tags.b", "must be text, not a mapping", ""),
        ),
        (
            "metadata: {name: a}\nspec: []",
            ("4:7", "WRONG_TYPE", "spec", "must be a mapping, not a list", ""),
        ),
        (
            "metadata: {name: a}\nreconcile: {protect: yes}",
            ("4:22", "WRONG_TYPE", "reconcile.protect", 'must be true or false, not "yes"', ""),
        ),
        (
            "metadata: {name: a}\nreconcile: {adopt: 1}",
            ("4:20", "WRONG_TYPE", "reconcile.adopt", "must be true or false, not 1", ""),
        ),
        (
            "metadata: {name: a}\nreconcile: {ignore: /a}",
            ("4:21", "WRONG_TYPE", "reconcile.ignore", 'must be a list, not "/a"', ""),
        ),
        (
            "metadata: {name: a}\nspec: {egressFilter: {type: ALLOW}}",
            (
                "4:29",
                "NOT_ALLOWED",
                "spec.egressFilter.type",
                'must be ALLOW_ALL or DROP_ALL, not "ALLOW"',
                "did you mean ALLOW_ALL?",
            ),
        ),
        (
            "metadata: {name: a}\nspec: {egressFilter: {type: [DROP_ALL]}}",
            (
                "4:29",
                "NOT_ALLOWED",
                "spec.egressFilter.type",
                "must be ALLOW_ALL or DROP_ALL, not a list",
                "",
            ),
        ),
        (
            "metadata: {name: a}\nspec: {serviceDiscovery: {ipPreference: 4}}",
            (
                "4:41",
                "NOT_ALLOWED",
                "spec.serviceDiscovery.ipPreference",
                "must be IPv6_PREFERRED, IPv4_PREFERRED, IPv4_ONLY or IPv6_ONLY, not 4",
                "",
            ),
        ),
        (
            "metadata: {name: a}\nspec: {egressFilter: {}}",
            ("4:22", "MISSING_FIELD", "spec.egressFilter.type", "is required", ""),
        ),
    ],
)
def test_wrong_values_are_pointed_at(rest: str, expected: tuple[str, str, str, str, str]) -> None:
    assert complaints(rest) == [expected]


@pytest.mark.parametrize(
    ("rest", "path", "hint"),
    [
        (
            "metadata: {name: a}\nspec: {egresFilter: {}}",
            "spec.egresFilter",
            "did you mean egressFilter?",
        ),
        (
            "metadata: {name: a}\nspec: {egressfilter: {}}",
            "spec.egressfilter",
            "did you mean egressFilter?",
        ),
        (
            "metadata: {name: a}\nspec: {egress_filter: {}}",
            "spec.egress_filter",
            "did you mean egressFilter?",
        ),
        ("metadata: {name: a}\nspec: {backends: []}", "spec.backends", ""),
        ("metadata: {name: a, mesh: b}", "metadata.mesh", ""),
        ("metadata: {name: a}\nstatus: {}", "status", ""),
        ("metadata: {name: a}\n'a.b': 1", '["a.b"]', ""),
    ],
)
def test_i25_unknown_fields_are_pointed_at_by_their_keys(rest: str, path: str, hint: str) -> None:
    ((_, code, where, message, help_),) = complaints(rest)
    assert (code, where, help_) == ("UNKNOWN_FIELD", path, hint)
    assert message.startswith("is an unknown field; known fields: ")


def test_nothing_is_said_twice_about_what_the_parser_refused() -> None:
    found = complaints("metadata: {name: *x}\nspec: {egressFilter: {type: !a DROP_ALL}}")
    assert [item[1] for item in found] == ["ALIAS", "TAG"]


class Port(Model):
    port: Annotated[int, Field(ge=1)]


class Ports(Model):
    ports: list[Port]


def test_a_model_in_a_list_and_a_finding_without_words_of_its_own() -> None:
    page = decode("m.yaml", b"ports: [{port: '1'}, {prt: 1}, {port: x}]")
    assert isinstance(page, SourceText)
    (document,) = parse_yaml(page)
    complaints_ = DiagnosticList(page)
    assert document.root is not None
    assert validate(Ports, document.root, complaints_) is None
    assert [(item.path, item.message, item.hint) for item in complaints_.found] == [
        ("ports[0].port", 'must be a whole number, not "1"', ""),
        ("ports[1].port", "is required", ""),
        ("ports[1].prt", "is an unknown field; known fields: port", "did you mean port?"),
        ("ports[2].port", 'must be a whole number, not "x"', ""),
    ]

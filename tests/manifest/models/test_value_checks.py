"""Names, tags, pointers and times: what is taken and what is refused, through the native form."""

import json

import pytest

from reconciler.manifest.loading import LoadResult, load_manifests


def native(**parts: object) -> LoadResult:
    document = {
        "apiVersion": "mesh-reconciler/v1",
        "kind": "Mesh",
        "metadata": {"name": "a"},
        **parts,
    }
    return load_manifests([("m.json", json.dumps(document).encode())])


def refusal(result: LoadResult) -> tuple[str, str, str]:
    (item,) = result.diagnostics
    return item.code.name, item.path, item.message


@pytest.mark.parametrize("name", ["a", "x" * 255, "Shop_1.mesh", "é", "a b", "$", "50%", "a<b"])
def test_names_that_are_taken(name: str) -> None:
    result = native(metadata={"name": name})
    assert [item.key.name for item in result.desired] == [name]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "must not be empty"),
        ("x" * 256, "must have at most 255 characters"),
        (".", "must not be . or .., which have a special meaning in a URL path"),
        ("..", "must not be . or .., which have a special meaning in a URL path"),
        ("a/b", "must not contain a slash, because the name is part of a URL path"),
        ("a%2Fb", "must not contain a slash, because the name is part of a URL path"),
        (" a", "must not begin or end with a space"),
        ("a\u00a0", "must not begin or end with a space"),
        ("a\tb", "must not contain invisible characters"),
        ("a\u200bb", "must not contain invisible characters"),
    ],
)
def test_i28_names_that_are_refused(name: str, message: str) -> None:
    assert refusal(native(metadata={"name": name})) == ("NAME", "metadata.name", message)


@pytest.mark.parametrize("name", ["${MESH", "{{ mesh }}", "{{mesh", "mesh}}", "<MESH>", "a-<x>"])
def test_i27_placeholders_that_nothing_replaced_are_no_names(name: str) -> None:
    message = "contains a placeholder that was not replaced"
    assert refusal(native(metadata={"name": name})) == ("NAME", "metadata.name", message)


@pytest.mark.parametrize("count", [0, 1, 48])
def test_as_many_tags_as_leave_room_for_ours(count: int) -> None:
    tags = {f"k{number}": "v" for number in range(count)}
    assert native(metadata={"name": "a", "tags": tags}).desired[0].tags == tags


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("k", ""),
        ("k" * 128, "v" * 256),
        ("Kosten: Straße_1/a@b", "+ - = . _ : / @"),
        ("awsome", "aw"),
    ],
)
def test_tags_that_are_taken(key: str, value: str) -> None:
    assert native(metadata={"name": "a", "tags": {key: value}}).desired[0].tags == {key: value}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("", "v", "must not have an empty key"),
        ("k" * 129, "v", "must have at most 128 characters, not 129"),
        ("k", "v" * 257, "must have at most 256 characters, not 257"),
        ("aws:x", "v", "must not begin with aws:, which AWS reserves"),
        ("AwS:x", "v", "must not begin with aws:, which AWS reserves"),
        ("k", "AWS:x", "must not begin with aws:, which AWS reserves"),
        (
            "Mesh-Reconciler:owner",
            "v",
            "must not begin with mesh-reconciler:, which is reserved for the tags of this tool",
        ),
        ("a,b", "v", 'must not contain ","'),
        ("k", "$5", 'must not contain "$"'),
    ],
)
def test_tags_that_are_refused(key: str, value: str, message: str) -> None:
    code, _, said = refusal(native(metadata={"name": "a", "tags": {key: value}}))
    assert (code, said) == ("RESOURCE_TAG", message)


def test_a_bad_tag_key_is_pointed_at_and_not_its_value() -> None:
    text = "meshName: x\napiVersion: mesh-reconciler/v1\nkind: Mesh\nmetadata: {tags: {'a,b': c}}\n"
    places = [
        (item.path, item.origin.line, item.origin.column)
        for item in load_manifests([("m.yaml", text.encode())]).diagnostics
        if item.code.name == "RESOURCE_TAG"
    ]
    assert places == [('metadata.tags["a,b"]', 4, 19)]


@pytest.mark.parametrize("count", [49, 50, 51])
def test_more_tags_are_refused_in_both_forms(count: int) -> None:
    message = f"must have at most 48 tags, not {count}: two of AWS's 50 are reserved"
    tags = {f"k{number}": "v" for number in range(count)}
    in_native = native(metadata={"name": "a", "tags": tags})
    assert refusal(in_native) == ("RESOURCE_TAG", "metadata.tags", message)
    body = {"meshName": "a", "tags": [{"key": key, "value": "v"} for key in tags]}
    assert refusal(load_manifests([("m.json", json.dumps(body).encode())])) == (
        "RESOURCE_TAG",
        "tags",
        message,
    )


def test_a_tag_given_twice_in_a_request_is_refused() -> None:
    body = b'{"meshName": "a", "tags": [{"key": "k", "value": "1"}, {"key": "k", "value": "2"}]}'
    assert refusal(load_manifests([("m.json", body)])) == (
        "RESOURCE_TAG",
        "tags",
        'has the key "k" twice',
    )


@pytest.mark.parametrize(
    "pointer", ["", "egressFilter", "/", "/a//b", "/a~", "/a~2", "/a/0", "/a/-", "/0/b"]
)
def test_pointers_that_are_refused(pointer: str) -> None:
    code, path, _ = refusal(native(reconcile={"ignore": [pointer]}))
    assert (code, path) == ("POINTER", "reconcile.ignore[0]")


@pytest.mark.parametrize("pointer", ["/egressFilter", "/a/b-0", "/a~0b~1c"])
def test_pointers_that_are_taken(pointer: str) -> None:
    assert native(reconcile={"ignore": [pointer]}).desired[0].options.ignore == (pointer,)


@pytest.mark.parametrize(
    ("until", "message"),
    [
        ("tomorrow", "must be a date and time in ISO 8601"),
        ("2026-12-01", "must have a time zone"),
        ("2026-12-01T00:00:00", "must have a time zone"),
    ],
)
def test_the_end_of_a_suspension_needs_a_time_zone(until: str, message: str) -> None:
    result = native(reconcile={"suspend": {"until": until}})
    assert refusal(result) == ("TIMESTAMP", "reconcile.suspend.until", message)


def test_the_end_of_a_suspension_is_text() -> None:
    result = native(reconcile={"suspend": {"until": 5}})
    message = "must be a date and time, not 5"
    assert refusal(result) == ("WRONG_TYPE", "reconcile.suspend.until", message)


@pytest.mark.parametrize(
    ("field", "document"),
    [
        (
            "reconcile.ignore",
            {"metadata": {"name": "a"}, "reconcile": {"ignore": ["x"] * 1_001}},
        ),
        (
            "metadata.tags",
            {"metadata": {"name": "a", "tags": {str(number): "$" for number in range(1_001)}}},
        ),
    ],
)
def test_more_than_anybody_writes_is_refused_at_once(
    field: str, document: dict[str, object]
) -> None:
    message = "must have at most 1,000 items, not 1,001"
    assert refusal(native(**document)) == ("NOT_ALLOWED", field, message)

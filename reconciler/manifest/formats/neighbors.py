"""Recognizes documents that cannot be manifests, such as IAM policies and Helm values.

Such a document may be ignored only if no typing error can have made it out of a manifest. So it
has no key of any format at its top, no key that is similar to one, and no type of App Mesh. Nor is
it the spec of a resource without its names.
"""

import re
from functools import cache, lru_cache

from reconciler.core.kinds import KINDS
from reconciler.manifest.models.documents import request_fields
from reconciler.manifest.models.specs import spec_fields
from reconciler.manifest.parsing.nodes import (
    ListNode,
    MappingNode,
    Node,
    ScalarNode,
    get_text,
)

MESH_KINDS = frozenset(kind.title for kind in KINDS.values())
RESPONSE_KEYS = frozenset(word[0].lower() + word[1:] for word in MESH_KINDS)
"""The API's responses have one of these keys: {"mesh": {…}}."""

# These fields of requests are in the documents of many other products too.
_COMMON_FIELDS = frozenset({"tags"})
_COMMON_SPEC_FIELDS = frozenset({"logging", "priority"})
_FORMAT_KEYS = frozenset(
    {
        *("apiVersion", "kind", "metadata", "reconcile", "spec", "items"),
        *("AWSTemplateFormatVersion", "Resources"),
        *("format_version", "planned_values", "terraform_version"),
    }
)
_OUR_TYPES = ("aws::appmesh::", "aws_appmesh_", "appmesh.k8s.aws", "mesh-reconciler/v")
# The members of the Kubernetes resource requirements, which Helm values call "resources".
_RESOURCE_REQUIREMENTS = frozenset({"claims", "limits", "requests"})
_DEPLOYMENT_KEYS = frozenset({"version", "Resources", "Hooks"})
_SEPARATORS = re.compile(r"[^a-z0-9]")
_LONG_WORD = 6
_MAX_KEYS = 200
_MAX_SPEC_KEYS = 10
_MAX_WORD = 30


def is_neighbor(root: Node) -> bool:
    """Return whether ``root``, which has no known format, certainly is no manifest."""
    if isinstance(root, ListNode):
        items = [item for item in root.items if not isinstance(item, ScalarNode)]
        return bool(root.items) and all(
            isinstance(item, MappingNode) and is_neighbor(item) for item in items
        )
    if not isinstance(root, MappingNode) or not 0 < len(root.members) <= _MAX_KEYS:
        return False
    if _is_construct_tree(root) or is_deployment(root):
        return True
    return (
        not any(is_like_ours(root, key) for key in root.members)
        and not is_spec(root)
        and not _names_our_type(root)
    )


def is_deployment(root: MappingNode) -> bool:
    """Return whether ``root`` is an AppSpec file of CodeDeploy, which has Resources in a list."""
    resources = root.members.get("Resources")
    return (
        isinstance(resources and resources.value, ListNode)
        and root.members.keys() <= _DEPLOYMENT_KEYS
        and not _names_our_type(root)
    )


def _is_construct_tree(root: MappingNode) -> bool:
    """Return whether ``root`` is the tree.json beside the templates that the CDK writes."""
    version = get_text(root, "version") or ""
    return root.members.keys() == {"version", "tree"} and version.startswith("tree-")


def is_spec(root: MappingNode) -> bool:
    """Return whether ``root`` is the spec of a resource, also if its keys have typing errors."""
    keys = root.members.keys()
    # Logging and priority alone are no spec, but the former is a whole file of other tools.
    if not 0 < len(keys) <= _MAX_SPEC_KEYS or keys <= _COMMON_SPEC_FIELDS:
        return False
    return bool(MESH_KINDS.intersection(*map(_kinds_with, keys)))


@lru_cache(_MAX_KEYS)
def _kinds_with(key: str) -> frozenset[str]:
    """Return the kinds whose specs have a field that ``key`` may be meant for."""
    letters = _letters(key)
    if len(letters) > _MAX_WORD:
        return frozenset()
    similar = (kinds for word, kinds in _kinds_by_field().items() if _is_similar(letters, word))
    return frozenset().union(*similar)


@cache
def _kinds_by_field() -> dict[str, frozenset[str]]:
    """Return the kinds whose specs have a field, by the letters of the field."""
    fields = {field for kind in MESH_KINDS for field in spec_fields(kind)}
    return {
        _letters(field): frozenset(kind for kind in MESH_KINDS if field in spec_fields(kind))
        for field in fields
    }


def is_like_ours(root: MappingNode, key: str) -> bool:
    """Return whether a member at the top of a document is, or is similar to, one of a format."""
    value = root.members[key].value
    if isinstance(value, ScalarNode) and value.text in MESH_KINDS:
        return True
    if key == "resources" and isinstance(value, MappingNode):
        return not value.members.keys() <= _RESOURCE_REQUIREMENTS
    if key in RESPONSE_KEYS and isinstance(value, MappingNode) and len(root.members) > 1:
        # Helm values have sections with these names too; a response has one key.
        return any(map(similar_key, value.members))
    return similar_key(key) is not None


@lru_cache(_MAX_KEYS)
def similar_key(key: str) -> str | None:
    """Return the key of a format that ``key`` may be meant for, or None."""
    letters, known = _letters(key), _known_keys()
    if letters in known or len(letters) > _MAX_WORD:
        return known.get(letters)
    return next((known[word] for word in known if _is_similar(letters, word)), None)


@cache
def _known_keys() -> dict[str, str]:
    """Return the keys of all formats by their letters."""
    words = sorted((request_fields() - _COMMON_FIELDS) | _FORMAT_KEYS | RESPONSE_KEYS)
    return {_letters(word): word for word in words}


def _is_similar(letters: str, word: str) -> bool:
    """Return whether ``letters`` are ``word`` with one typing error, or two in a long word."""
    errors = 2 if len(word) >= _LONG_WORD else 1
    # Each error changes the length by at most one, and at most two letters.
    if abs(len(letters) - len(word)) > errors or len({*letters} ^ {*word}) > 2 * errors:
        return False
    return sorted(letters) == sorted(word) or _distance(letters, word) <= errors


def _distance(first: str, second: str) -> int:
    """Return the number of letters to add, remove or replace, after Levenshtein."""
    row = list(range(len(second) + 1))
    for number, letter in enumerate(first, 1):
        above, row = row, [number]
        for index, other in enumerate(second):
            row.append(min(above[index + 1] + 1, row[index] + 1, above[index] + (letter != other)))
    return row[-1]


def _letters(key: str) -> str:
    return _SEPARATORS.sub("", key.casefold())


def _names_our_type(node: Node) -> bool:
    """Return whether a key or value in ``node`` contains a type of App Mesh."""
    match node:
        case ScalarNode(text=text):
            return _is_our_type(text)
        case ListNode(items=items):
            return any(map(_names_our_type, items))
        case MappingNode(members=members):
            return any(
                _is_our_type(key) or _names_our_type(member.value)
                for key, member in members.items()
            )
    return node.expansion is not None and _names_our_type(node.expansion)


def _is_our_type(text: str) -> bool:
    folded = text.casefold()
    return any(word in folded for word in _OUR_TYPES)

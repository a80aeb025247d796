"""What App Mesh and this product ask of names, tags, pointers and times, beyond their types.

Pure functions that return their argument or refuse it with a sentence for its writer.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime

from reconciler.core.planning.last_applied import is_reserved_by_aws
from reconciler.manifest.parsing.diagnostics import Code, quote_value

# API reference, CreateMesh and TagRef; two of the 50 tags of a resource are ours.
MAX_NAME_LENGTH = 255
MAX_TAGS = 48
MAX_TAG_KEY_LENGTH = 128
MAX_TAG_VALUE_LENGTH = 256
# Of tags or pointers; far from what is useful, and near enough to be looked through at once.
MAX_ITEMS = 1_000
OUR_TAG_PREFIX = "mesh-reconciler:"

_ACCOUNT = re.compile("[0-9]{12}")
_PLACEHOLDER = re.compile(r"\$\{|\$[A-Za-z_]|\{\{|\}\}|<[^<>]*>")
_SLASH = re.compile("/|%2f", re.IGNORECASE)
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])+)+")
_LIST_ELEMENT = re.compile(r"/(?:[0-9]+|-)(?:/|$)")
_TAG_PUNCTUATION = frozenset(" +-=._:/@")


class InvalidValue(ValueError):  # noqa: N818  # pydantic collects ValueErrors; this one is an answer
    """A value breaks a rule; pydantic collects these with their places."""

    def __init__(self, code: Code, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


# What makes a name unusable, and what to say of it, the first that holds.
_BAD_NAMES: tuple[tuple[Callable[[str], object], str], ...] = (
    (lambda name: not name, "must not be empty"),
    (lambda name: len(name) > MAX_NAME_LENGTH, f"must have at most {MAX_NAME_LENGTH} characters"),
    (_PLACEHOLDER.search, "holds a placeholder that nothing has replaced"),
    # The SDK sends dots as they are, and the path then names something else.
    (lambda name: name in {".", ".."}, "must not be . or .., which a path understands otherwise"),
    (_SLASH.search, "must not hold a slash: the name becomes part of a path"),
    (lambda name: name != name.strip(), "must not begin or end with a space"),
    (lambda name: not name.isprintable(), "must not hold characters that cannot be seen"),
)


def check_name(name: str) -> str:
    """Return ``name`` where it is safe to put into a request's path and to compare."""
    for is_bad, message in _BAD_NAMES:
        if is_bad(name):
            raise InvalidValue(Code.NAME, message)
    return name


def check_account(number: str) -> str:
    """Return ``number`` where it is that of an AWS account."""
    if not _ACCOUNT.fullmatch(number):
        raise InvalidValue(Code.MESH_OWNER, "must be an account of 12 digits")
    return number


def check_tag_key(key: str) -> str:
    """Return ``key`` where AWS takes it and nobody has reserved it."""
    if not key:
        raise InvalidValue(Code.RESOURCE_TAG, "must not be an empty key")
    if key.casefold().startswith(OUR_TAG_PREFIX):
        raise InvalidValue(
            Code.RESOURCE_TAG, f"begins with {OUR_TAG_PREFIX}, where we keep our own tags"
        )
    return _check_tag_text(key, MAX_TAG_KEY_LENGTH)


def check_tag_value(value: str) -> str:
    """Return ``value`` where AWS takes it; an empty one is fine."""
    return _check_tag_text(value, MAX_TAG_VALUE_LENGTH)


def _check_tag_text(text: str, most: int) -> str:
    # AWS's general rules for tags; App Mesh's own model states lengths only.
    if len(text) > most:
        raise InvalidValue(
            Code.RESOURCE_TAG, f"must have at most {most} characters, not {len(text)}"
        )
    if is_reserved_by_aws(text):
        raise InvalidValue(Code.RESOURCE_TAG, "begins with aws:, which AWS has reserved")
    for character in text:
        if not character.isalnum() and character not in _TAG_PUNCTUATION:
            message = f"must not hold {quote_value(character)}"
            hint = "letters, digits, spaces and + - = . _ : / @ are allowed"
            raise InvalidValue(Code.RESOURCE_TAG, message, hint)
    return text


def check_tag_count(count: int) -> None:
    """Refuse more tags than leave room for our two."""
    if count > MAX_TAGS:
        message = f"must hold at most {MAX_TAGS} tags, not {count}: of AWS's 50 two are ours"
        raise InvalidValue(Code.RESOURCE_TAG, message)


def check_item_count(count: int) -> None:
    """Refuse a list or mapping of more than anybody writes."""
    if count > MAX_ITEMS:
        raise InvalidValue(
            Code.NOT_ALLOWED, f"must hold at most {MAX_ITEMS:,} items, not {count:,}"
        )


def check_distinct_tag_keys(keys: Sequence[str]) -> None:
    """Refuse a list of tags that gives a key twice."""
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            raise InvalidValue(Code.RESOURCE_TAG, f"gives the key {quote_value(key)} twice")
        seen.add(key)


def check_pointer(pointer: str) -> str:
    """Return ``pointer`` where it leads, by RFC 6901, to a member of an object."""
    if not _POINTER.fullmatch(pointer):
        hint = "write /egressFilter/type; ~0 stands for ~ and ~1 for /"
        raise InvalidValue(Code.POINTER, "must be a JSON pointer into spec", hint)
    if _LIST_ELEMENT.search(pointer):
        message = "must not lead to an element of a list: elements move"
        raise InvalidValue(Code.POINTER, message, "ignore the whole list")
    return pointer


def parse_moment(text: str) -> datetime:
    """Return the time that ``text`` gives in ISO 8601, which must name its zone."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        hint = "write 2026-12-01T00:00:00Z"
        raise InvalidValue(Code.TIMESTAMP, "must be a date and time in ISO 8601", hint) from error
    if time.tzinfo is None:
        raise InvalidValue(Code.TIMESTAMP, "must name its time zone", "append Z for UTC, or +02:00")
    return time


def reject_mesh_owner(_: object) -> object:
    """Refuse the account that owns a mesh: it is stated where that is not our own."""
    message = "says that the mesh is another account's, which is not ours to create or change"
    raise InvalidValue(Code.MESH_OWNER, message, "leave the field out where the mesh is your own")

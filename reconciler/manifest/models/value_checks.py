"""Checks of names, tags, pointers and times beyond their types.

Each function returns a valid argument, or raises InvalidValue with a message for the user.
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
# Tags or pointers of one resource; more are not useful, and reading them must not take long.
MAX_ITEMS = 1_000
OUR_TAG_PREFIX = "mesh-reconciler:"

_ACCOUNT = re.compile("[0-9]{12}")
_PLACEHOLDER = re.compile(r"\$\{|\$[A-Za-z_]|\{\{|\}\}|<[^<>]*>")
_SLASH = re.compile("/|%2f", re.IGNORECASE)
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])+)+")
_LIST_ELEMENT = re.compile(r"/(?:[0-9]+|-)(?:/|$)")
_TAG_PUNCTUATION = frozenset(" +-=._:/@")


class InvalidValue(ValueError):  # noqa: N818  # pydantic collects ValueErrors
    """A value that breaks a rule; pydantic collects these with their locations."""

    def __init__(self, code: Code, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


# The first condition that is true gives the message.
_BAD_NAMES: tuple[tuple[Callable[[str], object], str], ...] = (
    (lambda name: not name, "must not be empty"),
    (lambda name: len(name) > MAX_NAME_LENGTH, f"must have at most {MAX_NAME_LENGTH} characters"),
    (_PLACEHOLDER.search, "contains a placeholder that was not replaced"),
    # The SDK does not escape dots, so the request would go to another path.
    (
        lambda name: name in {".", ".."},
        "must not be . or .., which have a special meaning in a URL path",
    ),
    (_SLASH.search, "must not contain a slash, because the name is part of a URL path"),
    (lambda name: name != name.strip(), "must not begin or end with a space"),
    (lambda name: not name.isprintable(), "must not contain invisible characters"),
)


def check_name(name: str) -> str:
    """Return ``name`` if it is safe in the path of a request and can be compared."""
    for is_bad, message in _BAD_NAMES:
        if is_bad(name):
            raise InvalidValue(Code.NAME, message)
    return name


def check_account(number: str) -> str:
    """Return ``number`` if it is the id of an AWS account."""
    if not _ACCOUNT.fullmatch(number):
        raise InvalidValue(Code.MESH_OWNER, "must be an AWS account id of 12 digits")
    return number


def check_tag_key(key: str) -> str:
    """Return ``key`` if AWS accepts it and it is not reserved."""
    if not key:
        raise InvalidValue(Code.RESOURCE_TAG, "must not have an empty key")
    if key.casefold().startswith(OUR_TAG_PREFIX):
        raise InvalidValue(
            Code.RESOURCE_TAG,
            f"must not begin with {OUR_TAG_PREFIX}, which is reserved for the tags of this tool",
        )
    return _check_tag_text(key, MAX_TAG_KEY_LENGTH)


def check_tag_value(value: str) -> str:
    """Return ``value`` if AWS accepts it; it may be empty."""
    return _check_tag_text(value, MAX_TAG_VALUE_LENGTH)


def _check_tag_text(text: str, max_length: int) -> str:
    # AWS's general rules for tags; App Mesh's own description has only the lengths.
    if len(text) > max_length:
        raise InvalidValue(
            Code.RESOURCE_TAG, f"must have at most {max_length} characters, not {len(text)}"
        )
    if is_reserved_by_aws(text):
        raise InvalidValue(Code.RESOURCE_TAG, "must not begin with aws:, which AWS reserves")
    for character in text:
        if not character.isalnum() and character not in _TAG_PUNCTUATION:
            message = f"must not contain {quote_value(character)}"
            hint = "use letters, digits, spaces and + - = . _ : / @"
            raise InvalidValue(Code.RESOURCE_TAG, message, hint)
    return text


def check_tag_count(count: int) -> None:
    """Reject so many tags that the two tags of this tool do not fit."""
    if count > MAX_TAGS:
        message = f"must have at most {MAX_TAGS} tags, not {count}: two of AWS's 50 are reserved"
        raise InvalidValue(Code.RESOURCE_TAG, message)


def check_item_count(count: int) -> None:
    """Reject a list or mapping with more than MAX_ITEMS items."""
    if count > MAX_ITEMS:
        raise InvalidValue(
            Code.NOT_ALLOWED, f"must have at most {MAX_ITEMS:,} items, not {count:,}"
        )


def check_distinct_tag_keys(keys: Sequence[str]) -> None:
    """Reject a list of tags with a duplicate key."""
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            raise InvalidValue(Code.RESOURCE_TAG, f"has the key {quote_value(key)} twice")
        seen.add(key)


def check_pointer(pointer: str) -> str:
    """Return ``pointer`` if it is an RFC 6901 pointer to a member of an object."""
    if not _POINTER.fullmatch(pointer):
        hint = "for example /egressFilter/type; write ~ as ~0 and / as ~1"
        raise InvalidValue(Code.POINTER, "must be a JSON pointer into spec", hint)
    if _LIST_ELEMENT.search(pointer):
        message = "must not point to a list element, because elements can move"
        raise InvalidValue(Code.POINTER, message, "ignore the whole list")
    return pointer


def parse_moment(text: str) -> datetime:
    """Return the time in ``text``, which is in ISO 8601 with a time zone."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        hint = "use the form 2026-12-01T00:00:00Z"
        raise InvalidValue(Code.TIMESTAMP, "must be a date and time in ISO 8601", hint) from error
    if time.tzinfo is None:
        raise InvalidValue(
            Code.TIMESTAMP, "must have a time zone", "append Z for UTC, or an offset such as +02:00"
        )
    return time

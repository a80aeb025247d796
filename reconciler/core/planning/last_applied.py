"""The last-applied record in the ``applied`` tag, which replaces a state file.

The value is ``1.<digest of the spec>.<digests of the managed tag keys, joined by colons>``. It ends
in ``.p`` if the resource is protected, so that the protection outlives the manifest.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.core.resources import (
    APPLIED_TAG,
    RESERVED_TAGS,
    Spec,
    digest,
    text_digest,
)

SCHEMA = "1"
# A tag's value holds 256 characters: the schema and its dot take 2, the spec's digest 12, the
# dot after it 1, the mark of protection 2. With all 48 tags in use each key still gets 4.
SPEC_DIGEST_LENGTH = 12
KEY_DIGESTS_LENGTH = 256 - 2 - SPEC_DIGEST_LENGTH - 1 - 2
MAX_KEY_DIGEST_LENGTH = 11
MIN_KEY_DIGEST_LENGTH = 4
UNMANAGED = "-"
PROTECTED = "p"


@dataclass(frozen=True, slots=True)
class LastApplied:
    """The last-applied record of a resource.

    Attributes:
        spec_digest: Short digest of the managed part of the spec.
        tag_key_digests: Prefixes of the digests of the tag keys in the manifest.
        protect: Whether the resource is protected.
    """

    spec_digest: str
    tag_key_digests: tuple[str, ...] = ()
    protect: bool = False

    def manages_tag(self, tag_key: str) -> bool:
        """Whether the last apply set the tag ``tag_key``."""
        return any(text_digest(tag_key).startswith(known) for known in self.tag_key_digests)

    def __str__(self) -> str:
        """Return the value of the tag."""
        parts = [SCHEMA, self.spec_digest, ":".join(self.tag_key_digests)]
        return ".".join([*parts, PROTECTED] if self.protect else parts)


def spec_digest(spec: Spec | None) -> str:
    """Return the short digest of a canonical spec, or `UNMANAGED` for None."""
    return UNMANAGED if spec is None else digest(spec)[:SPEC_DIGEST_LENGTH]


def last_applied_for(spec: Spec | None, tag_keys: Iterable[str], *, protect: bool) -> LastApplied:
    """Return the record of an apply of canonical ``spec`` and tags with ``tag_keys``."""
    keys = sorted(tag_keys)
    width = min(MAX_KEY_DIGEST_LENGTH, (KEY_DIGESTS_LENGTH + 1) // len(keys) - 1) if keys else 0
    return LastApplied(spec_digest(spec), tuple(text_digest(key)[:width] for key in keys), protect)


def parse_last_applied(tags: Mapping[str, str]) -> LastApplied | None:
    """Return the record in ``tags``, or None if it is missing or invalid."""
    match tags.get(APPLIED_TAG, "").split("."):
        case [schema, spec, keys, *rest] if schema == SCHEMA and rest in ([], [PROTECTED]):
            known = tuple(keys.split(":")) if keys else ()
            # A shorter prefix would match tags of other tools by chance.
            if any(len(key) < MIN_KEY_DIGEST_LENGTH for key in known):
                return None
            return LastApplied(spec, known, protect=bool(rest))
        case _:
            return None


def is_protected(tags: Mapping[str, str]) -> bool:
    """Whether the last apply protected the resource with ``tags``."""
    last_applied = parse_last_applied(tags)
    return last_applied is not None and last_applied.protect


def user_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return ``tags`` without the two that mesh-reconciler writes."""
    return {key: value for key, value in tags.items() if key not in RESERVED_TAGS}


def is_reserved_by_aws(text: str) -> bool:
    """Whether the tag key ``text`` has the prefix that only AWS may write."""
    return text.casefold().startswith("aws:")

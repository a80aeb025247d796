"""The last-applied record in the ``applied`` tag, which replaces a state file.

The value is ``1.<digest of the spec>.<digests of the managed tag keys, joined by colons>``. It ends
in ``.p`` if the resource is protected, so that the protection outlives the manifest.

After release 0.1.0, the last of the joined entries is the version at which that spec was live:
``@2@<version>`` from a create, else ``@2@<version>@<digest of the time of creation>``, so that the
tag attests nothing about another resource with the same ARN. An older release takes the entry for a
digest that no tag key has, so it still finds the protection and the managed tags.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from reconciler.core.resources import (
    APPLIED_TAG,
    RESERVED_TAGS,
    Spec,
    digest,
    text_digest,
)

SCHEMA = "1"
ATTESTED = "@2@"
# The version in the tags of a planned change. The write replaces it with that of the response.
PENDING = 0
# A tag's value holds 256 characters: the schema and its dot take 2, the spec's digest 12, the
# dot after it 1, the mark of protection 2. With all 48 tags in use each key still gets 4.
SPEC_DIGEST_LENGTH = 12
KEY_DIGESTS_LENGTH = 256 - 2 - SPEC_DIGEST_LENGTH - 1 - 2
CREATION_LENGTH = 4
MAX_VERSION_DIGITS = 10
# A colon, the mark, the version, an at sign and the creation.
VERSION_LENGTH = 1 + len(ATTESTED) + MAX_VERSION_DIGITS + 1 + CREATION_LENGTH
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
        version: Version of the resource at which the spec was live; `PENDING` before the write,
            None if it is not known.
        creation: Short digest of the time of creation; empty if the record was written by a create.
    """

    spec_digest: str
    tag_key_digests: tuple[str, ...] = ()
    protect: bool = False
    version: int | None = None
    creation: str = ""

    def manages_tag(self, tag_key: str) -> bool:
        """Whether the last apply set the tag ``tag_key``."""
        return any(text_digest(tag_key).startswith(known) for known in self.tag_key_digests)

    def __str__(self) -> str:
        """Return the value of the tag; without the version if there is no room for it."""
        keys = ":".join(self.tag_key_digests)
        attested = f"{ATTESTED}{self.version}" + (f"@{self.creation}" if self.creation else "")
        entries = f"{keys}:{attested}" if keys else attested
        is_short = self.version is not None and len(str(self.version)) <= MAX_VERSION_DIGITS
        if is_short and len(entries) <= KEY_DIGESTS_LENGTH:
            keys = entries
        parts = [SCHEMA, self.spec_digest, keys]
        return ".".join([*parts, PROTECTED] if self.protect else parts)


def spec_digest(spec: Spec | None) -> str:
    """Return the short digest of a canonical spec, or `UNMANAGED` for None."""
    return UNMANAGED if spec is None else digest(spec)[:SPEC_DIGEST_LENGTH]


def last_applied_for(spec: Spec | None, tag_keys: Iterable[str], *, protect: bool) -> LastApplied:
    """Return the record of an apply of canonical ``spec`` and tags with ``tag_keys``.

    Its version is `PENDING`.
    """
    keys = sorted(tag_keys)
    width = 0
    if keys:
        # With nearly all tags in use there is no room for a version.
        roomy, full = (
            (length + 1) // len(keys) - 1
            for length in (KEY_DIGESTS_LENGTH - VERSION_LENGTH, KEY_DIGESTS_LENGTH)
        )
        width = min(MAX_KEY_DIGEST_LENGTH, roomy if roomy >= MIN_KEY_DIGEST_LENGTH else full)
    digests = tuple(text_digest(key)[:width] for key in keys)
    return LastApplied(spec_digest(spec), digests, protect, PENDING)


def parse_last_applied(tags: Mapping[str, str]) -> LastApplied | None:
    """Return the record in ``tags``, or None if it is missing or invalid."""
    match tags.get(APPLIED_TAG, "").split("."):
        case [schema, spec, keys, *rest] if schema == SCHEMA and rest in ([], [PROTECTED]):
            entries = keys.split(":") if keys else []
            version, creation = None, ""
            if entries and entries[-1].startswith(ATTESTED):
                digits, _, creation = entries.pop().removeprefix(ATTESTED).partition("@")
                if digits.isdecimal() and len(digits) <= MAX_VERSION_DIGITS:
                    version = int(digits)
            # A shorter prefix would match tags of other tools by chance.
            if any(len(key) < MIN_KEY_DIGEST_LENGTH for key in entries):
                return None
            return LastApplied(
                spec, tuple(entries), bool(rest), version, "" if version is None else creation
            )
        case _:
            return None


def attest(
    tags: Mapping[str, str], version: int, created_at: float | None = None
) -> Mapping[str, str]:
    """Return ``tags``, in which a pending record attests ``version``.

    A record that is not pending is of another spec than the one that has just been written.

    Args:
        tags: The tags to write.
        version: The version at which the spec of the record is live.
        created_at: When the resource was created; None if the create itself writes the tags.
    """
    last_applied = parse_last_applied(tags)
    if last_applied is None or last_applied.version != PENDING:
        return tags
    return {
        **tags,
        APPLIED_TAG: str(
            replace(last_applied, version=version, creation=creation_digest(created_at))
        ),
    }


def creation_digest(created_at: float | None) -> str:
    """Return the short digest of a time of creation, or an empty text for None."""
    return (
        ""
        if created_at is None
        else text_digest(str(created_at).removesuffix(".0"))[:CREATION_LENGTH]
    )


def unattested(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Return ``tags`` with a record without a version: equal for all versions of one apply."""
    last_applied = parse_last_applied(tags)
    if last_applied is None or last_applied.version is None:
        return tags
    return {**tags, APPLIED_TAG: str(replace(last_applied, version=None, creation=""))}


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

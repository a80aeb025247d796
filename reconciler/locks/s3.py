"""A lease in an object of S3, written on the condition that it is unchanged.

Terraform's ``use_lockfile`` relies on the same conditions.
"""

from typing import Any

from botocore.exceptions import ClientError

from reconciler import limits
from reconciler.core.errors import LockError
from reconciler.locks.aws_errors import code_of, translate_errors
from reconciler.locks.lease import StoreContext

# The object exists, was changed, is being changed by another request, or was deleted.
CONDITION_FAILED = frozenset(
    {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "412", "409"}
)
_NO_OBJECT = "NoSuchKey"
_NO_VERSION = '"00000000000000000000000000000000"'


def open_store(location: str, context: StoreContext) -> "S3Store":
    """Return the store of s3:BUCKET/KEY."""
    bucket, _, key = location.partition("/")
    return S3Store(context.open_client("s3"), bucket, key)


class S3Store:
    """A record in an object; its entity tag is the condition of each write."""

    def __init__(self, client: Any, bucket: str, key: str) -> None:
        """Keep the record in the object `key` of `bucket`; `client` must try each call once."""
        self._client = client
        self._bucket = bucket
        self._key = key
        self._is_proven = False

    @property
    def name(self) -> str:
        """Name for messages."""
        return f"the lock s3:{self._bucket}/{self._key}"

    def read(self) -> str | None:
        """Return the record, or None if there is none."""
        record, _ = self._read()
        return record

    def compare_and_swap(self, before: str | None, after: str) -> bool:
        """Replace the record with `after` if it is `before`; return whether it was."""
        condition = {"IfNoneMatch": "*"}
        if before is not None:
            record, version = self._read()
            if record != before:
                return False
            condition = {"IfMatch": version}
        if not self._put(after, condition):
            return False
        # The SDK takes any response with status 200, also that of a proxy, for a successful write.
        found = self.read()
        if found is None:
            raise LockError(
                f"{self.name} cannot be used: the record is missing after a successful write"
            )
        if found != after:
            return False
        self._prove_conditions(after)
        return True

    def _prove_conditions(self, record: str) -> None:
        """Raise LockError if the service writes although a condition does not hold.

        Some services that are compatible with S3 ignore conditions, so two processes could hold
        one lease.
        """
        if self._is_proven:
            return
        for condition in ({"IfNoneMatch": "*"}, {"IfMatch": _NO_VERSION}):
            if self._put(record, condition):
                raise LockError(
                    f"{self.name} cannot be used: the service ignores conditions of writes"
                    " (If-None-Match, If-Match); use another lock"
                )
        self._is_proven = True

    def _read(self) -> tuple[str | None, str]:
        """Return the record and its entity tag; None and "" if there is no object."""
        with translate_errors(self.name, "S3"):
            try:
                response = self._client.get_object(Bucket=self._bucket, Key=self._key)
            except ClientError as error:
                if code_of(error) == _NO_OBJECT:
                    return None, ""
                raise
            with response["Body"] as body:
                content: bytes = body.read(limits.MAX_LOCK_RECORD_BYTES)
            return content.decode(errors="replace"), response["ETag"]

    def _put(self, record: str, condition: dict[str, str]) -> bool:
        """Write the record; return whether the condition held."""
        with translate_errors(self.name, "S3"):
            try:
                self._client.put_object(
                    Bucket=self._bucket, Key=self._key, Body=record.encode(), **condition
                )
            except ClientError as error:
                if code_of(error) in CONDITION_FAILED:
                    return False
                raise
            return True

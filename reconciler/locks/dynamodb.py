"""A lease in an item of a DynamoDB table, whose partition key is the string ``LockID``.

Terraform's lock tables have that key, so one table serves both.
"""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from reconciler.core.errors import LockError
from reconciler.known_secrets import shown

KEY, RECORD = "LockID", "Lease"
MOVED = "ConditionalCheckFailedException"
# How botocore's parsers end on what is not text, or on JSON of another type than they expect.
_UNPARSED = (ValueError, TypeError, AttributeError, LookupError)


class DynamoStore:
    """A record in an item, which is read consistently and written on a condition."""

    def __init__(self, client: Any, table: str, item: str) -> None:
        """Take a client that tries each call once, and the name of the item."""
        self._client = client
        self._table = table
        self._item = item

    @property
    def name(self) -> str:
        """What a person calls it."""
        return f"the lock {self._item} in the DynamoDB table {self._table}"

    def read(self) -> str | None:
        """Return the record, None where there is none."""
        answer = self._call("get_item", Key={KEY: {"S": self._item}}, ConsistentRead=True)
        record: str | None = answer.get("Item", {}).get(RECORD, {}).get("S")
        return record

    def compare_and_swap(self, before: str | None, after: str) -> bool:
        """Put ``after`` in the place of ``before``; whether it was there."""
        condition: dict[str, Any] = {"ConditionExpression": f"attribute_not_exists({RECORD})"}
        if before is not None:
            condition = {
                "ConditionExpression": f"{RECORD} = :before",
                "ExpressionAttributeValues": {":before": {"S": before}},
            }
        item = {KEY: {"S": self._item}, RECORD: {"S": after}}
        if self._call("put_item", Item=item, **condition) is None:
            return False
        # What a proxy answers with 200 looks to the SDK like a write that was done.
        found = self.read()
        if found is None:
            raise LockError(
                f"{self.name} cannot be used: the record is missing after a successful write"
            )
        return found == after

    def _call(self, operation: str, **arguments: Any) -> Any:
        """Return the answer, None where the condition did not hold."""
        try:
            return getattr(self._client, operation)(TableName=self._table, **arguments)
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] == MOVED:
                return None
            # The text of an error that botocore did not expect may hold parts of a proxy's URL.
            text = "no response" if type(error) is HTTPClientError else shown(error)
            raise LockError(f"{self.name} cannot be used: {text}") from error
        except _UNPARSED as error:
            raise LockError(
                f"{self.name} cannot be used: the response is not from DynamoDB"
            ) from error

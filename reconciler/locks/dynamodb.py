"""A lease in an item of a DynamoDB table, whose partition key is the string ``LockID``.

Terraform's lock tables have that key, so one table serves both.
"""

from typing import Any

from botocore.exceptions import ClientError

from reconciler.core.errors import LockError
from reconciler.locks.aws_errors import code_of, translate_errors
from reconciler.locks.lease import StoreContext

KEY, RECORD = "LockID", "Lease"
CONDITION_FAILED = "ConditionalCheckFailedException"


def open_store(table: str, context: StoreContext) -> "DynamoStore":
    """Return the store of dynamodb:TABLE."""
    return DynamoStore(context.open_client("dynamodb"), table, context.lease_name)


class DynamoStore:
    """A record in an item, read consistently and written conditionally."""

    def __init__(self, client: Any, table: str, item: str) -> None:
        """Keep the record in the item `item` of `table`; `client` must try each call once."""
        self._client = client
        self._table = table
        self._item = item

    @property
    def name(self) -> str:
        """Name for messages."""
        return f"the lock {self._item} in the DynamoDB table {self._table}"

    def read(self) -> str | None:
        """Return the record, or None if there is none."""
        response = self._call("get_item", Key={KEY: {"S": self._item}}, ConsistentRead=True)
        record: str | None = response.get("Item", {}).get(RECORD, {}).get("S")
        return record

    def compare_and_swap(self, before: str | None, after: str) -> bool:
        """Replace the record with `after` if it is `before`; return whether it was."""
        condition: dict[str, Any] = {"ConditionExpression": f"attribute_not_exists({RECORD})"}
        if before is not None:
            condition = {
                "ConditionExpression": f"{RECORD} = :before",
                "ExpressionAttributeValues": {":before": {"S": before}},
            }
        item = {KEY: {"S": self._item}, RECORD: {"S": after}}
        if self._call("put_item", Item=item, **condition) is None:
            return False
        # The SDK takes any response with status 200, also that of a proxy, for a successful write.
        found = self.read()
        if found is None:
            raise LockError(
                f"{self.name} cannot be used: the record is missing after a successful write"
            )
        return found == after

    def _call(self, operation: str, **arguments: Any) -> Any:
        """Return the response, or None if the condition did not hold."""
        with translate_errors(self.name, "DynamoDB"):
            try:
                return getattr(self._client, operation)(TableName=self._table, **arguments)
            except ClientError as error:
                if code_of(error) == CONDITION_FAILED:
                    return None
                raise

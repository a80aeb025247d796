"""A lease in DynamoDB: the protocol against moto, races against a fake with a lock."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto import mock_aws
from servers import Answer, scripted

from reconciler.core.errors import LockError
from reconciler.locks.dynamodb import DynamoStore
from reconciler.locks.lease import Elector


@pytest.fixture
def client(here: Path) -> Iterator[Any]:
    del here
    with mock_aws():
        client = boto3.client("dynamodb")
        client.create_table(
            TableName="locks",
            KeySchema=[{"AttributeName": "LockID", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "LockID", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client
        client.close()


def test_it_is_empty_until_something_is_put_there(client: Any) -> None:
    store = DynamoStore(client, "locks", "meshes")
    assert store.read() is None
    assert store.compare_and_swap(None, "one")
    assert not store.compare_and_swap(None, "two")
    assert not store.compare_and_swap("other", "two")
    assert store.compare_and_swap("one", "two")
    assert store.read() == "two"


def test_two_items_are_two_locks(client: Any) -> None:
    assert DynamoStore(client, "locks", "one").compare_and_swap(None, "a")
    assert DynamoStore(client, "locks", "two").read() is None


def test_a_table_that_is_not_there_is_named(client: Any) -> None:
    store = DynamoStore(client, "none", "meshes")
    with pytest.raises(LockError, match="the lock meshes in the DynamoDB table none cannot be"):
        store.read()
    with pytest.raises(LockError):
        store.compare_and_swap(None, "one")


def test_one_that_cannot_be_reached_is_no_lost_race(here: Path) -> None:
    del here
    client = boto3.client("dynamodb", endpoint_url="http://127.0.0.1:1")
    with pytest.raises(LockError, match="cannot be used"):
        DynamoStore(client, "locks", "meshes").read()
    client.close()


def test_e02_no_part_of_a_proxys_url_is_shown(here: Path) -> None:
    del here
    proxies = Config(proxies={"https": "http://me:canary/x@127.0.0.1:9"})
    client = boto3.client("dynamodb", endpoint_url="https://127.0.0.1:9", config=proxies)
    with pytest.raises(LockError, match=r"cannot be used: no response$"):
        DynamoStore(client, "locks", "meshes").read()
    client.close()


PAGE = b"<html>login</html>"


@pytest.mark.parametrize("body", [PAGE, b"", b"{}"])
def test_what_a_proxy_answers_grants_no_lease(here: Path, body: bytes) -> None:
    del here
    with scripted(lambda *_: Answer(200, body)) as server:
        client = boto3.client("dynamodb", endpoint_url=server.url)
        with pytest.raises(LockError, match="the record is missing after a successful write"):
            DynamoStore(client, "locks", "meshes").compare_and_swap(None, "one")
        client.close()


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"[]"), (200, b'{"Item": []}'), (200, b'{"Item": {"Lease": 3}}'), (502, b"\xe9")],
)
def test_what_is_no_answer_of_dynamodb_is_no_record(here: Path, status: int, body: bytes) -> None:
    del here
    with scripted(lambda *_: Answer(status, body)) as server:
        options = Config(retries={"total_max_attempts": 1})
        client = boto3.client("dynamodb", endpoint_url=server.url, config=options)
        with pytest.raises(LockError):
            DynamoStore(client, "locks", "meshes").read()
        client.close()


class Table:
    """The calls that a lease takes, on one dictionary, one at a time."""

    def __init__(self) -> None:
        self.items: dict[str, Any] = {}
        self.lock = Lock()

    def get_item(self, *, Key: Any, **_: Any) -> Any:  # noqa: N803  # boto3 calls it so
        with self.lock:
            item = self.items.get(Key["LockID"]["S"])
            return {} if item is None else {"Item": item}

    def put_item(self, *, Item: Any, **condition: Any) -> Any:  # noqa: N803  # boto3 calls it so
        name = Item["LockID"]["S"]
        before = condition.get("ExpressionAttributeValues", {}).get(":before")
        with self.lock:
            if self.items.get(name, {}).get("Lease") != before:
                code = "ConditionalCheckFailedException"
                raise ClientError({"Error": {"Code": code, "Message": ""}}, "PutItem")
            self.items[name] = Item
        return {}


def test_p11_races_have_one_winner_in_every_round() -> None:
    table, now = Table(), [0.0]
    candidates = [
        Elector(DynamoStore(table, "t", "i"), str(n), 15, lambda: now[0], lambda: 0.0)
        for n in range(6)
    ]

    def step(elector: Elector) -> None:
        elector.renew_or_acquire()

    with ThreadPoolExecutor(len(candidates)) as pool:
        for number in range(200):
            stopped = number // 10 % len(candidates)
            others = [item for n, item in enumerate(candidates) if n != stopped]
            list(pool.map(step, others))
            assert sum(item.is_leader() for item in candidates) <= 1
            now[0] += 5
    assert sum(item.is_leader() for item in candidates) == 1

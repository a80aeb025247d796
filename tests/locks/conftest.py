"""Every store of leases, each on what it has in production or what stands for it here."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

import boto3
import pytest
from amounts import amount
from moto import mock_aws

from reconciler.locks.dynamodb import DynamoStore
from reconciler.locks.file import FileStore
from reconciler.locks.lease import LeaseStore, StoreContext
from reconciler.locks.postgresql import open_store
from reconciler.locks.s3 import S3Store

STORES = (
    *("memory", "file"),
    pytest.param("postgresql", marks=pytest.mark.process),
    *("dynamodb", "s3"),
)
# A function that returns a store of one empty place; the same number is the same place.
Open = Callable[[int], LeaseStore]


@dataclass
class MemoryStore:
    """A record in memory."""

    text: str | None = None
    name: str = "the slate"
    _lock: Any = field(default_factory=Lock)

    def read(self) -> str | None:
        return self.text

    def compare_and_swap(self, before: str | None, after: str) -> bool:
        with self._lock:
            if self.text != before:
                return False
            self.text = after
            return True


class OneAtATime:
    """A client whose calls are made one at a time.

    moto checks a condition and writes in two steps, which other threads could come between. The
    services promise one step.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._lock = Lock()

    def __getattr__(self, name: str) -> Any:
        """Return the call `name`, which waits for its turn."""
        call = getattr(self._client, name)

        def locked(**arguments: Any) -> Any:
            with self._lock:
                return call(**arguments)

        return locked


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    """Return numbers that no other test of the session has."""
    return count(1)


@pytest.fixture
def aws(here: Path) -> Iterator[Callable[[str], Any]]:
    """Return a function that makes a client of a simulated AWS with a table and a bucket."""
    del here
    clients: dict[str, Any] = {}
    with mock_aws():

        def client(service: str) -> Any:
            return clients.setdefault(service, boto3.client(service))

        yield client
        for opened in clients.values():
            opened.close()


@pytest.fixture
def dynamodb(aws: Callable[[str], Any]) -> Any:
    """Return a client of DynamoDB with the table `locks`."""
    client = aws("dynamodb")
    client.create_table(
        TableName="locks",
        KeySchema=[{"AttributeName": "LockID", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "LockID", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return client


@pytest.fixture
def s3(aws: Callable[[str], Any]) -> Any:
    """Return a client of S3 with the bucket `locks`."""
    client = aws("s3")
    client.create_bucket(
        Bucket="locks", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    return client


@pytest.fixture(params=STORES)
def open_place(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Return a function that opens a place of each kind of store."""
    return opener(request, tmp_path)


@pytest.fixture(params=STORES[: amount("stores under the protocol of leases", test=3, full=5)])
def open_any_place(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Return a function that opens a place of some kinds of store, of all in `make full`."""
    return opener(request, tmp_path)


def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Return a function that opens a place of the kind of store that is the parameter."""
    kind = request.param
    if kind == "memory":
        slates: dict[int, MemoryStore] = {}
        return lambda number: slates.setdefault(number, MemoryStore())
    if kind == "file":
        return lambda number: FileStore(tmp_path / f"lock{number}")
    if kind == "postgresql":
        url = request.getfixturevalue("database").url()
        first = next(request.getfixturevalue("numbers"))
        return lambda number: open_database(url, f"{first}/{number}")
    client = OneAtATime(request.getfixturevalue(kind))
    if kind == "dynamodb":
        return lambda number: DynamoStore(client, "locks", f"lease{number}")
    return lambda number: S3Store(client, "locks", f"lease{number}")


def open_database(url: str, lease: str) -> LeaseStore:
    """Return the store of a lease in the database at `url`."""

    def open_no_client(service: str) -> Any:
        raise AssertionError(service)

    return open_store(url.partition(":")[2], StoreContext(lease, open_no_client))

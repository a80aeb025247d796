"""A lease in DynamoDB: what goes wrong in it; the protocol is in test_contract."""

from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from servers import Answer, scripted

from reconciler.core.errors import LockError
from reconciler.locks.dynamodb import DynamoStore


@pytest.mark.unmeasured
def test_a_table_that_is_not_there_is_named(dynamodb: Any) -> None:
    store = DynamoStore(dynamodb, "none", "meshes")
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


@pytest.mark.unmeasured
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

"""A lease in S3: what goes wrong in it; the protocol is in test_contract."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from deploy_files import DEPLOY
from servers import Answer, scripted

from reconciler.core.errors import LockError
from reconciler.locks.lease import Elector, StoreContext
from reconciler.locks.s3 import S3Store, open_store

QUICK = Config(retries={"total_max_attempts": 1})


class Careless:
    """A service that ignores some conditions of writes, as some compatible ones do."""

    def __init__(self, client: Any, ignored: str) -> None:
        self._client = client
        self._ignored = ignored

    def get_object(self, **arguments: Any) -> Any:
        return self._client.get_object(**arguments)

    def put_object(self, **arguments: Any) -> Any:
        arguments.pop(self._ignored, None)
        return self._client.put_object(**arguments)


def test_a_location_is_a_bucket_and_a_key(s3: Any) -> None:
    store = open_store("locks/a/b", StoreContext("lease", lambda _: s3))
    assert store.name == "the lock s3:locks/a/b"
    assert store.compare_and_swap(None, "one")
    assert s3.get_object(Bucket="locks", Key="a/b")["Body"].read() == b"one"


@pytest.mark.unmeasured
def test_the_policy_allows_what_is_sent_and_nothing_more(s3: Any) -> None:
    sent: set[tuple[str, str]] = set()

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        sent.add((f"s3:{model.name}", f"arn:aws:s3:::{params['Bucket']}/{params['Key']}"))

    s3.meta.events.register("provide-client-params.s3", note)
    store = S3Store(s3, "locks", "a/b")
    for holder in ("one", "two"):
        elector = Elector(store, holder, 15, float, float)
        elector.renew_or_acquire()
        elector.renew_or_acquire()
        elector.release()
    policy = (DEPLOY / "iam/lock-s3.json").read_text().replace("BUCKET", "locks")
    lease, bucket = json.loads(policy.replace("KEY", "a/b"))["Statement"]
    assert sent == {(action, lease["Resource"]) for action in lease["Action"]}
    assert (bucket["Action"], bucket["Resource"]) == (["s3:ListBucket"], "arn:aws:s3:::locks")


@pytest.mark.parametrize("ignored", ["IfNoneMatch", "IfMatch"])
def test_a_service_that_ignores_a_condition_grants_no_lease(s3: Any, ignored: str) -> None:
    elector = Elector(S3Store(Careless(s3, ignored), "locks", "a"), "one", 15, float, float)
    with pytest.raises(LockError, match="the service ignores conditions of writes"):
        elector.renew_or_acquire()
    assert not elector.is_leader()


@pytest.mark.unmeasured
def test_a_record_that_is_deleted_between_is_a_lost_race(s3: Any) -> None:
    store = S3Store(s3, "locks", "a")
    assert store.compare_and_swap(None, "one")

    class Deleting(Careless):
        def put_object(self, **arguments: Any) -> Any:
            s3.delete_object(Bucket="locks", Key="a")
            return super().put_object(**arguments)

    assert not S3Store(Deleting(s3, ""), "locks", "a").compare_and_swap("one", "two")
    assert store.read() is None


@pytest.mark.unmeasured
@pytest.mark.parametrize("code", ["ConditionalRequestConflict", "PreconditionFailed"])
def test_a_conflict_is_a_lost_race(s3: Any, code: str) -> None:
    class Conflicting(Careless):
        def put_object(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": code, "Message": ""}}, "PutObject")

    assert not S3Store(Conflicting(s3, ""), "locks", "a").compare_and_swap(None, "one")


def test_another_record_after_a_write_is_a_lost_race(s3: Any) -> None:
    class Overtaken(Careless):
        def put_object(self, **arguments: Any) -> Any:
            super().put_object(**arguments)
            return s3.put_object(Bucket="locks", Key="a", Body=b"other")

    assert not S3Store(Overtaken(s3, ""), "locks", "a").compare_and_swap(None, "one")


def test_a_bucket_that_is_not_there_is_named(s3: Any) -> None:
    store = S3Store(s3, "none", "meshes")
    for call in (store.read, lambda: store.compare_and_swap(None, "one")):
        with pytest.raises(LockError, match=r"the lock s3:none/meshes cannot be used: .*NoSuchBuc"):
            call()


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>login</html>"), (200, b""), (502, b"\xe9"), (403, b"")]
)
def test_what_a_proxy_answers_grants_no_lease(here: Path, status: int, body: bytes) -> None:
    del here
    with scripted(lambda *_: Answer(status, body)) as server:
        client = boto3.client("s3", endpoint_url=server.url, config=QUICK)
        elector = Elector(S3Store(client, "locks", "a"), "one", 15, float, float)
        with pytest.raises(LockError):
            elector.renew_or_acquire()
        with pytest.raises(LockError):
            S3Store(client, "locks", "a").compare_and_swap(None, "one")
        assert not elector.is_leader()
        client.close()


def test_one_that_cannot_be_reached_is_no_lost_race(here: Path) -> None:
    del here
    client = boto3.client("s3", endpoint_url="http://127.0.0.1:1", config=QUICK)
    with pytest.raises(LockError, match="cannot be used"):
        S3Store(client, "locks", "meshes").read()
    client.close()

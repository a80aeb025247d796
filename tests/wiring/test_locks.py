"""What --lock names."""

import time
from pathlib import Path

import pytest
from builders import TARGET

from reconciler.locks.dynamodb import DynamoStore
from reconciler.locks.file import FileStore
from reconciler.settings.target import Choice
from reconciler.wiring.locks import open_lock, steady_seconds

CHOICE = Choice("test", "platform", "sync", url=TARGET.url, region="eu-west-1")


def test_a_file_is_a_lock(here: Path) -> None:
    candidate = open_lock(f"file:{here}/lock", 15, CHOICE, TARGET)
    assert isinstance(candidate.store, FileStore)
    candidate.step()
    assert candidate.leads()
    assert candidate.lease().holder == candidate.holder
    assert candidate.lease().expires_at == pytest.approx(time.time() + 15, abs=5)


def test_a_table_is_a_lock_for_each_owner_in_an_account_and_region(here: Path) -> None:
    del here
    candidate = open_lock("dynamodb:locks", 15, CHOICE, TARGET)
    assert isinstance(candidate.store, DynamoStore)
    assert candidate.store.name == (
        "the lock mesh-reconciler/123456789012/eu-west-1/platform in the DynamoDB table locks"
    )


def test_two_candidates_of_one_process_are_two(here: Path) -> None:
    one, two = (open_lock(f"file:{here}/lock", 15, CHOICE, TARGET) for _ in range(2))
    one.step()
    two.step()
    assert (one.leads(), two.leads()) == (True, False)


def test_the_clock_of_leases_goes_on() -> None:
    before = steady_seconds()
    assert 0 < before <= steady_seconds()

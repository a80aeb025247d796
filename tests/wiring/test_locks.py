"""Locks that --lock selects."""

import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from builders import TARGET

from reconciler.core.errors import UsageError
from reconciler.locks.dynamodb import DynamoStore
from reconciler.locks.file import FileStore
from reconciler.settings.lock_schemes import LOCK_SCHEMES
from reconciler.settings.options import is_lock
from reconciler.settings.target_config import TargetConfig
from reconciler.wiring.locks import open_lock, steady_seconds

CHOICE = TargetConfig("test", "platform", "sync", url=TARGET.url, region="eu-west-1")


def test_a_file_is_a_lock(here: Path) -> None:
    elector = open_lock(f"file:{here}/lock", 15, CHOICE, TARGET)
    assert isinstance(elector.store, FileStore)
    elector.renew_or_acquire()
    assert elector.is_leader()
    assert elector.lease().holder == elector.holder
    assert elector.lease().expires_at == pytest.approx(time.time() + 15, abs=5)


@pytest.mark.parametrize(
    ("choice", "place"),
    [
        (CHOICE, TARGET.url),
        (replace(CHOICE, account="123456789012"), "123456789012"),
        (replace(CHOICE, url=None), "123456789012"),
    ],
)
def test_p11_a_table_is_a_lock_for_each_owner_in_a_place_that_all_know_alike(
    here: Path, choice: TargetConfig, place: str
) -> None:
    del here
    elector = open_lock("dynamodb:locks", 15, choice, TARGET)
    assert isinstance(elector.store, DynamoStore)
    name = f"mesh-reconciler/{place}/eu-west-1/platform"
    assert elector.store.name == f"the lock {name} in the DynamoDB table locks"
    if choice.url is not None:
        # One of the replicas may have found out less about itself than the other.
        unknown = open_lock("dynamodb:locks", 15, choice, replace(TARGET, account=None))
        assert unknown.store.name == elector.store.name


def test_two_candidates_of_one_process_are_two(here: Path) -> None:
    item, two = (open_lock(f"file:{here}/lock", 15, CHOICE, TARGET) for _ in range(2))
    item.renew_or_acquire()
    two.renew_or_acquire()
    assert (item.is_leader(), two.is_leader()) == (True, False)


def test_the_clock_of_leases_goes_on() -> None:
    before = steady_seconds()
    assert 0 < before <= steady_seconds()


LOCATIONS = {
    "file": "lock",
    "dynamodb": "locks",
    "s3": "locks/meshes",
    "postgresql": "//db.example/locks",
}


def test_each_scheme_has_a_store(here: Path) -> None:
    del here
    assert set(LOCATIONS) == set(LOCK_SCHEMES)
    for scheme, location in LOCATIONS.items():
        lock = f"{scheme}:{location}"
        assert is_lock(lock)
        elector = open_lock(lock, 15, CHOICE, TARGET)
        assert type(elector.store).__module__ == f"reconciler.locks.{scheme}"


@pytest.mark.parametrize("lock", ["s3:locks", "s3:/key", "s3:locks/", "postgresql:db", "redis:a"])
def test_a_location_has_the_form_of_its_scheme(lock: str) -> None:
    assert not is_lock(lock)


def test_a_store_without_its_extra_says_which_one_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "reconciler.locks.postgresql", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UsageError, match=r"psycopg: install mesh-reconciler\[postgresql\]"):
        open_lock("postgresql://db.example/locks", 15, CHOICE, TARGET)

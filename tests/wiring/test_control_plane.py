"""The state of the endpoint as the server of Envoys sees it."""

import json
from pathlib import Path
from typing import Any, NoReturn, cast

import pytest

from reconciler.endpoint import Readable, Scope, StoreFailedError
from reconciler.envoy.follower import StateUnreadableError
from reconciler.wiring.control_plane import InstancesFile, StoredState

SERVICE = {"namespace": "shop", "service": "web", "instances": [{"ipv4": "10.0.0.1"}]}


class LostStore:
    """A store that cannot be read."""

    def wait(self, *_: Any) -> NoReturn:
        raise StoreFailedError("the server is away", busy=True)

    read_all = wait


def test_a_store_that_cannot_be_read_is_told_from_an_empty_one() -> None:
    state = StoredState(cast("Readable", LostStore()), Scope("1" * 12, "eu-west-1"))
    for read in (lambda: state.wait(0, 0), state.read):
        with pytest.raises(StateUnreadableError, match="the server is away"):
            read()


def test_a_file_of_instances_that_is_wrong_or_gone_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "instances.yaml"
    instances = InstancesFile(file)
    assert not instances()
    file.write_text(json.dumps([SERVICE]))
    first = instances()
    assert first["shop", "web"][0].ipv4 == "10.0.0.1"
    assert instances() is first
    file.write_text("- wrong")
    assert instances() is first
    file.unlink()
    assert instances() is first

"""The state of the endpoint as the server of Envoys sees it."""

from typing import Any, NoReturn, cast

import pytest

from reconciler.endpoint import Readable, Scope, StoreFailedError
from reconciler.envoy.follower import StateUnreadableError
from reconciler.wiring.control_plane import StoredState


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

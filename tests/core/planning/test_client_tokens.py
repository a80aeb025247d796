"""Tokens: within the API's bounds, equal for equal intents and for nothing else."""

import re
from itertools import pairwise
from typing import Any

from builders import desired, egress, plan, present

from reconciler.core.changes import Adopt, Create, Update
from reconciler.core.planning.client_tokens import (
    after_delete,
    after_rejection,
    after_replay,
    client_token,
)

TOKEN = re.compile(r"[A-Za-z0-9_-]{36}")


def create(kind: str, name: str = "a") -> Create:
    (change,) = plan(desired(name, egress(kind))).changes
    assert isinstance(change, Create)
    return change


def update(kind: str, **live: Any) -> Update:
    (change,) = plan(desired("a", egress(kind)), present("a", egress("NONE"), **live)).changes
    assert isinstance(change, Update)
    return change


def test_c4_a_token_has_36_characters_of_the_allowed_ones() -> None:
    for change in (create("DROP_ALL"), update("ALLOW_ALL")):
        assert TOKEN.fullmatch(client_token(change))


def test_c4_equal_intents_have_equal_tokens_across_versions() -> None:
    # Written down: a release that changes it would send a second token for the same intent.
    assert client_token(create("DROP_ALL")) == client_token(create("DROP_ALL"))
    assert client_token(create("DROP_ALL")) == "sOpJMAiI2AaIywLgCHTGduhDQuSjDkHgJ-V9"


def test_a11_the_token_covers_what_is_left_as_well_as_what_is_wanted() -> None:
    tokens = {
        client_token(create("DROP_ALL")),
        client_token(create("ALLOW_ALL")),
        client_token(create("DROP_ALL", "b")),
        client_token(update("DROP_ALL")),
        client_token(update("DROP_ALL", version=2)),
        client_token(update("DROP_ALL", uid="another")),
        client_token(create("DROP_ALL"), after_replay("u1", "answer 1")),
        client_token(create("DROP_ALL"), after_replay("u2", "answer 1")),
        client_token(create("DROP_ALL"), after_replay("u2", "answer 2")),
        client_token(create("DROP_ALL"), after_rejection("answer 1")),
        client_token(create("DROP_ALL"), after_delete("u1")),
    }
    assert len(tokens) == 11


def test_an_adoption_leaves_a_base_too() -> None:
    changes = [
        plan(
            desired("a", egress("ALLOW_ALL"), adopt=True),
            present("a", egress("DROP_ALL"), owner=None, version=version),
        ).changes[0]
        for version in (1, 2)
    ]
    tokens = [client_token(change) for change in changes if isinstance(change, Adopt)]
    assert all(item != other for item, other in pairwise(tokens))
    assert len(tokens) == 2

"""The checker accepts the histories of one router, and no others."""

import random

import pytest
from linearizability.checker import is_linearizable
from linearizability.routers import (
    Answer,
    Place,
    Request,
    Router,
    RouterOperation,
    State,
    step,
    violation,
)

A = Place("111111111111", "a")
NEVER = float("inf")

# Each operation: the time of its call and of its return, the request, and the answer.
Row = tuple[float, float, Request, Answer | None]


def create(token: str, port: int = 1) -> Request:
    return Request("create", A, token, port)


def update(token: str, port: int = 2) -> Request:
    return Request("update", A, token, port)


DELETE, DESCRIBE = Request("delete", A), Request("describe", A)
ABSENT, EXISTS = Answer(404), Answer(409)


def shows(uid: str, version: int, port: int, revision: int = 0) -> Answer:
    return Answer(200, Router(uid, version, port), revision)


GOOD: dict[str, list[Row]] = {
    "one after the other": [
        (0, 1, create("t"), shows("u", 1, 1, 1)),
        (2, 3, update("v"), shows("u", 2, 2, 2)),
        (4, 5, DESCRIBE, shows("u", 2, 2)),
        (6, 7, DELETE, shows("u", 3, 2, 3)),
        (8, 9, DESCRIBE, ABSENT),
    ],
    "a read during a write sees either": [
        (0, 9, create("t"), shows("u", 1, 1, 1)),
        (1, 2, DESCRIBE, ABSENT),
        (3, 4, DESCRIBE, shows("u", 1, 1)),
    ],
    "the second of two creates is refused": [
        (0, 9, create("t"), EXISTS),
        (0, 9, create("v", 2), shows("u", 1, 2, 1)),
    ],
    "a repeated token has the same response": [
        (0, 1, create("t"), shows("u", 1, 1, 1)),
        (2, 3, DELETE, shows("u", 2, 1, 2)),
        (4, 5, create("t"), shows("u", 1, 1, 2)),
        (6, 7, DESCRIBE, ABSENT),
    ],
    "a refused token can be used later": [
        (0, 1, update("t"), ABSENT),
        (2, 3, create("v"), shows("u", 1, 1, 1)),
        (4, 5, update("t"), shows("u", 2, 2, 2)),
    ],
    "an unknown create that took effect late": [
        (0, NEVER, create("t"), None),
        (1, 2, DESCRIBE, ABSENT),
        (3, 4, DESCRIBE, shows("u", 1, 1)),
        (5, 6, create("t"), shows("u", 1, 1, 1)),
    ],
    "an unknown create that never took effect": [
        (0, NEVER, create("t"), None),
        (1, 2, create("v", 2), shows("u", 1, 2, 1)),
    ],
    "an unknown delete between two creates": [
        (0, 1, create("t"), shows("u", 1, 1, 1)),
        (2, NEVER, DELETE, None),
        (3, 4, create("v", 2), shows("w", 1, 2, 3)),
    ],
}
BAD: dict[str, list[Row]] = {
    "a lost write": [
        (0, 1, create("t"), shows("u", 1, 1, 1)),
        (2, 3, DESCRIBE, ABSENT),
    ],
    "a stale read": [
        (0, 1, create("t"), shows("u", 1, 1, 1)),
        (2, 3, update("v"), shows("u", 2, 2, 2)),
        (4, 5, DESCRIBE, shows("u", 1, 1)),
    ],
    "two creates of one name": [
        (0, 9, create("t"), shows("u", 1, 1, 1)),
        (0, 9, create("v", 2), shows("w", 1, 2, 2)),
    ],
    "a lost update": [
        (0, 1, create("t"), shows("u", 1, 1, 1)),
        (2, 9, update("v"), shows("u", 2, 2, 2)),
        (2, 9, update("w", 3), shows("u", 2, 3, 3)),
    ],
    "a token with two effects": [
        (0, 1, create("t"), shows("u", 1, 1, 1)),
        (2, 3, update("v"), shows("u", 2, 2, 2)),
        (4, 5, update("v"), shows("u", 3, 2, 3)),
    ],
    "an unknown token with two effects": [
        (0, 1, create("t"), shows("u", 1, 1, 1)),
        (2, NEVER, update("v"), None),
        (3, NEVER, update("v"), None),
        (4, 5, DESCRIBE, shows("u", 3, 2)),
    ],
    "an unknown create with two uids": [
        (0, NEVER, create("t"), None),
        (1, 2, DESCRIBE, shows("u", 1, 1)),
        (3, 4, create("t"), shows("w", 1, 1, 1)),
    ],
    "a refused write with an effect": [
        (0, 1, update("v"), ABSENT),
        (2, 3, DESCRIBE, shows("u", 1, 2)),
    ],
    "a write before its call": [
        (0, 1, DESCRIBE, shows("u", 1, 1)),
        (2, 3, create("t"), shows("u", 1, 1, 1)),
    ],
    "a revision that stands still": [
        (0, 1, create("t"), shows("u", 1, 1, 1)),
        (2, 3, update("v"), shows("u", 2, 2, 1)),
    ],
    "a replay with an older revision": [
        (0, 1, create("t"), shows("u", 1, 1, 1)),
        (2, 3, update("v"), shows("u", 2, 2, 2)),
        (4, 5, create("t"), shows("u", 1, 1, 1)),
    ],
}


def history(rows: list[Row]) -> list[RouterOperation]:
    return [
        RouterOperation(request, called, returned, answer)
        for called, returned, request, answer in rows
    ]


@pytest.mark.parametrize("name", GOOD)
def test_a_history_with_an_order_is_accepted(name: str) -> None:
    assert violation(history(GOOD[name])) == ""


@pytest.mark.parametrize("name", BAD)
def test_a_history_without_an_order_is_shown_up_to_the_answer_that_none_explains(name: str) -> None:
    lines = violation(history(BAD[name])).splitlines()
    assert lines[0].startswith("no order explains the last answer")
    assert len(lines) - 1 <= len(BAD[name])


def test_the_history_is_cut_after_the_first_violation() -> None:
    later: list[Row] = [(10 + number, 10.5 + number, DESCRIBE, ABSENT) for number in range(5)]
    text = violation(history([*BAD["a lost write"], *later]))
    assert text.count("describe") == 1


@pytest.mark.parametrize(
    ("called", "revision", "says"),
    [(0, 1, "two writes have one revision"), (2, 0.5, "a revision fell"), (2, 2, ""), (0, 2, "")],
)
def test_the_revisions_of_an_account_rise_with_the_writes_of_all_names(
    called: float, revision: int, says: str
) -> None:
    other = Request("create", Place(A.account, "b"), "v", 2)
    rows: list[Row] = [
        (0, 1, create("t"), shows("u", 1, 1, 1)),
        (called, called + 1, other, shows("w", 1, 2, revision)),
    ]
    assert violation(history(rows)).startswith(says)
    elsewhere = Request("create", Place("222222222222", "b"), "v", 2)
    rows[1] = (called, called + 1, elsewhere, rows[1][3])
    assert violation(history(rows)) == ""


def test_random_histories_of_the_model_itself_are_accepted() -> None:
    chance = random.Random(7)  # noqa: S311 - repeatable, not secret
    for _ in range(100):
        rows = _sequential(chance)
        # Calls that begin earlier and return later than they took effect.
        spread = [
            RouterOperation(request, at - chance.random() * 4, at + chance.random() * 4, answer)
            for at, request, answer in rows
        ]
        assert violation(spread) == ""
        unknown = [
            each if chance.random() < 0.8 else RouterOperation(each.request, each.called)
            for each in spread
        ]
        assert is_linearizable(unknown, step, State())


def _sequential(chance: random.Random) -> list[tuple[float, Request, Answer]]:
    state, rows = State(), []
    for number in range(12):
        request = chance.choice(
            [create(f"t{number}", number), update(f"t{number}", number), DELETE, DESCRIBE]
        )
        live = state.live
        if live is None:
            created = shows(f"u{number}", 1, number, number + 1)
            answer = created if request.action == "create" else ABSENT
        elif request.action == "create":
            answer = EXISTS
        elif request.action == "describe":
            answer = shows(*live)
        else:
            port = number if request.action == "update" else live.port
            answer = shows(live.uid, live.version + 1, port, number + 1)
        after = step(state, request, answer)
        assert after is not None
        state = after
        rows.append((float(number), request, answer))
    return rows

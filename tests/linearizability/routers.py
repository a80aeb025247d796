"""The sequential model of one virtual router: the answers it gives when calls do not overlap."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

from linearizability.checker import Operation, shortest_violation

Action = Literal["create", "update", "delete", "describe"]


@dataclass(frozen=True, slots=True)
class Place:
    """A virtual router of one account."""

    account: str
    name: str


@dataclass(frozen=True, slots=True)
class Request:
    """One request; each new create and update has a token and a port of its own."""

    action: Action
    place: Place
    token: str = ""
    port: int = 0


class Router(NamedTuple):
    """A virtual router as the endpoint shows it."""

    uid: str
    version: int
    port: int


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: the router if it succeeded, and the revision of the account after a write."""

    status: int
    router: Router | None = None
    revision: int = 0


RouterOperation = Operation[Request, Answer]


class State(NamedTuple):
    """The router, the responses stored for tokens, and the lowest possible revision."""

    live: Router | None = None
    tokens: frozenset[tuple[str, Router]] = frozenset()
    revision: int = 0


def step(state: State, request: Request, answer: Answer | None) -> State | None:
    """Return the state after a request with this answer, or None if it cannot have it."""
    stored = dict(state.tokens).get(request.token)
    if stored is not None:
        replayed = answer is not None and answer.revision >= state.revision
        return _shown(state, stored, answer) if replayed else None
    if request.action == "describe" or (state.live is None) != (request.action == "create"):
        return _without_effect(state, request, answer)
    router = _written(state.live, request, answer)
    revision = answer.revision if answer else state.revision + 1
    if revision <= state.revision:
        return None
    tokens = state.tokens | ({(request.token, router)} if request.token else set())
    live = None if request.action == "delete" else router
    return (
        _shown(State(live, tokens, revision), router, answer)
        if answer
        else State(live, tokens, revision)
    )


def _without_effect(state: State, request: Request, answer: Answer | None) -> State | None:
    if answer is None:
        return None
    if request.action == "describe" and state.live is not None:
        return _shown(state, state.live, answer)
    expected = 409 if request.action == "create" else 404
    return state if answer.status == expected else None


def _written(live: Router | None, request: Request, answer: Answer | None) -> Router:
    """Return the router that the response to a write shows."""
    if live is None:
        shown = answer.router if answer else None
        # The uid of a router whose creation was not answered shows later.
        return Router(shown.uid if shown else f"of {request.token}", 1, request.port)
    port = live.port if request.action == "delete" else request.port
    return Router(live.uid, live.version + 1, port)


def _shown(state: State, router: Router, answer: Answer | None) -> State | None:
    """Return the state if the answer shows this router; it may tell its uid."""
    if answer is None or answer.router is None or answer.router[1:] != router[1:]:
        return None
    uid, shown = router.uid, answer.router.uid
    if uid == shown:
        return state
    if not uid.startswith("of "):
        return None

    def told(each: Router) -> Router:
        return each._replace(uid=shown) if each.uid == uid else each

    return state._replace(
        live=state.live and told(state.live),
        tokens=frozenset((token, told(each)) for token, each in state.tokens),
    )


def violation(history: Sequence[RouterOperation]) -> str:
    """Return what is wrong with a history, or an empty text; each router is checked by itself."""
    for place in sorted({each.request.place for each in history}, key=str):
        ours = [each for each in history if each.request.place == place]
        if wrong := shortest_violation(ours, step, State()):
            return "\n".join(
                [f"no order explains the last answer for {place}:", *map(_line, wrong)]
            )
    accounts = {each.request.place.account for each in history}
    return "\n".join(filter(None, (_disorder(history, account) for account in sorted(accounts))))


def _disorder(history: Sequence[RouterOperation], account: str) -> str:
    """Return which revisions of an account do not rise with its writes."""
    counted = [
        each
        for each in history
        if each.request.place.account == account and each.answer and each.answer.revision
    ]
    often = [each.request.token for each in history]
    written = sorted(
        (
            each
            for each in counted
            if not each.request.token or often.count(each.request.token) == 1
        ),
        key=_revision,
    )
    for one, two in pairwise(written):
        if _revision(one) == _revision(two):
            return f"two writes have one revision:\n{_line(one)}\n{_line(two)}"
    for two in counted:
        before = [each for each in counted if each.returned < two.called]
        one = max(before, key=_revision, default=two)
        if _revision(one) > _revision(two):
            return f"a revision fell:\n{_line(one)}\n{_line(two)}"
    return ""


def _revision(operation: RouterOperation) -> int:
    return operation.answer.revision if operation.answer else 0


def _line(operation: RouterOperation) -> str:
    return (
        f"{operation.called:.6f} to {operation.returned:.6f}: {operation.request} ->"
        f" {operation.answer or 'unknown'}"
    )

"""A model of App Mesh: meshes, tags, client tokens, a clock, and every effect on record.

Values are replaced and never changed, so a copy of the service is a copy of its dictionaries.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, NamedTuple, TypeAlias

from reconciler.core.errors import ConflictError, NotFoundError, RejectedError, TargetError
from reconciler.core.resources import Spec

US = "us"
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Behavior:
    """What a client can notice of an endpoint and nobody has promised.

    ``retention_seconds`` is how long tokens are remembered, None where they are ignored.
    ``after_delete`` is what a remembered token answers whose mesh is gone: replay, forget or
    conflict; with ``remembers_refusals`` it brings a refusal again too. Lags are in seconds;
    ``index_lag_seconds`` is that of the tags that are read in pages, None where there are no such
    pages. ``order`` is that of lists: name, reverse or newest.
    """

    retention_seconds: float | None = 1.5 * DAY
    after_delete: str = "replay"
    remembers_refusals: bool = False
    answers_equal_create: bool = False
    bare_update_clears: bool = True
    idle_update_bumps: bool = True
    tagging_bumps: bool = False
    refuses_absent_untag: bool = False
    create_lag_seconds: float = 0
    read_lag_seconds: float = 0
    index_lag_seconds: float | None = None
    order: str = "name"
    call_seconds: float = 0.05
    pause_between_cycles: bool = True


# No lag ends while no time passes.
_PAUSES = {"pause_between_cycles": True}
# What each name sets; several names, joined by a plus, set all that theirs do.
BEHAVIORS: dict[str, dict[str, Any]] = {
    "tokens-36h": {"retention_seconds": 1.5 * DAY},
    "tokens-0s": {"retention_seconds": 0},
    "tokens-60s": {"retention_seconds": 60},
    "tokens-8h": {"retention_seconds": DAY / 3},
    "tokens-for-ever": {"retention_seconds": float("inf")},
    "tokens-ignored": {"retention_seconds": None},
    "dead-tokens-forgotten": {"after_delete": "forget"},
    "dead-tokens-conflict": {"after_delete": "conflict"},
    "refusals-remembered": {"remembers_refusals": True},
    "equal-create-answered": {"answers_equal_create": True},
    "bare-update-keeps": {"bare_update_clears": False},
    "idle-update-same-version": {"idle_update_bumps": False},
    "tagging-bumps": {"tagging_bumps": True},
    "absent-untag-refused": {"refuses_absent_untag": True},
    "creates-lag": {"create_lag_seconds": 50, **_PAUSES},
    "reads-lag-1s": {"read_lag_seconds": 1, **_PAUSES},
    "reads-lag": {"read_lag_seconds": 5, **_PAUSES},
    "tags-in-pages": {"index_lag_seconds": 0},
    "tags-in-pages-lag": {"index_lag_seconds": 5, **_PAUSES},
    "tags-in-pages-lag-long": {"index_lag_seconds": 90, **_PAUSES},
    "lists-reversed": {"order": "reverse"},
    "lists-newest-first": {"order": "newest"},
    "all-in-one-second": {"call_seconds": 0.0001, "pause_between_cycles": False},
}
STANDARD = "tokens-36h"


def behavior_of(names: str) -> Behavior:
    """Return what ``names`` such as ``tokens-60s+reads-lag`` set together.

    ValueError if one of them is unknown, or if two of them contradict each other.
    """
    fields: dict[str, Any] = {}
    for name in names.split("+"):
        if name not in BEHAVIORS:
            raise ValueError(f"{name} is not a behavior: use {', '.join(BEHAVIORS)}")
        if _contradict(fields, BEHAVIORS[name]):
            raise ValueError(f"{names}: {name} contradicts what is before it")
        fields |= BEHAVIORS[name]
    return Behavior(**fields)


def pairs_of_behaviors() -> Iterator[str]:
    """Yield each two behaviors that can be combined; the standard would change nothing."""
    for pair in combinations((name for name in BEHAVIORS if name != STANDARD), 2):
        if not _contradict(*map(BEHAVIORS.__getitem__, pair)):
            yield "+".join(pair)


def _contradict(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return any(one[field] != other[field] for field in one.keys() & other.keys())


class Mesh(NamedTuple):
    """A mesh as it was at one moment; its times are in whole seconds, as the service's are."""

    name: str
    uid: str
    version: int
    created_at: float
    spec: Spec
    tags: Mapping[str, str]
    updated_at: float = 0.0


class Effect(NamedTuple):
    """One change of state: during which call and when, by whom, what was there before and after.

    ``sent`` is the call that sent the request.
    """

    call: int
    time: float
    actor: str
    operation: str
    name: str
    before: Mesh | None
    after: Mesh | None
    token: str | None
    sent: int

    @property
    def late(self) -> bool:
        """Whether the network delivered it in a later call than the one that sent it."""
        return self.sent != self.call


Request: TypeAlias = tuple[object, ...]


class TokenRecord(NamedTuple):
    """What a token was used for, when, and what was answered: a mesh or a refusal."""

    time: float
    request: Request
    answer: Mesh | TargetError


@dataclass(slots=True)
class Service:
    """The state behind the API; every operation takes the actor and raises TargetError."""

    behavior: Behavior
    now: float = 1_700_000_000.0
    live: dict[str, Mesh] = field(default_factory=dict)
    past: dict[str, tuple[tuple[float, Mesh | None], ...]] = field(default_factory=dict)
    tokens: dict[str, TokenRecord] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    incarnations: int = 0
    calls_before: int = 0
    call: int = 0
    late_since: int | None = None
    moved: str = ""

    @property
    def answer_id(self) -> str:
        """What tells the answer to the call under way from every other: it and the time."""
        return f"{self.calls_before + self.call} {self.now:.0f}"

    def copy(self) -> "Service":
        """Return a service that goes its own way from here."""
        return replace(
            self,
            live=dict(self.live),
            past=dict(self.past),
            tokens=dict(self.tokens),
            effects=list(self.effects),
        )

    def shown(self, name: str) -> Mesh | None:
        """Return what a read shows now."""
        behavior = self.behavior
        if not behavior.read_lag_seconds and not behavior.create_lag_seconds:
            return self.live.get(name)
        visible = self.then(name, self.now - behavior.read_lag_seconds)
        if visible and self.now < visible.created_at + behavior.create_lag_seconds:
            return None
        return visible

    def then(self, name: str, time: float) -> Mesh | None:
        """Return what was there at ``time``."""
        visible: Mesh | None = None
        for since, mesh in self.past.get(name, ()):
            if since <= time:
                visible = mesh
        return visible

    def indexed(self) -> list[Mesh]:
        """Return every mesh as the index of tags has it."""
        lag = self.behavior.index_lag_seconds or 0
        return [mesh for name in sorted(self.past) if (mesh := self.then(name, self.now - lag))]

    def previous(self, name: str) -> Mesh | None:
        """Return what was there before the last change."""
        past = self.past.get(name, ())
        return past[-2][1] if len(past) > 1 else None

    def listed(self) -> list[Mesh]:
        """Return every mesh as a list shows it."""
        names = sorted(self.past, reverse=self.behavior.order == "reverse")
        found = [mesh for name in names if (mesh := self.shown(name))]
        if self.behavior.order == "newest":
            found.sort(key=lambda mesh: -int(mesh.uid))
        return found

    def describe(self, name: str) -> Mesh:
        """Return one mesh."""
        mesh = self.shown(name)
        if mesh is None:
            raise NotFoundError(f"mesh {name} is not there")
        return mesh

    def create(
        self, name: str, spec: Spec | None, tags: Mapping[str, str], token: str | None, actor: str
    ) -> Mesh:
        request = ("create", name, spec, tags)
        return self._once(token, request, lambda: self._create(name, spec, tags, token, actor))

    def update(self, name: str, spec: Spec | None, token: str | None, actor: str) -> Mesh:
        request = ("update", name, spec)
        return self._once(token, request, lambda: self._update(name, spec, token, actor))

    def _create(
        self, name: str, spec: Spec | None, tags: Mapping[str, str], token: str | None, actor: str
    ) -> Mesh:
        live = self.live.get(name)
        if live is not None:
            if self.behavior.answers_equal_create and live.spec == (spec or {}):
                return live
            raise ConflictError(f"mesh {name} is there")
        self.incarnations += 1
        uid, created = str(self.incarnations), float(int(self.now))
        made = Mesh(name, uid, 1, created, spec or {}, tags, created)
        return self._change(actor, "create", name, made, token)

    def _update(self, name: str, spec: Spec | None, token: str | None, actor: str) -> Mesh:
        live = self._there(name)
        after = spec
        if after is None:
            after = {} if self.behavior.bare_update_clears else live.spec
        bumps = self.behavior.idle_update_bumps or after != live.spec
        changed = live._replace(
            spec=after, version=live.version + bumps, updated_at=float(int(self.now))
        )
        return self._change(actor, "update", name, changed, token)

    def tag(self, name: str, tags: Mapping[str, str], actor: str) -> Mesh:
        live = self._there(name)
        return self._retag(actor, "tag", live, {**live.tags, **tags})

    def untag(self, name: str, keys: list[str], actor: str) -> Mesh:
        live = self._there(name)
        if self.behavior.refuses_absent_untag and not live.tags.keys() >= set(keys):
            raise RejectedError(f"mesh {name} does not have all of the tags {', '.join(keys)}")
        kept = {key: value for key, value in live.tags.items() if key not in keys}
        return self._retag(actor, "untag", live, kept)

    def delete(self, name: str, actor: str) -> Mesh:
        live = self._there(name)
        self._change(actor, "delete", name, None, None)
        return live

    def _there(self, name: str) -> Mesh:
        live = self.live.get(name)
        if live is None:
            raise NotFoundError(f"mesh {name} is not there")
        return live

    def _retag(self, actor: str, operation: str, live: Mesh, tags: Mapping[str, str]) -> Mesh:
        version = live.version + self.behavior.tagging_bumps
        changed = live._replace(tags=tags, version=version)
        return self._change(actor, operation, live.name, changed, None)

    def _change(
        self, actor: str, operation: str, name: str, after: Mesh | None, token: str | None
    ) -> Mesh:
        before = self.live.get(name)
        if after is None:
            del self.live[name]
        else:
            self.live[name] = after
        self.past[name] = (*self.past.get(name, ()), (self.now, after))
        self.moved = name
        sent = self.call if self.late_since is None else self.late_since
        self.effects.append(
            Effect(self.call, self.now, actor, operation, name, before, after, token, sent)
        )
        shown = after or before
        assert shown is not None
        return shown

    def _once(self, token: str | None, request: Request, perform: Callable[[], Mesh]) -> Mesh:
        remembered = self._recall(token, request)
        if remembered is not None:
            return remembered
        try:
            answer = perform()
        except TargetError as refusal:
            self.refused(token, request, refusal)
            raise
        if token is not None:
            self.tokens[token] = TokenRecord(self.now, request, answer)
        return answer

    def refused(self, token: str | None, request: Request, refusal: TargetError) -> None:
        """Take note of a refusal, which the same token may bring again."""
        if self.behavior.remembers_refusals and token is not None:
            self.tokens[token] = TokenRecord(self.now, request, refusal)

    def _recall(self, token: str | None, request: Request) -> Mesh | None:
        retention = self.behavior.retention_seconds
        if token is None or retention is None:
            return None
        remembered = self.tokens.get(token)
        if remembered is None or self.now - remembered.time > retention:
            return None
        if remembered.request != request:
            raise ConflictError("the client token was used with other parameters")
        answer = remembered.answer
        if isinstance(answer, TargetError):
            raise type(answer)(str(answer))
        live = self.live.get(answer.name)
        if live is None or live.uid != answer.uid:
            if self.behavior.after_delete == "forget":
                return None
            if self.behavior.after_delete == "conflict":
                raise ConflictError("the client token belongs to a mesh that is gone")
        return answer

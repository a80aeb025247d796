"""A model of App Mesh: meshes, tags, client tokens, a clock, and every effect on record.

Values are replaced and never changed, so a copy of the service is a copy of its dictionaries.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from reconciler.core.errors import ConflictError, GoneError
from reconciler.core.resources import Spec

US = "us"
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a client can notice of an endpoint and nobody has promised.

    ``retention_seconds`` is how long tokens are remembered, None where they are ignored.
    ``after_delete`` is what a remembered token answers whose mesh is gone: replay, forget or
    conflict. Lags are in seconds; ``index_lag_seconds`` is that of the tags that are read in pages,
    None where there are no such pages. ``order`` is that of lists: name, reverse or newest.
    """

    retention_seconds: float | None = 1.5 * DAY
    after_delete: str = "replay"
    answers_equal_create: bool = False
    bare_update_clears: bool = True
    idle_update_bumps: bool = True
    tagging_bumps: bool = False
    create_lag_seconds: float = 0
    read_lag_seconds: float = 0
    index_lag_seconds: float | None = None
    order: str = "name"
    call_seconds: float = 0.05
    pause_between_cycles: bool = True


BEHAVIOURS = {
    "tokens-36h": Behaviour(),
    "tokens-0s": Behaviour(retention_seconds=0),
    "tokens-60s": Behaviour(retention_seconds=60),
    "tokens-8h": Behaviour(retention_seconds=DAY / 3),
    "tokens-for-ever": Behaviour(retention_seconds=float("inf")),
    "tokens-ignored": Behaviour(retention_seconds=None),
    "dead-tokens-forgotten": Behaviour(after_delete="forget"),
    "dead-tokens-conflict": Behaviour(after_delete="conflict"),
    "equal-create-answered": Behaviour(answers_equal_create=True),
    "bare-update-keeps": Behaviour(bare_update_clears=False),
    "idle-update-same-version": Behaviour(idle_update_bumps=False),
    "tagging-bumps": Behaviour(tagging_bumps=True),
    "creates-lag": Behaviour(create_lag_seconds=50),
    "reads-lag": Behaviour(read_lag_seconds=5),
    "tags-in-pages": Behaviour(index_lag_seconds=0),
    "tags-in-pages-lag": Behaviour(index_lag_seconds=5),
    "tags-in-pages-lag-long": Behaviour(index_lag_seconds=90),
    "lists-reversed": Behaviour(order="reverse"),
    "lists-newest-first": Behaviour(order="newest"),
    "all-in-one-second": Behaviour(call_seconds=0.0001, pause_between_cycles=False),
}


class Mesh(NamedTuple):
    """A mesh as it was at one moment; ``created_at`` is in whole seconds, as the service's is."""

    name: str
    uid: str
    version: int
    created_at: float
    spec: Spec
    tags: Mapping[str, str]


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


class Remembered(NamedTuple):
    """What a token was used for, when, and what was answered."""

    time: float
    request: tuple[object, ...]
    answer: Mesh


@dataclass(slots=True)
class Service:
    """The state behind the API; every operation takes the actor and raises TargetError."""

    behaviour: Behaviour
    now: float = 1_700_000_000.0
    live: dict[str, Mesh] = field(default_factory=dict)
    past: dict[str, tuple[tuple[float, Mesh | None], ...]] = field(default_factory=dict)
    tokens: dict[str, Remembered] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    incarnations: int = 0
    call: int = 0
    late_since: int | None = None
    moved: str = ""

    @property
    def answer_id(self) -> str:
        """What tells the answer to the call under way from every other: it and the time."""
        return f"{self.call} {self.now:.0f}"

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
        behaviour = self.behaviour
        if not behaviour.read_lag_seconds and not behaviour.create_lag_seconds:
            return self.live.get(name)
        visible = self.then(name, self.now - behaviour.read_lag_seconds)
        if visible and self.now < visible.created_at + behaviour.create_lag_seconds:
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
        lag = self.behaviour.index_lag_seconds or 0
        return [mesh for name in sorted(self.past) if (mesh := self.then(name, self.now - lag))]

    def previous(self, name: str) -> Mesh | None:
        """Return what was there before the last change."""
        past = self.past.get(name, ())
        return past[-2][1] if len(past) > 1 else None

    def listed(self) -> list[Mesh]:
        """Return every mesh as a list shows it."""
        names = sorted(self.past, reverse=self.behaviour.order == "reverse")
        found = [mesh for name in names if (mesh := self.shown(name))]
        if self.behaviour.order == "newest":
            found.sort(key=lambda mesh: -int(mesh.uid))
        return found

    def describe(self, name: str) -> Mesh:
        """Return one mesh."""
        mesh = self.shown(name)
        if mesh is None:
            raise GoneError(f"mesh {name} is not there")
        return mesh

    def create(
        self, name: str, spec: Spec | None, tags: Mapping[str, str], token: str | None, actor: str
    ) -> Mesh:
        request = ("create", name, spec, tags)
        remembered = self._recall(token, request)
        if remembered is not None:
            return remembered
        live = self.live.get(name)
        if live is not None:
            if self.behaviour.answers_equal_create and live.spec == (spec or {}):
                return live
            raise ConflictError(f"mesh {name} is there")
        self.incarnations += 1
        uid, created = str(self.incarnations), float(int(self.now))
        made = Mesh(name, uid, 1, created, spec or {}, tags)
        return self._remember(token, request, self._change(actor, "create", name, made, token))

    def update(self, name: str, spec: Spec | None, token: str | None, actor: str) -> Mesh:
        request = ("update", name, spec)
        remembered = self._recall(token, request)
        if remembered is not None:
            return remembered
        live = self._there(name)
        after = spec
        if after is None:
            after = {} if self.behaviour.bare_update_clears else live.spec
        bumps = self.behaviour.idle_update_bumps or after != live.spec
        changed = live._replace(spec=after, version=live.version + bumps)
        return self._remember(token, request, self._change(actor, "update", name, changed, token))

    def tag(self, name: str, tags: Mapping[str, str], actor: str) -> Mesh:
        live = self._there(name)
        return self._retag(actor, "tag", live, {**live.tags, **tags})

    def untag(self, name: str, keys: list[str], actor: str) -> Mesh:
        live = self._there(name)
        kept = {key: value for key, value in live.tags.items() if key not in keys}
        return self._retag(actor, "untag", live, kept)

    def delete(self, name: str, actor: str) -> Mesh:
        live = self._there(name)
        self._change(actor, "delete", name, None, None)
        return live

    def _there(self, name: str) -> Mesh:
        live = self.live.get(name)
        if live is None:
            raise GoneError(f"mesh {name} is not there")
        return live

    def _retag(self, actor: str, operation: str, live: Mesh, tags: Mapping[str, str]) -> Mesh:
        version = live.version + self.behaviour.tagging_bumps
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

    def _recall(self, token: str | None, request: tuple[object, ...]) -> Mesh | None:
        retention = self.behaviour.retention_seconds
        if token is None or retention is None:
            return None
        remembered = self.tokens.get(token)
        if remembered is None or self.now - remembered.time > retention:
            return None
        if remembered.request != request:
            raise ConflictError("the client token was used with other parameters")
        live = self.live.get(remembered.answer.name)
        if live is None or live.uid != remembered.answer.uid:
            if self.behaviour.after_delete == "forget":
                return None
            if self.behaviour.after_delete == "conflict":
                raise ConflictError("the client token belongs to a mesh that is gone")
        return remembered.answer

    def _remember(self, token: str | None, request: tuple[object, ...], answer: Mesh) -> Mesh:
        if token is not None:
            self.tokens[token] = Remembered(self.now, request, answer)
        return answer

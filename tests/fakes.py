"""A target in memory. The contract suite holds it to what the real one does."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from builders import ACCOUNT, TARGET

from reconciler.core.changes import Adopt, Change, Create, Delete, Update
from reconciler.core.errors import ConflictError, NotFoundError, RejectedError, TargetError
from reconciler.core.planning.last_applied import attest
from reconciler.core.resources import (
    Attests,
    Json,
    Key,
    LiveResource,
    LiveState,
    ResourceVersion,
    Spec,
    TargetId,
    Unreadable,
    drop_empty,
)

Hook = Callable[[str, Key], None]


def _nothing(operation: str, key: Key) -> None:
    del operation, key


@dataclass
class FakeTarget:
    """Resources in a dictionary, tokens remembered for ever, and a hook around every call.

    ``before`` and ``after`` hear (operation, key); what they raise becomes of the call, without
    its effect or with it.
    """

    id: TargetId = TARGET
    resources: dict[Key, LiveResource] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    before: Hook = _nothing
    after: Hook = _nothing
    answers: dict[str, tuple[Json, LiveResource]] = field(default_factory=dict)
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [call for call in self.calls if call[0] in ("create", "update", "tag", "delete")]

    def canonical(self, spec: Spec, reference: Spec | None = None) -> Spec:
        del reference
        plain = drop_empty(spec)
        assert isinstance(plain, dict)
        return plain

    def read_all(
        self, asked: Collection[Key], owner: str, attested_spec: Attests | None = None
    ) -> LiveState:
        self._hear("list", Key("mesh", ("*",)))
        seen: dict[Key, LiveResource | Unreadable] = {}
        for key, resource in sorted(self.resources.items()):
            if key not in asked and resource.owner != owner:
                continue
            if attested_spec is not None:
                spec = attested_spec(
                    key, ResourceVersion(resource.version, resource.created_at), resource.tags
                )
                if spec is not None:
                    seen[key] = replace(resource, spec=spec, uid="", attested=True)
                    continue
            try:
                self._hear("describe", key)
            except TargetError as error:
                seen[key] = Unreadable(key, str(error))
            else:
                seen[key] = resource
        return LiveState(seen)

    def read(self, key: Key) -> LiveResource | None:
        self._hear("look", key)
        return self.resources.get(key)

    def list_versions(self, keys: Collection[Key]) -> Mapping[Key, ResourceVersion]:
        kinds = {key.kind for key in keys}
        self._hear("list", Key("mesh", ("*",)))
        return {
            key: ResourceVersion(resource.version, resource.created_at, arn=resource.arn)
            for key, resource in self.resources.items()
            if key.kind in kinds
        }

    def tags(self) -> Mapping[str, Mapping[str, str]] | None:
        self._hear("tags", Key("mesh", ("*",)))
        live = self.resources.values()
        return {resource.arn: resource.tags for resource in live if resource.owner is not None}

    def apply(self, change: Change, token: str | None) -> ResourceVersion:
        operation = type(change).__name__.lower()
        try:
            self._hear(operation, change.key)
            resource = self._perform(change, token)
            self.after(operation, change.key)
        except TargetError as error:
            if token is not None and isinstance(
                error, NotFoundError | ConflictError | RejectedError
            ):
                error.request_id = self._answer_id()
            raise
        return ResourceVersion(
            resource.version, resource.created_at, resource.uid, request_id=self._answer_id()
        )

    def by_hand(
        self, key: Key, spec: Spec | None = None, tags: Mapping[str, str] | None = None
    ) -> LiveResource:
        """Make a resource as somebody else would."""
        number = next(self.numbers)
        made = LiveResource(
            key=key,
            spec=spec or {},
            tags=dict(tags or {}),
            uid=f"uid-{number}",
            version=1,
            arn=f"arn:aws:appmesh:eu-west-1:{ACCOUNT}:{key}",
            account=ACCOUNT,
            created_at=float(number),
        )
        self.resources[key] = made
        return made

    def _perform(self, change: Change, token: str | None) -> LiveResource:
        if isinstance(change, Delete):
            if change.key not in self.resources:
                raise NotFoundError(f"{change.key} is not there")
            return self.resources.pop(change.key)
        request: Json = [change.spec, dict(change.tags)]
        if token in self.answers:
            remembered, answer = self.answers[token]
            if remembered != request:
                raise ConflictError("the token was used otherwise")
            return answer
        if isinstance(change, Create):
            if change.key in self.resources:
                raise ConflictError(f"{change.key} is there")
            made = self.by_hand(change.key, change.spec, attest(change.tags, 1))
        else:
            made = self._change(change)
        if token is not None and change.spec is not None:
            self.answers[token] = (request, made)
        return made

    def _change(self, change: Update | Adopt) -> LiveResource:
        live = self.resources.get(change.key)
        if live is None:
            raise NotFoundError(f"{change.key} is not there")
        dropped = change.before.tags.keys() - change.tags.keys()
        kept = {key: value for key, value in live.tags.items() if key not in dropped}
        changed = live
        if change.spec is not None:
            changed = replace(live, spec=change.spec, version=live.version + 1)
        moved = (
            attest(change.tags, changed.version, changed.created_at).items()
            - change.before.tags.items()
        )
        changed = replace(changed, tags=kept | dict(moved))
        self.resources[change.key] = changed
        return changed

    def _answer_id(self) -> str:
        return f"answer-{next(self.numbers)}"

    def _hear(self, operation: str, key: Key) -> None:
        self.calls.append((operation, str(key)))
        self.before(operation, key)

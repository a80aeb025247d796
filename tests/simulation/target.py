"""The model service as the engine's target: one method, the same calls as the real adapter's."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from builders import ACCOUNT, TARGET

from reconciler.core.changes import Adopt, Change, Create, Delete
from reconciler.core.errors import NotFoundError, TargetError, UnavailableError
from reconciler.core.planning.last_applied import attest
from reconciler.core.resources import (
    OWNER_TAG,
    Attests,
    Key,
    LiveResource,
    LiveState,
    ResourceVersion,
    Spec,
    TargetId,
    Unreadable,
    drop_empty,
)
from simulation.faults import Wire
from simulation.service import US, Mesh


@dataclass(frozen=True, slots=True)
class ModelTarget:
    """What the engine sees through ``wire``; it makes the calls that the App Mesh adapter makes."""

    wire: Wire
    id: TargetId = TARGET

    def canonical(self, spec: Spec, reference: Spec | None = None) -> Spec:
        del reference
        plain = drop_empty(spec)
        assert isinstance(plain, dict)
        return plain

    def read_all(
        self, asked: Collection[Key], owner: str, attested_spec: Attests | None = None
    ) -> LiveState:
        resources: dict[Key, LiveResource | Unreadable] = {}
        service = self.wire.service
        trusted_until = int(service.now) - (service.behavior.index_lag_seconds or 0)
        # The adapter reads both at once. In this order tags can be older than the list.
        marked = self.tags()
        found = sorted(self._list(), key=lambda mesh: mesh.name)
        for mesh in found:
            key = Key("mesh", (mesh.name,))
            if key not in asked and marked is not None and mesh.name not in marked:
                continue
            try:
                tags = marked.get(mesh.name) if marked is not None else None
                attested = self._attested(key, mesh, tags, attested_spec, trusted_until)
                if attested is not None:
                    resources[key] = attested
                    continue
                tags = self._tags(mesh.name) if tags is None else tags
                if key in asked or tags.get(OWNER_TAG) == owner:
                    resources[key] = _present(key, self._describe(mesh.name), tags)
            except TargetError as error:
                resources[key] = Unreadable(key, str(error))
        doubtful = frozenset(key for key in resources if key.name in (marked or {}))
        return LiveState(resources, possibly_stale=doubtful)

    def _attested(
        self,
        key: Key,
        mesh: Mesh,
        tags: Mapping[str, str] | None,
        attests: Attests | None,
        trusted_until: float,
    ) -> LiveResource | None:
        """Return what its record attests, if that is not too young for the index of tags."""
        if attests is None or tags is None or mesh.updated_at >= trusted_until:
            return None
        spec = attests(key, ResourceVersion(mesh.version, mesh.created_at), tags)
        if spec is None:
            return None
        return replace(_present(key, mesh, tags), spec=spec, uid="", attested=True)

    def read(self, key: Key) -> LiveResource | None:
        try:
            mesh = self._describe(key.name)
        except NotFoundError:
            return None
        try:
            return _present(key, mesh, self._tags(key.name))
        except NotFoundError as error:
            raise UnavailableError("its tags were not found, though it was described") from error

    def list_versions(self, keys: Collection[Key]) -> Mapping[Key, ResourceVersion]:
        return {
            Key("mesh", (mesh.name,)): ResourceVersion(mesh.version, mesh.created_at, arn=mesh.name)
            for mesh in (self._list() if keys else ())
        }

    def apply(self, change: Change, token: str | None) -> ResourceVersion:
        wire, service, name = self.wire, self.wire.service, change.key.name
        if isinstance(change, Delete):
            return self._answered(wire.write("DeleteMesh", name, lambda: service.delete(name, US)))
        spec, tags = change.spec, change.tags
        if isinstance(change, Create):
            created = attest(tags, 1)
            answer = self._answered(
                wire.write(
                    "CreateMesh",
                    name,
                    lambda: service.create(name, spec, created, token, US),
                    token=token,
                    request=("create", name, spec, created),
                )
            )
            if answer.version != 1:
                attested = attest(tags, answer.version, answer.created_at)
                corrected = dict(attested.items() - created.items())
                if corrected and self._tags(name) == created:
                    wire.write("TagResource", name, lambda: service.tag(name, corrected, US))
            return answer
        before = change.before
        answer = ResourceVersion(before.version, before.created_at, before.uid)
        if spec is not None:
            if isinstance(change, Adopt):
                owner = {OWNER_TAG: tags[OWNER_TAG]}
                wire.write("TagResource", name, lambda: service.tag(name, owner, US))
            answer = self._answered(
                wire.write(
                    "UpdateMesh",
                    name,
                    lambda: service.update(name, spec, token, US),
                    token=token,
                    request=("update", name, spec),
                )
            )
        dropped = sorted(before.tags.keys() - tags.keys())
        if dropped:
            wire.write("UntagResource", name, lambda: service.untag(name, dropped, US))
        moved = dict(
            sorted(attest(tags, answer.version, answer.created_at).items() - before.tags.items())
        )
        if moved:
            wire.write("TagResource", name, lambda: service.tag(name, moved, US))
        return answer

    def _answered(self, mesh: Mesh) -> ResourceVersion:
        return ResourceVersion(
            mesh.version, mesh.created_at, mesh.uid, request_id=self.wire.service.answer_id
        )

    def tags(self) -> Mapping[str, Mapping[str, str]] | None:
        service = self.wire.service
        if service.behavior.index_lag_seconds is None:
            return None
        try:
            found = self.wire.read("GetResources", "*", self._indexed, [])
        except TargetError:
            return None
        return {mesh.name: mesh.tags for mesh in found if OWNER_TAG in mesh.tags}

    def _indexed(self, stale: bool) -> list[Mesh]:
        service = self.wire.service
        return self._older(service.indexed()) if stale else service.indexed()

    def _listed(self, stale: bool) -> list[Mesh]:
        service = self.wire.service
        return self._older(service.listed()) if stale else service.listed()

    def _older(self, found: list[Mesh]) -> list[Mesh]:
        moved = self.wire.service.moved
        older = self.wire.service.previous(moved)
        return [mesh for mesh in found if mesh.name != moved] + ([older] if older else [])

    def _list(self) -> list[Mesh]:
        return self.wire.read("ListMeshes", "*", self._listed, [])

    def _describe(self, name: str) -> Mesh:
        return self.wire.read("DescribeMesh", name, lambda stale: self._seen(name, stale), _NOTHING)

    def _tags(self, name: str) -> Mapping[str, str]:
        return self.wire.read(
            "ListTagsForResource", name, lambda stale: self._seen(name, stale), _NOTHING
        ).tags

    def _seen(self, name: str, stale: bool) -> Mesh:
        if not stale:
            return self.wire.service.describe(name)
        older = self.wire.service.previous(name)
        if older is None:
            raise NotFoundError(f"mesh {name} is not there yet")
        return older


_NOTHING = Mesh("", "", 0, 0.0, {}, {})


def _present(key: Key, mesh: Mesh, tags: Mapping[str, str]) -> LiveResource:
    return LiveResource(
        key=key,
        spec=mesh.spec,
        tags=tags,
        uid=mesh.uid,
        version=mesh.version,
        arn=f"arn:aws:appmesh:eu-west-1:{ACCOUNT}:mesh/{mesh.name}",
        account=ACCOUNT,
        created_at=mesh.created_at,
    )

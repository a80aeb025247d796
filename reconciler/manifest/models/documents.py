"""Pydantic models of the documents of each format and kind.

A model is created on first use; ``specs`` makes the parts that the API describes. Importing this
module takes about 0.1 s of CPU, so only commands that check manifests import it.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, create_model

from reconciler.api import Structure, load
from reconciler.core.kinds import KINDS
from reconciler.core.resources import Key, Options, Suspension
from reconciler.manifest.models.field_naming import kubernetes_name, rename_fields
from reconciler.manifest.models.fields import (
    Account,
    Flag,
    Ignored,
    ItemLimit,
    Model,
    Moment,
    Name,
    Pointer,
    Tags,
    Text,
)
from reconciler.manifest.models.specs import attribute, needs_spec, spec_of, structure_of
from reconciler.manifest.models.validation import find_model

KEY_KINDS = {row.title: row.name for row in KINDS.values()}
"""The name of a kind in keys."""

_KINDS = {
    "Mesh": "A service mesh, in which services can reach each other.",
    "VirtualNode": "A virtual node: listeners, service discovery and backends of a service.",
    "VirtualRouter": "A virtual router: the ports that receive traffic for its routes.",
    "Route": "A route: sends matching requests of a virtual router to virtual nodes.",
    "VirtualService": "A virtual service: a name that a virtual node or router provides.",
    "VirtualGateway": "A virtual gateway: receives traffic from outside of the mesh.",
    "GatewayRoute": "A gateway route: sends matching requests of a virtual gateway to a service.",
}
_PARENTS = {
    "mesh": "The name of its mesh.",
    "virtualRouter": "The name of its virtual router.",
    "virtualGateway": "The name of its virtual gateway.",
}


class Suspend(Model):
    """A pause of reconciliation that ends by itself."""

    until: Moment = Field(description="End of the pause, for example 2026-12-01T00:00:00Z.")
    reason: Text = Field(default="", description="Reason of the pause, shown in output.")


class Reconcile(Model):
    """Options for reconciliation, which are not sent to App Mesh."""

    protect: Flag = Field(default=False, description="Never delete the resource.")
    adopt: Flag = Field(
        default=False, description="Take ownership of the live resource if it has no owner."
    )
    suspend: Suspend | None = Field(default=None, description="Make no changes until a given time.")
    ignore: Annotated[list[Pointer], ItemLimit] | None = Field(
        default=None,
        description="Fields of the spec that are not compared, as JSON pointers: /egressFilter.",
    )

    def options(self) -> Options:
        """Return these options as a value of the core."""
        pause = None
        if self.suspend:
            pause = Suspension(self.suspend.until, self.suspend.reason)
        return Options(self.protect, self.adopt, pause, tuple(self.ignore or ()))


class Metadata(Model):
    """The name of a resource, and its tags."""

    name: Name = Field(description="Name in App Mesh; it cannot be changed later.")
    tags: Tags = Field(
        default_factory=dict,
        description="AWS tags. Removed tags are deleted; tags that other tools added stay.",
    )


class Native(Model):
    """A native manifest; each kind has a subclass."""

    api_version: Literal["mesh-reconciler/v1"] = Field(description="The native manifest format.")
    kind: Text = Field(description="Kind of the resource.")
    metadata: Metadata = Field(description="Name and tags of the resource.")
    reconcile: Reconcile | None = Field(
        default=None, description="Options for reconciliation; not sent to App Mesh."
    )
    spec: Model | None = None


@cache
def native(kind: str) -> type[Native]:
    """Return the model of a native manifest of a kind, such as ``VirtualNode``."""
    places: dict[str, Any] = {
        attribute(parent): (Name, Field(description=_PARENTS[parent])) for parent in parents(kind)
    }
    spec: Any = (spec_of(kind), Field(description="The spec of App Mesh 2019-01-25."))
    if places:
        description = "Account that owns the mesh; leave it out for your own account."
        places["mesh_owner"] = (Account | None, Field(default=None, description=description))
    if not needs_spec(kind):
        description = "The spec of App Mesh 2019-01-25; without it, the live spec is not changed."
        spec = (spec_of(kind) | None, Field(default=None, description=description))
    metadata = create_model(
        f"{kind}Metadata", __base__=Metadata, __doc__=Metadata.__doc__, **places
    )
    fields: dict[str, Any] = {
        "kind": (Literal[kind], Field(description="Kind of the resource.")),
        "metadata": (metadata, Field(description="Name, parents and tags of the resource.")),
        "spec": spec,
    }
    return create_model(f"Native{kind}", __base__=Native, __doc__=_KINDS[kind], **fields)


def names(kind: str) -> tuple[str, ...]:
    """Return the API's fields with the names in the key of a kind, the mesh first."""
    return load().kinds[kind].path


def kinds_requested(given: Collection[str], defaults: Collection[str] = ()) -> list[str]:
    """Return the kind that a request with the fields ``given`` creates: the innermost one.

    If the names in ``defaults`` allow several kinds of the same depth, all of them are returned.
    """
    by_name = load().kinds
    kinds = by_name.values()
    names = {*given, *defaults} & {name for kind in kinds for name in kind.path}
    fitting = [kind for kind in kinds if {*given} & names <= {*kind.path} <= names]
    fitting = fitting or [kind for kind in kinds if kind.path[-1] in names] or [by_name["Mesh"]]
    depth = max(len(kind.path) for kind in fitting)
    innermost = [kind.name for kind in fitting if len(kind.path) == depth]
    return innermost if defaults else innermost[:1]


@cache
def request_fields() -> frozenset[str]:
    """Return the fields of all Create requests."""
    operations = load().operations
    return frozenset(
        name for kind in load().kinds for name in operations[f"Create{kind}"].request.members
    )


def key_of(kind: str, document: Any, fields: Iterable[str]) -> Key:
    """Return the key made of the ``fields`` of a document, the mesh first."""
    path = tuple(getattr(document, attribute(field)) for field in fields)
    # A mesh in its own document is never one of another account.
    owner = None if kind == "Mesh" else document.mesh_owner
    return Key(KEY_KINDS[kind], path, owner or "")


def spec_in(model: type[BaseModel]) -> type[BaseModel]:
    """Return the model of the spec in the model of a document."""
    spec = find_model(model.model_fields["spec"].annotation)
    assert spec is not None  # noqa: S101  # each document model has one
    return spec


def tags_by_key(request: Any) -> dict[str, str]:
    """Return the tags of a request as a mapping."""
    return {tag.key: tag.value for tag in request.tags or ()}


@cache
def parents(kind: str) -> tuple[str, ...]:
    """Return the parents of a kind, as native manifests call them, the mesh first."""
    return tuple(name.removesuffix("Name") for name in names(kind)[:-1])


@cache
def request(kind: str) -> type[Model]:
    """Return the model of a request that creates a kind, without the client token."""
    create = load().operations[f"Create{kind}"].request
    members = {name: member for name, member in create.members.items() if name != "clientToken"}
    return structure_of(Structure(create.name, members), dict.fromkeys(names(kind), Name))


@cache
def terraform(kind: str) -> type[Model]:
    """Return the model of a kind in the output of ``terraform show -json``."""
    spec = spec_of(kind)
    fields: dict[str, Any] = {
        "name": (Name, ...),
        **{attribute(name): (Name, ...) for name in names(kind)[:-1]},
        "mesh_owner": (Account | None, None),
        "spec": (spec, ...) if needs_spec(kind) else (spec | None, None),
        "tags": (Tags, Field(default_factory=dict)),
        "tags_all": (Tags, Field(default_factory=dict)),
    }
    return create_model(f"Terraform{kind}", __base__=Model, **fields)


class KubernetesMetadata(Model):
    """The metadata of a Kubernetes object; only name and namespace are used."""

    name: Name
    namespace: Text | None = None
    annotations: Ignored = None
    creation_timestamp: Ignored = None
    deletion_grace_period_seconds: Ignored = None
    deletion_timestamp: Ignored = None
    finalizers: Ignored = None
    generate_name: Ignored = None
    generation: Ignored = None
    labels: Ignored = None
    managed_fields: Ignored = None
    owner_references: Ignored = None
    resource_version: Ignored = None
    self_link: Ignored = None
    uid: Ignored = None


class NamespacedMetadata(KubernetesMetadata):
    """The metadata of a namespaced object; the namespace may be part of its App Mesh name."""

    namespace: Name | None = None


class KubernetesReference(Model):
    """A reference to a Kubernetes object, by default in the same namespace."""

    name: Name
    namespace: Name | None = None
    uid: Ignored = None


_SELECTOR = (Ignored, None)
_MESH_MEMBER_FIELDS = {
    "aws_name": (Name | None, None),
    "mesh_ref": (KubernetesReference | None, None),
}
# Fields of the controller's resources that the API does not have. Selectors are ignored here;
# formats/kubernetes/ reads them to find the parents.
_KUBERNETES_ONLY: Mapping[str, Mapping[str, Any]] = {
    "Mesh": {
        "aws_name": (Name | None, None),
        "mesh_owner": (Account | None, None),
        "namespace_selector": _SELECTOR,
    },
    "VirtualNode": {
        **_MESH_MEMBER_FIELDS,
        "pod_selector": _SELECTOR,
        "backend_groups": (Annotated[list[KubernetesReference], ItemLimit] | None, None),
    },
    "VirtualRouter": _MESH_MEMBER_FIELDS,
    "VirtualService": _MESH_MEMBER_FIELDS,
    "VirtualGateway": {
        **_MESH_MEMBER_FIELDS,
        "pod_selector": _SELECTOR,
        "namespace_selector": _SELECTOR,
        "gateway_route_selector": _SELECTOR,
    },
    "GatewayRoute": {
        **_MESH_MEMBER_FIELDS,
        "virtual_gateway_ref": (KubernetesReference | None, None),
    },
}


class BackendGroupSpec(Model):
    """The spec of a backend group: virtual services that nodes refer to together."""

    virtualservices: list[KubernetesReference] = Field(default_factory=list)
    mesh_ref: KubernetesReference | None = None


@cache
def kubernetes(kind: str, *, old: bool = False) -> type[Model]:
    """Return the model of the controller's resource of a kind; ``old`` means v1beta1."""
    if kind == "BackendGroup":
        return _kubernetes_object(kind, BackendGroupSpec)
    only = dict(_KUBERNETES_ONLY[kind])
    if kind == "VirtualRouter":
        route = rename_fields(spec_of("Route"), kubernetes_name)
        named: Any = create_model("KubernetesRoute", __base__=route, name=(Name, ...))
        only["routes"] = (Annotated[list[named], ItemLimit] | None, None)
    if old:
        # In v1beta1 only DNS discovery worked, so the value is not used.
        only["service_discovery_type"] = (Ignored, None)
    spec = rename_fields(spec_of(kind), kubernetes_name)
    return _kubernetes_object(kind, create_model(f"Kubernetes{kind}Spec", __base__=spec, **only))


def _kubernetes_object(kind: str, spec: type[Model]) -> type[Model]:
    # The controller creates a mesh without a spec with an empty spec.
    fields: dict[str, Any] = {
        "api_version": (Ignored, ...),
        "kind": (Ignored, ...),
        "metadata": (KubernetesMetadata if kind == "Mesh" else NamespacedMetadata, ...),
        "spec": (spec, Field(default_factory=spec) if kind == "Mesh" else ...),
        "status": (Ignored, None),
    }
    return create_model(f"Kubernetes{kind}", __base__=Model, **fields)

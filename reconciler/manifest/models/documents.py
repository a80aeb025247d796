"""The forms that manifests take, as pydantic models: the product's own, Kubernetes' and others'.

A form of a kind is made when a document first needs it. The parts that the API knows come from
``specs``; importing this module costs about 0.1 s of CPU, so only those who check manifests do.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, create_model

from reconciler.api import Structure, load
from reconciler.core.kinds import KINDS
from reconciler.core.resources import Key, Options, Suspension
from reconciler.manifest.models import value_checks
from reconciler.manifest.models.field_naming import kubernetes_name, rename_fields
from reconciler.manifest.models.fields import (
    Account,
    FewEnough,
    Flag,
    Ignored,
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
"""What keys call a kind."""

_KINDS = {
    "Mesh": "A service mesh: the boundary within which services reach each other.",
    "VirtualNode": "A virtual node: how a service listens, is found, and what it calls.",
    "VirtualRouter": "A virtual router: the ports on which it takes traffic for its routes.",
    "Route": "A route: which requests to a virtual router go to which virtual nodes.",
    "VirtualService": "A virtual service: a name that others call, and who provides it.",
    "VirtualGateway": "A virtual gateway: how traffic from outside enters the mesh.",
    "GatewayRoute": "A gateway route: which requests to a virtual gateway go to which service.",
}
_PARENTS = {
    "mesh": "The name of the mesh that it is in.",
    "virtualRouter": "The name of the virtual router whose route it is.",
    "virtualGateway": "The name of the virtual gateway whose route it is.",
}


class Suspend(Model):
    """A pause that ends by itself."""

    until: Moment = Field(description="When the pause ends: 2026-12-01T00:00:00Z.")
    reason: Text = Field(default="", description="Why, for whoever wonders.")


class Reconcile(Model):
    """What a manifest asks of us; nothing of it is sent to App Mesh."""

    protect: Flag = Field(default=False, description="Never delete it.")
    adopt: Flag = Field(
        default=False, description="Take it over where it is live and nobody owns it."
    )
    suspend: Suspend | None = Field(
        default=None, description="Leave it as it is, until a given time."
    )
    ignore: Annotated[list[Pointer], FewEnough] = Field(
        default_factory=list,
        description="JSON pointers into spec, to members that are not compared: /egressFilter.",
    )

    def options(self) -> Options:
        """Return the same for the core."""
        pause = None
        if self.suspend:
            pause = Suspension(self.suspend.until, self.suspend.reason)
        return Options(self.protect, self.adopt, pause, tuple(self.ignore))


class Metadata(Model):
    """The name of a resource, and its tags."""

    name: Name = Field(description="The name in App Mesh, which cannot be changed later.")
    tags: Tags = Field(
        default_factory=dict,
        description="AWS tags; tags that others have added stay, those dropped from here go.",
    )


class Native(Model):
    """A manifest in the product's own form; one subclass for each kind."""

    api_version: Literal["mesh-reconciler/v1"] = Field(description="Marks a manifest as ours.")
    kind: Text = Field(description="What the manifest describes.")
    metadata: Metadata = Field(description="What it is called.")
    reconcile: Reconcile = Field(
        default_factory=Reconcile, description="How it is handled; not sent to App Mesh."
    )
    spec: Model | None = None


@cache
def native(kind: str) -> type[Native]:
    """Return the product's own form of a kind, such as ``VirtualNode``."""
    places: dict[str, Any] = {
        attribute(parent): (Name, Field(description=_PARENTS[parent])) for parent in parents(kind)
    }
    spec: Any = (spec_of(kind), Field(description="The spec of App Mesh 2019-01-25."))
    if places:
        about = "The account whose mesh it is in; left out where that is your own."
        places["mesh_owner"] = (Account | None, Field(default=None, description=about))
    if not needs_spec(kind):
        about = "The spec of App Mesh 2019-01-25; without one, the live spec is left alone."
        spec = (spec_of(kind) | None, Field(default=None, description=about))
    metadata = create_model(
        f"{kind}Metadata", __base__=Metadata, __doc__=Metadata.__doc__, **places
    )
    fields: dict[str, Any] = {
        "kind": (Literal[kind], Field(description="What the manifest describes.")),
        "metadata": (metadata, Field(description="What it is called, and where it belongs.")),
        "spec": spec,
    }
    return create_model(f"Native{kind}", __base__=Native, __doc__=_KINDS[kind], **fields)


def names(kind: str) -> tuple[str, ...]:
    """Return the API's fields that name a kind, the mesh first."""
    return load().kinds[kind].path


def kind_requested(fields: Collection[str]) -> str:
    """Return the kind that a request with these ``fields`` creates: the innermost it names."""
    kinds = load().kinds.values()
    named = [kind for kind in kinds if kind.path[-1] in fields]
    return max(named, key=lambda kind: len(kind.path)).name


def key_of(kind: str, form: Model, fields: Iterable[str]) -> Key:
    """Return the key that the ``fields`` of a ``form`` make, the mesh first."""
    path = tuple(getattr(form, attribute(field)) for field in fields)
    return Key(KEY_KINDS[kind], path, getattr(form, "mesh_owner", None) or "")


def spec_in(form: type[BaseModel]) -> type[BaseModel]:
    """Return the model of the spec that a ``form`` has."""
    spec = find_model(form.model_fields["spec"].annotation)
    assert spec is not None  # noqa: S101  # each form of a kind has one
    return spec


def tags_by_key(form: Any) -> dict[str, str]:
    """Return the tags in a request as a mapping."""
    return {tag.key: tag.value for tag in form.tags or ()}


def parents(kind: str) -> tuple[str, ...]:
    """Return what contains a kind, as our own form calls it, the mesh first."""
    return tuple(name.removesuffix("Name") for name in names(kind)[:-1])


@cache
def request(kind: str) -> type[Model]:
    """Return the form of a request that creates a kind, less its client token."""
    create = load().operations[f"Create{kind}"].request
    members = {name: member for name, member in create.members.items() if name != "clientToken"}
    return structure_of(Structure(create.name, members), dict.fromkeys(names(kind), Name))


@cache
def terraform(kind: str) -> type[Model]:
    """Return what ``terraform show -json`` tells of a kind, of which this is ours."""
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
    """The metadata of a Kubernetes object, of which only its two names matter here."""

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
    """The same for an object in a namespace, from which App Mesh's name for it is made."""

    namespace: Name


class KubernetesReference(Model):
    """How one Kubernetes object names another; the namespace is its own where none is given."""

    name: Name
    namespace: Name | None = None
    uid: Ignored = None


_SELECTOR = (Ignored, None)
_MESH_MEMBER_FIELDS = {
    "aws_name": (Name | None, None),
    "mesh_ref": (KubernetesReference | None, None),
}
# The fields of the controller's resources that the API does not have; of those that are ignored
# here, selectors are read where membership is decided.
_KUBERNETES_ONLY: Mapping[str, Mapping[str, Any]] = {
    "Mesh": {
        "aws_name": (Name | None, None),
        "mesh_owner": (Annotated[Ignored, BeforeValidator(value_checks.reject_mesh_owner)], None),
        "namespace_selector": _SELECTOR,
    },
    "VirtualNode": {
        **_MESH_MEMBER_FIELDS,
        "pod_selector": _SELECTOR,
        "backend_groups": (Annotated[list[KubernetesReference], FewEnough] | None, None),
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
    """Virtual services that nodes may name together."""

    virtualservices: list[KubernetesReference] = Field(default_factory=list)
    mesh_ref: KubernetesReference | None = None


@cache
def kubernetes(kind: str, *, old: bool = False) -> type[Model]:
    """Return the App Mesh controller's resource of a kind; an ``old`` one is of v1beta1."""
    if kind == "BackendGroup":
        return _kubernetes_object(kind, BackendGroupSpec)
    only = dict(_KUBERNETES_ONLY[kind])
    if kind == "VirtualRouter":
        route = rename_fields(spec_of("Route"), kubernetes_name)
        named: Any = create_model("KubernetesRoute", __base__=route, name=(Name, ...))
        only["routes"] = (Annotated[list[named], FewEnough] | None, None)
    if old:
        # The only discovery that ever worked there was DNS.
        only["service_discovery_type"] = (Ignored, None)
    spec = rename_fields(spec_of(kind), kubernetes_name)
    return _kubernetes_object(kind, create_model(f"Kubernetes{kind}Spec", __base__=spec, **only))


def _kubernetes_object(kind: str, spec: type[Model]) -> type[Model]:
    # Without a spec the controller creates a mesh with an empty one.
    fields: dict[str, Any] = {
        "api_version": (Ignored, ...),
        "kind": (Ignored, ...),
        "metadata": (KubernetesMetadata if kind == "Mesh" else NamespacedMetadata, ...),
        "spec": (spec, Field(default_factory=spec) if kind == "Mesh" else ...),
        "status": (Ignored, None),
    }
    return create_model(f"Kubernetes{kind}", __base__=Model, **fields)

"""The forms that manifests take, as pydantic models: what fields there are and their types.

The models say nothing about places: ``checking`` joins what they find to the page. Importing
this module costs about 0.1 s of CPU, so only those who check manifests do.
"""

from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from reconciler.core.resources import Options, Suspension
from reconciler.manifest import rules


class Unquoted(NamedTuple):
    """A YAML scalar without quotation marks that is no string by itself: ``010``, ``true``."""

    text: str
    value: int | float | bool


def _source_text(value: object) -> object:
    return value.text if isinstance(value, Unquoted) else value


def _resolved_value(value: object) -> object:
    return value.value if isinstance(value, Unquoted) else value


def _moment(value: object) -> object:
    text = _source_text(value)
    return rules.moment(text) if isinstance(text, str) else text


def _few_enough_to_look_at(items: object) -> object:
    # pydantic complains of each one of them before we can stop it.
    if isinstance(items, list | dict):
        rules.few_enough_items(len(items))
    return items


def _few_enough_tags(tags: dict[str, str]) -> dict[str, str]:
    rules.few_enough_tags(len(tags))
    return tags


def _described(**limits: object) -> WithJsonSchema:
    """Return how the JSON Schema puts what ``rules`` says of a text."""
    return WithJsonSchema({"type": "string", **limits})


Ignored = Any
Text = Annotated[str, BeforeValidator(_source_text)]
Flag = Annotated[bool, BeforeValidator(_resolved_value)]
Name = Annotated[
    Text,
    AfterValidator(rules.usable_name),
    _described(minLength=1, maxLength=rules.NAME_LENGTH, pattern="^[^/]+$"),
]
TagKey = Annotated[Text, AfterValidator(rules.usable_tag_key)]
TagValue = Annotated[
    Text, AfterValidator(rules.usable_tag_value), _described(maxLength=rules.TAG_VALUE_LENGTH)
]
Tags = Annotated[
    dict[TagKey, TagValue],
    BeforeValidator(_few_enough_to_look_at),
    AfterValidator(_few_enough_tags),
    Field(json_schema_extra={"maxProperties": rules.MOST_TAGS}),
]
Pointer = Annotated[Text, AfterValidator(rules.member_pointer), _described(pattern="^/")]
Moment = Annotated[datetime, BeforeValidator(_moment)]


class Model(BaseModel):
    """Camel case outside, snake case inside, no field that is not declared, no conversion."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, strict=True, validate_by_name=False
    )


class EgressFilter(Model):
    """Which traffic may leave the mesh."""

    type: Literal["ALLOW_ALL", "DROP_ALL"] = Field(
        description="DROP_ALL: only to what the mesh defines, and to AWS; ALLOW_ALL: to anywhere."
    )


class MeshServiceDiscovery(Model):
    """Which addresses Envoy prefers when it resolves a name."""

    ip_preference: Literal["IPv6_PREFERRED", "IPv4_PREFERRED", "IPv4_ONLY", "IPv6_ONLY"] | None = (
        Field(
            default=None,
            description="The addresses to ask for; absent is a fifth behaviour of its own.",
        )
    )


class MeshSpec(Model):
    """The spec of a mesh, as in App Mesh 2019-01-25."""

    egress_filter: EgressFilter | None = Field(
        default=None,
        description="Which traffic may leave the mesh; absent has the effect of DROP_ALL.",
    )
    service_discovery: MeshServiceDiscovery | None = Field(
        default=None, description="How names of services become addresses."
    )


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
    ignore: Annotated[list[Pointer], BeforeValidator(_few_enough_to_look_at)] = Field(
        default_factory=list,
        description="JSON pointers into spec, to members that are not compared: /egressFilter.",
    )

    def options(self) -> Options:
        """Return the same for the core."""
        pause = None
        if self.suspend:
            pause = Suspension(self.suspend.until, self.suspend.reason)
        return Options(self.protect, self.adopt, pause, tuple(self.ignore))


class MeshMetadata(Model):
    """The name of a mesh, and its tags."""

    name: Name = Field(description="The name in App Mesh, which cannot be changed later.")
    tags: Tags = Field(
        default_factory=dict,
        description="AWS tags; tags that others have added stay, those dropped from here go.",
    )


class Native(Model):
    """A manifest in the product's own form; one subclass for each kind."""

    api_version: Literal["mesh-reconciler/v1"] = Field(description="Marks a manifest as ours.")
    kind: Text = Field(description="What the manifest describes.")
    metadata: MeshMetadata = Field(description="What it is called.")
    reconcile: Reconcile = Field(
        default_factory=Reconcile, description="How it is handled; not sent to App Mesh."
    )
    spec: Model | None = None


class NativeMesh(Native):
    """A service mesh: the boundary within which services reach each other."""

    kind: Literal["Mesh"] = Field(description="What the manifest describes.")
    spec: MeshSpec | None = Field(
        default=None,
        description="The spec of App Mesh 2019-01-25; without one, the live spec is left alone.",
    )


NATIVE_KINDS: dict[str, type[Native]] = {"Mesh": NativeMesh}


class KubernetesMetadata(Model):
    """The metadata of a Kubernetes object, of which only the name matters here."""

    name: Name
    annotations: Ignored = None
    creation_timestamp: Ignored = None
    deletion_grace_period_seconds: Ignored = None
    deletion_timestamp: Ignored = None
    finalizers: Ignored = None
    generate_name: Ignored = None
    generation: Ignored = None
    labels: Ignored = None
    managed_fields: Ignored = None
    namespace: Ignored = None
    owner_references: Ignored = None
    resource_version: Ignored = None
    self_link: Ignored = None
    uid: Ignored = None


class KubernetesMeshSpec(Model):
    """The spec of the App Mesh controller's Mesh, from its own resource definition."""

    aws_name: Name | None = None
    egress_filter: EgressFilter | None = None
    mesh_owner: Annotated[Ignored, BeforeValidator(rules.no_mesh_owner)] = None
    mesh_service_discovery: MeshServiceDiscovery | None = None
    namespace_selector: Ignored = None


class KubernetesMesh(Model):
    """The App Mesh controller's ``kind: Mesh``."""

    api_version: Ignored
    kind: Ignored
    metadata: KubernetesMetadata
    spec: KubernetesMeshSpec = Field(default_factory=KubernetesMeshSpec)
    status: Ignored = None


class OldKubernetesMeshSpec(KubernetesMeshSpec):
    """The same in v1beta1, where the only discovery that ever worked was DNS."""

    service_discovery_type: Ignored = None


class OldKubernetesMesh(KubernetesMesh):
    """The same in v1beta1."""

    spec: OldKubernetesMeshSpec = Field(default_factory=OldKubernetesMeshSpec)


KUBERNETES_MESHES: dict[str, type[KubernetesMesh]] = {
    "appmesh.k8s.aws/v1beta1": OldKubernetesMesh,
    "appmesh.k8s.aws/v1beta2": KubernetesMesh,
}


class TagRef(Model):
    """One tag as the API spells it."""

    key: TagKey
    value: TagValue


def _usable_tag_list(tags: list[TagRef]) -> list[TagRef]:
    rules.few_enough_tags(len(tags))
    rules.distinct_tag_keys([tag.key for tag in tags])
    return tags


class MeshRequest(Model):
    """What creates a mesh, in the API's own words."""

    mesh_name: Name
    spec: MeshSpec | None = None
    tags: Annotated[
        list[TagRef],
        BeforeValidator(_few_enough_to_look_at),
        AfterValidator(_usable_tag_list),
    ] = Field(default_factory=list)

    def tags_by_key(self) -> dict[str, str]:
        """Return the tags as a mapping."""
        return {tag.key: tag.value for tag in self.tags}


class CreateMeshRequest(MeshRequest):
    """The body of a CreateMesh request, less the client token."""

    client_token: Annotated[Ignored, BeforeValidator(rules.no_client_token)] = None


class TerraformMesh(Model):
    """What ``terraform show -json`` tells of an ``aws_appmesh_mesh``, of which this is ours."""

    name: Name
    spec: MeshSpec | None = None
    tags: Tags = Field(default_factory=dict)
    tags_all: Tags = Field(default_factory=dict)

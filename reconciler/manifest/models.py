"""The forms that manifests take, as pydantic models: what fields there are and their types.

The models say nothing about places: ``checking`` joins what they find to the page. Importing
this module costs about 0.1 s of CPU, so only those who check manifests do.
"""

from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
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


def _few_enough_tags(tags: dict[str, str]) -> dict[str, str]:
    rules.few_enough_tags(len(tags))
    return tags


Ignored = Any
Text = Annotated[str, BeforeValidator(_source_text)]
Flag = Annotated[bool, BeforeValidator(_resolved_value)]
Name = Annotated[Text, AfterValidator(rules.usable_name)]
TagKey = Annotated[Text, AfterValidator(rules.usable_tag_key)]
TagValue = Annotated[Text, AfterValidator(rules.usable_tag_value)]
Tags = Annotated[dict[TagKey, TagValue], AfterValidator(_few_enough_tags)]
Pointer = Annotated[Text, AfterValidator(rules.member_pointer)]
Moment = Annotated[datetime, BeforeValidator(_moment)]


class Model(BaseModel):
    """Camel case outside, snake case inside, no field that is not declared, no conversion."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, strict=True, validate_by_name=False
    )


class EgressFilter(Model):
    """Which traffic may leave the mesh."""

    type: Literal["ALLOW_ALL", "DROP_ALL"]


class MeshServiceDiscovery(Model):
    """Which addresses Envoy prefers when it resolves a name."""

    ip_preference: Literal["IPv6_PREFERRED", "IPv4_PREFERRED", "IPv4_ONLY", "IPv6_ONLY"] | None = (
        None
    )


class MeshSpec(Model):
    """The spec of a mesh, as in App Mesh 2019-01-25."""

    egress_filter: EgressFilter | None = None
    service_discovery: MeshServiceDiscovery | None = None


class Suspend(Model):
    """A pause that ends by itself."""

    until: Moment
    reason: Text = ""


class Reconcile(Model):
    """What a manifest asks of us; nothing of it is sent to App Mesh."""

    protect: Flag = False
    adopt: Flag = False
    suspend: Suspend | None = None
    ignore: list[Pointer] = Field(default_factory=list)

    def options(self) -> Options:
        """Return the same for the core."""
        pause = None
        if self.suspend:
            pause = Suspension(self.suspend.until, self.suspend.reason)
        return Options(self.protect, self.adopt, pause, tuple(self.ignore))


class MeshMetadata(Model):
    """The name of a mesh, and its tags."""

    name: Name
    tags: Tags = Field(default_factory=dict)


class Native(Model):
    """A manifest in the product's own form; one subclass for each kind."""

    api_version: Literal["mesh-reconciler/v1"]
    kind: Text
    metadata: MeshMetadata
    reconcile: Reconcile = Field(default_factory=Reconcile)
    spec: Model | None = None


class NativeMesh(Native):
    """A mesh."""

    spec: MeshSpec | None = None


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
    tags: Annotated[list[TagRef], AfterValidator(_usable_tag_list)] = Field(default_factory=list)

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

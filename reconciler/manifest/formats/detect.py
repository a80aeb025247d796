"""Which form a document has, told by what stands in it and never by guessing.

A document is taken for somebody else's only where that is certain: one that merely looks wrong
is complained about, as a typing error must not read as a removal.
"""

import difflib
import re
from collections.abc import Iterator
from enum import Enum, auto

from reconciler.core.kinds import KINDS
from reconciler.manifest.parsing.diagnostics import Code, did_you_mean, one_of
from reconciler.manifest.parsing.nodes import (
    DiagnosticList,
    InvalidNode,
    ListNode,
    MappingNode,
    Node,
    Path,
    describe,
    find,
    get_text,
    is_template,
)

NATIVE = "mesh-reconciler/v1"
KUBERNETES = ("appmesh.k8s.aws/v1beta2", "appmesh.k8s.aws/v1beta1")

MESH_KINDS = frozenset(kind.title for kind in KINDS.values())
# The controller has one kind more, of which the API knows nothing.
KUBERNETES_KINDS = MESH_KINDS | {"BackendGroup"}

# What the API's own answers begin with: {"mesh": {…}}.
_RESPONSE_KEYS = frozenset(word[0].lower() + word[1:] for word in MESH_KINDS)
USE_EXPORT = "export writes manifests of what is live"

_LISTS = {("v1", "List")}.union(
    (version, f"{kind}List") for version in KUBERNETES for kind in KUBERNETES_KINDS
)
_BUILT_IN_GROUPS = frozenset({"apps", "autoscaling", "batch", "extensions", "policy"})
_CORE_KINDS = frozenset(
    {
        *("Binding", "ConfigMap", "Endpoints", "Event", "LimitRange", "Namespace", "Node", "Pod"),
        *("PersistentVolume", "PersistentVolumeClaim", "PodTemplate", "ReplicationController"),
        *("ResourceQuota", "Secret", "Service", "ServiceAccount"),
    }
)
# The groups known to have kinds with names like ours; in any other group such a kind is suspect.
_GROUPS_WITH_OUR_KINDS = frozenset(
    {
        *("consul.hashicorp.com", "gateway.solo.io", "kuma.io", "networking.istio.io"),
        *("route.openshift.io", "serving.knative.dev"),
    }
)
_KUSTOMIZATIONS = frozenset({"kustomization.yaml", "kustomization.yml"})
_NO_LETTER = re.compile(r"[^a-z]")
_GROUP = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_OUR_GROUPS = ("mesh-reconciler", "appmesh.k8s.aws")
# Measured on the groups of AWS's own controllers: elbv2.k8s.aws is 0.64 like appmesh.k8s.aws.
_SIMILAR = 0.8


class Format(Enum):
    """The forms that a document can have."""

    NATIVE = auto()
    KUBERNETES = auto()
    REQUEST = auto()
    TEMPLATE = auto()
    TERRAFORM = auto()
    FOREIGN = auto()


def split_resources(root: Node, diagnostics: DiagnosticList) -> Iterator[tuple[MappingNode, Path]]:
    """Yield the resources in a document: itself, or its items where it is a Kubernetes list.

    The path is that of the resource in the document. Complains of what is no mapping.
    """
    for node, path in _items(root) or [(root, ())]:
        if isinstance(node, MappingNode):
            yield node, path
        elif not isinstance(node, InvalidNode):
            message = f"is no manifest, which is a mapping: this is {describe(node)}"
            diagnostics.add(Code.UNKNOWN_SHAPE, node.position, message, path=path)


def _items(root: Node) -> list[tuple[Node, Path]]:
    if (get_text(root, "apiVersion"), get_text(root, "kind")) not in _LISTS:
        return []
    _, items = find(root, ("items",))
    found = items.items if isinstance(items, ListNode) else []
    return [(item, ("items", index)) for index, item in enumerate(found)]


def detect_format(root: MappingNode, diagnostics: DiagnosticList, path: Path) -> Format | None:
    """Return the form of the resource ``root``; None where it has none, and it is said why."""
    if "apiVersion" in root.members:
        return _by_api_version(root, diagnostics, path)
    if "meshName" in root.members and "kind" not in root.members:
        return Format.REQUEST
    if is_template(root):
        return Format.TEMPLATE
    # Both what ``terraform show -json`` prints and the raw state, which is told so.
    if "format_version" in root.members or "terraform_version" in root.members:
        return Format.TERRAFORM
    # kustomize is alone in letting its own files go without an apiVersion.
    if diagnostics.source.file.rpartition("/")[2] in _KUSTOMIZATIONS:
        return Format.FOREIGN
    hints = (did_you_mean(name, ("apiVersion", "meshName")) for name in list(root.members)[:9])
    hint = USE_EXPORT if _is_response(root) else next(filter(None, hints), "")
    message = "is no manifest: it has neither apiVersion nor meshName"
    diagnostics.add(Code.UNKNOWN_SHAPE, root.position, message, path=path, hint=hint)
    return None


def _is_response(root: MappingNode) -> bool:
    """Whether ``root`` looks like what a call of the API answers with."""
    names = list(root.members)
    return (
        len(names) == 1
        and names[0] in _RESPONSE_KEYS
        and find(root, (names[0], "metadata"))[1] is not None
    )


def _by_api_version(root: MappingNode, diagnostics: DiagnosticList, path: Path) -> Format | None:
    api_version, kind = get_text(root, "apiVersion"), get_text(root, "kind")
    if api_version == NATIVE:
        return Format.NATIVE
    if api_version in KUBERNETES:
        return Format.KUBERNETES
    if api_version and kind and _is_foreign(api_version, kind):
        return Format.FOREIGN
    value = root.members["apiVersion"].value
    if not isinstance(value, InvalidNode):
        known = (NATIVE, *KUBERNETES)
        message = f"must be {one_of(known)} for one of ours, not {describe(value)}"
        hint = did_you_mean(api_version or "", known)
        where = (*path, "apiVersion")
        diagnostics.add(Code.API_VERSION, value.position, message, path=where, hint=hint)
    return None


def _is_foreign(api_version: str, kind: str) -> bool:
    group, _, _ = api_version.rpartition("/")
    if api_version == "v1":
        return kind in _CORE_KINDS
    if group in _BUILT_IN_GROUPS:
        return kind not in MESH_KINDS
    if not _GROUP.fullmatch(group) or _is_like_ours(group):
        return False
    return kind not in MESH_KINDS or group in _GROUPS_WITH_OUR_KINDS


def _is_like_ours(group: str) -> bool:
    squeezed = _NO_LETTER.sub("", group.casefold())
    if "appmesh" in squeezed or "reconcil" in squeezed:
        return True
    return bool(difflib.get_close_matches(group.casefold(), _OUR_GROUPS, cutoff=_SIMILAR))

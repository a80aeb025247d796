"""Detection of foreign documents, and diagnostics for documents of an unknown format.

A document counts as foreign only if that is certain. Any other unknown document is an error,
because otherwise a typing error would remove the resource.
"""

import difflib
import re
from collections.abc import Iterator

from reconciler.manifest.formats.neighbors import (
    MESH_KINDS,
    RESPONSE_KEYS,
    is_like_ours,
    is_spec,
    similar_key,
)
from reconciler.manifest.models.documents import request_fields
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
)

NATIVE = "mesh-reconciler/v1"
KUBERNETES = ("appmesh.k8s.aws/v1beta2", "appmesh.k8s.aws/v1beta1")

# The controller also has a kind that the API does not have.
KUBERNETES_KINDS = MESH_KINDS | {"BackendGroup"}

_SET_NAMES = "set the names of this request in [[defaults]] of reconciler.toml"
_EXCLUDE = "if it is a file of another tool, exclude it in .reconcilerignore"
_USE_EXPORT = "run export to write manifests of the live resources"

_LISTS = {("v1", "List")}.union(
    (version, f"{kind}List") for version in KUBERNETES for kind in KUBERNETES_KINDS
)
_BUILT_IN_GROUPS = frozenset({"apps", "autoscaling", "batch", "extensions", "policy", "skaffold"})
_CORE_KINDS = frozenset(
    {
        *("Binding", "ConfigMap", "Endpoints", "Event", "LimitRange", "Namespace", "Node", "Pod"),
        *("PersistentVolume", "PersistentVolumeClaim", "PodTemplate", "ReplicationController"),
        *("ResourceQuota", "Secret", "Service", "ServiceAccount"),
    }
)
# These groups have kinds named like ours. In any other group such a kind may be a typing error.
_GROUPS_WITH_OUR_KINDS = frozenset(
    {
        *("consul.hashicorp.com", "gateway.solo.io", "kuma.io", "networking.istio.io"),
        *("route.openshift.io", "serving.knative.dev"),
    }
)
_KUSTOMIZATIONS = frozenset({"kustomization.yaml", "kustomization.yml"})
_CHARTS = frozenset({"Chart.yaml", "Chart.yml"})
_NO_LETTER = re.compile(r"[^a-z]")
_GROUP = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_OUR_GROUPS = ("mesh-reconciler", "appmesh.k8s.aws")
_MAX_HINTS = 9
# Measured on the groups of AWS's own controllers: elbv2.k8s.aws is 0.64 like appmesh.k8s.aws.
_SIMILAR = 0.8


def split_resources(root: Node, diagnostics: DiagnosticList) -> Iterator[tuple[MappingNode, Path]]:
    """Yield the document itself, or its items if it is a Kubernetes list, each with its path.

    An item that is not a mapping is reported.
    """
    for node, path in _items(root) or [(root, ())]:
        if isinstance(node, MappingNode):
            yield node, path
        elif not isinstance(node, InvalidNode):
            message = f"is not a manifest: expected a mapping, found {describe(node)}"
            diagnostics.add(Code.UNKNOWN_FORMAT, node.position, message, path=path)


def _items(root: Node) -> list[tuple[Node, Path]]:
    _, items = find(root, ("items",))
    if items is None or (get_text(root, "apiVersion"), get_text(root, "kind")) not in _LISTS:
        return []
    found = items.items if isinstance(items, ListNode) else []
    return [(item, ("items", index)) for index, item in enumerate(found)]


def is_foreign(root: MappingNode, file: str) -> bool:
    """Return whether ``root``, in none of our formats, is a document of another product."""
    if "apiVersion" not in root.members:
        # A kustomization is the only Kubernetes file that may lack an apiVersion.
        return file.rpartition("/")[2] in _KUSTOMIZATIONS
    if file.rpartition("/")[2] in _CHARTS:
        return {"kind", "spec"}.isdisjoint(root.members)
    api_version, kind = get_text(root, "apiVersion"), get_text(root, "kind")
    return bool(api_version and kind and _is_foreign_kind(api_version, kind))


def report_unknown_format(
    root: MappingNode, diagnostics: DiagnosticList, path: Path, api_versions: tuple[str, ...]
) -> None:
    """Report that ``root`` has no known format; ``api_versions`` are the known ones."""
    if "apiVersion" in root.members:
        value = root.members["apiVersion"].value
        if not isinstance(value, InvalidNode):
            message = f"must be {one_of(api_versions)}, not {describe(value)}"
            hint = did_you_mean(get_text(root, "apiVersion") or "", api_versions)
            where = (*path, "apiVersion")
            diagnostics.add(Code.API_VERSION, value.position, message, path=where, hint=hint)
        return
    message = "is not a manifest: it has neither apiVersion nor meshName"
    diagnostics.add(Code.UNKNOWN_FORMAT, root.position, message, path=path, hint=_hint(root))


def _hint(root: MappingNode) -> str:
    if _is_response(root):
        return _USE_EXPORT
    if "kind" not in root.members and root.members.keys() <= request_fields():
        return _SET_NAMES
    if is_spec(root):
        return f"if it is the spec of a request, {_SET_NAMES}"
    for name in list(root.members)[:_MAX_HINTS]:
        if is_like_ours(root, name) and (similar := similar_key(name)) and similar != name:
            return f"did you mean {similar}?"
    return _EXCLUDE


def _is_response(root: MappingNode) -> bool:
    """Return whether ``root`` looks like a response of the API."""
    names = list(root.members)
    return (
        len(names) == 1
        and names[0] in RESPONSE_KEYS
        and find(root, (names[0], "metadata"))[1] is not None
    )


def _is_foreign_kind(api_version: str, kind: str) -> bool:
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

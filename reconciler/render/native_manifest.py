"""Native manifests of live resources.

Each manifest is loaded again with `reconciler.manifest`, to check that it describes the resource.
"""

from typing import Any

from reconciler.api import ListOf, Shape, Structure
from reconciler.api import load as load_api
from reconciler.core.errors import ManifestError
from reconciler.core.kinds import KINDS
from reconciler.core.planning.last_applied import is_protected, is_reserved_by_aws, user_tags
from reconciler.core.resources import Key, LiveResource, Spec, file_name_part
from reconciler.manifest.loading import load_manifests
from reconciler.manifest.parsing.diagnostics import Severity
from reconciler.render.diagnostic_reports import sentence
from reconciler.render.yaml_text import dump_yaml


def render_manifest(resource: LiveResource, spec: Spec) -> str:
    """Return the manifest of a live resource.

    The manifest contains neither the two tags of mesh-reconciler nor tags reserved by AWS.

    Args:
        resource: The live resource.
        spec: Its spec in canonical form.

    Raises:
        ManifestError: No manifest can describe the resource; the text has the reason.
    """
    tags = {
        key: value
        for key, value in sorted(user_tags(resource.tags).items())
        if not is_reserved_by_aws(key)
    }
    protect = is_protected(resource.tags)
    kind = KINDS[resource.key.kind].title
    spec = _with_required(spec, load_api().shapes[f"{kind}Spec"])
    document = {
        "apiVersion": "mesh-reconciler/v1",
        "kind": kind,
        "metadata": {**_names(resource.key), **({"tags": tags} if tags else {})},
        **({"reconcile": {"protect": True}} if protect else {}),
        "spec": spec,
    }
    text = dump_yaml(document)
    loaded = load_manifests([("the manifest.yaml", text.encode())])
    for diagnostic in loaded.diagnostics:
        # Parents and referenced resources are in other files; their absence is only a warning.
        if diagnostic.severity is Severity.ERROR:
            raise ManifestError(f"it has no valid manifest: {sentence(diagnostic)}")
    (desired,) = loaded.desired
    if (desired.key, desired.spec, desired.tags, desired.options.protect) != (
        resource.key,
        spec,
        tags,
        protect,
    ):
        raise ManifestError("it has no valid manifest: the manifest would be read back differently")
    return text


def _with_required(value: Any, shape: Shape) -> Any:
    """Return ``value`` with the required members that are empty, which its canonical form lacks.

    An example is the match of a gRPC route that matches every request.
    """
    if isinstance(shape, ListOf) and isinstance(value, list):
        return [_with_required(item, shape.item) for item in value]
    if not isinstance(shape, Structure) or not isinstance(value, dict):
        return value
    empty: dict[str, Any] = {
        name: {}
        for name, member in shape.members.items()
        if member.required and isinstance(member.shape, Structure)
    }
    return {
        name: _with_required(inner, shape.members[name].shape) if name in shape.members else inner
        for name, inner in (empty | value).items()
    }


def file_name(key: Key) -> str:
    """Return the path of a manifest in its directory: `route/payments/edge/v1.yaml`.

    Names are escaped, so that the path cannot leave the directory. Resources in a mesh of another
    account are in `@111122223333`, because two accounts may have meshes of the same name.
    """
    owner = [f"@{key.mesh_owner}"] if key.mesh_owner else []
    return "/".join((key.kind, *owner, *map(file_name_part, key.path))) + ".yaml"


def _names(key: Key) -> dict[str, str]:
    members = load_api().kinds[KINDS[key.kind].title].path
    parents = zip(members[:-1], key.path[:-1], strict=True)
    owner = {"meshOwner": key.mesh_owner} if key.mesh_owner else {}
    parent_names = {member.removesuffix("Name"): name for member, name in parents}
    return {"name": key.name, **parent_names, **owner}

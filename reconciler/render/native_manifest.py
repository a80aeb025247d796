"""What is live as a native manifest: YAML that every reader of 1.1 and of 1.2 reads alike.

The opposite of ``manifest``, by which each text is held to what it should say.
"""

import re
from typing import Any
from urllib.parse import quote

import yaml

from reconciler.api import load as load_api
from reconciler.core.errors import ManifestError
from reconciler.core.kinds import KINDS
from reconciler.core.planning.last_applied import is_protected, is_reserved_by_aws, user_tags
from reconciler.core.resources import Key, LiveResource, Spec, text_digest
from reconciler.manifest.loading import load_manifests
from reconciler.manifest.parsing.diagnostics import Severity
from reconciler.render.diagnostic_reports import sentence

# Text that needs no quotation marks; y and n alone were booleans once.
_PLAIN = re.compile(r"(?![yn]$)[a-z][\w/-]*(?:\.[\w/-]+)*", re.ASCII | re.IGNORECASE)
# A file's name has at most 255 bytes on most systems.
MAX_NAME_LENGTH = 200


def render_manifest(resource: LiveResource, spec: Spec) -> str:
    """Return the manifest of ``resource`` with its ``spec`` in canonical form.

    Neither our two tags are in it nor those of AWS; they stay where they are. ManifestError says
    why where no manifest can say what is live.
    """
    tags = {
        key: value
        for key, value in sorted(user_tags(resource.tags).items())
        if not is_reserved_by_aws(key)
    }
    protect = is_protected(resource.tags)
    document = {
        "apiVersion": "mesh-reconciler/v1",
        "kind": KINDS[resource.key.kind].title,
        "metadata": {**_names(resource.key), **({"tags": tags} if tags else {})},
        **({"reconcile": {"protect": True}} if protect else {}),
        "spec": spec,
    }
    text: str = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=float("inf")
    )
    loaded = load_manifests([("the manifest.yaml", text.encode())])
    for complaint in loaded.diagnostics:
        # What it is in and names stands in other files: that is a warning here.
        if complaint.severity is Severity.ERROR:
            raise ManifestError(f"it has no valid manifest: {sentence(complaint)}")
    (says,) = loaded.desired
    if (says.key, says.spec, says.tags, says.options.protect) != (
        resource.key,
        spec,
        tags,
        protect,
    ):
        raise ManifestError("it has no valid manifest: the manifest would be read back differently")
    return text


def file_name(key: Key) -> str:
    """Return the path of a manifest below its folder: ``route/payments/edge/v1.yaml``.

    Whatever characters the names have, it leads nowhere else. What is in a mesh of another account
    is below ``@111122223333``, for two accounts may have meshes of one name.
    """
    shared = [f"@{key.mesh_owner}"] if key.mesh_owner else []
    return "/".join((key.kind, *shared, *map(_safe, key.path))) + ".yaml"


def _safe(name: str) -> str:
    # A file whose name begins with a dot is left out where manifests are read.
    safe = quote(name, safe="", errors="surrogatepass")
    safe = f"%2E{safe[1:]}" if safe.startswith(".") else safe
    return safe if len(safe) <= MAX_NAME_LENGTH else f"{safe[:MAX_NAME_LENGTH]}-{text_digest(safe)}"


def _names(key: Key) -> dict[str, str]:
    members = load_api().kinds[KINDS[key.kind].title].path
    parents = zip(members[:-1], key.path[:-1], strict=True)
    shared = {"meshOwner": key.mesh_owner} if key.mesh_owner else {}
    named = {member.removesuffix("Name"): name for member, name in parents}
    return {"name": key.name, **named, **shared}


class _Dumper(yaml.SafeDumper):
    """Writes each value out, and quotes text wherever some reader could take it for else."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write a value again where it is the same: aliases are refused."""
        del data
        return True


def _text(dumper: _Dumper, text: str) -> yaml.Node:
    style = None if _PLAIN.fullmatch(text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)

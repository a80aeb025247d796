"""The verb that writes manifests of what is live."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from reconciler.cli import live_resources
from reconciler.cli.command import Invocation
from reconciler.cli.output import print_result, wants_color
from reconciler.cli.run_context import resolve_target
from reconciler.cli.write_files import is_written, write_new
from reconciler.core.errors import ManifestError, UsageError
from reconciler.core.escaping import escaped
from reconciler.core.exit_codes import ExitCode
from reconciler.core.resources import LiveResource, Unreadable
from reconciler.manifest.loading import load_manifests
from reconciler.manifest.parsing.diagnostics import Severity
from reconciler.render import text
from reconciler.render.native_manifest import file_name, render_manifest
from reconciler.render.terminal import Style, plural, styled
from reconciler.targets.appmesh import AppMesh
from reconciler.wiring.targets import open_target


def run(invocation: Invocation) -> int:
    """Write native manifests of what is live, one file each; write over none.

    KEY is such as mesh/payments; globs are allowed. Without one, everything is written. Once
    adopted, what was exported shows no change.
    """
    if not invocation["to"]:
        raise UsageError("export needs a directory: pass --to DIR")
    tags = _tags(invocation["tag"])
    config = resolve_target(invocation, needs_owner=False)
    files: dict[Path, str] = {}
    refused: list[str] = []
    unreadable = False
    with open_target(config, workers=invocation["parallelism"]) as target:
        for resource in live_resources.read_live(
            target, invocation.keys, config.owner, workers=invocation["parallelism"]
        ):
            if isinstance(resource, LiveResource) and not tags.items() <= resource.tags.items():
                continue
            try:
                files[Path(invocation["to"], file_name(resource.key))] = _manifest(resource, target)
            except ManifestError as error:
                refused.append(f"! {resource.key}  not exported: {error}")
                unreadable |= isinstance(resource, Unreadable)
        place = text.target_line(target.id)
    missing = {path: content for path, content in files.items() if not is_written(path, content)}
    for path, content in missing.items():
        write_new(path, content)
    color = wants_color(invocation["color"])
    lines = [place, *(f"wrote {escaped(str(path))}" for path in missing)]
    lines += [
        styled(escaped(line), Style.YELLOW, on=color) for line in (*refused, *_unmet_needs(files))
    ]
    left = f", {len(refused)} left out" if refused else ""
    lines.append(f"Exported {plural(len(files), 'manifest')}, {len(missing)} of them new{left}.")
    print_result("".join(f"{line}\n" for line in lines))
    if unreadable:
        return ExitCode.ERROR
    return ExitCode.WITHHELD if refused else ExitCode.OK


def _unmet_needs(files: Mapping[Path, str]) -> Iterator[str]:
    """Say what the manifests need and was not exported; each alone was valid."""
    loaded = load_manifests((str(path), content.encode()) for path, content in files.items())
    for diagnostic in loaded.diagnostics:
        if diagnostic.severity is Severity.ERROR:
            yield f"! {diagnostic.origin.file}  needs what was not exported: {diagnostic.message}"


def _manifest(resource: LiveResource | Unreadable, target: AppMesh) -> str:
    if isinstance(resource, Unreadable):
        raise ManifestError(resource.message)
    # Of a shared mesh what is our own can be declared, and not the mesh itself.
    owner = resource.key.mesh_owner if resource.key.kind == "mesh" else ""
    if target.id.account not in (None, owner or resource.account):
        raise ManifestError(f"it belongs to account {owner or resource.account}")
    return render_manifest(resource, target.canonical(resource.spec))


def _tags(pairs: tuple[str, ...]) -> Mapping[str, str]:
    split = [pair.partition("=") for pair in pairs]
    if not all(equals for _, equals, _ in split):
        raise UsageError("--tag takes KEY=VALUE")
    return {key: value for key, _, value in split}

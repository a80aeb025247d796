"""The export command: writes manifests of live resources."""

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
from reconciler.engine import CommandTarget
from reconciler.manifest.loading import load_manifests
from reconciler.manifest.parsing.diagnostics import Code
from reconciler.render import text
from reconciler.render.native_manifest import file_name, render_manifest
from reconciler.render.terminal import Style, plural, styled
from reconciler.wiring.targets import open_target


def run(invocation: Invocation) -> int:
    """Write a native manifest of each live resource that matches the keys.

    Existing files are not overwritten. After adoption, the manifests yield no changes.
    """
    if not invocation["to"]:
        raise UsageError("export needs a directory: pass --to DIR")
    tags = _tags(invocation["tag"])
    config = resolve_target(invocation, needs_owner=False)
    files: dict[Path, str] = {}
    not_exported: list[str] = []
    unreadable = False
    with open_target(config, workers=invocation["parallelism"]) as target:
        for resource in live_resources.read_live(
            target,
            invocation.keys,
            config.owner,
            workers=invocation["parallelism"],
            color=invocation["color"],
        ):
            if isinstance(resource, LiveResource) and not tags.items() <= resource.tags.items():
                continue
            try:
                files[Path(invocation["to"], file_name(resource.key))] = _manifest(resource, target)
            except ManifestError as error:
                not_exported.append(f"! {resource.key}  not exported: {error}")
                unreadable |= isinstance(resource, Unreadable)
        target_line = text.target_line(target.id)
    missing = {path: content for path, content in files.items() if not is_written(path, content)}
    for path, content in missing.items():
        write_new(path, content)
    color = wants_color(invocation["color"])
    lines = [target_line, *(f"wrote {escaped(str(path))}" for path in missing)]
    lines += [
        styled(escaped(line), Style.YELLOW, on=color)
        for line in (*not_exported, *_missing_references(files))
    ]
    suffix = f", {len(not_exported)} not exported" if not_exported else ""
    lines.append(f"Exported {plural(len(files), 'manifest')}, {len(missing)} of them new{suffix}.")
    print_result("".join(f"{line}\n" for line in lines))
    if unreadable:
        return ExitCode.ERROR
    return ExitCode.WITHHELD if not_exported else ExitCode.OK


def _missing_references(files: Mapping[Path, str]) -> Iterator[str]:
    """Yield a line for each reference to a resource that was not exported.

    Each manifest alone is valid, so the set can only have missing references.
    """
    loaded = load_manifests((str(path), content.encode()) for path, content in files.items())
    for diagnostic in loaded.diagnostics:
        if diagnostic.code is Code.DANGLING:
            file = diagnostic.origin.file
            yield f"! {file}  refers to a resource that was not exported: {diagnostic.message}"


def _manifest(resource: LiveResource | Unreadable, target: CommandTarget) -> str:
    if isinstance(resource, Unreadable):
        raise ManifestError(resource.message)
    # In a shared mesh, our own resources can be declared, but not the mesh.
    owner = resource.key.mesh_owner if resource.key.kind == "mesh" else ""
    if target.id.account not in (None, owner or resource.account):
        raise ManifestError(f"it belongs to account {owner or resource.account}")
    return render_manifest(resource, target.canonical(resource.spec))


def _tags(pairs: tuple[str, ...]) -> Mapping[str, str]:
    split = [pair.partition("=") for pair in pairs]
    if not all(equals for _, equals, _ in split):
        raise UsageError("invalid --tag: use KEY=VALUE")
    return {key: value for key, _, value in split}

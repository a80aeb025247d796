"""Files of other tools that become manifests by a command: Terraform configuration, templates."""

from collections.abc import Iterable
from dataclasses import replace

from reconciler.manifest.parsing.diagnostics import Code, Diagnostic, about_file
from reconciler.manifest.parsing.nodes import SourceText

_TERRAFORM = (".tf", ".tf.json", ".hcl", ".tfvars", ".tfvars.json")
_TEMPLATES = (".tpl", ".tmpl", ".j2")
_RENDER = "render it first, for example with helm template RELEASE CHART > manifests/mesh.yaml"
# Errors that a placeholder such as {{ .Values.name }} causes.
_TEMPLATE_ERRORS = (Code.YAML, Code.JSON, Code.KEY)


def foreign_file(file: str) -> Diagnostic | None:
    """Return the diagnostic for a file that is certainly no manifest by its name, or None."""
    if file.endswith(_TERRAFORM):
        hint = "read the output of terraform show -json instead: see docs/formats.md"
        return about_file(Code.UNKNOWN_FORMAT, file, "is Terraform configuration", hint)
    if file.endswith(_TEMPLATES):
        return about_file(Code.UNKNOWN_FORMAT, file, "is a template", _RENDER)
    return None


def with_template_hints(found: Iterable[Diagnostic], source: SourceText) -> list[Diagnostic]:
    """Return ``found`` with the remedy for errors in a template that was not rendered."""
    if "{{" not in source.text:
        return [*found]
    return [
        replace(item, hint=f"if it is a template, {_RENDER}")
        if item.code in _TEMPLATE_ERRORS
        else item
        for item in found
    ]

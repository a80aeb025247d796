"""Explanations of diagnostics about files and their text."""

from collections.abc import Mapping

from reconciler.manifest.parsing.diagnostics import Code
from reconciler.render.explained.explanation import Explanation, without_manifest

_MESH = """
apiVersion: mesh-reconciler/v1
kind: Mesh
"""

FILES: Mapping[Code, Explanation] = {
    Code.UNREADABLE: without_manifest(
        "Give the user of the process read permission for the file and all its directories.",
        "manifests/mesh.yaml has mode 0600 and belongs to another user.",
    ),
    Code.NOT_REGULAR: without_manifest(
        "Replace it with a file, or exclude it with .reconcilerignore.",
        "mkfifo manifests/mesh.yaml",
    ),
    Code.SYMLINK: without_manifest(
        "Link only to files that exist inside the source, or copy the file.",
        "ln -s ../../other/mesh.yaml manifests/mesh.yaml",
    ),
    Code.LIMIT: without_manifest(
        "Split the file, or pass a directory that has only manifests.",
        "A backup of some gigabytes is in the directory of the manifests.",
    ),
    Code.CHANGING: without_manifest(
        "Run the command again when the program that writes the directory has ended.",
        "git checkout replaces the manifests while they are read.",
    ),
    Code.FILE_NAME: without_manifest(
        "Rename the file: use characters that are valid UTF-8.",
        "A file of an old archive has a name in Latin-1.",
    ),
    Code.NO_MANIFEST: without_manifest(
        "Check the PATH and the suffix of the files. Pass --allow-empty only if the source is "
        "meant to be empty.",
        "reconciler plan docs",
    ),
    Code.IGNORE_FILE: without_manifest(
        "Correct the patterns, in the syntax of gitignore, or make the file readable.",
        ".reconcilerignore is a directory.",
    ),
    Code.ENCODING: without_manifest(
        "Save the file as UTF-8.",
        "An editor saved the manifest as UTF-16 or Latin-1.",
    ),
    Code.CHARACTER: Explanation(
        "Remove the character. If it is needed, write its escape in double quotes.",
        f"{_MESH}metadata: {{name: payments}}  # approved \u202e",
    ),
    Code.YAML: Explanation(
        "Correct the syntax at the position. If the file has a merge conflict, resolve it.",
        f"{_MESH}metadata: {{name: payments",
    ),
    Code.JSON: Explanation(
        "Correct the syntax at the position.",
        '{"meshName": "payments", "spec": {',
        file="example.json",
    ),
    Code.DOCUMENT_LIMIT: Explanation(
        "Remove the nesting; no field of the API needs it.",
        "[" * 40 + "]" * 40,
    ),
    Code.DUPLICATE_KEY: Explanation(
        "Remove one of the two: parsers differ in which of them they use.",
        f"{_MESH}metadata: {{name: payments, name: orders}}\nspec: {{}}",
    ),
    Code.ALIAS: Explanation(
        "Write the value in full.",
        f"{_MESH}metadata: &names {{name: payments}}\nspec: {{}}",
    ),
    Code.TAG: Explanation(
        "Remove the tag. Tags of CloudFormation are read only in its templates.",
        f"{_MESH}metadata: {{name: !Ref Mesh}}\nspec: {{}}",
    ),
    Code.KEY: Explanation(
        "Quote text that begins with { or [. Render a template before it is read.",
        f"{_MESH}metadata:\n  name: {{{{ .Values.name }}}}",
    ),
    Code.NO_DOCUMENT: Explanation(
        "Write a manifest into the file, or delete it.",
        "# The mesh of the payments team",
    ),
}

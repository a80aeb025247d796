"""Registry of the manifest formats.

A new format needs a module with its translation and one row in ``FORMATS``.
"""

from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from reconciler.manifest.formats.cloudformation.template import translate_template
from reconciler.manifest.formats.context import DeclaredResource, DocumentContext, Unnamed
from reconciler.manifest.formats.detect import KUBERNETES, NATIVE
from reconciler.manifest.formats.kubernetes.cluster import defer_object
from reconciler.manifest.formats.native import translate_native
from reconciler.manifest.formats.request import is_request, translate_request
from reconciler.manifest.formats.terraform import is_terraform, translate_terraform
from reconciler.manifest.parsing.nodes import MappingNode, get_text, is_template


def _never(_root: MappingNode, _names: Collection[str]) -> bool:
    return False


class ManifestFormat(NamedTuple):
    """A format of manifests."""

    translate: Callable[[DocumentContext], Iterator[DeclaredResource | Unnamed]]
    """Yields the resources in a document, and reports diagnostics."""
    api_versions: tuple[str, ...] = ()
    """The values of ``apiVersion`` in its documents."""
    matches: Callable[[MappingNode, Collection[str]], bool] = _never
    """Whether a document without ``apiVersion`` has this format.

    The second argument is the default names of its file.
    """


FORMATS = (
    ManifestFormat(translate_native, api_versions=(NATIVE,)),
    ManifestFormat(defer_object, api_versions=KUBERNETES),
    ManifestFormat(translate_request, matches=is_request),
    ManifestFormat(translate_template, matches=lambda root, _: is_template(root)),
    ManifestFormat(translate_terraform, matches=lambda root, _: is_terraform(root)),
)
"""The formats; the first one that a document has is used."""

_BY_VERSION = {version: row for row in FORMATS for version in row.api_versions}
API_VERSIONS = tuple(_BY_VERSION)


def find_format(root: MappingNode, names: Collection[str] = ()) -> ManifestFormat | None:
    """Return the format of the document or list item ``root``, or None if it has none.

    ``names`` are the default names of its file.
    """
    if "apiVersion" in root.members:
        return _BY_VERSION.get(get_text(root, "apiVersion") or "")
    return next((row for row in FORMATS if row.matches(root, names)), None)

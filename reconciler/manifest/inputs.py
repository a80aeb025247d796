"""Values that manifests use but do not contain: variables, and names of nameless requests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

_STEM = "{stem}"


@dataclass(frozen=True, slots=True)
class NameDefaults:
    """Names for requests that lack them, as in the files of ``aws appmesh --cli-input-json``.

    Attributes:
        files: A glob that is compared with the end of a file's path.
        names: Names by the API's field, such as ``meshName``. ``{stem}`` is the name of the file
            without its suffix.
    """

    files: str
    names: Mapping[str, str]

    def names_for(self, file: str) -> dict[str, str]:
        """Return the names for the requests in ``file``; empty if the glob does not match."""
        path = PurePosixPath(file)
        if not path.match(self.files):
            return {}
        return {field: name.replace(_STEM, path.stem) for field, name in self.names.items()}


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything that manifests take from outside.

    Attributes:
        variables: Values of variables.
        yaml_variables: Values in YAML, which only replace items of lists.
        defaults: Names for requests; of several that match a file, the last one counts.
        namespace: Namespace of Kubernetes objects that have none; may be empty.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    defaults: tuple[NameDefaults, ...] = ()
    yaml_variables: Mapping[str, str] = field(default_factory=dict)
    namespace: str = ""

    def names_for(self, file: str) -> dict[str, str]:
        """Return the default names for the requests in ``file``, by the API's field."""
        names: dict[str, str] = {}
        for row in self.defaults:
            names |= row.names_for(file)
        return names

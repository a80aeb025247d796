"""YAML that parsers of YAML 1.1 and 1.2 read alike."""

import re
from typing import Any

import yaml

from reconciler.core.escaping import escaped

# Text that needs no quotation marks. y and n are booleans in YAML 1.1.
_PLAIN = re.compile(r"(?![yn]$)[a-z][\w/-]*(?:\.[\w/-]+)*", re.ASCII | re.IGNORECASE)


def dump_yaml(document: Any) -> str:
    """Return ``document`` as YAML with its members in their order, each on one line."""
    text: str = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=float("inf")
    )
    return text


def yaml_lines(document: Any) -> list[str]:
    """Return the lines of ``document`` as YAML that is safe to print on a terminal."""
    # Each text that is not plain is in double quotes, where YAML reads the same escapes.
    return [escaped(line) for line in dump_yaml(document).split("\n")[:-1]]


class _Dumper(yaml.SafeDumper):
    """Writes no aliases, and quotes text that a parser could read as another type."""

    def ignore_aliases(self, data: Any) -> bool:
        """Return True, because aliases are rejected in manifests."""
        del data
        return True


def _text(dumper: _Dumper, text: str) -> yaml.Node:
    style = None if _PLAIN.fullmatch(text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)

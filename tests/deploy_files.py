"""The files of deploy/ as their readers take them."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"


class _Loader(yaml.SafeLoader):
    """YAML with GitLab's !reference, which stands for lines that are elsewhere."""


_Loader.add_constructor("!reference", lambda _, node: [part.value for part in node.value])


def read(name: str) -> Any:
    """Return what a YAML file says."""
    return yaml.load((DEPLOY / name).read_text("utf-8"), _Loader)  # noqa: S506  # a SafeLoader


def read_all(name: str) -> list[Any]:
    """Return the documents of a YAML file."""
    return list(yaml.safe_load_all((DEPLOY / name).read_text("utf-8")))


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile with their arguments."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", "").splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines) if word]

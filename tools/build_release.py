"""Builds a release: a wheel, the hashes of its dependencies, and a bill of materials.

``python tools/build_release.py dist`` writes the first two into dist/, ``sbom`` the third.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from vendor import component as vendored_component
from vendor import packages as vendored_packages

ROOT = Path(__file__).parent.parent
DIST = ROOT / "dist"
NAME = "mesh-reconciler"
_PINNED = re.compile(r"^([\w.-]+)==(\S+).*((?:\n    --hash=sha256:\w+.*)+)", re.MULTILINE)


def build_wheel(source: Path, into: Path) -> Path:
    """Build the wheel of ``source`` with the backend that deploy/build.lock pins."""
    options = "--quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation"
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options.split(), "--wheel-dir", str(into), "."],
        cwd=source,
        env={**os.environ, "SOURCE_DATE_EPOCH": "0"},
        check=True,
    )
    (wheel,) = into.glob("*.whl")
    return wheel


def requirements(wheel: Path) -> str:
    """Return a requirements file with hashes; pip finds the wheel in the same directory."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    _, version, *_ = wheel.name.split("-")
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    return f"--find-links .\n{lock}{NAME}=={version} \\\n    --hash=sha256:{digest}\n"


def bill_of_materials() -> dict[str, Any]:
    """Return the packages of an installation as CycloneDX, equal for equal sources.

    Versions and hashes are from requirements.lock, licenses from the metadata of the packages.
    Files of other projects that are checked in are in vendored.toml.
    """
    components = list(_components((ROOT / "requirements.lock").read_text("utf-8")))
    names = [NAME, *(component["name"] for component in components)]
    vendored = [vendored_component(package) for package in _shipped()]
    references = [component["bom-ref"] for component in vendored]
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": _component(NAME, distribution(NAME).version, "application")},
        "components": components + vendored,
        "dependencies": [
            *({"ref": name, "dependsOn": sorted(_needs(name))} for name in names),
            *({"ref": name, "dependsOn": []} for name in references),
        ],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(bill, sort_keys=True))
    return {**bill, "serialNumber": f"urn:uuid:{serial}"}


def _components(lock: str) -> Iterator[dict[str, Any]]:
    for name, version, hashes in _PINNED.findall(lock):
        try:
            component = _component(name, version, "library")
        except PackageNotFoundError:
            # It is for another platform.
            continue
        digests = re.findall(r"sha256:(\w+)", hashes)
        yield {**component, "hashes": [{"alg": "SHA-256", "content": digest} for digest in digests]}


def _component(name: str, version: str, kind: str) -> dict[str, Any]:
    metadata = distribution(name).metadata
    licenses = [metadata["License-Expression"] or metadata["License"]]
    if not licenses[0]:
        classifiers = metadata.get_all("Classifier", [])
        licenses = [row.rsplit(" :: ", 1)[1] for row in classifiers if row.startswith("License")]
    member = "expression" if metadata["License-Expression"] else "license"
    return {
        "type": kind,
        "bom-ref": name,
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name}@{version}",
        "licenses": [
            {member: text} if member == "expression" else {member: {"name": text}}
            for text in licenses
        ],
    }


def _shipped() -> list[dict[str, Any]]:
    """Return the packages whose files are checked in and installed; pip does not know them."""
    return [package for package in vendored_packages() if package["shipped"]]


def _needs(name: str) -> Iterator[str]:
    if name == NAME:
        yield from (package["name"] for package in _shipped())
    for text in requires(name) or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield canonicalize_name(requirement.name)


def main(output: str) -> None:
    """Write ``dist`` or ``sbom``."""
    DIST.mkdir(exist_ok=True)
    if output == "dist":
        for old in DIST.glob("*.whl"):
            old.unlink()
        text = requirements(build_wheel(ROOT, DIST))
        (DIST / "requirements.txt").write_text(text, "utf-8")
    else:
        text = json.dumps(bill_of_materials(), indent=2) + "\n"
        (DIST / "sbom.json").write_text(text, "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])

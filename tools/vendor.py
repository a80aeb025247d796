"""Verifies the checked-in files of other projects against their npm packages.

``python tools/vendor.py`` downloads each package of vendored.toml, verifies its hash, and writes
the files that differ. It fails if a file in the package does not have the hash in vendored.toml.
"""

import base64
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
TABLE = Path(__file__).with_name("vendored.toml")


class WrongHashError(Exception):
    """Content does not have the hash in the table."""


def packages() -> list[dict[str, Any]]:
    """Return the packages of the table."""
    return list(tomllib.loads(TABLE.read_text("utf-8"))["package"])


def extract(package: dict[str, Any], archive: bytes) -> dict[str, bytes]:
    """Return the files of ``package`` in its archive, by their paths in the repository.

    Raises:
        WrongHashError: The archive or a file in it is another one.
    """
    digest = base64.b64encode(hashlib.sha512(archive).digest()).decode()
    if f"sha512-{digest}" != package["integrity"]:
        raise WrongHashError(f"{package['name']} {package['version']}: sha512-{digest}")
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        for file in package["file"]:
            member = opened.extractfile(f"package/{file['source']}")
            content = member.read() if member else b""
            if hashlib.sha256(content).hexdigest() != file["sha256"]:
                raise WrongHashError(f"{file['source']} of {package['name']}")
            found[file["path"]] = content
    return found


def component(package: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of a package in a bill of materials."""
    name, version = package["name"], package["version"]
    return {
        "type": "library",
        "bom-ref": name,
        "name": name,
        "version": version,
        "purl": f"pkg:npm/{name.replace('@', '%40')}@{version}",
        "licenses": [{"license": {"id": package["license"]}}],
        "hashes": [
            {
                "alg": "SHA-512",
                "content": base64.b64decode(package["integrity"].partition("-")[2]).hex(),
            }
        ],
    }


def _download(package: dict[str, Any]) -> bytes:
    name = f"{package['name']}@{package['version']}"
    with tempfile.TemporaryDirectory() as directory:
        command = ["npm", "pack", "--silent", "--pack-destination", directory, name]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (archive,) = Path(directory).iterdir()
        return archive.read_bytes()


def main() -> None:
    """Verify all packages, and write the files that differ."""
    for package in packages():
        for path, content in extract(package, _download(package)).items():
            file = ROOT / path
            state = "verified"
            if not file.exists() or file.read_bytes() != content:
                file.write_bytes(content)
                state = "written"
            sys.stdout.write(f"{state}: {path}\n")


if __name__ == "__main__":
    main()

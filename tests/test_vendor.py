"""Checked-in files of other projects are those of their packages."""

import hashlib
import io
import tarfile
from typing import Any

import pytest
import vendor

PACKAGES = {package["name"]: package for package in vendor.packages()}


@pytest.mark.parametrize("name", PACKAGES)
def test_e25_a_vendored_file_has_its_hash(name: str) -> None:
    for file in PACKAGES[name]["file"]:
        content = (vendor.ROOT / file["path"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file["sha256"]


def packed(content: bytes) -> tuple[dict[str, Any], bytes]:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as opened:
        entry = tarfile.TarInfo("package/a.js")
        entry.size = len(content)
        opened.addfile(entry, io.BytesIO(content))
    package = {
        "name": "a",
        "version": "1",
        "integrity": "sha512-",
        "file": [{"source": "a.js", "path": "b.js", "sha256": hashlib.sha256(b"1").hexdigest()}],
    }
    with pytest.raises(vendor.WrongHashError) as raised:
        vendor.extract(package, archive.getvalue())
    package["integrity"] = str(raised.value).rpartition(" ")[2]
    return package, archive.getvalue()


def test_e25_only_a_package_with_the_known_hashes_is_written() -> None:
    package, archive = packed(b"1")
    assert vendor.extract(package, archive) == {"b.js": b"1"}
    with pytest.raises(vendor.WrongHashError, match="a 1: sha512-"):
        vendor.extract(package, archive + b"0")
    package, archive = packed(b"2")
    with pytest.raises(vendor.WrongHashError, match=r"a\.js of a"):
        vendor.extract(package, archive)

"""Links to manifests on a forge."""

import pytest

from reconciler.core.resources import Origin
from reconciler.core.source_revision import SourceRevision
from reconciler.source.forge_links import file_link
from reconciler.source.git_url import parse_address

REVISION = SourceRevision("0" * 40, "s", "a")


@pytest.mark.parametrize(
    ("address", "link"),
    [
        ("git+https://github.com/acme/mesh.git", "https://github.com/acme/mesh/blob/"),
        ("git+ssh://git@github.com/acme/mesh", "https://github.com/acme/mesh/blob/"),
        (
            "git+https://gitlab.example.com:8443/a/b/c",
            "https://gitlab.example.com:8443/a/b/c/-/blob/",
        ),
        ("git+ssh://git@gitlab.com:2222/a/b.git?path=prod", "https://gitlab.com/a/b/-/blob/"),
    ],
)
def test_a_line_of_a_manifest_has_a_link(address: str, link: str) -> None:
    origin = Origin("prod/a b#.yaml", 14, 3)
    expected = f"{link}{'0' * 40}/prod/a%20b%23.yaml#L14"
    assert file_link(parse_address(address), REVISION, origin) == expected


@pytest.mark.parametrize(
    "address", ["git+https://code.example/acme/mesh.git", "git+file:///srv/github/mesh.git"]
)
def test_an_unknown_forge_has_no_link(address: str) -> None:
    assert file_link(parse_address(address), REVISION, Origin("a.yaml", 1, 1)) is None

"""The files of the pages: complete, small, and loaded from nowhere else."""

import re
from collections.abc import Callable, Mapping

import pytest

from reconciler import pages

PAGES = {
    "daemon": pages.daemon_page,
    "fleet": pages.fleet_page,
    "endpoint": pages.endpoint_page,
}
MAX_BYTES = 200_000


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_small(name: str, record_property: Callable[[str, object], None]) -> None:
    size = sum(len(asset.text.encode()) for asset in PAGES[name]().values())
    record_property("figure", f"page of the {name}: {size / 1000:.0f} KB")
    assert size < MAX_BYTES


@pytest.mark.parametrize("name", PAGES)
def test_e14_a_page_loads_only_its_own_files(name: str) -> None:
    files = PAGES[name]()
    for file, asset in files.items():
        own = file != "dagre.js"
        used = re.findall(r"""(?:from |Worker\(|src=|href=)"(?:\./)?([\w./:-]+)\"""", asset.text)
        assert not own or set(used) - {"status", "resources"} <= set(files), file
        assert "$mesh" not in asset.text, file
        # The namespace of SVG is a name and not an address.
        assert "http" not in asset.text.replace("http://www.w3.org/2000/svg", "") or not own, file
        assert not re.search(
            r"\beval\(|new Function|innerHTML|outerHTML =|insertAdjacent", asset.text
        )


@pytest.mark.parametrize("name", PAGES)
def test_each_file_is_used(name: str) -> None:
    files: Mapping[str, pages.Asset] = PAGES[name]()
    texts = " ".join(asset.text for asset in files.values())
    for file in files:
        assert not file or f'{file}"' in texts

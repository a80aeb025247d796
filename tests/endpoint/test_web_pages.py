"""A page of another origin, in a real browser: whatever it sends, it writes nothing."""

import json
from pathlib import Path

import pytest
import urllib3
from servers import Answer, scripted
from web.browser import Tab, running_browser

from reconciler.endpoint import LocalEndpoint

ATTACKER = Path(__file__).with_name("attacker.js").read_text("utf-8")


def attacker(request: str, body: bytes) -> Answer:
    del body
    if request.startswith("GET /attacker.js"):
        return Answer(200, ATTACKER.encode(), {"content-type": "text/javascript"})
    page = '<!doctype html><body><script src="attacker.js"></script>'
    return Answer(200, page.encode(), {"content-type": "text/html"})


@pytest.mark.browser
@pytest.mark.timeout(200)
def test_no_page_of_another_origin_writes(tmp_path: Path) -> None:
    with LocalEndpoint(None) as endpoint, scripted(attacker) as page:
        meshes = f"{endpoint.url}/v20190125/meshes"
        # What the page sends is valid: a client without a browser may send it.
        kept = urllib3.request("PUT", meshes, body=b'{"meshName": "kept"}')
        assert kept.status == 200
        with running_browser(tmp_path) as browser:
            tab = Tab(browser)
            tab.open(f"{page.url}/page?target={endpoint.url}")
            results = dict(json.loads(tab.wait("document.querySelector('pre').textContent")))
        sent = {name for name, result in results.items() if result == "sent"}
        # These arrive at the endpoint, so its own guards are tested too.
        assert {"no-cors POST text/plain", "no-cors POST without type"} <= sent
        assert {"form post text/plain", "form put multipart/form-data"} <= sent
        assert set(results.values()) == {"sent", "blocked"}, results
        assert not any(name.startswith("cors ") for name in sent)
        assert not any(" PUT " in name or " DELETE " in name for name in sent)
        live = urllib3.request("GET", meshes).json()["meshes"]
        assert [mesh["meshName"] for mesh in live] == ["kept"]
        faults = urllib3.request("GET", f"{endpoint.url}/_endpoint/faults").json()["faults"]
        assert faults == []
        calls = urllib3.request("GET", f"{endpoint.url}/_endpoint/calls").json()["calls"]
        assert set(calls) == {"CreateMesh", "ListMeshes"}
        assert calls["CreateMesh"] == 1

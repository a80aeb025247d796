"""The page of the endpoint in a real browser: live resources, calls, faults and Envoys."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
from access_keys import ACCOUNT, ADMIN, SECRET, TOKEN, WRITER, write_keys
from web.browser import SCREENSHOTS, Browser, Tab
from web.samples import HOSTILE
from web.test_page import go, texts, violations

from reconciler.endpoint import LocalEndpoint
from reconciler.serving.documents import Document
from reconciler.wiring.endpoint_page import mount_page

pytestmark = [pytest.mark.browser, pytest.mark.unmeasured]

CART = "virtual-node/shop/cart"


def proxy(key: str, error: str | None) -> dict[str, Any]:
    """Return the status of a proxy, as the server of Envoys has it."""
    types = {"clusters": {"sent": 2, "acked": 2, "rejected": None, "error": error}}
    loss = {"grade": "dropped", "key": key, "path": "/spec/logging", "words": HOSTILE}
    return {
        "key": key, "client": "10.0.0.7:51234", "exists": True, "connected_seconds": 90.0,
        "revision": 2, "is_behind": False, "behind_seconds": None, "types": types, "losses": [loss],
    }  # fmt: skip


@pytest.fixture
def endpoint() -> Iterator[LocalEndpoint]:
    with LocalEndpoint(None) as serving:
        mount_page(serving)
        keys = {"aws_access_key_id": "123456789012", "aws_secret_access_key": "any"}
        client = boto3.client("appmesh", "eu-west-1", endpoint_url=serving.url, **keys)
        client.create_mesh(meshName="shop", tags=[{"key": "team", "value": HOSTILE}])
        backend = {"virtualService": {"virtualServiceName": "missing.local"}}
        client.create_virtual_node(
            meshName="shop", virtualNodeName="cart", spec={"backends": [backend]}
        )
        fault = {"operation": "Describe*", "name": HOSTILE, "fault": "delay", "seconds": 2}
        urllib3.request("PUT", f"{serving.url}/_endpoint/faults", json={"faults": [fault]})
        yield serving


@pytest.fixture
def blank(browser: Browser) -> Iterator[Tab]:
    opened = Tab(browser)
    yield opened
    opened.close()


@pytest.fixture
def tab(endpoint: LocalEndpoint, blank: Tab) -> Tab:
    blank.open(f"{endpoint.url}/_endpoint/#resources")
    return blank


def test_it_shows_what_the_endpoint_holds(endpoint: LocalEndpoint, tab: Tab) -> None:
    go(tab, "resources")
    tab.wait("document.querySelectorAll('#rows [data-key]').length === 2")
    assert texts(tab, "#rows .name") == ["shop", "cart"]
    assert "account123456789012" in texts(tab, "#facts")[0]
    assert tab.evaluate("document.getElementById('tab-envoys').hidden")
    go(tab, "mesh")
    tab.wait("document.querySelectorAll('.node').length === 2")
    assert texts(tab, ".node .kind") == ["virtual-node", "virtual-service \u00b7 missing"]
    go(tab, f"mesh/{CART.replace('/', '%2F')}")
    tab.wait("document.querySelector('.yaml') !== null")
    assert "virtualServiceName: missing.local" in texts(tab, ".yaml")[0]
    go(tab, "mesh/mesh%2Fshop")
    tab.wait("document.querySelector('#drawer .plain td') !== null")
    assert texts(tab, "#drawer .plain td") == [HOSTILE]
    tab.evaluate("location.hash = 'calls'")
    tab.wait("document.querySelectorAll('#calls tr').length === 2")
    assert texts(tab, "#calls tr") == ["CreateMesh1", "CreateVirtualNode1"]
    tab.evaluate("location.hash = 'faults'")
    tab.wait("document.querySelectorAll('#faults tr').length === 1")
    assert texts(tab, "#faults tr") == [f"delayDescribe*{HOSTILE}seconds 2"]
    assert tab.evaluate("document.querySelectorAll('img, iframe, body script').length") == 0
    # A write shows within a few seconds, without a reload.
    urllib3.request("DELETE", f"{endpoint.url}/_endpoint/state")
    tab.evaluate("location.hash = 'resources'")
    tab.wait("!document.getElementById('none').hidden")
    assert tab.problems() == []


def test_it_shows_connected_envoys(endpoint: LocalEndpoint, tab: Tab) -> None:
    scope = {
        "account": "123456789012", "region": "eu-west-1", "revision": 2, "held_meshes": [],
        "proxies": [proxy(CART, None), proxy(CART, f"invalid {HOSTILE}")],
        "without_proxy": ["virtual-node/shop/other"],
    }  # fmt: skip
    endpoint.documents["/_endpoint/proxies"] = lambda: Document(json.dumps([scope]))
    tab.evaluate("location.hash = 'envoys'; location.reload()")
    tab.wait("document.querySelectorAll('#envoys tr').length === 2")
    assert texts(tab, "#envoys .state") == ["\u2713current", "\u2715rejected"]
    assert texts(tab, "#envoys .bad") == ["\u2715rejected", f"clusters: invalid {HOSTILE}"]
    assert texts(tab, "#envoy-note") == [
        "2 Envoys connected; without a proxy: virtual-node/shop/other"
    ]
    tab.click("#envoys .link")
    tab.wait("document.querySelector('.yaml') !== null")
    assert tab.problems() == []


def sign_in(tab: Tab, key_id: str, secret: str, token: str = "") -> None:
    for name, text in (("key-id", key_id), ("secret", secret), ("session-token", token)):
        tab.fill(f"#{name}", text)
    tab.click("#use-key")


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[str]:
    """Yield the address of the page of an endpoint with access keys."""
    keys = write_keys(tmp_path / "keys.toml")
    with keys.open("a") as file:
        file.write(f'[ASIAADMIN]\nsecret = "{SECRET}"\naccount = "{ACCOUNT}"\n')
        file.write(f'allow = ["admin"]\nsession_token = "{TOKEN}"\n')
    with LocalEndpoint(None, credentials=keys) as serving:
        mount_page(serving)
        client = boto3.client("appmesh", "eu-west-1", endpoint_url=serving.url,
                              aws_access_key_id=WRITER, aws_secret_access_key=SECRET)  # fmt: skip
        client.create_mesh(meshName="shop")
        serving.documents["/_endpoint/proxies"] = lambda: Document("[]")
        yield f"{serving.url}/_endpoint/#resources"


def test_it_signs_with_an_access_key(locked: str, blank: Tab) -> None:
    blank.open(locked, width=500)
    blank.wait("!document.getElementById('sign-in').hidden")
    assert texts(blank, "#health") == ["!locked"]
    assert "enter an access key" in texts(blank, "#notices")[0]
    assert violations(blank) == []
    assert blank.evaluate("document.documentElement.scrollWidth") <= 500
    blank.screenshot(SCREENSHOTS / "endpoint-locked-500.png")
    sign_in(blank, "", SECRET)
    assert texts(blank, "#sign-in-note") == ["Enter an access key id and its secret."]
    for key_id, secret, refusal in (
        ("AKIDNONE", SECRET, "The security token included in the request is invalid."),
        (ADMIN, "another" * 5, "signature we calculated does not match"),
        (WRITER, SECRET, "is not authorized to perform: endpoint:GET"),
        ("ASIAADMIN", SECRET, "The security token included in the request is invalid."),
    ):
        sign_in(blank, key_id, secret)
        blank.wait(f"document.getElementById('notices').textContent.includes('{refusal}')")
        assert texts(blank, "#rows .name") == []
    assert blank.evaluate("document.getElementById('tab-envoys').hidden")
    for key_id, token in ((ADMIN, ""), ("ASIAADMIN", TOKEN)):
        blank.call("Page.reload")
        blank.wait("!document.getElementById('sign-in').hidden")
        sign_in(blank, key_id, SECRET, token)
        blank.wait("document.querySelectorAll('#rows [data-key]').length === 1")
        assert texts(blank, "#health") == ["\u2713live"]
        assert blank.evaluate("document.getElementById('sign-in').hidden")
        assert not blank.evaluate("document.getElementById('tab-envoys').hidden")
        # The secret is nowhere in the page or in the storage of the browser.
        assert blank.evaluate("document.getElementById('secret').value") == ""
        assert blank.evaluate("localStorage.length + sessionStorage.length") == 0
        assert blank.evaluate("document.cookie") == ""
    assert blank.problems() == []


def test_without_tls_it_says_why_it_cannot_sign(locked: str, blank: Tab) -> None:
    # As a browser does on a page over plain HTTP from another machine.
    source = "Object.defineProperty(crypto, 'subtle', {value: undefined})"
    blank.call("Page.addScriptToEvaluateOnNewDocument", source=source)
    blank.open(locked)
    blank.wait("document.getElementById('notices').textContent.includes('only over TLS')")
    assert blank.evaluate("document.getElementById('sign-in').hidden")
    assert blank.problems() == []


@pytest.mark.sample(1)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [500, 1400])
def test_axe_finds_nothing_in_any_tab(
    endpoint: LocalEndpoint, tab: Tab, width: int, *, dark: bool
) -> None:
    endpoint.documents["/_endpoint/proxies"] = lambda: Document(
        json.dumps([{"revision": 2, "proxies": [proxy(CART, "invalid")], "without_proxy": []}])
    )
    tab.open(f"{endpoint.url}/_endpoint/?{width}{dark}#mesh", width=width, dark=dark)
    rows = {"calls": "#calls tr", "faults": "#faults tr", "envoys": "#envoys tr"}
    for at in ("mesh", "resources", *rows, "resources/mesh%2Fshop"):
        tab.wait("document.getElementById('health').textContent !== 'connecting'")
        tab.evaluate(f"location.hash = '{at}'")
        ready = rows.get(at, "#rows [data-key], .node, #drawer .plain")
        tab.wait(f"document.querySelector('{ready}') !== null")
        tab.wait(f"!document.getElementById('panel-{at.partition('/')[0]}').hidden")
        assert violations(tab) == [], at
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, at
        name = "drawer" if "/" in at else at
        tab.screenshot(SCREENSHOTS / f"endpoint-{name}-{width}{'-dark' if dark else ''}.png")

"""The table of the Envoys of an endpoint."""

from typing import Any

from reconciler.render.proxy_table import render_proxies
from reconciler.render.terminal import Layout

PART = {"sent": "1", "acked": "1", "rejected": None, "error": None}


def proxy(**changes: Any) -> dict[str, Any]:
    return {
        "node": "mesh/m/virtualNode/a",
        "key": "virtual-node/m/a",
        "exists": True,
        "client": "envoy 1.40.0",
        "connected_seconds": 61.0,
        "revision": 7,
        "behind_seconds": None,
        "is_behind": False,
        "types": {"clusters": PART},
        "losses": [],
        **changes,
    }


def table(*proxies: dict[str, Any], **changes: Any) -> str:
    scope = {
        "account": "000000000000",
        "region": "us-east-1",
        "revision": 7,
        "is_current": True,
        "held_meshes": [],
        "instances_error": None,
        "without_proxy": [],
        "proxies": list(proxies),
        **changes,
    }
    return render_proxies([scope], Layout(color=False))


def test_without_envoys_it_is_one_line() -> None:
    assert render_proxies([], Layout(color=False)) == "No Envoy has connected.\n"


def test_a_scope_without_proxies_has_no_table() -> None:
    text = table(without_proxy=["virtual-node/m/b"])
    assert "no Envoy is connected\n" in text
    assert "1 resource without a proxy" in text
    assert "client" not in text


def test_each_proxy_has_its_state() -> None:
    lines = table(
        proxy(),
        proxy(exists=False),
        proxy(is_behind=True),
        proxy(is_behind=True, behind_seconds=3.0),
        proxy(types={"routes": {**PART, "error": "no such cluster\x1b[2J"}}),
    ).splitlines()
    assert lines[0] == "account 000000000000, region us-east-1, revision 7"
    assert [line.split("7  ")[1].strip() for line in lines[2:7]] == [
        "in sync",
        "its resource does not exist",
        "behind",
        "behind for 3 s",
        "rejected",
    ]
    assert lines[7].startswith("! virtual-node/m/a rejected its routes: no such cluster")
    assert "\x1b" not in lines[7]


def test_the_problems_of_a_scope_are_shown() -> None:
    loss = {"key": "route/m/r/x", "path": ".spec", "grade": "refuse", "words": "no"}
    text = table(
        proxy(losses=[loss, {**loss, "grade": "info", "words": "hidden"}]),
        is_current=False,
        held_meshes=[{"mesh": "m", "owner": None, "reason": "KeyError: 1"}],
        without_proxy=["virtual-node/m/b"],
        instances_error="i.yaml: no \x1b such file",
    )
    assert "! the state cannot be read, proxies keep their configuration\n" in text
    assert "! mesh m stays at an older revision: KeyError: 1\n" in text
    assert "refuse: route/m/r/x .spec: no\n" in text
    assert "hidden" not in text
    assert "! the instances cannot be read, the last ones are kept: i.yaml: no \\x1b such" in text
    assert "1 resource without a proxy: virtual-node/m/b\n" in text

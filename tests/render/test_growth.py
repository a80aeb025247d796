"""A plan is made and shown in time that is in proportion to what is in it."""

from collections.abc import Callable

import pytest
from builders import SYNC, desired, listening, plan, present
from growth import assert_linear, repeated

from reconciler.core.exit_codes import ExitCode
from reconciler.core.resources import Desired, LiveResource, Spec
from reconciler.render import json_output, markdown, text

pytestmark = pytest.mark.slow

NODE = "virtual-node/m/n"
Items = list[Desired | LiveResource]


def host(name: str) -> Spec:
    return {"serviceDiscovery": {"dns": {"hostname": name}}}


def backends(prefix: str, size: int) -> Spec:
    count = size // 60
    return {
        "backends": [
            {"virtualService": {"virtualServiceName": f"{prefix}{it}"}} for it in range(count)
        ]
    }


LONG: dict[str, Callable[[int], Items]] = {
    "a long text": lambda size: [desired(NODE, host(repeated("a", size)))],
    "wide characters": lambda size: [desired(NODE, host(repeated("界", size // 3)))],
    "ticks": lambda size: [desired(NODE, host(repeated("`", size)))],
    "words": lambda size: [desired(NODE, host(repeated("a ", size)))],
    "a text that changes": lambda size: [
        desired(NODE, host(repeated("a", size // 2))),
        present(NODE, host(repeated("b", size // 2))),
    ],
}
MANY: dict[str, Callable[[int], Items]] = {
    "characters that are not seen": lambda size: [desired(NODE, host("\u00ad" * (size // 2)))],
    "items that change": lambda size: [
        desired(NODE, backends("a", size // 2)),
        present(NODE, backends("b", size // 2)),
    ],
    "items that move": lambda size: [
        desired(NODE, listening(*range(2, size // 100))),
        present(NODE, listening(*range(1, size // 100))),
    ],
    "resources": lambda size: [desired(f"mesh-{number}") for number in range(size // 100)],
}


def show(items: Items) -> None:
    shown = plan(desired("m"), present("m"), *items, guards=SYNC)
    assert len(shown.changes) >= 1
    text.render_plan(shown, color=True, width=80)
    text.render_plan(shown, color=False)
    markdown.render_plan(shown)
    json_output.render_plan(shown, ExitCode.OK)


@pytest.mark.parametrize("items", LONG.values(), ids=LONG)
def test_no_text_in_a_plan_takes_long(items: Callable[[int], Items]) -> None:
    assert_linear(show, items)


@pytest.mark.parametrize("items", MANY.values(), ids=MANY)
def test_a_plan_takes_as_long_as_it_has_fields(items: Callable[[int], Items]) -> None:
    assert_linear(show, items, max_seconds=3)

"""Random meshes from the API description: every spec that it allows can occur."""

from functools import cache
from typing import Any

from hypothesis import strategies as st

from reconciler.api import Boolean, ListOf, Number, Shape, Structure, Text, load
from reconciler.core.kinds import KINDS
from reconciler.core.resources import Key
from reconciler.envoy.snapshot import Instance, Instances, Snapshot

_NODES = ("a", "b", "c")
_SERVICES = ("s.local", "S.local", "t.local", "no host")
# Names of a few resources, so that most references lead somewhere.
_POOLS = {
    "virtualNode": _NODES,
    "virtualNodeName": _NODES,
    "virtualRouterName": ("r", "q"),
    "virtualServiceName": (*_SERVICES, "absent"),
}
_PORTS = (80, 81, 443, 15001)
_KEYS = (
    Key("mesh", ("m",)),
    *(Key("virtual-node", ("m", name)) for name in _NODES[:2]),
    *(Key("virtual-router", ("m", name)) for name in "rq"),
    *(Key("route", ("m", "r", name)) for name in "xyz"),
    *(Key("virtual-service", ("m", name)) for name in _SERVICES),
    Key("virtual-gateway", ("m", "g")),
    *(Key("gateway-route", ("m", "g", name)) for name in "xyz"),
)
_INSTANCES: Instances = {("one", "one"): (Instance("10.0.0.1", "fd00::1", {"one": "one"}),)}
_TEXTS = st.one_of(
    st.sampled_from(
        ["one", "/one", "/one/", "a.b", "*.a", "[a-z]+(x|y)*", "%PROTOCOL%", "%NO%", "/"]
    ),
    st.text(max_size=12),
    st.text("(){}[]?*+|\\.^$-:,=!<>Pdwsbx0129aA%/", max_size=12),
)


@st.composite
def random_snapshots(draw: st.DrawFn) -> Snapshot:
    """Return a mesh of random specs."""
    shapes = load().shapes
    rows = [(key, draw(specs(shapes[f"{KINDS[key.kind].title}Spec"], ""))) for key in _KEYS]
    return Snapshot.from_rows(rows, _INSTANCES)


@cache
def specs(shape: Shape, name: str) -> st.SearchStrategy[Any]:
    """Return the values of a shape, which is the member ``name`` of another."""
    match shape:
        case Structure(union=True):
            members = [(it, specs(member.shape, it)) for it, member in shape.members.items()]
            return st.one_of([st.fixed_dictionaries({it: field}) for it, field in members])
        case Structure():
            fields = {it: specs(member.shape, it) for it, member in shape.members.items()}
            required = {it for it, member in shape.members.items() if member.required}
            return st.fixed_dictionaries(
                {it: field for it, field in fields.items() if it in required},
                optional={it: field for it, field in fields.items() if it not in required},
            )
        case ListOf(item=item, min_items=least):
            return st.lists(specs(item, name), min_size=least or 0, max_size=max(least or 0, 2))
        case Boolean():
            return st.booleans()
    return _scalars(shape, name)


def _scalars(shape: Shape, name: str) -> st.SearchStrategy[Any]:
    if isinstance(shape, Number):
        if name in ("port", "ports"):
            return st.sampled_from(_PORTS)
        least, most = shape.minimum or 0, (2**63 - 1 if shape.maximum is None else shape.maximum)
        return st.one_of(st.integers(least, min(most, least + 20)), st.integers(least, most))
    assert isinstance(shape, Text)
    if shape.values or name in _POOLS:
        return st.sampled_from(shape.values or _POOLS[name])
    least, most = shape.min_length or 0, shape.max_length or 12
    return _TEXTS.filter(lambda text: least <= len(text) <= most)

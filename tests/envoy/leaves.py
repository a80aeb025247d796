"""The leaf fields of all specs in the API description, and specs that contain one of them."""

from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.api import Boolean, ListOf, Number, Shape, Structure, Text, load
from reconciler.core.kinds import KINDS

Leaf = tuple[str, ...]
"""The kind and the names of the members down to a leaf; ``*`` is an item of a list."""

# Two values of a text that are valid in its field; all other texts are "one" and "two".
_SAMPLES = {
    "hostname": ("b.local", "c.local"),
    "secretName": ("one", "two"),
    "regex": ("a+", "b+"),
    "virtualServiceName": ("s.local", "t.local"),
    "virtualNode": ("b", "c"),
    "virtualNodeName": ("b", "c"),
    "virtualRouterName": ("r", "q"),
    "httpRetryEvents": ("server-error", "gateway-error"),
    "prefix": ("/one", "/two"),
    "path": ("/one", "/two"),
    "certificateArn": ("arn:aws:acm:1", "arn:aws:acm:2"),
    "suffix": (".one", ".two"),
}


def shape_of(kind: str) -> Shape:
    return load().shapes[f"{KINDS[kind].title}Spec"]


def all_leaves() -> list[Leaf]:
    return [(kind, *path) for kind in KINDS for path in _leaves(shape_of(kind))]


def _leaves(shape: Shape) -> Iterator[Leaf]:
    match shape:
        case Structure():
            for name, member in shape.members.items():
                for path in _leaves(member.shape):
                    yield name, *path
        case ListOf():
            for path in _leaves(shape.item):
                yield "*", *path
        case _:
            yield ()


def samples(leaf: Leaf) -> tuple[Any, Any]:
    """Return two values of a leaf."""
    if leaf[-2:] == ("portMapping", "protocol"):
        return ("http", "tcp") if leaf[0] == "virtual-router" else ("http", "http2")
    shape = shape_of(leaf[0])
    for step in leaf[1:]:
        shape = child(shape, step)
    match shape:
        case Boolean():
            return True, False
        case Number() if leaf[-1] == "port" or leaf[-2] == "ports":
            return 80, 81
        case Number(minimum=minimum):
            return (minimum or 0) + 1, (minimum or 0) + 2
        case Text(values=(first, *others)):
            return first, (others or [first])[0]
    name = next(step for step in reversed(leaf) if step != "*")
    return _SAMPLES.get(name, ("one", "two"))


def with_value(kind: str, spec: dict[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    """Return ``spec`` with ``value`` at ``path``, and with everything that it then requires."""
    found: dict[str, Any] = _with_value(shape_of(kind), spec, path, value)
    return found


def _with_value(shape: Shape, base: Any, path: Sequence[str], value: Any) -> Any:
    if not path:
        return value
    step, *rest = path
    inner = child(shape, step)
    if step == "*":
        first, *others = base or [_filled(inner)]
        return [_with_value(inner, first, rest, value), *others]
    assert isinstance(shape, Structure)
    base = base or ({} if shape.name != "Duration" else _filled(shape))
    if shape.union:
        base = {step: base[step]} if step in base else {}
    required = {
        name: _filled(member.shape)
        for name, member in shape.members.items()
        if member.required and name not in base
    }
    return {**required, **base, step: _with_value(inner, base.get(step), rest, value)}


def child(shape: Shape, step: str) -> Shape:
    """Return the shape of a member, or that of the items of a list."""
    if step == "*":
        assert isinstance(shape, ListOf)
        return shape.item
    assert isinstance(shape, Structure)
    return shape.members[step].shape


def _filled(shape: Shape) -> Any:
    """Return the smallest useful value of a shape."""
    match shape:
        case Structure():
            members = shape.members.items()
            if shape.union:
                name = "file" if "file" in shape.members else min(shape.members)
                return {name: _filled(shape.members[name].shape)}
            if shape.name == "Duration":
                return {"unit": "s", "value": 5}
            return {name: _filled(member.shape) for name, member in members if member.required}
        case ListOf():
            return [_filled(shape.item)]
        case Number(minimum=minimum):
            return (minimum or 0) + 1
    assert isinstance(shape, Text)
    return (*shape.values, "one")[0]

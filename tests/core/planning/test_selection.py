"""Patterns select keys, and lists that may hold one of them."""

from builders import key
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.planning.selection import EVERYTHING, Selection
from reconciler.core.resources import Key, Unlisted

NODES = Unlisted("virtual-node", key("m"), "403")
SHARED = Unlisted("route", Key("virtual-router", ("m", "r"), "111122223333"), "403")
NAMES = st.text("ab*?[]!-", max_size=4)
PATTERNS = st.builds("".join, st.lists(st.sampled_from([*"ab*?[]!-/", "virtual-node/m/"])))


def test_a_list_is_named_by_the_pattern_that_matches_all_in_it() -> None:
    assert str(NODES) == "virtual-node/m/*"
    assert str(SHARED) == "route/m@111122223333/r/*"


def test_a_key_is_selected_by_each_group_and_excluded_by_any_pattern() -> None:
    selection = Selection((["mesh/*", "virtual-node/m/a"], ["*/m*"]), ["mesh/mine"])
    chosen = [
        text for text in ("m", "other", "mine", "virtual-node/m/a") if selection.has(key(text))
    ]
    assert chosen == ["m", "virtual-node/m/a"]
    assert Selection(((), ())).has(key("m"))
    assert EVERYTHING.has(key("m"))
    assert EVERYTHING.may_have(NODES)


@given(NAMES, PATTERNS)
def test_no_list_that_holds_a_selected_key_is_left_out(name: str, pattern: str) -> None:
    inside = Key("virtual-node", ("m", name))
    for selection in (Selection(([pattern],)), Selection(excluded=[pattern])):
        if selection.has(inside):
            assert selection.may_have(NODES)


def test_a_list_that_can_hold_no_selected_key_is_left_out() -> None:
    for pattern in ("mesh/m", "virtual-node/other/*", "virtual-nodes/*", "virtual-node/m"):
        assert Selection(([pattern],)).may_have(NODES) is (pattern == "virtual-node/m")
    assert not Selection(excluded=["virtual-node/*"]).may_have(NODES)
    assert Selection(excluded=["virtual-node/m/?"]).may_have(NODES)
    assert not Selection((["virtual-node/m/*"],), ["*"]).may_have(NODES)

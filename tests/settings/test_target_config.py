"""Which target counts, among flags, variables, the file and the AWS environment."""

from typing import Any

import pytest

from reconciler.core.errors import UsageError
from reconciler.settings.config_file import TARGET_FIELDS, ConfigFile
from reconciler.settings.target_config import (
    OptionValues,
    SourceConfig,
    TargetConfig,
    choose_target,
    namespace_of,
    source_of,
)

STAGING = {
    "endpoint_url": "http://staging",
    "owner": "table",
    "account": "123456789012",
    "source": "here",
}
TARGETS = {"staging": STAGING, "plain": {}, "local": {"policy": "sync"}}


def choose(
    *,
    flags: dict[str, str] | None = None,
    variables: dict[str, str] | None = None,
    top: dict[str, str] | None = None,
    configured: str | None = None,
) -> TargetConfig:
    """Return the choice; ``top`` is what the file says outside of tables."""
    file = ConfigFile(common=top or {}, targets=TARGETS)
    return choose_target(said(flags, variables, top), file, lambda _: configured)


def said(
    flags: dict[str, Any] | None, variables: dict[str, Any] | None, top: dict[str, Any] | None
) -> OptionValues:
    flags, variables = flags or {}, variables or {}
    values: dict[str, Any] = dict.fromkeys((*TARGET_FIELDS, "target"))
    values |= {"policy": "upsert-only", **(top or {}), **variables, **flags}
    return OptionValues(values, frozenset(flags), frozenset(variables))


URL = {"endpoint_url": "http://u", "owner": "o"}
LOCAL = {"target": "local"}
ORDER = {
    "a URL by flag counts first": ({"flags": {**URL, **LOCAL}}, "http://u"),
    "a name by flag counts before a URL by variable": ({"flags": LOCAL, "variables": URL}, "local"),
    "a name by flag counts before a URL in the file": ({"flags": LOCAL, "top": URL}, "local"),
    "a URL by variable counts before a name in the file": (
        {"variables": URL, "top": LOCAL},
        "http://u",
    ),
    "a name by variable counts before a URL in the file": (
        {"variables": LOCAL, "top": URL},
        "local",
    ),
    "a URL in the file counts before a name there": ({"top": {**URL, **LOCAL}}, "http://u"),
    "the AWS environment comes last": (
        {"flags": {"owner": "o"}, "configured": "http://env"},
        "http://env",
    ),
    "and only where nothing else is said": (
        {"top": LOCAL, "configured": "http://env"},
        "local",
    ),
}


@pytest.mark.parametrize(("given", "name"), ORDER.values(), ids=ORDER)
def test_the_order_in_which_a_target_is_named(given: dict[str, Any], name: str) -> None:
    assert choose(**given).name == name


@pytest.mark.parametrize("level", ["flags", "variables", "top"])
def test_the_local_target_never_goes_to_a_url(level: str) -> None:
    given: dict[str, Any] = {"flags": {**LOCAL}}
    if level != "flags":
        given[level] = {"endpoint_url": "http://elsewhere"}
    choice = choose(**given)
    assert (choice.url, choice.owner, choice.policy) == (None, "mesh-reconciler", "sync")


def test_a_table_is_laid_under_flags_and_variables_and_over_the_top() -> None:
    by_table = choose(top={"target": "staging", "owner": "top"})
    assert (by_table.url, by_table.owner, by_table.account) == (
        "http://staging",
        "table",
        "123456789012",
    )
    assert choose(flags={"target": "staging", "owner": "flag"}).owner == "flag"
    assert choose(flags={"target": "plain"}, top={"owner": "top"}).owner == "top"


def test_the_namespace_of_a_table_is_laid_under_a_flag() -> None:
    file = ConfigFile(targets={"staging": {"namespace": "table"}})
    target = {"target": "staging"}
    assert namespace_of(said(target, None, {"namespace": "top"}), file) == "table"
    assert namespace_of(said({**target, "namespace": "flag"}, None, None), file) == "flag"
    assert namespace_of(said(None, None, {"namespace": "top"}), file) == "top"
    assert namespace_of(said(None, None, None), file) == ""


def test_nothing_of_a_table_counts_with_a_url() -> None:
    choice = choose(flags=URL, top={"target": "staging"})
    assert (choice.account, choice.source, choice.owner) == (None, SourceConfig(), "o")


@pytest.mark.parametrize(
    "url",
    ["http://u:p@h", "http://h?token=p", "http://h#p", "ftp://h", "h", "http://", "http://[::1"],
)
def test_a_strange_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        choose(flags={"endpoint_url": url, "owner": "o"})
    assert "p@h" not in str(refused.value)
    assert "token" not in str(refused.value)


def test_no_target_and_no_owner_are_refused() -> None:
    with pytest.raises(UsageError, match="no target given"):
        choose()
    with pytest.raises(UsageError, match="no owner"):
        choose(flags={"endpoint_url": "http://u"})
    with pytest.raises(UsageError, match='unknown target "x"'):
        choose(flags={"target": "x"})


def test_the_source_is_that_of_the_named_target() -> None:
    file = ConfigFile(targets=TARGETS)
    assert source_of(said({"target": "staging"}, None, None), file) == SourceConfig("here")
    assert source_of(said(None, None, None), file) == SourceConfig()


@pytest.mark.parametrize("field", ["region", "profile"])
def test_an_empty_value_is_left_to_the_sdk(field: str) -> None:
    assert getattr(choose(flags={**URL, field: ""}), field) is None


def test_the_lag_of_the_index_is_that_of_the_flag_the_table_or_the_top() -> None:
    table = {**STAGING, "tag_index_lag": 0.5}

    def lag(name: str, flags: dict[str, Any]) -> float:
        file = ConfigFile(common={"tag_index_lag": 60}, targets={"staging": table, "plain": {}})
        values = said({"target": name, "owner": "o", **flags}, None, {"tag_index_lag": 60})
        return choose_target(values, file, lambda _: None).tag_index_lag

    assert lag("staging", {}) == 0.5
    assert lag("staging", {"tag_index_lag": 0}) == 0
    assert lag("plain", {}) == 60
    assert choose(flags=URL).tag_index_lag == 0

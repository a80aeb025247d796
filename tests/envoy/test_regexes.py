"""Regular expressions: what our check lets pass, Envoy accepts; what it refuses, Envoy rejects."""

import pytest
from envoy.envoys import Envoy
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.envoy_syntax import regexes
from reconciler.envoy.bootstrap import RUNTIME
from reconciler.envoy.messages import Message

ACCEPTED = (
    *(
        "/a(/.*)?",
        "a|b|",
        "[a-z0-9_]+",
        "[^a-z]*?",
        "(?i)abc",
        "(?i:a)b",
        "(?P<n>a)(?P<n>b)",
        "(?:a|b)+?",
    ),
    *("a{2}", "a{2,}", "a{2,3}?", "a{,5}", "a{", "{", "}", r"\d\D\s\S\w\W", r"\bx\B\A\z"),
    *(r"\x41\x{41}\012\.", "[[:alpha:][:^digit:]x]", r"[\]\-a]", "[]a]", "[a-]", "[--/]", r"\pN"),
    *(r"[\d-z]", r"\p{^N}", "()", "^$", "x{0}", "é[à-ü]", "(|a)*", "(?-i)a", "^*"),
)
REFUSED = (
    *("(?=a)", "(?!a)", "(?<=a)", "(?>a)", "(?#a)", r"(a)\1", "a**", "a*+", "a{2}{3}", "*a"),
    *("a|*", "{2}", "(a", "a)", "[a", "[z-a]", r"[a-\d]", r"\Z", r"\8", "\\", "a{1001}", "a{3,2}"),
    *("[[:foo:]]", r"[\b]", "(a{100}){11}", "(((a{20}){10}){6})"),
)


def routes(*texts: str) -> Message:
    """Return a bootstrap with a route for each regular expression."""
    matches = [{"match": {"safe_regex": {"regex": text}}} for text in texts]
    messages = [{**match, "direct_response": {"status": 200}} for match in matches]
    table = {"name": "r", "virtual_hosts": [{"name": "v", "domains": ["*"], "routes": messages}]}
    router = "envoy.extensions.filters.http.router.v3.Router"
    manager = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    config = {
        "@type": f"type.googleapis.com/{manager}",
        "stat_prefix": "x",
        "route_config": table,
        "http_filters": [
            {"name": "router", "typed_config": {"@type": f"type.googleapis.com/{router}"}}
        ],
    }
    address = {"socket_address": {"address": "127.0.0.1", "port_value": 1}}
    chains = [{"filters": [{"name": "http", "typed_config": config}]}]
    return {
        "static_resources": {
            "listeners": [{"name": "l", "address": address, "filter_chains": chains}]
        },
        "layered_runtime": RUNTIME,
    }


@pytest.mark.parametrize("text", ACCEPTED)
def test_an_expression_of_re2_is_accepted(text: str) -> None:
    assert regexes.problem(text) is None


@pytest.mark.parametrize("text", REFUSED)
def test_another_expression_is_refused_with_a_reason(text: str) -> None:
    assert regexes.problem(text)


def test_the_class_of_all_letters_is_too_large_for_envoy_1_36() -> None:
    assert "instructions" in (regexes.problem(r"\pL") or "")


def test_too_many_groups_are_refused() -> None:
    assert "nested" in (regexes.problem("(" * 300 + ")" * 300) or "")


def test_flags_cannot_be_repeated() -> None:
    assert regexes.problem("(?i)*") == "flags cannot be repeated"


@pytest.mark.process
def test_envoy_accepts_those_that_pass(envoy: Envoy) -> None:
    found = {*ACCEPTED}

    @given(st.text("(){}[]?*+|\\.^$-:,=!<>Pdwsbxp0129aAzé", max_size=14))
    def collect(text: str) -> None:
        if text and regexes.problem(text) is None:
            found.add(text)

    collect()
    assert not envoy.rejection(routes(*sorted(found)))


@pytest.mark.process
@pytest.mark.sample(4)
@pytest.mark.parametrize("text", REFUSED)
def test_envoy_rejects_those_that_are_refused(text: str, newest_envoy: Envoy) -> None:
    assert newest_envoy.rejection(routes(text))

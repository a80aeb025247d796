"""The match of a route in one line."""

from typing import Any

import pytest

from reconciler.core.match_text import match_text


@pytest.mark.parametrize(
    ("field", "match", "text"),
    [
        ("httpRoute", {}, "/*"),
        ("httpRoute", {"prefix": "/"}, "/*"),
        ("httpRoute", {"prefix": "/pay", "port": 80}, "/pay*"),
        ("httpRoute", {"path": {"exact": "/pay"}, "method": "POST"}, "POST /pay"),
        ("http2Route", {"path": {"regex": "/v[12]/.*"}, "scheme": "https"}, "https ~/v[12]/.*"),
        ("http2Route", {"scheme": "http", "method": "GET", "prefix": "/"}, "GET http /*"),
        ("httpRoute", {"hostname": {"exact": "shop.example"}}, "shop.example/*"),
        ("httpRoute", {"hostname": {"suffix": ".example"}, "prefix": "/a"}, "*.example/a*"),
        ("httpRoute", {"hostname": {"suffix": "*.example"}, "prefix": "/a"}, "*.example/a*"),
        ("tcpRoute", {"port": 5432}, "tcp"),
        ("grpcRoute", {}, "grpc *"),
        ("grpcRoute", {"serviceName": "shop.Cart"}, "grpc shop.Cart/*"),
        ("grpcRoute", {"serviceName": "shop.Cart", "methodName": "Add"}, "grpc shop.Cart/Add"),
        ("grpcRoute", {"hostname": {"exact": "a.b"}, "serviceName": "C"}, "grpc C/* (host a.b)"),
        ("grpcRoute", {"metadata": [{"name": "k", "match": {"exact": "v"}}]}, "grpc * (k: v)"),
    ],
)
def test_requests_that_a_match_selects(field: str, match: dict[str, Any], text: str) -> None:
    assert match_text(field, match) == text


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ({"name": "a"}, "a"),
        ({"name": "a", "invert": True}, "not a"),
        ({"name": "a", "match": {"exact": "1"}, "invert": False}, "a: 1"),
        ({"name": "a", "match": {"prefix": "1"}}, "a: 1*"),
        ({"name": "a", "match": {"suffix": "1"}, "invert": True}, "not a: *1"),
        ({"name": "a", "match": {"regex": "1|2"}}, "a: ~1|2"),
        ({"name": "a", "match": {"range": {"start": 1, "end": 5}}}, "a: 1 to 4"),
    ],
)
def test_conditions_on_headers_are_in_parentheses(item: dict[str, Any], text: str) -> None:
    assert match_text("httpRoute", {"headers": [item, {"name": "z"}]}) == f"/* ({text}, z)"


def test_conditions_on_query_parameters_begin_with_a_question_mark() -> None:
    query = [{"name": "debug"}, {"name": "v", "match": {"exact": "2"}}]
    assert match_text("httpRoute", {"queryParameters": query}) == "/* (?debug, ?v=2)"

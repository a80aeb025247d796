"""Accounts and regions, told by the signature; and STS, which tells them back."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from endpoint.conftest import Client

IDENTITY = b"Action=GetCallerIdentity&Version=2011-06-15"


@pytest.mark.parametrize(
    ("signed", "prefix"),
    [
        (None, "arn:aws:appmesh:us-east-1:000000000000:"),
        (("AKIAIOSFODNN7EXAMPLE", "eu-west-1"), "arn:aws:appmesh:eu-west-1:000000000000:"),
        (("123456789012", "eu-west-1"), "arn:aws:appmesh:eu-west-1:123456789012:"),
        (("123456789012", "cn-north-1"), "arn:aws-cn:appmesh:cn-north-1:123456789012:"),
        (("1", "us-gov-west-1"), "arn:aws-us-gov:appmesh:us-gov-west-1:000000000000:"),
        (("123456789012", "not a region"), "arn:aws:appmesh:us-east-1:000000000000:"),
    ],
)
def test_where_a_mesh_is_made(
    client: "Client", signed: tuple[str, str] | None, prefix: str
) -> None:
    assert client.create("pay", signed).body["metadata"]["arn"] == f"{prefix}mesh/pay"


def test_worlds_do_not_see_each_other(client: "Client") -> None:
    here, there = ("111111111111", "us-east-1"), ("111111111111", "us-east-2")
    client.create("pay", here)
    assert client.describe("pay", there).status == 404
    assert client.create("pay", there).status == 200
    assert client.describe("pay").status == 404


def test_an_arn_of_another_account_is_denied_in_the_services_words(client: "Client") -> None:
    arn = client.create("pay", ("111111111111", "us-east-1")).body["metadata"]["arn"]
    reply = client.tags(arn, signed=("222222222222", "us-east-1"))
    assert reply.refusal == (403, "AccessDeniedException")
    assert reply.body["message"] == (
        f"{arn} is an invalid ARN. Invalid account id in the ARN provided : 111111111111"
    )


def test_the_caller_is_told_who_it_is(client: "Client") -> None:
    reply = client.send("POST", "/", IDENTITY, signed=("123456789012", "eu-west-1"))
    assert (reply.status, reply.headers["content-type"]) == (200, "text/xml")
    assert "<Account>123456789012</Account>" in reply.body
    assert "<Arn>arn:aws:iam::123456789012:root</Arn>" in reply.body


@pytest.mark.parametrize("body", [b"", b"Action=%3CAssumeRole%3E"])
def test_other_actions_are_refused(client: "Client", body: bytes) -> None:
    reply = client.send("POST", "/", body)
    assert reply.status == 400
    assert "<Code>InvalidAction</Code>" in reply.body
    assert "<AssumeRole>" not in reply.body

"""Addresses of repositories: those that users write, and those that are out to do harm."""

import pytest

from reconciler.core.errors import UsageError
from reconciler.source.git_url import GitAddress, is_git, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("git+https://h/a/b.git", GitAddress("https://h/a/b.git")),
        ("git+https://h:8443/b.git/?ref=v1", GitAddress("https://h:8443/b.git", "v1")),
        ("git+ssh://git@h:22/b.git", GitAddress("ssh://git@h:22/b.git")),
        ("git+file:///srv/b.git?path=prod/eu/", GitAddress("file:///srv/b.git", None, "prod/eu")),
        ("git+http://127.0.0.1:80/b", GitAddress("http://127.0.0.1:80/b")),
        ("git+http://localhost/b", GitAddress("http://localhost/b")),
        ("git+git://127.0.0.2:9418/b", GitAddress("git://127.0.0.2:9418/b")),
        ("git+git://[::1]/b", GitAddress("git://[::1]/b")),
        (
            "git+https://h/b?path=a%20b&ref=team/a%2Bb",
            GitAddress("https://h/b", "team/a+b", "a b"),
        ),
    ],
)
def test_an_address_and_its_text(text: str, address: GitAddress) -> None:
    assert is_git(text)
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


def test_ref_and_path_may_stand_beside_it() -> None:
    beside = parse_address("git+https://h/b.git", "main", "prod")
    assert beside == parse_address("git+https://h/b.git?ref=main&path=prod")
    with pytest.raises(UsageError, match="it has two values of ref"):
        parse_address("git+https://h/b.git?ref=v1", "main")


@pytest.mark.parametrize(
    "text",
    [
        "git+ext::sh -c touch% canary",
        "git+ext::sh",
        "git+ext://sh/x",
        "git+--upload-pack=touch canary",
        "git+ssh://-oProxyCommand=touch/x",
        "git+ssh://-o@h/x",
        "git+ssh://u@-h/x",
        "git+https://h:99999/x",
        "git+https://h:0/x",
        "git+https:///x",
        "git+https://h",
        "git+https://h/",
        "git+https://h/x#main",
        "git+https://h/x\\y",
        "git+https://h/x\n",
        "git+https://h/\x1b[2Jx",
        "git+https://[h/x",
        "git+file://h/x",
        "git+file:x",
        "git+ftp://h/x",
        "git+git+https://h/x",
        "git+https://h/" + "x" * 3000,
        "git+",
    ],
)
def test_a_hostile_address_is_one_line_that_does_not_repeat_it(text: str) -> None:
    with pytest.raises(UsageError, match=r"use git\+https://HOST/PATH") as error:
        parse_address(text)
    assert "\n" not in str(error.value)
    assert "canary" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "git+https://canary@h/x",
        "git+https://u:canary@h/x",
        "git+ssh://u:canary@h/x",
        "git+git://u:canary@h/x",
        "git+http://u:canary@h/x",
    ],
)
def test_a_password_in_an_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(UsageError, match="on h has a user or password: remove them") as error:
        parse_address(text)
    assert "canary" not in str(error.value)


def test_a_plain_transport_to_another_machine_is_refused() -> None:
    for transport in ("http", "git"):
        for host in ("example.com", "10.0.0.1", "localhost.example.com"):
            with pytest.raises(
                UsageError,
                match=rf"^git\+{transport}:// to {host} would trust every machine on the way: use",
            ) as error:
                parse_address(f"git+{transport}://{host}/x")
            assert str(error.value).endswith("use git+https://")


@pytest.mark.parametrize(
    "ref", ["", "-x", "--upload-pack=x", "a..b", "a b", "a~1", "a^", "a:b", "a*", "@{u}", "/a",
            "a/", ".a", "a/.b", "a//b", "a.lock", "a\\b", "a\n", "é" * 300],
)  # fmt: skip
def test_a_ref_that_git_would_not_take_for_a_name(ref: str) -> None:
    with pytest.raises(UsageError, match="use a branch, a tag or a full commit id"):
        parse_address("git+https://h/x", ref)


@pytest.mark.parametrize("path", ["/etc", "..", "a/../b", "./a", "a//b", "a\nb", "a\0b"])
def test_a_path_that_is_not_in_a_repository(path: str) -> None:
    with pytest.raises(UsageError, match="use a path from its root"):
        parse_address("git+https://h/x", None, path)


def test_other_words_behind_the_question_mark() -> None:
    with pytest.raises(UsageError, match=r"after \? use ref=REF and path=PATH"):
        parse_address("git+https://h/x?branch=main")

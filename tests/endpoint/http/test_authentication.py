"""Signatures of botocore's own signer, an independent implementation: accepted, unless changed."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from access_keys import ACCOUNT, OTHER, READER, SECRET, TEMPORARY, TOKEN, WRITER, write_keys
from amounts import amount
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest, HTTPHeaders
from botocore.credentials import Credentials
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reconciler.endpoint.http.authentication import (
    APP_MESH,
    STS,
    TAGGING,
    AccessError,
    Api,
    Authenticator,
    Caller,
)
from reconciler.endpoint.http.credentials import open_credentials

REGION = "eu-west-1"
MISMATCH = "The request signature we calculated does not match"


@dataclass(frozen=True)
class Wire:
    """A request as the server receives it."""

    method: str
    path: bytes
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    scheme: str = "http"

    def header(self, name: bytes) -> bytes:
        return dict(self.headers)[name]

    def with_header(self, name: bytes, value: bytes | None) -> "Wire":
        """Return the request with another value, or without the header."""
        kept = tuple(row for row in self.headers if row[0] != name)
        return replace(self, headers=kept if value is None else (*kept, (name, value)))

    @property
    def scope(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "raw_path": self.path,
            "query_string": self.query,
            "headers": list(self.headers),
            "scheme": self.scheme,
        }

    @property
    def signed_at(self) -> float:
        text = self.header(b"x-amz-date").decode()
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


def sign(
    method: str = "GET",
    url: str = "http://127.0.0.1:8473/v20190125/meshes",
    headers: Any = (),
    body: bytes = b"",
    *,
    key: str = WRITER,
    secret: str = SECRET,
    token: str | None = None,
    service: str = "appmesh",
    lifetime: int | None = None,
) -> Wire:
    """Return a request signed by botocore; with a lifetime, as a presigned URL."""
    request = AWSRequest(method, url, data=body, headers=HTTPHeaders.from_pairs(headers))
    credentials = Credentials(key, secret, token)
    if lifetime is None:
        SigV4Auth(credentials, service, REGION).add_auth(request)
    else:
        SigV4QueryAuth(credentials, service, REGION, lifetime).add_auth(request)
    parts = urlsplit(request.url)
    sent = [(name.lower().encode(), value.encode()) for name, value in request.headers.items()]
    sent.append((b"host", parts.netloc.encode()))
    return Wire(method, parts.path.encode(), parts.query.encode(), tuple(sent), body)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_keys(tmp_path_factory.mktemp("keys") / "credentials.toml")


def caller(
    keys: Path, wire: Wire, *, later: float = 0.0, api: Api = APP_MESH, now: float | None = None
) -> Caller:
    at = (wire.signed_at if now is None else now) + later
    return Authenticator(open_credentials(keys), lambda: at).caller_of(api, wire.scope, wire.body)


def refusal(keys: Path, wire: Wire, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(AccessError) as caught:
        caller(keys, wire, **arguments)
    return caught.value.code, str(caught.value)


# Of the suite that AWS published: method, URL, headers, signature.
SUITE: Mapping[str, tuple[str, str, tuple[tuple[str, str], ...], str]] = {
    "get-vanilla": (
        "GET",
        "/",
        (),
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    "post-vanilla": (
        "POST",
        "/",
        (),
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    "get-vanilla-query-order-key-case": (
        "GET",
        "/?Param2=value2&Param1=value1",
        (),
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "get-vanilla-utf8-query": (
        "GET",
        "/?%E1%88%B4=bar",
        (),
        "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
    ),
    "get-header-value-trim": (
        "GET",
        "/",
        (("my-header1", " value1"), ("my-header2", ' "a   b   c"')),
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
}


@pytest.mark.parametrize("name", SUITE)
def test_the_published_suite_is_accepted(tmp_path: Path, name: str) -> None:
    method, url, headers, signature = SUITE[name]
    keys = write_keys(tmp_path / "keys", WRITER)
    keys.write_text(keys.read_text().replace(WRITER, "AKIDEXAMPLE"))
    path, _, query = url.partition("?")
    names = ";".join(["host", *(name for name, _ in headers), "x-amz-date"])
    authorization = (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    sent = {"host": "example.amazonaws.com", "x-amz-date": "20150830T123600Z", **dict(headers)}
    rows = tuple((name.encode(), value.encode()) for name, value in sent.items())
    wire = Wire(method, path.encode(), query.encode(), rows, b"")
    wire = wire.with_header(b"authorization", authorization.encode())
    api = replace(APP_MESH, service="service")
    assert caller(keys, wire, api=api).scope.region == "us-east-1"
    wrong = wire.with_header(
        b"authorization", authorization.replace(signature[:4], "0000").encode()
    )
    assert refusal(keys, wrong, api=api)[0] == "InvalidSignatureException"


NAMES = st.text("abcdefgh-", min_size=1, max_size=8).map(lambda text: f"x-a{text}")
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
# As clients send paths: encoded once, and some leave these characters as they are.
STEPS = st.one_of(
    TEXT.map(lambda text: quote(text, safe="")), st.text("!$'()*,:;=@~+%2f", max_size=9)
)
REQUESTS = st.builds(
    lambda method, steps, query, headers, body: (method, steps, query, headers, body),
    st.sampled_from(["GET", "PUT", "POST", "DELETE"]),
    st.lists(STEPS, max_size=5),
    st.lists(st.tuples(TEXT, TEXT), max_size=4),
    st.lists(st.tuples(NAMES, VALUES), max_size=4).flatmap(
        lambda rows: st.permutations(rows + rows[:1])
    ),
    st.binary(max_size=40),
)


def signed(request: Any) -> Wire:
    method, steps, query, headers, body = request
    text = "&".join(f"{quote(name, '')}={quote(value, '')}" for name, value in query)
    url = f"http://127.0.0.1:8473/{'/'.join(steps)}"
    return sign(method, f"{url}?{text}" if text else url, headers, body)


@pytest.mark.unmeasured
@settings(max_examples=amount("random signed requests", test=100, full=5000))
@given(request=REQUESTS)
def test_what_botocore_signs_is_accepted(keys: Path, request: Any) -> None:
    wire = signed(request)
    steps = wire.path.split(b"/")
    assume(not {b".", b".."} & set(steps) and b"" not in steps[1:-1])
    assert caller(keys, wire).scope.account == ACCOUNT


CHANGES = {
    "method": lambda wire: replace(wire, method="PATCH"),
    "path": lambda wire: replace(wire, path=wire.path + b"x"),
    "query": lambda wire: replace(wire, query=wire.query + b"&more=1"),
    "body": lambda wire: replace(wire, body=wire.body + b"x"),
    "host": lambda wire: wire.with_header(b"host", b"localhost"),
    "repeated host": lambda wire: replace(wire, headers=(*wire.headers, (b"host", b"a"))),
    "signed header": lambda wire: wire.with_header(b"x-amz-date", b"20200101T000000Z"),
    "added amz header": lambda wire: wire.with_header(b"x-amz-target", b"Other"),
    "signature": lambda wire: wire.with_header(
        b"authorization", wire.header(b"authorization")[:-64] + b"0" * 64
    ),
}


@settings(max_examples=amount("random changes of signed requests", test=50, full=2000))
@given(request=REQUESTS, change=st.sampled_from(sorted(CHANGES)))
def test_what_is_changed_after_it_was_signed_is_refused(
    keys: Path, request: Any, change: str
) -> None:
    wire = signed(request)
    code, message = refusal(keys, CHANGES[change](wire), now=wire.signed_at)
    assert code == "InvalidSignatureException"
    assert SECRET not in message


@pytest.mark.parametrize("path", ["/a/../b", "/a//b", "/./a", "/v20190125/meshes/.."])
def test_a_path_that_means_another_one_is_refused(keys: Path, path: str) -> None:
    code, message = refusal(keys, sign(url=f"http://127.0.0.1{path}"))
    assert (code, "dot segments" in message) == ("InvalidSignatureException", True)


@pytest.mark.parametrize(
    ("api", "codes"),
    [
        (APP_MESH, ("UnrecognizedClientException", "InvalidSignatureException", 403)),
        (TAGGING, ("UnrecognizedClientException", "InvalidSignatureException", 400)),
        (STS, ("InvalidClientTokenId", "SignatureDoesNotMatch", 403)),
    ],
    ids=lambda value: getattr(value, "service", ""),
)
def test_each_api_has_its_codes(keys: Path, api: Api, codes: tuple[str, str, int]) -> None:
    unknown, invalid, status = codes
    wire = sign(service=api.service)
    assert caller(keys, wire, api=api).scope.region == REGION
    assert refusal(keys, sign(service=api.service, key="NONE"), api=api)[0] == unknown
    code, message = refusal(keys, sign(service=api.service, secret="other" * 9), api=api)
    assert (code, message.startswith(MISMATCH)) == (invalid, True)
    assert refusal(keys, wire, later=901, api=api)[0] == invalid
    assert api.status == status
    code, message = refusal(keys, sign(service="s3"), api=api)
    assert message == f"Credential should be scoped to correct service: '{api.service}'."


def test_a_signature_counts_for_a_quarter_of_an_hour_before_and_after(keys: Path) -> None:
    wire = sign()
    for later in (0, 900, -900):
        # SDKs sign two equal requests of one second alike, so a second one is no replay.
        assert caller(keys, wire, later=later) == caller(keys, wire, later=later)
    assert refusal(keys, wire, later=901)[1].startswith("Signature expired: ")
    assert refusal(keys, wire, later=901)[1].endswith(" - 15 min.)")
    assert refusal(keys, wire, later=-901)[1].startswith("Signature not yet current: ")


def test_the_date_of_the_scope_is_that_of_the_request(keys: Path) -> None:
    wire = sign()
    authorization = wire.header(b"authorization")
    day = wire.header(b"x-amz-date")[:8]
    wire = wire.with_header(b"authorization", authorization.replace(day + b"/", b"20200101/"))
    assert refusal(keys, wire)[1].startswith("Date in Credential scope does not match")


def test_a_session_token_is_compared(keys: Path) -> None:
    assert caller(keys, sign(key=TEMPORARY, token=TOKEN)).scope.account == ACCOUNT
    for key, token in ((TEMPORARY, None), (TEMPORARY, "other"), (WRITER, TOKEN)):
        assert refusal(keys, sign(key=key, token=token))[0] == "UnrecognizedClientException"


def test_the_account_is_that_of_the_key(keys: Path) -> None:
    assert caller(keys, sign(key=OTHER)).scope.account == "210987654321"


def test_a_presigned_url_counts_as_long_as_it_says(keys: Path) -> None:
    wire = sign(lifetime=60)
    at = datetime.now(UTC).timestamp()
    assert caller(keys, wire, now=at + 30).scope.account == ACCOUNT
    assert refusal(keys, wire, now=at + 70)[1].startswith("Signature expired: ")
    assert refusal(keys, wire, now=at - 1000)[1].startswith("Signature not yet current: ")
    changed = replace(wire, query=wire.query.replace(b"Expires=60", b"Expires=90"))
    assert refusal(keys, changed, now=at)[1].startswith(MISMATCH)
    token = sign(lifetime=60, key=TEMPORARY, token=TOKEN)
    assert caller(keys, token, now=at).scope.account == ACCOUNT
    for text in (b"Expires=x", b"Expires=604801"):
        changed = replace(wire, query=wire.query.replace(b"Expires=60", text))
        assert refusal(keys, changed, now=at)[0] == "IncompleteSignatureException"


def test_a_digest_of_the_body_is_checked(keys: Path) -> None:
    body = b'{"meshName": "pay"}'
    digest = hashlib.sha256(body).hexdigest()
    assert caller(keys, sign("PUT", headers=[("x-amz-content-sha256", digest)], body=body))
    wire = sign("PUT", headers=[("x-amz-content-sha256", "0" * 64)], body=body)
    assert "does not match the body" in refusal(keys, wire)[1]


def test_a_body_without_a_digest_needs_tls(keys: Path) -> None:
    wire = sign("PUT", headers=[("x-amz-content-sha256", "UNSIGNED-PAYLOAD")], body=b"{}")
    assert refusal(keys, wire)[1].startswith("UNSIGNED-PAYLOAD needs TLS")
    assert caller(keys, replace(wire, scheme="https")).scope.account == ACCOUNT


def test_a_plus_sign_in_a_query_is_a_space(keys: Path) -> None:
    wire = sign(url="http://127.0.0.1/v20190125/meshes?nextToken=a%20b")
    assert caller(keys, replace(wire, query=b"nextToken=a+b")).scope.account == ACCOUNT
    wire = sign(url="http://127.0.0.1/v20190125/meshes?nextToken=a%2Bb")
    assert refusal(keys, replace(wire, query=b"nextToken=a+b"))[1].startswith(MISMATCH)


@pytest.mark.parametrize(
    "authorization",
    [
        b"Basic dXNlcjpwYXNz", b"AWS4-HMAC-SHA256", b"AWS4-HMAC-SHA256 Credential=a",
        b"AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host, Signature=0",
        b"AWS4-HMAC-SHA256 Credential=a/20200101/r/appmesh/aws4, SignedHeaders=host, Signature=0",
        b"AWS4-HMAC-SHA256 Credential=a/20200101/r/appmesh/aws4_request, SignedHeaders=host",
        b"AWS4-HMAC-SHA256 Credential=a/20200101/r/appmesh/aws4_request,SignedHeaders=a;a",
    ],
)  # fmt: skip
def test_a_signature_in_pieces_is_incomplete(keys: Path, authorization: bytes) -> None:
    wire = sign().with_header(b"authorization", authorization)
    assert refusal(keys, wire)[0] == "IncompleteSignatureException"


@pytest.mark.parametrize("date", [None, b"yesterday", b"20209901T000000Z"])
def test_a_request_has_a_date(keys: Path, date: bytes | None) -> None:
    wire = sign().with_header(b"x-amz-date", date)
    assert refusal(keys, wire, now=0)[0] == "IncompleteSignatureException"


@pytest.mark.parametrize(
    ("api", "code"),
    [(APP_MESH, "MissingAuthenticationTokenException"), (STS, "MissingAuthenticationToken")],
)
def test_a_request_without_a_signature_is_refused(keys: Path, api: Api, code: str) -> None:
    wire = sign().with_header(b"authorization", None)
    assert refusal(keys, wire, api=api) == (code, "Missing Authentication Token")


def test_a_signature_of_bytes_that_are_no_text_is_refused(keys: Path) -> None:
    wire = sign()
    wire = wire.with_header(b"authorization", wire.header(b"authorization")[:-2] + b"\xe9\xff")
    assert refusal(keys, wire)[1].startswith(MISMATCH)


def test_a_permission_is_required_by_name(keys: Path) -> None:
    reader = caller(keys, sign(key=READER))
    reader.require("read", "ListMeshes")
    with pytest.raises(AccessError, match=r"authorized to perform: appmesh:CreateMesh on") as error:
        reader.require("write", "CreateMesh", "arn:aws:appmesh:::mesh/*")
    assert error.value.code == "AccessDeniedException"


def test_without_keys_everything_is_accepted() -> None:
    wire = sign(key="222222222222", secret="any")
    found = Authenticator().caller_of(APP_MESH, wire.scope, b"other")
    assert found.scope.account == "222222222222"
    assert found.permissions == {"read", "write", "admin"}

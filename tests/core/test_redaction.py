"""No secret stays in a text of another program, and the rest of the text does."""

import html
import json
import string
import time
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler import limits
from reconciler.core.redaction import HIDDEN, excerpt, redact

KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjEFQa/CXVzLWVhc3QtMSJH+MEUCIQDZ0123" * 4
HIDDEN_IN = {
    f"the key {KEY} is not valid": f"the key {HIDDEN} is not valid",
    f"the key {KEY[:20]}... is not valid": f"the key {HIDDEN} is not valid",
    f"the key {quote(KEY, safe='')} is": f"the key {HIDDEN} is",
    f"the key {KEY.replace('/', '&#x2F;')} is": f"the key {HIDDEN} is",
    f"the key {KEY.replace('/', chr(92) + '/')} is": f"the key {HIDDEN} is",
    f"the key {KEY.replace('/', chr(92) + 'u002f')} is": f"the key {HIDDEN} is",
    f"x-amz-security-token:{TOKEN}\nhost:h": f"x-amz-security-token:{HIDDEN}\nhost:h",
    f"X-Amz-Security-Token: {TOKEN}": f"X-Amz-Security-Token: {HIDDEN}",
    "?X-Amz-Signature=0123abcd&X=1": f"?X-Amz-Signature={HIDDEN}&X=1",
    "%26X-Amz-Signature%3D0123abcd": f"%26X-Amz-Signature%3D{HIDDEN}",
    '{"SecretAccessKey" : "abc", "b": 1}': f'{{"SecretAccessKey" : "{HIDDEN}", "b": 1}}',
    r"{\"sessionToken\": \"abc\"}": rf"{{\"sessionToken\": \"{HIDDEN}\"}}",
    "<SessionToken>abc</SessionToken>": f"<SessionToken>{HIDDEN}</SessionToken>",
    "aws_secret_access_key = 0123456789abcdef": f"aws_secret_access_key = {HIDDEN}",
    "password=hunter2": f"password={HIDDEN}",
    "Credential=AKIA1/2026/r/appmesh/aws4_request, x": f"Credential={HIDDEN}, x",
    "Authorization: AWS4-HMAC-SHA256 Credential=a b": f"Authorization: {HIDDEN}",
    "with Bearer abcdefghij": f"with Bearer {HIDDEN}",
    "ASIAIOSFODNN7EXAMPLE is": f"{HIDDEN} is",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.abc": HIDDEN,
    "ghs_0123456789abcdefABCD": HIDDEN,
    "glpat-0123456789abcdefABCD": HIDDEN,
    "0123456789abcdef" * 4: HIDDEN,
    f"it was {TOKEN}": f"it was {HIDDEN}",
    "-----BEGIN RSA PRIVATE KEY-----\nabc": HIDDEN,
    'URL: "http://me:p@ss@h:1/x?y"': f'URL: "http://{HIDDEN}@h:1/x?y"',
}
KEPT = [
    "The security token included in the request is invalid.",
    "Check your AWS Secret Access Key and signing method.",
    "Credential should be scoped to a valid region, not 'x'.",
    "cannot read the token file .reconciler/token: No such file or directory",
    "arn:aws:sts::123456789012:assumed-role/deploy/mesh may not perform: appmesh:CreateMesh",
    "arn:aws:appmesh:eu-west-1:123456789012:mesh/paymentsV2/virtualNode/ledgerOf2026InEuropeAndAsia",
    "SignedHeaders=host;x-amz-date;x-amz-security-token",
    "clientToken: must have 1 to 36 characters, nextToken=abc",
    'Could not connect to the endpoint URL: "https://h:1/v20190125/meshes?limit=100"',
    f"fingerprint {'aB1' * 14}",
    "any key of any secret",
]


@pytest.mark.parametrize(("text", "left"), HIDDEN_IN.items())
def test_what_is_or_looks_like_a_secret_is_hidden(text: str, left: str) -> None:
    assert redact(text, {KEY}) == left
    assert redact(left, {KEY}) == left


@pytest.mark.parametrize("text", KEPT)
def test_what_helps_a_reader_is_kept(text: str) -> None:
    # A local endpoint takes any secret, and people take short ones.
    assert redact(text, {"any", ""}) == text


SECRETS = st.text(string.ascii_letters + string.digits + "+/=-_.~@:!", min_size=8, max_size=60)
SPELLED: dict[str, Callable[[str], str]] = {
    "as it is": lambda it: it,
    "in a URL": lambda it: quote(it, safe=""),
    "in HTML": lambda it: html.escape(it).replace("/", "&#x2F;"),
    "in JSON": lambda it: json.dumps(it).strip('"').replace("/", "\\/"),
}


@given(SECRETS, st.sampled_from([*SPELLED]))
def test_nothing_of_a_known_secret_stays(secret: str, spelling: str) -> None:
    assert redact(f"({SPELLED[spelling](secret)})", {secret, KEY}) == f"({HIDDEN})"


def test_only_the_first_paragraph_is_shown_and_not_all_of_a_long_one() -> None:
    assert excerpt("\n It was refused.\r\n\r\nThe canonical request\nis") == "It was refused."
    assert excerpt("one\ntwo") == "one\ntwo"
    assert excerpt("x" * limits.MAX_FOREIGN_CHARACTERS) == "x" * limits.MAX_FOREIGN_CHARACTERS
    assert excerpt("é" * (1 << 20)) == "é" * limits.MAX_FOREIGN_CHARACTERS + "…"
    assert excerpt("abcdef", limit=3) == "abc…"
    assert TOKEN[:8] not in excerpt(" " * 99 + "x " * 480 + TOKEN, {TOKEN})


SHAPES = [
    "token", "token=", 'token:"', "token : ", "secret-", "api_key", "://", "://a@", "eyJ", "gh_",
    "authorization:", 'authorization"', "-----BEGIN ", "bearer ", "ASIA", "0123456789abcdef",
    "aB1/", "a" * 70 + " ", "&#x2F;", "%2F", "\\u002f", TOKEN[:15], KEY[:15], " ", "\n",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.sample(3)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_hostile_text_takes_time_in_proportion_to_its_length(shape: str) -> None:
    def seconds(kilobytes: int) -> float:
        text = (shape * (kilobytes * 1024 // len(shape) + 1))[: kilobytes * 1024]
        begun = time.thread_time()
        redact(text, {KEY, TOKEN})
        return time.thread_time() - begun

    short = min(seconds(64) for _ in range(3))
    # Four times as long: a quadratic pattern takes sixteen times the time.
    assert min(seconds(256) for _ in range(3)) < 8 * short + 0.02

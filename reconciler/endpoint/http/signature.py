"""Verification of AWS signatures, version 4: the Authorization header, and presigned URLs.

The functions are pure: the time and the secret are arguments.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from urllib.parse import quote_from_bytes, unquote_to_bytes

from reconciler import limits
from reconciler.endpoint.endpoint_errors import EndpointError

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
_CREDENTIAL = re.compile(r"([^/]{1,128})/(([0-9]{8})/([a-z0-9-]{1,40})/([a-z0-9-]+)/aws4_request)")
_TIMESTAMP = "%Y%m%dT%H%M%SZ"
_TIMESTAMP_PATTERN = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_LIFETIME = re.compile(r"[0-9]{1,6}")
_SPACES = re.compile(r"[ \t\n\v\f\r]+")
_ALLOWED_SKEW = timedelta(seconds=limits.MAX_SIGNATURE_SKEW_SECONDS)
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS"
    " Secret Access Key and signing method. Consult the service documentation for details."
)


class Problem(Enum):
    """The reason to reject a request before its operation; each protocol has its own codes."""

    MISSING = "missing"
    INCOMPLETE = "incomplete"
    UNKNOWN_KEY = "unknown key"
    INVALID = "invalid"
    DENIED = "denied"


class SignatureError(EndpointError):
    """The signature of a request is missing or not valid."""

    def __init__(self, problem: Problem, message: str) -> None:
        super().__init__(message)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """The parts of a request that a signature covers."""

    method: str
    raw_path: bytes
    """The path as it was received, still URL-encoded."""
    query: bytes
    headers: Mapping[str, str]
    """The values by name in lower case, those of a repeated header joined by commas."""
    body: bytes
    encrypted: bool


@dataclass(frozen=True, slots=True)
class Claims:
    """The parts of a signature, as the client sent them."""

    key_id: str
    scope: str
    """The credential scope: date, region, service and ``aws4_request``."""
    date: str
    region: str
    service: str
    timestamp: str
    signed_headers: tuple[str, ...]
    signature: str
    token: str
    expires_seconds: int | None
    """The lifetime of a presigned URL; None if the signature is in the Authorization header."""


def read_claims(request: SignedRequest) -> Claims:
    """Return the parts of the signature of ``request``.

    Raises:
        SignatureError: There is no signature, or a part of it is missing or malformed.
    """
    if authorization := request.headers.get("authorization"):
        algorithm, _, rest = authorization.partition(" ")
        fields = dict(_split_pair(part.strip()) for part in rest.split(","))
        values = {
            "X-Amz-Algorithm": algorithm,
            "X-Amz-Credential": fields.get("Credential", ""),
            "X-Amz-SignedHeaders": fields.get("SignedHeaders", ""),
            "X-Amz-Signature": fields.get("Signature", ""),
            "X-Amz-Date": request.headers.get("x-amz-date", ""),
            "X-Amz-Security-Token": request.headers.get("x-amz-security-token", ""),
        }
        return _make_claims(values, None)
    pairs = _query_pairs(request.query)
    values = {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}
    if "X-Amz-Signature" not in values:
        raise SignatureError(Problem.MISSING, "Missing Authentication Token")
    expires = values.get("X-Amz-Expires", "")
    if not _LIFETIME.fullmatch(expires) or int(expires) > limits.MAX_PRESIGNED_SECONDS:
        raise SignatureError(
            Problem.INCOMPLETE,
            f"X-Amz-Expires must be a number of seconds up to {limits.MAX_PRESIGNED_SECONDS}",
        )
    return _make_claims(values, int(expires))


def verify(
    claims: Claims, request: SignedRequest, secret: str, service: str, now: datetime
) -> None:
    """Raise SignatureError unless ``secret`` signed ``request`` for ``service`` recently.

    As in AWS, a signature can be sent again until it expires: SDKs sign two equal requests of one
    second alike.
    """
    if claims.service != service:
        _reject(f"Credential should be scoped to correct service: '{service}'.")
    if claims.date != claims.timestamp[:8]:
        _reject(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from"
            f" HTTP: '{claims.date}' != '{claims.timestamp[:8]}', from '{claims.timestamp}'."
        )
    _check_time(claims, now)
    _check_signed_headers(claims, request)
    digest = hashlib.sha256(canonical_request(claims, request)).hexdigest()
    text = f"{ALGORITHM}\n{claims.timestamp}\n{claims.scope}\n{digest}"
    expected = hmac.new(_signing_key(secret, claims.scope), text.encode(), "sha256").hexdigest()
    if not hmac.compare_digest(expected.encode(), claims.signature.encode()):
        _reject(_MISMATCH)


def canonical_request(claims: Claims, request: SignedRequest) -> bytes:
    """Return the text that a client signs for ``request``.

    Raises:
        SignatureError: The path or the digest of the body is not that of the request.
    """
    steps = request.raw_path.split(b"/")
    # Clients remove such steps from the path that they sign, but the routes would use them.
    if not {b".", b".."}.isdisjoint(steps) or b"" in steps[1:-1]:
        _reject("The path of a signed request must not have empty or dot segments.")
    headers = "".join(
        f"{name}:{_SPACES.sub(' ', request.headers.get(name, '')).strip(' ')}\n"
        for name in claims.signed_headers
    )
    text = "\n".join(
        (
            request.method,
            quote_from_bytes(request.raw_path, safe="/~"),
            _canonical_query(request.query, presigned=claims.expires_seconds is not None),
            headers,
            ";".join(claims.signed_headers),
            _payload_digest(request),
        )
    )
    # Headers are decoded as Latin-1, so this restores their bytes.
    return text.encode("latin-1")


def _make_claims(values: Mapping[str, str], expires_seconds: int | None) -> Claims:
    credential = _CREDENTIAL.fullmatch(values.get("X-Amz-Credential", ""))
    names = tuple(values.get("X-Amz-SignedHeaders", "").split(";"))
    timestamp = values.get("X-Amz-Date", "")
    signature = values.get("X-Amz-Signature", "")
    wrong = ""
    if values.get("X-Amz-Algorithm") != ALGORITHM:
        wrong = f"the algorithm must be {ALGORITHM}"
    elif _parse_time(timestamp) is None:
        wrong = "X-Amz-Date must be YYYYMMDD'T'HHMMSS'Z'"
    elif len(set(names)) != len(names):
        # Otherwise the text to sign may be much longer than the request.
        wrong = "SignedHeaders must list each header once"
    elif not signature:
        wrong = "Signature is missing"
    if wrong or credential is None:
        wrong = wrong or "Credential must be KEY/DATE/REGION/SERVICE/aws4_request"
        raise SignatureError(Problem.INCOMPLETE, f"The signature is incomplete: {wrong}.")
    key_id, scope, date, region, service = credential.groups()
    return Claims(
        key_id=key_id,
        scope=scope,
        date=date,
        region=region,
        service=service,
        timestamp=timestamp,
        signed_headers=names,
        signature=signature,
        token=values.get("X-Amz-Security-Token", ""),
        expires_seconds=expires_seconds,
    )


def _check_time(claims: Claims, now: datetime) -> None:
    signed_at = _parse_time(claims.timestamp)
    assert signed_at is not None, "read_claims parsed it"  # noqa: S101
    current = now.strftime(_TIMESTAMP)
    skew = f"{_ALLOWED_SKEW.seconds // 60} min."
    if signed_at > now + _ALLOWED_SKEW:
        latest = (now + _ALLOWED_SKEW).strftime(_TIMESTAMP)
        _reject(
            f"Signature not yet current: {claims.timestamp} is still later than {latest}"
            f" ({current} + {skew})"
        )
    if claims.expires_seconds is None:
        earliest = now - _ALLOWED_SKEW
        if signed_at < earliest:
            _reject(
                f"Signature expired: {claims.timestamp} is now earlier than"
                f" {earliest.strftime(_TIMESTAMP)} ({current} - {skew})"
            )
    elif signed_at + timedelta(seconds=claims.expires_seconds) < now:
        _reject(f"Signature expired: the URL was valid for {claims.expires_seconds} s")


def _check_signed_headers(claims: Claims, request: SignedRequest) -> None:
    # A header that selects the operation or its data must not be added to a signed request.
    needed = {"host", *(name for name in request.headers if name.startswith("x-amz-"))}
    if unsigned := sorted(needed.difference(claims.signed_headers)):
        _reject(f"'{', '.join(unsigned)}' must be a 'SignedHeader' in the signature.")


def _payload_digest(request: SignedRequest) -> str:
    digest = hashlib.sha256(request.body).hexdigest()
    sent = request.headers.get("x-amz-content-sha256", digest)
    if sent == UNSIGNED_PAYLOAD:
        if not request.encrypted:
            _reject(f"{UNSIGNED_PAYLOAD} needs TLS, which protects the body instead.")
    elif not hmac.compare_digest(sent.encode(), digest.encode()):
        _reject("The provided 'x-amz-content-sha256' header does not match the body.")
    return sent


def _canonical_query(query: bytes, *, presigned: bool) -> str:
    encoded = (
        (quote_from_bytes(name, safe="-_.~"), quote_from_bytes(value, safe="-_.~"))
        for name, value in _query_pairs(query)
        if not (presigned and name == b"X-Amz-Signature")
    )
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def _query_pairs(query: bytes) -> list[tuple[bytes, bytes]]:
    """Return the decoded names and values; a plus sign is a space, as for the operations."""
    pairs = (part.partition(b"=") for part in query.replace(b"+", b"%20").split(b"&") if part)
    return [(unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in pairs]


def _split_pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _parse_time(text: str) -> datetime | None:
    if not _TIMESTAMP_PATTERN.fullmatch(text):
        return None
    try:
        return datetime.strptime(text, _TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def _signing_key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    return key


def _reject(message: str) -> None:
    raise SignatureError(Problem.INVALID, message)

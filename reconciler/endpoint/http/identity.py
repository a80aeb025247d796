"""The account and region of a caller, and the responses of STS.

Without --credentials, the endpoint has no secret keys: it believes the scope of a signature.
"""

import re
from xml.sax.saxutils import escape

from reconciler.endpoint.semantics.arns import partition
from reconciler.endpoint.state.tables import Scope

# Matched at the first credential only: a search would be repeated for each of thousands.
_SCOPE = re.compile(r"([^/,\s]{1,128})/\d{8}/([a-z0-9-]{1,40})/")
_ACCOUNT = re.compile(r"\d{12}")
_SERVER_FAULT = 500
DEFAULT = Scope("000000000000", "us-east-1")

_IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Arn>arn:{partition}:iam::{account}:root</Arn><UserId>{account}</UserId>\
<Account>{account}</Account></GetCallerIdentityResult>
<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>
</GetCallerIdentityResponse>"""
_ERROR = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<Error><Type>{type}</Type><Code>{code}</Code><Message>{message}</Message></Error>
<RequestId>{request_id}</RequestId>
</ErrorResponse>"""


def scope_of(authorization: str) -> Scope:
    """Return the account and region in an ``Authorization`` header.

    The account is the access key id if that has twelve digits, else 000000000000. The region is
    that of the first credential scope, else us-east-1.
    """
    scope = _SCOPE.match(authorization.partition("Credential=")[2])
    if scope is None:
        return DEFAULT
    account = scope[1] if _ACCOUNT.fullmatch(scope[1]) else DEFAULT.account
    return Scope(account, scope[2])


def caller_identity(scope: Scope, request_id: str) -> str:
    """Return the response of STS GetCallerIdentity, as XML."""
    return _IDENTITY.format(
        partition=partition(scope.region), account=scope.account, request_id=request_id
    )


def error(code: str, message: str, status: int, request_id: str) -> str:
    """Return an error response of STS, as XML."""
    return _ERROR.format(
        type="Sender" if status < _SERVER_FAULT else "Receiver",
        code=escape(code),
        message=escape(message),
        request_id=request_id,
    )

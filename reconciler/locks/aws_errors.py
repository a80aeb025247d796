"""Translates errors of botocore into errors of a lock store in AWS."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from reconciler.core.errors import LockError
from reconciler.known_secrets import shown

# Errors of botocore's parsers on bytes that are not text and on JSON of an unexpected type.
_UNPARSED = (ValueError, TypeError, AttributeError, LookupError)


@contextmanager
def translate_errors(name: str, service: str) -> Iterator[None]:
    """Raise LockError about the store `name` in place of errors of the SDK for `service`."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        # The text of an unexpected HTTP error may contain parts of a proxy's URL.
        text = "no response" if type(error) is HTTPClientError else shown(error)
        raise LockError(f"{name} cannot be used: {text}") from error
    except _UNPARSED as error:
        raise LockError(f"{name} cannot be used: the response is not from {service}") from error


def code_of(error: ClientError) -> str:
    """Return the code of an error response."""
    return str(error.response["Error"]["Code"])

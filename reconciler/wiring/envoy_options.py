"""Reads the options of the translation for Envoys and of their server.

The server has no manifests, whose modules would be a tenth of its memory.
"""

from collections.abc import Mapping

from reconciler import limits
from reconciler.core.errors import UsageError
from reconciler.envoy.bootstrap import Address
from reconciler.envoy.tls import StoredCertificate
from reconciler.envoy.translate import TranslateOptions


def translate_options(acm: Mapping[str, Mapping[str, str]]) -> TranslateOptions:
    """Return the settings of the translation with the places of certificates of ACM."""
    return TranslateOptions({arn: StoredCertificate(**fields) for arn, fields in acm.items()})


def parse_address(option: str, text: str) -> Address | None:
    """Return the address in the value of an option: unix:PATH, HOST:PORT, or none.

    Raises:
        UsageError: It is none of these.
    """
    if text == "none":
        return None
    scheme, colon, path = text.partition(":")
    if scheme == "unix" and path:
        return Address(path)
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isdecimal() and 0 < int(port) <= limits.MAX_PORT):
        raise UsageError(f'invalid --{option} "{text}": use unix:PATH or HOST:PORT')
    return Address(host=host.strip("[]"), port=int(port))

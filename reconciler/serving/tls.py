"""TLS for a server: a certificate and its key, read again when their files change."""

import ssl
from pathlib import Path

from reconciler import limits
from reconciler.serving.reloaded_file import InvalidFileError, ReloadedFiles, read_private


def make_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return a context that uses the current certificate and key for each new connection.

    Raises:
        InvalidFileError: The files cannot be read, do not belong together, or other users can read
            the key.
    """
    pair = ReloadedFiles((certificate, key), lambda: _read_pair(certificate, key))

    def use_current_pair(connection: ssl.SSLObject, _name: str | None, _: ssl.SSLContext) -> None:
        connection.context = pair.current()

    context = _new_context()
    # OpenSSL calls it for each connection, also if the client sends no server name.
    context.sni_callback = use_current_pair
    return context


def _read_pair(certificate: Path, key: Path) -> ssl.SSLContext:
    # A new context: a pair that does not match would remain half loaded in one that is in use.
    read_private(key, limits.MAX_KEY_FILE_BYTES)
    context = _new_context()

    def refuse_encrypted() -> str:
        # Without a function, OpenSSL asks for the password on the terminal.
        raise InvalidFileError(f"the key in {key} is encrypted: decrypt it")

    try:
        context.load_cert_chain(certificate, key, refuse_encrypted)
    except ssl.SSLError as error:
        reason = (error.reason or str(error)).lower().replace("_", " ")
        raise InvalidFileError(
            f"{certificate} and {key} are not a certificate and its key in PEM format: {reason}"
        ) from error
    except OSError as error:
        raise InvalidFileError(f"cannot read {certificate} and {key}: {error.strerror}") from error
    return context


def _new_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context

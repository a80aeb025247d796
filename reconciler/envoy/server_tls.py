"""TLS of the server of Envoys, with files that are read again when they change."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import grpc

from reconciler.core.errors import UsageError
from reconciler.serving.reloaded_file import InvalidFileError, ReloadedFiles


@dataclass(frozen=True, slots=True)
class ServerTls:
    """The files of the server's identity, and of the authority of its clients."""

    certificate_chain: str
    private_key: str
    client_ca: str | None
    """The authority that signs the certificates of proxies; None if they need none."""


def server_credentials(tls: ServerTls) -> grpc.ServerCredentials:
    """Return credentials that follow the files of `tls`.

    If new files cannot be read, the last ones stay in use.

    Raises:
        UsageError: The files cannot be read.
    """
    files = ServerFiles(tls)
    return grpc.dynamic_ssl_server_credentials(
        files.configuration, files.newer, require_client_authentication=tls.client_ca is not None
    )


class ServerFiles:
    """The content of the files of a server's TLS that is in use."""

    def __init__(self, tls: ServerTls) -> None:
        """Read the files.

        Raises:
            UsageError: A file cannot be read.
        """
        files = (tls.certificate_chain, tls.private_key, tls.client_ca)
        paths = tuple(Path(path) for path in files if path is not None)
        try:
            self._files = ReloadedFiles(paths, partial(_configuration, tls))
        except InvalidFileError as error:
            raise UsageError(str(error)) from error
        self.configuration = self._files.current()

    def newer(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the content of the files if they changed and can be read, or else None."""
        before, self.configuration = self.configuration, self._files.current()
        return None if self.configuration is before else self.configuration


def _configuration(tls: ServerTls) -> grpc.ServerCertificateConfiguration:
    pair = _read(tls.private_key), _read(tls.certificate_chain)
    authority = None if tls.client_ca is None else _read(tls.client_ca)
    return grpc.ssl_server_certificate_configuration([pair], authority)


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidFileError(f"reading {path}: {error.strerror}") from error

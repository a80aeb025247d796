"""TLS of the server of Envoys, with files that are read again when they change."""

from dataclasses import dataclass
from pathlib import Path

import grpc

from reconciler.core.errors import UsageError


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
    """The files of a server's TLS, and when they were read last."""

    def __init__(self, tls: ServerTls) -> None:
        """Read the files.

        Raises:
            UsageError: A file cannot be read.
        """
        self._tls = tls
        self._stamp = _stamp(tls)
        self.configuration = _configuration(tls)

    def newer(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the content of the files if they changed and can be read, or else None."""
        stamp = _stamp(self._tls)
        if stamp == self._stamp:
            return None
        try:
            configuration = _configuration(self._tls)
        except UsageError:
            return None
        self._stamp = stamp
        return configuration


def _configuration(tls: ServerTls) -> grpc.ServerCertificateConfiguration:
    pair = _read(tls.private_key), _read(tls.certificate_chain)
    authority = None if tls.client_ca is None else _read(tls.client_ca)
    return grpc.ssl_server_certificate_configuration([pair], authority)


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"reading {path}: {error.strerror}") from error


def _stamp(tls: ServerTls) -> tuple[int, ...]:
    """Return numbers that change when one of the files changes."""
    stamps: list[int] = []
    for path in (tls.certificate_chain, tls.private_key, tls.client_ca):
        if path is not None:
            try:
                status = Path(path).stat()
            except OSError:
                continue
            stamps += [status.st_mtime_ns, status.st_ino, status.st_size]
    return tuple(stamps)

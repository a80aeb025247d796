"""A certificate authority, and the certificates of a server of Envoys and its proxies."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, in PEM."""

    certificate: bytes
    key: bytes

    def write(self, directory: Path, name: str) -> tuple[str, str]:
        """Write both files, and return their paths."""
        paths = directory / f"{name}.crt", directory / f"{name}.key"
        paths[0].write_bytes(self.certificate)
        paths[1].write_bytes(self.key)
        return str(paths[0]), str(paths[1])


class Authority:
    """An authority that signs anything."""

    def __init__(self, name: str = "authority") -> None:
        """Create its key and certificate."""
        self._name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(self._key, name, [], is_authority=True)

    def sign(self, *names: str) -> Pair:
        """Return a certificate for URIs, or for 127.0.0.1 if there are none."""
        key = ec.generate_private_key(ec.SECP256R1())
        found: list[x509.GeneralName] = [x509.UniformResourceIdentifier(name) for name in names]
        found = found or [x509.IPAddress(ip_address("127.0.0.1"))]
        certificate = self._sign(key, "leaf", found, is_authority=False)
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return Pair(certificate, pem)

    def _sign(
        self,
        key: ec.EllipticCurvePrivateKey,
        name: str,
        names: list[x509.GeneralName],
        *,
        is_authority: bool,
    ) -> bytes:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder(_named(self._name), _named(name), key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        signed = builder.sign(self._key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

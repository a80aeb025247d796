"""Certificates of test authorities, as files that Envoys of another user can read."""

import ssl
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from envoy.meshes import Specs

_START = datetime(2020, 1, 1, tzinfo=UTC)
_DURATION = timedelta(days=36500)


class Authority:
    """A certificate authority that writes its certificates to a directory."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory, self._name = (
            directory,
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
        )
        self._key = ec.generate_private_key(ec.SECP256R1())
        basic = x509.BasicConstraints(ca=True, path_length=None)
        builder = self._builder(self._name, self._key).add_extension(basic, critical=True)
        self.chain = self._write(name, builder)

    def issue(self, name: str, *names: str) -> dict[str, str]:
        """Return the files of a new certificate for DNS names, as fields of a certificate."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        alternative = x509.SubjectAlternativeName([x509.DNSName(it) for it in names])
        builder = self._builder(subject, key).add_extension(alternative, critical=False)
        path = self._directory / f"{name}.key"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        path.chmod(0o644)
        return {"certificateChain": self._write(name, builder), "privateKey": str(path)}

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_START)
            .not_valid_after(_START + _DURATION)
        )

    def _write(self, name: str, builder: x509.CertificateBuilder) -> str:
        path = self._directory / f"{name}.pem"
        certificate = builder.sign(self._key, hashes.SHA256())
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        path.chmod(0o644)
        return str(path)


class Keys:
    """The certificates of the server, of clients, and of an authority that nothing trusts."""

    def __init__(self, root: Path) -> None:
        directory = Path(tempfile.mkdtemp(dir=root))
        directory.chmod(0o755)
        authority, other = Authority(directory, "authority"), Authority(directory, "other")
        self.trust, self.other_trust = authority.chain, other.chain
        self.server = authority.issue("server", "server.internal")
        self.client = authority.issue("client", "client.internal")
        self.untrusted = other.issue("untrusted", "client.internal")

    def context(self, *, certificate: Mapping[str, str] | None = None) -> ssl.SSLContext:
        """Return the context of a client without Envoy."""
        context = ssl.create_default_context(cafile=self.trust)
        if certificate:
            context.load_cert_chain(certificate["certificateChain"], certificate["privateKey"])
        return context


def trust(chain: str, *names: str) -> Specs:
    """Return the validation of certificates from an authority in a file."""
    alternative = {"subjectAlternativeNames": {"match": {"exact": [*names]}}} if names else {}
    return {"validation": {"trust": {"file": {"certificateChain": chain}}, **alternative}}

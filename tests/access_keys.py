"""A file of access keys and a certificate, as an operator writes them."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ACCOUNT = "123456789012"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"  # noqa: S105  # of AWS's documentation
WRITER, READER, ADMIN, TEMPORARY, OTHER = "AKIDWRITER", "AKIDREADER", "AKIDADMIN", "ASIA", "AKID2"
TOKEN = "a/session+token=="  # noqa: S105  # protects nothing
_ROWS = {
    WRITER: (ACCOUNT, '["read", "write"]', ""),
    READER: (ACCOUNT, '["read"]', ""),
    ADMIN: (ACCOUNT, '["admin"]', ""),
    TEMPORARY: (ACCOUNT, '["read"]', f'session_token = "{TOKEN}"'),
    OTHER: ("210987654321", '["read", "write"]', ""),
}


def write_keys(path: Path, *key_ids: str) -> Path:
    """Write the access keys, all of them if none is given."""
    text = ""
    for key_id in key_ids or _ROWS:
        account, allow, more = _ROWS[key_id]
        text += f'[{key_id}]\nsecret = "{SECRET}"\naccount = "{account}"\nallow = {allow}\n{more}\n'
    path.write_text(text)
    path.chmod(0o600)
    return path


def write_certificate(directory: Path, name: str = "served") -> tuple[Path, Path]:
    """Write a certificate for 127.0.0.1, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = directory / f"{name}.crt", directory / f"{name}.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].touch(mode=0o600)
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths

"""HTTPS with a certificate that is replaced while the server runs."""

import logging
from pathlib import Path

import pytest
import urllib3
from access_keys import write_certificate
from cryptography.hazmat.primitives import serialization

from reconciler.endpoint import InvalidFileError, LocalEndpoint
from reconciler.serving.tls import make_context


def status(url: str, authority: Path) -> int:
    """Return the status over a new connection that trusts ``authority`` alone."""
    with urllib3.PoolManager(ca_certs=str(authority), retries=False) as pool:
        return pool.request("GET", f"{url}/v20190125/meshes").status


def test_it_serves_https_alone(tmp_path: Path) -> None:
    pair = write_certificate(tmp_path)
    with LocalEndpoint(None, tls=pair) as endpoint:
        assert endpoint.url.startswith("https://127.0.0.1:")
        assert status(endpoint.url, pair[0]) == 200
        another, _ = write_certificate(tmp_path, "another")
        with pytest.raises(urllib3.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
            status(endpoint.url, another)
        with pytest.raises(urllib3.exceptions.ProtocolError):
            urllib3.request("GET", endpoint.url.replace("https", "http"), retries=False)


def test_a_new_pair_serves_new_connections_and_a_broken_one_does_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = write_certificate(tmp_path, "first"), write_certificate(tmp_path, "second")
    served = tmp_path / "tls.crt", tmp_path / "tls.key"
    served[1].touch(mode=0o600)

    def place(certificate: Path | None = None, key: Path | None = None) -> None:
        for source, target in ((certificate, served[0]), (key, served[1])):
            if source:
                target.write_bytes(source.read_bytes())

    place(*first)
    with LocalEndpoint(None, tls=served) as endpoint:
        assert status(endpoint.url, first[0]) == 200
        # Between the two files of a new pair, the old one serves.
        place(certificate=second[0])
        assert status(endpoint.url, first[0]) == 200
        assert status(endpoint.url, first[0]) == 200
        (message,) = (found.message for found in caplog.records if found.levelno == logging.WARNING)
        assert message.startswith(f"{served[0]} and {served[1]} are not a certificate and its key")
        assert message.endswith("the content that was read before stays in use")
        place(key=second[1])
        assert status(endpoint.url, second[0]) == 200
        served[0].unlink()
        assert status(endpoint.url, second[0]) == 200
        assert "No such file" in caplog.text


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    key.chmod(0o644)
    with pytest.raises(InvalidFileError, match=f"run chmod 600 {key}"):
        make_context(certificate, key)


def test_an_encrypted_key_is_refused_and_no_password_asked_for(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        )
    )
    with pytest.raises(InvalidFileError, match=f"the key in {key} is encrypted: decrypt it"):
        make_context(certificate, key)


def test_what_is_no_certificate_is_refused(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    certificate.write_text("nothing")
    with pytest.raises(InvalidFileError, match="are not a certificate and its key in PEM format"):
        make_context(certificate, key)

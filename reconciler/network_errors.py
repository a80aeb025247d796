"""Advice on connections that fail before a response arrives."""

import socket
import ssl


def connection_advice(error: BaseException | None) -> str:
    """Return what to do if a name or TLS caused `error`, or an empty text for other causes."""
    while error is not None:
        match error:
            case socket.gaierror():
                return "check the spelling of the host name, and DNS"
            case ssl.SSLCertVerificationError():
                return "check the certificate, and the CA certificates of this machine"
            case ssl.SSLError():
                return "use http:// in the URL if the server has no TLS"
        error = error.__cause__ or error.__context__
    return ""

"""Access logs, and the check of their formats: Envoy rejects a listener with a wrong one."""

import re

from reconciler.envoy.losses import Place, RefusedError
from reconciler.envoy.messages import Message, Part, extension

_FILE_LOG = "envoy.extensions.access_loggers.file.v3.FileAccessLog"
_OPERATOR = re.compile(r"%(?:%|([A-Z0-9_]+)((?:\([^()\x00-\x1f]*\))?(?::\d{1,5})?)%)")
_HEADER = r":?[0-9A-Za-z!#$&'*+\-.^_|~`]+"
_HEADERS = rf"\({_HEADER}(\?{_HEADER})?\)(:\d+)?"
_STATE = r"\([\w.-]+(:(PLAIN|TYPED))?\)(:\d+)?"
_KEY = r"\([\w.:-]+\)(:\d+)?"
_TIME = r"(\(.*\))?"

_PLAIN = """
BYTES_RECEIVED BYTES_SENT BYTES_RETRANSMITTED PACKETS_RETRANSMITTED CONNECTION_ID
CONNECTION_TERMINATION_DETAILS DURATION GRPC_STATUS_NUMBER HOSTNAME
DOWNSTREAM_DIRECT_REMOTE_ADDRESS DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT
DOWNSTREAM_LOCAL_ADDRESS DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT DOWNSTREAM_LOCAL_PORT
DOWNSTREAM_LOCAL_SUBJECT DOWNSTREAM_LOCAL_URI_SAN DOWNSTREAM_PEER_CERT
DOWNSTREAM_PEER_FINGERPRINT_1 DOWNSTREAM_PEER_FINGERPRINT_256 DOWNSTREAM_PEER_ISSUER
DOWNSTREAM_PEER_SERIAL DOWNSTREAM_PEER_SUBJECT DOWNSTREAM_PEER_URI_SAN DOWNSTREAM_REMOTE_ADDRESS
DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT DOWNSTREAM_REMOTE_PORT DOWNSTREAM_HEADER_BYTES_RECEIVED
DOWNSTREAM_HEADER_BYTES_SENT DOWNSTREAM_WIRE_BYTES_RECEIVED DOWNSTREAM_WIRE_BYTES_SENT
DOWNSTREAM_TLS_CIPHER DOWNSTREAM_TLS_SESSION_ID DOWNSTREAM_TLS_VERSION
DOWNSTREAM_TRANSPORT_FAILURE_REASON FILTER_CHAIN_NAME PROTOCOL REQUEST_DURATION
REQUEST_TX_DURATION RESPONSE_CODE RESPONSE_DURATION RESPONSE_FLAGS RESPONSE_FLAGS_LONG
RESPONSE_TX_DURATION ROUTE_NAME STREAM_ID UPSTREAM_CLUSTER UPSTREAM_CLUSTER_RAW
UPSTREAM_CONNECTION_ID UPSTREAM_HOST UPSTREAM_HEADER_BYTES_RECEIVED UPSTREAM_HEADER_BYTES_SENT
UPSTREAM_LOCAL_ADDRESS UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT UPSTREAM_LOCAL_PORT
UPSTREAM_PEER_CERT UPSTREAM_PEER_SUBJECT UPSTREAM_PEER_ISSUER UPSTREAM_PEER_URI_SAN
UPSTREAM_PROTOCOL UPSTREAM_REMOTE_ADDRESS UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT
UPSTREAM_REMOTE_PORT UPSTREAM_REQUEST_ATTEMPT_COUNT UPSTREAM_TLS_CIPHER UPSTREAM_TLS_SESSION_ID
UPSTREAM_TLS_VERSION UPSTREAM_TRANSPORT_FAILURE_REASON UPSTREAM_WIRE_BYTES_RECEIVED
UPSTREAM_WIRE_BYTES_SENT VIRTUAL_CLUSTER_NAME
""".split()  # noqa: SIM905  # a list would take a hundred lines

# Operators of Envoy 1.36 and later, each with the pattern of its arguments and its length.
_ARGUMENTS = {
    **dict.fromkeys(_PLAIN, ""),
    "REQ": _HEADERS,
    "RESP": _HEADERS,
    "TRAILER": _HEADERS,
    "DYNAMIC_METADATA": _KEY,
    "ENVIRONMENT": _KEY,
    "FILTER_STATE": _STATE,
    "UPSTREAM_FILTER_STATE": _STATE,
    "START_TIME": _TIME,
    "DOWNSTREAM_PEER_CERT_V_START": _TIME,
    "DOWNSTREAM_PEER_CERT_V_END": _TIME,
    "UPSTREAM_PEER_CERT_V_START": _TIME,
    "UPSTREAM_PEER_CERT_V_END": _TIME,
    "GRPC_STATUS": r"(\((CAMEL_STRING|SNAKE_STRING|NUMBER)\))?",
    "REQUESTED_SERVER_NAME": "",
    "RESPONSE_CODE_DETAILS": r"(\(ALLOW_WHITESPACES\))?",
}
_OPERATORS = {name: re.compile(pattern, re.ASCII) for name, pattern in _ARGUMENTS.items()}


def access_logs(spec: Part, place: Place) -> list[Message]:
    """Return the access logs of a virtual node or gateway; a refused one is not written."""
    file = spec.get("logging", {}).get("accessLog", {}).get("file")
    if file is None:
        return []
    place = place / "logging" / "accessLog" / "file"
    try:
        log_format = _log_format(file.get("format", {}), place / "format")
    except RefusedError:
        return []
    return [extension("envoy.access_loggers.file", _FILE_LOG, {"path": file["path"], **log_format})]


def _log_format(log_format: Part, place: Place) -> Message:
    if "text" in log_format:
        text = _checked(log_format["text"], place / "text")
        return {"log_format": {"text_format_source": {"inline_string": text}}}
    if "json" in log_format:
        place /= "json"
        fields: Message = {}
        for index, pair in enumerate(log_format["json"]):
            if pair["key"] in fields:
                (place / index / "key").warn(f"the key {pair['key']} is there twice; the last wins")
            fields[pair["key"]] = _checked(pair["value"], place / index / "value")
        return {"log_format": {"json_format": fields}}
    return {}


def _checked(text: str, place: Place) -> str:
    """Return ``text`` if Envoy knows all its operators.

    Raises:
        RefusedError: It has an operator that Envoy does not know.
    """
    for found in _OPERATOR.finditer(text):
        if found[1] and not _is_known(*found.groups()):
            raise place.refusal(f"Envoy has no operator {found[0]}")
    if "%" in _OPERATOR.sub("", text):
        raise place.refusal("a % starts no operator; write %% for a percent sign")
    return text


def _is_known(name: str, arguments: str) -> bool:
    pattern = _OPERATORS.get(name)
    return pattern is not None and bool(pattern.fullmatch(arguments))

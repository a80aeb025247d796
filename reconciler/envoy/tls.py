"""TLS on both sides of a connection; a part that cannot be translated is refused, never plain."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TypeAlias

from reconciler.core.envoy_syntax import MAX_SERVER_NAME
from reconciler.core.resources import canonical_json, text_digest
from reconciler.envoy.losses import Place, RefusedError
from reconciler.envoy.messages import Message, Part, extension
from reconciler.envoy.names import SDS_CLUSTER

_TLS = "envoy.extensions.transport_sockets.tls.v3"
_HTTP2_PROTOCOLS = ("http2", "grpc")
_SUFFIX_LENGTH = 8
NOT_MAPPED = "Envoy cannot read from ACM; map the ARN to files or to an SDS secret in [acm]"
_SEVERAL_CAS = "several authorities need one bundle; map all ARNs to the same file or secret"


@dataclass(frozen=True, slots=True)
class StoredCertificate:
    """The place of a certificate or an authority of ACM on the proxies.

    Attributes:
        certificate_chain: The file with the certificate, or with those of an authority.
        private_key: The file with the key; empty for an authority.
        secret_name: The name of the SDS secret, if it is not in files.
    """

    certificate_chain: str = ""
    private_key: str = ""
    secret_name: str = ""


AcmMap: TypeAlias = Mapping[str, StoredCertificate]


@dataclass(frozen=True, slots=True)
class ClientPolicy:
    """The TLS policy of a caller, for all listeners that it connects to.

    Attributes:
        id: The digest of the policy, which alone is compared; empty without one.
        ports: The ports of listeners that it is for; empty for all.
        context: The fields of the TLS context that do not depend on the listener.
        is_refused: Whether it cannot be translated, so that no connection is made with it.
    """

    id: str = ""
    enforced: bool = field(default=False, compare=False)
    ports: frozenset[int] = field(default=frozenset(), compare=False)
    context: Message = field(default_factory=dict, compare=False)
    trust: Message = field(default_factory=dict, compare=False)
    names: tuple[str, ...] = field(default=(), compare=False)
    is_refused: bool = field(default=False, compare=False)

    def applies(self, port: int) -> bool:
        """Whether the policy has rules for a listener on ``port``."""
        return bool(self.id) and (not self.ports or port in self.ports)

    def suffix(self, default: "ClientPolicy") -> str:
        """Return the suffix of cluster names that tells this policy from the default (chosen)."""
        return "" if self.id == default.id else f"_{(self.id or text_digest(''))[:_SUFFIX_LENGTH]}"


NO_POLICY = ClientPolicy()


def client_policy(policy: Part, acm: AcmMap, place: Place) -> ClientPolicy:
    """Return the policy in a ``clientPolicy``."""
    tls = policy.get("tls")
    if tls is None:
        return NO_POLICY
    place /= "tls"
    identity = text_digest(canonical_json(tls))
    enforced, ports = tls.get("enforce", True), frozenset(tls.get("ports", ()))
    validation = tls["validation"]
    try:
        context = _certificate(tls.get("certificate", {}), acm, place / "certificate")
        trust = _trust(validation["trust"], acm, place / "validation" / "trust")
    except RefusedError:
        return ClientPolicy(identity, enforced, ports, is_refused=True)
    return ClientPolicy(identity, enforced, ports, context, trust, _alternative_names(validation))


def upstream(
    policy: ClientPolicy, listener: Part, host: str, acm: AcmMap, place: Place
) -> Message | None:
    """Return the transport socket for connections to a listener; None for plain text.

    Args:
        policy: The policy of the caller.
        listener: The listener of the node that is called.
        host: The name of this node.
        acm: The places of certificates of ACM.
        place: The position of the listener.

    Raises:
        RefusedError: TLS is needed and cannot be translated.
    """
    port, protocol = listener["portMapping"]["port"], listener["portMapping"]["protocol"]
    server = server_tls(listener)
    validates = policy.applies(port) and (policy.enforced or server is not None)
    if not validates and server is None:
        return None
    if validates and policy.is_refused:
        raise RefusedError
    if not validates and server is not None:
        _certificate(server["certificate"], acm, place / "tls" / "certificate")
    if len(host) > MAX_SERVER_NAME:
        raise place.refusal(f"a server name has at most {MAX_SERVER_NAME} characters")
    common: Message = {"alpn_protocols": ["h2"]} if protocol in _HTTP2_PROTOCOLS else {}
    if validates:
        common |= policy.context
        common |= _validation_context(policy.trust, policy.names or (host,))
    return _transport_socket("UpstreamTlsContext", {"sni": host, "common_tls_context": common})


def server_tls(listener: Part) -> Part | None:
    """Return the TLS settings of a listener that serves TLS, else None."""
    tls: Part | None = listener.get("tls")
    return tls if tls and tls["mode"] != "DISABLED" else None


def downstream(listener: Part, acm: AcmMap, place: Place) -> Message:
    """Return the transport socket of a listener that serves TLS.

    Raises:
        RefusedError: It cannot be translated.
    """
    tls, protocol = listener["tls"], listener["portMapping"]["protocol"]
    place /= "tls"
    common = _certificate(tls["certificate"], acm, place / "certificate")
    if protocol in _HTTP2_PROTOCOLS:
        common["alpn_protocols"] = ["h2"]
    context: Message = {"common_tls_context": common}
    if validation := tls.get("validation"):
        trust = _trust(validation["trust"], acm, place / "validation" / "trust")
        common |= _validation_context(trust, _alternative_names(validation))
        context["require_client_certificate"] = True
    return _transport_socket("DownstreamTlsContext", context)


def secret(name: str) -> Message:
    """Return the configuration of a secret that the SDS server has."""
    service = {"envoy_grpc": {"cluster_name": SDS_CLUSTER}}
    source = {"api_type": "GRPC", "transport_api_version": "V3", "grpc_services": [service]}
    return {
        "name": name,
        "sds_config": {"resource_api_version": "V3", "api_config_source": source},
    }


def _transport_socket(message: str, context: Message) -> Message:
    return extension("envoy.transport_sockets.tls", f"{_TLS}.{message}", context)


def _certificate(certificate: Part, acm: AcmMap, place: Place) -> Message:
    """Return the fields of a TLS context for the own certificate; empty without one."""
    match certificate:
        case {"acm": {"certificateArn": arn}}:
            stored = acm.get(arn, StoredCertificate())
            if stored.secret_name:
                return {"tls_certificate_sds_secret_configs": [secret(stored.secret_name)]}
            if not stored.private_key:
                raise (place / "acm" / "certificateArn").refusal(NOT_MAPPED)
            return _certificate_files(stored.certificate_chain, stored.private_key)
        case {"file": file}:
            return _certificate_files(file["certificateChain"], file["privateKey"])
        case {"sds": {"secretName": name}}:
            return {"tls_certificate_sds_secret_configs": [_named_secret(name, place / "sds")]}
    return {}


def _named_secret(name: str, place: Place) -> Message:
    if not name:
        raise (place / "secretName").refusal("Envoy needs the name of a secret")
    return secret(name)


def _certificate_files(chain: str, key: str) -> Message:
    return {
        "tls_certificates": [
            {"certificate_chain": {"filename": chain}, "private_key": {"filename": key}}
        ]
    }


def _trust(trust: Part, acm: AcmMap, place: Place) -> Message:
    """Return the trusted authorities: a validation context, or the configuration of a secret."""
    match trust:
        case {"acm": {"certificateAuthorityArns": arns}}:
            place = place / "acm" / "certificateAuthorityArns"
            return _stored_trust([acm.get(arn, StoredCertificate()) for arn in arns], place)
        case {"sds": {"secretName": name}}:
            return _named_secret(name, place / "sds")
    return {"trusted_ca": {"filename": trust["file"]["certificateChain"]}}


def _stored_trust(stored: list[StoredCertificate], place: Place) -> Message:
    places = {(item.secret_name, item.certificate_chain) for item in stored}
    if ("", "") in places or not places:
        raise place.refusal(NOT_MAPPED)
    if len(places) > 1:
        raise place.refusal(_SEVERAL_CAS)
    ((secret_name, chain),) = places
    return secret(secret_name) if secret_name else {"trusted_ca": {"filename": chain}}


def _validation_context(trust: Message, names: tuple[str, ...]) -> Message:
    matchers = [{"san_type": _name_type(name), "matcher": {"exact": name}} for name in names]
    own: Message = {"match_typed_subject_alt_names": matchers} if matchers else {}
    if "trusted_ca" in trust:
        return {"validation_context": {**trust, **own}}
    if not own:
        return {"validation_context_sds_secret_config": trust}
    return {
        "combined_validation_context": {
            "default_validation_context": own,
            "validation_context_sds_secret_config": trust,
        }
    }


def _alternative_names(validation: Part) -> tuple[str, ...]:
    names = validation.get("subjectAlternativeNames", {})
    return tuple(names.get("match", {}).get("exact", ()))


def _name_type(name: str) -> str:
    if "://" in name:
        return "URI"
    try:
        ip_address(name)
    except ValueError:
        return "DNS"
    return "IP_ADDRESS"

"""Gateway routes: their matches, and the rewrites of host, prefix and path."""

from dataclasses import dataclass

from reconciler.core.kinds import HTTP_ROUTE_FIELDS
from reconciler.envoy.context import MeshContext
from reconciler.envoy.losses import Loss, Place, RefusedError
from reconciler.envoy.matches import grpc_match, http_match, order, require_header_value
from reconciler.envoy.messages import Message, Part
from reconciler.envoy.routes import service_timeouts
from reconciler.envoy.services import (
    TCP,
    RoutePart,
    Service,
    find_service,
    is_host,
    is_on_port,
)
from reconciler.envoy.snapshot import Resource

# Tell the egress listener of the gateway which service and port a request is for. Both are removed
# from the requests of clients, and before a request leaves the gateway.
SERVICE_HEADER = "x-app-mesh-virtual-service"
PORT_HEADER = "x-app-mesh-target-port"
ANY_HOST = "*"


@dataclass(frozen=True, slots=True)
class GatewayRoute:
    """One gateway route on one listener.

    Attributes:
        domain: The domain of its virtual host.
        keeps_host: Whether the service gets the host of the client.
        matches: Its matches, each with the rewrite of the path for it.
        headers: The headers for the egress listener of the gateway.
    """

    route: RoutePart
    domain: str
    service: Service
    keeps_host: bool
    matches: tuple[tuple[Message, Message], ...]
    headers: dict[str, str]

    @property
    def rank(self) -> tuple[int, int, str, int, str]:
        """The sort key of the route."""
        match, _ = self.matches[0]
        resource = self.route.resource
        return order(resource.spec.get("priority"), match, resource.key.name)

    def messages(self, context: MeshContext, cluster: str, losses: list[Loss]) -> list[Message]:
        """Return the routes of Envoy, which forward to ``cluster``."""
        host = {} if self.keeps_host else {"host_rewrite_literal": self.service.name}
        timeouts = service_timeouts(context, self.service, losses).message
        added = [
            {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            for key, value in self.headers.items()
        ]
        removed = [key for key in (SERVICE_HEADER, PORT_HEADER) if key not in self.headers]
        return [
            {
                "name": self.route.resource.key.name,
                "match": match,
                "route": {"cluster": cluster, **timeouts, **host, **rewrite},
                **({"request_headers_to_add": added} if added else {}),
                **({"request_headers_to_remove": removed} if removed else {}),
            }
            for match, rewrite in self.matches
        ]


def gateway_routes(
    context: MeshContext, gateway: Resource, port: int, ports: dict[int, str], losses: list[Loss]
) -> list[GatewayRoute]:
    """Return the routes of a gateway on the listener with ``port``, one of its ``ports``."""
    found = []
    for resource in context.gateway_routes(gateway.key.name):
        for field in HTTP_ROUTE_FIELDS:
            if field not in resource.spec:
                continue
            place = Place(losses, resource.key) / field
            route = RoutePart(resource, field, resource.spec[field], place)
            if not is_on_port(route, port, ports):
                continue
            try:
                found.append(_gateway_route(context, route, losses))
            except RefusedError:
                continue
    return sorted(found, key=lambda item: item.rank)


def _gateway_route(context: MeshContext, route: RoutePart, losses: list[Loss]) -> GatewayRoute:
    match, action = route.part.get("match", {}), route.part["action"]
    service = _service(context, action["target"], route.place / "action" / "target", losses)
    domain = _domain(match.get("hostname", {}), route.place / "match" / "hostname")
    rewrite, place = action.get("rewrite", {}), route.place / "action" / "rewrite"
    translate = grpc_match if route.field == "grpcRoute" else http_match
    message = translate(match, route.place / "match")
    keeps_host = rewrite.get("hostname", {}).get("defaultTargetHostname") == "DISABLED"
    headers = {SERVICE_HEADER: service.name} if keeps_host else {}
    port = action["target"].get("port")
    if len(service.ports) > 1:
        headers[PORT_HEADER] = str(port)
    matches = _rewrites(message, rewrite, place)
    return GatewayRoute(route, domain, service, keeps_host, matches, headers)


def _service(context: MeshContext, target: Part, place: Place, losses: list[Loss]) -> Service:
    """Return the service of a gateway route.

    Raises:
        RefusedError: No request can reach it, or only on a port that is not chosen.
    """
    name = target["virtualService"]["virtualServiceName"]
    service = find_service(context, name, losses)
    if service is None:
        (place / "virtualService" / "virtualServiceName").warn(
            f"{name} cannot be reached; the gateway answers 404"
        )
        raise RefusedError
    served = [port for port, protocol in service.ports.items() if protocol != TCP]
    port = target.get("port")
    if not served or (port is not None and port not in served):
        at = place if port is None else place / "port"
        raise at.refusal(f"{name} has no such http port; the gateway answers 404")
    if port is None and len(service.ports) > 1:
        raise place.refusal(f"{name} has {len(service.ports)} ports, so the port is needed")
    return service


def _domain(hostname: Part, place: Place) -> str:
    """Return the domain of a virtual host; names of hosts do not differ in case.

    Raises:
        RefusedError: No request can have the host.
    """
    if "exact" in hostname:
        if not is_host(hostname["exact"]):
            raise (place / "exact").refusal("this is not a host name")
        return str(hostname["exact"]).lower()
    if "suffix" in hostname:
        suffix = str(hostname["suffix"]).removeprefix("*").removeprefix(".")
        if not is_host(suffix):
            raise (place / "suffix").refusal("this is not the suffix of a host name")
        return f"*.{suffix.lower()}"
    return ANY_HOST


def _rewrites(match: Message, rewrite: Part, place: Place) -> tuple[tuple[Message, Message], ...]:
    """Return the matches of a route, each with its rewrite."""
    if "grpc" in match:
        return ((match, {}),)
    if path := rewrite.get("path", {}).get("exact"):
        if "path" in match:
            value = require_header_value(path, place / "path" / "exact")
            return ((match, {"prefix_rewrite": value}),)
        return ((match, {"regex_rewrite": _whole_path(path, place / "path" / "exact")}),)
    chosen = rewrite.get("prefix", {})
    if "prefix" not in match and chosen:
        (place / "prefix").info("it has no effect, because the route matches no prefix")
    if "prefix" not in match or chosen.get("defaultPrefix") == "DISABLED":
        return ((match, {}),)
    return _prefix_rewrites(match, chosen, place / "prefix")


def _prefix_rewrites(
    match: Message, chosen: Part, place: Place
) -> tuple[tuple[Message, Message], ...]:
    value = require_header_value(chosen.get("value") or "/", place / "value")
    prefix = match["prefix"]
    if prefix.endswith("/"):
        return ((match, {"prefix_rewrite": value}),)
    # Otherwise /x/1 would become //1.
    inside = {**match, "prefix": f"{prefix}/"}
    inside_value = value if value.endswith("/") else f"{value}/"
    return (inside, {"prefix_rewrite": inside_value}), (match, {"prefix_rewrite": value})


def _whole_path(path: str, place: Place) -> Message:
    value = require_header_value(path, place).replace("\\", "\\\\")
    return {"pattern": {"regex": "^.*$"}, "substitution": value}

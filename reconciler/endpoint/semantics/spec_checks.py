"""What a request has to keep beyond its description: one table of rules, each with its source.

Pure: it judges a call that the description already allows. What depends on the state is judged in
``references``; what happens to a call that is not refused is decided in ``operations``.

The sources: *UG* is the App Mesh user guide of 2023-04, *RM* a thread of the public
aws/aws-app-mesh-roadmap, *API* the API reference, *model* the SDKs' service model, *controller*
the checks of aws-app-mesh-controller-for-k8s, *TF* terraform-provider-aws. A rule without evidence
says *chosen*: the strictest reading that every known client survives.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.api import ListOf, Operation, Shape, Structure
from reconciler.endpoint.semantics import check_functions as check
from reconciler.endpoint.semantics.behaviors import Behavior
from reconciler.endpoint.semantics.check_functions import Check
from reconciler.endpoint.state.tables import Scope

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One request, understood: who asks for what, with parameters as JSON has them."""

    operation: Operation
    scope: Scope
    parameters: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name of the resource that it is about; empty for a list."""
        kind = self.operation.kind
        if kind is None:
            return str(self.parameters["resourceArn"].rpartition("/")[2])
        return str(self.parameters.get(kind.path[-1], ""))


def violations_of_rules(call: Call, behavior: Behavior) -> Iterator[tuple[str, str]]:
    """Yield how a call breaks the rules, each as the error's name and the words."""
    for name, value, path in _parts(call.operation.request, dict(call.parameters), ()):
        for rule in RULES.get(name if path else "Request", ()):
            # Where the service's words are known, they come without the place.
            placed = path and rule not in _ROUTE_CHECKS
            place = f"{'.'.join(map(str, path))}: " if placed else ""
            code = behavior.reserved_tag if rule is check.reserved_tag else "BadRequestException"
            for words in rule(value, behavior):
                yield code, f"{place}{words}"


def _parts(shape: Shape, value: Any, path: Path) -> Iterator[tuple[str, Any, Path]]:
    """Yield every structure and list within a value, the outermost first."""
    if isinstance(shape, Structure):
        yield shape.name, value, path
        for name, member in value.items():
            yield from _parts(shape.members[name].shape, member, (*path, name))
    elif isinstance(shape, ListOf):
        yield shape.name, value, path
        for index, item in enumerate(value):
            yield from _parts(shape.item, item, (*path, index))


_ROUTE_CHECKS = (check.service_discovery, check.listener_required)
_RETRY_EVENT_FIELDS = ("httpRetryEvents", "tcpRetryEvents")

# By the shape of the description that a rule judges; ``Request`` is the whole.
RULES: Mapping[str, tuple[Check, ...]] = {
    # RM 101: a slash in meshName is a 400; control characters: chosen. Services: TF. Routers: UG.
    "Request": (check.names, check.service_name, check.word_names),
    "TagRef": (check.reserved_tag,),  # UG on tagging, as for every AWS service
    "TagList": (check.repeated_tags,),  # chosen
    "Duration": (check.duration_pair,),  # controller, TF
    "MatchRange": (check.ascending_range,),  # controller
    "RouteSpec": (check.exactly_one(*check.ROUTES),),  # UG, TF
    "GatewayRouteSpec": (check.exactly_one(*check.GATEWAY_ROUTES),),  # UG, controller
    # controller; the slash: API
    "HttpRouteMatch": (check.exactly_one("prefix", "path"), check.starts_with("prefix", "/")),
    # controller, UG; the slash: API; reserved prefixes: UG on gateway routes
    "HttpGatewayRouteMatch": (
        check.at_least_one("prefix", "path", "hostname"),
        check.at_most_one("prefix", "path"),
        check.starts_with("prefix", "/"),
        check.reserved("prefix", "/aws-appmesh", "/aws-app-mesh"),
    ),
    "GrpcGatewayRouteMatch": (  # as above
        check.at_least_one("serviceName", "hostname"),
        check.reserved("serviceName", "aws.app-mesh", "aws.appmesh"),
    ),
    "HttpPathMatch": (check.exactly_one("exact", "regex"),),  # controller, as the next four
    "GatewayRouteHostnameMatch": (check.exactly_one("exact", "suffix"),),
    "HttpGatewayRouteRewrite": (check.at_most_one("prefix", "path"),),
    "HttpGatewayRoutePrefixRewrite": (
        check.exactly_one("defaultPrefix", "value"),
        check.enclosing_slashes,
    ),
    "RouteAction": (check.weights,),  # model; a behavior
    "HttpRetryPolicy": (check.at_least_one(*_RETRY_EVENT_FIELDS), check.retry_events),  # API
    "GrpcRetryPolicy": (
        check.at_least_one("grpcRetryEvents", *_RETRY_EVENT_FIELDS),
        check.retry_events,
    ),
    "GrpcRouteMatch": (check.method_with_service,),  # API
    "Listener": (check.single_protocol,),  # UG for the pool; for the time-out: chosen
    "VirtualGatewayListener": (check.single_protocol,),
    # API, controller; a behavior. Discovery: TF pull request 13337, with these words
    "VirtualNodeSpec": (check.health_check_port, check.service_discovery, check.listener_required),
    "VirtualGatewaySpec": (check.health_check_port,),
}

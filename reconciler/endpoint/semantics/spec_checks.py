"""The rules of the API that its description does not contain: one table, with sources.

The checks here do not depend on the stored state; ``references`` has those that do.

Abbreviations of sources: *UG* is the App Mesh user guide of 2023-04, *RM* a thread of the public
aws/aws-app-mesh-roadmap, *API* the API reference, *model* the service model of the SDKs,
*controller* the checks of aws-app-mesh-controller-for-k8s, *TF* terraform-provider-aws, *CDK*
aws-cdk. A rule without evidence has the note *assumed*: it is the strictest that all known clients
tolerate.
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
    """One parsed request: its operation, the caller's scope and the parameters as JSON."""

    operation: Operation
    scope: Scope
    parameters: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name of the resource; empty for a list."""
        kind = self.operation.kind
        if kind is None:
            return str(self.parameters["resourceArn"].rpartition("/")[2])
        return str(self.parameters.get(kind.path[-1], ""))


def violations_of_rules(call: Call, behavior: Behavior) -> Iterator[tuple[str, str]]:
    """Yield the violations of the rules in a call, each as an error code and a message."""
    for name, value, path in _parts(call.operation.request, dict(call.parameters), ()):
        for rule in RULES.get(name if path else "Request", ()):
            for message in rule(value, behavior):
                is_tag = rule is check.reserved_tag
                code = behavior.reserved_tag if is_tag else "BadRequestException"
                # These two messages are those of the service, which do not contain the path.
                has_prefix = path and rule not in _SERVICE_MESSAGES
                yield code, f"{'.'.join(map(str, path))}: {message}" if has_prefix else message


def _parts(shape: Shape, value: Any, path: Path) -> Iterator[tuple[str, Any, Path]]:
    """Yield every structure and list in a value, parents first."""
    if isinstance(shape, Structure):
        yield shape.name, value, path
        for name, member in value.items():
            yield from _parts(shape.members[name].shape, member, (*path, name))
    elif isinstance(shape, ListOf):
        yield shape.name, value, path
        for index, item in enumerate(value):
            yield from _parts(shape.item, item, (*path, index))


_SERVICE_MESSAGES = (check.service_discovery, check.listener_required)
_RETRY_EVENT_FIELDS = ("httpRetryEvents", "tcpRetryEvents")

# By the name of the shape in the description; ``Request`` is the whole request.
RULES: Mapping[str, tuple[Check, ...]] = {
    # RM 101: a slash in meshName is a 400; control characters: assumed. Services: TF. Routers: UG.
    "Request": (check.names, check.service_name, check.word_names),
    "TagRef": (check.reserved_tag,),  # UG on tagging, as for every AWS service
    "TagList": (check.repeated_tags,),  # assumed
    "Duration": (check.duration_pair,),  # controller, TF
    "MatchRange": (check.ascending_range,),  # controller; a behavior
    "RouteSpec": (check.exactly_one(*check.ROUTES),),  # UG, TF
    "GatewayRouteSpec": (check.exactly_one(*check.GATEWAY_ROUTES),),  # UG, controller
    # controller, and that one is required: a behavior; the slash: API
    "HttpRouteMatch": (
        check.path_required,
        check.at_most_one("prefix", "path"),
        check.starts_with("prefix", "/"),
    ),
    # controller, UG; the slash: API; reserved prefixes: UG on gateway routes
    "HttpGatewayRouteMatch": (
        check.at_least_one("prefix", "path", "hostname"),
        check.at_most_one("prefix", "path"),
        check.starts_with("prefix", "/"),
        check.reserved("prefix", "/aws-appmesh", "/aws-app-mesh"),
    ),
    # CDK takes any of the four, and its integration test sends only a port; the controller wants
    # one of the first two. The reserved names: UG on gateway routes
    "GrpcGatewayRouteMatch": (
        check.at_least_one("serviceName", "hostname", "metadata", "port"),
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
    "Listener": (check.single_protocol,),  # the pool: UG; the timeout: assumed
    "VirtualGatewayListener": (check.single_protocol,),
    # API, controller; a behavior. Discovery: TF pull request 13337, with this wording
    "VirtualNodeSpec": (check.health_check_port, check.service_discovery, check.listener_required),
    "VirtualGatewaySpec": (check.health_check_port,),
}

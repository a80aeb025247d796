"""What a request has to keep beyond its description: one table of rules, each with its source.

Pure: it judges a call that the description already allows. What depends on the state is judged in
``references``; what happens to a call that is not refused is decided in ``operations``.

The sources: *UG* is the App Mesh user guide of 2023-04, *RM* a thread of the public
aws/aws-app-mesh-roadmap, *API* the API reference, *model* the SDKs' service model, *controller*
the checks of aws-app-mesh-controller-for-k8s, *TF* terraform-provider-aws. A rule without evidence
says *chosen*: the strictest reading that every known client survives.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.api import ListOf, Operation, Shape, Structure
from reconciler.endpoint import checks as check
from reconciler.endpoint.behaviours import Behaviour
from reconciler.endpoint.records import World

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One request, understood: who asks for what, with parameters as JSON has them."""

    operation: Operation
    world: World
    parameters: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name of the resource that it is about; empty for a list."""
        kind = self.operation.kind
        if kind is None:
            return str(self.parameters["resourceArn"].rpartition("/")[2])
        return str(self.parameters.get(kind.path[-1], ""))


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that a part of a request has to keep; ``complaints`` yields how it does not."""

    about: str
    """The shapes of the description whose values it judges; ``Request`` is the whole."""
    says: str
    source: str
    complaints: Callable[[Any, Behaviour], Iterator[str]]
    code: Callable[[Behaviour], str] = lambda _: "BadRequestException"
    placed: bool = True
    """Whether the complaint begins with the place; not where the service's words are known."""


def complaints(call: Call, behaviour: Behaviour) -> Iterator[tuple[str, str]]:
    """Yield how a call breaks the rules, each as the error's name and the words."""
    for name, value, path in _parts(call.operation.request, dict(call.parameters), ()):
        for rule in _RULES_ABOUT.get(name if path else "Request", ()):
            for words in rule.complaints(value, behaviour):
                place = f"{'.'.join(map(str, path))}: " if path and rule.placed else ""
                yield rule.code(behaviour), f"{place}{words}"


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


RULES = (
    Rule(
        "Request",
        "a name holds no slash; no control character either, as no path could carry it",
        "RM 101: a slash in meshName is a 400; control characters: chosen",
        check.names,
    ),
    Rule("Request", "a virtual service's name has 1 to 255 characters", "TF", check.service_name),
    Rule(
        "Request",
        "a virtual router's name holds letters, digits, hyphens and underscores",
        "UG; a behaviour, and one for meshes",
        check.word_names,
    ),
    Rule(
        "TagRef",
        "tag keys and values do not begin with aws:, in any case",
        "UG on tagging, as for every AWS service",
        check.reserved_tag,
        lambda behaviour: behaviour.reserved_tag,
    ),
    Rule("TagList", "a request names a tag key once", "chosen", check.repeated_tags),
    Rule(
        "Duration", "a duration has a unit and a value", "controller, TF", check.both_of_a_duration
    ),
    Rule("MatchRange", "a range begins before it ends", "controller", check.forwards),
    Rule("RouteSpec", "a route is of one protocol", "UG, TF", check.exactly_one(*check.ROUTES)),
    Rule(
        "GatewayRouteSpec",
        "a gateway route is of one protocol",
        "UG, controller",
        check.exactly_one(*check.GATEWAY_ROUTES),
    ),
    Rule(
        "HttpRouteMatch",
        "a route matches by prefix or by path",
        "controller",
        check.exactly_one("prefix", "path"),
    ),
    Rule(
        "HttpGatewayRouteMatch",
        "a gateway route matches by something",
        "controller, UG",
        check.at_least_one("prefix", "path", "hostname"),
    ),
    Rule(
        "HttpGatewayRouteMatch",
        "a gateway route does not match by prefix and path",
        "controller",
        check.at_most_one("prefix", "path"),
    ),
    Rule(
        "GrpcGatewayRouteMatch",
        "a gateway route matches by something",
        "controller, UG",
        check.at_least_one("serviceName", "hostname"),
    ),
    Rule(
        "HttpRouteMatch HttpGatewayRouteMatch",
        "a prefix begins with a slash",
        "API",
        check.begins("prefix", "/"),
    ),
    Rule(
        "HttpGatewayRouteMatch",
        "some prefixes are reserved for gateway routes",
        "UG on gateway routes",
        check.reserved("prefix", "/aws-appmesh", "/aws-app-mesh"),
    ),
    Rule(
        "GrpcGatewayRouteMatch",
        "some service names are reserved for gateway routes",
        "UG on gateway routes",
        check.reserved("serviceName", "aws.app-mesh", "aws.appmesh"),
    ),
    Rule(
        "HttpPathMatch",
        "a path matches in one way",
        "controller",
        check.exactly_one("exact", "regex"),
    ),
    Rule(
        "GatewayRouteHostnameMatch",
        "a host name matches in one way",
        "controller",
        check.exactly_one("exact", "suffix"),
    ),
    Rule(
        "HttpGatewayRouteRewrite",
        "a rewrite is of the prefix or of the path",
        "controller",
        check.at_most_one("prefix", "path"),
    ),
    Rule(
        "HttpGatewayRoutePrefixRewrite",
        "a prefix is rewritten in one way",
        "controller",
        check.exactly_one("defaultPrefix", "value"),
    ),
    Rule(
        "HttpGatewayRoutePrefixRewrite",
        "a rewritten prefix stands between slashes",
        "controller",
        check.slashes_around,
    ),
    Rule("RouteAction", "weights sum up to 100 or less", "model; a behaviour", check.weights),
    Rule(
        "HttpRetryPolicy",
        "a retry policy names an event",
        "API",
        check.at_least_one("httpRetryEvents", "tcpRetryEvents"),
    ),
    Rule(
        "GrpcRetryPolicy",
        "a retry policy names an event",
        "API",
        check.at_least_one("grpcRetryEvents", "httpRetryEvents", "tcpRetryEvents"),
    ),
    Rule(
        "HttpRetryPolicy GrpcRetryPolicy",
        "HTTP events are of four names",
        "API",
        check.retry_events,
    ),
    Rule("GrpcRouteMatch", "a method is one of a service", "API", check.method_of_a_service),
    Rule(
        "Listener VirtualGatewayListener",
        "connection pool and time-out are of the listener's protocol",
        "UG for the pool; for the time-out: chosen",
        check.one_protocol,
    ),
    Rule(
        "VirtualNodeSpec VirtualGatewaySpec",
        "a health check asks a port that is listened on",
        "API, controller; a behaviour",
        check.checked_port,
    ),
    Rule(
        "VirtualNodeSpec",
        "listeners need service discovery",
        "API, controller; the words: chosen",
        check.discovered,
        placed=False,
    ),
    Rule(
        "VirtualNodeSpec",
        "service discovery needs a listener",
        "TF pull request 13337, with these words",
        check.listening,
        placed=False,
    ),
)

_RULES_ABOUT = {
    name: [rule for rule in RULES if name in rule.about.split()]
    for name in " ".join(rule.about for rule in RULES).split()
}

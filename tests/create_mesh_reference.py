"""The CreateMesh page of the API reference, statement by statement, as cases to try."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

REFUSED = "rejected"
ACCEPTED = "accepted"
SENT = "sent"


@dataclass(frozen=True)
class Case:
    """A request body, and the results in a manifest, in the client and in the endpoint."""

    statement: str
    tried: str
    body: dict[str, Any]
    manifest: str
    client: str
    endpoint: int

    @property
    def row(self) -> str:
        cells = (self.statement, self.tried, self.manifest, self.client, str(self.endpoint))
        return f"| {' | '.join(cells)} |"


@dataclass(frozen=True)
class Error:
    """An error of the page: the outcome of the create, and the number of attempts."""

    code: str
    status: int
    attempts: int
    told: str
    outcome: str = "failed"
    exit_code: int = 1

    @property
    def row(self) -> str:
        return (
            f"| {self.code} | {self.status} | {self.outcome} | {self.attempts} "
            f"| {self.told} | {self.exit_code} |"
        )


def _tags(count: int) -> list[dict[str, str]]:
    return [{"key": f"k{number}", "value": "v"} for number in range(count)]


def _of(member: str, value: Any, **others: Any) -> dict[str, Any]:
    return {"meshName": "ecs-mesh", **others, member: value}


def _tag(key: str, value: str) -> dict[str, Any]:
    return _of("tags", [{"key": key, "value": value}])


def cases() -> Iterator[Case]:
    """Yield every case, in the order of the page."""
    identifier = "clientToken: up to 36 letters, numbers, hyphens, underscores; not required"
    for tried, value, status in (
        ("1 character", "a", 200),
        ("36 characters", "aZ0_-" * 7 + "x", 200),
        ("37 characters", "a" * 37, 400),
        ("a space in it", "a b", 400),
    ):
        yield Case(identifier, tried, _of("clientToken", value), REFUSED, SENT, status)
    name = "meshName: 1 to 255 characters; required"
    yield Case(name, "absent", {}, REFUSED, REFUSED, 400)
    yield Case(name, "0 characters", {"meshName": ""}, REFUSED, REFUSED, 400)
    yield Case(name, "1 character", {"meshName": "a"}, ACCEPTED, SENT, 200)
    yield Case(name, "255 characters", {"meshName": "a" * 255}, ACCEPTED, SENT, 200)
    yield Case(name, "256 characters", {"meshName": "a" * 256}, REFUSED, SENT, 400)
    spec = "spec: a MeshSpec; not required"
    yield Case(spec, "absent", {"meshName": "ecs-mesh"}, ACCEPTED, SENT, 200)
    yield Case(spec, "`{}`", _of("spec", {}), ACCEPTED, SENT, 200)
    yield Case(spec, "an unknown member", _of("spec", {"x": 1}), REFUSED, SENT, 400)
    egress = "spec.egressFilter.type: a string"
    for value, verdict, status in (
        ("ALLOW_ALL", ACCEPTED, 200),
        ("DROP_ALL", ACCEPTED, 200),
        ("ALLOW", REFUSED, 400),
    ):
        body = _of("spec", {"egressFilter": {"type": value}})
        yield Case(egress, value, body, verdict, SENT, status)
    preference = "spec.serviceDiscovery.ipPreference: a string"
    for value, verdict, status in (
        ("IPv6_PREFERRED", ACCEPTED, 200),
        ("IPv4_PREFERRED", ACCEPTED, 200),
        ("IPv4_ONLY", ACCEPTED, 200),
        ("IPv6_ONLY", ACCEPTED, 200),
        ("IPv5_ONLY", REFUSED, 400),
    ):
        body = _of("spec", {"serviceDiscovery": {"ipPreference": value}})
        yield Case(preference, value, body, verdict, SENT, status)
    tags = "tags: 0 to 50 items; not required"
    for count, verdict, status in (
        (0, ACCEPTED, 200),
        (48, ACCEPTED, 200),
        (49, REFUSED, 200),
        (50, REFUSED, 200),
        (51, REFUSED, 400),
    ):
        yield Case(tags, f"{count} items", _of("tags", _tags(count)), verdict, SENT, status)
    key = "tags.key: up to 128 characters"
    yield Case(key, "0 characters", _tag("", "v"), REFUSED, REFUSED, 400)
    yield Case(key, "1 character", _tag("k", "v"), ACCEPTED, SENT, 200)
    yield Case(key, "128 characters", _tag("k" * 128, "v"), ACCEPTED, SENT, 200)
    yield Case(key, "129 characters", _tag("k" * 129, "v"), REFUSED, SENT, 400)
    value_of_tag = "tags.value: up to 256 characters"
    yield Case(value_of_tag, "0 characters", _tag("k", ""), ACCEPTED, SENT, 200)
    yield Case(value_of_tag, "256 characters", _tag("k", "v" * 256), ACCEPTED, SENT, 200)
    yield Case(value_of_tag, "257 characters", _tag("k", "v" * 257), REFUSED, SENT, 400)


ERRORS = (
    Error("BadRequestException", 400, 2, "correct the manifest"),
    # The page: "Try the request again with a new client token." That is done once if the name is
    # not there, and after each refusal that the service may keep with the token.
    Error("ConflictException", 409, 2, "check which resource has this name"),
    Error("ForbiddenException", 403, 1, "the credentials do not permit this operation"),
    Error("InternalServerErrorException", 500, 3, "no effect is visible"),
    Error("LimitExceededException", 400, 2, "a quota is used up"),
    Error("NotFoundException", 404, 2, "the next run tries again"),
    Error("ServiceUnavailableException", 503, 3, "no effect is visible"),
    Error("TooManyRequestsException", 429, 3, "lower --parallelism, or wait"),
)

CASES_HEAD = (
    "| statement of the page | value | manifest | client | endpoint |\n|---|---|---|---|---|\n"
)
ERRORS_HEAD = (
    "| error | HTTP | outcome | attempts | the message contains | exit code |\n"
    "|---|---|---|---|---|---|\n"
)


def tables() -> tuple[str, str]:
    """Return both tables as Markdown."""
    return (
        CASES_HEAD + "".join(f"{case.row}\n" for case in cases()),
        ERRORS_HEAD + "".join(f"{error.row}\n" for error in ERRORS),
    )

"""One plan with everything in it that a rendering can show, and all renderings of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from builders import (
    NOW,
    SYNC,
    desired,
    egress,
    key,
    listening,
    plan,
    present,
    provided_by,
    route,
)

from reconciler.core.changes import Change
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Applied, Failed, Outcome, Report, Skipped, Stale
from reconciler.core.resources import Suspension, Unlisted
from reconciler.core.source_revision import SourceRevision
from reconciler.render import json_output, markdown, text

DROP, ALLOW = egress("DROP_ALL"), egress("ALLOW_ALL")
HOSTILE = "``` </code></details>\x1b[2J\u202e|[x](http://x) @team <img src=x> -->\n# \\$`"
CALLS = {"DescribeMesh": 10, "ListMeshes": 1, "GetResources": 1}


def rich_plan() -> Plan:
    """Return the plan."""
    made = plan(
        *(desired(f"shard-{number}") for number in range(1, 8)),
        desired("blue", DROP, tags={"team": "pay"}),
        desired("green", DROP, tags={"team": "pay"}),
        desired(HOSTILE, DROP, tags={HOSTILE: HOSTILE}),
        desired("adopted", DROP, adopt=True),
        present("adopted", DROP, owner=None),
        desired("opened", ALLOW, tags={"team": "pay", "note": "a long story, " * 12}),
        present("opened", DROP, tags={"old": "1"}, applied=desired("x", DROP, tags={"old": ""})),
        desired("closed", DROP),
        present("closed", ALLOW, applied=desired("closed", DROP)),
        desired("\uba54\uc2dc", {"serviceDiscovery": {"ipPreference": "IPv6_ONLY"}}),
        present("\uba54\uc2dc", {"serviceDiscovery": {"ipPreference": "IPv4_ONLY"}}),
        present("gone", DROP),
        *(desired(name) for name in ("theirs", "theirs-too")),
        *(present(name, owner=HOSTILE) for name in ("theirs", "theirs-too")),
        present("kept", applied=desired("kept", protect=True)),
        desired("paused", suspend=Suspension(NOW + timedelta(days=8), "load test")),
        desired("newer", DROP),
        present("newer", {"zones": "all"}, unknown=("/zones",)),
        desired("same"),
        present("same"),
        desired("virtual-router/same/edge", listening(80, protocol="grpc")),
        present("virtual-router/same/edge", listening(80)),
        present("virtual-node/same/one"),
        desired("virtual-node/same/one"),
        desired("route/same/edge/v1", route("one", prefix="/new")),
        present("route/same/edge/v1", route("one")),
        desired("virtual-service/same/waits", provided_by("virtualNode", "nowhere")),
        guards=SYNC,
    )
    unlisted = (Unlisted("virtual-gateway", key("same"), HOSTILE),)
    revision = SourceRevision("0123456789abcdef" * 2 + "01234567", HOSTILE, HOSTILE, dirty=True)
    traffic = {"virtual-router/same/edge": ("shop: /new* now goes to one", HOSTILE)}
    return replace(made, unlisted=unlisted, revision=revision, traffic=traffic)


def rich_report() -> Report:
    """Return what became of it: of every outcome one, and all others done."""
    made = rich_plan()
    outcomes = tuple(_outcome(made.changes.index(item), item) for item in made.changes)
    return Report(made, outcomes, len(made.renewals))


def _outcome(turn: int, change: Change) -> Outcome:
    match turn:
        case 1:
            return Failed(change, f"creating it: HTTP 400 {HOSTILE}; correct the manifest")
        case 2:
            return Stale(change, "it moved since the plan was made; plan again")
        case 3 | 4:
            return Skipped(change, "the run was stopped; run it again")
        case _:
            return Applied(change)


RENDERINGS: dict[str, Callable[[], str]] = {
    "plan.txt": lambda: text.render_plan(rich_plan(), color=False, calls=CALLS),
    "plan-in-color.txt": lambda: text.render_plan(rich_plan(), color=True, calls=CALLS),
    "plan-60-wide.txt": lambda: text.render_plan(rich_plan(), color=False, width=60, calls=CALLS),
    "plan.json": lambda: json_output.render_plan(rich_plan(), ExitCode.WITHHELD, CALLS),
    "plan.md": lambda: markdown.render_plan(rich_plan(), CALLS),
    "report.txt": lambda: text.render_report(rich_report(), color=False, calls=CALLS),
    "report.json": lambda: json_output.render_report(rich_report(), ExitCode.PARTIAL, CALLS),
    "report.md": lambda: markdown.render_report(rich_report(), CALLS),
}

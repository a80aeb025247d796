"""A plan for people: what they look for first, and nothing that could fool them."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from builders import NOW, SYNC, desired, egress, plan, present

from reconciler.core.changes import Cause
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.guards import GuardSettings, Policy
from reconciler.core.report import Applied, Failed, Report, Skipped, Stale
from reconciler.core.resources import (
    Desired,
    Key,
    LiveResource,
    Suspension,
    TargetId,
    Unlisted,
    Unreadable,
)
from reconciler.render import json_output, markdown
from reconciler.render.next_steps import render_next_steps
from reconciler.render.terminal import MIN_WIDTH, cell_width
from reconciler.render.text import render_outcome, render_plan, render_report

DROP, ALLOW = egress("DROP_ALL"), egress("ALLOW_ALL")


def test_every_kind_of_change_has_its_block() -> None:
    made = plan(
        desired("adopted", DROP, adopt=True),
        present("adopted", DROP, owner=None),
        desired("new", DROP, tags={"team": "pay"}),
        desired("opened", ALLOW, tags={"team": "pay"}),
        present("opened", DROP, tags={"old": "1"}, applied=desired("x", DROP, tags={"old": ""})),
        present("gone", DROP),
        desired("theirs"),
        present("theirs", owner="somebody"),
        desired("same"),
        present("same", applied=desired("same")),
        guards=SYNC,
    )
    assert (
        render_plan(made, color=False)
        == """\
target test (http://127.0.0.1:1), account 123456789012, region eu-west-1, owner platform

  = mesh/adopted  unknown  manifests/adopted.yaml:1:1
      + tags.mesh-reconciler:owner  "platform"

  + mesh/new  new  manifests/new.yaml:1:1
      + spec.egressFilter.type  "DROP_ALL"
      + tags.team               "pay"

  ~ mesh/opened  manifest changed  manifests/opened.yaml:1:1
      ~ spec.egressFilter.type  "DROP_ALL" -> "ALLOW_ALL"
      - tags.old                "1"
      + tags.team               "pay"
      ! opens traffic

  - mesh/gone  manifest removed
      - spec.egressFilter.type  "DROP_ALL"

Withheld:
  ! mesh/theirs  foreign: it is owned by somebody, not by platform

Plan: 1 to create, 1 to update, 1 to adopt, 1 to delete; 1 unchanged, 1 withheld.
"""
    )


def test_nothing_to_do_is_said_in_one_line() -> None:
    result = render_plan(plan(desired("a"), present("a", applied=desired("a"))), color=False)
    assert result.endswith("\n\nNo changes. 1 resource matches the manifests.\n")


def test_records_to_renew_are_counted_in_the_last_line() -> None:
    unmarked = plan(desired("a"), present("a"), desired("b"), present("b"))
    assert render_plan(unmarked, color=False).endswith(
        "\n\nNo changes. 2 resources match the manifests. 2 last-applied records to renew.\n"
    )
    assert render_report(Report(unmarked, (), 2), color=False).endswith(
        "Applied: 2 of 2 records renewed.\n"
    )
    assert "0 of 2 records renewed" in render_report(Report(unmarked, ()), color=False)
    changed = plan(desired("a"), present("a"), desired("b"))
    assert render_plan(changed, color=False).endswith(
        "; 1 unchanged. 1 last-applied record to renew.\n"
    )


BLOCKED = Unlisted("virtual-node", Key("mesh", ("m",)), "403")


@pytest.mark.parametrize(
    ("items", "guards", "gaps", "blocked"),
    [
        ([desired("a"), present("a", owner="x")], SYNC, (), "1 withheld"),
        ([present("b"), present("c")], SYNC, (), "2 withheld (2 to delete)"),
        ([present("b")], GuardSettings(), (), "1 withheld (1 to delete)"),
        (
            [desired("a", DROP), desired("b", DROP), present("b", ALLOW)],
            GuardSettings(Policy.OBSERVE),
            (),
            "2 withheld (1 to create, 1 to update)",
        ),
        ([Unreadable(Key("mesh", ("u",)), "500")], SYNC, (), "1 withheld"),
        ([], SYNC, (BLOCKED,), "1 list could not be read"),
        (
            [present("b")],
            SYNC,
            (BLOCKED, BLOCKED._replace(kind="route")),
            "1 withheld (1 to delete), 2 lists could not be read",
        ),
    ],
)
def test_it_never_reads_no_changes_while_anything_is_blocked(
    items: list[Desired | LiveResource | Unreadable],
    guards: GuardSettings,
    gaps: tuple[Unlisted, ...],
    blocked: str,
) -> None:
    pairs = [
        item for name in "yz" for item in (desired(name), present(name, applied=desired(name)))
    ]
    result = render_plan(plan(*items, *pairs, guards=guards, gaps=gaps), color=False)
    last = result.splitlines()[-1]
    assert last == f"Nothing to apply: {blocked}. 2 resources match the manifests."
    assert "No changes" not in result


def test_what_could_not_be_listed_is_named_with_its_reason_and_counted() -> None:
    live = present("m", applied=desired("m"))
    made = plan(desired("m"), live, desired("new"), gaps=(BLOCKED,))
    result = render_plan(made, color=False)
    assert (
        "\nCould not be read:\n"
        "  ! virtual-node/m/*  they could not be listed, and some may be ours: 403\n"
    ) in result
    assert result.endswith("; 1 unchanged, 1 list could not be read.\n")
    (change,) = made.changes
    report = render_report(Report(made, (Applied(change),)), color=False)
    assert report.startswith(
        "Applied: 1 created, 1 list could not be read.\n1 list could not be read: "
    )


def test_what_is_suspended_shows_the_change_that_waits() -> None:
    later = Suspension(NOW.replace(year=2030), "load test")
    paused = [desired(name, DROP, suspend=later) for name in ("a", "b")]
    result = render_plan(plan(*paused, present("a", ALLOW, applied=paused[0])), color=False)
    assert (
        "  ! mesh/a, mesh/b  suspended: suspended until 2030-11-23T12:00:00+00:00: load test\n"
        "    ~ mesh/a  drifted  manifests/a.yaml:1:1\n"
        '      ~ spec.egressFilter.type  "ALLOW_ALL" -> "DROP_ALL"\n'
        "      ! closes traffic\n"
        "    + mesh/b  new  manifests/b.yaml:1:1\n"
        '      + spec.egressFilter.type  "DROP_ALL"\n'
    ) in result


def test_every_withheld_delete_is_named() -> None:
    names = [f"m{number:02}" for number in range(42)]
    result = render_plan(plan(*map(present, names), guards=SYNC), color=False)
    assert all(f"mesh/{name}" in result for name in names)
    assert "more" not in result


def test_an_owner_id_that_owns_nothing_is_told_of() -> None:
    theirs = [item for name in "ab" for item in (desired(name), present(name, owner="team\x07"))]
    result = render_plan(plan(*theirs, desired("new")), color=False)
    note = (
        "\n\nNo live resource is owned by platform, but 2 resources are owned by team\\x07: "
        "check --owner.\nPlan: 1 to create"
    )
    assert note in result
    assert "is owned by team" in render_plan(plan(*theirs[:2]), color=False)
    empty = render_plan(plan(), color=False)
    assert "\n\nNo live resource is owned by platform: check --owner.\nNo changes." in empty
    for other in (
        plan(*theirs, present("ours")),
        plan(*theirs, Unreadable(Key("mesh", ("u",)), "500")),
        plan(*theirs, gaps=(BLOCKED,)),
        plan(desired("new")),
        plan(desired("a"), present("a", owner=None)),
        replace(plan(*theirs), owned=None),
    ):
        assert "check --owner" not in render_plan(other, color=False)


def test_the_same_reason_is_told_once_for_many() -> None:
    blind = [Unreadable(Key("mesh", (f"m{number:02}",)), "HTTP 403") for number in range(12)]
    result = render_plan(plan(*blind), color=False)
    assert result.count("HTTP 403") == 1
    assert f"! {', '.join(str(item.key) for item in blind)}  unreadable: " in result


def test_the_same_change_is_told_once_for_many() -> None:
    names = [f"m{number:02}" for number in range(42)]
    result = render_plan(plan(*(desired(name, DROP) for name in names)), color=False)
    assert result.count("spec.egressFilter.type") == 1
    assert "  + mesh/m04  new  manifests/m04.yaml:1:1\n    and 37 more: same change on 42" in result
    assert "m05" not in result
    few = render_plan(plan(*(desired(name, DROP) for name in names[:2])), color=False)
    assert "m01.yaml:1:1\n    same change on 2 resources\n      + spec" in few


def test_what_differs_in_anything_but_the_resource_is_told_apart() -> None:
    made = plan(
        *(desired(name, ALLOW) for name in ("a", "b")),
        present("a", DROP, applied=desired("a", DROP)),
        present("b", DROP, applied=desired("b", ALLOW)),
        desired("c", tags={"n": "1"}),
        desired("d", tags={"n": "2"}),
    )
    result = render_plan(made, color=False)
    assert "same change" not in result
    assert result.count('"DROP_ALL" -> "ALLOW_ALL"') == 2


def test_calls_are_counted_where_they_are_known() -> None:
    result = render_plan(plan(), color=True, calls={"B": 1, "C": 2, "A": 1})
    assert result.endswith("\x1b[2m4 API calls: 2 C, 1 A, 1 B\x1b[0m\n")
    item = render_report(Report(plan(), ()), color=False, calls={"ListMeshes": 1})
    assert item == "Applied: nothing to do.\n1 API call: 1 ListMeshes\n"


def test_no_terminal_is_too_narrow() -> None:
    made = plan(desired("\uba54" * 30, DROP))
    result = render_plan(made, color=False, width=1)
    assert result == render_plan(made, color=False, width=MIN_WIDTH)
    assert max(map(cell_width, result.splitlines())) == MIN_WIDTH


def test_e11_hostile_names_cannot_steer_a_terminal() -> None:
    hostile = "a\x1b[2J\u202ecod\n\udcff"
    desired_resource = desired(hostile, DROP, tags={"k\r": hostile})
    result = render_plan(plan(desired_resource), color=False)
    assert result.isascii()
    assert all(line.isprintable() for line in result.splitlines())
    assert "\\x1b[2J\\u202ecod\\n" in result
    live: LiveResource = present("a", DROP, owner="evil\x1b[0m")
    assert "\x1b" not in render_plan(plan(desired("a"), live), color=False)


def test_color_adds_nothing_but_color() -> None:
    made = plan(desired("a", ALLOW), present("a", DROP), desired("b"), present("c", owner="x"))
    colored = render_plan(made, color=True)
    assert "\x1b[33m" in colored
    assert re.sub(r"\x1b\[\d+m", "", colored) == render_plan(made, color=False)


def test_outcomes_and_their_counts() -> None:
    made = plan(desired("a"), desired("b"), desired("c"), desired("d"), present("x", owner="y"))
    first, second, third, fourth = made.changes
    outcomes = (Applied(first), Failed(second, "why"), Skipped(third, "s"), Stale(fourth, "moved"))
    lines = [render_outcome(outcome, color=False) for outcome in outcomes]
    assert lines == [
        "mesh/a: created",
        "mesh/b: create failed: why",
        "mesh/c: create skipped: s",
        "mesh/d: create stale: moved",
    ]
    report = Report(made, outcomes)
    result = render_report(report, color=False, calls={"CreateMesh": 2})
    counts = "Applied: 1 created, 1 failed, 1 skipped, 1 stale, 1 withheld.\n"
    assert result == f"{counts}{render_next_steps(report)}2 API calls: 2 CreateMesh\n"
    assert render_report(Report(plan(), ()), color=False) == "Applied: nothing to do.\n"


def test_an_unknown_account_is_called_so() -> None:
    target = TargetId("http://x", "http://x", None, "r")
    result = render_plan(plan(target=target), color=False)
    assert result.startswith("target http://x, account unknown, region r, owner platform\n")


def test_every_cause_is_a_word_for_people() -> None:
    assert all(cause.value.replace(" ", "").isalpha() for cause in Cause)


def canary(*nodes: tuple[str, int]) -> dict[str, Any]:
    targets = [{"virtualNode": name, "weight": weight} for name, weight in nodes]
    action = {"weightedTargets": targets}
    return {"httpRoute": {"match": {"prefix": "/"}, "action": action}}


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ([("v1", 100)], [("v1", 80), ("v2", 20)], "v1 100 % -> 80 %, v2 0 % -> 20 %"),
        ([("v1", 2), ("v2", 1)], [("v2", 3)], "v1 66.7 % -> 0 %, v2 33.3 % -> 100 %"),
        ([("v1", 1)], [("v1", 9999), ("v2", 1)], "v1 100 % -> 99.9 %, v2 0 % -> 0.1 %"),
        ([("v1", 1)], [("v\x1b", 1)], "v1 100 % -> 0 %, v\\x1b 0 % -> 100 %"),
    ],
)
def test_an_update_of_a_route_says_how_it_moves_traffic(
    before: list[tuple[str, int]], after: list[tuple[str, int]], words: str
) -> None:
    made = plan(
        desired("m"),
        present("m"),
        desired("virtual-router/m/r", {}),
        present("virtual-router/m/r", {}),
        desired("route/m/r/x", canary(*after)),
        present("route/m/r/x", canary(*before)),
        *(
            item
            for name, _ in (*before, *after)
            for item in (desired(f"virtual-node/m/{name}"), present(f"virtual-node/m/{name}"))
        ),
    )
    assert f"      ! traffic: {words}\n" in render_plan(made, color=False)
    assert f"\n! traffic: {words}\n" in markdown.render_plan(made)
    (change,) = json.loads(json_output.render_plan(made, ExitCode.OK))["plan"]["changes"]
    first = change["shares"][0]
    assert (first["target"], first["before"]) == (
        "v1",
        pytest.approx(before[0][1] / sum(weight for _, weight in before)),
    )

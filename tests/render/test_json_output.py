"""A plan and a report as JSON: canonical, and complete."""

import json

from builders import SYNC, desired, egress, plan, present

from reconciler.core.exit_codes import ExitCode
from reconciler.core.report import Applied, Failed, Report, Skipped, Stale
from reconciler.render.json_output import render_plan, render_report

DROP, ALLOW = egress("DROP_ALL"), egress("ALLOW_ALL")
MADE = plan(
    desired("a", ALLOW),
    present("a", DROP),
    desired("b"),
    desired("c", ALLOW, tags={"t": "1"}),
    present("c", DROP, tags={"old": "2"}, applied=desired("c", DROP, tags={"old": "2"})),
    present("d"),
    desired("e"),
    present("e", owner="somebody"),
    guards=SYNC,
)


def test_every_outcome_has_its_words() -> None:
    first, second, third, fourth = MADE.changes
    outcomes = (Applied(first), Failed(second, "f"), Skipped(third, "s"), Stale(fourth, "m"))
    document = json.loads(render_report(Report(MADE, outcomes), ExitCode.PARTIAL))
    result = [(outcome["outcome"], outcome.get("reason")) for outcome in document["outcomes"]]
    assert result == [("applied", None), ("failed", "f"), ("skipped", "s"), ("stale", "m")]
    assert document["exit_name"] == "partial"
    assert document["converged"] is False


def test_a_plan_is_told_whole_and_the_same_way_each_time() -> None:
    text = render_plan(MADE, ExitCode.WITHHELD)
    assert text == render_plan(MADE, ExitCode.WITHHELD)
    document = json.loads(text)["plan"]
    assert [change["operation"] for change in document["changes"]] == [
        "update", "create", "update", "delete",
    ]  # fmt: skip
    fields = {field["pointer"]: field for field in document["changes"][2]["fields"]}
    assert fields["/tags/old"] == {"pointer": "/tags/old", "before": "2"}
    assert fields["/tags/t"] == {"pointer": "/tags/t", "after": "1"}
    assert document["changes"][0]["traffic"] == "opens traffic"
    assert document["changes"][3]["origin"] is None
    (withheld,) = document["withheld"]
    assert (withheld["key"], withheld["reason_code"], withheld["change"]) == (
        "mesh/e",
        "foreign",
        None,
    )


def test_what_a_policy_held_back_is_told_with_its_change() -> None:
    made = plan(desired("a", DROP), present("b"))
    withheld = json.loads(render_plan(made, ExitCode.OK))["plan"]["withheld"]
    assert withheld[0]["change"]["operation"] == "delete"


def test_a_plan_contains_what_is_sent_besides_the_canonical_specs() -> None:
    padded = {**ALLOW, "serviceDiscovery": {}}
    made = plan(
        desired("a", padded),
        desired("b", padded),
        present("b", DROP),
        desired("c", padded, tags={"t": "1"}),
        present("c", ALLOW),
        present("d"),
        guards=SYNC,
    )
    document = json.loads(render_plan(made, ExitCode.OK))["plan"]
    assert document["specs"] == "canonical"
    sent = {change["key"]: (change["operation"], change["spec"]) for change in document["changes"]}
    assert sent == {
        "mesh/a": ("create", padded),
        "mesh/b": ("update", padded),
        "mesh/c": ("update", None),
        "mesh/d": ("delete", None),
    }
    created = next(change for change in document["changes"] if change["key"] == "mesh/a")
    assert created["patch"][0]["value"]["spec"] == ALLOW

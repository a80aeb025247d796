"""A plan as a comment: within a forge's limit, and nothing from outside is markup in it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from builders import OWNER, TARGET, desired, egress, plan, present
from comments import blocks_of, folded
from sample_plan import HOSTILE, rich_plan, rich_report

from reconciler import limits
from reconciler.core.diff import MISSING, FieldChange
from reconciler.core.planning.guards import GuardSettings, Policy
from reconciler.core.planning.plan import Plan
from reconciler.core.planning.three_way import FieldDiff, MergeConflict, ThreeWay
from reconciler.core.report import Applied, Failed, Report
from reconciler.core.resources import Key, Spec, Unlisted, Unreadable
from reconciler.render.markdown import (
    marker,
    plan_blocks,
    render_message,
    render_plan,
    render_report,
    reviewed_in,
    with_reviewed,
)
from reconciler.render.phrases import groups, reasons

DROP, ALLOW = egress("DROP_ALL"), egress("ALLOW_ALL")


def groups_of(made: Plan) -> int:
    """Return how many groups of changes there are, those that are withheld included."""
    withheld = sum(len(alike.pending) for alike in reasons(made.withheld))
    return len(groups(made.changes)) + withheld


def test_hostile_text_is_text() -> None:
    hostile = replace(rich_plan(), owner=HOSTILE, target=replace(TARGET, name=HOSTILE))
    for text in (render_plan(hostile), render_report(replace(rich_report(), plan=hostile))):
        assert len(folded(text)) == groups_of(hostile)
        assert text.count("-->") == 1 + sum(line.count("-->") for line in text.splitlines()[1:])


def test_the_first_line_finds_the_comment_of_the_same_target_and_owner_alone() -> None:
    made = plan()
    first = marker(made.target.name, made.owner)
    assert first == "<!-- mesh-reconciler:plan test/platform -->"
    assert render_plan(made).splitlines()[0] == first
    assert render_report(Report(made, ())).splitlines()[0] == first
    assert marker("a", "b/c") != marker("a/b", "c")


def test_the_part_of_a_target_has_the_verdicts_and_effects_of_its_plan() -> None:
    text = "\n\n".join(block.text for block in plan_blocks(rich_plan()))
    assert "! traffic: shop: /new* now goes to one" in text
    whole = render_plan(rich_plan())
    assert all(block.text in whole for block in plan_blocks(rich_plan()))


def test_what_opens_or_closes_traffic_comes_first_and_is_not_folded() -> None:
    made = plan(
        *(desired(f"m{number}", ALLOW) for number in range(7)),
        *(present(f"m{number}", DROP) for number in range(7)),
    )
    before = render_plan(made).partition("<details>")[0]
    assert "> **opens traffic**: `mesh/m0`, " in before
    assert "`mesh/m4` and 2 more" in before
    assert "closes" not in before
    no_effect = plan(desired("a", DROP), present("a"))
    assert "WARNING" not in render_plan(no_effect)
    assert "<b>no effect on traffic</b></summary>" in render_plan(no_effect)


def test_what_failed_is_told_before_the_plan() -> None:
    made = plan(desired("a"), desired("b"), desired("c", DROP))
    first, second, third = made.changes
    outcomes = (Failed(first, "why `so`"), Failed(second, "why `so`"), Applied(third))
    text = render_report(Report(made, outcomes), {"CreateMesh": 3})
    assert "### Applied: 2 failed, 1 created.\n" in text
    assert "\n- **create failed** `mesh/a`, `mesh/b`: `` why `so` ``\n" in text.partition("<det")[0]
    named = f"<sub>`fingerprint {made.fingerprint}`"
    assert text.endswith(f"{named} · `3 API calls: 3 CreateMesh`</sub>\n")
    assert render_report(Report(made, outcomes)).endswith(f"{named}</sub>\n")


NUMBERS = [f"{number:04}" for number in range(5_000)]


def creates() -> Plan:
    return plan(*(desired(f"m{number}", DROP, tags={"n": number}) for number in NUMBERS))


def deletes() -> Plan:
    live = (present(f"m{number}", tags={"n": number}) for number in NUMBERS)
    allowed = GuardSettings(policy=Policy.SYNC, max_deletes=len(NUMBERS), allow_empty=True)
    return plan(*live, guards=allowed)


def creates_beside_what_cannot_be_read() -> Plan:
    wide = "\uba54\uc2dc" * 30
    return plan(
        *(desired(f"m{number}", tags={wide: number}) for number in NUMBERS),
        *(Unreadable(Key("mesh", (f"u{number}",)), f"request {number}") for number in NUMBERS),
    )


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize("make", [creates, deletes, creates_beside_what_cannot_be_read])
def test_thousands_of_changes_fit_into_a_comment(make: Callable[[], Plan]) -> None:
    made = make()
    failed = Report(made, tuple(Failed(change, f"why {change.key}") for change in made.changes))
    for text in (render_plan(made), render_report(failed)):
        assert limits.MAX_COMMENT_BYTES - 4_000 < len(text.encode()) <= limits.MAX_COMMENT_BYTES
        shown = folded(text)
        assert len(shown) > 50
        assert f"**{len(made.changes) - len(shown)} resources not shown**" in text
        assert not made.withheld or text.count("**unreadable**") > 50


def test_a_change_too_large_for_a_comment_hides_no_other() -> None:
    huge: Spec = {"logging": {"format": {"text": "x" * limits.MAX_COMMENT_BYTES}}}
    text = render_plan(plan(desired("a"), desired("b", huge), desired("c", DROP)))
    assert [content.split()[0] for content in folded(text)] == ["mesh/a", "mesh/c"]
    assert "**1 resource not shown**" in text


def test_names_without_end_leave_room_for_the_rest() -> None:
    long = "n" * limits.MAX_COMMENT_BYTES
    made = plan(
        *(item for end in "ab" for item in (desired(long + end, ALLOW), present(long + end, DROP))),
        desired("short"),
    )
    text = render_plan(replace(made, target=replace(TARGET, url=long)))
    assert len(text.encode()) <= limits.MAX_COMMENT_BYTES
    assert [content.split()[0] for content in folded(text)] == ["mesh/short"]
    assert "> **opens traffic**: `mesh/nnn" in text
    assert "nnna`, `mesh/nnn" in text


def test_what_is_due_to_the_change_is_told_first_and_is_text_too() -> None:
    key, pointer = Key("mesh", (HOSTILE,)), "/spec/" + HOSTILE.replace("~", "~0").replace("/", "~1")
    field = FieldChange(pointer, HOSTILE, MISSING)
    compared = ThreeWay(
        (FieldDiff(key, (field,)), FieldDiff(key, (FieldChange("", MISSING, {"spec": {}}),))),
        (FieldDiff(key, (FieldChange("", {"spec": HOSTILE}, MISSING),)),),
        (MergeConflict(key, pointer, HOSTILE, MISSING, HOSTILE),),
    )
    text = render_plan(rich_plan(), note=HOSTILE, three_way=compared)
    assert len(folded(text)) == groups_of(rich_plan())
    order = (
        "**Note:** ",
        "Effect of this change",
        "differences between live and base",
        "both here and live",
        "**Withheld:**",
    )
    places = [text.index(result) for result in order]
    assert places == sorted(places)
    assert "- + `" in text
    assert "- - `" in text
    assert "→ absent" in text
    nothing = render_plan(plan(), three_way=ThreeWay((), (), ()))
    assert "**This change has the same desired state as its base.**" in nothing


def test_what_is_blocked_is_named_whole_with_the_change_that_waits() -> None:
    names = [f"m{number:03}" for number in range(120)]
    text = render_plan(plan(*map(present, names), guards=GuardSettings(policy=Policy.SYNC)))
    assert "### Nothing to apply: 120 withheld (120 to delete)." in text
    assert all(f"`mesh/{name}`" in text for name in names)
    assert text.count("- **guard** ") == 3
    assert "not shown**" not in text
    made = plan(*map(present, names), guards=GuardSettings(Policy.SYNC, 120, allow_empty=True))
    failed = Report(made, tuple(Failed(change, "why") for change in made.changes))
    result = render_report(failed).partition("<details>")[0]
    assert all(f"`mesh/{name}`" in result for name in names)


def test_what_waits_is_told_from_what_is_applied() -> None:
    withheld = plan(desired("a", DROP), present("a", ALLOW), guards=GuardSettings(Policy.OBSERVE))
    assert "<summary>withheld: ~ update <code>mesh/a</code>" in render_plan(withheld)


def test_what_could_not_be_listed_and_a_wrong_owner_are_told_of() -> None:
    unlisted = Unlisted("virtual-node", Key("mesh", ("m",)), "`403`")
    text = render_plan(plan(gaps=(unlisted,)))
    assert "### Nothing to apply: 1 list could not be read." in text
    assert (
        "**Could not be read:**\n\n- **unlisted** `virtual-node/m/*`: "
        "`` they could not be listed, and some may be ours: `403` ``\n"
    ) in text
    theirs = plan(desired("a"), present("a", owner="team"))
    note = (
        "`No live resource is owned by platform, but 1 resource is owned by team: check --owner.`"
    )
    assert note in render_plan(theirs)
    assert note in render_report(Report(theirs, ()))
    some = plan(desired("a"), present("a", owner="team"), desired("b"))
    assert note in render_plan(some)
    assert "check --owner" not in render_report(Report(some, (Applied(some.changes[0]),)))


def test_a_message_is_text_however_long() -> None:
    assert [block.type for block in blocks_of(render_message("Title", HOSTILE))][-1] == "fence"
    long = render_message("Title", "é" * limits.MAX_COMMENT_BYTES)
    assert len(long.encode()) < limits.MAX_COMMENT_BYTES
    assert long.endswith("é\n```\n")


def test_what_was_reviewed_is_read_from_the_second_line_alone() -> None:
    fingerprint = plan().fingerprint
    comment = with_reviewed(render_plan(plan()), fingerprint)
    blocks_of(comment)
    assert comment.splitlines()[0] == marker("test", OWNER)
    assert reviewed_in(comment) == fingerprint
    assert reviewed_in(comment.replace("\n", "\r\n")) == fingerprint
    assert reviewed_in(render_plan(plan())) is None
    assert reviewed_in("a\n" + comment) is None
    assert reviewed_in(comment.replace(fingerprint, fingerprint[1:])) is None

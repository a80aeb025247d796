"""Whatever stands in names, tags, paths and reasons, no rendering is steered by it."""

import json
import re
from dataclasses import replace

import pytest
from builders import NOW, SYNC, TARGET, desired, egress, mesh, plan, present
from comments import folded
from hypothesis import given
from hypothesis import strategies as st
from json_schema import faults

from reconciler import limits
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Failed, Report
from reconciler.core.resources import Suspension, Unlisted
from reconciler.render import markdown, text
from reconciler.render.json_output import render_report
from reconciler.render.output_schema import report_schema
from reconciler.render.phrases import groups
from reconciler.render.terminal import MIN_WIDTH, cell_width

SCHEMA = report_schema()
WORDS = (
    "`", "```", "~~~", "</code>", "</details>", "<details>", "<!--", "-->", "@team", "#1", "|",
    "\\", "[x](http://x)", "![x](y)", "<http://x>", "www.x.org", "$", "&lt;", "**", "\n", "\r\n",
    "\n\n", "\x1b[2J", "\x85", "\u2028", "\u202e", "\u200b", " ", "\t", "- ", "+ ", "\uff21",
    "! opens traffic", "e\u0301",
)  # fmt: skip
TEXT = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=40),
    st.lists(st.sampled_from(WORDS), max_size=12).map("".join),
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Return plans in which all that others can choose is any text."""
    names = draw(st.lists(TEXT.filter(len), min_size=5, max_size=5, unique=True))
    created, updated, deleted, foreign, paused = names
    tags = draw(st.dictionaries(TEXT, TEXT, max_size=3))
    made = plan(
        desired(created, tags=tags),
        desired(updated, egress("ALLOW_ALL")),
        present(updated, {"egressFilter": {"type": draw(TEXT)}}, tags=tags),
        present(deleted, tags=tags),
        desired(foreign),
        present(foreign, owner=draw(TEXT)),
        desired(paused, tags=tags, suspend=Suspension(NOW.replace(year=2030), draw(TEXT))),
        guards=SYNC,
    )
    return replace(
        made,
        owner=draw(TEXT),
        target=replace(TARGET, name=draw(TEXT)),
        unlisted=(Unlisted("virtual-node", mesh(draw(TEXT)), draw(TEXT)),)
        * draw(st.integers(0, 1)),
        owned=draw(st.integers(0, 1)),
    )


def report_of(made: Plan, why: str) -> Report:
    return Report(made, tuple(Failed(change, why) for change in made.changes))


@pytest.mark.unmeasured
@given(plans(), st.integers(MIN_WIDTH, 200))
def test_text_has_no_control_characters_and_keeps_to_its_width(made: Plan, width: int) -> None:
    wide = text.render_plan(made, color=False)
    narrow = text.render_plan(made, color=False, width=width)
    assert all(line.isprintable() for line in (wide + narrow).split("\n"))
    assert max(map(cell_width, narrow.split("\n"))) <= width
    assert re.sub(r"\s", "", narrow) == re.sub(r"\s", "", wide), "nothing is cut"
    colored = text.render_plan(made, color=True, width=width)
    assert re.sub(r"\x1b\[\d+m", "", colored) == narrow


@pytest.mark.unmeasured
@given(plans(), TEXT)
def test_json_is_one_line_of_what_the_schema_says(made: Plan, why: str) -> None:
    line = render_report(report_of(made, why), ExitCode.ERROR, {why: 1})
    document = json.loads(line)
    assert list(faults(document, SCHEMA, SCHEMA)) == []
    assert [change["key"] for change in document["plan"]["changes"]] == [
        str(change.key) for change in made.changes
    ]


@pytest.mark.unmeasured
@given(plans(), TEXT)
def test_markdown_holds_no_markup_but_ours(made: Plan, why: str) -> None:
    report = report_of(made, why)
    for comment in (markdown.render_plan(made, {why: 2}), markdown.render_report(report, {why: 2})):
        assert len(comment) <= limits.MAX_COMMENT_BYTES
        # The create that is suspended is folded too.
        assert len(folded(comment)) == len(groups(made.changes)) + 1

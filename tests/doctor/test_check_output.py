"""Findings fit a terminal, and steer none."""

from reconciler.doctor.check_output import render_text
from reconciler.doctor.results import CheckResult, CheckStatus
from reconciler.render.terminal import Layout

FINDINGS = [
    CheckResult(CheckStatus.OK, "owner", "platform"),
    CheckResult(
        CheckStatus.ERROR, "target", "no answer came,\n\x1b[31m from there; look whether it runs"
    ),
]


def test_each_is_a_line_where_nobody_measures() -> None:
    assert render_text(FINDINGS, Layout(color=False)) == (
        "✓ owner   platform\n✗ target  no answer came, \\x1b[31m from there; look whether it runs\n"
    )


def test_it_is_folded_at_words_below_itself() -> None:
    result = render_text(FINDINGS, Layout(color=True, width=40)).splitlines()
    assert result[0] == "\x1b[32m✓\x1b[0m owner   platform"
    assert result[1:] == [
        "\x1b[31m✗\x1b[0m target  no answer came, \\x1b[31m from",
        "        there; look whether it runs",
    ]

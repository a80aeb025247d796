"""A daemon's status as a table and as JSON."""

import json
from dataclasses import replace

import pytest
from web.samples import HOSTILE, NOW, calm, sample_statuses, status

from reconciler.core.resources import Key
from reconciler.core.state.daemon_status import LeaseStatus, State
from reconciler.render.json_output import render_status as as_json
from reconciler.render.status_table import render_status, worst_first
from reconciler.render.terminal import Layout, format_duration

PLAIN = Layout(color=False)


def test_what_needs_somebody_comes_first() -> None:
    assert render_status(status(resources=sample_statuses()[:3]), now=NOW, layout=PLAIN) == (
        "target test (http://127.0.0.1:1), account 123456789012, region eu-west-1, "
        "owner platform, policy sync\n"
        f"commit 0123456789ab by {HOSTILE}\\x1b: Close the egress {HOSTILE}\n"
        "Cycle 42 ended 12 s ago with 4 (partial); one every 1 min.\n"
        "! virtual-node/orders/*: they could not be listed, and some may be ours: "
        f"403 {HOSTILE}\n"
        "! manifests/a.yaml:2:1: error[MR012] is not valid YAML\n"
        "\n"
        "  failed      mesh/ledger     4 min  manifest changed; 2 fields differ; updating "
        "mesh/ledger: TooManyRequestsException: rate exceeded; lower --parallelism, or wait; "
        "update failed 12 s ago; 3 attempts failed, the next in 48 s; manifests/ledger.yaml:14:1\n"
        "  drifted     mesh/orders    21 min  drifted; 1 field differs; closes traffic; "
        "the policy observe only looks; manifests/orders.yaml:1:1\n"
        "  in sync     mesh/payments     3 d  updated 3 d ago; manifests/payments.yaml:1:1\n"
        "\n"
        "3 resources: 1 failed, 1 drifted, 1 in sync.\n"
    )


def test_a_missing_resource_shows_when_it_was_last_seen() -> None:
    missing = [item for item in sample_statuses() if item.key.name == "ghost"]
    result = render_status(calm(resources=tuple(missing)), now=NOW, layout=PLAIN)
    assert "  drifted     mesh/ghost    20 s  missing; last seen 1 min ago; the policy" in result


def test_before_the_first_cycle_there_is_nothing_to_tell() -> None:
    new = calm(cycle=0, cycle_finished_at=None, exit_code=None, resources=(), error="no answer")
    result = render_status(new, now=NOW, layout=PLAIN)
    assert result.endswith("No cycle has ended yet.\n! no answer\n\n0 resources.\n")


def test_a_cycle_that_runs_is_told_from_the_one_before() -> None:
    result = render_status(calm(cycle_started_at=NOW - 1), now=NOW, layout=PLAIN)
    assert "Cycle 42 is running, the previous one ended 12 s ago with 0 (ok)" in result


@pytest.mark.parametrize(
    ("holder", "text"), [("host-2:1", "lock held by host-2:1"), ("", "lock has no holder")]
)
def test_standby_shows_the_holder(holder: str, text: str) -> None:
    waiting = calm(lease=LeaseStatus(holder, 15.0, NOW), is_leader=False)
    assert f"Standby: {text}." in render_status(waiting, now=NOW, layout=PLAIN)


def test_e11_nothing_in_it_steers_a_terminal() -> None:
    result = render_status(
        calm(
            owner="\x1b[2J",
            diagnostics=("a\x07b",),
            error="c\u202ed",
            resources=tuple(sample_statuses()[-1:]),
        ),
        now=NOW,
        layout=PLAIN,
    )
    assert all(line.isprintable() for line in result.splitlines())
    assert HOSTILE in result


def test_colors_change_nothing_else() -> None:
    plain, colored = (
        render_status(status(), now=NOW, layout=Layout(color)) for color in (False, True)
    )
    assert "\x1b[31mfailed    \x1b[0m" in colored
    for code in ("\x1b[31m", "\x1b[33m", "\x1b[36m", "\x1b[32m", "\x1b[1m", "\x1b[0m"):
        colored = colored.replace(code, "")
    assert colored == plain


def test_a_narrow_page_breaks_its_lines_and_cuts_none() -> None:
    result = render_status(status(), now=NOW, layout=Layout(color=False, width=60))
    assert max(map(len, result.splitlines())) <= 60
    whole = render_status(status(), now=NOW, layout=PLAIN)
    assert "".join(result.split()) == "".join(whole.split())


def test_every_state_has_its_place() -> None:
    found = [resource.state for resource in worst_first(sample_statuses())]
    assert list(dict.fromkeys(found)) == [
        State.FAILED, State.UNREADABLE, State.DRIFTED, State.WITHHELD, State.STALE, State.PENDING,
        State.SUSPENDED, State.IN_SYNC,
    ]  # fmt: skip


def test_json_is_canonical_and_has_its_version() -> None:
    shown = status()
    text = as_json(shown, healthy=False)
    assert text == as_json(status(resources=tuple(reversed(sample_statuses()))), healthy=False)
    result = json.loads(text)
    assert (result["schema"], result["healthy"], result["resources"][0]["key"]) == (
        1,
        False,
        str(Key("mesh", ("ledger",))),
    )


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(-3, "0 s"), (59, "59 s"), (60, "1 min"), (3_600, "1 h"), (90_000, "25 h"), (200_000, "2 d")],
)
def test_spans_are_told_in_their_largest_unit(seconds: float, told: str) -> None:
    assert format_duration(seconds) == told


def test_effects_on_traffic_are_shown() -> None:
    effects = ("cart: v1 100 % -> 80 %", HOSTILE)
    shown = replace(sample_statuses()[1], effects=effects)
    text = render_status(status(resources=(shown,)), now=NOW, layout=PLAIN)
    assert f"closes traffic; cart: v1 100 % -> 80 %; {HOSTILE}; " in text
    document = json.loads(as_json(status(resources=(shown,)), healthy=True))
    assert document["resources"][0]["effects"] == [*effects]

"""Next steps after an apply: one line for each kind of unfinished work."""

from collections import Counter

from reconciler.core.exit_codes import ExitCode
from reconciler.core.report import REASON_EXIT_CODES, Failed, Outcome, Report, Skipped, Stale
from reconciler.render.terminal import plural

OUTCOME_STEPS: dict[type[Outcome], str] = {
    Failed: "failed: fix the reason in its line, then apply again; no change is made twice",
    Stale: "stale: changed since the plan, so not written; run plan again and review it",
    Skipped: "skipped: no request was sent; apply again to continue",
}
UNLISTED_STEP = "could not be read: fix the reason in the plan, then run again"
WITHHELD_STEP = "withheld: see the reasons in the plan"


def render_next_steps(report: Report) -> str:
    """Return the lines; empty if everything was applied."""
    kinds = Counter(type(outcome) for outcome in report.outcomes)
    lines = [f"{kinds[kind]} {step}" for kind, step in OUTCOME_STEPS.items() if kinds[kind]]
    withheld = report.plan.withheld
    if any(REASON_EXIT_CODES[item.reason_code] is not ExitCode.OK for item in withheld):
        lines.append(f"{len(withheld)} {WITHHELD_STEP}")
    if unlisted := report.plan.unlisted:
        lines.append(f"{plural(len(unlisted), 'list')} {UNLISTED_STEP}")
    return "".join(f"{line}.\n" for line in lines)

"""What to do next, once a plan was carried out: a line for each kind of thing left undone."""

from collections import Counter

from reconciler.core.exit_codes import ExitCode
from reconciler.core.report import REASON_EXIT_CODES, Failed, Outcome, Report, Skipped, Stale
from reconciler.render.terminal import plural

OUTCOME_STEPS: dict[type[Outcome], str] = {
    Failed: "failed: mend what its line says, and apply again; what is done is not done twice",
    Stale: "stale: the live side moved and was left as it is; run plan again and read it anew",
    Skipped: "skipped: nothing was sent for it; apply again to go on",
}
OF_UNLISTED = "could not be read: the plan says why; remove the cause and run again"
WITHHELD_STEP = "withheld: see the reasons in the plan"


def render_advice(report: Report) -> str:
    """Return the lines; none where everything is done."""
    kinds = Counter(type(outcome) for outcome in report.outcomes)
    lines = [f"{kinds[kind]} {advice}" for kind, advice in OUTCOME_STEPS.items() if kinds[kind]]
    withheld = report.plan.withheld
    if any(REASON_EXIT_CODES[item.reason_code] is not ExitCode.OK for item in withheld):
        lines.append(f"{len(withheld)} {WITHHELD_STEP}")
    if unlisted := report.plan.unlisted:
        lines.append(f"{plural(len(unlisted), 'list')} {OF_UNLISTED}")
    return "".join(f"{line}.\n" for line in lines)

"""Explanations of exit codes: a run that ends with each, and what to do then."""

from collections.abc import Mapping

from reconciler.core.exit_codes import ExitCode
from reconciler.render.explained.explanation import Explanation, without_manifest

EXIT_CODES: Mapping[ExitCode, Explanation] = {
    ExitCode.OK: without_manifest(
        "Nothing.",
        "plan of resources that match the manifests.",
    ),
    ExitCode.ERROR: without_manifest(
        "Read the message. If the target could not be read, run doctor. The code is also 1 if the "
        "confirmation was declined, or if a JSON or Markdown report could not be printed whole.",
        "apply without a connection to the target.",
    ),
    ExitCode.PENDING: without_manifest(
        "Review the changes, then run apply.",
        "plan --detailed-exitcode after a manifest has changed.",
    ),
    ExitCode.PARTIAL: without_manifest(
        "Fix the reasons that the report lists, then run apply again: it continues.",
        "apply of two changes, one of which the API rejects.",
    ),
    ExitCode.WITHHELD: without_manifest(
        "Read the lines below Withheld in the plan: each has the reason and, if there is one, the "
        "option that allows the change. With many targets, also read the line below the table.",
        """plan --policy sync after two manifests were removed.

$ reconciler plan --policy sync
Withheld:
  ! route/shop/edge/a, route/shop/edge/b  guard: 2 deletes exceed --max-deletes 1, \
so nothing is deleted: pass --max-deletes 2

$ reconciler plan --all-targets --wide-share 50%
4 of 4 targets have changes other than creates, which is more than --wide-share 50%, \
so apply changes nothing: pass --wide""",
    ),
    ExitCode.STALE: without_manifest(
        "Plan again and review the result.",
        "apply --plan plan.json after another tool has changed a resource of the plan.",
    ),
    ExitCode.LOCKED: without_manifest(
        "Wait, or stop the process that holds the lock; the message has its name.",
        "apply --lock file:lock while another apply holds it.",
    ),
    ExitCode.USAGE: without_manifest(
        "Correct the option or the setting that the message reports.",
        "plan --polcy sync",
    ),
    ExitCode.MANIFESTS: without_manifest(
        "Run validate and correct the diagnostics; explain CODE explains each of them.",
        "plan of a manifest with invalid YAML.",
    ),
    ExitCode.INTERRUPTED: without_manifest(
        "Run the command again; apply continues, and no change is made twice.",
        "Ctrl-C during apply.",
    ),
    ExitCode.TERMINATED: without_manifest(
        "Run the command again; apply continues, and no change is made twice.",
        "A CI system stops a job whose time is over.",
    ),
}

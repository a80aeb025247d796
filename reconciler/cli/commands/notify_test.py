"""The notify test command: sends one notification to each receiver."""

import time

from reconciler.cli.command import Invocation
from reconciler.cli.output import print_error, print_result
from reconciler.core.errors import UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.core.resources import TargetId
from reconciler.core.state.findings import TARGET, Finding, FindingKind, Notification
from reconciler.notify.sender import NotifyError, post
from reconciler.wiring.notify import name_of, open_receiver

_TEXT = "this is a test: reconciler notify test was run"


def run(invocation: Invocation) -> int:
    """Send one notification to each receiver, and print which of them accepted it."""
    configs = invocation.file.notify
    if not configs:
        raise UsageError("reconciler.toml has no [[notify]] table: add one for each receiver")
    receivers = [
        (name_of(number, config), open_receiver(config)) for number, config in enumerate(configs)
    ]
    target = TargetId("test", "", None, "")
    finding = Finding(FindingKind.FAILED, TARGET, _TEXT, lasts=False)
    code = ExitCode.OK
    for name, receiver in receivers:
        notification = Notification(FindingKind.FAILED, (finding,), target, "test", time.time())
        try:
            post(receiver.request(notification))
        except NotifyError as error:
            print_error(f"{name} did not accept the notification: {error}")
            code = ExitCode.ERROR
        else:
            print_result(f"{name} accepted the notification.\n")
    return code

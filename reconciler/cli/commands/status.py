"""The status command: shows the status from a running daemon."""

import time

from reconciler.cli.command import Invocation
from reconciler.cli.output import layout, print_complete_result
from reconciler.core.exit_codes import ExitCode
from reconciler.core.state.daemon_status import DaemonStatus
from reconciler.core.state.fleet_status import FleetStatus
from reconciler.render import fleet_status
from reconciler.render.status_table import render_status
from reconciler.web.client import fetch_any_status, fetch_status


def run(invocation: Invocation) -> int:
    """Show the status of all resources, or of all targets, from a running daemon."""
    url, target = invocation["url"], invocation["target"]
    status: DaemonStatus | FleetStatus
    text, status = fetch_status(url, target) if target else fetch_any_status(url)
    shape = layout(invocation["color"])
    if invocation["format"] == "json":
        print_complete_result(text)
    elif isinstance(status, FleetStatus):
        print_complete_result(fleet_status.as_text(status, now=time.time(), layout=shape))
    else:
        print_complete_result(render_status(status, now=time.time(), layout=shape))
    return ExitCode.OK

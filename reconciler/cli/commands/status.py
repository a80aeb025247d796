"""The status command: shows the status from a running daemon."""

import time

from reconciler.cli.command import Invocation
from reconciler.cli.output import layout, print_complete_result
from reconciler.core.exit_codes import ExitCode
from reconciler.render.status_table import render_status
from reconciler.web.client import fetch_status


def run(invocation: Invocation) -> int:
    """Show the status of all resources, from a running daemon."""
    text, status = fetch_status(invocation["url"])
    if invocation["format"] == "json":
        print_complete_result(text)
    else:
        print_complete_result(
            render_status(status, now=time.time(), layout=layout(invocation["color"]))
        )
    return ExitCode.OK

"""The verb that asks a running daemon how everything stands."""

import time

from reconciler.cli.command import Invocation
from reconciler.cli.output import layout, print_complete_result
from reconciler.core.exit_codes import ExitCode
from reconciler.render.status_table import render_status
from reconciler.web.client import fetch_status


def run(invocation: Invocation) -> int:
    """Show how everything stands, as a running daemon knows it."""
    text, status = fetch_status(invocation["url"])
    if invocation["format"] == "json":
        print_complete_result(text)
    else:
        print_complete_result(
            render_status(status, now=time.time(), layout=layout(invocation["color"]))
        )
    return ExitCode.OK

"""The verb that asks a running daemon how everything stands."""

import time

from reconciler.cli.options import Invocation
from reconciler.cli.output import show_whole, terminal_width, wants_color
from reconciler.core.exit_codes import ExitCode
from reconciler.render.status import render_status
from reconciler.render.style import Page
from reconciler.web.client import fetch_status


def run(invocation: Invocation) -> int:
    """Show how everything stands, as a running daemon knows it."""
    text, status = fetch_status(invocation["url"])
    if invocation["format"] == "json":
        show_whole(text)
    else:
        page = Page(wants_color(invocation["color"]), terminal_width())
        show_whole(render_status(status, now=time.time(), page=page))
    return ExitCode.OK

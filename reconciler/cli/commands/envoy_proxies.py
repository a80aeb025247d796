"""The envoy proxies command: shows the Envoys that an endpoint serves."""

from reconciler.cli.command import Invocation
from reconciler.cli.output import layout, print_complete_result
from reconciler.core.exit_codes import ExitCode
from reconciler.render.proxy_table import render_proxies
from reconciler.web.client import fetch_proxies


def run(invocation: Invocation) -> int:
    """Show the connected Envoys and their acknowledgments."""
    text, scopes = fetch_proxies(invocation["url"])
    if invocation["format"] == "json":
        print_complete_result(text)
    else:
        print_complete_result(render_proxies(scopes, layout(invocation["color"])))
    return ExitCode.OK

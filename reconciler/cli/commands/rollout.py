"""The rollout command: shows, holds or resumes the rollout of a running daemon."""

from pathlib import Path

from reconciler.cli.command import Invocation
from reconciler.cli.output import layout, print_complete_result
from reconciler.core.exit_codes import ExitCode
from reconciler.render import rollout
from reconciler.web.rollout_client import command_rollout, fetch_rollout
from reconciler.web.token_file import read_token


def run(invocation: Invocation) -> int:
    """Show the rollout of a running daemon; hold or resume it first if that was passed."""
    url = invocation["url"]
    if invocation.paths:
        token = read_token(Path(invocation["token_file"]))
        text, status = command_rollout(url, token, invocation.paths[0])
    else:
        text, status = fetch_rollout(url)
    if invocation["format"] == "text":
        text = rollout.as_text(status, layout(invocation["color"]))
    print_complete_result(text)
    return ExitCode.OK

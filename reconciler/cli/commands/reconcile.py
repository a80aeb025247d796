"""The reconcile command: makes a running daemon run a cycle."""

from pathlib import Path

from reconciler.cli.command import Invocation
from reconciler.cli.output import print_result
from reconciler.web.client import request_cycle
from reconciler.web.token_file import read_token


def run(invocation: Invocation) -> int:
    """Make a running daemon run a cycle now, and return the exit code of the cycle."""
    token = read_token(Path(invocation["token_file"]))
    cycle, code = request_cycle(
        invocation["url"], token, invocation["target"], allow_rewind=invocation["allow_rewind"]
    )
    advice = "; see: reconciler status" if code else "."
    print_result(f"Cycle {cycle} ended with {int(code)} ({code.word}){advice}\n")
    return code

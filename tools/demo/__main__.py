"""Shows that an edited weight moves the traffic of a real Envoy: python -m demo."""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from demo.processes import DemoError, Processes, free_ports, require_free
from demo.screen import Screen
from demo.show import show
from demo.stack import start_all
from demo.stopping import StoppedError, Stopping
from demo.tasks import isolation
from install_envoy import EnvoyUnavailableError, install_envoy

VERSION = "1.40.0"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(given)
    screen = Screen()
    try:
        _run(options, given, screen, Stopping())
    except StoppedError as stopped:
        screen.error("stopped: all processes have ended and no file is left")
        return stopped.code
    except DemoError as error:
        screen.error(str(error))
        return 1
    if options.picture:
        screen.save(options.picture)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--envoy", metavar="PROGRAM", help="Envoy to run. Default: from its wheel.")
    parser.add_argument(
        "--port",
        type=int,
        help="Port of the gateway on this machine, whose nodes have no Envoys then.",
    )
    parser.add_argument("--isolated", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--edits", type=int, default=20, help="Number of edits to measure.")
    parser.add_argument("--seconds", type=float, default=3.0, help="Time to show each weight for.")
    parser.add_argument("--picture", metavar="FILE", help="Write the output as SVG.")
    return parser


def _run(
    options: argparse.Namespace, given: Sequence[str], screen: Screen, stopping: Stopping
) -> None:
    if options.port:
        require_free(options.port)
    envoy = Path(options.envoy) if options.envoy else _install(screen)
    if not (options.port or options.isolated) and (command := isolation()):
        again = (sys.executable, "-m", "demo", "--isolated", *given, "--envoy", str(envoy))
        os.execvp(command[0], [*command, *again])
    screen.title()
    gateway_port, *ports = free_ports(4)
    with tempfile.TemporaryDirectory(prefix="mesh-demo-") as directory:
        processes = Processes(Path(directory), stopping)
        try:
            port = options.port or gateway_port
            has_tasks = options.isolated
            stack = start_all(processes, envoy, port, ports, screen, has_tasks=has_tasks)
            show(stack, screen, options.seconds, options.edits)
        finally:
            stopping.ignore()
            processes.end()


def _install(screen: Screen) -> Path:
    screen.moving(f"installing Envoy {VERSION} into the cache (100 MB, only the first time)")
    try:
        return install_envoy(VERSION)
    except EnvoyUnavailableError as error:
        raise DemoError(
            f"{error}: run make demo again with a network, or pass ENVOY=PROGRAM"
            " with an Envoy of this machine"
        ) from error


if __name__ == "__main__":
    sys.exit(main())

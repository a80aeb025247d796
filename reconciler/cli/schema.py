"""The verb that prints a JSON Schema, for editors and other programs."""

import json

from reconciler.cli.logs import start_logging
from reconciler.cli.options import Invocation, make_command
from reconciler.cli.output import show
from reconciler.core.exit_codes import ExitCode
from reconciler.manifest.schema import manifest_schema


def run(invocation: Invocation) -> int:
    """Print the JSON Schema of what the product reads."""
    start_logging(invocation["log_level"], invocation["log_format"])
    # There is one to choose yet; a second one makes this a match on invocation["of"].
    show(json.dumps(manifest_schema(), indent=2) + "\n")
    return ExitCode.OK


command = make_command("schema", run)

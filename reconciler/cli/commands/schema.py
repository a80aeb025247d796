"""The schema command: prints a JSON Schema, for editors and other programs."""

import json

from reconciler.cli.command import Invocation
from reconciler.cli.output import print_complete_result
from reconciler.core.exit_codes import ExitCode
from reconciler.manifest.models.manifest_schema import manifest_schema
from reconciler.render.output_schema import plan_schema, report_schema

SCHEMAS = {"manifest": manifest_schema, "plan": plan_schema, "report": report_schema}


def run(invocation: Invocation) -> int:
    """Print the JSON Schema of manifests, plans or reports."""
    print_complete_result(json.dumps(SCHEMAS[invocation["of"]](), indent=2) + "\n")
    return ExitCode.OK

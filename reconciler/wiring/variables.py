"""The variables of a run, from its options, the files that they name, and the environment."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler.core.errors import UsageError
from reconciler.manifest.variables import from_environment, parse_pairs, parse_variables_file


def read_variables(values: Mapping[str, Any]) -> Mapping[str, str]:
    """Return what --var, --var-file and --var-env say; the first of them that names it counts.

    ``values`` are the options by field name. Of several files the last one that names it counts.
    UsageError where one cannot be read or is not understood.
    """
    variables = from_environment(os.environ) if values["var_env"] else {}
    for file in values["var_file"]:
        try:
            content = Path(file).read_bytes()
        except OSError as error:
            raise UsageError(f"reading {file}: {error.strerror}") from error
        variables |= parse_variables_file(file, content)
    return variables | parse_pairs(values["var"])

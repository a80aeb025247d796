"""Reads the variables of a run from its options, files and the environment."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler.manifest.parsing.variables import (
    from_environment,
    parse_pairs,
    parse_variables_file,
)
from reconciler.settings.config_file import read_bounded


def read_variables(values: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the variables of --var, --var-file and --var-env, in this order of precedence.

    If several files set a variable, the last one counts. `values` are the options by field name.

    Raises:
        UsageError: a file or a value cannot be read or parsed.
    """
    variables = from_environment(os.environ) if values["var_env"] else {}
    for file in values["var_file"]:
        variables |= parse_variables_file(file, read_bounded(Path(file)))
    return variables | parse_pairs(values["var"])

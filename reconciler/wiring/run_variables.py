"""The variables of a run, from its options, the files that they name, and the environment."""

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
    """Return what --var, --var-file and --var-env say; the first of them that names it counts.

    ``values`` are the options by field name. Of several files the last one that names it counts.
    UsageError where one cannot be read or is not understood.
    """
    variables = from_environment(os.environ) if values["var_env"] else {}
    for file in values["var_file"]:
        variables |= parse_variables_file(file, read_bounded(Path(file)))
    return variables | parse_pairs(values["var"])

"""Reads the inputs of manifests from options, files, the environment and reconciler.toml."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler.manifest.inputs import Inputs, NameDefaults
from reconciler.manifest.parsing.stack_outputs import parse_stack_outputs
from reconciler.manifest.parsing.variables import (
    from_environment,
    parse_pairs,
    parse_variables_file,
)
from reconciler.settings.config_file import ConfigFile, read_bounded
from reconciler.settings.target_config import OptionValues, namespace_of


def read_inputs(options: OptionValues, file: ConfigFile) -> Inputs:
    """Return the inputs of the manifests of a run.

    Raises:
        UsageError: a file or a value cannot be read or parsed.
    """
    defaults = (NameDefaults(**table) for table in file.name_defaults)
    return Inputs(
        _variables(options.values),
        tuple(defaults),
        parse_pairs(options.values["var_yaml"], "--var-yaml"),
        namespace_of(options, file),
    )


def _variables(values: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the variables: --var first, then --var-file, --stack-outputs and --var-env.

    If several files of one option set a variable, the last one counts.
    """
    variables = from_environment(os.environ) if values["var_env"] else {}
    for name in values["stack_outputs"]:
        variables |= parse_stack_outputs(name, read_bounded(Path(name)))
    for name in values["var_file"]:
        variables |= parse_variables_file(name, read_bounded(Path(name)))
    return variables | parse_pairs(values["var"])

"""Reads the inputs of manifests from options, files, the environment and reconciler.toml."""

import os
from collections.abc import Mapping
from pathlib import Path

from reconciler.manifest.inputs import Inputs, NameDefaults
from reconciler.manifest.parsing.stack_outputs import parse_stack_outputs
from reconciler.manifest.parsing.variables import (
    from_environment,
    parse_pairs,
    parse_variables_file,
    require_names,
)
from reconciler.settings.config_file import ConfigFile, read_bounded
from reconciler.settings.target_config import OptionValues, namespace_of, variables_of


def read_inputs(options: OptionValues, file: ConfigFile) -> Inputs:
    """Return the inputs of the manifests of a run.

    Raises:
        UsageError: a file or a value cannot be read or parsed.
    """
    defaults = (NameDefaults(**table) for table in file.name_defaults)
    return Inputs(
        _variables(options, file),
        tuple(defaults),
        parse_pairs(options.values["var_yaml"], "--var-yaml"),
        namespace_of(options, file),
    )


def _variables(options: OptionValues, file: ConfigFile) -> Mapping[str, str]:
    """Return the variables: --var first, then --var-file, --stack-outputs and --var-env.

    If several files of one option set a variable, the last one counts. Variables of the target
    count before all of reconciler.toml and of the environment, but not before other options.
    """
    values = options.values
    found: dict[str, dict[str, str]] = {
        "var_env": from_environment(os.environ) if values["var_env"] else {},
        "stack_outputs": {},
        "var_file": {},
    }
    for name in values["stack_outputs"]:
        found["stack_outputs"] |= parse_stack_outputs(name, read_bounded(Path(name)))
    for name in values["var_file"]:
        found["var_file"] |= parse_variables_file(name, read_bounded(Path(name)))
    found["var"] = parse_pairs(values["var"])
    own, setting = variables_of(options, file)
    require_names(own, setting)
    for field, variables in found.items():
        if field != "var_env" and options.is_explicit(field):
            own = {name: value for name, value in own.items() if name not in variables}
    return {name: value for row in (*found.values(), own) for name, value in row.items()}

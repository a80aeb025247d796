"""The values of options as click parsed them, with the source of each."""

from collections.abc import Mapping
from typing import Any

import click
from click.core import ParameterSource

from reconciler.settings.target_config import OptionValues


def option_values(context: click.Context, values: Mapping[str, Any]) -> OptionValues:
    """Return ``values``, the options of ``context`` by field name."""
    flags, variables = (
        frozenset(name for name in values if context.get_parameter_source(name) is source)
        for source in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
    )
    return OptionValues(values, flags, variables)

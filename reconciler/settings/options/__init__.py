"""Table of all options: type, unit, default, help text and group.

Each group of ``--help`` has a module. The value of an option is the first of these that is set: the
flag, the variable ``RECONCILER_<OPTION>`` (``RECONCILER_<COMMAND>_<OPTION>`` for an option of one
command), reconciler.toml, the default in this table.
"""

from reconciler.settings.options.apply_group import APPLY_GROUP
from reconciler.settings.options.command_sets import (
    ALL_COMMANDS,
    DAEMON_CLIENT_COMMANDS,
    FLEET_COMMANDS,
    KEY_COMMANDS,
    PATH_COMMANDS,
    RENEWING_COMMANDS,
    TARGET_COMMANDS,
)
from reconciler.settings.options.daemon_group import DAEMON_GROUP
from reconciler.settings.options.endpoint_group import ENDPOINT_GROUP
from reconciler.settings.options.envoy_group import ENVOY_GROUP
from reconciler.settings.options.guards_group import GUARDS_GROUP, POLICIES
from reconciler.settings.options.manifests_group import MANIFESTS_GROUP
from reconciler.settings.options.option import Option, OptionGroup, OptionType, is_lock
from reconciler.settings.options.other_group import OTHER_GROUP
from reconciler.settings.options.output_group import HISTORY_DIRECTORY, OUTPUT_GROUP
from reconciler.settings.options.selection_group import SELECTION_GROUP
from reconciler.settings.options.target_group import TARGET_GROUP

__all__ = [
    "ALL_COMMANDS",
    "DAEMON_CLIENT_COMMANDS",
    "FLEET_COMMANDS",
    "HISTORY_DIRECTORY",
    "KEY_COMMANDS",
    "OPTIONS",
    "PATH_COMMANDS",
    "POLICIES",
    "RENEWING_COMMANDS",
    "TARGET_COMMANDS",
    "Option",
    "OptionGroup",
    "OptionType",
    "is_lock",
]

OPTIONS = (
    *TARGET_GROUP,
    *SELECTION_GROUP,
    *GUARDS_GROUP,
    *MANIFESTS_GROUP,
    *APPLY_GROUP,
    *DAEMON_GROUP,
    *ENDPOINT_GROUP,
    *ENVOY_GROUP,
    *OUTPUT_GROUP,
    *OTHER_GROUP,
)

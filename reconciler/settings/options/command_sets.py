"""Tuples of commands, for the rows of the options that these commands have."""

MESH_COMMANDS = ("plan", "apply", "ci", "run", "adopt", "describe", "graph")
DAEMON_CLIENT_COMMANDS = ("status", "reconcile")
# These commands translate manifests, or with --live the resources of a target.
ENVOY_COMMANDS = ("envoy export", "envoy explain")
# These commands serve the configuration of Envoys.
XDS_COMMANDS = ("endpoint", "envoy serve")
SOURCE_COMMANDS = ("validate", *MESH_COMMANDS, "diff", *ENVOY_COMMANDS)
TARGET_COMMANDS = (*MESH_COMMANDS, "release", "export", "get", "diff", "doctor", *ENVOY_COMMANDS)
ALL_COMMANDS = (
    "validate",
    *TARGET_COMMANDS,
    "show",
    "history",
    *DAEMON_CLIENT_COMMANDS,
    "rollout",
    "notify test",
    "endpoint",
    "envoy bootstrap",
    "envoy serve",
    "envoy proxies",
    "schema",
    "explain",
)
# These commands run over many targets.
FLEET_COMMANDS = ("validate", "plan", "apply", "ci", "doctor", "history", "run")
# With many targets, these have guards over all of them.
FLEET_GUARD_COMMANDS = ("plan", "apply", "ci")
# These commands take keys as arguments.
KEY_COMMANDS = {
    "adopt": "KEY…",
    "release": "KEY…",
    "export": "[KEY…]",
    "get": "[KEY…]",
    "describe": "KEY",
    "diff": "KEY",
    "envoy explain": "KEY",
    "envoy bootstrap": "KEY",
}
# These commands take the paths of manifests as arguments.
PATH_COMMANDS = (*(name for name in SOURCE_COMMANDS if name not in KEY_COMMANDS), "diff")
WRITING_COMMANDS = ("apply", "adopt", "release")
# These commands also renew the last-applied records of resources that are in sync.
RENEWING_COMMANDS = ("apply", "run")
REWIND_COMMANDS = ("plan", "apply", "reconcile")
LOCKING_COMMANDS = (*WRITING_COMMANDS, "ci", "run")
# These commands write records of their runs, or read them.
HISTORY_COMMANDS = (*LOCKING_COMMANDS, "history")

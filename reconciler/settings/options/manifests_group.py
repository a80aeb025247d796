"""Options of the group Manifests: variables, and how to read the source."""

from reconciler.settings.options.command_sets import SOURCE_COMMANDS
from reconciler.settings.options.option import Option, OptionGroup, OptionType

MANIFESTS_GROUP = (
    Option(
        "var",
        OptionGroup.MANIFESTS,
        "Value of ${NAME} in manifests, or of a parameter in templates. Repeatable.",
        "NAME=VALUE",
        OptionType.TEXT_LIST,
        commands=SOURCE_COMMANDS,
    ),
    Option(
        "var-yaml",
        OptionGroup.MANIFESTS,
        "YAML in place of the list item ${NAME} in manifests. Repeatable.",
        "NAME=YAML",
        OptionType.TEXT_LIST,
        commands=SOURCE_COMMANDS,
    ),
    Option(
        "var-file",
        OptionGroup.MANIFESTS,
        "File with one NAME=VALUE per line. Repeatable.",
        "FILE",
        OptionType.TEXT_LIST,
        commands=SOURCE_COMMANDS,
    ),
    Option(
        "stack-outputs",
        OptionGroup.MANIFESTS,
        "Output of aws cloudformation describe-stacks or list-exports, for templates. Repeatable.",
        "FILE",
        OptionType.TEXT_LIST,
        commands=SOURCE_COMMANDS,
    ),
    Option(
        "var-env",
        OptionGroup.MANIFESTS,
        "Also read variables from the environment, except secrets.",
        type=OptionType.FLAG,
        commands=SOURCE_COMMANDS,
    ),
    Option(
        "namespace",
        OptionGroup.MANIFESTS,
        "Namespace of Kubernetes objects without metadata.namespace.",
        "NAME",
        commands=SOURCE_COMMANDS,
    ),
    Option(
        "cache-dir",
        OptionGroup.MANIFESTS,
        "Directory for mirrors of git repositories. Default: mesh-reconciler in XDG_CACHE_HOME, or "
        "in ~/.cache.",
        "DIR",
        commands=SOURCE_COMMANDS,
    ),
    Option(
        "revision",
        OptionGroup.MANIFESTS,
        "Use this commit of a git repository. apply also holds the target there, so that run does "
        "not move it.",
        "COMMIT",
        commands=("plan", "apply"),
        configurable=False,
    ),
    Option(
        "strict",
        OptionGroup.MANIFESTS,
        "Exit with 65 on warnings too.",
        type=OptionType.FLAG,
        command="validate",
    ),
)

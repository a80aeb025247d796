"""Options of the group Endpoint, for the local App Mesh API."""

from reconciler.settings.options.command_sets import XDS_COMMANDS
from reconciler.settings.options.option import Option, OptionGroup, OptionType
from reconciler.settings.options.server_rows import server_options

ENDPOINT_GROUP = (
    Option(
        "data",
        OptionGroup.ENDPOINT,
        "Directory of the endpoint's data. :memory: keeps data in memory.",
        "DIR",
        default=".reconciler",
        commands=XDS_COMMANDS,
    ),
    Option(
        "store",
        OptionGroup.ENDPOINT,
        "PostgreSQL database for the data, instead of --data. The PG* variables and the password"
        " file of libpq apply.",
        "postgresql://HOST/DATABASE",
        commands=XDS_COMMANDS,
    ),
    Option(
        "from",
        OptionGroup.ENDPOINT,
        "With copy: directory or postgresql:// URL of the data to read. Required.",
        "STORE",
        command="endpoint",
        configurable=False,
    ),
    Option(
        "to",
        OptionGroup.ENDPOINT,
        "With copy: empty directory or postgresql:// URL to write to. Required.",
        "STORE",
        command="endpoint",
        configurable=False,
    ),
    Option(
        "token-retention",
        OptionGroup.ENDPOINT,
        "Seconds to keep client tokens. 0 keeps none.",
        "SECONDS",
        OptionType.SECONDS,
        129_600,
        command="endpoint",
    ),
    Option(
        "behavior",
        OptionGroup.ENDPOINT,
        "Select a behavior of the service that is not documented. Repeatable.",
        "NAME=VALUE",
        OptionType.TEXT_LIST,
        command="endpoint",
    ),
    Option(
        "quotas",
        OptionGroup.ENDPOINT,
        "Quotas to enforce: the default quotas of an AWS account, or none.",
        command="endpoint",
        default="none",
        choices=("none", "aws"),
    ),
    Option(
        "faults",
        OptionGroup.ENDPOINT,
        "JSON file with faults to inject.",
        "FILE",
        command="endpoint",
    ),
    *server_options(
        "endpoint",
        OptionGroup.ENDPOINT,
        "Address to serve on.",
        "127.0.0.1:8473",
        "do anything, unless --credentials is passed",
    ),
    Option(
        "tls-cert",
        OptionGroup.ENDPOINT,
        "Certificate chain (PEM) to serve HTTPS with; read again when it changes. Default: HTTP.",
        "FILE",
        command="endpoint",
    ),
    Option(
        "tls-key",
        OptionGroup.ENDPOINT,
        "Private key (PEM) of --tls-cert; read again when it changes.",
        "FILE",
        command="endpoint",
    ),
    Option(
        "credentials",
        OptionGroup.ENDPOINT,
        "TOML file with the access keys whose signatures are accepted; read again when it changes."
        " Default: every signature is accepted.",
        "FILE",
        command="endpoint",
    ),
)

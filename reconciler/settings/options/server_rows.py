"""The options that every command with a server has."""

from reconciler.settings.options.option import Option, OptionGroup, OptionType


def server_options(
    command: str, group: OptionGroup, listen: str, address: str | None, access: str
) -> tuple[Option, ...]:
    """Return the options that every command with a server has."""
    host = "Host name to accept in the Host header besides localhost. Repeatable."
    insecure = (
        f"Also listen on addresses other than loopback. Every client that reaches it can {access}."
    )
    return (
        Option("listen", group, listen, "HOST:PORT", command=command, default=address),
        Option("allow-host", group, host, "NAME", OptionType.TEXT_LIST, command=command),
        Option("insecure", group, insecure, type=OptionType.FLAG, command=command),
    )

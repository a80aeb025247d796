"""Opens the receivers of ``[[notify]]``."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from reconciler.core.state.findings import SentFindings
from reconciler.known_secrets import remember
from reconciler.notify.message import Receiver
from reconciler.notify.notifier import Notifier, Subscription
from reconciler.notify.sender import Sender
from reconciler.notify.slack import Slack
from reconciler.notify.webhook import Webhook
from reconciler.secret_file import read_secret
from reconciler.settings.notify_tables import NotifyConfig, check_url

# To add a kind of receiver, add a module in notify/, a row here and its type in notify_tables.
RECEIVERS: Mapping[str, Callable[[str, str], Receiver]] = {
    "webhook": Webhook,
    "slack": lambda url, _: Slack(url),
}


def open_receiver(config: NotifyConfig) -> Receiver:
    """Return the receiver, with its URL and its key from their files.

    Raises:
        UsageError: A file cannot be read, or contains no URL.
    """
    url, secret = config.url or "", ""
    if config.url_file:
        advice = "create it, readable only by its user"
        url = read_secret(
            Path(config.url_file),
            "URL file",
            if_unreadable=advice,
            if_empty="URL: write one",
            secret_part=_path_of,
        )
        check_url(f"the content of {config.url_file}", url)
    elif config.type == "slack":
        remember(_path_of(url))
    if config.secret_file:
        secret = read_secret(
            Path(config.secret_file),
            "key of notifications",
            if_unreadable="create it with openssl rand -hex 32",
            if_empty="key: create one with openssl rand -hex 32",
        )
    return RECEIVERS[config.type](url, secret)


def _path_of(url: str) -> str:
    """Return the part of a URL that is a secret: other URLs may have the same host."""
    return url.partition("://")[2].partition("/")[2]


def name_of(number: int, config: NotifyConfig) -> str:
    """Return the name of a receiver for messages: its place in reconciler.toml."""
    return f"notify[{number}] ({config.type})"


def open_notifier(
    configs: Iterable[NotifyConfig], target: str, on_result: Callable[[str], None]
) -> Notifier:
    """Return a notifier for the daemon of ``target``.

    Args:
        configs: All receivers of the settings.
        target: The name of the target.
        on_result: Called with the result of each notification.

    Raises:
        UsageError: See `open_receiver`.
    """
    return Notifier(
        [
            Subscription(
                Sender(name_of(number, config), open_receiver(config), on_result),
                SentFindings(frozenset(config.on), config.remind_seconds),
            )
            for number, config in enumerate(configs)
            if not config.targets or target in config.targets
        ]
    )

"""A receiver with a mistyped setting is refused, and its URL is never shown."""

from pathlib import Path

import pytest

from reconciler.core.errors import UsageError
from reconciler.core.state.findings import FindingKind
from reconciler.settings.config_file import read_file
from reconciler.settings.notify_tables import NotifyConfig

WEBHOOK = 'type = "webhook"\nurl = "https://h.example/x"\n'


def read(tmp_path: Path, text: str) -> tuple[NotifyConfig, ...]:
    path = tmp_path / "reconciler.toml"
    path.write_text(text, encoding="utf-8")
    return read_file(path).notify


def test_defaults(tmp_path: Path) -> None:
    assert read(tmp_path, "") == ()
    (config,) = read(tmp_path, f"[[notify]]\n{WEBHOOK}")
    assert (config.url, config.url_file, config.secret_file) == ("https://h.example/x", None, None)
    assert set(config.on) == set(FindingKind) - {FindingKind.APPLIED}
    assert (config.targets, config.remind_seconds) == ((), 14_400)


def test_every_setting(tmp_path: Path) -> None:
    chat, hook = read(
        tmp_path,
        '[[notify]]\ntype = "slack"\nurl_file = "u"\non = ["applied"]\nremind = 0\n'
        f'[[notify]]\n{WEBHOOK}secret_file = "s"\ntargets = ["a", "b"]\nremind = 1.5\n',
    )
    assert (chat.type, chat.url_file, chat.on) == ("slack", "u", (FindingKind.APPLIED,))
    assert (chat.remind_seconds, hook.remind_seconds) == (0, 1.5)
    assert (hook.secret_file, hook.targets) == ("s", ("a", "b"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("notify = 1", "must be tables, each below a line [[notify]]"),
        ("notify = [1]", "must be tables"),
        ("[notify]\ntype = 'slack'", "must be tables"),
        ("[[notify]]", "notify[0].type must be one of webhook, slack"),
        (f"[[notify]]\n{WEBHOOK}\n[[notify]]\ntype = 'mail'", "notify[1].type must be one of"),
        ("[[notify]]\ntype = 'slack'", "must have either url or url_file"),
        (f"[[notify]]\n{WEBHOOK}url_file = 'x'", "must have either url or url_file"),
        (f"[[notify]]\n{WEBHOOK}sekret_file = 'x'", "notify[0].sekret_file is not a setting"),
        (f"[[notify]]\n{WEBHOOK}secret_file = ''", "notify[0].secret_file must be non-empty text"),
        (f"[[notify]]\n{WEBHOOK}on = ['drifts']", "notify[0].on must be some of failed, drift,"),
        (f"[[notify]]\n{WEBHOOK}on = []", "notify[0].on must be a list of texts"),
        (f"[[notify]]\n{WEBHOOK}targets = 'a'", "notify[0].targets must be a list of texts"),
        (f"[[notify]]\n{WEBHOOK}targets = [1]", "notify[0].targets must be a list of texts"),
        (f"[[notify]]\n{WEBHOOK}remind = true", "remind must be a number of seconds, not True"),
        (f"[[notify]]\n{WEBHOOK}remind = -1", "remind must be a number of seconds, not -1"),
        (f"[[notify]]\n{WEBHOOK}remind = nan", "remind must be a number of seconds, not nan"),
        (
            "[[notify]]\ntype = 'slack'\nurl = 'https://x'\nsecret_file = 's'",
            "slack takes no signature",
        ),
    ],
)
def test_a_wrong_setting_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError) as error:
        read(tmp_path, text)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    ["canary", "ftp://canary/x", "https://", "http://canary:x/", "http://[canary", "http://a b"],
)
def test_a_wrong_url_is_not_shown(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError, match=r"notify\[0\]\.url must be an http or https URL$"):
        read(tmp_path, f"[[notify]]\ntype = 'slack'\nurl = '{url}'")

"""Settings made into targets and limits."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from builders import mesh
from servers import Answer, scripted

from reconciler import limits
from reconciler.core.errors import LockHeldError, TargetError, UsageError
from reconciler.core.planning.guards import Limit
from reconciler.endpoint.state.data_directory import DataDirectoryLock
from reconciler.settings.target_config import TargetConfig
from reconciler.wiring import local
from reconciler.wiring.targets import open_target, read_limit

LOCAL = TargetConfig("local", "o", "observe")


@pytest.mark.parametrize(
    ("text", "limit"),
    [(None, Limit(7)), ("0", Limit(0)), ("12", Limit(12)), ("30%", Limit(share=Fraction(3, 10)))],
)
def test_a_limit_is_a_number_a_share_or_the_default(text: str | None, limit: Limit) -> None:
    assert read_limit(text, Limit(7)) == limit


@pytest.mark.parametrize("text", ["", "-1", "1.5", "%", "a third", "30 %"])
def test_anything_else_is_no_limit(text: str) -> None:
    with pytest.raises(UsageError, match="--max-updates"):
        read_limit(text, Limit())


def test_a_holder_that_says_nothing_is_waited_for_and_then_respected(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DataDirectoryLock.__init__, "__kwdefaults__", {"timeout_seconds": 0.1})
    holder = DataDirectoryLock(here / local.LOCAL_DATA)
    try:
        with pytest.raises(LockHeldError, match="another process"), open_target(LOCAL, workers=1):
            pass
    finally:
        holder.close()


def test_a_data_folder_that_cannot_be_made_is_an_error_in_words(here: Path) -> None:
    (here / local.LOCAL_DATA).write_text("a file in its place")
    with pytest.raises(TargetError, match="local endpoint"), open_target(LOCAL, workers=1):
        pass


def test_a_holder_that_serves_no_more_and_does_not_let_go_is_given_up(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DIRECTORY_RELEASE_ATTEMPTS", 2)
    monkeypatch.setattr(limits, "DIRECTORY_RELEASE_DELAY_SECONDS", 0)
    holder = DataDirectoryLock(here / local.LOCAL_DATA)
    holder.announce("http://127.0.0.1:1")
    try:
        with (
            open_target(LOCAL, workers=1) as target,
            pytest.raises(LockHeldError, match="no longer serves"),
        ):
            target.list_versions([mesh("a")])
    finally:
        holder.close()


def test_a_configured_account_that_nobody_can_confirm_stops_everything(here: Path) -> None:
    del here
    closed = TargetConfig("t", "o", "observe", url="http://127.0.0.1:1", account="123456789012")
    message = (
        r"^reading the account of the credentials: Could not connect to the endpoint URL: "
        r'"http://127\.0\.0\.1:1/"; check the URL, and that a server listens there \(target t is '
        r"configured for account 123456789012, which is checked first\)$"
    )
    with pytest.raises(TargetError, match=message), open_target(closed, workers=1):
        pass
    result = b"<R><GetCallerIdentityResult><Account>none</Account></GetCallerIdentityResult></R>"
    with scripted(lambda *_: Answer(200, result)) as server:
        without = replace(closed, url=server.url)
        with (
            pytest.raises(
                TargetError, match="is unknown: the response to GetCallerIdentity has no"
            ),
            open_target(without, workers=1),
        ):
            pass

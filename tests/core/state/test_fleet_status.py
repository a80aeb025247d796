"""One word for the health of a target: the worst finding."""

from typing import Any

import pytest
from web.samples import COMMIT, calm, sample_statuses, status

from reconciler.core.exit_codes import ExitCode
from reconciler.core.source_revision import SourceRevision
from reconciler.core.state.daemon_status import ResourceStatus, State
from reconciler.core.state.fleet_status import health_word, summarize


def one_in(state: State) -> tuple[ResourceStatus, ...]:
    return tuple(item for item in sample_statuses() if item.state is state)[:1]


WORDS: dict[str, dict[str, Any]] = {
    "in sync": {},
    "starting": {"cycle_finished_at": None},
    "unreadable": {"error": "no answer"},
    "invalid manifests": {"source_valid": False},
    "standby": {"exit_code": ExitCode.LOCKED},
    **{
        state: {"resources": one_in(state)}
        for state in State
        if state not in (State.IN_SYNC, State.SUSPENDED)
    },
}


@pytest.mark.parametrize(("word", "changes"), WORDS.items())
def test_each_finding_has_its_word(word: str, changes: dict[str, Any]) -> None:
    assert health_word(calm(**changes), healthy=True) == word
    assert health_word(calm(**changes), healthy=False) == "stuck"


def test_the_worst_finding_counts() -> None:
    everything = status(unlisted=())
    assert health_word(everything, healthy=True) == "failed"
    assert health_word(status(), healthy=True) == "unreadable"
    assert health_word(calm(resources=one_in(State.SUSPENDED)), healthy=True) == "in sync"


def test_a_summary_has_the_commit_and_the_exit_code_if_they_are_known() -> None:
    known = summarize(calm(revision=SourceRevision(COMMIT, "s", "a")), "/x/", healthy=True)
    assert (known.commit, known.exit_code, known.link) == (COMMIT, 0, "/x/")
    unknown = summarize(calm(revision=None, exit_code=None), "/x/", healthy=True)
    assert (unknown.commit, unknown.exit_code) == (None, None)

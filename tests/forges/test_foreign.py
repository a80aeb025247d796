"""Events and answers with a member of another type: they are understood, or refused in words."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_forges import MEMBER, Played, PlayedGitHub, PlayedGitLab
from forges.test_events import TASKS
from servers import Answer, scripted

from reconciler.core.errors import ForgeError, UsageError
from reconciler.forges.forge import Comment, Event, Forge, MergedRequest, Task
from reconciler.wiring.forges import open_forge

VALUES: tuple[Any, ...] = (None, True, 0, -7, 1.5, 10**30, "", "x", "\ud800", [], [1], {}, {"a": 1})
TEXTS = ("", "x", "-1", "1.5", "9" * 5_000, "\u0663", "1\n2", "\udcff", "[]", "http://[", "a b")
FORGES = pytest.mark.parametrize("played", [PlayedGitHub, PlayedGitLab])


def changed(document: Any) -> Iterator[Any]:
    """Yield ``document`` with each member of it in turn left out, or replaced by each value."""
    yield from VALUES
    if isinstance(document, dict):
        for name, member in document.items():
            rest = {other: value for other, value in document.items() if other != name}
            yield rest
            yield from ({**rest, name: other} for other in changed(member))
    elif isinstance(document, list):
        for place, member in enumerate(document):
            before, after = document[:place], document[place + 1 :]
            yield before + after
            yield from ([*before, other, *after] for other in changed(member))


def is_sound(event: Event) -> bool:
    return (
        isinstance(event.commit, str)
        and isinstance(event.base, str | None)
        and isinstance(event.request, int | None)
        and isinstance(event.trusted, bool)
    )


@pytest.mark.unmeasured
@pytest.mark.parametrize(("occasion", "task"), TASKS.items())
def test_an_event_of_github_with_another_type_in_it_never_asks_for_more(
    tmp_path: Path, occasion: str, task: Task
) -> None:
    environment = PlayedGitHub(tmp_path).environment("http://127.0.0.1:1", occasion, "c0", "ba5e")
    file = tmp_path / "event.json"
    documents = list(changed(json.loads(file.read_text())))
    assert len(documents) > 200
    for document in documents:
        file.write_text(json.dumps(document))
        event = open_forge(environment).event
        assert is_sound(event), document
        # By hand, another branch than the default one is planned for and no more.
        less = (Task.VALIDATE, Task.PREVIEW) if occasion == "manual" else (Task.VALIDATE,)
        assert event.task() in (task, *less), document


@pytest.mark.unmeasured
@FORGES
@pytest.mark.parametrize("occasion", TASKS)
def test_a_variable_of_a_job_with_other_text_in_it_is_understood_or_wrong_usage(
    tmp_path: Path, played: type[Played], occasion: str
) -> None:
    environment = played(tmp_path).environment("http://127.0.0.1:1", occasion, "c0", "ba5e")
    for name in environment:
        for text in TEXTS:
            try:
                event = open_forge({**environment, name: text}).event
            except UsageError:
                continue
            assert is_sound(event), (name, text)


@FORGES
def test_a_variable_that_leads_nowhere_is_a_failure_of_the_forge(
    tmp_path: Path, played: type[Played]
) -> None:
    with scripted(lambda *_: Answer(404)) as server:
        environment = played(tmp_path).environment(server.url, "push", "c0", "ba5e")
        for name in environment:
            for text in TEXTS:
                if (name, text) == ("GITHUB_API_URL", ""):
                    # GitHub's own is asked then.
                    continue
                with pytest.raises((ForgeError, UsageError)) as refused:
                    open_forge({**environment, name: text}).branch_head()
                assert "canary" not in str(refused.value)


def listed(forge: Forge) -> None:
    for comment in forge.comments(7):
        assert isinstance(comment.number, int)
        assert isinstance(comment.body, str)
        assert isinstance(comment.node, str)


def unedited(forge: Forge) -> None:
    assert isinstance(forge.unedited(Comment(100, "", "IC_100")), str | None)


def merged(forge: Forge) -> None:
    known = forge.request_for_commit("c0")
    assert isinstance(known, MergedRequest | None)
    assert known is None or (isinstance(known.number, int) and isinstance(known.fork, bool))


def newest(forge: Forge) -> None:
    assert isinstance(forge.branch_head(), str)


def created(forge: Forge) -> None:
    assert isinstance(forge.create(7, "x").number, int)


def updated(forge: Forge) -> None:
    forge.update(7, 100, "x")


@pytest.mark.unmeasured
@pytest.mark.sample(3)
@FORGES
@pytest.mark.parametrize("call", [listed, unedited, merged, newest, created, updated])
def test_an_answer_with_another_type_in_it_is_used_or_a_failure_of_the_forge(
    tmp_path: Path, played: type[Played], call: Callable[[Forge], None]
) -> None:
    forges: list[Played] = []
    answers: list[Any] = []
    replaced: dict[int, Any] = {}

    def answer(request: str, body: bytes) -> Answer:
        answers.append(forges[-1](request, body).body)
        number = len(answers) - 1
        return Answer(body=replaced.get(number, answers[number]))

    with scripted(answer) as server:

        def ask() -> None:
            forges.append(played(tmp_path, merged=["c0"], editors={100: MEMBER}))
            forges[-1].add("x")
            answers.clear()
            call(open_forge(forges[-1].environment(server.url, "push", "c0", "ba5e")))

        ask()
        recorded = list(answers)
        for number, document in enumerate(recorded):
            for other in changed(document):
                replaced.clear()
                replaced[number] = other
                try:
                    ask()
                except ForgeError:
                    continue

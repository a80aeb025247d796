"""What a CI job needs of the forge that runs it, what the forge runs it for, and the one comment.

A request is a pull request on GitHub and a merge request on GitLab.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol


class Task(Enum):
    """What a CI job does."""

    VALIDATE = "validate"
    PREVIEW = "preview"
    REVIEW = "review"
    APPLY = "apply"
    WATCH = "watch"


class EventKind(Enum):
    """What made the forge run the job."""

    REQUEST = "request"
    PUSH = "push"
    SCHEDULE = "schedule"
    MANUAL = "manual"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Event:
    """What the forge runs the job for.

    ``name`` is the forge's own word for it. ``trusted`` is False where the commit comes from
    another repository than ours. ``main`` says that the job runs on the default branch. ``base`` is
    the commit from which the change leads to the one at hand; None where the forge names none.
    """

    name: str
    kind: EventKind
    commit: str
    base: str | None = None
    request: int | None = None
    main: bool = False
    trusted: bool = True

    def task(self, *, expects_plan: bool = False) -> Task:
        """Return what is to be done: an event that is not ours or not known is only validated.

        No review shows what a manual run would do, so it applies only on the default branch, and
        only the plan that its caller expects.
        """
        match self:
            case Event(kind=EventKind.REQUEST, trusted=True):
                return Task.REVIEW
            case Event(kind=EventKind.PUSH, main=True):
                return Task.APPLY
            case Event(kind=EventKind.MANUAL, main=True) if expects_plan:
                return Task.APPLY
            case Event(kind=EventKind.SCHEDULE | EventKind.MANUAL, main=True):
                return Task.WATCH
            case Event(kind=EventKind.MANUAL):
                return Task.PREVIEW
            case _:
                return Task.VALIDATE


@dataclass(frozen=True, slots=True)
class MergedRequest:
    """A request that was merged; one from a ``fork`` was never planned, so nobody reviewed that."""

    number: int
    fork: bool


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a request; ``node`` is its id in GraphQL if its number does not tell that."""

    number: int
    body: str
    node: str = ""


@dataclass(frozen=True, slots=True)
class JobFiles:
    """The files that a forge reads after the job; one that is None is not read.

    Where there is none for ``annotations``, they are printed as commands to the runner. ``prefix``
    begins the name of every output.
    """

    outputs: Path | None
    prefix: str = ""
    summary: Path | None = None
    annotations: Path | None = None


class Forge(Protocol):
    """What a CI job needs of the forge that runs it; its calls raise ``ForgeError``."""

    @property
    def event(self) -> Event:
        """What the job is run for."""

    @property
    def files(self) -> JobFiles:
        """What is read of the job but its log."""

    def comments(self, request: int) -> Iterator[Comment]:
        """Yield the comments that the user of our token made, oldest first."""

    def unedited(self, comment: Comment) -> str | None:
        """Return the body of a comment of ours as it is now, None if another user edited it last.

        Members may edit the comments of others, which keep their author.
        """

    def create(self, request: int, body: str) -> Comment:
        """Add a comment."""

    def update(self, request: int, number: int, body: str) -> None:
        """Replace the body of a comment."""

    def delete(self, request: int, number: int) -> None:
        """Take a comment away."""

    def request_for_commit(self, commit: str) -> MergedRequest | None:
        """Return the request that was merged as ``commit``; None where none was."""

    def branch_head(self) -> str:
        """Return the commit that the branch of the job is at now."""


def are_ids(*values: object) -> bool:
    """Whether all ``values`` are numbers; True, which equals 1, is not."""
    return all(type(value) is int for value in values)


def find_comment(forge: Forge, request: int, marker: str) -> Comment | None:
    """Return the oldest comment that begins with ``marker``."""
    ours = (comment for comment in forge.comments(request) if comment.body.startswith(marker))
    return next(ours, None)


def post_comment(forge: Forge, request: int, marker: str, body: str) -> None:
    """Make ``body``, which begins with ``marker``, the one comment of ours."""
    known = find_comment(forge, request, marker)
    if known is None:
        created = forge.create(request, body)
        # Another run may have been as fast, and a call that was repeated may have counted twice.
        known = find_comment(forge, request, marker)
        if known is None or known.number == created.number:
            return
        forge.delete(request, created.number)
    forge.update(request, known.number, body)

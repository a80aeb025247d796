"""The interface of a forge, the events that start a job, and the comment of the job.

A request is a pull request on GitHub and a merge request on GitLab.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol


class Task(Enum):
    """The work of a CI job."""

    VALIDATE = "validate"
    PREVIEW = "preview"
    REVIEW = "review"
    APPLY = "apply"
    WATCH = "watch"


class EventKind(Enum):
    """The kind of event that started the job."""

    REQUEST = "request"
    PUSH = "push"
    SCHEDULE = "schedule"
    MANUAL = "manual"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Event:
    """The event that started the job."""

    name: str
    """Name that the forge gives the event."""
    kind: EventKind
    commit: str
    base: str | None = None
    """Commit before the change, or None if the forge does not give it."""
    request: int | None = None
    """Number of the request."""
    main: bool = False
    """Whether the job runs on the default branch."""
    trusted: bool = True
    """Whether the commit comes from this repository and not from a fork."""

    def task(self, *, expects_plan: bool = False) -> Task:
        """Return the task for this event; an untrusted or unknown event is only validated.

        No review shows the changes of a manual run. So it applies only on the default branch, and
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
    """A request that was merged."""

    number: int
    fork: bool
    """Whether it came from a fork; such a request was never planned, so no plan was reviewed."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a request."""

    number: int
    body: str
    node: str = ""
    """Its id in GraphQL, if that cannot be derived from the number."""


@dataclass(frozen=True, slots=True)
class JobFiles:
    """The files that a forge reads after the job; None if it does not read such a file."""

    outputs: Path | None
    prefix: str = ""
    """Prefix of the name of every output."""
    summary: Path | None = None
    annotations: Path | None = None
    """If None, annotations are printed as commands to the runner."""


class Forge(Protocol):
    """The forge that runs a CI job; its methods raise ForgeError if a call fails."""

    @property
    def event(self) -> Event:
        """The event that started the job."""

    @property
    def files(self) -> JobFiles:
        """The files that the forge reads after the job."""

    def comments(self, request: int) -> Iterator[Comment]:
        """Yield the comments that the user of our token made, oldest first."""

    def unedited(self, comment: Comment) -> str | None:
        """Return the current body of our comment, or None if another user edited it last.

        Members may edit comments of other users, and the author of the comment stays the same.
        """

    def create(self, request: int, body: str) -> Comment:
        """Add a comment."""

    def update(self, request: int, number: int, body: str) -> None:
        """Replace the body of a comment."""

    def delete(self, request: int, number: int) -> None:
        """Delete a comment."""

    def request_for_commit(self, commit: str) -> MergedRequest | None:
        """Return the request that was merged as `commit`, or None if there is none."""

    def branch_head(self) -> str:
        """Return the current head commit of the job's branch."""


def are_ids(*values: object) -> bool:
    """Return whether all `values` are integers; a bool is not one, although True equals 1."""
    return all(type(value) is int for value in values)


def find_comment(forge: Forge, request: int, marker: str) -> Comment | None:
    """Return our oldest comment that begins with `marker`, or None."""
    ours = (comment for comment in forge.comments(request) if comment.body.startswith(marker))
    return next(ours, None)


def post_comment(forge: Forge, request: int, marker: str, body: str) -> None:
    """Create or update our only comment with `marker`; `body` begins with `marker`."""
    known = find_comment(forge, request, marker)
    if known is None:
        created = forge.create(request, body)
        # A run at the same time, or a retry of the call, may have created a second comment.
        known = find_comment(forge, request, marker)
        if known is None or known.number == created.number:
            return
        forge.delete(request, created.number)
    forge.update(request, known.number, body)

"""The findings of a daemon, and which of them are new, due again, or over.

One finding is one notification, not one in each cycle. Findings of one cycle and kind are one
notification together, so that an outage of many resources is one message.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from reconciler.core.changes import DRIFT, Change, operation_name
from reconciler.core.diff import FieldChange
from reconciler.core.report import Applied, Outcome, Report, outcome_name
from reconciler.core.resources import TargetId
from reconciler.core.source_revision import SourceRevision
from reconciler.core.state.daemon_status import DaemonStatus, ResourceStatus, State

TARGET, SOURCE = "the target", "the source"
_NUMBER = re.compile(r"\d+")


class FindingKind(StrEnum):
    """The subject of a notification, as the settings name it."""

    FAILED = "failed"
    DRIFT = "drift"
    WITHHELD = "withheld"
    SOURCE = "source"
    APPLIED = "applied"
    RECOVERED = "recovered"


_KINDS = {
    State.FAILED: FindingKind.FAILED,
    State.UNREADABLE: FindingKind.FAILED,
    State.DRIFTED: FindingKind.DRIFT,
    State.WITHHELD: FindingKind.WITHHELD,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about one subject.

    Attributes:
        subject: A key, the pattern of a list, `TARGET` or `SOURCE`.
        text: The state, or the action of the daemon.
        fields: The fields that differed.
        lasts: Whether it stays true until it is over. The others are events.
    """

    kind: FindingKind
    subject: str
    text: str
    fields: tuple[FieldChange, ...] = ()
    lasts: bool = True

    @property
    def fingerprint(self) -> tuple[str, ...]:
        """Identifies the finding in later cycles; numbers such as waiting times are left out."""
        return self.kind, self.subject, _NUMBER.sub("#", self.text)


@dataclass(frozen=True, slots=True)
class Notification:
    """Findings of one kind that are told together.

    Attributes:
        is_reminder: Whether they were told before and are not over.
        revision: The commit of the manifests, if known.
        at: When they were found, in seconds since 1970.
    """

    kind: FindingKind
    findings: tuple[Finding, ...]
    target: TargetId
    owner: str
    at: float
    revision: SourceRevision | None = None
    is_reminder: bool = False


@dataclass(frozen=True, slots=True)
class _Told:
    finding: Finding
    at: float


@dataclass(frozen=True, slots=True)
class ToldFindings:
    """The findings that one receiver was told and that are not over.

    Attributes:
        kinds: The kinds of findings that the receiver is told.
        remind_seconds: After this time a finding that is not over is told again; 0 never.
    """

    kinds: frozenset[FindingKind]
    remind_seconds: float
    _told: Mapping[tuple[str, ...], _Told] = field(default_factory=dict)

    def after(
        self, status: DaemonStatus, report: Report | None, now: float
    ) -> tuple["ToldFindings", list[Notification]]:
        """Return the findings told after a cycle, and its notifications.

        Args:
            status: The status after the cycle.
            report: The changes of the cycle; None if it did not get that far.
            now: Wall-clock time, in seconds since 1970.
        """
        found = [it for it in findings_of(status, report) if it.kind in self.kinds]
        by_mark = {it.fingerprint: it for it in found}
        present = {mark: it for mark, it in by_mark.items() if it.lasts}
        # Failed calls and then an unreadable target are one outage.
        is_outage = any(it.finding.kind is FindingKind.FAILED for it in self._told.values())
        new = {
            mark: it
            for mark, it in by_mark.items()
            if mark not in self._told and not (is_outage and it.subject == TARGET)
        }
        due = {
            mark: told.finding
            for mark, told in self._told.items()
            if mark in present and 0 < self.remind_seconds <= now - told.at
        }
        subjects = {(it.kind, it.subject) for it in present.values()}
        over = [
            replace(told.finding, text=f"over: {told.finding.text}", lasts=False)
            for told in self._told.values()
            if (told.finding.kind, told.finding.subject) not in subjects
        ]
        told = {mark: it for mark, it in self._told.items() if mark in present}
        told |= {mark: _Told(it, now) for mark, it in {**new, **due}.items() if it.lasts}
        first = Notification(FindingKind.FAILED, (), status.target, status.owner, now)
        first = replace(first, revision=status.revision)
        notifications = [
            *_by_kind(replace(first, is_reminder=False), new.values()),
            *_by_kind(replace(first, is_reminder=True), due.values()),
        ]
        if over and FindingKind.RECOVERED in self.kinds:
            notifications.append(replace(first, kind=FindingKind.RECOVERED, findings=tuple(over)))
        return replace(self, _told=told), notifications


def findings_of(status: DaemonStatus, report: Report | None) -> Iterator[Finding]:
    """Yield the findings and the actions of a cycle."""
    for diagnostic in status.diagnostics:
        yield Finding(FindingKind.SOURCE, SOURCE, diagnostic)
    if status.error is not None:
        yield Finding(FindingKind.FAILED, TARGET, status.error)
    for unlisted in status.unlisted:
        yield Finding(FindingKind.FAILED, str(unlisted), unlisted.message)
    for resource in status.resources:
        if resource.state in _KINDS:
            yield Finding(
                _KINDS[resource.state], str(resource.key), _text(resource), resource.fields
            )
    for outcome in report.outcomes if report else ():
        yield from _events(outcome)


def _text(resource: ResourceStatus) -> str:
    cause = [resource.cause.value] if resource.cause else []
    return ": ".join(
        [resource.state.value, *cause, *([resource.reason] if resource.reason else [])]
    )


def _events(outcome: Outcome) -> Iterator[Finding]:
    change: Change = outcome.change
    if not isinstance(outcome, Applied):
        return
    if change.cause in DRIFT:
        text = f"{change.cause.value}, and repaired by {operation_name(change)}"
        yield Finding(
            FindingKind.DRIFT, str(change.key), text, change.difference.fields, lasts=False
        )
    else:
        text = f"{operation_name(change)} {outcome_name(outcome)}: {change.cause.value}"
        yield Finding(
            FindingKind.APPLIED, str(change.key), text, change.difference.fields, lasts=False
        )


def _by_kind(first: Notification, findings: Collection[Finding]) -> Iterable[Notification]:
    for kind in FindingKind:
        of_kind = tuple(it for it in findings if it.kind is kind)
        if of_kind:
            yield replace(first, kind=kind, findings=of_kind)

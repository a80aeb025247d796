"""The findings of a daemon, and which of them are new, due again, or over.

One finding is one notification, not one in each cycle. Findings of one cycle and kind are one
notification together, so that an outage of many resources is one message.
"""

import re
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import NamedTuple, TypeAlias

from reconciler import limits
from reconciler.core.changes import DRIFT, Change, operation_name
from reconciler.core.diff import FieldChange
from reconciler.core.report import Applied, Outcome, Report, outcome_name
from reconciler.core.resources import TargetId
from reconciler.core.source_revision import SourceRevision
from reconciler.core.state.daemon_status import DaemonStatus, ResourceStatus, State

TARGET, SOURCE = "the target", "the source"
_NUMBER = re.compile(r"\d+")
_Fingerprint: TypeAlias = tuple[str, ...]


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
_UNDECIDED = frozenset({State.PENDING, State.STALE})


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about one subject.

    Attributes:
        subject: A key, the pattern of a list, `TARGET` or `SOURCE`.
        text: The state, or the action of the daemon.
        fields: The fields that differed.
        lasts: Whether it stays true until it is over; False for an event.
    """

    kind: FindingKind
    subject: str
    text: str
    fields: tuple[FieldChange, ...] = ()
    lasts: bool = True

    @property
    def fingerprint(self) -> _Fingerprint:
        """Identifies the finding in later cycles; numbers such as waiting times are left out."""
        # Not the kind itself, whose hash is a call of Python for each lookup.
        return self.kind.value, self.subject, without_numbers(self.text)


@dataclass(frozen=True, slots=True)
class Notification:
    """Findings of one kind that are sent together.

    Attributes:
        is_reminder: Whether they were sent before and are not over.
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


class _Sent(NamedTuple):
    finding: Finding
    at: float


@dataclass(frozen=True, slots=True)
class SentFindings:
    """The findings that were sent to one receiver and are not over.

    Attributes:
        kinds: The kinds of findings that the receiver gets.
        remind_seconds: After this time a finding that is not over is sent again; 0 never.
    """

    kinds: frozenset[FindingKind]
    remind_seconds: float
    _sent: Mapping[_Fingerprint, _Sent] = field(default_factory=dict)

    def after(
        self, status: DaemonStatus, report: Report | None, now: float
    ) -> tuple["SentFindings", list[Notification]]:
        """Return the findings sent after a cycle, and its notifications.

        Args:
            status: The status after the cycle.
            report: The changes of the cycle; None if it did not get that far.
            now: Wall-clock time, in seconds since 1970.
        """
        found = {
            finding.fingerprint: finding
            for finding in findings_of(status, report)
            if finding.kind in self.kinds
        }
        lasting = {fingerprint: finding for fingerprint, finding in found.items() if finding.lasts}
        new, due = self._new(found), self._due(lasting, now)
        over, unclear = self._gone(lasting.values(), status.resources)
        notify = partial(
            Notification,
            target=status.target,
            owner=status.owner,
            at=now,
            revision=status.revision,
        )
        # Failed calls and then an unreadable target are one outage.
        shown = [finding for finding in new.values() if not self._is_in_outage(finding, now)]
        notifications = [notify(*group) for group in _by_kind(shown)]
        notifications += [notify(*group, is_reminder=True) for group in _by_kind(due.values())]
        if over and FindingKind.RECOVERED in self.kinds:
            notifications.append(notify(FindingKind.RECOVERED, tuple(map(_as_over, over))))
        kept = {
            fingerprint: sent
            for fingerprint, sent in self._sent.items()
            if fingerprint in lasting or fingerprint in unclear
        }
        added = {
            fingerprint: _Sent(finding, now)
            for fingerprint, finding in {**new, **due}.items()
            if finding.lasts
        }
        return replace(self, _sent=kept | added), notifications

    def _new(self, found: Mapping[_Fingerprint, Finding]) -> Mapping[_Fingerprint, Finding]:
        """Return the findings that were not sent yet."""
        return {
            fingerprint: finding
            for fingerprint, finding in found.items()
            if fingerprint not in self._sent
        }

    def _is_in_outage(self, finding: Finding, now: float) -> bool:
        """Return whether failures that were sent a short time ago include `finding`."""
        return finding.subject == TARGET and any(
            sent.finding.kind is FindingKind.FAILED and now - sent.at < limits.OUTAGE_SECONDS
            for sent in self._sent.values()
        )

    def _due(self, lasting: Container[_Fingerprint], now: float) -> Mapping[_Fingerprint, Finding]:
        """Return the findings to send again."""
        if self.remind_seconds <= 0:
            return {}
        return {
            fingerprint: sent.finding
            for fingerprint, sent in self._sent.items()
            if now - sent.at >= self.remind_seconds and fingerprint in lasting
        }

    def _gone(
        self, lasting: Iterable[Finding], resources: Iterable[ResourceStatus]
    ) -> tuple[list[Finding], Container[_Fingerprint]]:
        """Return the findings that are over, and those that are absent but may not be over.

        Another reason for one subject does not end a finding.
        """
        subjects = {(finding.kind.value, finding.subject) for finding in lasting}
        gone = {
            fingerprint: sent.finding
            for fingerprint, sent in self._sent.items()
            if fingerprint[:2] not in subjects
        }
        if not gone:
            return [], gone
        states = {str(resource.key): resource.state for resource in resources}
        unclear = {
            fingerprint for fingerprint, finding in gone.items() if _may_last(states, finding)
        }
        over = [finding for fingerprint, finding in gone.items() if fingerprint not in unclear]
        return over, unclear


def _as_over(finding: Finding) -> Finding:
    text = f"over: {finding.text}"
    return Finding(finding.kind, finding.subject, text, finding.fields, lasts=False)


def _may_last(states: Mapping[str, State], finding: Finding) -> bool:
    """Return whether the state of its resource does not show that ``finding`` is over."""
    state = states.get(finding.subject, State.IN_SYNC)
    # A change that was not tried, or met another one, says nothing about the finding before. Drift
    # whose repair failed, is withheld or suspended is still there.
    return state in _UNDECIDED or (finding.kind is FindingKind.DRIFT and state is not State.IN_SYNC)


def without_numbers(text: str) -> str:
    """Return ``text`` without its numbers, so that two tries of one call are equal."""
    return _NUMBER.sub("#", text)


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
    return ": ".join(filter(None, (resource.state, resource.cause, resource.reason)))


def _events(outcome: Outcome) -> Iterator[Finding]:
    change: Change = outcome.change
    if not isinstance(outcome, Applied):
        return
    if change.cause in DRIFT:
        kind = FindingKind.DRIFT
        text = f"{change.cause.value}, and repaired by {operation_name(change)}"
    else:
        kind = FindingKind.APPLIED
        text = f"{operation_name(change)} {outcome_name(outcome)}: {change.cause.value}"
    yield Finding(kind, str(change.key), text, change.difference.fields, lasts=False)


def _by_kind(
    findings: Collection[Finding],
) -> Iterator[tuple[FindingKind, tuple[Finding, ...]]]:
    groups: dict[FindingKind, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.kind, []).append(finding)
    for kind in FindingKind:
        if kind in groups:
            yield kind, tuple(groups[kind])

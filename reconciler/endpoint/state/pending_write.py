"""One write that waits for the commit it shares with others."""

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Generic, TypeVar

from reconciler.endpoint.state.execute import Execute
from reconciler.endpoint.state.store import Work, Written
from reconciler.endpoint.state.tables import Scope, Tables

Outcome = TypeVar("Outcome")


class PendingWrite(Generic[Outcome]):
    """A write and its future.

    Attributes:
        scope: The scope of the resource, or None for a change of all scopes.
        future: Completes when the write is committed or has failed.
        problem: The error that the work raised, or None.
    """

    def __init__(self, scope: Scope | None, work: Work[Outcome]) -> None:
        self.scope = scope
        self.future: Future[Written[Outcome]] = Future()
        self.problem: Exception | None = None
        self._work = work
        self._committed: Callable[[], None] = lambda: None

    def begin(self) -> bool:
        """Return whether the write is still wanted; then it can no longer be canceled."""
        return self.future.set_running_or_notify_cancel()

    def attempt(
        self,
        execute: Execute,
        *,
        fatal: type[Exception],
        locked: dict[Scope, int] | None = None,
        alone: bool = False,
    ) -> None:
        """Run the work in a savepoint, and undo it if it raises an error other than `fatal`.

        Args:
            execute: Runs a statement of the transaction.
            fatal: The class of the errors of the database.
            locked: See `Tables`.
            alone: Whether the transaction has no other write. Then there is no savepoint, and the
                caller must roll the transaction back if the write has a problem.

        Raises:
            Exception: An error of the class `fatal`: the whole transaction may be lost.
        """
        if not alone:
            execute("SAVEPOINT attempt", ())
        tables = Tables(execute, locked)
        self.problem = None
        try:
            outcome = self._work(tables)
            revision = tables.raise_revision(self.scope) if self.scope else 0
            self._committed = partial(self._complete, tables, Written(outcome, revision))
        except fatal:
            raise
        except Exception as error:  # noqa: BLE001 - reported to the caller of this write only
            if not alone:
                execute("ROLLBACK TO attempt", ())
            self.problem = error
        if not alone:
            execute("RELEASE attempt", ())

    def acknowledge(self) -> None:
        """Complete the future after the commit."""
        if self.problem is None:
            self._committed()
        else:
            self.future.set_exception(self.problem)

    def _complete(self, tables: Tables, written: Written[Outcome]) -> None:
        for done in tables.after_commit:
            done()
        self.future.set_result(written)

"""The line of operations: who waits, who runs, and what becomes of those that fall silent."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from tenantry.accounts.model import (
    GIVEN_UP_AFTER,
    MOST_RESUMES,
    STALE_AFTER,
    Operation,
    OperationStatus,
)
from tenantry.accounts.repository import AccountRepository, Advance, Executions
from tenantry.errors import ConflictError, LimitExceededError
from tenantry.messaging.stamp import Stamp

_LOOKED_AT: Final = 25
AWAITED_AT_WORK: Final = timedelta(seconds=90)
"""What begins within this long is started already and waits in its execution, since a sweep may be
a minute away."""
_ASK_AGAIN: Final = 3
"""Of those that are back in the line so many are let in at a time: they mostly go back once more,
and are not to take the places of those who can go on."""
STOPPED: Final = "STOPPED"


@dataclass(frozen=True)
class Line:
    """Starts what waits, and settles what stopped; each call does a bounded part."""

    accounts: AccountRepository
    executions: Executions
    stamp: Stamp
    report: Callable[[str, Operation], None] = lambda _what, _operation: None
    """Told what an operator should hear of."""

    def move_up(self) -> int:
        """Start those who wait longest while there are places; answers how many.

        That no place is free is no failure: whoever ends lets the next one in. One that is back in
        the line, for there was no room for what it asked for, comes first, others of them last. One
        that cannot be started keeps nobody waiting; its error is raised at the end.
        """
        started, failed = 0, list[Exception]()
        now = self.stamp.now()
        again = self.accounts.parked(_ASK_AGAIN, now)
        waiting = self.accounts.waiting(_LOOKED_AT, now + AWAITED_AT_WORK)
        for operation in (*again[:1], *waiting, *again[1:]):
            if operation.status is not OperationStatus.PENDING:
                continue
            begun = operation.begun(self.stamp.now())
            try:
                self.accounts.advance(Advance((operation, begun), slots=1))
            except LimitExceededError:
                break
            except ConflictError:
                continue
            try:
                self.executions.start(begun)
            except Exception as error:
                failed.append(error)  # the sweep starts it, when it has fallen silent
                continue
            started += 1
        if failed:
            raise failed[0]
        return started

    def sweep(self) -> int:
        """Settle open operations that have fallen silent; answers how many it looked at.

        One that cannot be settled keeps nobody waiting; its error is raised at the end.
        """
        failed = list[Exception]()
        silent = self.accounts.silent(self.stamp.now() - STALE_AFTER, _LOOKED_AT)
        for operation in silent:
            try:
                self._settle(operation)
            except Exception as error:
                failed.append(error)
        if failed:
            raise failed[0]
        return len(silent)

    def ended(self, account_id: str, operation_id: str, run: int) -> None:
        """An execution has ended: settle its operation unless that has ended too.

        One that has been taken up too often already waits for the sweep, so that what cannot be
        done right now is not tried at full speed.
        """
        _, operation = self.accounts.read(account_id, operation_id)
        if operation is None or not operation.is_open or operation.run != run:
            return
        if operation.resumes >= MOST_RESUMES and not self._turns(operation):
            self.report("an operation does not come to its end", operation)
            return
        self._settle(operation)

    def _settle(self, operation: Operation) -> None:
        """Take up what an execution left; turn it round when it was stopped, or tried enough."""
        status = self.executions.status(operation)
        now = self.stamp.now()
        if status == "RUNNING":
            if now - operation.heartbeat_at < GIVEN_UP_AFTER:
                return
            self.executions.stop(operation, "It has not been heard of for too long.")
        elif status is None:
            # It was to start, and whoever was to start it stopped.
            self.executions.start(operation)
            return
        after = operation
        worn_out = operation.resumes >= MOST_RESUMES
        if self._turns(operation) and (status == "ABORTED" or worn_out):
            after = after.compensating(STOPPED, "Its execution was stopped.", now)
        elif worn_out:
            self.report("an operation does not come to its end", operation)
        after = after.taken_up(now).model_copy(
            update={"entity_version": operation.entity_version + 1}
        )
        try:
            self.accounts.advance(Advance((operation, after)))
        except ConflictError:
            return
        self.executions.start(after)

    @staticmethod
    def _turns(operation: Operation) -> bool:
        """Whether it still goes forward and may be turned round."""
        return operation.status is OperationStatus.RUNNING and not operation.is_committed

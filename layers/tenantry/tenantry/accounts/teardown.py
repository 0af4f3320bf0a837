"""The steps of a teardown, each re-runnable: the bodies of the state machine's tasks.

Nothing is taken away before STOP is done; until then it can be given up, and from then on it only
goes forward. What fails stands where it is until somebody retries it.
"""

import gzip
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from tenantry.accounts.certificate import Certificate, Kept, Statement, jsonl, place
from tenantry.accounts.events import AccountTeardownFailed, AccountTornDown
from tenantry.accounts.model import (
    Account,
    CloudType,
    Inventory,
    Operation,
    OperationStatus,
    ProvisioningStatus,
    StepName,
    StepState,
)
from tenantry.accounts.own_accounts import OwnAccounts
from tenantry.accounts.provisioning import (
    FIRST_WAIT,
    LONGEST_WAIT,
    Done,
    Failure,
    Ledger,
    Progress,
    Task,
    told,
)
from tenantry.accounts.reopening import reopened
from tenantry.accounts.repository import (
    Advance,
    Archive,
    Estate,
    Hosting,
    Signer,
    Stacks,
)
from tenantry.errors import (
    ConflictError,
    LeftoversError,
    NotFoundError,
    StackFailedError,
    UnavailableError,
)
from tenantry.messaging.event import SYSTEM, Event, EventData
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.organizations.hosting import Hosted
from tenantry.persistence.writes import Write
from tenantry.runtime.identifiers import derived_id

_TRIES: Final = 5
_LONGEST_QUOTA_WAIT: Final = 1200
"""Seconds: an operation that says nothing for half an hour is stopped."""
CLOSING_PERIOD: Final = timedelta(days=90)
"""How long AWS keeps an account that was closed ("Close an AWS account")."""
_PAGES: Final = 20
"""Pages of an export in one call."""


class Page(Progress):
    """How far a step in pages is: where the next one begins, and its number."""

    after: str | None = None
    number: int = 1


class Paged(Task):
    progress: Page | None = None


@dataclass(frozen=True)
class Teardown:
    """The ports are what a task needs; a task's wiring leaves the others out.

    `keeps` is how long exports and certificates are kept.
    """

    ledger: Ledger
    stamp: Stamp
    hosting: Hosting
    stacks: Stacks
    estate: Estate
    archive: Archive
    signer: Signer
    keeps: timedelta
    own: OwnAccounts | None = None
    """Organisations' own AWS accounts, for the steps that end them."""
    report: Callable[[str, Operation], None] = lambda _what, _operation: None

    # until it commits

    def await_grace(self, given: Task) -> Progress:
        """Wait until nobody may change their mind any more."""
        _, operation = self.ledger.begin(given, StepName.AWAIT)
        if operation.step(StepName.AWAIT).state is StepState.DONE:
            return Progress()
        now = self.stamp.now()
        left = ((operation.not_before or now) - now).total_seconds()
        if left > 0:
            return Progress(done=False, wait=min(LONGEST_WAIT, math.ceil(left)))
        self.ledger.finish(given, StepName.AWAIT, Done())
        return Progress()

    def export(self, given: Paged) -> Page:
        """Keep the tenant's items and the list of its objects, page by page, and what was there."""
        account, operation = self.ledger.begin(given, StepName.EXPORT)
        if operation.step(StepName.EXPORT).state is StepState.DONE:
            return Page()
        at = given.progress or Page()
        after, number = at.after, at.number
        for _ in range(_PAGES):
            listing = self.estate.export(account, after)
            if listing.lines:
                # By its number: the same page again has the same name.
                name = f"exports/{account.account_id}/{operation.operation_id}/{number:06}.jsonl.gz"
                self.archive.keep(name, gzip.compress(jsonl(listing.lines), mtime=0))
                number += 1
            after = listing.next
            if after is None:
                found = self.estate.survey(account)
                self.ledger.finish(given, StepName.EXPORT, Done(fields={"found": found}))
                return Page()
        self.ledger.beat(given)
        return Page(done=False, after=after, number=number)

    def stop_inflows(self, given: Task) -> Progress:
        """Let nobody write or read any more; from here on there is no way back.

        Writers hold the route's epoch, which moves. A private table's own mapping goes with it.
        """

        def work(account: Account, _operation: Operation) -> Done:
            def routed() -> tuple[Write, ...]:
                hosted = self._hosted(account)
                if hosted.route.get("state") == "deleting":
                    return ()
                return (self.hosting.routed(hosted, {**hosted.route, "state": "deleting"}),)

            return Done(also=routed)

        return self.ledger.run(given, StepName.STOP, work)

    # forward only

    def purge(self, given: Task) -> Progress:
        """Delete what is the tenant's, a bounded part at a time."""
        account, operation = self.ledger.begin(given, StepName.PURGE)
        if operation.step(StepName.PURGE).state is StepState.DONE:
            return Progress()
        if not self.estate.purge(account):
            return Progress(done=False)
        self.ledger.finish(given, StepName.PURGE, Done())
        return Progress()

    def delete_stack(self, given: Task) -> Progress:
        """Delete what an account has for itself; its protection is lifted for it alone."""
        account, operation = self.ledger.begin(given, StepName.DELETE)
        if operation.step(StepName.DELETE).state is StepState.DONE:
            return Progress()
        if account.cloud_type is not CloudType.PUBLIC and not self.stacks.remove(account):
            return Progress(done=False, wait=FIRST_WAIT)
        self.ledger.finish(given, StepName.DELETE, Done())
        return Progress()

    def await_deletion(self, given: Task) -> Progress:
        """See how the deletion is; StackFailedError with CloudFormation's reason."""
        account, operation = self.ledger.open(given)
        if operation.step(StepName.DELETE).state is StepState.DONE:
            return Progress()
        found = self.stacks.find(account)
        if found is None:
            # What belongs to the stack and lies elsewhere goes last.
            self.stacks.remove(account)
            self.ledger.finish(given, StepName.DELETE, Done())
            return Progress()
        if not found.is_going:
            raise StackFailedError((found.reason or found.status)[:300])
        self.ledger.beat(given)
        wait = self.ledger.wait(operation, StepName.DELETE)
        return Progress(done=False, wait=wait)

    def release(self, given: Task) -> Progress:
        """Take the organisation's own AWS account out of what governs it."""
        return self._waited_for(given, StepName.RELEASE, self._own().released)

    def close(self, given: Task) -> Progress:
        """Quarantine and close it; AWS closes so many in 30 days, so this may be a long wait."""
        return self._waited_for(given, StepName.CLOSE, self._own().ended, _LONGEST_QUOTA_WAIT)

    def inventory(self, given: Task) -> Progress:
        """Look again, with the services: LeftoversError for whatever is there."""

        def work(account: Account, _operation: Operation) -> None:
            self._nothing_left(account)

        return self.ledger.run(given, StepName.INVENTORY, work)

    def certify(self, given: Task) -> Progress:
        """Sign and keep what became of it, and end the account."""

        def work(account: Account, operation: Operation) -> Done:
            kept = self._certificate(account, operation)

            def ended(found: Account) -> tuple[Account, Event | None]:
                data = AccountTornDown(
                    account_id=account.account_id,
                    organization_id=account.tenant_id,
                    operation_id=operation.operation_id,
                    certificate=kept.statement.digest,
                )
                deleted = found.moved(ProvisioningStatus.DELETED, self.stamp.now(), error=None)
                return deleted, self._event(data, operation, "torn-down")

            def routed() -> tuple[Write, ...]:
                hosted = self._hosted(account)
                if hosted.route.get("account") != account.account_id:
                    return ()
                return (self.hosting.routed(hosted, {**hosted.route, "state": "deleted"}),)

            where = place(account.account_id, operation.operation_id)
            return Done(
                fields={"certificate": where},
                account=ended,
                also=routed,
                ends=True,
                releases=True,
            )

        return self.ledger.run(given, StepName.CERTIFY, work)

    # what fails

    def halt(self, given: Failure) -> Progress:
        """End the run where it stands: given up where that was asked for in time, else failed."""
        for _ in range(_TRIES):
            account, operation = self.ledger.open(given)
            code, words = told(given)
            if operation.status is OperationStatus.COMPENSATING and operation.error_code:
                code, words = operation.error_code, operation.error or ""
            after = operation.halted(code, words, self.stamp.now())
            moved, event, also = self._halted(account, after)
            try:
                self.ledger.accounts.advance(
                    Advance((operation, after), (account, moved), event, slots=-1, also=also)
                )
            except ConflictError:
                continue
            if after.status is OperationStatus.FAILED:
                self.report("a teardown has failed and waits to be retried", after)
            return Progress()
        raise UnavailableError("The operation changes all the time; try again.")

    def _halted(
        self, account: Account, after: Operation
    ) -> tuple[Account, Event, tuple[Write, ...]]:
        now = self.stamp.now()
        if after.status is OperationStatus.CANCELLED:
            return reopened(
                account,
                after,
                self.hosting,
                now,
                lambda data: self._event(data, after, "cancelled", str(after.run)),
            )
        data = AccountTeardownFailed(
            account_id=account.account_id,
            organization_id=account.tenant_id,
            operation_id=after.operation_id,
            code=after.error_code or "TASK_FAILED",
        )
        words = f"{after.error_code}: {after.error}"
        failed = account.moved(ProvisioningStatus.FAILED, now, error=words)
        return failed, self._event(data, after, "failed", str(after.run)), ()

    # inside

    def _own(self) -> OwnAccounts:
        if self.own is None:
            raise LookupError("this function ends no AWS accounts of organisations' own")
        return self.own

    def _waited_for(
        self,
        given: Task,
        name: StepName,
        work: Callable[[Account], bool],
        longest: int = LONGEST_WAIT,
    ) -> Progress:
        account, operation = self.ledger.begin(given, name)
        if operation.step(name).state is StepState.DONE:
            return Progress()
        if not work(account):
            return Progress(done=False, wait=self.ledger.wait(operation, name, longest))
        self.ledger.finish(given, name, Done())
        return Progress()

    def _nothing_left(self, account: Account) -> Inventory:
        left = self.estate.survey(account)
        if not left.is_empty:
            counted = f"{left.items} items, {left.objects} objects, {left.parameters} parameters"
            named = ", ".join(left.resources[:10])
            raise LeftoversError(f"Still there: {counted}{'; ' if named else ''}{named}")
        return left

    def _certificate(self, account: Account, operation: Operation) -> Certificate:
        """The one that stands, or the one that is made: the same for the same operation."""
        left = self._nothing_left(account)
        certified = operation.step(StepName.CERTIFY).started_at or self.stamp.now()
        until = certified + self.keeps
        folder = f"exports/{account.account_id}/{operation.operation_id}/"
        statement = Statement(
            account_id=account.account_id,
            tenant_id=account.tenant_id,
            cloud_type=account.cloud_type.value,
            operation_id=operation.operation_id,
            requested_by=operation.requested_by,
            approved_by=operation.approved_by or "",
            requested_at=operation.created_at,
            approved_at=operation.approved_at or operation.created_at,
            found=operation.found or Inventory(),
            left=left,
            kept=(
                Kept(what=f"the final export: {folder}", until=until),
                Kept(what="this certificate", until=until),
                Kept(what="the organisation's audit log and its seals, by the plan's retention"),
                *self._closing(account, operation),
                *(Kept(what=each) for each in left.going),
            ),
            certified_at=certified,
            key_id=self.signer.key_id,
        )
        made = Certificate(statement=statement, signature=self.signer.sign(statement.signed))
        where = place(account.account_id, operation.operation_id)
        return Certificate.read(self.archive.certify(where, made.written))

    @staticmethod
    def _closing(account: Account, operation: Operation) -> tuple[Kept, ...]:
        """AWS keeps a closed account, which nobody can enter, until it deletes it for good."""
        if account.aws_account_id is None or StepName.CLOSE not in operation.course.steps:
            return ()
        closed = operation.step(StepName.CLOSE).ended_at
        what = f"the AWS account {account.aws_account_id}, closed and suspended in quarantine"
        return (Kept(what=what, until=closed + CLOSING_PERIOD if closed else None),)

    def _hosted(self, account: Account) -> Hosted:
        hosted = self.hosting.find(account.tenant_id)
        if hosted is None:
            raise NotFoundError("There is no such organisation.")
        return hosted

    def _event(self, data: EventData, operation: Operation, *parts: Any) -> Event:
        cause = Cause(actor=SYSTEM, correlation_id=operation.correlation_id)
        return self.stamp.event(data, cause, derived_id(operation.operation_id, *parts))

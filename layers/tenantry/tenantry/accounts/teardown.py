"""The steps of a teardown, each re-runnable: the bodies of the state machine's tasks.

Nothing is taken away before STOP is done; until then it can be given up, and from then on it only
goes forward. What fails stands where it is until somebody retries it.
"""

import gzip
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from tenantry.accounts.certificate import Certificate, Kept, Statement, jsonl, place
from tenantry.accounts.events import AccountTeardownFailed, AccountTornDown
from tenantry.accounts.model import (
    Account,
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
    Queued,
    Task,
    told,
)
from tenantry.accounts.reopening import reopened
from tenantry.accounts.repository import (
    Advance,
    Archive,
    Bodies,
    Estate,
    Farewells,
    Hosting,
    People,
    SealKeys,
    Signer,
    Stacks,
)
from tenantry.accounts.vending import State
from tenantry.errors import (
    ConflictError,
    LeftoversError,
    NotFoundError,
    StackFailedError,
    UnavailableError,
)
from tenantry.messaging.event import SYSTEM, Event, EventData
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.organizations.events import OrganizationCancelled
from tenantry.organizations.hosting import Hosted
from tenantry.persistence.writes import Write
from tenantry.runtime.identifiers import derived_id
from tenantry.tenancy.holdings import holdings

_TRIES: Final = 5
CLOSING_PERIOD: Final = timedelta(days=90)
"""How long AWS keeps an account that was closed ("Close an AWS account")."""
_NOBODY: Final = "!"
"""Where a purge is once all members have been seen off."""
_NAMED: Final = 10
_COUNTED: Final = ("items", "objects", "records", "parameters")
_BACKUPS: Final = timedelta(days=35)
"""The longest a point in time of a table can be restored."""
_PAGES: Final = 20
"""Pages of an export in one call."""
TAGS_LINGER: Final = timedelta(minutes=30)
"""How long the index of tags may tell of what is gone, where nothing else is configured."""
_LINGERS: Final = "!"
"""Where an inventory is once nothing is left but what the index of tags tells of."""
_LOOKS_AGAIN: Final = 30
_SWEPT: Final = 60
"""Pages of the shared table in one call, each of 1 MB at most."""
_SEEN_OFF: Final = 25
"""Members in one call."""
FAREWELLS_KEPT: Final = timedelta(days=180)
"""How long who led the organisation is kept to be told of its end: a closure may wait for long."""
KEY_DESTROYED_AFTER: Final = timedelta(days=30)
"""How long the organisation's own key of its seals is there still: its last days are sealed, and
what was a mistake can be put right."""


class Page(Progress):
    """How far a step in pages is: where the next one begins, its number, and what came to light."""

    after: str | None = None
    number: int = 1
    counted: Inventory = Inventory()
    people: int = 0
    since: datetime | None = None
    """When nothing was left any more but what the index of tags tells of."""


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
    bodies: Bodies
    signer: Signer
    people: People
    farewells: Farewells
    seal_keys: SealKeys
    keeps: timedelta
    own: OwnAccounts | None = None
    """Organisations' own AWS accounts, for the steps that end them."""
    seals_kept: timedelta = timedelta()
    """How long a seal is locked from the day it was made."""
    tags_linger: timedelta = TAGS_LINGER
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
        """Keep the tenant's items and the list of its objects, page by page, and what was there;
        then the latest version of each object.

        Where the copies go on is written down: another run goes on there. Before the first page
        its tables are fenced: who read the route before it was closed, and still works, writes
        nothing that no page has.
        """
        account, operation = self.ledger.begin(given, StepName.EXPORT)
        if operation.step(StepName.EXPORT).state is StepState.DONE:
            return Page()
        if operation.found is not None:
            return self._backed_up(given, account, operation)
        at = given.progress or Page()
        if at.after is None:
            self.estate.fence(account, self._hosted(account).route_epoch)
        after, number, counted = at.after, at.number, at.counted
        for _ in range(_PAGES):
            listing = self.estate.export(account, after)
            if listing.lines:
                # By its number: the same page again has the same name.
                name = f"{_folder(operation)}{number:06}.jsonl.gz"
                self.archive.keep(name, gzip.compress(jsonl(listing.lines), mtime=0))
                number += 1
            counted = counted.plus(listing.counted)
            after = listing.next
            if after is None:
                # Counted page by page, since nobody counts millions in one call.
                found = self.estate.survey(account, 0).model_copy(
                    update={**counted.model_dump(exclude_defaults=True), "is_whole": True}
                )
                _, operation = self._noted(given, found=found, position=None)
                return self._backed_up(given, account, operation)
        self.ledger.beat(given)
        return Page(done=False, after=after, number=number, counted=counted)

    def _backed_up(self, given: Paged, account: Account, operation: Operation) -> Page:
        after = operation.position
        copied = self.bodies.copy(account, f"{_folder(operation)}objects/", after)
        noted = {
            "copied": copied.objects + (operation.copied if after else 0),
            "copied_bytes": copied.bytes + (operation.copied_bytes if after else 0),
            "position": copied.next,
        }
        if copied.next is None:
            self.ledger.finish(given, StepName.EXPORT, Done(fields=noted))
            return Page()
        # It gets on, however often it has to be taken up.
        self._noted(given, **noted, resumes=0)
        return Page(done=False)

    def _noted(self, given: Task, **fields: Any) -> tuple[Account, Operation]:
        now = self.stamp.now()
        return self.ledger.moved(given, lambda its: its.beaten(now).model_copy(update=fields))

    def stop_inflows(self, given: Task) -> Progress:
        """Let nobody write or read any more; from here on there is no way back.

        Writers hold the route's epoch, which moves. A private table's own mapping goes with it.
        The organisation is cancelled, so that no context works on it any more.
        """

        def work(account: Account, operation: Operation) -> Done:
            def routed() -> tuple[Write, ...]:
                hosted = self._hosted(account)
                if hosted.route.get("state") == "deleting":
                    return ()
                data = OrganizationCancelled(organization_id=account.tenant_id, reason="torn down")
                event = self._event(data, operation, "organization-cancelled")
                route = {**hosted.route, "state": "deleting"}
                return (self.hosting.cancelled(hosted, route, event),)

            return Done(also=routed)

        return self.ledger.run(given, StepName.STOP, work)

    # forward only

    def purge(self, given: Paged) -> Page:
        """Delete what is the tenant's, a bounded part at a time.

        First the users who belong nowhere else, while their memberships say who they are; of those
        who led it is kept where the certificate is to be mailed.
        """
        account, operation = self.ledger.begin(given, StepName.PURGE)
        if operation.step(StepName.PURGE).state is StepState.DONE:
            return Page()
        at = given.progress or Page()
        if at.after != _NOBODY:
            some, after = self.people.members(account.tenant_id, at.after, _SEEN_OFF)
            for each in some:
                if each.leads and (to := self.people.addressee(each.user_id)):
                    self.farewells.keep(operation, to, self._told_by(operation))
            gone = sum(self.people.depart(account.tenant_id, each.user_id) for each in some)
            people = at.people + gone
            # Written down before any membership goes, which says whom it was about.
            self.ledger.moved(
                given,
                lambda its: its.beaten(self.stamp.now()).model_copy(
                    update={"people": max(its.people, people)}
                ),
            )
            return Page(done=False, after=after or _NOBODY, people=people)
        # After its stack an account has nothing of its own that anybody could ask.
        is_deleted = operation.step(StepName.DELETE).state is StepState.DONE
        if not self.estate.purge(account, shared_alone=is_deleted):
            return Page(done=False, after=_NOBODY)
        self.ledger.finish(given, StepName.PURGE, Done())
        return Page()

    def delete_stack(self, given: Task) -> Progress:
        """Delete what an account has for itself; its protection is lifted for it alone."""
        account, operation = self.ledger.begin(given, StepName.DELETE)
        if operation.step(StepName.DELETE).state is StepState.DONE:
            return Progress()
        # One that moved may have the stack of before.
        gone = [self.stacks.remove(each) for each in account.forms]
        if not all(gone):
            return Progress(done=False, wait=FIRST_WAIT)
        self.ledger.finish(given, StepName.DELETE, Done())
        return Progress()

    def await_deletion(self, given: Task) -> Progress:
        """See how the deletion is; StackFailedError with CloudFormation's reason."""
        account, operation = self.ledger.open(given)
        if operation.step(StepName.DELETE).state is StepState.DONE:
            return Progress()
        left = [stack for each in account.forms if (stack := self.stacks.find(each))]
        if not left:
            # What belongs to a stack and lies elsewhere goes last.
            for each in account.forms:
                self.stacks.remove(each)
            self.ledger.finish(given, StepName.DELETE, Done())
            return Progress()
        for found in left:
            if not found.is_going:
                raise StackFailedError((found.reason or found.status)[:300])
        self.ledger.beat(given)
        wait = self.ledger.wait(operation, StepName.DELETE)
        return Progress(done=False, wait=wait)

    def release(self, given: Task) -> Progress:
        """Take the organisation's own AWS account out of what governs it."""
        account, operation = self.ledger.begin(given, StepName.RELEASE)
        if operation.step(StepName.RELEASE).state is StepState.DONE:
            return Progress()
        if not self._own().released(account):
            return Progress(done=False, wait=self.ledger.wait(operation, StepName.RELEASE))
        self.ledger.finish(given, StepName.RELEASE, Done())
        return Progress()

    def close(self, given: Task) -> Queued:
        """Quarantine and close it; AWS closes so many in 30 days, so this may be a long wait, back
        in the line."""
        account, operation = self.ledger.begin(given, StepName.CLOSE)
        if operation.step(StepName.CLOSE).state is StepState.DONE:
            return Queued()
        match self._own().ended(account):
            case State.DONE:
                self.ledger.finish(given, StepName.CLOSE, Done())
                return Queued()
            case State.WAITING:
                self.ledger.park(given, StepName.CLOSE)
                return Queued(done=False, in_line=True)
            case _:
                return Queued(done=False, wait=self.ledger.wait(operation, StepName.CLOSE))

    def inventory(self, given: Paged) -> Page:
        """Look again, with the services, and through all that tenants share, page by page.

        LeftoversError for whatever is there; for what the index of tags alone tells of once it has
        had the time to forget it.
        """
        account, operation = self.ledger.begin(given, StepName.INVENTORY)
        if operation.step(StepName.INVENTORY).state is StepState.DONE:
            return Page()
        at = given.progress or Page()
        after, left = at.after, list[str]()
        if after == _LINGERS:
            return self._inventoried(given, account, at)
        for _ in range(_SWEPT):
            found, after = self.estate.sweep(account, after)
            left += found
            if after is None:
                return self._inventoried(given, account, at, left)
        if left:
            raise LeftoversError(f"Still there: {_named(left)}")
        self.ledger.beat(given)
        return Page(done=False, after=after)

    def _inventoried(
        self, given: Paged, account: Account, at: Page, swept: Sequence[str] = ()
    ) -> Page:
        left, now = self.estate.survey(account), self.stamp.now()
        since = at.since or now
        if left.is_by_tags_alone and not swept and now - since < self.tags_linger:
            return Page(done=False, after=_LINGERS, since=since, wait=_LOOKS_AGAIN)
        self._empty(left, swept)
        self.ledger.finish(given, StepName.INVENTORY, Done())
        return Page()

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

    @staticmethod
    def _empty(left: Inventory, swept: Sequence[str] = ()) -> Inventory:
        if left.is_empty and not swept:
            return left
        counts = {each: getattr(left, each) for each in _COUNTED}
        counted = [f"{count} {each}" for each, count in counts.items() if count]
        unique = tuple(dict.fromkeys((*swept, *left.resources)))
        named = [_named(unique)] if unique else []
        raise LeftoversError(f"Still there: {'; '.join([*counted, *named])}")

    def _certificate(self, account: Account, operation: Operation) -> Certificate:
        """The one that stands, or the one that is made: the same for the same operation."""
        left = self._empty(self.estate.survey(account))
        certified = operation.step(StepName.CERTIFY).started_at or self.stamp.now()
        until = certified + self.keeps
        destroyed = self.seal_keys.retire(account.tenant_id, certified + KEY_DESTROYED_AFTER)
        sealed = certified + self.seals_kept if self.seals_kept else None
        folder = _folder(operation)
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
            people=operation.people,
            kept=(
                Kept(what=f"the final export: {folder}", until=until),
                Kept(
                    what=f"the latest version of {operation.copied} objects, "
                    f"{operation.copied_bytes} bytes: {folder}objects/",
                    until=until,
                ),
                Kept(what="this certificate", until=until),
                *(Kept(what=f"{each.what}: {each.kept}") for each in holdings() if each.kept),
                Kept(what="the locked seals of the audit log, whose last is locked", until=sealed),
                *(
                    [Kept(what="the organisation's own key of these seals", until=destroyed)]
                    if destroyed
                    else []
                ),
                Kept(
                    what="addresses of its owners, until they are told of this",
                    until=self._told_by(operation),
                ),
                Kept(what="what backups of tables still hold", until=certified + _BACKUPS),
                Kept(what="log lines, which name the organisation by its id, by their retention"),
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

    def _told_by(self, operation: Operation) -> datetime:
        return (operation.step(StepName.PURGE).started_at or self.stamp.now()) + FAREWELLS_KEPT

    def _hosted(self, account: Account) -> Hosted:
        hosted = self.hosting.find(account.tenant_id)
        if hosted is None:
            raise NotFoundError("There is no such organisation.")
        return hosted

    def _event(self, data: EventData, operation: Operation, *parts: Any) -> Event:
        cause = Cause(actor=SYSTEM, correlation_id=operation.correlation_id)
        return self.stamp.event(data, cause, derived_id(operation.operation_id, *parts))


def _folder(operation: Operation) -> str:
    """Of what is kept in the archive of what was there."""
    return f"exports/{operation.account_id}/{operation.operation_id}/"


def _named(left: Sequence[str]) -> str:
    more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
    return ", ".join(left[:_NAMED]) + more

"""The steps of provisioning, each re-runnable: the bodies of the state machine's tasks.

A task reads the ledger, writes down that its step begins, does it, and writes down that it is
done. Whoever comes again finds DONE and does nothing, or RUNNING and recognises what is there
already. A task of an older run finds another run's number and leaves everything alone.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from tenantry.accounts.events import (
    AccountCancelled,
    AccountCreationStarted,
    AccountProbed,
    AccountProvisioned,
    AccountProvisioningFailed,
    AccountVended,
)
from tenantry.accounts.model import (
    NOTHING_COPIED,
    Account,
    CloudType,
    Kind,
    Names,
    Operation,
    OperationStatus,
    ProvisioningStatus,
    StepName,
    StepState,
    Sums,
)
from tenantry.accounts.own_accounts import Guard, OwnAccounts
from tenantry.accounts.repository import (
    AccountRepository,
    Advance,
    Hosting,
    ParameterTree,
    Place,
    Stacks,
    TenantCopies,
    TenantData,
)
from tenantry.accounts.technical_users import TechnicalUsers
from tenantry.errors import (
    ConflictError,
    CopyDiffersError,
    HostingNotOfferedError,
    NotFoundError,
    OperationCancelledError,
    OperationCommittedError,
    OperationSupersededError,
    OrganizationSuspendedError,
    StackFailedError,
    StreamSilentError,
    UnavailableError,
)
from tenantry.messaging.event import SYSTEM, Event, EventData
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.organizations.hosting import Hosted
from tenantry.persistence.writes import Write
from tenantry.runtime.identifiers import derived_id
from tenantry.tenancy.access import OrganizationStatus
from tenantry.tenancy.router import platform_role
from tenantry.tenancy.sessions import Abroad

_TRIES: Final = 5
FIRST_WAIT: Final = 2
LONGEST_WAIT: Final = 30
_SHORTEST_IN_LINE: Final = 60
_LONGEST_IN_LINE: Final = 1200
"""Seconds until what there was no room for is asked for again."""
_LONGEST_CAUSE: Final = 300
COMPARED_BEYOND: Final = timedelta(hours=6)
"""What ends by itself sooner after nobody writes any more is copied, but not compared."""
_PAGES: Final = 20
"""Pages of what comes along to a place of one's own, in one call."""
_ROUNDS: Final = 900
"""Calls of a step in one execution: its history holds 25,000 events, and a call that is retried to
the last takes some 25 of them."""
NO_ERROR: Final = "none"


class Task(BaseModel):
    """What every task is given."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    tenant_id: str
    account_id: str
    operation_id: str
    run: int
    correlation_id: str | None = None


class Failure(Task):
    """What went wrong, as the state machine caught it."""

    error: str = "States.TaskFailed"
    cause: str = ""


class Progress(BaseModel):
    """Whether it is done; if not, how many seconds to wait before looking again."""

    done: bool = True
    wait: int = 0


class Queued(Progress):
    """Of what there may be no room for: `in_line` once the operation is back in the line, so that
    this run of it ends."""

    in_line: bool = False


class Vend(Queued):
    """How far an AWS account is; `request` is what those who make it call it."""

    request: str | None = None


class Vending(Task):
    progress: Vend | None = None


class Bringing(Progress):
    """How far what an organisation had is brought along; `round` counts calls."""

    round: int = 0
    hands_on: bool = False
    """Whether the next execution goes on, since the history of this one fills."""


class Seeding(Task):
    bringing: Bringing | None = None


@dataclass(frozen=True)
class Shared:
    """The table and buckets of those who have none of their own."""

    table: str
    raw: str
    processed: str
    partition: str = "aws"
    """Where the deployment runs: `aws-cn` and others have names of resources of their own."""

    def place(self, account: Account, prefix: str) -> Place:
        """Where the account's data is: here, or in what has its own names."""
        names = Names.of(prefix, account)
        if account.has_own_buckets:
            return Place(account.tenant_id, self.table, names.raw, names.processed)
        if account.cloud_type is CloudType.PUBLIC:
            return Place(account.tenant_id, self.table, self.raw, self.processed)
        place = Place(account.tenant_id, names.table, names.raw, names.processed)
        if account.cloud_type is CloudType.DEDICATED and account.aws_account_id:
            role = f"arn:{self.partition}:iam::{account.aws_account_id}:role/"
            way = Abroad(f"{role}{platform_role(prefix)}", names.external_id)
            return replace(place, abroad=way, region=account.region)
        return place

    def left_behind(self, account: Account) -> Place:
        """Where an organisation that gets a place of its own has what it had; with buckets of its
        own alone it leaves no items, and the place has no table."""
        table = "" if account.has_own_buckets else self.table
        return Place(account.tenant_id, table, self.raw, self.processed)

    def route(self, account: Account, prefix: str, state: str) -> dict[str, str]:
        """What leads to the place of one in the platform's own AWS account."""
        route = {
            "account": account.account_id,
            "kind": account.cloud_type.value,
            "state": state,
        }
        if not account.has_stack:
            return route
        place = self.place(account, prefix)
        table = {} if account.has_own_buckets else {"table": place.table}
        own = {"region": account.region, "raw": place.raw, "processed": place.processed}
        return {**route, **table, **own}


@dataclass(frozen=True)
class Ledger:
    """Reads where an operation stands, and writes down where it goes."""

    accounts: AccountRepository
    stamp: Stamp

    def open(self, given: Task) -> tuple[Account, Operation]:
        """Account and operation; OperationSupersededError unless this run is the one at work."""
        account, operation = self.accounts.read(given.account_id, given.operation_id)
        if account is None or operation is None:
            raise NotFoundError("There is no such operation.")
        if not operation.is_open or operation.run != given.run:
            raise OperationSupersededError("This run is no longer at work on the operation.")
        return account, operation

    def run(
        self,
        given: Task,
        name: StepName,
        work: Callable[[Account, Operation], "Done | None"],
    ) -> Progress:
        """Do a step unless it is done; `work` answers what to write down with it."""
        account, operation = self.begin(given, name)
        if operation.step(name).state is StepState.DONE:
            return Progress()
        done = work(account, operation) or Done()
        self.finish(given, name, done)
        return Progress()

    def begin(self, given: Task, name: StepName) -> tuple[Account, Operation]:
        """The step as it stands once it is written down that it is about to be done."""

        def begun(operation: Operation) -> Operation:
            if operation.step(name).state is StepState.DONE:
                return operation
            if operation.status is OperationStatus.COMPENSATING:
                raise OperationSupersededError("The operation is being undone.")
            if operation.cancel_requested and not operation.is_committed:
                raise OperationCancelledError("It was asked to give the operation up.")
            return operation.step_begun(name, self.stamp.now())

        return self.moved(given, begun)

    def finish(self, given: Task, name: StepName, done: "Done") -> None:
        """Write down that a step is done, together with what goes with it."""
        for _ in range(_TRIES):
            account, operation = self.open(given)
            if operation.step(name).state is StepState.DONE:
                return
            after = operation.step_done(name, self.stamp.now(), **done.fields)
            if done.ends:
                after = after.succeeded(self.stamp.now()).model_copy(
                    update={"entity_version": operation.entity_version + 1}
                )
            moved = done.account(account) if done.account else None
            if moved is not None and moved[0] is account:
                moved = None
            try:
                self.accounts.advance(
                    Advance(
                        (operation, after),
                        (account, moved[0]) if moved else None,
                        moved[1] if moved else None,
                        slots=-1 if done.ends else 0,
                        releases=done.releases,
                        also=done.also() if done.also else (),
                    )
                )
            except ConflictError:
                continue
            return
        raise UnavailableError("The operation changes all the time; try again.")

    def undo(
        self,
        given: "Failure",
        work: Callable[[StepName, Account, Operation], int],
        ended: Callable[[Account, Operation], tuple[Account, Event]],
    ) -> Progress:
        """Undo what was done, newest first; `done` when nothing is left and it has ended.

        `work` undoes a step, and answers how many seconds to wait while it takes longer; `ended`
        is the account's next version when its operation has ended so. OperationCommittedError when
        it may not be undone any more.
        """
        account, operation = self.moved(given, lambda found: self._turned(found, given))
        while (name := operation.next_undo) is not None:
            self.moved(given, partial(Operation.undoing, name=name, now=self.stamp.now()))
            if wait := work(name, account, operation):
                return Progress(done=False, wait=wait)
            account, operation = self.moved(
                given, partial(Operation.undone, name=name, now=self.stamp.now())
            )
        self._end(given, ended)
        return Progress()

    def _turned(self, operation: Operation, given: "Failure") -> Operation:
        if operation.status is OperationStatus.COMPENSATING:
            return operation
        if operation.is_committed:
            raise OperationCommittedError("It is in use by now; its operation goes forward.")
        code, words = told(given)
        return operation.compensating(code, words, self.stamp.now())

    def _end(
        self, given: Task, ended: Callable[[Account, Operation], tuple[Account, Event]]
    ) -> None:
        for _ in range(_TRIES):
            account, operation = self.open(given)
            after = operation.compensated(self.stamp.now())
            moved, event = ended(account, after)
            # Only what never was an account leaves its organisation free for another one.
            released = moved.status is ProvisioningStatus.DELETED
            try:
                self.accounts.advance(
                    Advance(
                        (operation, after), (account, moved), event, slots=-1, releases=released
                    )
                )
            except ConflictError:
                continue
            return
        raise UnavailableError("The operation changes all the time; try again.")

    def park(self, given: Task, name: StepName) -> None:
        """Put the operation back in the line, since there is no room for its step: what waits in
        its execution keeps a place from others, for a month maybe.

        OperationCancelledError when somebody has given it up meanwhile.
        """
        for _ in range(_TRIES):
            _, operation = self.open(given)
            if operation.cancel_requested and not operation.is_committed:
                raise OperationCancelledError("It was asked to give the operation up.")
            now = self.stamp.now()
            wait = max(_SHORTEST_IN_LINE, self.wait(operation, name, _LONGEST_IN_LINE))
            after = operation.parked(now + timedelta(seconds=wait), now)
            try:
                self.accounts.advance(Advance((operation, after), slots=-1))
            except ConflictError:
                continue
            return
        raise UnavailableError("The operation changes all the time; try again.")

    def beat(self, given: Task) -> tuple[Account, Operation]:
        """Say that the operation is alive."""
        return self.moved(given, lambda operation: operation.beaten(self.stamp.now()))

    def wait(self, operation: Operation, name: StepName, longest: int = LONGEST_WAIT) -> int:
        """Seconds until a step is looked at again: more, the longer it goes on."""
        began = operation.step(name).started_at or operation.heartbeat_at
        age = (self.stamp.now() - began).total_seconds()
        return min(longest, max(FIRST_WAIT, round(age / 4)))

    def moved(
        self, given: Task, change: Callable[[Operation], Operation]
    ) -> tuple[Account, Operation]:
        for _ in range(_TRIES):
            account, operation = self.open(given)
            after = change(operation)
            if after is operation:
                return account, operation
            try:
                self.accounts.advance(Advance((operation, after)))
            except ConflictError:
                continue
            return account, after
        raise UnavailableError("The operation changes all the time; try again.")


@dataclass(frozen=True)
class Done:
    """What is written down with the end of a step."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    account: Callable[[Account], tuple[Account, Event | None]] | None = None
    """The account's next version and its event; the account itself where it stays."""
    also: Callable[[], tuple[Write, ...]] | None = None
    """What goes into the same transaction; asked anew when that is refused."""
    ends: bool = False
    releases: bool = False
    """Whether the organisation is free for another account."""


@dataclass(frozen=True)
class Provisioning:
    """`places_of` and the ports are what a task needs; a task's wiring leaves the others out."""

    ledger: Ledger
    stamp: Stamp
    prefix: str
    shared: Shared
    hosting: Hosting
    stacks: Stacks
    tree: ParameterTree
    data: TenantData
    own: OwnAccounts | None = None
    """Organisations' own AWS accounts, for the steps that work on them."""
    guards: Guard | None = None
    """For the step that tries their doors."""
    offers_dedicated: bool = False
    """Whether the deployment knows anybody who makes them."""
    copies: TenantCopies | None = None
    """For the step that brings along what an organisation had before."""
    kept: timedelta = timedelta()
    """How long what it had stays where it was, too."""
    settle: timedelta = timedelta()
    """How long what began before its route was closed may still work, such as an upload."""
    pages: int = _PAGES
    rounds: int = _ROUNDS
    users: TechnicalUsers | None = None
    """For the step that makes technical users, and for undoing it."""

    # forward

    def validate(self, given: Task) -> Progress:
        """Whether the organisation can have what it asked for, as things are now."""

        def work(account: Account, _operation: Operation) -> None:
            hosted = self._hosted(account)
            if hosted.status is not OrganizationStatus.ACTIVE:
                raise OrganizationSuspendedError("The organisation takes no changes now.")
            if account.cloud_type is CloudType.DEDICATED and not self.offers_dedicated:
                raise HostingNotOfferedError("This deployment makes no AWS accounts.")
            elsewhere = hosted.route.get("account") not in (None, account.account_id)
            elsewhere = elsewhere and hosted.route.get("state") != "deleted"
            if elsewhere or (account.has_stack and hosted.holds_data):
                raise ConflictError(
                    "The organisation has data elsewhere: it is moved, not set up anew."
                )

        return self.ledger.run(given, StepName.VALIDATE, work)

    def reserve(self, given: Task) -> Progress:
        """The organisation is this account's, and the account is being created."""

        def work(account: Account, operation: Operation) -> Done:
            holder = self.ledger.accounts.of(account.tenant_id)
            if holder is None or holder.account_id != account.account_id:
                raise ConflictError("The organisation has another account.")
            return Done(account=lambda found: self._creating(found, operation))

        return self.ledger.run(given, StepName.RESERVE, work)

    def adopt_shared(self, given: Task) -> Progress:
        """A public account is created in what is there already."""
        return self.ledger.run(given, StepName.CREATE, lambda _account, _operation: None)

    def vend(self, given: Vending) -> Vend:
        """Have the organisation's own AWS account made, and see it through; no room is a wait, back
        in the line."""
        if given.progress is None:
            account, operation = self.ledger.begin(given, StepName.VEND)
        else:
            account, operation = self.ledger.beat(given)
        if operation.step(StepName.VEND).state is StepState.DONE:
            return Vend()
        if operation.cancel_requested:
            raise OperationCancelledError("It was asked to give the operation up.")
        making = self._own().made(account, given.progress.request if given.progress else None)
        if making.waits:
            self.ledger.park(given, StepName.VEND)
            return Vend(done=False, in_line=True)
        if making.aws_account_id is None:
            wait = self.ledger.wait(operation, StepName.VEND)
            return Vend(done=False, wait=wait, request=making.request)
        number = making.aws_account_id

        def known(found: Account) -> tuple[Account, Event | None]:
            if found.aws_account_id == number:
                return found, None
            data = AccountVended(
                account_id=found.account_id,
                organization_id=found.tenant_id,
                operation_id=operation.operation_id,
                aws_account_id=number,
            )
            event = self._event(data, operation, "vended", str(operation.run))
            return found.amended(self.stamp.now(), aws_account_id=number), event

        self.ledger.finish(given, StepName.VEND, Done(account=known))
        return Vend()

    def place(self, given: Task) -> Progress:
        """Put the organisation's own AWS account where its policies are in effect."""
        return self.ledger.run(
            given, StepName.PLACE, lambda account, _operation: self._own().placed(account)
        )

    def guard(self, given: Task) -> Progress:
        """See that the account's own AWS account is entered with its external id only.

        AccountShutError until it lets us in at all: the task is tried again.
        """
        if self.guards is None:
            raise LookupError("this function tries no doors")
        guards = self.guards
        return self.ledger.run(
            given,
            StepName.GUARD,
            lambda account, _operation: guards.guarded(self._place(account)),
        )

    def create_stack(self, given: Task) -> Progress:
        """Ask for the stack of an account of its own; a later task sees it through."""
        account, operation = self.ledger.begin(given, StepName.CREATE)
        if operation.step(StepName.CREATE).state is StepState.DONE:
            return Progress()
        self.stacks.create(
            account.hosted_as(operation.cloud_type),
            token=f"{operation.operation_id}-{operation.run}",
        )
        return Progress(done=False, wait=FIRST_WAIT)

    def await_stack(self, given: Task) -> Progress:
        """See how the stack is; StackFailedError with CloudFormation's reason.

        What CloudFormation told is kept in the ledger as it happens.
        """
        account, operation = self.ledger.open(given)
        if operation.step(StepName.CREATE).state is StepState.DONE:
            return Progress()
        if operation.cancel_requested:
            raise OperationCancelledError("It was asked to give the operation up.")
        account = account.hosted_as(operation.cloud_type)
        found = self.stacks.find(account)
        events = self.stacks.events(account)
        self.ledger.accounts.note(operation, events)
        if found is None:
            raise StackFailedError("The stack is gone.")
        if found.is_being_made:
            self.ledger.beat(given)
            return Progress(done=False, wait=self.ledger.wait(operation, StepName.CREATE))
        if not found.is_ready:
            told = [event for event in events if event.status.endswith("_FAILED") and event.reason]
            why = f"{told[0].resource}: {told[0].reason}" if told else found.reason or found.status
            raise StackFailedError(why[:_LONGEST_CAUSE])
        self.ledger.finish(given, StepName.CREATE, Done())
        return Progress()

    def configure(self, given: Task) -> Progress:
        """Point the organisation to its place, where nobody writes yet, and tell others of it.

        The technical user it asked for is made, and what makes it the organisation's is one
        transaction with that.
        """

        def work(account: Account, operation: Operation) -> Done:
            route = self._route(account)
            if account.has_own_tree:
                self.tree.write(account, self._values(account, "creating"))
            # Last of what is made, since nobody finds one again that was made in vain.
            wanted = account.technical_user is not None
            machine = self._technical_users().made(account) if wanted else None

            def tell(data: EventData, client_id: str) -> Event:
                return self._event(data, operation, "technical-user", client_id)

            def also() -> tuple[Write, ...]:
                hosted = self._hosted(account)
                routed = () if hosted.route == route else (self.hosting.routed(hosted, route),)
                bound = self._technical_users().binding(machine, tell) if machine else ()
                return (*routed, *bound)

            return Done(also=also)

        return self.ledger.run(given, StepName.CONFIGURE, work)

    def seed(self, given: Seeding) -> Bringing:
        """Bring along what the organisation had before, a part at a time, and write what every
        tenant begins with, under the tenant's own session."""
        account, operation = self.ledger.begin(given, StepName.SEED)
        if operation.step(StepName.SEED).state is StepState.DONE:
            return Bringing()
        epoch = self._hosted(account).route_epoch
        brought, wait = self._brought(account, operation, epoch)
        if wait is not None:
            now, number = self.stamp.now(), given.bringing.round + 1 if given.bringing else 1
            # It gets on, however often it has to be taken up.
            far = {**brought, "resumes": 0}
            self.ledger.moved(given, lambda its: its.beaten(now).model_copy(update=far))
            return Bringing(
                done=False, wait=wait, round=number, hands_on=number >= self.rounds and not wait
            )
        self.data.seed(self._place(account), account, self.stamp.now(), epoch)
        self.ledger.finish(given, StepName.SEED, Done(fields=brought))
        return Bringing()

    def verify(self, given: Task) -> Progress:
        """Write, read, put and get under the tenant's session, and see it come by the stream.

        StreamSilentError until it has come: the task is tried again.
        """

        def work(account: Account, operation: Operation) -> Done:
            place = self._place(account)
            probe = self._event(
                AccountProbed(account_id=account.account_id, operation_id=operation.operation_id),
                operation,
                "probe",
                str(operation.run),
            ).model_copy(
                # The same probe each time: its place in the audit log follows from its time.
                update={"occurred_at": operation.step(StepName.VERIFY).started_at}
            )
            self.data.probe(place, account, probe)
            if not self.data.has_arrived(place, probe):
                raise StreamSilentError("What was written has not come through the stream yet.")
            return Done(fields={"identity": self.data.identity(place)})

        return self.ledger.run(given, StepName.VERIFY, work)

    def activate(self, given: Task) -> Progress:
        """Open the place: from here on there is no way back, since the organisation writes."""

        def work(account: Account, operation: Operation) -> Done:
            opened = {**self._route(account), "state": "active"}

            def routed() -> tuple[Write, ...]:
                hosted = self._hosted(account)
                if hosted.route.get("account") != account.account_id:
                    raise ConflictError("The organisation is routed elsewhere.")
                if hosted.route == opened:
                    return ()
                return (self.hosting.opened(hosted, opened),)

            left = {"retire_at": self.stamp.now() + self.kept} if operation.old else {}
            return Done(
                fields=left, account=lambda found: self._active(found, operation), also=routed
            )

        return self.ledger.run(given, StepName.ACTIVATE, work)

    def announce(self, given: Task) -> Progress:
        """Tell other systems, and end the operation."""

        def work(account: Account, operation: Operation) -> Done:
            if operation.kind is Kind.MOVE:
                self.tell_moved(account)
            else:
                self.tell(account, "active")
            return Done(ends=True)

        return self.ledger.run(given, StepName.ANNOUNCE, work)

    def tell(self, account: Account, status: str) -> None:
        """Write what other systems read of the account, if it has a tree of its own."""
        if account.has_own_tree:
            self.tree.write(account, self._values(account, status))

    def tell_moved(self, account: Account) -> None:
        """Write where it is now: a stack that was made for a move tells nobody before.

        What told of its place of before goes where it has no tree of its own any more.
        """
        if not account.has_own_tree:
            self.tree.remove(account)
            return
        place = self._place(account)
        values = self._values(account, "active") | {"dynamodb/table-name": place.table}
        if account.has_stack:
            values |= {"s3/raw-bucket": place.raw, "s3/processed-bucket": place.processed}
        self.tree.write(account, values)

    def _brought(
        self, account: Account, operation: Operation, epoch: int
    ) -> tuple[Mapping[str, Any], int | None]:
        """What the organisation has in the place that all share, such as exports and files, as it
        is told of in the ledger; and in how many seconds there is more to bring, None for nothing.

        Nobody writes it meanwhile: the route is closed, the fence keeps out who read an older one,
        and where there are files, forms that were signed before have had their time.
        """
        if not account.has_stack:
            return {}, None
        copies = self._copies()
        source, target = self._behind_fences(copies, account, operation, epoch)
        old, new = operation.old or Sums(), operation.new or Sums()
        lasting = (operation.step(StepName.SEED).started_at or self.stamp.now()) + COMPARED_BEYOND
        position, passes, wait = operation.position, operation.passes, 0
        for _ in range(self.pages):
            if not old.is_whole:
                old = copies.sums(source, old, lasting)
            elif passes:
                new = new if new.is_whole else copies.sums(target, new, lasting)
            elif not old.items and not old.objects:
                return NOTHING_COPIED, None
            elif old.objects and (wait := self._unsettled(target, operation)):
                break
            else:
                page = copies.copy(source, target, epoch, position)
                position, passes = page.next, int(page.next is None)
                if passes and old.objects:
                    old = Sums()  # counted while uploads could still come
        far = {"old": old, "new": new, "position": position, "passes": passes}
        if not new.is_whole:
            return far, wait
        if old != new:
            raise CopyDiffersError(
                f"{new.items} items and {new.objects} objects came along,"
                f" of {old.items} and {old.objects}, or others."
            )
        return {**far, "passes": 0}, None

    def _behind_fences(
        self, copies: TenantCopies, account: Account, operation: Operation, epoch: int
    ) -> tuple[Place, Place]:
        """From where to where it is brought."""
        source, target = self.shared.left_behind(account), self._place(account)
        if not source.table:
            return source, replace(target, table="")
        for place in (source, target):
            copies.fence(place, epoch)
        if operation.step(StepName.SEED).attempts > 1:
            self.data.unseed(target)  # which an earlier attempt wrote, and is not to be compared
        return source, target

    def _unsettled(self, target: Place, operation: Operation) -> int:
        """Seconds until nothing that began before the route was closed puts any file.

        ConflictError where files cannot be brought.
        """
        if target.abroad:
            raise ConflictError("The organisation has files, which reach no other AWS account.")
        closed = operation.step(StepName.CONFIGURE).ended_at or operation.heartbeat_at
        left = (closed + self.settle - self.stamp.now()).total_seconds()
        return min(LONGEST_WAIT, math.ceil(left)) if left > 0 else 0

    # backward

    def compensate(self, given: Failure) -> Progress:
        """Undo what was done, newest first; `done` when nothing is left and it has ended.

        OperationCommittedError when it may not be undone any more.
        """
        return self.ledger.undo(given, self._undo, self._ended)

    def _undo(self, name: StepName, account: Account, operation: Operation) -> int:
        """Undo one step; seconds to wait while it takes longer. What is gone already is fine."""
        place = self._place(account)
        match name:
            case StepName.VERIFY:
                if self._is_there(account):
                    self.data.unprobe(place, account)
            case StepName.SEED:
                if self._is_there(account):
                    self.data.unseed(place)
            case StepName.CONFIGURE:
                if account.has_own_tree:
                    self.tree.remove(account)
                self._unroute(account)
                if account.technical_user:
                    self._technical_users().end(
                        account,
                        lambda data, client: self._event(data, operation, "ended", client),
                    )
            case StepName.CREATE:
                if account.has_stack and not self.stacks.remove(account):
                    return FIRST_WAIT
            case StepName.VEND:
                if not self._own().given_up(account):
                    return LONGEST_WAIT
            case _:
                pass  # of the reservation, the account's status is all there is: it ends with this
        return 0

    def _is_there(self, account: Account) -> bool:
        """Whether its data needs to be taken out: what lies in a stack goes with it."""
        return account.cloud_type is CloudType.PUBLIC

    def _unroute(self, account: Account) -> None:
        """Whoever wrote by the route is kept out by the epoch; without one it is the shared table.

        A write of its own: the ledger says UNDOING, and doing it twice changes nothing.
        """
        hosted = self._hosted(account)
        if hosted.route.get("account") == account.account_id:
            self.ledger.accounts.reroute(self.hosting.routed(hosted, {}))

    def _ended(self, account: Account, after: Operation) -> tuple[Account, Event]:
        now = self.stamp.now()
        gone: dict[str, Any] = {}
        if StepName.VEND in after.course.steps:
            # What has been closed is never used again, and neither is its address.
            vended = after.step(StepName.VEND).state is StepState.UNDONE
            gone = {"aws_account_id": None, "generation": account.generation + vended}
        if after.status is OperationStatus.CANCELLED:
            cancelled = AccountCancelled(
                account_id=account.account_id,
                organization_id=account.tenant_id,
                operation_id=after.operation_id,
            )
            event = self._event(cancelled, after, "cancelled", str(after.run))
            return account.moved(ProvisioningStatus.DELETED, now, **gone), event
        failed = AccountProvisioningFailed(
            account_id=account.account_id,
            organization_id=account.tenant_id,
            operation_id=after.operation_id,
            code=after.error_code or "PROVISIONING_FAILED",
        )
        event = self._event(failed, after, "failed", str(after.run))
        words = f"{after.error_code}: {after.error}"
        moved = account.moved(ProvisioningStatus.FAILED, now, error=words, **gone)
        self.tell(moved, "failed")
        return moved, event

    # inside

    def _technical_users(self) -> TechnicalUsers:
        if self.users is None:
            raise LookupError("this function makes and ends no technical users")
        return self.users

    def _copies(self) -> TenantCopies:
        if self.copies is None:
            raise LookupError("this function brings nothing along")
        return self.copies

    def _own(self) -> OwnAccounts:
        if self.own is None:
            raise LookupError("this function works on no AWS accounts of organisations' own")
        return self.own

    def _hosted(self, account: Account) -> Hosted:
        hosted = self.hosting.find(account.tenant_id)
        if hosted is None:
            raise NotFoundError("There is no such organisation.")
        return hosted

    def _place(self, account: Account) -> Place:
        return self.shared.place(account, self.prefix)

    def _route(self, account: Account) -> dict[str, str]:
        """Where all of it stays where it is, nobody is kept out meanwhile."""
        state = "creating" if account.has_stack else "active"
        route = self.shared.route(account, self.prefix, state)
        place = self._place(account)
        if place.abroad and account.aws_account_id:
            route |= {
                "aws_account": account.aws_account_id,
                "role": place.abroad.role_arn,
                "secret": place.abroad.secret,
            }
        return route

    def _values(self, account: Account, status: str) -> dict[str, str]:
        # What an earlier try left is not to stand beside success, and no parameter is empty.
        told = {
            "cloud-type": account.cloud_type.value,
            "provisioning-status": status,
            "provisioning-error": account.error or NO_ERROR,
        }
        if account.cloud_type is CloudType.PUBLIC and status != "failed":
            place = self._place(account)
            told["dynamodb/table-name"] = place.table
            if account.has_own_buckets:
                told |= {"s3/raw-bucket": place.raw, "s3/processed-bucket": place.processed}
        if account.cloud_type is CloudType.DEDICATED and account.aws_account_id:
            place = self._place(account)
            told |= {
                "dynamodb/table-name": place.table,
                "s3/raw-bucket": place.raw,
                "s3/processed-bucket": place.processed,
                "aws/account-id": account.aws_account_id,
            }
            if place.abroad:
                told["aws/role-arn"] = place.abroad.role_arn
        return told

    def _creating(self, account: Account, operation: Operation) -> tuple[Account, Event | None]:
        if account.status is ProvisioningStatus.CREATING:
            return account, None
        data = AccountCreationStarted(
            account_id=account.account_id, operation_id=operation.operation_id
        )
        moved = account.moved(ProvisioningStatus.CREATING, self.stamp.now(), error=None)
        return moved, self._event(data, operation, "creating", str(operation.run))

    def _active(self, account: Account, operation: Operation) -> tuple[Account, Event | None]:
        if account.status is ProvisioningStatus.ACTIVE:
            return account, None
        table = self._place(account).table
        data = AccountProvisioned(
            account_id=account.account_id,
            organization_id=account.tenant_id,
            operation_id=operation.operation_id,
            cloud_type=account.cloud_type,
            table_name=table,
        )
        moved = account.moved(
            ProvisioningStatus.ACTIVE, self.stamp.now(), table_name=table, error=None
        )
        return moved, self._event(data, operation, "active", str(operation.run))

    def _event(self, data: EventData, operation: Operation, *parts: str) -> Event:
        """An event of the system's, the same for the same step of the same run."""
        cause = Cause(actor=SYSTEM, correlation_id=operation.correlation_id)
        return self.stamp.event(data, cause, derived_id(operation.operation_id, *parts))


def told(given: Failure) -> tuple[str, str]:
    """The code of what was caught, and its words for people, where it has safe ones."""
    known = _CODES.get(given.error)
    try:
        words = str(json.loads(given.cause)["errorMessage"])
    except (ValueError, LookupError, TypeError):
        words = given.cause
    if known is None:
        code = "TIMED_OUT" if given.error == "States.Timeout" else "TASK_FAILED"
        return code, "A task did not end in time." if code == "TIMED_OUT" else _FAILED
    return known, words[:_LONGEST_CAUSE]


_FAILED: Final = "A task failed for a reason of its own; the logs say why."


def _codes() -> dict[str, str]:
    from tenantry.errors import TenantryError

    found: dict[str, str] = {}
    waiting: list[type[TenantryError]] = [TenantryError]
    while waiting:
        kind = waiting.pop()
        found[kind.__name__] = kind.code
        waiting += kind.__subclasses__()
    return found


_CODES: Final = _codes()

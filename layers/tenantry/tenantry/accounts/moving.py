"""The steps of a move between the shared place and an own one, while the organisation works on.

Copy while it writes, keep writers out, copy what they left, compare, flip route and epoch in one
conditional write, see once more that the copy is whole, and let writers in. Until that everything
is undone, also when it takes too long: nobody has written into the copy, so the organisation goes
back to where it was and loses nothing.

Epochs keep late workers out as they keep late writers out. E is the route's when the move begins:

    E      while writers write; copies are made with E
    E + 1  `moving`: both fences are raised to it, so no writer and no earlier copier comes after
    E + 2  the target's fence, before it is compared; then the route's, which now leads there,
           `moving` until it was confirmed
    E + 3  where it goes back

Copies carry no events, so nothing that happened is told again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from tenantry.accounts.events import (
    AccountCopyRemoved,
    AccountCopyRetired,
    AccountMoved,
    AccountMoveFailed,
    AccountProbed,
)
from tenantry.accounts.model import (
    Account,
    CloudType,
    Operation,
    ProvisioningStatus,
    StepName,
    StepState,
    Sums,
)
from tenantry.accounts.provisioning import (
    COMPARED_BEYOND,
    Done,
    Failure,
    Ledger,
    Progress,
    Provisioning,
    Task,
)
from tenantry.accounts.repository import Advance, Place, TenantCopies
from tenantry.errors import (
    ConflictError,
    CopyDiffersError,
    MoveUnconfirmedError,
    NotFoundError,
    OrganizationSuspendedError,
    StreamSilentError,
)
from tenantry.messaging.event import SYSTEM, Event, EventData
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.organizations.hosting import Hosted
from tenantry.persistence.writes import Write
from tenantry.runtime.identifiers import derived_id
from tenantry.tenancy.access import OrganizationStatus

_PAGES: Final = 20
_TRIES: Final = 5
_WAIT: Final = 2
_SOON: Final = 1
_MOVING: Final = "moving"
_OPENED: Final = "active"
_LITTLE: Final = 50
"""So few differences are left to the tail: copying them keeps writers out for no time."""
_PASSES: Final = 10
"""As often it is caught up at most, for a tenant that writes as fast as it is copied."""
_RETIRED_AT_ONCE: Final = 10


class MoveTask(Task):
    """What a task of a move is given: which of its steps it does."""

    step: StepName


@dataclass(frozen=True)
class Moving:
    """`settle` is how long what began before the fence may still work, such as an upload.

    `confirmed_within` is how long after the flip it may take to see that the copy is whole, and
    `kept` how long the old copy stays.
    """

    provisioning: Provisioning
    copies: TenantCopies
    settle: timedelta
    confirmed_within: timedelta
    kept: timedelta
    pages: int = _PAGES
    """Copied by one task, which then says that it is alive."""
    little: int = _LITTLE

    @property
    def ledger(self) -> Ledger:
        return self.provisioning.ledger

    @property
    def stamp(self) -> Stamp:
        return self.provisioning.stamp

    # forward

    def do(self, given: MoveTask) -> Progress:
        """The step that a task is for."""
        tasks: dict[StepName, Callable[[Task], Progress]] = {
            StepName.VALIDATE: self.validate,
            StepName.VERIFY: self.verify,
            StepName.BACKFILL: self.backfill,
            StepName.CATCH_UP: self.catch_up,
            StepName.FENCE: self.fence,
            StepName.COPY_TAIL: self.copy_tail,
            StepName.COMPARE: self.compare,
            StepName.FLIP: self.flip,
            StepName.CONFIRM: self.confirm,
            StepName.OPEN: self.open,
        }
        return tasks[given.step](given)

    def validate(self, given: Task) -> Progress:
        """Whether it can be moved, as things are now."""

        def work(account: Account, operation: Operation) -> None:
            hosted = self._hosted(account)
            if hosted.status is not OrganizationStatus.ACTIVE:
                raise OrganizationSuspendedError("The organisation takes no changes now.")
            route = hosted.route
            if route.get("account") != account.account_id or route.get("state") != _OPENED:
                raise ConflictError("The organisation's data is not where it could be moved from.")
            kinds = {account.cloud_type, operation.cloud_type}
            if kinds != {CloudType.PUBLIC, CloudType.PRIVATE}:
                raise ConflictError("Moves lead from public to private, or back.")
            if account.status is not ProvisioningStatus.ACTIVE:
                raise ConflictError(f"An account that is {account.status} is not moved.")

        return self.ledger.run(given, StepName.VALIDATE, work)

    def verify(self, given: Task) -> Progress:
        """Write, read, put and get in the target as the tenant, and see it come by the stream."""

        def work(account: Account, operation: Operation) -> Done:
            target = self._target(account, operation)
            self.copies.fence(target, self._hosted(account).route_epoch)
            data = AccountProbed(account_id=account.account_id, operation_id=operation.operation_id)
            probe = self._event(data, operation, "probe", str(operation.run)).model_copy(
                update={"occurred_at": operation.step(StepName.VERIFY).started_at}
            )
            self.provisioning.data.probe(target, account, probe)
            if not self.provisioning.data.has_arrived(target, probe):
                raise StreamSilentError("What was written has not come through the stream yet.")
            # Or DynamoDB would delete it in a day: in one place before the other.
            self.provisioning.data.unprobe(target, account)
            return Done(fields={"identity": self.provisioning.data.identity(target)})

        return self.ledger.run(given, StepName.VERIFY, work)

    def backfill(self, given: Task) -> Progress:
        """Copy what is there, while it changes."""
        return self._pass(given, StepName.BACKFILL)

    def catch_up(self, given: Task) -> Progress:
        """Copy what has changed meanwhile, again until little is left for the time of the fence."""
        return self._pass(given, StepName.CATCH_UP, again=True)

    def fence(self, given: Task) -> Progress:
        """Keep writers out: by the route those who read it, by the fences those who had."""

        def work(account: Account, operation: Operation) -> Done:
            hosted = self._still_open(account)
            # The route cannot change meanwhile: only the account's operation, this one, moves it.
            for place in (self._source(account), self._target(account, operation)):
                self.copies.fence(place, hosted.route_epoch + 1)

            def routed() -> tuple[Write, ...]:
                found = self._still_open(account)
                return (self.provisioning.hosting.routed(found, {**found.route, "state": _MOVING}),)

            return Done(also=routed)

        return self.ledger.run(given, StepName.FENCE, work)

    def copy_tail(self, given: Task) -> Progress:
        """Copy what was written last, once nothing that began before the fence is at work."""
        _, operation = self.ledger.open(given)
        since = operation.step(StepName.FENCE).ended_at
        left = (since + self.settle - self.stamp.now()).total_seconds() if since else 0
        if left > 0:
            self.ledger.beat(given)
            return Progress(done=False, wait=min(30, max(_SOON, round(left))))
        return self._pass(given, StepName.COPY_TAIL)

    def compare(self, given: Task) -> Progress:
        """Whether both places hold the same; CopyDiffersError otherwise."""
        return self._compared(given, StepName.COMPARE)

    def flip(self, given: Task) -> Progress:
        """Send everybody to the copy, to read."""

        def work(_account: Account, _operation: Operation) -> Done:
            def routed() -> tuple[Write, ...]:
                account, operation = self.ledger.open(given)
                hosted = self._hosted(account)
                if hosted.route.get("state") != _MOVING:
                    raise ConflictError("The organisation is not being moved.")
                if hosted.route.get("kind") != account.cloud_type:
                    raise ConflictError("The organisation is sent elsewhere already.")
                there = self._route(account, operation.cloud_type, _MOVING)
                return (self.provisioning.hosting.routed(hosted, there),)

            return Done(fields={"old": None, "new": None}, also=routed)

        return self.ledger.run(given, StepName.FLIP, work)

    def confirm(self, given: Task) -> Progress:
        """Whether what everybody reads now is what was there; MoveUnconfirmedError too late."""
        _, operation = self.ledger.open(given)
        flipped = operation.step(StepName.FLIP).ended_at
        if (
            operation.step(StepName.CONFIRM).state is not StepState.DONE
            and flipped
            and self.stamp.now() >= flipped + self.confirmed_within
        ):
            raise MoveUnconfirmedError("The copy was not confirmed in time; the data goes back.")
        return self._compared(given, StepName.CONFIRM)

    def open(self, given: Task) -> Progress:
        """Let writers into the copy: from here on there is no way back but another move."""

        def work(_account: Account, operation: Operation) -> Done:
            def routed() -> tuple[Write, ...]:
                account, _ = self.ledger.open(given)
                hosted = self._hosted(account)
                if hosted.route != self._route(account, operation.cloud_type, _MOVING):
                    raise ConflictError("The organisation is not sent to the copy.")
                opened = self._route(account, operation.cloud_type)
                return (self.provisioning.hosting.opened(hosted, opened),)

            return Done(
                fields={"retire_at": self.stamp.now() + self.kept},
                account=lambda found: self._moved(found, operation),
                also=routed,
            )

        return self.ledger.run(given, StepName.OPEN, work)

    def announce(self, given: Task) -> Progress:
        """Tell other systems, and end the operation."""

        def work(account: Account, _operation: Operation) -> Done:
            self.provisioning.tell(account, "active")
            return Done(ends=True)

        return self.ledger.run(given, StepName.ANNOUNCE, work)

    # afterwards

    def retire_due(self) -> int:
        """Remove old copies that were kept long enough, a bounded part; answers how many went.

        One that cannot go does not keep the others waiting; its error is raised at the end.
        """
        gone, failed = 0, list[Exception]()
        due = self.ledger.accounts.retiring(self.stamp.now(), _RETIRED_AT_ONCE)
        share = replace(self, pages=max(1, self.pages // len(due))) if due else self
        for operation in due:
            try:
                gone += share.retire(operation.account_id, operation.operation_id)
            except Exception as error:
                failed.append(error)
        if failed:
            raise failed[0]
        return gone

    def retire(self, account_id: str, operation_id: str) -> bool:
        """Remove a part of what a move has left behind, once it was kept long enough.

        True when nothing of it is left. False while it is kept, goes, or something is at work on
        the account. What is lived in again, or went with the account, is nobody's old copy.
        """
        account, operation = self.ledger.accounts.read(account_id, operation_id)
        if account is None or operation is None or not self._is_due(account, operation):
            return False
        if account.status is ProvisioningStatus.DELETED:
            return self._forgotten(operation)
        hosted = self._hosted(account)
        lives_there = account.cloud_type == hosted.route.get("kind") == operation.cloud_type
        # Whoever has buckets of its own comes back to those that all share by no way.
        if not lives_there and not operation.leaves_files:
            return self._forgotten(operation)
        if account.retiring is None:
            account, operation = self._retiring(account, operation)
        if not self._removed(account, operation, hosted):
            return False
        if account.has_own_tree:
            # The stack of before has taken along what it told of itself under the same names.
            self.provisioning.tell_moved(account)
        gone = AccountCopyRemoved(account_id=account_id, operation_id=operation_id)
        now = self.stamp.now()
        self.ledger.accounts.advance(
            Advance(
                (operation, operation.retired(now)),
                (account, account.amended(now, retiring=None)),
                self._event(gone, operation, "removed"),
            )
        )
        return True

    def _is_due(self, account: Account, operation: Operation) -> bool:
        """Whether its time is over, and nothing is at work on the account."""
        if operation.retire_at is None or self.stamp.now() < operation.retire_at:
            return False
        if account.retiring not in (None, operation.operation_id):
            return False
        _, latest = self.ledger.accounts.read(account.account_id, account.operation_id)
        return latest is not None and latest.is_settled

    def _retiring(self, account: Account, operation: Operation) -> tuple[Account, Operation]:
        """From now on nobody moves back to what is about to go."""
        at = self.stamp.now()
        data = AccountCopyRetired(
            account_id=account.account_id, operation_id=operation.operation_id
        )
        event = self._event(data, operation, "retired")
        marked = account.amended(at, retiring=operation.operation_id)
        after = operation.model_copy(update={"entity_version": operation.entity_version + 1})
        self.ledger.accounts.advance(Advance((operation, after), (account, marked), event))
        return marked, after

    def _removed(self, account: Account, operation: Operation, hosted: Hosted) -> bool:
        left = self._place(account, CloudType.PUBLIC)
        if operation.leaves_files:
            left = self.provisioning.shared.left_behind(account.hosted_as(CloudType.PUBLIC))
        elif operation.cloud_type is CloudType.PUBLIC:
            return self._made_gone(account, CloudType.PRIVATE)
        position = self._cleared(left, hosted.route_epoch, operation.position)
        if position is None:
            return operation.leaves_files or self._made_gone(account, CloudType.PUBLIC)
        after = operation.model_copy(
            update={"position": position, "entity_version": operation.entity_version + 1}
        )
        self.ledger.accounts.advance(Advance((operation, after)))
        return False

    def _made_gone(self, account: Account, kind: CloudType) -> bool:
        """Remove what was made for the account alone where its hosting is of this kind."""
        there = account.hosted_as(kind)
        return not there.has_stack or self.provisioning.stacks.remove(there)

    def _cleared(self, place: Place, epoch: int, position: str | None) -> str | None:
        """Where to go on, after some pages."""
        self.copies.fence(place, epoch)
        for _ in range(self.pages):
            position = self.copies.clear(place, epoch, position)
            if position is None:
                return None
        return position

    def _forgotten(self, operation: Operation) -> bool:
        """Nothing of it is left to remove."""
        after = operation.retired(self.stamp.now())
        self.ledger.accounts.advance(Advance((operation, after)))
        return True

    # backward

    def compensate(self, given: Failure) -> Progress:
        """Undo what was done, newest first; `done` when the organisation is where it was.

        OperationCommittedError once it may write into the copy.
        """
        return self.ledger.undo(given, partial(self._undo, given), self._back)

    def _undo(self, given: Task, name: StepName, account: Account, operation: Operation) -> int:
        match name:
            case StepName.FLIP | StepName.FENCE | StepName.BACKFILL:
                # The next epoch passes the fences, and the copiers know older ones. Only what the
                # move has closed is opened: what something else closes stays as it is.
                hosted = self._hosted(account)
                if hosted.route.get("account") != account.account_id:
                    return 0
                state = str(hosted.route.get("state"))
                state = _OPENED if state == _MOVING else state
                back = self._route(account, account.cloud_type, state)
                self.ledger.accounts.reroute(self.provisioning.hosting.routed(hosted, back))
            case StepName.CREATE:
                return 0 if self._remove(account, operation, given) else _WAIT
            case _:
                pass  # what was copied goes with the place, or from it
        return 0

    def _remove(self, account: Account, operation: Operation, given: Task) -> bool:
        hosted, target = self._hosted(account), self._target(account, operation)
        if hosted.route.get("kind") == operation.cloud_type:
            raise ConflictError("The organisation's data lives there.")
        if operation.cloud_type is CloudType.PRIVATE:
            return self._made_gone(account, CloudType.PRIVATE)
        position = self._cleared(target, hosted.route_epoch, operation.position)
        self._goes_on(given, position=position)
        return position is None and self._made_gone(account, CloudType.PUBLIC)

    def _back(self, account: Account, after: Operation) -> tuple[Account, Event]:
        """The account as it was."""
        data = AccountMoveFailed(
            account_id=account.account_id,
            organization_id=account.tenant_id,
            operation_id=after.operation_id,
            code=after.error_code or "PROVISIONING_FAILED",
        )
        kept = account.amended(self.stamp.now(), error=f"{after.error_code}: {after.error}")
        return kept, self._event(data, after, "back", str(after.run))

    # inside

    def _pass(self, given: Task, name: StepName, *, again: bool = False) -> Progress:
        """Some pages of a pass; the ledger keeps where it goes on."""
        account, operation = self.ledger.begin(given, name)
        if operation.step(name).state is StepState.DONE:
            return Progress()
        source, target = self._source(account), self._target(account, operation)
        epoch, position = self._hosted(account).route_epoch, operation.position
        differed = operation.differed
        for _ in range(self.pages):
            page = self.copies.copy(source, target, epoch, position)
            position, differed = page.next, differed + page.differed
            if position is None:
                break
        else:
            self._goes_on(given, position=position, differed=differed)
            return Progress(done=False)
        if again and differed > self.little and operation.passes + 1 < _PASSES:
            self._goes_on(given, position=None, differed=0, passes=operation.passes + 1)
            return Progress(done=False)
        self.ledger.finish(given, name, Done(fields={"position": None, "differed": 0, "passes": 0}))
        return Progress()

    def _compared(self, given: Task, name: StepName) -> Progress:
        """Count both places, some pages at a time; the ledger keeps what was found."""
        account, operation = self.ledger.begin(given, name)
        if operation.step(name).state is StepState.DONE:
            return Progress()
        source, target = self._source(account), self._target(account, operation)
        hosted = self._hosted(account)
        if name is StepName.COMPARE:
            self.copies.fence(target, hosted.route_epoch + 1)
        elif hosted.route != self._route(account, operation.cloud_type, _MOVING):
            raise ConflictError("The organisation is not sent to the copy.")
        old, new = operation.old or Sums(), operation.new or Sums()
        # The same time for both, however often they are compared.
        lasting = (operation.step(StepName.FENCE).started_at or self.stamp.now()) + COMPARED_BEYOND
        for _ in range(self.pages):
            if not old.is_whole:
                old = self.copies.sums(source, old, lasting)
            elif not new.is_whole:
                new = self.copies.sums(target, new, lasting)
        if not new.is_whole:
            self._goes_on(given, old=old, new=new)
            return Progress(done=False)
        if old != new:
            self._goes_on(given, old=old, new=new)
            raise CopyDiffersError(
                f"The copy has {new.items} items and {new.objects} objects,"
                f" the original {old.items} and {old.objects}, or others."
            )
        self.ledger.finish(given, name, Done(fields={"old": old, "new": new}))
        return Progress()

    def _goes_on(self, given: Task, **fields: Any) -> None:
        """Write down how far a step is."""
        now = self.stamp.now()
        self.ledger.moved(given, lambda found: found.beaten(now).model_copy(update=fields))

    def _hosted(self, account: Account) -> Hosted:
        hosted = self.provisioning.hosting.find(account.tenant_id)
        if hosted is None:
            raise NotFoundError("There is no such organisation.")
        return hosted

    def _still_open(self, account: Account) -> Hosted:
        """The organisation, whose place only this move is to close; ConflictError otherwise."""
        hosted = self._hosted(account)
        route = hosted.route
        if route.get("account") != account.account_id or route.get("state") != _OPENED:
            raise ConflictError("The organisation's place is not open: something else closes it.")
        return hosted

    def _source(self, account: Account) -> Place:
        return self._place(account, account.cloud_type)

    def _target(self, account: Account, operation: Operation) -> Place:
        return self._place(account, operation.cloud_type)

    def _place(self, account: Account, kind: CloudType) -> Place:
        its = self.provisioning
        return its.shared.place(account.hosted_as(kind), its.prefix)

    def _route(self, account: Account, kind: CloudType, state: str = _OPENED) -> dict[str, str]:
        its = self.provisioning
        return its.shared.route(account.hosted_as(kind), its.prefix, state)

    def _moved(self, account: Account, operation: Operation) -> tuple[Account, Event | None]:
        table = self._target(account, operation).table
        data = AccountMoved(
            account_id=account.account_id,
            organization_id=account.tenant_id,
            operation_id=operation.operation_id,
            cloud_type=operation.cloud_type,
            table_name=table,
        )
        moved = account.amended(
            self.stamp.now(), cloud_type=operation.cloud_type, table_name=table, error=None
        )
        return moved, self._event(data, operation, "moved")

    def _event(self, data: EventData, operation: Operation, *parts: str) -> Event:
        cause = Cause(actor=SYSTEM, correlation_id=operation.correlation_id)
        return self.stamp.event(data, cause, derived_id(operation.operation_id, *parts))

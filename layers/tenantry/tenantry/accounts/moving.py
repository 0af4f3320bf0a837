"""The steps of a move between the shared place and an own one, while the organisation works on.

Copy while it writes, keep writers out, copy what they left, compare, and flip route and epoch in
one conditional write. Until then everything is undone: the organisation stays where it was.

Epochs keep late workers out as they keep late writers out. E is the route's when the move begins:

    E      while writers write; copies are made with E
    E + 1  `moving`: both fences are raised to it, so no writer and no earlier copier comes after
    E + 2  the target's fence, before it is compared; then the route's, which now leads there

Copies carry no events, so nothing that happened is told again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final, Protocol

from tenantry.accounts.events import AccountMoved, AccountMoveFailed, AccountProbed
from tenantry.accounts.model import (
    Account,
    CloudType,
    Kind,
    Names,
    Operation,
    OperationStatus,
    ProvisioningStatus,
    StepName,
    StepState,
)
from tenantry.accounts.provisioning import (
    Done,
    Failure,
    Ledger,
    Progress,
    Provisioning,
    Task,
    told,
)
from tenantry.accounts.repository import Advance, Place
from tenantry.errors import (
    ConflictError,
    CopyDiffersError,
    NotFoundError,
    OperationCommittedError,
    OrganizationSuspendedError,
    StreamSilentError,
    UnavailableError,
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


@dataclass(frozen=True)
class Sums:
    """What a tenant has in a place: equal sums, equal contents."""

    items: int
    checksum: str
    objects: int
    bytes: int


class TenantCopies(Protocol):
    """A tenant's items and objects, from one place to another; nobody is told of a copy."""

    def fence(self, place: Place, epoch: int) -> None:
        """Keep out of the place, from now on, who knows an older route than `epoch`."""

    def copy(self, source: Place, target: Place, epoch: int, position: str | None) -> str | None:
        """One page of making the target equal to the source, and where to go on; None at the end.

        A page may come again. OrganizationMovingError when the target's fence has passed `epoch`.
        """

    def clear(self, place: Place, epoch: int) -> None:
        """Remove all that the tenant has in a place, but for its fence."""

    def sums(self, place: Place) -> Sums: ...


@dataclass(frozen=True)
class Moving:
    """`settle` is how long what began before the fence may still work, such as an upload."""

    provisioning: Provisioning
    copies: TenantCopies
    settle: timedelta
    pages: int = _PAGES
    """Copied by one task, which then says that it is alive."""

    @property
    def ledger(self) -> Ledger:
        return self.provisioning.ledger

    @property
    def stamp(self) -> Stamp:
        return self.provisioning.stamp

    # forward

    def validate(self, given: Task) -> Progress:
        """Whether it can be moved, as things are now."""

        def work(account: Account, operation: Operation) -> None:
            hosted = self._hosted(account)
            if hosted.status is not OrganizationStatus.ACTIVE:
                raise OrganizationSuspendedError("The organisation takes no changes now.")
            route = hosted.route
            if route.get("account") != account.account_id or route.get("state") != "active":
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
            return Done(fields={"identity": self.provisioning.data.identity(target)})

        return self.ledger.run(given, StepName.VERIFY, work)

    def backfill(self, given: Task) -> Progress:
        """Copy what is there, while it changes."""
        return self._pass(given, StepName.BACKFILL)

    def catch_up(self, given: Task) -> Progress:
        """Copy what has changed meanwhile, so that little is left for the time of the fence."""
        return self._pass(given, StepName.CATCH_UP)

    def fence(self, given: Task) -> Progress:
        """Keep writers out: by the route those who read it, by the fences those who had."""

        def work(account: Account, operation: Operation) -> Done:
            hosted = self._hosted(account)
            # The route cannot change meanwhile: only the account's operation, this one, moves it.
            for place in (self._source(account), self._target(account, operation)):
                self.copies.fence(place, hosted.route_epoch + 1)

            def routed() -> tuple[Write, ...]:
                found = self._hosted(account)
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

        def work(account: Account, operation: Operation) -> None:
            source, target = self._source(account), self._target(account, operation)
            self.copies.fence(target, self._hosted(account).route_epoch + 1)
            old, new = self.copies.sums(source), self.copies.sums(target)
            if old != new:
                raise CopyDiffersError(
                    f"The copy has {new.items} items and {new.objects} objects,"
                    f" the original {old.items} and {old.objects}, or others."
                )

        return self.ledger.run(given, StepName.COMPARE, work)

    def flip(self, given: Task) -> Progress:
        """Send everybody to the copy: from here on there is no way back."""

        def work(_account: Account, operation: Operation) -> Done:
            def routed() -> tuple[Write, ...]:
                account, _ = self.ledger.open(given)
                hosted = self._hosted(account)
                if hosted.route.get("state") != _MOVING:
                    raise ConflictError("The organisation is not being moved.")
                return (self.provisioning.hosting.routed(hosted, self._route(account, operation)),)

            return Done(account=lambda found: self._moved(found, operation), also=routed)

        return self.ledger.run(given, StepName.FLIP, work)

    def announce(self, given: Task) -> Progress:
        """Tell other systems, and end the operation."""

        def work(account: Account, _operation: Operation) -> Done:
            self.provisioning.tell(account, "active")
            return Done(ends=True)

        return self.ledger.run(given, StepName.ANNOUNCE, work)

    # afterwards

    def retire(self, account_id: str, operation_id: str, kept: timedelta) -> bool:
        """Remove what a move has left behind, once it was `kept` so long; True when it is gone.

        False while it is kept, goes, or the data has been moved on, maybe back to it.
        """
        account, operation = self.ledger.accounts.read(account_id, operation_id)
        if account is None or operation is None or operation.ended_at is None:
            return False
        hosted = self._hosted(account)
        lives_there = hosted.route.get("kind") == operation.cloud_type == account.cloud_type
        if (
            operation.kind is not Kind.MOVE
            or operation.status is not OperationStatus.SUCCEEDED
            or account.operation_id != operation_id
            or hosted.route.get("account") != account_id
            or not lives_there
            or self.stamp.now() < operation.ended_at + kept
        ):
            return False
        if operation.cloud_type is CloudType.PUBLIC:
            return self.provisioning.stacks.remove(account)
        left = self._place(account, CloudType.PUBLIC)
        self.copies.fence(left, hosted.route_epoch)
        self.copies.clear(left, hosted.route_epoch)
        return True

    # backward

    def compensate(self, given: Failure) -> Progress:
        """Undo what was done, newest first; `done` when the organisation is where it was.

        OperationCommittedError once it has been sent to the copy.
        """
        account, operation = self.ledger.moved(given, lambda found: self._turned(found, given))
        while (name := operation.next_undo) is not None:
            self.ledger.moved(given, partial(Operation.undoing, name=name, now=self.stamp.now()))
            if not self._undo(name, account, operation):
                return Progress(done=False, wait=_WAIT)
            account, operation = self.ledger.moved(
                given, partial(Operation.undone, name=name, now=self.stamp.now())
            )
        self._end(given)
        return Progress()

    def _turned(self, operation: Operation, given: Failure) -> Operation:
        if operation.status is OperationStatus.COMPENSATING:
            return operation
        if operation.is_committed:
            raise OperationCommittedError("The data is moved; the operation goes forward.")
        code, words = told(given)
        return operation.compensating(code, words, self.stamp.now())

    def _undo(self, name: StepName, account: Account, operation: Operation) -> bool:
        match name:
            case StepName.FENCE | StepName.BACKFILL:
                # The next epoch passes the fences, and the copiers know older ones.
                hosted = self._hosted(account)
                back = {**hosted.route, "state": "active"}
                self.ledger.accounts.reroute(self.provisioning.hosting.routed(hosted, back))
            case StepName.CREATE:
                return self._remove(account, operation)
            case _:
                pass  # what was copied goes with the place, or from it
        return True

    def _remove(self, account: Account, operation: Operation) -> bool:
        hosted, target = self._hosted(account), self._target(account, operation)
        if hosted.route.get("kind") == operation.cloud_type:
            raise ConflictError("The organisation's data lives there.")
        if operation.cloud_type is CloudType.PRIVATE:
            return self.provisioning.stacks.remove(account)
        self.copies.fence(target, hosted.route_epoch)
        self.copies.clear(target, hosted.route_epoch)
        return True

    def _end(self, given: Task) -> None:
        for _ in range(_TRIES):
            account, operation = self.ledger.open(given)
            after = operation.compensated(self.stamp.now())
            data = AccountMoveFailed(
                account_id=account.account_id,
                organization_id=account.tenant_id,
                operation_id=after.operation_id,
                code=after.error_code or "PROVISIONING_FAILED",
            )
            event = self._event(data, after, "back", str(after.run))
            kept = account.amended(self.stamp.now(), error=f"{after.error_code}: {after.error}")
            try:
                self.ledger.accounts.advance(
                    Advance((operation, after), (account, kept), event, slots=-1)
                )
            except ConflictError:
                continue
            return
        raise UnavailableError("The operation changes all the time; try again.")

    # inside

    def _pass(self, given: Task, name: StepName) -> Progress:
        """Some pages of a pass; the ledger keeps where it goes on."""
        account, operation = self.ledger.begin(given, name)
        if operation.step(name).state is StepState.DONE:
            return Progress()
        source, target = self._source(account), self._target(account, operation)
        epoch, position = self._hosted(account).route_epoch, operation.position
        for _ in range(self.pages):
            position = self.copies.copy(source, target, epoch, position)
            if position is None:
                self.ledger.finish(given, name, Done(fields={"position": None}))
                return Progress()
        self.ledger.moved(given, self._at(position))
        return Progress(done=False)

    def _at(self, position: str | None) -> Callable[[Operation], Operation]:
        return lambda found: found.beaten(self.stamp.now()).model_copy(
            update={"position": position}
        )

    def _hosted(self, account: Account) -> Hosted:
        hosted = self.provisioning.hosting.find(account.tenant_id)
        if hosted is None:
            raise NotFoundError("There is no such organisation.")
        return hosted

    def _source(self, account: Account) -> Place:
        return self._place(account, account.cloud_type)

    def _target(self, account: Account, operation: Operation) -> Place:
        return self._place(account, operation.cloud_type)

    def _place(self, account: Account, kind: CloudType) -> Place:
        shared = self.provisioning.shared
        if kind is CloudType.PUBLIC:
            return Place(account.tenant_id, shared.table, shared.raw, shared.processed)
        names = Names(self.provisioning.prefix, account.account_id)
        return Place(account.tenant_id, names.table, names.raw, names.processed)

    def _route(self, account: Account, operation: Operation) -> dict[str, str]:
        route = {
            "account": account.account_id,
            "kind": operation.cloud_type.value,
            "state": "active",
        }
        if operation.cloud_type is CloudType.PUBLIC:
            return route
        place = self._target(account, operation)
        return {
            **route,
            "region": account.region,
            "table": place.table,
            "raw": place.raw,
            "processed": place.processed,
        }

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

"""Use cases on accounts: ask for one, look, try again, give up."""

from dataclasses import dataclass, field, replace
from typing import Any, Final

from tenantry.accounts.events import (
    AccountCancelled,
    AccountCancelRequested,
    AccountMoveRequested,
    AccountRequested,
)
from tenantry.accounts.model import (
    ACCOUNT_MANAGE,
    ACCOUNT_READ,
    BESIDE,
    Account,
    AccountInput,
    AccountPage,
    CloudType,
    Kind,
    MoveInput,
    Names,
    NotMoved,
    Operation,
    OperationInput,
    OperationStatus,
    Options,
    Outcome,
    Plan,
    ProvisioningStatus,
    ReasonInput,
    RequestAccountInput,
    StackEvent,
    course,
    planned,
)
from tenantry.accounts.reopening import reopened
from tenantry.accounts.repository import (
    AccountRepository,
    Advance,
    Hosting,
    Operators,
    ParameterTree,
)
from tenantry.errors import (
    AccountExistsError,
    ConflictError,
    HostingNotOfferedError,
    IdempotencyMismatchError,
    InvalidInputError,
    NotFoundError,
    OrganizationSuspendedError,
    PlanChangedError,
)
from tenantry.messaging.event import Event
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.organizations.hosting import Hosted
from tenantry.organizations.model import PlanName
from tenantry.persistence import cursors
from tenantry.runtime.identifiers import derived_id
from tenantry.runtime.inputs import parse
from tenantry.tenancy.access import Access, OrganizationStatus
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import Permission
from tenantry.tenancy.stored import Measurements, Metered, Unmeasured, pages_of

_EVENTS_SHOWN: Final = 100
_TRIES: Final = 5
_PAST_RESERVATION: Final = frozenset(
    {ProvisioningStatus.PENDING, ProvisioningStatus.CREATING, ProvisioningStatus.ACTIVE}
)


@dataclass(frozen=True)
class Who:
    """For which organisation somebody acts, None for any, as what, and why, where they say it."""

    tenant_id: str | None
    cause: Cause
    reason: str | None = None


@dataclass(frozen=True)
class AccountService:
    accounts: AccountRepository
    access: Access
    hosting: Hosting
    operators: Operators
    stamp: Stamp
    tree: ParameterTree
    region: str
    prefix: str
    offers_dedicated: bool = False
    """Whether the deployment knows who makes AWS accounts."""
    dedicated_plans: frozenset[str] = frozenset(PlanName)
    """On which plans, by name, owners may ask for one themselves; operators may for anybody."""
    measurements: Measurements = field(default_factory=Unmeasured)

    # commands

    def request(
        self,
        caller: Caller,
        values: dict[str, Any],
        *,
        as_operator: bool = False,
        dry_run: bool = False,
        plan: str | None = None,
        reason: str | None = None,
    ) -> Outcome:
        """Ask for an organisation's account, in the line with others; emits AccountRequested.

        With an idempotency key it is done once: a repetition answers the account as it stands,
        IdempotencyMismatchError when the content differs. AccountExistsError when the organisation
        has another one. With `plan` it is done only if that is still what would happen.
        """
        given = parse(RequestAccountInput, values)
        if given.organization_id and not as_operator:
            caller = caller.model_copy(update={"tenant_id": given.organization_id})
        who = self.acting(caller, as_operator, reason, looks=dry_run)
        tenant_id = who.tenant_id or given.organization_id or caller.organization_id
        self._check(given)
        key = given.client_mutation_id
        account_id = derived_id("account", tenant_id, key) if key else self.stamp.new_id()
        if key and (found := self.accounts.get(account_id)):
            return self._repeated(found, given)
        hosted = self._hosted(tenant_id)
        if who.tenant_id and given.cloud_type is CloudType.DEDICATED:
            self._require_dedicated(hosted)
        would = self._plan_of_request(account_id if key else None, tenant_id, given, hosted)
        if dry_run:
            if self.accounts.of(tenant_id):
                raise AccountExistsError("The organisation has an account already.")
            return Outcome(plan=would)
        agreed(plan, would)
        account, operation = self._new(account_id, tenant_id, caller, given)
        event = self._requested(account, operation, who)
        stored, its = self.accounts.request(account, operation, event)
        if stored is not account:
            return self._repeated(stored, given, its)
        return Outcome(stored, its)

    def retry(
        self,
        caller: Caller,
        account_id: str,
        *,
        as_operator: bool = False,
        dry_run: bool = False,
        plan: str | None = None,
        reason: str | None = None,
    ) -> Outcome:
        """Queue a failed operation again, from its first step that is not done; a move, which has
        been led back, from its beginning.

        Emits AccountRequested, of a move AccountMoveRequested. One that waits or runs already is
        answered as it stands. ConflictError for what has not failed, on a dry run too, and for a
        move to where an old copy is being removed.
        """
        who = self.acting(caller, as_operator, reason, looks=dry_run)
        account, operation = self.current(who, account_id)
        now = self.stamp.now()
        failed = operation.status is OperationStatus.FAILED
        after = operation.retried(now) if failed else operation
        moves = operation.kind is Kind.MOVE
        would = self._plan("retry", account, operation, _remaining(after))
        if not dry_run:
            agreed(plan, would)
        if operation.is_over or operation.status is OperationStatus.AWAITING_APPROVAL:
            raise ConflictError(f"The operation is {operation.status}; it has not failed.")
        if failed and moves:
            _with_nothing_left(account)
        if dry_run:
            return Outcome(plan=would)
        if not failed:
            return Outcome(account, operation)
        if moves:
            again = account.amended(now, error=None)
            event = self._move_requested(again, after, who)
        else:
            ends = operation.kind is Kind.TEARDOWN
            status = ProvisioningStatus.DELETING if ends else ProvisioningStatus.PENDING
            again = account.moved(status, now, error=None)
            event = self._requested(again, after, who)
        self.accounts.advance(Advance((operation, after), (account, again), event))
        return Outcome(again, after)

    def cancel(
        self,
        caller: Caller,
        account_id: str,
        *,
        as_operator: bool = False,
        dry_run: bool = False,
        plan: str | None = None,
        reason: str | None = None,
    ) -> Outcome:
        """Give an operation up: at once where nothing runs, else at its next step.

        Emits AccountCancelled when it has ended; the organisation is then free for another
        account. Of a teardown, AccountTeardownCancelled: the account is active as it was. Of what
        runs, and of a move that waits, AccountCancelRequested: what it comes to is told when it
        ends, and an account whose move never began is where it was, with its parameters.
        ConflictError once the operation only goes forward.
        """
        who = self.acting(caller, as_operator, reason, looks=dry_run)
        account, operation = self.current(who, account_id)
        would = self._plan("cancel", account, operation, _to_undo(operation))
        if dry_run:
            return Outcome(plan=would)
        agreed(plan, would)
        if operation.status is OperationStatus.CANCELLED or operation.cancel_requested:
            return Outcome(account, operation)
        now = self.stamp.now()
        after = operation.cancelled(now)
        if after.status is not OperationStatus.CANCELLED or operation.kind is Kind.MOVE:
            # A move that waits has touched nothing: the account is where it was.
            asked = account.amended(now)
            told = AccountCancelRequested(**_about(asked, after), reason=who.reason)
            event = self.stamp.event(told, who.cause)
            self.accounts.advance(Advance((operation, after), (account, asked), event))
            return Outcome(asked, after)
        if operation.kind is Kind.TEARDOWN:
            moved, event, also = reopened(
                account,
                after,
                self.hosting,
                now,
                lambda data: self.stamp.event(data, who.cause),
                reason=who.reason,
            )
            self.accounts.advance(Advance((operation, after), (account, moved), event, also=also))
            return Outcome(moved, after)
        if account.has_own_tree:
            # First: what is lost with a stop behind it would stay for good, and a retry writes it.
            self.tree.remove(account)
        deleted = account.moved(ProvisioningStatus.DELETED, now)
        data = AccountCancelled(**_about(account, operation), reason=who.reason)
        self.accounts.advance(
            Advance(
                (operation, after),
                (account, deleted),
                self.stamp.event(data, who.cause),
                releases=True,
            )
        )
        return Outcome(deleted, after)

    def move(
        self,
        caller: Caller,
        account_id: str,
        values: dict[str, Any],
        *,
        as_operator: bool = False,
        dry_run: bool = False,
        plan: str | None = None,
        reason: str | None = None,
    ) -> Outcome:
        """Queue a move to a place of another kind; emits AccountMoveRequested.

        It takes the plan that a dry run told: InvalidInputError without one, PlanChangedError when
        something else would happen by now. ConflictError unless the account is active, nothing is
        at work on it, and it is moved between public and private. Asked for again while it is at
        work, it is answered as it stands.
        """
        to = parse(MoveInput, {**values, "accountId": account_id}).to
        who = self.acting(caller, as_operator, reason, looks=dry_run)
        account, latest = self.current(who, account_id)
        if not dry_run and plan is None:
            raise InvalidInputError([{"field": "plan", "message": "is required: the plan's hash"}])
        if latest.kind is Kind.MOVE and latest.cloud_type is to and not latest.is_settled:
            return Outcome(account, latest)
        if account.status is not ProvisioningStatus.ACTIVE or not latest.is_settled:
            raise ConflictError("An account is moved when it is active and nothing is at work.")
        if {account.cloud_type, to} != {CloudType.PUBLIC, CloudType.PRIVATE}:
            raise ConflictError("Moves lead from public to private, or back.")
        _with_nothing_left(account)
        hosted = self._hosted(account.tenant_id)
        would = Plan(
            action=f"move to {to}",
            account_id=account.account_id,
            steps=course(Kind.MOVE, to).steps,
            resources=self._resources(to, account.account_id, account.options.own_buckets),
            basis=(str(account.entity_version), str(hosted.route_epoch)),
        )
        if dry_run:
            return Outcome(plan=replace(would, not_moved=self._not_moved(account.tenant_id)))
        agreed(plan, would)
        now = self.stamp.now()
        operation = Operation(
            operation_id=derived_id(
                "operation", account.account_id, Kind.MOVE, str(account.entity_version)
            ),
            account_id=account.account_id,
            tenant_id=account.tenant_id,
            kind=Kind.MOVE,
            cloud_type=to,
            own_buckets=account.hosted_as(to).has_own_buckets,
            steps=planned(Kind.MOVE, to),
            correlation_id=caller.correlation_id,
            requested_by=caller.user_id,
            created_at=now,
            heartbeat_at=now,
        )
        after = account.amended(now, operation_id=operation.operation_id, error=None)
        event = self._move_requested(account, operation, who)
        self.accounts.begin((account, after), operation, event)
        return Outcome(after, operation)

    # reading

    def own(self, caller: Caller) -> Account | None:
        """The account of the caller's organisation."""
        who = self.who(caller, ACCOUNT_READ, as_operator=False)
        return self.accounts.of(who.tenant_id) if who.tenant_id else None

    def page(
        self,
        caller: Caller,
        first: int | None,
        after: str | None,
        *,
        as_operator: bool = False,
    ) -> AccountPage:
        """All accounts for an operator, newest first; their own for an owner."""
        who = self.who(caller, ACCOUNT_READ, as_operator)
        if who.tenant_id:
            found = self.accounts.of(who.tenant_id)
            return AccountPage((found,) if found else (), None)
        limit = cursors.page_size(first)
        position = cursors.decode(after, "account")["account"] if after else None
        items, last = self.accounts.page(limit, position)
        return AccountPage(tuple(items), cursors.encode({"account": last}) if last else None)

    def read(self, caller: Caller, account_id: str, *, as_operator: bool = False) -> Account:
        """NotFoundError for none, and for another organisation's."""
        who = self.who(caller, ACCOUNT_READ, as_operator)
        return self._visible(
            who, self.accounts.get(parse(AccountInput, {"accountId": account_id}).account_id)
        )

    def operation(
        self, caller: Caller, account_id: str, operation_id: str, *, as_operator: bool = False
    ) -> tuple[Operation, list[StackEvent]]:
        """The ledger of an operation, and what CloudFormation told of it."""
        who = self.who(caller, ACCOUNT_READ, as_operator)
        given = parse(OperationInput, {"accountId": account_id, "operationId": operation_id})
        account, operation = self.accounts.read(given.account_id, given.operation_id)
        self._visible(who, account)
        if operation is None:
            raise NotFoundError("There is no such operation.")
        return operation, self.accounts.noted(operation, _EVENTS_SHOWN)

    def storage(
        self,
        caller: Caller,
        account_id: str,
        first: int | None,
        after: str | None,
        *,
        as_operator: bool = False,
    ) -> tuple[list[Metered], str | None]:
        """What was stored, by the day, the newest first, and the cursor of the next page."""
        account = self.read(caller, account_id, as_operator=as_operator)
        return pages_of(self.measurements, account.tenant_id, first, after)

    # who may, shared with other commands

    def acting(
        self, caller: Caller, as_operator: bool, reason: str | None, *, looks: bool = False
    ) -> Who:
        """Who gives a command; with `looks` it is only to be seen what would happen.

        Operators act on what is not theirs and outside of a support session, so they say why:
        InvalidInputError without it.
        """
        who = self.who(caller, ACCOUNT_MANAGE, as_operator)
        given = parse(ReasonInput, {"reason": reason})
        if as_operator and given.reason is None and not looks:
            raise InvalidInputError([{"field": "reason", "message": "is required of operators"}])
        return replace(who, reason=given.reason)

    def who(self, caller: Caller, permission: Permission, as_operator: bool) -> Who:
        if as_operator:
            self.operators.require_active(caller)
            return Who(None, caller.operator_cause)
        standing = self.access.standing(caller)
        standing.require(permission)
        return Who(standing.tenant_id, standing.cause(caller))

    def _visible(self, who: Who, account: Account | None) -> Account:
        if account is None or who.tenant_id not in (None, account.tenant_id):
            raise NotFoundError("There is no such account.")
        return account

    def visible(self, who: Who, account_id: str) -> Account:
        """NotFoundError for none, and for another organisation's."""
        return self._visible(who, self.accounts.get(account_id))

    def current(self, who: Who, account_id: str) -> tuple[Account, Operation]:
        """The account and the operation that was begun last, as they stand together."""
        given = parse(AccountInput, {"accountId": account_id})
        account = self._visible(who, self.accounts.get(given.account_id))
        for _ in range(_TRIES):
            found, operation = self.accounts.read(account.account_id, account.operation_id)
            if found is None or operation is None:
                raise NotFoundError("There is no such account.")
            if found.operation_id == operation.operation_id:
                return found, operation
            # Another operation was begun between the two readings: what is decided is about that.
            account = found
        raise ConflictError("The account changes all the time; try again.")

    # inside

    def _not_moved(self, tenant_id: str) -> NotMoved:
        found, _ = self.measurements.page(tenant_id, 1, None)
        if not found:
            return NotMoved()
        stored = found[0].total
        return NotMoved(stored.old_versions, stored.old_bytes, found[0].measured_at)

    def _check(self, given: RequestAccountInput) -> None:
        faults = []
        if given.region not in (None, self.region):
            faults.append({"field": "region", "message": f"must be {self.region}"})
        if given.options.own_buckets and given.cloud_type is not CloudType.PUBLIC:
            fault = "is of public accounts: others have buckets of their own"
            faults.append({"field": "options.ownBuckets", "message": fault})
        if faults:
            raise InvalidInputError(faults)  # type: ignore[arg-type]  # literal keys
        if given.cloud_type is CloudType.DEDICATED and not self.offers_dedicated:
            raise HostingNotOfferedError(
                "This deployment makes no AWS accounts: nobody who does is configured."
            )

    def _require_dedicated(self, hosted: Hosted) -> None:
        if hosted.plan not in self.dedicated_plans:
            raise HostingNotOfferedError(
                f"The plan {hosted.plan} has no AWS account of the organisation's own; change the "
                "plan first, or ask for an offer."
            )

    def _hosted(self, tenant_id: str) -> Hosted:
        hosted = self.hosting.find(tenant_id)
        if hosted is None:
            raise NotFoundError("There is no such organisation.")
        if hosted.status is not OrganizationStatus.ACTIVE:
            raise OrganizationSuspendedError("This organisation takes no changes now.")
        return hosted

    def _new(
        self, account_id: str, tenant_id: str, caller: Caller, given: RequestAccountInput
    ) -> tuple[Account, Operation]:
        now = self.stamp.now()
        operation_id = derived_id("operation", account_id, Kind.PROVISION)
        account = Account(
            account_id=account_id,
            tenant_id=tenant_id,
            name=given.name,
            master_account_name=given.master_account_name,
            cloud_type=given.cloud_type,
            addresses=tuple(given.addresses),
            technical_user=given.technical_user,
            licenses=given.licenses,
            region=given.region or self.region,
            options=Options.model_validate(given.options.model_dump()),
            operation_id=operation_id,
            fingerprint=given.fingerprint,
            requested_by=caller.user_id,
            created_at=now,
            updated_at=now,
        )
        operation = Operation(
            operation_id=operation_id,
            account_id=account_id,
            tenant_id=tenant_id,
            cloud_type=given.cloud_type,
            own_buckets=account.has_own_buckets,
            steps=planned(Kind.PROVISION, given.cloud_type),
            correlation_id=caller.correlation_id,
            requested_by=caller.user_id,
            created_at=now,
            heartbeat_at=now,
        )
        return account, operation

    def _requested(self, account: Account, operation: Operation, who: Who) -> Event:
        data = AccountRequested(
            **_about(account, operation), cloud_type=account.cloud_type, reason=who.reason
        )
        return self.stamp.event(data, who.cause)

    def _move_requested(self, account: Account, operation: Operation, who: Who) -> Event:
        data = AccountMoveRequested(
            **_about(account, operation), cloud_type=operation.cloud_type, reason=who.reason
        )
        return self.stamp.event(data, who.cause)

    def _repeated(
        self, found: Account, given: RequestAccountInput, operation: Operation | None = None
    ) -> Outcome:
        if found.fingerprint != given.fingerprint:
            raise IdempotencyMismatchError(
                "This Idempotency-Key was used with another content; choose a new one."
            )
        if operation is None:
            _, operation = self.accounts.read(found.account_id, found.operation_id)
        return Outcome(found, operation)

    def _plan_of_request(
        self,
        account_id: str | None,
        tenant_id: str,
        given: RequestAccountInput,
        hosted: Hosted,
    ) -> Plan:
        own = given.options.own_buckets
        if (own or given.cloud_type is not CloudType.PUBLIC) and hosted.holds_data:
            raise ConflictError(
                "The organisation has data in the shared place: it is moved, not set up anew."
            )
        return Plan(
            action="provision",
            account_id=account_id,
            steps=course(Kind.PROVISION, given.cloud_type).steps,
            resources=self._resources(given.cloud_type, account_id, own),
            # Names follow from the key of a request, and who executes the plan has another one.
            known_by=self._resources(given.cloud_type, None, own),
            basis=(tenant_id, str(hosted.route_epoch), given.fingerprint),
        )

    def _plan(
        self, action: str, account: Account, operation: Operation, steps: tuple[str, ...]
    ) -> Plan:
        return Plan(
            action=action,
            account_id=account.account_id,
            steps=steps,
            resources=self._resources(
                operation.cloud_type, account.account_id, account.options.own_buckets
            ),
            basis=(
                str(account.entity_version),
                operation.status,
                str(operation.run),
                str(operation.next_step),
            ),
        )

    def _resources(
        self, cloud_type: CloudType, account_id: str | None, own_buckets: bool
    ) -> tuple[str, ...]:
        if cloud_type is CloudType.PUBLIC and not own_buckets:
            return ("the shared table", "the shared buckets")
        if cloud_type is CloudType.PUBLIC:
            if account_id is None:
                return ("the shared table", "two buckets", "parameters")
            its = Names(self.prefix, account_id, beside=BESIDE)
            return (
                "the shared table",
                *(f"stack {its.stack}", f"bucket {its.raw}", f"bucket {its.processed}"),
                f"parameters {its.tree}",
            )
        if cloud_type is CloudType.DEDICATED:
            return (
                "an AWS account",
                *("its role for the platform", "a table", "two buckets", "a key"),
                *("a forwarder of changes", "alarms", "a budget", "parameters"),
            )
        names = Names(self.prefix, account_id or "<id>")
        if account_id is None:
            return ("a table", "two buckets", "a key", "alarms", "parameters")
        return (
            f"stack {names.stack}",
            f"table {names.table}",
            f"bucket {names.raw}",
            f"bucket {names.processed}",
            f"key alias/{names.own}",
            f"parameters {names.tree}",
        )


def _about(account: Account, operation: Operation) -> dict[str, str]:
    """What every event says of an account's operation."""
    return {
        "account_id": account.account_id,
        "organization_id": account.tenant_id,
        "operation_id": operation.operation_id,
    }


def _with_nothing_left(account: Account) -> None:
    if account.retiring:
        raise ConflictError("What the move before has left is being removed; try again later.")


def agreed(plan: str | None, would: Plan) -> None:
    if plan not in (None, would.hash):
        raise PlanChangedError("This is no longer what would happen; look at the plan again.")


def _remaining(operation: Operation) -> tuple[str, ...]:
    done = {s.name for s in operation.steps if s.state == "DONE"}
    return tuple(step.name for step in operation.steps if step.name not in done)


def _to_undo(operation: Operation) -> tuple[str, ...]:
    left = ("RUNNING", "DONE", "FAILED", "UNDOING")
    undone = operation.course.undone
    return tuple(
        f"undo {step.name}"
        for step in reversed(operation.steps)
        if step.name in undone and step.state in left
    )

"""Asking for the end of an account, and approving it: two people, and time to think."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from tenantry.accounts.costs import Prices, estimated
from tenantry.accounts.events import AccountTeardownApproved, AccountTeardownRequested
from tenantry.accounts.model import (
    ACCOUNT_READ,
    APPROVED_WITHIN,
    Account,
    ApprovalInput,
    Kind,
    Operation,
    OperationStatus,
    Outcome,
    Plan,
    ProvisioningStatus,
    course,
    planned,
)
from tenantry.accounts.repository import Advance, Estate
from tenantry.accounts.service import AccountService, agreed
from tenantry.errors import (
    ApprovalExpiredError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    OwnApprovalError,
)
from tenantry.organizations.hosting import Hosted
from tenantry.runtime.inputs import parse
from tenantry.tenancy.caller import Caller

_COUNTED: Final = 20_000
"""Up to so many items and objects are counted for a plan, which has seconds."""
_GOES_ON: Final = frozenset(
    {OperationStatus.PENDING, OperationStatus.RUNNING, OperationStatus.COMPENSATING}
)


@dataclass(frozen=True)
class TeardownService:
    """`grace` is how long an approved teardown may still be cancelled."""

    accounts: AccountService
    estate: Estate
    grace: timedelta
    prices: Prices

    def plan(self, caller: Caller, account_id: str, *, as_operator: bool = False) -> Plan:
        """What a teardown would take away, and what that costs; executing it takes its hash.

        ConflictError while something else is at work on the account, or waits to be.
        """
        who = self.accounts.who(caller, ACCOUNT_READ, as_operator)
        return self._plan(*self.accounts.current(who, account_id))

    def request(
        self,
        caller: Caller,
        account_id: str,
        *,
        as_operator: bool = False,
        dry_run: bool = False,
        plan: str | None = None,
        reason: str | None = None,
    ) -> Outcome:
        """Ask for the end of an active account; emits AccountTeardownRequested.

        It waits for a second person. One that waits or goes on already is answered as it stands.
        PlanChangedError when there is not what the plan found; InvalidInputError without one.
        ConflictError while something else is at work on the account, or waits to be.
        """
        who = self.accounts.acting(caller, as_operator, reason, looks=dry_run)
        account, operation = self.accounts.current(who, account_id)
        if dry_run:
            return Outcome(plan=self._plan(account, operation))
        if plan is None:
            raise InvalidInputError([{"field": "plan", "message": "is required: the plan's hash"}])
        stamp = self.accounts.stamp
        now = stamp.now()
        if operation.kind is Kind.TEARDOWN and (
            operation.status in _GOES_ON
            or (_waits(operation) and operation.approval_until and now < operation.approval_until)
        ):
            return Outcome(account, operation)
        agreed(plan, self._plan(account, operation))
        begun = Operation(
            operation_id=stamp.new_id(),
            account_id=account.account_id,
            tenant_id=account.tenant_id,
            kind=Kind.TEARDOWN,
            cloud_type=account.cloud_type,
            status=OperationStatus.AWAITING_APPROVAL,
            steps=planned(Kind.TEARDOWN, account.cloud_type),
            approval_id=stamp.new_id(),
            approval_until=now + APPROVED_WITHIN,
            correlation_id=caller.correlation_id,
            requested_by=caller.user_id,
            created_at=now,
            heartbeat_at=now,
        )
        moved = account.amended(now, operation_id=begun.operation_id)
        data = AccountTeardownRequested(
            account_id=account.account_id,
            organization_id=account.tenant_id,
            operation_id=begun.operation_id,
            plan=plan,
            reason=who.reason,
        )
        self.accounts.accounts.begin((account, moved), begun, stamp.event(data, who.cause))
        return Outcome(moved, begun)

    def approve(
        self,
        caller: Caller,
        account_id: str,
        values: dict[str, Any],
        *,
        as_operator: bool = False,
        reason: str | None = None,
    ) -> Outcome:
        """Approve what another person asked for; emits AccountTeardownApproved.

        From then on the account is read only, and when the grace period is over it is deleted.
        OwnApprovalError for whoever asked, ApprovalExpiredError when it is too late.
        """
        given = parse(ApprovalInput, {**values, "accountId": account_id})
        who = self.accounts.acting(caller, as_operator, reason)
        account, operation = self.accounts.current(who, given.account_id)
        if operation.kind is not Kind.TEARDOWN or operation.approval_id != given.approval_id:
            raise NotFoundError("Nothing waits for this approval.")
        if operation.requested_by == caller.user_id:
            raise OwnApprovalError("Somebody else has to approve what you asked for.")
        if operation.status in _GOES_ON and operation.approved_by == caller.user_id:
            return Outcome(account, operation)
        stamp = self.accounts.stamp
        now = stamp.now()
        if not operation.approval_until or now >= operation.approval_until:
            raise ApprovalExpiredError(
                "It was to be approved earlier; it has to be asked for anew."
            )
        approved = operation.approved(caller.user_id, now, self.grace)
        closing = account.moved(ProvisioningStatus.DELETING, now)
        hosted = self._hosted(account)
        if hosted.route.get("state") != "active":
            raise ConflictError("The organisation's place is not open; look again later.")
        data = AccountTeardownApproved(
            account_id=account.account_id,
            organization_id=account.tenant_id,
            operation_id=operation.operation_id,
            requested_by=operation.requested_by,
            not_before=(now + self.grace).isoformat(),
            reason=who.reason,
        )
        self.accounts.accounts.advance(
            Advance(
                (operation, approved),
                (account, closing),
                stamp.event(data, who.cause),
                # Under the next epoch: who writes by the route of before is refused.
                also=(self.accounts.hosting.routed(hosted, {**hosted.route, "state": "closing"}),),
            )
        )
        return Outcome(closing, approved)

    # inside

    def _plan(self, account: Account, operation: Operation) -> Plan:
        if account.status is not ProvisioningStatus.ACTIVE:
            raise ConflictError(f"An account that is {account.status} is not torn down.")
        if not operation.is_settled and not _waits(operation):
            raise ConflictError(
                f"Another operation ({operation.kind}) is at work on the account, or waits to be:"
                " follow it to its end, or cancel it."
            )
        hosted = self._hosted(account)
        inventory = self.estate.survey(account, _COUNTED)
        return Plan(
            action="teardown",
            account_id=account.account_id,
            steps=course(Kind.TEARDOWN, account.cloud_type).steps,
            resources=inventory.resources,
            basis=(str(account.entity_version), str(hosted.route_epoch)),
            inventory=inventory,
            counted_up_to=_COUNTED,
            cost=estimated(inventory, self.prices),
        )

    def _hosted(self, account: Account) -> Hosted:
        hosted = self.accounts.hosting.find(account.tenant_id)
        if hosted is None:
            raise NotFoundError("There is no such organisation.")
        if hosted.route.get("account") != account.account_id:
            raise ConflictError("The organisation's data is elsewhere.")
        return hosted


def _waits(operation: Operation) -> bool:
    return operation.status is OperationStatus.AWAITING_APPROVAL

"""What becomes of an account whose organisation has ended: its teardown is begun."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from tenantry.accounts.events import AccountTeardownRequested
from tenantry.accounts.model import Kind, Operation, OperationStatus, ProvisioningStatus, planned
from tenantry.accounts.repository import AccountRepository, Hosting
from tenantry.errors import UnavailableError
from tenantry.messaging.event import SYSTEM
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.tenancy.access import OrganizationStatus

APPROVED_WITHIN: Final = timedelta(days=90)
"""How long it waits for an operator: longer than one that was asked for in a living organisation,
since nobody changes anything in this one any more."""
PLANLESS: Final = "organization-cancelled"
"""In place of a plan's hash: it is whatever is there when the organisation has ended."""


@dataclass(frozen=True)
class Closing:
    """Asks for the end of what an organisation that was cancelled had.

    Whoever cancelled it is the first person, an operator who approves it the second: nobody of the
    organisation can, since it is over.
    """

    accounts: AccountRepository
    hosting: Hosting
    stamp: Stamp
    report: Callable[[str, Operation], None] = lambda _what, _operation: None
    """Told what an operator should hear of."""

    def begin(self, tenant_id: str, correlation_id: str | None = None) -> Operation | None:
        """Emits AccountTeardownRequested. None where there is nothing to end, or it ends already.

        UnavailableError while something else is at work on the account: come again.
        """
        hosted, held = self.hosting.find(tenant_id), self.accounts.of(tenant_id)
        if hosted is None or hosted.status is not OrganizationStatus.CANCELLED or held is None:
            return None
        account, latest = self.accounts.read(held.account_id, held.operation_id)
        if account is None or latest is None:
            return None
        if account.operation_id != latest.operation_id:
            raise UnavailableError("Something has just begun on the account; its end comes after.")
        if _ends(latest):
            return None
        if account.status is ProvisioningStatus.FAILED:
            return None  # nothing is left of it but its name
        if account.status is not ProvisioningStatus.ACTIVE or not _is_free(latest):
            raise UnavailableError("Something is at work on the account; its end comes after that.")
        now = self.stamp.now()
        cause = Cause(correlation_id=correlation_id)
        begun = Operation(
            operation_id=self.stamp.new_id(),
            account_id=account.account_id,
            tenant_id=tenant_id,
            kind=Kind.TEARDOWN,
            cloud_type=account.cloud_type,
            status=OperationStatus.AWAITING_APPROVAL,
            steps=planned(Kind.TEARDOWN, account.cloud_type),
            approval_id=self.stamp.new_id(),
            approval_until=now + APPROVED_WITHIN,
            correlation_id=correlation_id,
            requested_by=SYSTEM.id,
            created_at=now,
            heartbeat_at=now,
        )
        data = AccountTeardownRequested(
            account_id=account.account_id,
            organization_id=tenant_id,
            operation_id=begun.operation_id,
            plan=PLANLESS,
        )
        after = account.amended(now, operation_id=begun.operation_id)
        self.accounts.begin((account, after), begun, self.stamp.event(data, cause))
        self.report("an organisation has ended: its account's end waits for approval", begun)
        return begun


def _ends(operation: Operation) -> bool:
    """Whether it is a teardown that goes on by itself, or that an operator can still approve."""
    if operation.kind is not Kind.TEARDOWN or operation.status is OperationStatus.CANCELLED:
        return False
    waits = operation.status is OperationStatus.AWAITING_APPROVAL
    return not waits or operation.requested_by == SYSTEM.id


def _is_free(operation: Operation) -> bool:
    """Nothing is at work; what somebody of the organisation had asked for and nobody approved is
    asked for anew, with the time that an operator needs."""
    return operation.is_settled or operation.status is OperationStatus.AWAITING_APPROVAL

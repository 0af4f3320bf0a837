"""A teardown that is given up in time: the account is as it was before."""

from collections.abc import Callable
from datetime import datetime

from tenantry.accounts.events import AccountTeardownCancelled
from tenantry.accounts.model import Account, Operation, ProvisioningStatus
from tenantry.accounts.repository import Hosting
from tenantry.errors import NotFoundError
from tenantry.messaging.event import Event, EventData
from tenantry.persistence.writes import Write

CLOSED = ("closing", "deleting")


def reopened(
    account: Account,
    operation: Operation,
    hosting: Hosting,
    now: datetime,
    event: Callable[[EventData], Event],
    *,
    reason: str | None = None,
) -> tuple[Account, Event, tuple[Write, ...]]:
    """The account's next version, its event, and the route that opens its place again."""
    hosted = hosting.find(account.tenant_id)
    if hosted is None:
        raise NotFoundError("There is no such organisation.")
    route = hosted.route
    also = (
        (hosting.routed(hosted, {**route, "state": "active"}),)
        if route.get("account") == account.account_id and route.get("state") in CLOSED
        else ()
    )
    moved = (
        account.amended(now)
        if account.status is ProvisioningStatus.ACTIVE
        else account.moved(ProvisioningStatus.ACTIVE, now, error=None)
    )
    data = AccountTeardownCancelled(
        account_id=account.account_id,
        organization_id=account.tenant_id,
        operation_id=operation.operation_id,
        reason=reason,
    )
    return moved, event(data), also

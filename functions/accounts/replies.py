"""Accounts and operations as the API shows them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tenantry.accounts.model import (
    Account,
    Compared,
    Cost,
    Inventory,
    NotMoved,
    Operation,
    Outcome,
    Plan,
    StackEvent,
    StepName,
    Sums,
)
from tenantry.accounts.technical_user_service import GRANTED
from tenantry.accounts.technical_users import Credentials
from tenantry.organizations.machines import Machine


def account_reply(account: Account) -> dict[str, Any]:
    return {
        "id": account.account_id,
        "organizationId": account.tenant_id,
        "name": account.name,
        "masterAccountName": account.master_account_name,
        "cloudType": account.cloud_type,
        "provisioningStatus": account.status,
        "error": account.error,
        "tableName": account.table_name,
        "addresses": list(account.addresses),
        "technicalUser": account.technical_user,
        "licenses": account.licenses,
        "region": account.region,
        "operationId": account.operation_id,
        "createdAt": account.created_at.isoformat(),
        "version": account.entity_version,
    }


def operation_reply(operation: Operation, events: Sequence[StackEvent] = ()) -> dict[str, Any]:
    return {
        "id": operation.operation_id,
        "accountId": operation.account_id,
        "kind": operation.kind,
        "status": operation.status,
        "percent": operation.percent,
        "errorCode": operation.error_code,
        "error": operation.error,
        "identity": operation.identity,
        "cancelRequested": operation.cancel_requested,
        "approvalId": operation.approval_id,
        "approvalUntil": _time(operation.approval_until),
        "approvedBy": operation.approved_by,
        "requestedBy": operation.requested_by,
        "notBefore": _time(operation.not_before),
        "certificate": operation.certificate,
        "comparison": _comparison_reply(operation),
        "oldCopyUntil": _time(operation.retire_at),
        "steps": [
            {
                "name": step.name,
                "state": step.state,
                "attempts": step.attempts,
                "startedAt": step.started_at.isoformat() if step.started_at else None,
                "endedAt": step.ended_at.isoformat() if step.ended_at else None,
                "error": step.error,
            }
            for step in operation.steps
        ],
        "events": [
            {
                "at": event.at.isoformat(),
                "resource": event.resource,
                "type": event.type,
                "status": event.status,
                "reason": event.reason,
            }
            for event in events
        ],
        "createdAt": operation.created_at.isoformat(),
        "heartbeatAt": operation.heartbeat_at.isoformat(),
        "endedAt": operation.ended_at.isoformat() if operation.ended_at else None,
    }


def _comparison_reply(operation: Operation) -> dict[str, Any] | None:
    """What a move found in both places when it compared them last."""
    old, new = operation.old, operation.new
    if not (old and new and old.is_whole and new.is_whole):
        return None
    names = {step.name for step in operation.steps}
    compared = (StepName.CONFIRM, StepName.COMPARE, StepName.SEED)
    ends = [operation.step(each).ended_at for each in compared if each in names]
    at = next((end for end in ends if end), operation.heartbeat_at)
    return {
        "isEqual": old == new,
        "comparedAt": at.isoformat(),
        "old": _sums_reply(old),
        "new": _sums_reply(new),
    }


def _sums_reply(sums: Sums) -> dict[str, Any]:
    return {
        "items": sums.items,
        "objects": sums.objects,
        "bytes": sums.bytes,
        "checksum": sums.checksum,
    }


def compared_reply(compared: Compared) -> dict[str, Any]:
    """How what a move left behind and the place of now have come apart."""
    found = compared.found
    return {
        "operationId": compared.operation_id,
        "startedAt": compared.began.isoformat(),
        "comparedAt": compared.at.isoformat(),
        "isWhole": found.is_whole,
        "isEqual": found.is_equal,
        "items": found.items.model_dump(),
        "objects": found.objects.model_dump(),
        "nextCursor": compared.next_cursor,
    }


def outcome_reply(outcome: Outcome) -> dict[str, Any]:
    return {
        "account": account_reply(outcome.account) if outcome.account else None,
        "operation": operation_reply(outcome.operation) if outcome.operation else None,
        "plan": plan_reply(outcome.plan) if outcome.plan else None,
    }


def plan_reply(plan: Plan) -> dict[str, Any]:
    return {
        "action": plan.action,
        "hash": plan.hash,
        "steps": list(plan.steps),
        "resources": list(plan.resources),
        "inventory": _inventory_reply(plan) if plan.inventory else None,
        "cost": _cost_reply(plan.cost) if plan.cost else None,
        "notMoved": _not_moved_reply(plan.not_moved) if plan.not_moved else None,
    }


def _inventory_reply(plan: Plan) -> dict[str, Any]:
    found = plan.inventory or Inventory()
    return {
        "items": found.items,
        "itemBytes": found.item_bytes,
        "objects": found.objects,
        "objectBytes": found.object_bytes,
        "records": found.records,
        "parameters": found.parameters,
        "isWhole": found.is_whole,
        "atLeast": list(plan.at_least),
    }


def _not_moved_reply(left: NotMoved) -> dict[str, Any]:
    return {
        "oldVersions": left.old_versions,
        "oldBytes": left.old_bytes,
        "measuredAt": _time(left.measured_at),
    }


def _cost_reply(cost: Cost) -> dict[str, Any]:
    """Amounts as decimals in words, as a float has none."""
    return {
        "isEstimate": True,
        "monthly": str(cost.monthly),
        "currency": cost.currency,
        "region": cost.region,
        "pricesAsOf": cost.as_of.isoformat(),
        "source": cost.source,
        "lines": [
            {
                "what": line.what,
                "quantity": line.quantity,
                "unit": line.unit,
                "price": str(line.price),
                "monthly": str(line.monthly),
            }
            for line in cost.lines
        ],
        "unpriced": list(cost.unpriced),
        "isWhole": cost.is_whole,
    }


def technical_user_reply(
    account: Account, machines: Sequence[Machine], token_url: str
) -> dict[str, Any]:
    return {
        "accountId": account.account_id,
        "organizationId": account.tenant_id,
        "name": account.technical_user,
        "tokenUrl": token_url,
        "scopes": list(GRANTED),
        "clients": [_machine_reply(each) for each in machines],
    }


def credentials_reply(issued: Credentials, token_url: str) -> dict[str, Any]:
    return {
        "accountId": issued.machine.account_id,
        "organizationId": issued.machine.tenant_id,
        "tokenUrl": token_url,
        "scopes": list(GRANTED),
        **_machine_reply(issued.machine),
        "clientSecret": issued.secret,
    }


def _machine_reply(machine: Machine) -> dict[str, Any]:
    return {
        "clientId": machine.client_id,
        "createdAt": machine.created_at.isoformat(),
        "issuedAt": _time(machine.issued_at),
        "endsAt": _time(machine.ends_at),
    }


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None

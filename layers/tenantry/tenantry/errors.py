"""Expected outcomes. Handlers translate `code`, never the message.

TenantryError
├── InvalidInputError          the request breaks a rule of its own; `faults` lists every one
├── UnauthenticatedError       nobody, or not with an access token
├── ForbiddenError             the caller may not do this
│   ├── NotAMemberError        not (or no longer) an active member of the organisation
│   ├── MachineNotAllowedError  a program signed in where people do, or for more than its scopes
│   ├── OwnApprovalError       nobody approves what they asked for themselves
│   ├── InvitationForOtherError  the invitation is for another e-mail address
│   └── OrganizationSuspendedError
├── NoOrganizationError        the caller has no organisation to act on
├── NotFoundError              the thing does not exist, or not for this tenant
│   ├── ShreddedError          its key was destroyed, so nobody can read it any more
│   └── InvitationInvalidError  the token opens no invitation, or no longer
├── ConflictError              someone else changed it first, or its state forbids the change
│   ├── SlugTakenError
│   ├── DomainTakenError
│   ├── LicenseOverlapError
│   ├── LastOwnerError
│   ├── AccountExistsError     the organisation has an account already
│   ├── ApprovalExpiredError   it was not approved in time; it has to be asked for again
│   ├── PlanChangedError       the world is not as it was when the plan was made
│   ├── UnknownRouteError      its data lies where this part of the product does not reach
│   ├── OrganizationMovingError  its data is being moved or set up
│   ├── AlreadyMemberError
│   └── IdempotencyMismatchError
├── LimitExceededError         the plan's limit is reached
│   ├── InvitationQuotaError   too many invitations went out, in a day or ever
│   └── ApiLimitExceededError  the month's API calls are used up; `resets_at` says until when
├── OverNewLimitsError         more is in use than the plan asked for allows; `over` lists it
├── HostingNotOfferedError     this deployment makes no AWS accounts for organisations
├── BillingNotConfiguredError  this deployment takes no payments
├── PaymentDeclinedError       the payment was not taken, and nothing has changed
├── EmailNotConfiguredError    this deployment sends no mail of its own
├── DomainNotProvenError       the DNS record that proves a domain is not there yet
├── ProvisioningError          a step of provisioning failed; the ledger says which
│   ├── StackFailedError       CloudFormation could not make what the account needs
│   ├── VendingFailedError     no AWS account was made for the organisation
│   ├── ExternalIdIgnoredError  an AWS account lets the platform in without its external id
│   ├── AccountShutError       an AWS account lets nobody in: too new yet, or closed
│   ├── GuardrailMissingError  the required service control policy is not in effect for it
│   ├── LeftoversError         something is left that should be gone; it is in quarantine
│   ├── ProbeFailedError       what was written to the new place did not come back
│   ├── CopyDiffersError       what was copied is not what stands in the original
│   ├── MoveUnconfirmedError   a move was not confirmed in time, so it goes back
│   ├── OperationCancelledError  someone asked for it to be given up
│   ├── OperationCommittedError  it is in use already and only goes forward
│   └── OperationSupersededError another run is at work on it, or it has ended
├── StreamSilentError          what was written has not come through the stream yet
├── UnavailableError           something the request needs does not answer; try again
└── CorruptDataError           stored or delivered data breaks its own schema
"""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, TypedDict


class Fault(TypedDict):
    """One thing wrong with an input: where, and what to do about it."""

    field: str
    message: str


class TenantryError(Exception):
    """Base of every expected outcome; `code` is part of the API, the message is for people."""

    code: ClassVar[str] = "INTERNAL"
    status: ClassVar[int] = 500

    @property
    def details(self) -> dict[str, Any]:
        """What a client can act on beyond the message; never about another tenant."""
        return {}

    def wait(self, now: datetime) -> int | None:  # noqa: ARG002 - for those who know a time
        """Seconds after which the same may succeed, one at least; None where nobody knows."""
        return None


class InvalidInputError(TenantryError):
    """The request breaks a rule of its own; `faults` lists every one."""

    code = "INVALID_INPUT"
    status = 400

    def __init__(self, faults: Sequence[Fault], message: str | None = None) -> None:
        super().__init__(message or "; ".join(f"{f['field']}: {f['message']}" for f in faults))
        self.faults = tuple(faults)

    @property
    def details(self) -> dict[str, Any]:
        return {"faults": list(self.faults)}


class UnauthenticatedError(TenantryError):
    """Nobody, or not with an access token."""

    code = "UNAUTHENTICATED"
    status = 401


class ForbiddenError(TenantryError):
    """The caller may not do this."""

    code = "FORBIDDEN"
    status = 403


class NotAMemberError(ForbiddenError):
    """Not, or no longer, an active member of the organisation; or there is no such organisation."""

    code = "NOT_A_MEMBER"


class MachineNotAllowedError(ForbiddenError):
    """A program's token where only people are let in, or without the scope that this takes."""

    code = "MACHINE_NOT_ALLOWED"


class InvitationForOtherError(ForbiddenError):
    """The invitation is for another e-mail address than the caller's, or theirs is not proven."""

    code = "INVITATION_FOR_OTHER"


class OwnApprovalError(ForbiddenError):
    """What one person asked for, another one approves."""

    code = "OWN_APPROVAL"


class OrganizationSuspendedError(ForbiddenError):
    """The organisation is suspended or cancelled and takes no changes."""

    code = "ORGANIZATION_SUSPENDED"


class NoOrganizationError(TenantryError):
    """The caller belongs to no organisation, or named none."""

    code = "NO_ORGANIZATION"
    status = 409


class NotFoundError(TenantryError):
    """The thing does not exist, or not for this tenant."""

    code = "NOT_FOUND"
    status = 404


class ShreddedError(NotFoundError):
    """Its key was destroyed, so nobody can read it any more."""

    code = "SHREDDED"


class InvitationInvalidError(NotFoundError):
    """The token opens no invitation: there is none, it is over, or nobody vouches for it."""

    code = "INVITATION_INVALID"


class ConflictError(TenantryError):
    """Someone else changed it first, or its state forbids the change."""

    code = "CONFLICT"
    status = 409


class SlugTakenError(ConflictError):
    """Another organisation holds the slug."""

    code = "SLUG_TAKEN"


class DomainTakenError(ConflictError):
    """Another organisation has proven the domain."""

    code = "DOMAIN_TAKEN"


class LicenseOverlapError(ConflictError):
    """Another licence of the service holds one of the days."""

    code = "LICENSE_OVERLAP"


class LastOwnerError(ConflictError):
    """The organisation would be left without an owner."""

    code = "LAST_OWNER"


class AccountExistsError(ConflictError):
    """The organisation has an account already; it has one at most."""

    code = "ACCOUNT_EXISTS"


class PlanChangedError(ConflictError):
    """The world is not as it was when the plan was made; make a new one."""

    code = "PLAN_CHANGED"


class ApprovalExpiredError(ConflictError):
    """It was not approved in time; it has to be asked for again."""

    code = "APPROVAL_EXPIRED"


class OrganizationMovingError(ConflictError):
    """The organisation's data is being moved, set up or taken down; try again later."""

    code = "ORGANIZATION_MOVING"

    def __init__(self, message: str, retry_after: int = 30) -> None:
        super().__init__(message)
        self.retry_after = retry_after

    @property
    def details(self) -> dict[str, Any]:
        return {"retryAfter": self.retry_after}

    def wait(self, now: datetime) -> int | None:  # noqa: ARG002 - the same at any time
        return max(1, self.retry_after)


class UnknownRouteError(ConflictError):
    """The organisation's data lies where this part of the product does not reach."""

    code = "UNKNOWN_ROUTE"


class AlreadyMemberError(ConflictError):
    """They are a member of the organisation already."""

    code = "ALREADY_MEMBER"


class IdempotencyMismatchError(ConflictError):
    """The same idempotency key came with another request."""

    code = "IDEMPOTENCY_MISMATCH"


class LimitExceededError(TenantryError):
    """The plan's limit is reached."""

    code = "LIMIT_EXCEEDED"
    status = 409


class InvitationQuotaError(LimitExceededError):
    """Too many invitations went out: in a day, until `resets_at`, or ever on an unpaid plan."""

    code = "INVITATION_QUOTA"

    def __init__(self, message: str, resets_at: datetime | None = None) -> None:
        super().__init__(message)
        self.resets_at = resets_at

    @property
    def details(self) -> dict[str, Any]:
        return {"resetsAt": self.resets_at.isoformat()} if self.resets_at else {}

    def wait(self, now: datetime) -> int | None:
        return _seconds_until(self.resets_at, now) if self.resets_at else None


class EmailNotConfiguredError(TenantryError):
    """This deployment has no sender, so what needs a mail cannot be done."""

    code = "EMAIL_NOT_CONFIGURED"
    status = 409


class ApiLimitExceededError(LimitExceededError):
    """The month's API calls of the organisation are used up."""

    code = "API_LIMIT_EXCEEDED"
    status = 429

    def __init__(self, limit: int, resets_at: datetime, message: str | None = None) -> None:
        super().__init__(
            message
            or f"The {limit} API calls of this month are used up. Calls are taken again from "
            f"{resets_at.isoformat()}, or at once on a larger plan."
        )
        self.limit = limit
        self.resets_at = resets_at

    @property
    def details(self) -> dict[str, Any]:
        return {"limit": self.limit, "resetsAt": self.resets_at.isoformat()}

    def wait(self, now: datetime) -> int | None:
        return _seconds_until(self.resets_at, now)


class Excess(TypedDict):
    """What is used beyond a limit: `limit` is users, projects or storage (bytes)."""

    limit: str
    used: int
    allowed: int


class OverNewLimitsError(TenantryError):
    """More is in use than the plan asked for allows; `over` lists all of it."""

    code = "OVER_NEW_LIMITS"
    status = 409

    def __init__(self, over: Sequence[Excess]) -> None:
        told = ", ".join(f"{each['limit']} {each['used']} of {each['allowed']}" for each in over)
        super().__init__(f"More is in use than this plan allows: {told}.")
        self.over = tuple(over)

    @property
    def details(self) -> dict[str, Any]:
        return {"over": list(self.over)}


class BillingNotConfiguredError(TenantryError):
    """This deployment takes no payments, so there is nothing to pay."""

    code = "BILLING_NOT_CONFIGURED"
    status = 409


class HostingNotOfferedError(TenantryError):
    """This deployment knows nobody who makes AWS accounts for organisations."""

    code = "HOSTING_NOT_OFFERED"
    status = 409


class PaymentDeclinedError(TenantryError):
    """The payment was not taken, and nothing has changed."""

    code = "PAYMENT_DECLINED"
    status = 409


class DomainNotProvenError(TenantryError):
    """The DNS record that proves a domain is not there yet."""

    code = "DOMAIN_NOT_PROVEN"
    status = 409


class ProvisioningError(TenantryError):
    """A step of provisioning failed; the operation's ledger says which."""

    code = "PROVISIONING_FAILED"
    status = 409


class StackFailedError(ProvisioningError):
    """CloudFormation could not make what the account needs."""

    code = "STACK_FAILED"


class VendingFailedError(ProvisioningError):
    """No AWS account was made for the organisation; the words say for what cause."""

    code = "VENDING_FAILED"


class ExternalIdIgnoredError(ProvisioningError):
    """The organisation's own AWS account lets the platform in without its external id."""

    code = "EXTERNAL_ID_IGNORED"


class AccountShutError(ProvisioningError):
    """The AWS account lets nobody in: it is too new yet, or it is closed."""

    code = "ACCOUNT_SHUT"


class GuardrailMissingError(ProvisioningError):
    """The service control policy that every tenant's account needs is not in effect for it."""

    code = "GUARDRAIL_MISSING"


class LeftoversError(ProvisioningError):
    """After everything was deleted something is left: somebody has to look."""

    code = "LEFTOVERS"


class ProbeFailedError(ProvisioningError):
    """What was written to the new place did not come back."""

    code = "PROBE_FAILED"


class CopyDiffersError(ProvisioningError):
    """What was copied is not what stands in the original, so nobody is sent there."""

    code = "COPY_DIFFERS"


class MoveUnconfirmedError(ProvisioningError):
    """That the copy is whole was not seen within the time that writers are made to wait."""

    code = "MOVE_UNCONFIRMED"


class OperationCancelledError(ProvisioningError):
    """Someone asked for the operation to be given up."""

    code = "CANCELLED"


class OperationCommittedError(ProvisioningError):
    """What the operation made is in use already; it only goes forward."""

    code = "COMMITTED"


class OperationSupersededError(ProvisioningError):
    """Another run is at work on the operation, or it has ended."""

    code = "SUPERSEDED"


class StreamSilentError(TenantryError):
    """What was written has not come through the table's stream yet."""

    code = "STREAM_SILENT"
    status = 409


class UnavailableError(TenantryError):
    """Something the request needs does not answer; trying again later may help."""

    code = "UNAVAILABLE"
    status = 503


class CorruptDataError(TenantryError):
    """Stored or delivered data breaks its own schema."""

    code = "CORRUPT_DATA"


def _seconds_until(then: datetime, now: datetime) -> int:
    return max(1, math.ceil((then - now).total_seconds()))

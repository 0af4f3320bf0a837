"""What a caller may do now, whatever their token still says."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from tenantry.errors import (
    ApiLimitExceededError,
    ForbiddenError,
    MachineNotAllowedError,
    NotAMemberError,
    OrganizationSuspendedError,
)
from tenantry.messaging.event import Actor
from tenantry.messaging.stamp import Cause
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import OWNERS, Permission, Role

ACCOUNT_SUSPENDED: Final = "This account is suspended."
"""What a person is told whom the platform keeps out, while a token of theirs still lasts."""


class MemberStatus(StrEnum):
    ACTIVE = "ACTIVE"
    INVITED = "INVITED"
    SUSPENDED = "SUSPENDED"
    REMOVED = "REMOVED"


class OrganizationStatus(StrEnum):
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True)
class CallLimit:
    """A month's API calls that are used up, and when the next month begins."""

    limit: int
    resets_at: datetime


@dataclass(frozen=True)
class Standing:
    """A member and the organisation acted on, as stored at the time of the request."""

    tenant_id: str
    user_id: str
    role: Role
    member_status: MemberStatus
    organization_status: OrganizationStatus
    plan: str
    on_trial: bool = False
    """Whether nobody has paid for the plan yet."""
    extra_permissions: frozenset[str] = frozenset()
    route_epoch: int = 1
    route: dict[str, str] = field(default_factory=dict)
    """Where the organisation's data lives: empty for the shared table and buckets."""
    organization_created_at: datetime | None = None
    """Nothing of the organisation is older."""
    support_session: str | None = None
    """The session in which an operator of the platform stands in for a member."""
    calls_used_up: CallLimit | None = None
    """Set when the organisation has no API call left this month."""
    machine: frozenset[str] | None = None
    """Of a program that acts for the organisation: the scopes of its token. None for people."""

    def cause(self, caller: Caller) -> Cause:
        """The caller, in this standing, as the cause of what they change."""
        if self.machine is not None:
            return caller.cause
        actor = Actor(
            id=caller.user_id,
            kind="operator" if self.support_session else "user",
            role=self.role.value,
            on_behalf_of=self.support_session,
        )
        return Cause(actor=actor, correlation_id=caller.correlation_id, request=caller.request)

    def holds(self, permission: Permission) -> bool:
        """Whether role or extra permissions allow it; what they hold, they may give others."""
        if self.machine is not None:
            return permission.scope is not None and permission.scope in self.machine
        if self.support_session and not permission.support:
            return False
        given = permission.grantable and permission.name in self.extra_permissions
        return given or self.role in permission.roles

    def require(self, permission: Permission) -> None:
        """Return when the member may; otherwise the error that says why not.

        A suspended organisation is read only; a cancelled one only its owners read. One that has
        used its API calls up takes no more, but what its owners need in order to pay. A program
        does what its scopes say, while the organisation is active.
        """
        if self.member_status is not MemberStatus.ACTIVE:
            raise NotAMemberError("You are not a member of this organisation.")
        if self.machine is not None:
            self._require_of_machine(permission)
        if self.organization_status is OrganizationStatus.CANCELLED and self.role not in OWNERS:
            raise OrganizationSuspendedError("This organisation has been cancelled.")
        if self.organization_status is not OrganizationStatus.ACTIVE and permission.writes:
            raise OrganizationSuspendedError(
                "This organisation is suspended: it can be read, not changed."
            )
        if self.support_session and not permission.support:
            raise ForbiddenError(f"A support session does not allow {permission.name}.")
        if not self.holds(permission):
            raise ForbiddenError(f"Your role {self.role} does not allow {permission.name}.")
        if self.calls_used_up and not (permission.to_pay and self.role in OWNERS):
            raise ApiLimitExceededError(self.calls_used_up.limit, self.calls_used_up.resets_at)

    def _require_of_machine(self, permission: Permission) -> None:
        """People read why an organisation is suspended, and pay; a program has to wait for them."""
        if self.organization_status is not OrganizationStatus.ACTIVE:
            raise OrganizationSuspendedError("This organisation is suspended or cancelled.")
        if not self.holds(permission):
            raise MachineNotAllowedError(f"The token's scopes do not allow {permission.name}.")


class Access(Protocol):
    """Port: reads a caller's standing in one strongly consistent round trip."""

    def standing(self, caller: Caller) -> Standing:
        """The caller's standing in the organisation they named.

        NoOrganizationError when they named none; NotAMemberError when they are no member of it or
        there is no such organisation: from outside, both look the same.
        """

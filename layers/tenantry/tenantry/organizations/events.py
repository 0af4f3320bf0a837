"""What happens to organisations, their members and their domains. Ids only, no addresses."""

from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from tenantry.messaging.event import EventData
from tenantry.tenancy.roles import Role

How = Literal["founder", "domain", "invitation"]
End = Literal["left", "removed"]
Close = Literal["operator", "expiry"]


class _OrganizationsEvent(EventData):
    context: ClassVar[str] = "organizations"


class FieldChange(BaseModel):
    """A field's value before and after; null, or left out, where there was or is none."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    before: JsonValue = None
    after: JsonValue = None


def changes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, FieldChange]:
    """What differs between two JSON states, by field."""
    return {
        name: FieldChange(before=before.get(name), after=after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }


class OrganizationCreated(_OrganizationsEvent):
    type: ClassVar[str] = "OrganizationCreated"

    organization_id: str
    name: str
    slug: str
    plan: str
    owner_id: str


class OrganizationUpdated(_OrganizationsEvent):
    type: ClassVar[str] = "OrganizationUpdated"

    organization_id: str
    fields: dict[str, FieldChange]


class OrganizationSettingsUpdated(_OrganizationsEvent):
    """`fields` are the settings that changed; the support address only by its name."""

    type: ClassVar[str] = "OrganizationSettingsUpdated"

    organization_id: str
    fields: dict[str, FieldChange]


class MemberJoined(_OrganizationsEvent):
    type: ClassVar[str] = "MemberJoined"

    organization_id: str
    user_id: str
    role: Role
    how: How


class MemberRoleChanged(_OrganizationsEvent):
    type: ClassVar[str] = "MemberRoleChanged"

    organization_id: str
    user_id: str
    before: Role
    after: Role


class OwnerAppointed(_OrganizationsEvent):
    """An operator of the platform has made a member an owner, since no owner could."""

    type: ClassVar[str] = "OwnerAppointed"

    organization_id: str
    owner_id: str
    reason: str


class MemberPermissionsChanged(_OrganizationsEvent):
    """The permissions that the member has beyond their role, before and after."""

    type: ClassVar[str] = "MemberPermissionsChanged"

    organization_id: str
    user_id: str
    before: tuple[str, ...]
    after: tuple[str, ...]


class MemberSuspended(_OrganizationsEvent):
    type: ClassVar[str] = "MemberSuspended"

    organization_id: str
    user_id: str
    role: Role


class MemberReactivated(_OrganizationsEvent):
    type: ClassVar[str] = "MemberReactivated"

    organization_id: str
    user_id: str
    role: Role


class MemberRemoved(_OrganizationsEvent):
    """A membership has ended: whoever gave the member something to do takes it back.

    `role` is the one they had; `removed_by` is themselves when they left.
    """

    type: ClassVar[str] = "MemberRemoved"

    organization_id: str
    user_id: str
    role: Role
    how: End
    removed_by: str


class OwnershipTransferred(_OrganizationsEvent):
    type: ClassVar[str] = "OwnershipTransferred"

    organization_id: str
    owner_id: str
    previous_owner_id: str


class SupportSessionOpened(_OrganizationsEvent):
    """An operator of the platform acts for the organisation, until `expires_at` at the latest."""

    type: ClassVar[str] = "SupportSessionOpened"

    organization_id: str
    session_id: str
    operator_id: str
    reason: str
    expires_at: datetime


class SupportSessionClosed(_OrganizationsEvent):
    """`closed_at` is when it ended: an expired one is closed by a sweep a little later."""

    type: ClassVar[str] = "SupportSessionClosed"

    organization_id: str
    session_id: str
    operator_id: str
    closed_at: datetime
    how: Close


class OrganizationSuspended(_OrganizationsEvent):
    type: ClassVar[str] = "OrganizationSuspended"

    organization_id: str
    reason: str


class OrganizationReactivated(_OrganizationsEvent):
    type: ClassVar[str] = "OrganizationReactivated"

    organization_id: str
    reason: str


class OrganizationPlanChanged(_OrganizationsEvent):
    """`over` names the limits of the new plan that are passed: nothing more of these is let in."""

    type: ClassVar[str] = "OrganizationPlanChanged"

    organization_id: str
    before: str
    after: str
    over: list[str]
    on_trial: bool = False
    """Whether nobody has paid for it yet; to pay for a trial may change this alone."""


class OrganizationCancelled(_OrganizationsEvent):
    """The organisation has ended; its account is to be torn down."""

    type: ClassVar[str] = "OrganizationCancelled"

    organization_id: str
    reason: str


class DomainClaimed(_OrganizationsEvent):
    type: ClassVar[str] = "DomainClaimed"

    organization_id: str
    domain: str


class DomainVerified(_OrganizationsEvent):
    type: ClassVar[str] = "DomainVerified"

    organization_id: str
    domain: str
    verified_at: datetime


class DomainReleased(_OrganizationsEvent):
    type: ClassVar[str] = "DomainReleased"

    organization_id: str
    domain: str

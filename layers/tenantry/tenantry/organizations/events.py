"""What happens to organisations, their members and their domains. Ids only, no addresses."""

from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from tenantry.messaging.event import EventData
from tenantry.tenancy.roles import Role

How = Literal["founder", "domain", "invitation"]


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

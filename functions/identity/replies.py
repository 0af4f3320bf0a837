"""People and memberships as the API shows them."""

from typing import Any

from tenantry.identity.model import Person, Profile
from tenantry.identity.repository import OrganizationMembership


def person_reply(person: Person) -> dict[str, Any]:
    profile = person.profile
    return {
        "id": profile.user_id,
        "email": profile.email,
        "name": profile.name,
        "locale": profile.locale,
        "timeZone": profile.time_zone,
        "avatarKey": profile.avatar_key,
        "createdAt": profile.created_at.isoformat(),
        "lastLoginAt": profile.last_login_at.isoformat() if profile.last_login_at else None,
        "activeOrganization": membership_reply(person.active) if person.active else None,
        "version": profile.entity_version,
    }


def membership_reply(membership: OrganizationMembership) -> dict[str, Any]:
    return {
        "organizationId": membership.organization_id,
        "name": membership.name,
        "slug": membership.slug,
        "role": membership.role.value,
        "status": membership.status.value,
        "plan": str(membership.plan),
        "organizationStatus": membership.organization_status.value,
        "joinedAt": membership.joined_at.isoformat(),
    }


def status_reply(profile: Profile) -> dict[str, Any]:
    return {"userId": profile.user_id, "status": profile.status.value}

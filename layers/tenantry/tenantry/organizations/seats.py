"""Seats and members as writes, for this context and for those who compose them into their own.

Another context is given this module by its bootstrap, behind a port of its own, and puts the
writes into one transaction with what it owns. A transaction takes one write of each item, so at
most one of `reserve`, `release` and `admit` per organisation.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from tenantry.messaging.event import Event
from tenantry.organizations.events import How, MemberJoined
from tenantry.organizations.model import Member
from tenantry.persistence.keys import (
    member_key,
    organization_key,
    organization_pk,
    user_pk,
)
from tenantry.persistence.writes import Change, Check, Count, Create, Step
from tenantry.tenancy.access import MemberStatus, OrganizationStatus
from tenantry.tenancy.roles import Role

COUNTERS: Final = frozenset(
    {"used_users", "owners", "used_projects", "used_storage", "used_api_calls", "api_month"}
)
"""What moves on the organisation's item without a version of its own."""


def reserve(
    tenant_id: str, *, limit: int | None, require: Mapping[str, str], seats: int = 1
) -> Count:
    """Take seats; refused past `limit`, or when `require` (status, plan) is no longer so."""
    return Count(organization_key(tenant_id), "used_users", seats, limit=limit, require=require)


def release(tenant_id: str, *, seats: int = 1) -> Count:
    """Give seats back; refused when that many are not taken."""
    return Count(organization_key(tenant_id), "used_users", -seats)


def admit(tenant_id: str, role: Role) -> Check | Count:
    """The organisation lets somebody in whose seat is reserved; refused unless it is active.

    An owner is counted as one.
    """
    where, require = organization_key(tenant_id), {"status": OrganizationStatus.ACTIVE.value}
    return (
        Count(where, "owners", 1, require=require) if role is Role.OWNER else Check(where, require)
    )


def joined(tenant_id: str, user_id: str, role: Role, how: How) -> MemberJoined:
    """What is to be stamped for `join`."""
    return MemberJoined(organization_id=tenant_id, user_id=user_id, role=role, how=how)


def join(
    tenant_id: str,
    user_id: str,
    role: Role,
    at: datetime,
    event: Event,
    *,
    name: str | None = None,
    email: str | None = None,
    after: int | None = None,
) -> Create | Change:
    """A new active member; takes no seat.

    Refused when they have a membership; one that has ended goes on as its next version, with
    nothing of its rights, when `after` is the version of its end (see `ended_version`).
    """
    member = Member(
        tenant_id=tenant_id, user_id=user_id, role=role, joined_at=at, name=name, email=email
    )
    where = member_key(tenant_id, user_id)
    if after is None:
        return Create(where, member_item(member), (event,))
    ended = {"status": MemberStatus.REMOVED.value}
    anew = {**member_item(member), "profile_version": None}
    return Change(where, after, anew, (event,), require=ended)


def ended_version(stored: Mapping[str, Any]) -> int | None:
    """The version to go on from when what stood in the way of `join` is a membership that ended."""
    ended = stored.get("status") == MemberStatus.REMOVED
    return int(stored["entity_version"]) if ended else None


def vouch(tenant_id: str, user_id: str, roles: Collection[Role]) -> Check:
    """Refuses the transaction unless they are an active member in one of the roles.

    Nobody vouches whom the platform has suspended.
    """
    require = {"status": MemberStatus.ACTIVE.value, "barred": None}
    return Check(member_key(tenant_id, user_id), require, {"role": [r.value for r in roles]})


def moved(*changes: tuple[Member, Member]) -> Count | None:
    """The seats and owners that members' changes (before, after) take or give back in all.

    None when they move nothing. Refused when it would leave the organisation without an active
    owner.
    """
    where = organization_key(changes[0][0].tenant_id)
    seats = sum(after.is_current - before.is_current for before, after in changes)
    owners = sum(after.leads - before.leads for before, after in changes)
    owner = Step("owners", owners, floor=1)
    if seats:
        return Count(where, "used_users", seats, also=(owner,) if owners else ())
    return Count(where, owner.attribute, owner.by, floor=owner.floor) if owners else None


def member_item(member: Member) -> dict[str, Any]:
    """A member as it is stored."""
    return {
        "entity_type": "Member",
        "entity_id": member.user_id,
        "tenant_id": member.tenant_id,
        "role": member.role.value,
        "status": member.status.value,
        "extra_permissions": list(member.extra_permissions) or None,
        "name": member.name,
        "email": member.email,
        "barred": member.barred or None,
        "left": member.left or None,
        "removed_at": member.removed_at.isoformat() if member.removed_at else None,
        "handed_to": member.handed_to,
        "created_at": member.joined_at.isoformat(),
        "GSI1PK": user_pk(member.user_id),
        "GSI1SK": organization_pk(member.tenant_id),
    }

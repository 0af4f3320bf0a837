"""Invitations and links as the API shows them: nothing of a token."""

from datetime import datetime
from typing import Any

from tenantry.errors import TenantryError
from tenantry.invitations.model import Invitation, InvitationLink, Joined, Outcome, Preview


def invitation_reply(invitation: Invitation, now: datetime) -> dict[str, Any]:
    return {
        "id": invitation.invitation_id,
        "email": invitation.email,
        "role": invitation.role,
        "message": invitation.message,
        "locale": invitation.locale,
        "inviterId": invitation.inviter_id,
        "status": invitation.status_at(now),
        "createdAt": invitation.created_at.isoformat(),
        "expiresAt": invitation.expires_at.isoformat(),
    }


def link_reply(link: InvitationLink, now: datetime) -> dict[str, Any]:
    return {
        "id": link.link_id,
        "role": link.role,
        "domains": list(link.domains),
        "maxUses": link.max_uses,
        "uses": link.uses,
        "creatorId": link.creator_id,
        "status": link.status_at(now),
        "createdAt": link.created_at.isoformat(),
        "expiresAt": link.expires_at.isoformat(),
    }


def outcome_reply(outcome: Outcome, now: datetime) -> dict[str, Any]:
    error = outcome.error
    return {
        "email": outcome.email,
        "invitation": invitation_reply(outcome.invitation, now) if outcome.invitation else None,
        "error": error_reply(error) if error else None,
    }


def error_reply(error: TenantryError) -> dict[str, Any]:
    return {"code": error.code, "message": str(error)}


def preview_reply(preview: Preview) -> dict[str, Any]:
    return {
        "organizationName": preview.organization_name,
        "inviterName": preview.inviter_name,
        "role": preview.role,
        "email": preview.masked_email,
        "domains": list(preview.domains),
        "expiresAt": preview.expires_at.isoformat(),
    }


def joined_reply(joined: Joined) -> dict[str, Any]:
    return {
        "organizationId": joined.organization_id,
        "name": joined.name,
        "slug": joined.slug,
        "role": joined.role,
        "status": "ACTIVE",
        "plan": joined.plan,
        "organizationStatus": "ACTIVE",
        "joinedAt": joined.joined_at.isoformat(),
    }

"""Organisations, members, support sessions and claims as the API shows them."""

from datetime import datetime
from typing import Any

from tenantry.organizations.counters import Kind, Used, usage_of
from tenantry.organizations.model import DomainClaim, Member, Organization, SupportSession
from tenantry.runtime.identifiers import now


def organization_reply(organization: Organization) -> dict[str, Any]:
    limits, settings = organization.limits, organization.settings
    branding = settings.branding
    return {
        "id": organization.tenant_id,
        "name": organization.name,
        "slug": organization.slug,
        "description": organization.description,
        "industry": organization.industry,
        "size": organization.size,
        "status": organization.status,
        "plan": organization.plan,
        "limits": {
            "maxUsers": limits.max_users,
            "maxProjects": limits.max_projects,
            "maxStorage": limits.max_storage,
            "maxApiCalls": limits.max_api_calls,
        },
        "usage": {
            "users": organization.used_users,
            "projects": organization.used_projects,
            "storage": organization.used_storage,
            "apiCalls": usage_of(organization, now())[Kind.API_CALLS].used,
        },
        "settings": {
            "allowedDomains": list(settings.allowed_domains),
            "joinByDomain": settings.join_by_domain,
            "branding": {
                "logoKey": branding.logo_key,
                "primaryColor": branding.primary_color,
                "supportEmail": branding.support_email,
            },
            "featureFlags": [
                {"name": name, "enabled": enabled}
                for name, enabled in sorted(settings.feature_flags.items())
            ],
        },
        "createdAt": organization.created_at.isoformat(),
        "version": organization.entity_version,
    }


def claim_reply(claim: DomainClaim) -> dict[str, Any]:
    return {
        "domain": claim.domain,
        "status": claim.status,
        "recordName": claim.record_name,
        "recordValue": claim.record_value,
        "verifiedAt": claim.verified_at.isoformat() if claim.verified_at else None,
    }


def usage_reply(usage: dict[Kind, Used]) -> dict[str, Any]:
    return {_camel(kind): _used(used) for kind, used in usage.items()}


def _camel(kind: str) -> str:
    first, *rest = kind.lower().split("_")
    return first + "".join(word.capitalize() for word in rest)


def _used(used: Used) -> dict[str, Any]:
    return {
        "used": used.used,
        "limit": used.limit,
        "percent": used.percent,
        "resetsAt": used.resets_at.isoformat() if used.resets_at else None,
    }


def member_reply(member: Member) -> dict[str, Any]:
    return {
        "userId": member.user_id,
        "name": member.name,
        "email": member.email,
        "role": member.role,
        "status": member.status,
        "permissions": list(member.extra_permissions),
        "joinedAt": member.joined_at.isoformat(),
        "version": member.entity_version,
    }


def session_reply(session: SupportSession, now: datetime) -> dict[str, Any]:
    return {
        "id": session.session_id,
        "organizationId": session.tenant_id,
        "operatorId": session.operator_id,
        "reason": session.reason,
        "status": session.status(now),
        "openedAt": session.opened_at.isoformat(),
        "expiresAt": session.expires_at.isoformat(),
        "closedAt": session.closed_at.isoformat() if session.closed_at else None,
    }

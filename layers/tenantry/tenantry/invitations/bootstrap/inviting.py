"""Inviting: what members do."""

from functools import cache

from tenantry.bootstrap import platform_table, settings, stamp
from tenantry.identity.addresses import checked_address
from tenantry.invitations.bootstrap.repository import invitations_in
from tenantry.invitations.service import InvitationService
from tenantry.organizations.bootstrap import access


@cache
def invitation_service() -> InvitationService:
    return InvitationService(
        invitations=invitations_in(platform_table()),
        access=access(),
        check_address=checked_address,
        sends_mail=settings().flag("EMAIL_SENDING"),
        stamp=stamp(),
        trusts_plans=settings().flag("TRUSTS_PLANS"),
    )

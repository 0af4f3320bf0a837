"""The invitations context, as triggers use it: few people come by one, so it is imported then."""

from tenantry.identity.bootstrap.triggers import platform_table
from tenantry.identity.model import InvitationClaim
from tenantry.messaging.stamp import Cause


class InvitationDoors:
    """On the triggers' own table, which gives up while Cognito still waits."""

    def claim(self, token: str, email: str) -> InvitationClaim:
        from tenantry.invitations.bootstrap.doors import invitation_doors

        found = invitation_doors(platform_table()).claim(token, email)
        return InvitationClaim(
            kind=found.kind,
            organization_id=found.tenant_id,
            invitation_id=found.invitation_id,
            token_hash=found.token_hash,
            mailed=found.is_mailed,
        )

    def join(
        self, claim: InvitationClaim, user_id: str, email: str, name: str | None, cause: Cause
    ) -> str | None:
        from tenantry.invitations.bootstrap.doors import invitation_doors
        from tenantry.invitations.model import Claim, Kind

        known = Claim(
            Kind(claim.kind), claim.organization_id, claim.invitation_id, claim.token_hash
        )
        return invitation_doors(platform_table()).join(known, user_id, email, name, cause)

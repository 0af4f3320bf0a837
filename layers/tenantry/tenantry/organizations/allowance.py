"""Use case: what an organisation has used of its plan, for members and for its programs."""

from dataclasses import dataclass

from tenantry.errors import NotAMemberError
from tenantry.messaging.stamp import Stamp
from tenantry.organizations.counters import Kind, Used, usage_of
from tenantry.organizations.model import USAGE_READ
from tenantry.organizations.repository import OrganizationRepository
from tenantry.tenancy.access import Access
from tenantry.tenancy.caller import Caller


@dataclass(frozen=True)
class Allowance:
    access: Access
    organizations: OrganizationRepository
    stamp: Stamp

    def usage(self, caller: Caller) -> dict[Kind, Used]:
        """How much of each of the plan's limits is used, API calls as of a moment ago."""
        standing = self.access.standing(caller)
        standing.require(USAGE_READ)
        organization = self.organizations.get(standing.tenant_id)
        if organization is None:
            raise NotAMemberError("There is no such organisation any more.")
        return usage_of(organization, self.stamp.now())

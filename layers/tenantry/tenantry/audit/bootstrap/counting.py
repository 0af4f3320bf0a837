"""The counter of open exports, which lies beside them: proven every day like those of limits."""

from tenantry.audit.bootstrap.tenants import tenant_stores
from tenantry.bootstrap import platform_table
from tenantry.errors import OrganizationMovingError
from tenantry.organizations.dynamodb import DynamoDBOrganizationRepository
from tenantry.organizations.hosting import OrganizationHosting
from tenantry.runtime.identifiers import now


class OpenExports:
    """Of each organisation where its data is, under credentials that reach that alone."""

    counter = "open_exports"

    def __init__(self, hosting: OrganizationHosting) -> None:
        self._hosting = hosting

    def prove(self, tenant_id: str) -> tuple[int, int] | None:
        """What was counted and what exports are open, when these differed; they do no more.

        One that moves just now is proven the next day.
        """
        hosted = self._hosting.find(tenant_id)
        if hosted is None:
            return None
        try:
            jobs = tenant_stores(writes_results=False).jobs(hosted, writes=True)
            return jobs.drift(tenant_id, now())
        except OrganizationMovingError:
            return None


def own_counters() -> tuple[OpenExports, ...]:
    hosting = OrganizationHosting(DynamoDBOrganizationRepository(platform_table()))
    return (OpenExports(hosting),)

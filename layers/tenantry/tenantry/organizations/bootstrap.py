"""Wires the organisations context."""

import secrets
from functools import cache

from tenantry.bootstrap import platform_table, settings, stamp
from tenantry.organizations.allowance import Allowance
from tenantry.organizations.dns import DnspythonResolver
from tenantry.organizations.dynamodb import (
    DynamoDBAccess,
    DynamoDBCallStore,
    DynamoDBDomainRepository,
    DynamoDBMemberRepository,
    DynamoDBOrganizationRepository,
    DynamoDBSupportRepository,
    OrganizationItems,
)
from tenantry.organizations.members import MemberCopies, MemberService
from tenantry.organizations.model import FOUNDED_AT_MOST
from tenantry.organizations.service import OrganizationService
from tenantry.organizations.support import SupportService, SupportSweep
from tenantry.persistence.table import Table
from tenantry.runtime.identifiers import new_id, now
from tenantry.runtime.observability import left_aside, logger
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.catalogue import permissions
from tenantry.tenancy.metering import CallMeter
from tenantry.tenancy.stored import Metered


@cache
def meter(table: Table) -> CallMeter:
    """The one of this process and table: all services share what they counted."""
    return CallMeter(store=DynamoDBCallStore(table), now=now, new_id=new_id, report=_report)


@cache
def access() -> DynamoDBAccess:
    return DynamoDBAccess(platform_table(), meter(platform_table()), now)


@cache
def organization_items() -> OrganizationItems:
    """The organisation's item, for the transactions of other contexts."""
    return OrganizationItems()


@cache
def organization_service(table: Table | None = None) -> OrganizationService:
    """On the platform table, or on one whose client waits otherwise."""
    table = table or platform_table()
    return OrganizationService(
        organizations=DynamoDBOrganizationRepository(table),
        domains=DynamoDBDomainRepository(table),
        dns=DnspythonResolver(settings().text("DNS_NAMESERVER")),
        operators=_Operators(),
        stamp=stamp(),
        new_token=lambda: secrets.token_urlsafe(24),
        founded_at_most=settings().number("ORGANIZATIONS_PER_USER", FOUNDED_AT_MOST),
        report=_report,
        meter=meter(table),
        measurements=_Measurements(),
    )


@cache
def allowance() -> Allowance:
    return Allowance(access(), DynamoDBOrganizationRepository(platform_table()), stamp())


@cache
def member_service() -> MemberService:
    return MemberService(
        organizations=DynamoDBOrganizationRepository(platform_table()),
        members=DynamoDBMemberRepository(platform_table()),
        catalogue=permissions,
        operators=_Operators(),
        stamp=stamp(),
        meter=meter(platform_table()),
    )


@cache
def support_service() -> SupportService:
    return SupportService(
        organizations=DynamoDBOrganizationRepository(platform_table()),
        sessions=DynamoDBSupportRepository(platform_table()),
        operators=_Operators(),
        stamp=stamp(),
        meter=meter(platform_table()),
    )


@cache
def support_sweep() -> SupportSweep:
    return SupportSweep(DynamoDBSupportRepository(platform_table()), stamp(), report=left_aside)


@cache
def member_copies() -> MemberCopies:
    from tenantry.identity.bootstrap.cards import cards  # only its consumer needs people

    return MemberCopies(profiles=cards(), members=DynamoDBMemberRepository(platform_table()))


class _Operators:
    """The identity context's operators; what operators do is rare, so it is imported then."""

    def require_active(self, caller: Caller) -> None:
        from tenantry.identity.bootstrap.operators import operator_standing

        operator_standing().require_active(caller)


class _Measurements:
    """Those of the usage context; nobody else here needs them."""

    def page(
        self, tenant_id: str, limit: int, after: str | None
    ) -> tuple[list[Metered], str | None]:
        from tenantry.usage.dynamodb_storage import DynamoDBMetering

        return DynamoDBMetering(platform_table()).page(tenant_id, limit, after)


def _report(what: str, tenant_id: str) -> None:
    logger.warning(what, tenant_id=tenant_id)

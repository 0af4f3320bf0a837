"""Wires the organisations context."""

import secrets
from functools import cache

from tenantry.bootstrap import platform_table, settings, stamp
from tenantry.organizations.dns import DnspythonResolver
from tenantry.organizations.dynamodb import (
    DynamoDBAccess,
    DynamoDBDomainRepository,
    DynamoDBOrganizationRepository,
)
from tenantry.organizations.service import OrganizationService


@cache
def access() -> DynamoDBAccess:
    return DynamoDBAccess(platform_table())


@cache
def organization_service() -> OrganizationService:
    return OrganizationService(
        organizations=DynamoDBOrganizationRepository(platform_table()),
        domains=DynamoDBDomainRepository(platform_table()),
        dns=DnspythonResolver(settings().text("DNS_NAMESERVER")),
        stamp=stamp(),
        new_token=lambda: secrets.token_urlsafe(24),
    )

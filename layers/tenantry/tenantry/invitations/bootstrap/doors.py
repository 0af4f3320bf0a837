"""Doors: what the holder of a token does, at the API and when signing up."""

from functools import cache

from tenantry.bootstrap import platform_table, stamp
from tenantry.invitations.bootstrap.repository import invitations_in
from tenantry.invitations.service import DoorService
from tenantry.organizations import seats
from tenantry.persistence.table import Table
from tenantry.runtime.observability import logger


@cache
def invitation_doors(table: Table | None = None) -> DoorService:
    """On the platform table, or on one whose client waits otherwise."""
    return DoorService(
        invitations=invitations_in(table or platform_table()),
        seats=seats,
        stamp=stamp(),
        report=_report,
    )


def _report(what: str, tenant_id: str) -> None:
    logger.warning(what, tenant_id=tenant_id)

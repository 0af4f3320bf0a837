"""Wires the licences context."""

from functools import cache

from tenantry.bootstrap import platform_table, stamp
from tenantry.licenses.dynamodb import DynamoDBLicenseRepository
from tenantry.licenses.service import LicenseReminders, LicenseService
from tenantry.organizations.bootstrap import access
from tenantry.runtime.observability import left_aside
from tenantry.tenancy.caller import Caller


@cache
def license_service() -> LicenseService:
    return LicenseService(
        licenses=DynamoDBLicenseRepository(platform_table()),
        access=access(),
        operators=_Operators(),
        stamp=stamp(),
    )


@cache
def license_reminders() -> LicenseReminders:
    return LicenseReminders(DynamoDBLicenseRepository(platform_table()), stamp(), left_aside)


class _Operators:
    """The identity context's operators; what operators do is rare, so it is imported then."""

    def require_active(self, caller: Caller) -> None:
        from tenantry.identity.bootstrap.operators import operator_standing

        operator_standing().require_active(caller)

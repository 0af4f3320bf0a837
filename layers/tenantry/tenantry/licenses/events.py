"""What happens to licences: ids, dates, and why. Who the contact is, stays on the licence.

`reason` is in the operator's own words: licences are the vendor's to give, and no support session
tells of them.
"""

from datetime import date
from typing import ClassVar

from tenantry.messaging.event import EventData


class _LicensesEvent(EventData):
    context: ClassVar[str] = "licenses"

    organization_id: str
    license_id: str
    enterprise_id: str
    product_id: str
    service_id: str
    start_date: date
    end_date: date
    """The last day, in the contact's time zone."""


class LicenseCreated(_LicensesEvent):
    type: ClassVar[str] = "LicenseCreated"

    reason: str | None = None


class LicenseRenewed(_LicensesEvent):
    """`end_date` is the new one."""

    type: ClassVar[str] = "LicenseRenewed"

    previous_end_date: date
    reason: str | None = None


class LicenseRevoked(_LicensesEvent):
    """The entitlement ends at once, whatever `end_date` says."""

    type: ClassVar[str] = "LicenseRevoked"

    reason: str


class LicenseExpiring(_LicensesEvent):
    """The licence's last day is `days` days away."""

    type: ClassVar[str] = "LicenseExpiring"

    days: int


class LicenseLapsed(_LicensesEvent):
    """The licence has ended; the entitlement ended by its dates, whenever this was noticed."""

    type: ClassVar[str] = "LicenseLapsed"

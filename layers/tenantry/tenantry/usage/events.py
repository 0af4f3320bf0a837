"""What is told of an organisation's usage."""

from typing import ClassVar

from tenantry.messaging.event import EventData
from tenantry.organizations.counters import Kind


class _UsageEvent(EventData):
    context: ClassVar[str] = "usage"

    organization_id: str


class UsageWarning(_UsageEvent):
    """So many percent of a limit are used: 80, or 100 when it is used up.

    Once for a threshold, a limit and, of API calls, a month; again after UsageWarningCleared.
    """

    type: ClassVar[str] = "UsageWarning"

    kind: Kind
    percent: int
    used: int
    limit: int
    period: str | None = None
    """The month, of API calls."""


class UsageWarningCleared(_UsageEvent):
    """Less than `percent` of the limit are used again."""

    type: ClassVar[str] = "UsageWarningCleared"

    kind: Kind
    percent: int
    used: int
    limit: int
    period: str | None = None


class CounterDrifted(_UsageEvent):
    """A counter did not equal the rows it counts, and was repaired: what guards a limit failed."""

    type: ClassVar[str] = "CounterDrifted"

    counter: str
    counted: int
    rows: int

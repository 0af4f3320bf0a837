"""Events carry on the lead they were given, or begin one."""

from datetime import UTC, datetime
from typing import ClassVar

from tenantry.messaging.event import EventData
from tenantry.messaging.stamp import Cause, Stamp


class Swept(EventData):
    type: ClassVar[str] = "Swept"
    context: ClassVar[str] = "things"

    organization_id: str


STAMP = Stamp(lambda: datetime(2026, 1, 1, tzinfo=UTC), lambda: "new-id")


def test_what_a_request_led_to_carries_its_correlation_id() -> None:
    event = STAMP.event(Swept(organization_id="acme"), Cause(correlation_id="asked"))
    assert event.correlation_id == "asked"


def test_what_no_request_led_to_leads_itself() -> None:
    event = STAMP.event(Swept(organization_id="acme"), Cause())
    assert (event.id, event.correlation_id) == ("new-id", "new-id")
    again = STAMP.event(Swept(organization_id="acme"), Cause(), "derived")
    assert again.correlation_id == "derived"

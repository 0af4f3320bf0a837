"""Ports: where licences are kept, and who is an operator."""

from datetime import datetime
from typing import Protocol

from tenantry.licenses.model import License, ServiceLedger
from tenantry.messaging.event import Event
from tenantry.tenancy.caller import Caller


class Operators(Protocol):
    def require_active(self, caller: Caller) -> None:
        """Return for an operator who is not suspended; ForbiddenError otherwise."""


class LicenseRepository(Protocol):
    def ledger(self, tenant_id: str, service_id: str) -> ServiceLedger | None:
        """The days held of a service, strongly consistent; None when no organisation is there."""

    def get(self, tenant_id: str, license_id: str) -> License | None:
        """The licence, strongly consistent."""

    def create(
        self, license_: License, before: ServiceLedger, after: ServiceLedger, event: Event
    ) -> None:
        """Store a licence and its days, both or none; ConflictError when the ledger moved on."""

    def change(
        self,
        before: License,
        after: License,
        ledger: tuple[ServiceLedger, ServiceLedger],
        event: Event,
    ) -> None:
        """Store the next version of a licence and of its days, both or none; ConflictError when
        either moved on.
        """

    def notice(self, before: License, after: License, event: Event) -> None:
        """Store the next version, whose days stay; ConflictError when the licence moved on."""

    def page(
        self, tenant_id: str, limit: int, after: str | None
    ) -> tuple[list[License], str | None]:
        """Up to `limit` licences after the licence `after`, oldest first, and the one to go on
        after; None at the end.
        """

    def due(
        self, shard: int, now: datetime, limit: int, after: str | None
    ) -> tuple[list[tuple[str, str]], str | None]:
        """Organisation and id of licences of a shard of which something was to be told by now.

        With them, where to go on; None at the end. Some may have been dealt with a moment ago.
        """


SHARDS = 8
"""Parts that what is due lies in."""


def shard_of(license_id: str) -> int:
    """The part of a licence: the same for the same licence."""
    return sum(license_id.encode()) % SHARDS

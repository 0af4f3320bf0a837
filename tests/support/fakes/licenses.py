"""Licences in memory, behind the same port as DynamoDB's adapter."""

from dataclasses import dataclass, field
from datetime import datetime

from tenantry.errors import ConflictError
from tenantry.licenses.model import License, ServiceLedger
from tenantry.licenses.repository import shard_of
from tenantry.messaging.event import Event


@dataclass
class InMemoryLicenses:
    tenants: set[str] = field(default_factory=set)
    """Organisations that are there."""
    licenses: dict[tuple[str, str], License] = field(default_factory=dict)
    ledgers: dict[tuple[str, str], ServiceLedger] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def ledger(self, tenant_id: str, service_id: str) -> ServiceLedger | None:
        if tenant_id not in self.tenants:
            return None
        empty = ServiceLedger(tenant_id=tenant_id, service_id=service_id)
        return self.ledgers.get((tenant_id, service_id), empty)

    def get(self, tenant_id: str, license_id: str) -> License | None:
        return self.licenses.get((tenant_id, license_id))

    def create(
        self, license_: License, before: ServiceLedger, after: ServiceLedger, event: Event
    ) -> None:
        self._both(None, license_, before, after, event)

    def change(
        self,
        before: License,
        after: License,
        ledger: tuple[ServiceLedger, ServiceLedger],
        event: Event,
    ) -> None:
        self._both(before, after, *ledger, event)

    def notice(self, before: License, after: License, event: Event) -> None:
        if self.get(before.tenant_id, before.license_id) != before:
            raise ConflictError(before.license_id)
        self.licenses[before.tenant_id, before.license_id] = after
        self.events.append(event)

    def page(
        self, tenant_id: str, limit: int, after: str | None
    ) -> tuple[list[License], str | None]:
        own = sorted(
            (each for (tenant, _), each in self.licenses.items() if tenant == tenant_id),
            key=lambda each: each.license_id,
        )
        left = [each for each in own if after is None or each.license_id > after]
        page = left[:limit]
        return page, page[-1].license_id if len(left) > limit else None

    def due(
        self, shard: int, now: datetime, limit: int, after: str | None
    ) -> tuple[list[tuple[str, str]], str | None]:
        found = sorted(
            f"{notice.at.isoformat()}#{each.tenant_id}#{each.license_id}"
            for each in self.licenses.values()
            if (notice := each.next_notice)
            and notice.at <= now
            and shard_of(each.license_id) == shard
        )
        left = [place for place in found if after is None or place > after]
        page = [(place.split("#")[1], place.split("#")[2]) for place in left[:limit]]
        return page, left[limit - 1] if len(left) > limit else None

    def _both(
        self,
        before: License | None,
        after: License,
        was: ServiceLedger,
        is_: ServiceLedger,
        event: Event,
    ) -> None:
        where = after.tenant_id, after.license_id
        service = after.tenant_id, after.service_id
        if self.licenses.get(where) != before or self.ledger(*service) != was:
            raise ConflictError(after.license_id)
        self.licenses[where] = after
        self.ledgers[service] = is_
        self.events.append(event)

"""Sealing in memory, behind the same ports as the adapters."""

from dataclasses import dataclass, field
from datetime import date


@dataclass
class InMemoryOrganizations:
    known: dict[str, date] = field(default_factory=dict)

    def add(self, tenant_id: str, since: date) -> None:
        self.known.setdefault(tenant_id, since)

    def since(self, tenant_id: str) -> date | None:
        return self.known.get(tenant_id)

    def page(self, after: str | None, limit: int) -> tuple[list[str], str | None]:
        left = [name for name in sorted(self.known) if after is None or name > after]
        return left[:limit], left[limit - 1] if len(left) > limit else None

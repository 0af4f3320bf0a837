"""The audit log in memory, behind the same ports as DynamoDB's adapters."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from tenantry.audit.model import Entry, Span


@dataclass
class InMemoryAudit:
    entries: dict[tuple[str | None, str], Entry] = field(default_factory=dict)
    queries: int = 0

    def add(self, entry: Entry) -> bool:
        where = entry.tenant_id, entry.position
        is_new = where not in self.entries
        self.entries.setdefault(where, entry)
        return is_new

    def month(
        self, tenant_id: str, month: str, span: Span, limit: int, *, oldest_first: bool = False
    ) -> list[Entry]:
        within = self._within(tenant_id, span, oldest_first=oldest_first)
        return [entry for entry in within if entry.month == month][:limit]

    def narrowed(
        self,
        tenant_id: str,
        by: str,
        value: str,
        span: Span,
        limit: int,
        *,
        oldest_first: bool = False,
    ) -> list[Entry]:
        found = []
        for entry in self._within(tenant_id, span, oldest_first=oldest_first):
            named = {"actor_id": entry.actor.id, "type": entry.type, "entity_id": entry.entity_id}
            if named[by] == value:
                found.append(entry)
        return found[:limit]

    def _within(self, tenant_id: str, span: Span, *, oldest_first: bool) -> list[Entry]:
        self.queries += 1
        return sorted(
            (
                entry
                for (owner, position), entry in self.entries.items()
                if owner == tenant_id and span.oldest <= position < span.below
            ),
            key=lambda entry: entry.position,
            reverse=not oldest_first,
        )


@dataclass
class KnownNames:
    names: dict[str, str] = field(default_factory=dict)

    def of(self, user_ids: Collection[str]) -> Mapping[str, str]:
        return {user: self.names[user] for user in user_ids if user in self.names}

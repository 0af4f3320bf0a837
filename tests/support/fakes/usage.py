"""Usage in memory, behind the same ports as DynamoDB's adapters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from tenantry.errors import ConflictError
from tenantry.messaging.event import Event
from tenantry.organizations.model import Organization
from tenantry.usage.model import Counted, Progress, UsageLedger

_PARTS = "0123456789"


@dataclass
class InMemoryRegister:
    tenants: set[str] = field(default_factory=set)

    def page(self, after: str | None, limit: int) -> tuple[list[str], str | None]:
        """In parts, by the last letter; a part may hold nobody."""
        part, _, last = (after or _PARTS[0]).partition("#")
        left = sorted(t for t in self.tenants if t[-1] == part and t > last)
        if len(left) > limit:
            return left[:limit], f"{part}#{left[limit - 1]}"
        following = _PARTS[_PARTS.index(part) + 1 :][:1]
        return left, following or None


@dataclass
class InMemoryProgress:
    stored: dict[str, Progress] = field(default_factory=dict)

    def read(self, name: str) -> Progress:
        return self.stored.get(name, Progress(name=name))

    def save(self, progress: Progress) -> None:
        if self.read(progress.name).entity_version != progress.entity_version - 1:
            raise ConflictError(progress.name)
        self.stored[progress.name] = progress


@dataclass
class InMemoryUsage:
    organizations: dict[str, Organization] = field(default_factory=dict)
    ledgers: dict[str, UsageLedger] = field(default_factory=dict)
    counters: dict[tuple[str, str], Counted] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    """Organisations whose items break their schema."""

    def read(
        self, tenant_ids: Sequence[str]
    ) -> Mapping[str, tuple[Organization, UsageLedger] | None]:
        return {
            tenant: None if tenant in self.broken else (found, self.ledger(tenant))
            for tenant in tenant_ids
            if (found := self.organizations.get(tenant))
        }

    def tell(self, before: UsageLedger, after: UsageLedger, events: Sequence[Event]) -> None:
        if self.ledger(before.tenant_id) != before:
            raise ConflictError(before.tenant_id)
        self.ledgers[after.tenant_id] = after
        self.events += events

    def counted(self, tenant_id: str, counter: str) -> Counted | None:
        if tenant_id not in self.organizations:
            return None
        return self.counters.get((tenant_id, counter), Counted(None, None))

    def ledger(self, tenant_id: str) -> UsageLedger:
        return self.ledgers.get(tenant_id, UsageLedger(tenant_id=tenant_id))

    def repair(
        self,
        counter: str,
        seen: Counted,
        rows: int,
        ledgers: tuple[UsageLedger, UsageLedger],
        event: Event,
    ) -> None:
        before, after = ledgers
        if self.counted(after.tenant_id, counter) != seen:
            raise ConflictError(after.tenant_id)
        self.tell(before, after, [event])
        self.counters[after.tenant_id, counter] = Counted(rows, seen.moves)

    def move(self, tenant_id: str, counter: str, by: int) -> None:
        """As a transaction of the counter's owner does."""
        now = self.counters.get((tenant_id, counter), Counted(0, 0))
        moved = Counted((now.value or 0) + by, (now.moves or 0) + 1)
        self.counters[tenant_id, counter] = moved


@dataclass
class FakeRows:
    """Rows of `used_users` by organisation; `meanwhile` happens whenever they are read."""

    found: dict[str, int] = field(default_factory=dict)
    meanwhile: Callable[[str], None] = lambda _tenant: None
    counter: str = "used_users"
    settles: timedelta = timedelta()

    def rows(self, tenant_id: str) -> int:
        rows = self.found.get(tenant_id, 0)
        self.meanwhile(tenant_id)
        return rows

"""Adapters of retention: entries with their end, how far they have one, and organisations' plans.

ORG#<id>#AUDIT    RETENTION   up to which position entries have an end, and when each end comes
AUDIT#RETENTION   PROGRESS    where the round through all organisations stands
"""

from datetime import datetime
from typing import Any

from tenantry.audit.model import Entry, Span, read_entry
from tenantry.audit.retention import Marks, Progress
from tenantry.errors import CorruptDataError
from tenantry.persistence.items import Item
from tenantry.persistence.keys import Key, key, organization_key, organization_pk
from tenantry.persistence.table import Table

_PROGRESS = key("AUDIT#RETENTION", "PROGRESS")


class DynamoDBRetentionLog:
    """Entries are never changed but for their end, and by the sweep alone: so they are put whole.

    One that was purged just then comes back with its end, and goes again.
    """

    def __init__(self, table: Table, platform: Table) -> None:
        self._table = table
        self._organizations = platform

    def marks(self, tenant_id: str) -> Marks:
        item = self._table.get(_mark_key(tenant_id))
        if item is None:
            return Marks()
        try:
            ends = tuple(
                (datetime.fromisoformat(each["at"]), str(each["through"])) for each in item["ends"]
            )
            return Marks(str(item["through"]), item.get("gone"), ends)
        except (LookupError, TypeError, ValueError) as error:
            raise CorruptDataError("how far entries have an end cannot be read") from error

    def mark(self, tenant_id: str, entries: list[Entry], purge_at: datetime, marks: Marks) -> None:
        for item in self._items(tenant_id, entries):
            self._table.put({**item, "purge_at": int(purge_at.timestamp())})
        self._note(tenant_id, marks)

    def keep(self, tenant_id: str, entries: list[Entry], marks: Marks) -> None:
        for item in self._items(tenant_id, entries):
            self._table.put({name: value for name, value in item.items() if name != "purge_at"})
        self._note(tenant_id, marks)

    def read(
        self, tenant_id: str, month: str, span: Span, limit: int, *, newest_first: bool = False
    ) -> list[Entry]:
        pk = organization_pk(tenant_id, "AUDIT", month)
        items, start = list[Item](), None
        while len(items) < limit:
            page = self._table.query(
                pk,
                between=span.bounds,
                limit=limit - len(items),
                start=start,
                newest_first=newest_first,
            )
            items += page.items
            start = page.next_key
            if start is None:
                break
        return [read_entry(item) for item in items]

    def first_month(self, tenant_id: str) -> str | None:
        item = self._organizations.get(organization_key(tenant_id))
        return str(item["created_at"])[:7] if item else None

    def progress(self) -> Progress:
        item = self._table.get(_PROGRESS)
        if item is None:
            return Progress()
        return Progress(
            datetime.fromisoformat(item["begun_at"]), item.get("after"), bool(item["is_under_way"])
        )

    def save(self, progress: Progress) -> None:
        stored: dict[str, Any] = {
            "begun_at": progress.begun_at.isoformat() if progress.begun_at else None,
            "after": progress.after,
            "is_under_way": progress.is_under_way,
        }
        self._table.put({**_PROGRESS, **stored})

    def _note(self, tenant_id: str, marks: Marks) -> None:
        ends = [{"at": end.isoformat(), "through": position} for end, position in marks.ends]
        noted = {"through": marks.through, "gone": marks.gone, "ends": ends}
        self._table.put({**_mark_key(tenant_id), **noted})

    def _items(self, tenant_id: str, entries: list[Entry]) -> list[Item]:
        keys = [
            key(organization_pk(tenant_id, "AUDIT", entry.month), entry.position)
            for entry in entries
        ]
        return [item for item in self._table.get_all(keys) if item] if keys else []


class DynamoDBPlans:
    def __init__(self, table: Table) -> None:
        self._table = table

    def of(self, tenant_id: str) -> str | None:
        item = self._table.get(organization_key(tenant_id))
        return str(item["plan"]) if item and "plan" in item else None


def _mark_key(tenant_id: str) -> Key:
    return key(organization_pk(tenant_id, "AUDIT"), "RETENTION")

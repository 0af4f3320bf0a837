"""Adapters: the audit table, and people's names in the platform table.

ORG#<id>#AUDIT#<yyyy-mm>    <occurred_at>#<event id>
USER#<id>#AUDIT#<yyyy-mm>   the same, for what happens to a user outside of any organisation
ORG#<id>#LATE#<yyyy-mm-dd>  the same, pointing to a late entry that joins the seal of that day
GSI1 ORG#<id>#ACTOR#<id>, GSI2 ORG#<id>#TYPE#<type>, GSI3 ORG#<id>#ENTITY#<id>, same sort key
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

from tenantry.audit.model import Damaged, Entry, Found, Span, entry_at, is_place
from tenantry.persistence.items import Item
from tenantry.persistence.keys import key, organization_pk, part, profile_key, user_pk
from tenantry.persistence.table import Table

LATE_KEPT = timedelta(days=400)
"""Of pointers to late entries: far longer than sealing can be held up."""
_INDEXES = {
    "actor_id": ("GSI1", "ACTOR"),
    "type": ("GSI2", "TYPE"),
    "entity_id": ("GSI3", "ENTITY"),
}


class DynamoDBAuditLog:
    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, entry: Entry) -> bool:
        """One conditional write of an item that has no `events`, so nothing is told again.

        Before it, of a late entry, the pointer that its seal finds it by: one without an entry,
        or to one that belongs to another day, is passed over.
        """
        item = _item(entry)
        if entry.tenant_id and entry.recorded_at and entry.is_late:
            self._table.put(_late_item(entry.tenant_id, entry.recorded_at, entry, item["PK"]))
        return self._table.add(item)


class DynamoDBActivityRepository:
    """`table_of` answers the audit table under the tenant's own credentials.

    `report` is told, with the organisation, of what is damaged.
    """

    def __init__(
        self,
        table_of: Callable[[str], Table],
        report: Callable[[str, str], None] = lambda _what, _tenant_id: None,
    ) -> None:
        self._table_of = table_of
        self._report = report

    def month(
        self, tenant_id: str, month: str, span: Span, limit: int, *, oldest_first: bool = False
    ) -> list[Found]:
        pk = organization_pk(tenant_id, "AUDIT", month)
        return self._read(tenant_id, pk, span, limit, None, oldest_first=oldest_first)

    def narrowed(
        self,
        tenant_id: str,
        by: str,
        value: str,
        span: Span,
        limit: int,
        *,
        oldest_first: bool = False,
    ) -> list[Found]:
        index, kind = _INDEXES[by]
        pk = organization_pk(tenant_id, kind, value)
        return self._read(tenant_id, pk, span, limit, index, oldest_first=oldest_first)

    def _read(
        self,
        tenant_id: str,
        pk: str,
        span: Span,
        limit: int,
        index: str | None,
        *,
        oldest_first: bool,
    ) -> list[Found]:
        table, items, start = self._table_of(tenant_id), list[Item](), None
        while len(items) < limit:
            page = table.query(
                pk,
                index=index,
                between=span.bounds,
                limit=limit - len(items),
                start=start,
                newest_first=not oldest_first,
            )
            # What lies at no entry's place has no position to go on from.
            items += [item for item in page.items if self._has_place(item, tenant_id)]
            start = page.next_key
            if start is None:
                break
        return [self._entry(item, tenant_id) for item in items]

    def _has_place(self, item: Item, tenant_id: str) -> bool:
        if is_place(item, tenant_id):
            return True
        self._tell(item, tenant_id)
        return False

    def _entry(self, item: Item, tenant_id: str) -> Found:
        found = entry_at(item, tenant_id)
        if isinstance(found, Damaged):
            self._tell(item, tenant_id)
        return found

    def _tell(self, item: Item, tenant_id: str) -> None:
        what = f"an entry of the audit cannot be read, and is not shown: {item['SK']}"
        self._report(what, tenant_id)


class DynamoDBPeopleNames:
    def __init__(self, table: Table) -> None:
        self._table = table

    def of(self, user_ids: Collection[str]) -> Mapping[str, str]:
        """One BatchGetItem: a page has at most 100 entries."""
        ordered = sorted(user_ids)
        profiles = self._table.get_all([profile_key(user_id) for user_id in ordered])
        named = zip(ordered, profiles, strict=True)
        return {user: str(item["name"]) for user, item in named if item and item.get("name")}


def _item(entry: Entry) -> Item:
    owner = organization_pk(entry.tenant_id) if entry.tenant_id else user_pk(entry.entity_id)
    part(entry.entity_type)  # ledgers of versions are found by it
    chosen = {"actor_id": entry.actor.id, "type": entry.type, "entity_id": entry.entity_id}
    item: Item = entry.model_dump(mode="json", exclude_none=True)
    item |= {"PK": f"{owner}#AUDIT#{entry.month}", "SK": entry.position}
    for by, (index, kind) in _INDEXES.items():
        item |= {f"{index}PK": f"{owner}#{kind}#{part(chosen[by])}", f"{index}SK": entry.position}
    return item


def _late_item(tenant_id: str, recorded_at: datetime, entry: Entry, pk: str) -> Item:
    """The pointer to an entry that joins the seal of a later day than its own."""
    return {
        **key(organization_pk(tenant_id, "LATE", entry.seal_day.isoformat()), entry.position),
        "of": pk,
        "purge_at": int((recorded_at + LATE_KEPT).timestamp()),
    }

"""Adapters: the chains of seals, in the audit table.

ORG#<id>#SEALS            POSITION                 where sealing stands
ORG#<id>#SEALS            SEAL#<yyyy-mm-dd>#<part> a seal that was made
ORG#<id>#LATE#<day>       <position>               an entry that joins the seal of that day
AUDIT#ORGANIZATIONS#<x>   <id>                     that the organisation has a log, and since when
AUDIT#ROUND               ROUND                    how far the latest day's tasks have been sent
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from pydantic import ValidationError

from tenantry.audit.seal_repository import SealRecord
from tenantry.audit.seals import Position, Statement, Stored, stored_seal_day
from tenantry.errors import CorruptDataError, InvalidInputError
from tenantry.persistence.items import Item
from tenantry.persistence.keys import Key, key, organization_pk, part
from tenantry.persistence.table import ConditionFailedError, Page, Table
from tenantry.persistence.writes import Change, Create

_SHARDS = "0123456789abcdef"
_PAGE = 100
_POSITION = "POSITION"
_ROUND: Key = {"PK": "AUDIT#ROUND", "SK": "ROUND"}


class DynamoDBSeals:
    """Reads how far an organisation is sealed."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def sealed_through(self, tenant_id: str) -> date | None:
        return _position(tenant_id, self._table.get(_position_key(tenant_id))).through


class DynamoDBSealedOrganizations:
    """In sixteen partitions, so that no single one takes every organisation's first event."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, tenant_id: str, since: date) -> None:
        self._table.add({**_organization_key(tenant_id), "since": since.isoformat()})

    def since(self, tenant_id: str) -> date | None:
        item = self._table.get(_organization_key(tenant_id))
        return date.fromisoformat(item["since"]) if item else None

    def page(self, after: str | None, limit: int) -> tuple[list[str], str | None]:
        shard, _, last = (after or _SHARDS[0]).partition("#")
        start = key(_shard_pk(shard), last) if last else None
        page = self._table.query(_shard_pk(shard), limit=limit, start=start)
        found = [str(item["SK"]) for item in page.items]
        if page.next_key:
            return found, f"{shard}#{page.next_key['SK']}"
        following = _SHARDS[_SHARDS.index(shard) + 1 :][:1]
        return found, following or None


class DynamoDBRounds:
    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self) -> tuple[date | None, str | None, bool]:
        item = self._table.get(_ROUND)
        if item is None:
            return None, None, False
        return date.fromisoformat(item["day"]), item.get("after"), "after" not in item

    def save(self, day: date, after: str | None) -> None:
        self._table.put({**_ROUND, "day": day.isoformat(), "after": after})


class DynamoDBChains:
    def __init__(self, table: Table) -> None:
        self._table = table

    def position(self, tenant_id: str) -> Position:
        return _position(tenant_id, self._table.get(_position_key(tenant_id)))

    def entries(self, tenant_id: str, day: date, after: str | None, limit: int) -> list[Stored]:
        found: list[Stored] = []
        if after is None or after < day.isoformat():
            for entry in self._late(tenant_id, day, after):
                found.append(entry)
                if len(found) == limit:
                    return found
        for item in self._occurred(tenant_id, day, after):
            if _joins(item) in (day, None):
                found.append(item)
                if len(found) == limit:
                    break
        return found

    def occurred(self, tenant_id: str, day: date, after: str | None, limit: int) -> list[Stored]:
        found: list[Stored] = []
        for item in self._occurred(tenant_id, day, after):
            found.append(item)
            if len(found) == limit:
                break
        return found

    def stored(self, entries: Sequence[Stored]) -> list[Stored | None]:
        return list(self._table.get_all([key(entry["PK"], entry["SK"]) for entry in entries]))

    def commit(self, before: Position, after: Position, record: SealRecord) -> bool:
        """Two conditional writes in one transaction: of two sealers at once, one goes on."""
        try:
            self._table.transact(
                (_move(before, after), Create(_seal_key(record.statement), _record_item(record)))
            )
        except ConditionFailedError:
            return False
        return True

    def move(self, before: Position, after: Position) -> bool:
        try:
            self._table.write(_move(before, after))
        except ConditionFailedError:
            return False
        return True

    def records(
        self, tenant_id: str, day: date, part: int, through: date, limit: int
    ) -> list[SealRecord]:
        between = f"SEAL#{day.isoformat()}#{part:04}", f"SEAL#{through.isoformat()}#~"
        pages = self._pages(organization_pk(tenant_id, "SEALS"), between, limit)
        found = [_record(item) for item in _first(pages, limit)]
        return [record for record in found if record]

    def before(self, tenant_id: str, day: date) -> SealRecord | None:
        page = self._table.query(
            organization_pk(tenant_id, "SEALS"),
            between=("SEAL#", f"SEAL#{day.isoformat()}"),
            limit=1,
            newest_first=True,
        )
        return _record(page.items[0]) if page.items else None

    def _late(self, tenant_id: str, day: date, after: str | None) -> Iterator[Stored]:
        """Late entries that joined `day`: a pointer alone says nothing, the entry decides.

        One that points out of the organisation's log is passed over, unread.
        """
        between = _after(after), "~"
        for page in self._pages(organization_pk(tenant_id, "LATE", day.isoformat()), between):
            places = [(i.get("of"), i["SK"]) for i in page.items]
            own = [key(pk, sk) for pk, sk in places if pk == _month_pk(tenant_id, sk)]
            for entry in self._table.get_all(own):
                if entry is not None and _joins(entry) in (day, None):
                    yield entry

    def _occurred(self, tenant_id: str, day: date, after: str | None) -> Iterator[Item]:
        between = max(day.isoformat(), _after(after)), f"{day.isoformat()}~"
        pk = _month_pk(tenant_id, day.isoformat())
        if between[0] > between[1]:
            return
        for page in self._pages(pk, between, 1000):
            yield from page.items

    def _pages(self, pk: str, between: tuple[str, str], limit: int = _PAGE) -> Iterator[Page]:
        start: Key | None = None
        while True:
            page = self._table.query(pk, between=between, limit=limit, start=start)
            yield page
            start = page.next_key
            if start is None:
                return


def _first(pages: Iterator[Page], limit: int) -> list[Item]:
    found: list[Item] = []
    for page in pages:
        found += page.items
        if len(found) >= limit:
            break
    return found[:limit]


def _joins(entry: Stored) -> date | None:
    """The day whose seal an entry belongs to; None when it does not say."""
    try:
        return stored_seal_day(entry)
    except CorruptDataError:
        return None


def _after(position: str | None) -> str:
    """The least sort key past `position`: `!` stands before whatever an id may hold."""
    return f"{position}!" if position else "0"


def _month_pk(tenant_id: str, position: str) -> str:
    """Where an entry of that position lies."""
    return f"{organization_pk(tenant_id, 'AUDIT')}#{position[:7]}"


def _position_key(tenant_id: str) -> Key:
    return key(organization_pk(tenant_id, "SEALS"), _POSITION)


def _seal_key(said: Statement) -> Key:
    sk = f"SEAL#{said.day.isoformat()}#{said.part:04}"
    return key(organization_pk(said.tenant_id, "SEALS"), sk)


def _organization_key(tenant_id: str) -> Key:
    shard = hashlib.sha256(tenant_id.encode()).hexdigest()[0]
    return key(_shard_pk(shard), part(tenant_id))


def _shard_pk(shard: str) -> str:
    return f"AUDIT#ORGANIZATIONS#{part(shard)}"


def _move(before: Position, after: Position) -> Create | Change:
    where = _position_key(before.tenant_id)
    values: dict[str, Any] = after.model_dump(mode="json", exclude={"version"})
    if before.version == 0:
        return Create(where, values)
    return Change(where, before.version, values, ())


def _position(tenant_id: str, item: Item | None) -> Position:
    if item is None:
        return Position(tenant_id=tenant_id)
    try:
        return Position.model_validate({**item, "version": item["entity_version"]})
    except (ValidationError, KeyError) as error:
        raise CorruptDataError("where sealing stands cannot be read") from error


def _record_item(record: SealRecord) -> Item:
    return {"statement": record.statement.model_dump(mode="json"), "place": record.place}


def _record(item: Item) -> SealRecord | None:
    """A record that cannot be read, or is not in the form and the place that records are written
    in, is as good as none: the bucket knows its seal.
    """
    try:
        record = SealRecord(Statement.model_validate(item["statement"]), str(item["place"]))
        as_written = {**_seal_key(record.statement), **_record_item(record)}
    except (ValidationError, KeyError, InvalidInputError):
        return None
    return record if all(item.get(name) == value for name, value in as_written.items()) else None

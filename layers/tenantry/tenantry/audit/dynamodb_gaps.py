"""Adapters: ledgers of versions in the audit table; gaps, and entities as they are, elsewhere.

ORG#<id>#VERSIONS#<entity type>  <entity id>        the entity's ledger (audit table)
ORG#<id>                         AUDIT_GAP#<gap id> a gap, which tells events (platform table)
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from pydantic import TypeAdapter, ValidationError

from tenantry.audit.completeness import LOOKED_AT, Gap, Ledger, Name
from tenantry.audit.model import Entry
from tenantry.errors import CorruptDataError
from tenantry.messaging.changes import stamped
from tenantry.messaging.event import Envelope, Event
from tenantry.persistence.items import Item
from tenantry.persistence.keys import Key, key, organization_pk, part
from tenantry.persistence.table import ConditionFailedError, Table
from tenantry.persistence.writes import Change, Create

REPAIRED_KEPT = timedelta(days=90)
_OPEN = "OPEN"
_REPAIRED = "REPAIRED"
_WORDS = re.compile(r"(?<!^)(?=[A-Z])")


class DynamoDBLedgers:
    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, tenant_id: str, names: Sequence[Name]) -> Mapping[Name, tuple[Ledger, int]]:
        found = self._table.get_all([_ledger_key(tenant_id, name) for name in names])
        ledgers = zip(names, map(_ledger, found), strict=True)
        return {name: ledger for name, ledger in ledgers if ledger}

    def save(self, tenant_id: str, name: Name, ledger: Ledger, version: int) -> bool:
        where = _ledger_key(tenant_id, name)
        values = ledger.model_dump(mode="json")
        write = Change(where, version, values, ()) if version else Create(where, values)
        try:
            self._table.write(write)
        except ConditionFailedError:
            return False
        return True


class DynamoDBGaps:
    """In the platform table, whose stream tells their events as any entity's."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def open(self, gap: Gap, found: Event) -> bool:
        attributes = {
            "entity_type": "AuditGap",
            "entity_id": gap.id,
            "tenant_id": gap.tenant_id,
            "status": _OPEN,
            "created_at": found.occurred_at.isoformat(),
            "gap": {
                "entity_type": gap.entity_type,
                "entity_id": gap.entity_id,
                "version": gap.version,
                "life": gap.life.isoformat(),
                "not_before": gap.not_before.isoformat(),
                "not_after": gap.not_after.isoformat(),
            },
        }
        try:
            self._table.write(Create(_gap_key(gap), attributes, (found,)))
        except ConditionFailedError:
            return False
        return True

    def still_open(self, tenant_id: str, limit: int) -> list[Gap]:
        """A page or more: repaired ones lie among them until they are purged."""
        gaps: list[Gap] = []
        start: Key | None = None
        while len(gaps) < limit:
            page = self._table.query(
                organization_pk(tenant_id), prefix="AUDIT_GAP#", limit=limit, start=start
            )
            gaps += [_gap(tenant_id, item) for item in page.items if item.get("status") == _OPEN]
            start = page.next_key
            if start is None:
                break
        return gaps[:limit]

    def close(self, gap: Gap, repaired: Event) -> None:
        purge_at = int((repaired.occurred_at + REPAIRED_KEPT).timestamp())
        values = {"status": _REPAIRED, "purge_at": purge_at}
        try:
            self._table.write(
                Change(_gap_key(gap), 1, values, (repaired,), require={"status": _OPEN})
            )
        except ConditionFailedError:
            return


class DynamoDBLatest:
    """`report` is told, with the organisation, of an entity whose events cannot be read."""

    def __init__(self, platform: Table, audit: Table, report: Callable[[str, str], None]) -> None:
        self._platform = platform
        self._audit = audit
        self._report = report

    def told(self, tenant_id: str, after: str | None) -> tuple[list[list[Envelope]], str | None]:
        """One Query of its partition; where its account is told of there, a BatchGetItem too."""
        pk = organization_pk(tenant_id)
        start = key(pk, after) if after else None
        page = self._platform.query(pk, limit=LOOKED_AT, start=start)
        elsewhere = [f"ACCOUNT#{part(str(i['account_id']))}" for i in page.items if _names(i)]
        accounts = self._platform.get_all([key(a, "ACCOUNT") for a in elsewhere])
        items = [*page.items, *(each for each in accounts if each)]
        told = [self._events(tenant_id, item) for item in items if item.get("events")]
        return told, page.next_key["SK"] if page.next_key else None

    def recorded(self, tenant_id: str, events: Sequence[Envelope]) -> set[str]:
        """One BatchGetItem for each 100."""
        entries = [Entry.of(event) for event in events]
        places = [key(organization_pk(tenant_id, "AUDIT", e.month), e.position) for e in entries]
        found = self._audit.get_all(places)
        return {e.event_id for e, item in zip(entries, found, strict=True) if item}

    def _events(self, tenant_id: str, item: Item) -> list[Envelope]:
        """Of an item that says of itself that it belongs to the organisation."""
        try:
            told = stamped(item)
        except CorruptDataError:
            self._report(f"an entity's events cannot be read: {item['SK']}", tenant_id)
            return []
        return [event for event in told if event.tenant_id == tenant_id]


def _names(item: Item) -> bool:
    """Whether an item of an organisation says which account is its own."""
    return item.get("entity_type") == "AccountReservation" and bool(item.get("account_id"))


class DynamoDBItems:
    """Entities of an organisation in the platform table, where their type says where they lie.

    In its partition, `ORGANIZATION`, `MEMBER#<id>` and so on, or in one of their own, as an
    account does; others are found in the archive alone.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def events(self, gap: Gap) -> list[Envelope]:
        pk, kind = organization_pk(gap.tenant_id), _WORDS.sub("_", gap.entity_type).upper()
        own = f"{kind}#{part(gap.entity_id)}"
        for item in self._table.get_all([key(pk, kind), key(pk, own), key(own, kind)]):
            if item and _is_version(item, gap):
                return _envelopes(gap, item)
        return []


def _is_version(item: Item, gap: Gap) -> bool:
    named = ("tenant_id", "entity_type", "entity_id", "entity_version")
    wanted = (gap.tenant_id, gap.entity_type, gap.entity_id, gap.version)
    return tuple(item.get(name) for name in named) == wanted


def _envelopes(gap: Gap, item: Item) -> list[Envelope]:
    try:
        return [
            Envelope(
                **event,
                tenant_id=gap.tenant_id,
                entity_type=gap.entity_type,
                entity_id=gap.entity_id,
                entity_version=gap.version,
            )
            for event in item.get("events", [])
        ]
    except (ValidationError, TypeError):
        return []  # the archive has them as they were told


def _ledger_key(tenant_id: str, name: Name) -> Key:
    return key(organization_pk(tenant_id, "VERSIONS", name.entity_type), part(name.entity_id))


def _ledger(item: Item | None) -> tuple[Ledger, int] | None:
    if item is None:
        return Ledger(), 0
    try:
        return Ledger.model_validate(item), int(item["entity_version"])
    except (ValidationError, KeyError, ValueError, TypeError):
        return None


def _gap_key(gap: Gap) -> Key:
    return key(organization_pk(gap.tenant_id), f"AUDIT_GAP#{gap.id}")


def _gap(tenant_id: str, item: Item) -> Gap:
    try:
        return _GAPS.validate_python({**item["gap"], "tenant_id": tenant_id})
    except (ValidationError, KeyError, TypeError) as error:
        raise CorruptDataError("a stored gap breaks its schema") from error


_GAPS = TypeAdapter(Gap)

"""The audit log, on the fake and on DynamoDB alike: written once, read newest first."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tenantry.audit.dynamodb import DynamoDBActivityRepository, DynamoDBAuditLog
from tenantry.audit.model import ActivityFilter, Damaged, Entry, Found, Span, readable, span_of
from tenantry.audit.repository import ActivityRepository, AuditLog
from tenantry.messaging.event import Actor
from tenantry.persistence.keys import key
from tenantry.persistence.table import Table
from tests.support.fakes.audit import InMemoryAudit

FIRST = datetime(2026, 1, 30, tzinfo=UTC)
EVERYTHING = span_of(ActivityFilter(), FIRST, FIRST + timedelta(days=400))


@dataclass(frozen=True)
class Stores:
    log: AuditLog
    entries: ActivityRepository


@pytest.fixture(params=["in-memory", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "in-memory":
        fake = InMemoryAudit()
        return Stores(fake, fake)
    table = request.getfixturevalue("audit_table")
    return Stores(DynamoDBAuditLog(table), DynamoDBActivityRepository(lambda _tenant: table))


def entry(number: int, tenant_id: str | None = "t-1", **more: Any) -> Entry:
    return Entry(
        **{
            "event_id": f"e-{number:03}",
            "type": "OrganizationUpdated",
            "context": "organizations",
            "version": 1,
            "occurred_at": FIRST + timedelta(days=number),
            "actor": Actor(id="ada"),
            "tenant_id": tenant_id,
            "entity_type": "Organization",
            "entity_id": "t-1",
            "entity_version": number + 1,
            "data": {"fields": {"name": {"before": "Acme", "after": "Äcme 🚀"}}, "ratio": 0.5},
            **more,
        }
    )


def ids(found: list[Found]) -> list[str]:
    return [each.event_id for each in readable(found)]


def test_an_entry_is_read_as_it_was_written(stores: Stores) -> None:
    stores.log.add(entry(0))

    assert stores.entries.month("t-1", "2026-01", EVERYTHING, 10) == [entry(0)]


def test_an_entry_is_added_once_and_never_changed(stores: Stores) -> None:
    assert stores.log.add(entry(0))

    assert not stores.log.add(entry(0, data={"forged": True}))

    assert stores.entries.month("t-1", "2026-01", EVERYTHING, 10) == [entry(0)]


def test_a_month_is_read_newest_first_up_to_a_limit(stores: Stores) -> None:
    for number in (3, 5, 4, 2, 0):
        stores.log.add(entry(number))

    assert ids(stores.entries.month("t-1", "2026-02", EVERYTHING, 3)) == ["e-005", "e-004", "e-003"]
    assert ids(stores.entries.month("t-1", "2026-01", EVERYTHING, 3)) == ["e-000"]
    assert stores.entries.month("t-1", "2026-03", EVERYTHING, 3) == []


def test_a_span_ends_before_its_upper_bound_and_with_its_lower_one(stores: Stores) -> None:
    for number in range(2, 7):
        stores.log.add(entry(number))
    chosen = ActivityFilter(
        **{"from": FIRST + timedelta(days=3), "to": FIRST + timedelta(days=5)}  # type: ignore[arg-type]
    )
    span = span_of(chosen, FIRST, FIRST + timedelta(days=400))

    assert ids(stores.entries.month("t-1", "2026-02", span, 10)) == ["e-004", "e-003"]


def test_a_span_goes_on_below_a_position(stores: Stores) -> None:
    for number in range(2, 6):
        stores.log.add(entry(number))
    span = EVERYTHING.after(entry(4).position)

    assert ids(stores.entries.month("t-1", "2026-02", span, 10)) == ["e-003", "e-002"]


def test_a_month_is_read_oldest_first_and_goes_on_beyond_a_position(stores: Stores) -> None:
    for number in (3, 5, 4, 2):
        stores.log.add(entry(number))

    def read(span: Span) -> list[str]:
        return ids(stores.entries.month("t-1", "2026-02", span, 2, oldest_first=True))

    assert read(EVERYTHING) == ["e-002", "e-003"]
    assert read(EVERYTHING.beyond(entry(3).position)) == ["e-004", "e-005"]
    assert read(EVERYTHING.beyond(entry(5).position)) == []
    narrowed = stores.entries.narrowed("t-1", "actor_id", "ada", EVERYTHING, 3, oldest_first=True)
    assert ids(narrowed) == ["e-002", "e-003", "e-004"]


def test_beyond_an_id_comes_one_that_begins_with_it(stores: Stores) -> None:
    for name in ("e-1", "e-10", "e-1.5", "e-1-"):
        stores.log.add(entry(0, event_id=name))
    span = EVERYTHING.beyond(entry(0, event_id="e-1").position)

    found = ids(stores.entries.month("t-1", "2026-01", span, 9, oldest_first=True))

    assert sorted(found) == ["e-1-", "e-1.5", "e-10"]


def test_entries_of_the_same_instant_are_told_apart(stores: Stores) -> None:
    for number in range(12):
        stores.log.add(entry(number, occurred_at=FIRST))
    span = EVERYTHING.after(entry(7, occurred_at=FIRST).position)

    assert len(stores.entries.month("t-1", "2026-01", EVERYTHING, 100)) == 12
    assert ids(stores.entries.month("t-1", "2026-01", span, 2)) == ["e-006", "e-005"]


@pytest.mark.parametrize(
    ("by", "value"),
    [("actor_id", "eve"), ("type", "MemberJoined"), ("entity_id", "eve")],
)
def test_entries_are_narrowed_across_months(stores: Stores, by: str, value: str) -> None:
    for number in range(0, 60, 10):
        stores.log.add(entry(number))
        stores.log.add(entry(number, tenant_id="t-2"))
    named: dict[str, Any] = {"actor_id": {"actor": Actor(id=value)}}
    for number in (5, 45, 25):
        stores.log.add(entry(number, **named.get(by, {by: value})))

    found = stores.entries.narrowed("t-1", by, value, EVERYTHING, 10)

    assert ids(found) == ["e-045", "e-025", "e-005"]
    assert ids(stores.entries.narrowed("t-1", by, value, EVERYTHING, 2)) == ["e-045", "e-025"]


def test_organisations_do_not_see_each_other(stores: Stores) -> None:
    stores.log.add(entry(0, tenant_id="t-2"))

    assert stores.entries.month("t-1", "2026-01", EVERYTHING, 10) == []
    assert stores.entries.narrowed("t-1", "actor_id", "ada", EVERYTHING, 10) == []


def test_what_happens_to_a_user_alone_belongs_to_no_organisation(stores: Stores) -> None:
    assert stores.log.add(entry(0, tenant_id=None, entity_type="User", entity_id="t-1"))
    assert not stores.log.add(entry(0, tenant_id=None, entity_type="User", entity_id="t-1"))

    assert stores.entries.month("t-1", "2026-01", EVERYTHING, 10) == []


def test_an_empty_span_finds_nothing() -> None:
    assert Span("2026-01-30T00:00:00.000000Z", "2026-01").is_empty


HARMS: dict[str, dict[str, Any]] = {
    "no data": {"data": "{}"},
    "no time": {"occurred_at": None},
    "a time out of range": {"occurred_at": "0001-01-01T00:00:00+14:00"},
    "another time": {"occurred_at": "2026-02-01T00:00:00Z"},
    "another event": {"event_id": "e-999"},
    "another organisation": {"tenant_id": "t-2"},
    "an actor of another kind": {"actor": {"id": "ada", "kind": "ghost"}},
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
@pytest.mark.parametrize("oldest_first", [False, True])
def test_what_is_damaged_keeps_its_place_and_is_told(
    audit_table: Table, harm: dict[str, Any], oldest_first: bool
) -> None:
    told: list[tuple[str, str]] = []
    log = DynamoDBAuditLog(audit_table)
    entries = DynamoDBActivityRepository(
        lambda _tenant: audit_table, lambda what, tenant_id: told.append((what, tenant_id))
    )
    for number in (2, 3, 4):
        log.add(entry(number))
    position = entry(3).position
    item = audit_table.get(key("ORG#t-1#AUDIT#2026-02", position))
    assert item
    audit_table.put({**item, **harm})

    for found in (
        entries.month("t-1", "2026-02", EVERYTHING, 10, oldest_first=oldest_first),
        entries.narrowed("t-1", "actor_id", "ada", EVERYTHING, 10, oldest_first=oldest_first),
    ):
        expected = [entry(4), Damaged(position), entry(2)]
        assert found == (expected[::-1] if oldest_first else expected)
    what = f"an entry of the audit cannot be read, and is not shown: {position}"
    assert told == [(what, "t-1")] * 2


@pytest.mark.parametrize(
    ("month", "position"),
    [
        ("2026-02", "2026-02-02 whatever"),
        ("2026-02", "2026-02-02T00:00:00.000000Z#a/b"),
        ("2026-02", "2026-03-02T00:00:00.000000Z#e-001"),
    ],
)
def test_what_lies_at_no_entrys_place_is_passed_over_and_told(
    audit_table: Table, month: str, position: str
) -> None:
    told: list[str] = []
    entries = DynamoDBActivityRepository(
        lambda _tenant: audit_table, lambda what, _tenant_id: told.append(what)
    )
    log = DynamoDBAuditLog(audit_table)
    for number in (2, 5):
        log.add(entry(number))
    audit_table.put(key(f"ORG#t-1#AUDIT#{month}", position))

    assert ids(entries.month("t-1", "2026-02", EVERYTHING, 2)) == ["e-005", "e-002"]
    assert [position in what for what in told] == [True]

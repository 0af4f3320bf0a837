"""Licences and the days they hold, on the fake and on DynamoDB alike."""

from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from tenantry.errors import ConflictError, CorruptDataError
from tenantry.licenses.dynamodb import DynamoDBLicenseRepository
from tenantry.licenses.model import License, Period, ServiceLedger
from tenantry.licenses.repository import SHARDS, LicenseRepository, shard_of
from tenantry.messaging.event import Event
from tenantry.persistence.keys import organization_key
from tenantry.persistence.table import Table
from tests.support.clock import START
from tests.support.fakes.licenses import InMemoryLicenses
from tests.unit.licenses.conftest import license_

LATER = START + timedelta(hours=1)
_numbers = count(1)


def event() -> Event:
    return Event(
        id=f"e-{next(_numbers)}",
        type="SomethingHappened",
        context="licenses",
        occurred_at=START,
        actor={"id": "root"},
        data={},
    )


@pytest.fixture(params=["in-memory", "dynamodb"])
def licenses(request: pytest.FixtureRequest) -> LicenseRepository:
    """With the organisations t-1 and t-2."""
    if request.param == "in-memory":
        return InMemoryLicenses({"t-1", "t-2"})
    table: Table = request.getfixturevalue("platform_table")
    for tenant in ("t-1", "t-2"):
        table.put({**organization_key(tenant), "tenant_id": tenant, "entity_version": 1})
    return DynamoDBLicenseRepository(table)


def create(licenses: LicenseRepository, made: License | None = None, **more: Any) -> License:
    made = made or license_(**more)
    ledger = licenses.ledger(made.tenant_id, made.service_id)
    assert ledger
    licenses.create(made, ledger, _holding(ledger, made), event())
    return made


def _holding(ledger: ServiceLedger, made: License) -> ServiceLedger:
    period = Period(start_date=made.start_date, end_date=made.end_date)
    return ledger.holding(made.license_id, period, START.date())


def test_what_was_created_is_read_whole_with_its_days(licenses: LicenseRepository) -> None:
    made = create(licenses, told=(30, 7))

    assert licenses.get("t-1", "l-1") == made
    ledger = licenses.ledger("t-1", "engine.api")
    assert ledger
    assert ledger.entity_version == 1
    assert ledger.periods == {
        "l-1": Period(start_date=date(2026, 3, 1), end_date=date(2026, 5, 31))
    }


def test_what_is_missing_is_none(licenses: LicenseRepository) -> None:
    assert licenses.get("t-1", "l-1") is None
    assert licenses.ledger("t-9", "engine.api") is None
    assert licenses.ledger("t-1", "engine.api") == ServiceLedger(
        tenant_id="t-1", service_id="engine.api"
    )


def test_one_organisations_licences_are_not_anothers(licenses: LicenseRepository) -> None:
    create(licenses)

    assert licenses.get("t-2", "l-1") is None
    assert licenses.page("t-2", 10, None) == ([], None)
    ledger = licenses.ledger("t-2", "engine.api")
    assert ledger
    assert ledger.periods == {}


def test_of_two_who_read_the_same_ledger_one_writes(licenses: LicenseRepository) -> None:
    before = licenses.ledger("t-1", "engine.api")
    assert before
    first, second = license_(), license_(license_id="l-2")
    licenses.create(first, before, _holding(before, first), event())

    with pytest.raises(ConflictError):
        licenses.create(second, before, _holding(before, second), event())

    assert licenses.get("t-1", "l-2") is None


def test_licence_and_days_change_together_or_not_at_all(licenses: LicenseRepository) -> None:
    made = create(licenses)
    ledger = licenses.ledger("t-1", "engine.api")
    assert ledger
    renewed = made.renewed(date(2026, 12, 31), LATER)

    licenses.change(made, renewed, (ledger, _holding(ledger, renewed)), event())
    assert licenses.get("t-1", "l-1") == renewed

    again = licenses.ledger("t-1", "engine.api")
    assert again
    with pytest.raises(ConflictError):
        licenses.change(made, renewed, (again, _holding(again, renewed)), event())
    assert licenses.ledger("t-1", "engine.api") == again


def test_a_revoked_one_is_read_as_such(licenses: LicenseRepository) -> None:
    made = create(licenses)
    ledger = licenses.ledger("t-1", "engine.api")
    assert ledger

    licenses.change(made, made.revoked(LATER), (ledger, ledger.without("l-1")), event())

    stored = licenses.get("t-1", "l-1")
    assert stored
    assert stored.revoked_at == LATER
    assert licenses.due(shard_of("l-1"), datetime(2027, 1, 1, tzinfo=UTC), 10, None) == ([], None)


def test_a_page_goes_on_where_the_one_before_ended(licenses: LicenseRepository) -> None:
    for number in range(5):
        create(licenses, license_id=f"l-{number}", service_id=f"s-{number}")

    found, position = [], None
    while True:
        page, position = licenses.page("t-1", 2, position)
        found += [each.license_id for each in page]
        if position is None:
            break

    assert found == [f"l-{number}" for number in range(5)]


def test_what_is_due_is_found_at_its_time_and_no_more_once_it_is_told(
    licenses: LicenseRepository,
) -> None:
    made = create(licenses)
    notice = made.next_notice
    assert notice
    shard = shard_of("l-1")

    assert licenses.due(shard, notice.at - timedelta(seconds=1), 10, None) == ([], None)
    assert licenses.due(shard, notice.at, 10, None) == ([("t-1", "l-1")], None)
    others = {each for each in range(SHARDS) if each != shard}
    assert all(licenses.due(each, notice.at, 10, None) == ([], None) for each in others)

    told = made.noticed(notice, notice.at)
    licenses.notice(made, told, event())

    assert licenses.get("t-1", "l-1") == told
    assert licenses.due(shard, notice.at, 10, None) == ([], None)
    with pytest.raises(ConflictError):
        licenses.notice(made, told, event())


def test_a_lapsed_one_is_never_due_again(licenses: LicenseRepository) -> None:
    made = create(licenses)
    late = made.notice_due(datetime(2026, 7, 1, tzinfo=UTC))
    assert late
    licenses.notice(made, made.noticed(late, late.at), event())

    assert licenses.due(shard_of("l-1"), datetime(2030, 1, 1, tzinfo=UTC), 10, None) == ([], None)


def test_what_is_due_comes_in_pages_oldest_first(licenses: LicenseRepository) -> None:
    for number in range(6):
        end = date(2026, 6, 30) - timedelta(days=number)
        # One shard: the same letters in another order.
        identifier = "".join(sorted("abcdef", key=lambda c: (c != "abcdef"[number], c)))
        create(licenses, license_id=identifier, service_id=f"s-{number}", end_date=end)

    found, position = [], None
    while True:
        page, position = licenses.due(
            shard_of("abcdef"), datetime(2026, 7, 1, tzinfo=UTC), 4, position
        )
        found += [license_id[0] for _, license_id in page]
        if position is None:
            break

    assert found == list("fedcba")


def test_an_item_that_breaks_its_schema_is_told_as_such(platform_table: Table) -> None:
    licenses = DynamoDBLicenseRepository(platform_table)
    platform_table.put({"PK": "ORG#t-1", "SK": "LICENSE#l-1", "start_date": "soon"})

    with pytest.raises(CorruptDataError):
        licenses.get("t-1", "l-1")

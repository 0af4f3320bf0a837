"""The licences' functions: what they answer, what it costs, faults, and what happens at once."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tenantry.licenses.dynamodb import DynamoDBLicenseRepository
from tenantry.licenses.service import LicenseReminders, LicenseService
from tenantry.messaging.changes import envelopes
from tenantry.messaging.stamp import Stamp
from tenantry.persistence.table import Table
from tenantry.runtime.identifiers import new_id
from tests.integration.licenses.conftest import GIVEN, Licenses, wired
from tests.integration.organizations.test_concurrency import at_once, codes, outcome
from tests.support.capacity import measured
from tests.support.clock import START, FakeClock
from tests.support.fakes.organizations import FakeOperators, InMemoryOrganizations
from tests.support.faults import Stopped, injected, lose_answer, stop_after, stop_before
from tests.support.ministack import MiniStack
from tests.support.repetition import KEYS, Kind, used_at_once
from tests.unit.licenses.conftest import OPERATOR


def test_a_licence_is_created_seen_renewed_and_revoked(licenses: Licenses) -> None:
    made = licenses.create()
    assert (made["state"], made["beginsAt"]) == ("SCHEDULED", "2098-12-31T23:00:00+00:00")
    [seen] = licenses.ask("licenses")["data"]["items"]
    assert seen == made

    where = {"organizationId": "t-1", "licenseId": made["id"]}
    renewed = licenses.operate("renewLicense", **where, endDate="2100-12-31", reason="Order 8")[
        "data"
    ]
    assert (renewed["endDate"], renewed["version"]) == ("2100-12-31", 2)
    at = {"productId": "engine", "at": "2100-06-01T00:00:00Z"}
    assert licenses.ask("entitled", at, user="vic")["data"] == {
        "entitled": True,
        "licenseId": made["id"],
        "endsAt": "2100-12-31T23:00:00+00:00",
    }

    revoked = licenses.operate("revokeLicense", **where, reason="unpaid")["data"]
    assert revoked["state"] == "REVOKED"
    assert licenses.ask("entitled", at)["data"]["entitled"] is False


def test_days_that_are_held_are_refused_with_their_code(licenses: Licenses) -> None:
    licenses.create()

    answer = licenses.operate("createLicense", **GIVEN)

    assert answer["error"]["code"] == "LICENSE_OVERLAP"
    assert "2099-01-01 to 2099-12-31" in answer["error"]["message"]


def test_what_the_commands_cost(licenses: Licenses) -> None:
    with measured(licenses.table._client) as cost:
        made = licenses.create()
    # The operator, then organisation and ledger, then licence and ledger.
    assert cost.operations == ["GetItem", "BatchGetItem", "TransactWriteItems"]
    # The licence with its event is somewhat larger than a KB.
    assert (cost.read_units, cost.write_units, cost.index_write_units) == (3, 6, 1)

    where = {"organizationId": "t-1", "licenseId": made["id"]}
    with measured(licenses.table._client) as cost:
        licenses.operate("renewLicense", **where, endDate="2100-12-31", reason="Order 8")
    assert cost.operations == ["GetItem", "GetItem", "BatchGetItem", "TransactWriteItems"]
    assert (cost.read_units, cost.write_units) == (4, 6)

    with measured(licenses.table._client) as cost:
        licenses.ask("licenses")
    assert cost.operations == ["BatchGetItem", "Query"]
    assert cost.read_units == 3

    with measured(licenses.table._client) as cost:
        licenses.ask("entitled", {"productId": "engine"})
    assert cost.operations == ["BatchGetItem", "Query"]

    with measured(licenses.table._client) as cost:
        licenses.remind()
    assert cost.operations == ["Query"] * 8


def test_the_schedule_tells_what_is_due_and_once(licenses: Licenses) -> None:
    day = datetime.now(UTC).date()
    first, last = str(day - timedelta(days=60)), str(day - timedelta(days=2))
    made = licenses.create(startDate=first, endDate=last)
    assert made["state"] == "LAPSED"

    assert [licenses.remind(), licenses.remind()] == [1, 0]

    [stored] = licenses.stored("LICENSE#")
    [told] = envelopes({"eventName": "INSERT", "dynamodb": {"NewImage": stored}})
    assert (told.type, told.tenant_id, told.entity_version) == ("LicenseLapsed", "t-1", 2)
    assert "GSI2PK" not in stored


def _services(table: Table, clock: FakeClock) -> tuple[LicenseService, LicenseReminders]:
    stamp = Stamp(now=clock, new_id=new_id)
    repository = DynamoDBLicenseRepository(table)
    service = LicenseService(repository, InMemoryOrganizations(), FakeOperators(), stamp)
    return service, LicenseReminders(repository, stamp)


@pytest.fixture
def shared(
    ministack: MiniStack, ministack_platform_table: Table, monkeypatch: pytest.MonkeyPatch
) -> Table:
    """A table on the local cloud, through a client for many threads, with the organisation t-1."""
    wired(monkeypatch, ministack_platform_table)
    return Table(ministack.client("dynamodb"), ministack_platform_table.name)


def _creating(service: LicenseService, number: int, **more: Any) -> Any:
    days = {"startDate": "2026-03-01", "endDate": "2026-05-31"}
    values = {**GIVEN, **days, "enterpriseId": f"e-{number}", **more}
    return lambda: outcome(lambda: service.create(OPERATOR, values))


def _renewing(service: LicenseService, values: dict[str, Any]) -> Any:
    return lambda: outcome(lambda: service.renew(OPERATOR, values))


def test_of_32_who_want_the_same_days_at_once_one_gets_them(
    shared: Table, clock: FakeClock
) -> None:
    service, _ = _services(shared, clock)

    answers = at_once([_creating(service, number) for number in range(32)])

    assert codes(answers) == {"OK": 1, "LICENSE_OVERLAP": 31}
    stored = DynamoDBLicenseRepository(shared)
    page, _ = stored.page("t-1", 100, None)
    ledger = stored.ledger("t-1", "engine.api")
    assert ledger
    assert [each.license_id for each in page] == list(ledger.periods)


def test_those_who_want_other_days_at_once_all_get_them(shared: Table, clock: FakeClock) -> None:
    service, _ = _services(shared, clock)
    works = [
        _creating(service, n, startDate=f"2027-0{n}-01", endDate=f"2027-0{n}-28")
        for n in range(1, 7)
    ]

    assert codes(at_once(works)) == {"OK": 6}


def test_without_its_ledger_the_same_days_would_be_given_twice(
    shared: Table, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above: the licence is written without the days it holds."""
    service, _ = _services(shared, clock)
    monkeypatch.setattr(
        DynamoDBLicenseRepository,
        "_both",
        lambda self, license_, _before, _after: self._table.write(license_),
    )

    answers = at_once([_creating(service, number) for number in range(4)])

    assert codes(answers) == {"OK": 4}


def test_renewals_and_new_licences_that_meet_hold_no_day_twice(
    shared: Table, clock: FakeClock
) -> None:
    service, _ = _services(shared, clock)
    for round_ in range(10):
        name = f"s-{round_}"
        first = _creating(service, 0, serviceId=name)().answer
        renewal = {
            "organizationId": "t-1",
            "licenseId": first.license_id,
            "endDate": "2026-08-31",
            "reason": "Order 8",
        }
        later = {"serviceId": name, "startDate": "2026-08-01", "endDate": "2026-09-30"}

        answers = at_once([_renewing(service, renewal), _creating(service, 1, **later)])

        assert codes(answers) == {"OK": 1, "LICENSE_OVERLAP": 1}


def test_runs_of_the_reminders_at_once_tell_each_thing_once(
    shared: Table, clock: FakeClock
) -> None:
    service, reminders = _services(shared, clock)
    for number in range(12):
        _creating(service, number, serviceId=f"s-{number}")()
    clock.advance(datetime(2026, 5, 2, 12, tzinfo=UTC) - START)

    told = at_once([lambda: reminders.run(lambda: True)] * 6)

    assert sum(told) == 12
    page, _ = DynamoDBLicenseRepository(shared).page("t-1", 100, None)
    assert Counter(each.entity_version for each in page) == {2: 12}


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("stop", [stop_before, stop_after])
def test_a_run_that_stops_anywhere_is_gone_on_with_by_the_next(
    shared: Table, clock: FakeClock, at: int, stop: Any
) -> None:
    service, reminders = _services(shared, clock)
    for number in range(4):
        _creating(service, number, serviceId=f"s-{number}")()
    clock.advance(datetime(2026, 5, 2, 12, tzinfo=UTC) - START)

    with pytest.raises(Stopped), injected(stop(at, {"UpdateItem"})):
        reminders.run(lambda: True)
    reminders.run(lambda: True)

    page, _ = DynamoDBLicenseRepository(shared).page("t-1", 100, None)
    assert [(each.told, each.entity_version) for each in page] == [((30,), 2)] * 4


@pytest.mark.parametrize("stop", [stop_before, stop_after])
@pytest.mark.parametrize("command", ["create", "renew", "revoke"])
def test_a_command_that_stops_anywhere_is_finished_by_its_repetition(
    shared: Table, clock: FakeClock, command: str, stop: Any
) -> None:
    """Or the repetition says that it was done: the days are held, or it lasts that long already."""
    done = {"create": "LICENSE_OVERLAP", "renew": "CONFLICT", "revoke": "OK"}[command]
    service, _ = _services(shared, clock)
    stops = 0
    for at in range(1, 10):
        work = _creating(service, at, serviceId=f"s-{at}")
        if command != "create":
            where = {"organizationId": "t-1", "licenseId": work().answer.license_id}
            values = {"renew": {"endDate": "2026-12-31"}, "revoke": {}}[command] | {
                "reason": "unpaid"
            }
            work = partial(outcome, partial(getattr(service, command), OPERATOR, where | values))
        try:
            with injected(stop(at)):
                work()
        except Stopped:
            stops += 1

        assert work().code in {"OK", done}
        page, _ = DynamoDBLicenseRepository(shared).page("t-1", 100, None)
        [found] = [each for each in page if each.service_id == f"s-{at}"]
        assert found.entity_version == (1 if command == "create" else 2)
    assert stops == {"create": 2, "renew": 3, "revoke": 3}[command]  # at each of its calls


@pytest.mark.parametrize("command", ["create", "renew", "revoke", "remind"])
def test_a_lost_answer_changes_nothing_of_the_outcome(
    shared: Table, clock: FakeClock, command: str
) -> None:
    service, reminders = _services(shared, clock)
    if command == "create":
        with injected(lose_answer()):
            assert _creating(service, 0)().code == "OK"
        version = 1
    else:
        made = _creating(service, 0)().answer
        where = {"organizationId": "t-1", "licenseId": made.license_id}
        clock.advance(datetime(2026, 5, 2, 12, tzinfo=UTC) - START)
        with injected(lose_answer()):
            if command == "renew":
                service.renew(OPERATOR, {**where, "endDate": "2026-12-31", "reason": "Order 8"})
            elif command == "revoke":
                service.revoke(OPERATOR, {**where, "reason": "unpaid"})
            else:
                assert reminders.run(lambda: True) == 1
        version = 2

    page, _ = DynamoDBLicenseRepository(shared).page("t-1", 100, None)
    assert [each.entity_version for each in page] == [version]


def test_a_licence_that_cannot_be_read_holds_up_no_other(
    platform_table: Table, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    licenses = wired(monkeypatch, platform_table)
    service, _ = _services(platform_table, clock)
    for number in range(3):
        _creating(service, number, serviceId=f"s-{number}")()
    broken = licenses.stored("LICENSE#")[0]
    platform_table._client.update_item(
        TableName=platform_table.name,
        Key={"PK": broken["PK"], "SK": broken["SK"]},
        UpdateExpression="SET start_date = :x",
        ExpressionAttributeValues={":x": {"S": "soon"}},
    )
    clock.advance(timedelta(days=200))
    reported: list[str] = []
    reminders = LicenseReminders(
        DynamoDBLicenseRepository(platform_table),
        Stamp(now=clock, new_id=new_id),
        lambda _what, tenant_id: reported.append(tenant_id),
    )

    assert reminders.run(lambda: True) == 2
    assert reported == ["t-1"]


@pytest.mark.figures
def test_many_licences_four_times_at_once_are_given_once_each(
    shared: Table, clock: FakeClock
) -> None:
    """The days of a service are the key: whatever else it says, another one overlaps (row 14)."""
    service, _ = _services(shared, clock)

    def create(number: int, content: int) -> str:
        more = {"serviceId": f"s-{number}", "enterpriseId": f"e-{content}"}
        return service.create(
            OPERATOR, {**GIVEN, "startDate": "2026-03-01", "endDate": "2026-05-31", **more}
        ).license_id

    for used in used_at_once(create):
        given = 0 if used.kind is Kind.AFTER else 1
        assert (used.codes["OK"], used.codes["LICENSE_OVERLAP"]) == (given, 4 - given), used
    stored = DynamoDBLicenseRepository(shared)
    page, _ = stored.page("t-1", KEYS + 1, None)
    assert sorted(each.service_id for each in page) == sorted(f"s-{n}" for n in range(KEYS))

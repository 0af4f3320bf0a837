"""Licences: who creates, renews, revokes and sees them, and what is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    LicenseOverlapError,
    NotAMemberError,
    NotFoundError,
)
from tenantry.licenses.model import LicenseState
from tenantry.messaging.stamp import Stamp
from tenantry.tenancy.caller import Caller
from tests.support.clock import START, FakeClock, FakeIds
from tests.unit.licenses.conftest import GIVEN, OPERATOR, World


def _renew(world: World, license_id: str, end_date: str) -> Any:
    values = {
        "organizationId": "t-1",
        "licenseId": license_id,
        "endDate": end_date,
        "reason": "Order 8",
    }
    return world.service.renew(OPERATOR, values)


def _revoke(world: World, license_id: str) -> Any:
    values = {"organizationId": "t-1", "licenseId": license_id, "reason": "unpaid"}
    return world.service.revoke(OPERATOR, values)


def test_an_operator_licenses_a_service(world: World) -> None:
    made = world.create()

    assert world.licenses.get("t-1", made.license_id) == made
    [told] = world.licenses.events
    assert (told.type, told.actor.kind, told.actor.id) == ("LicenseCreated", "operator", "root")


def test_an_operator_says_why_and_the_organisation_reads_it(world: World) -> None:
    made = world.create()
    _renew(world, made.license_id, "2026-06-30")
    _revoke(world, made.license_id)

    assert [event.data["reason"] for event in world.licenses.events] == [
        *("Order 7", "Order 8", "unpaid")
    ]
    for without in (None, "", " "):
        with pytest.raises(InvalidInputError):
            world.create(reason=without)


@pytest.mark.parametrize("day", ["9999-12-31", "9999-12-30", "3000-01-01", "1999-12-31"])
def test_a_day_at_the_end_of_the_calendar_is_refused_and_breaks_nothing(
    world: World, day: str
) -> None:
    """The instant at which it ends could not be told, so nobody could list the licences."""
    with pytest.raises(InvalidInputError):
        world.create(startDate=day, endDate=day)
    made = world.create(startDate="2999-12-31", endDate="2999-12-31")
    assert made.ends_at.year >= 2999
    with pytest.raises(InvalidInputError):
        _renew(world, made.license_id, day)


def test_no_event_tells_who_the_contact_is(world: World, clock: FakeClock) -> None:
    made = world.create(endDate="2026-03-20")
    _renew(world, made.license_id, "2026-04-20")
    clock.advance(timedelta(days=30))
    world.remind()
    clock.advance(timedelta(days=30))
    world.remind()
    other = world.create(startDate="2026-06-01", endDate="2026-06-30")
    _revoke(world, other.license_id)

    assert {e.type for e in world.licenses.events} == {
        "LicenseCreated",
        "LicenseRenewed",
        "LicenseExpiring",
        "LicenseLapsed",
        "LicenseRevoked",
    }
    for event in world.licenses.events:
        text = event.model_dump_json()
        assert "Lovelace" not in text
        assert "@" not in text
        assert "Berlin" not in text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("startDate", "1.3.2026"),
        ("startDate", "2026-02-30"),
        ("startDate", "20260301T0"),
        ("startDate", "2026-W09-7"),
        ("startDate", 1_772_323_200),
        ("startDate", "2024-03-01"),
        ("contactTimeZone", "Berlin"),
        ("contactEmail", "ada"),
        ("contactFullName", " "),
        ("serviceId", "a#b"),
        ("productId", ""),
        ("organizationId", "t#1"),
        ("enterpriseId", "é"),
    ],
)
def test_what_is_wrong_is_named(world: World, field: str, value: Any) -> None:
    with pytest.raises(InvalidInputError) as refused:
        world.create(**{field: value})

    assert [fault["field"] for fault in refused.value.faults] == [field]


def test_a_licence_ends_no_sooner_than_it_begins_and_not_after_ten_years(world: World) -> None:
    for end in ("2026-02-28", "2036-12-31"):
        with pytest.raises(InvalidInputError):
            world.create(endDate=end)
    made = world.create()
    with pytest.raises(InvalidInputError):
        _renew(world, made.license_id, "2036-12-31")


def test_an_organisation_that_is_not_there_gets_none(world: World) -> None:
    with pytest.raises(NotFoundError):
        world.create(organizationId="t-9")


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-03-01", "2026-05-31"),
        ("2026-05-31", "2026-06-30"),
        ("2026-02-01", "2026-03-01"),
        ("2026-04-01", "2026-04-01"),
        ("2026-01-01", "2026-12-31"),
    ],
)
def test_days_that_another_licence_of_the_service_holds_are_refused(
    world: World, start: str, end: str
) -> None:
    world.create()

    with pytest.raises(LicenseOverlapError):
        world.create(startDate=start, endDate=end)
    assert len(world.licenses.licenses) == 1


def test_another_service_organisation_or_time_is_free(world: World) -> None:
    world.create()
    world.create(serviceId="engine.ui")
    world.create(organizationId="t-2")
    world.create(startDate="2026-06-01", endDate="2026-06-30")

    assert len(world.licenses.licenses) == 4


def test_a_renewal_takes_no_days_of_another(world: World) -> None:
    first = world.create()
    world.create(startDate="2026-07-01", endDate="2026-07-31")

    with pytest.raises(LicenseOverlapError):
        _renew(world, first.license_id, "2026-07-01")
    renewed = _renew(world, first.license_id, "2026-06-30")

    assert renewed.entity_version == 2
    assert _renew(world, first.license_id, "2026-06-30") == renewed


def test_revoking_gives_the_days_free(world: World) -> None:
    made = world.create()
    revoked = _revoke(world, made.license_id)
    assert _revoke(world, made.license_id) == revoked

    world.create()

    with pytest.raises(ConflictError):
        _renew(world, made.license_id, "2026-12-31")


def test_a_lapsed_licence_is_neither_renewed_nor_revoked(world: World, clock: FakeClock) -> None:
    made = world.create(endDate="2026-03-31")
    clock.advance(timedelta(days=30))

    with pytest.raises(ConflictError):
        _renew(world, made.license_id, "2027-03-31")
    with pytest.raises(ConflictError):
        _revoke(world, made.license_id)


def test_a_licence_that_is_not_there_is_not_found(world: World) -> None:
    made = world.create()
    values = {"organizationId": "t-2", "licenseId": made.license_id}

    with pytest.raises(NotFoundError):
        world.service.renew(OPERATOR, {**values, "endDate": "2026-12-31", "reason": "Order 8"})
    with pytest.raises(NotFoundError):
        world.service.revoke(OPERATOR, {**values, "reason": "x"})


@pytest.mark.parametrize("role", ["owner", "admin", "manager", "member", "viewer", "stranger"])
def test_only_operators_decide_about_licences(world: World, role: str) -> None:
    made = world.create()
    caller = world.caller(role)

    for command, values in (
        (world.service.create, GIVEN),
        (world.service.renew, {"organizationId": "t-1", "licenseId": made.license_id}),
        (world.service.revoke, {"organizationId": "t-1", "licenseId": made.license_id}),
    ):
        with pytest.raises(ForbiddenError):
            command(caller, values)


def test_a_suspended_operator_decides_nothing(world: World) -> None:
    world.operators.suspended.add("root")

    with pytest.raises(ForbiddenError):
        world.create()


@pytest.mark.parametrize(
    ("role", "sees"),
    [("owner", True), ("admin", True), ("manager", False), ("member", False), ("viewer", False)],
)
def test_who_sees_licences_and_who_asks(world: World, role: str, sees: bool) -> None:
    world.create()

    assert world.service.entitled(world.caller(role), "engine").entitled
    if sees:
        assert len(world.service.listed(world.caller(role)).items) == 1
    else:
        with pytest.raises(ForbiddenError):
            world.service.listed(world.caller(role))


def test_strangers_and_operators_see_nothing(world: World) -> None:
    for caller in (world.caller("stranger"), Caller(user_id="root", tenant_id="t-1")):
        with pytest.raises(NotAMemberError):
            world.service.listed(caller)
        with pytest.raises(NotAMemberError):
            world.service.entitled(caller, "engine")


def test_licences_are_filtered_and_paged(world: World) -> None:
    for month in (3, 4, 5, 6):
        for service in ("engine.api", "engine.ui"):
            world.create(
                serviceId=service, startDate=f"2026-0{month}-01", endDate=f"2026-0{month}-28"
            )
    world.create(productId="mill", serviceId="mill.api")

    found, cursor = [], None
    while True:
        page = world.service.listed(world.caller(), 2, cursor, {"serviceId": "engine.ui"})
        assert len(page.items) <= 2
        found += [each.start_date.month for each in page.items]
        if (cursor := page.next_cursor) is None:
            break

    assert found == [3, 4, 5, 6]
    by_state = world.service.listed(world.caller(), None, None, {"state": "ACTIVE"})
    assert len(by_state.items) == 3
    assert {each.state(START) for each in by_state.items} == {LicenseState.ACTIVE}
    by_product = world.service.listed(world.caller(), None, None, {"productId": "mill"})
    assert len(by_product.items) == 1


@pytest.mark.parametrize("after", ["x", "eyJsaWNlbnNlIjoiYSNiIn0"])
def test_what_is_no_cursor_is_refused(world: World, after: str) -> None:
    with pytest.raises(InvalidInputError):
        world.service.listed(world.caller(), None, after)


def test_an_entitlement_ends_by_its_dates_whether_or_not_anybody_noticed(
    world: World, clock: FakeClock
) -> None:
    made = world.create(endDate="2026-03-31")

    last = made.ends_at - timedelta(microseconds=1)
    assert world.service.entitlement("t-1", "engine", last).ends_at == made.ends_at
    assert not world.service.entitlement("t-1", "engine", made.ends_at).entitled
    clock.advance(made.ends_at - START)
    assert not world.service.entitled(world.caller("viewer"), "engine").entitled


def test_whoever_asks_names_an_instant_with_its_zone(world: World) -> None:
    world.create()
    ask = world.service.entitled

    assert ask(world.caller(), "engine", "2026-03-15T00:00:00Z").entitled
    assert not ask(world.caller(), "engine", "2026-06-15T00:00:00+02:00").entitled
    for at in ("2026-03-15T00:00:00", "soon"):
        with pytest.raises(InvalidInputError):
            ask(world.caller(), "engine", at)


def test_the_licence_that_holds_longest_answers(world: World) -> None:
    world.create()
    longer = world.create(serviceId="engine.ui", endDate="2026-12-31")

    assert world.service.entitled(world.caller(), "engine").license_id == longer.license_id
    assert not world.service.entitled(world.caller(), "mill").entitled


def test_reminders_and_the_end_are_told_each_once(world: World, clock: FakeClock) -> None:
    world.create()
    told = []
    while clock() < datetime(2026, 6, 3, tzinfo=UTC):
        told += world.remind() + world.remind()
        clock.advance(timedelta(hours=1))

    assert told == [
        ("LicenseExpiring", 30),
        ("LicenseExpiring", 7),
        ("LicenseExpiring", 1),
        ("LicenseLapsed", None),
    ]


def test_a_run_without_time_left_tells_later(world: World, clock: FakeClock) -> None:
    for number in range(20):
        world.create(serviceId=f"s-{number}")
    clock.advance(timedelta(days=200))

    assert world.reminders.run(lambda: False) == 0
    assert world.reminders.run(lambda: True) == 20
    assert world.reminders.run(lambda: True) == 0


def test_a_renewed_licence_does_not_lapse(world: World, clock: FakeClock) -> None:
    made = world.create(endDate="2026-03-31")
    _renew(world, made.license_id, "2026-12-31")
    clock.advance(timedelta(days=60))

    assert world.remind() == []


commands = st.lists(
    st.tuples(
        st.sampled_from(["create", "renew", "revoke"]),
        st.integers(0, 60),
        st.integers(0, 20),
        st.integers(0, 9),
    ),
    max_size=40,
)


@given(commands)
def test_whatever_is_tried_no_day_of_a_service_is_held_twice(
    tried: list[tuple[str, int, int, int]],
) -> None:
    clock = FakeClock()
    world = World(Stamp(now=clock, new_id=FakeIds()), clock)
    made: list[str] = []
    day = START.date()
    for what, start, length, which in tried:
        first, last = day + timedelta(days=start), day + timedelta(days=start + length)
        try:
            if what == "create":
                created = world.create(startDate=str(first), endDate=str(last))
                made.append(created.license_id)
            elif made and what == "renew":
                _renew(world, made[which % len(made)], str(last))
            elif made:
                _revoke(world, made[which % len(made)])
        except ConflictError:
            continue

    current = [each for each in world.licenses.licenses.values() if not each.revoked_at]
    held = [
        each.start_date + timedelta(days=n)
        for each in current
        for n in range((each.end_date - each.start_date).days + 1)
    ]
    assert len(held) == len(set(held))
    ledger = world.licenses.ledger("t-1", "engine.api")
    assert ledger
    assert set(ledger.periods) == {each.license_id for each in current}

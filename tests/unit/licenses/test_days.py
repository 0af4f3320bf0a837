"""The days of a licence: in which zone they begin, and what is told of their end."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry.errors import ConflictError
from tenantry.licenses.model import REMINDED, License, LicenseState, Period, ServiceLedger, begins
from tests.unit.licenses.conftest import license_

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Havana",
    "Africa/Cairo",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
)
zones = st.sampled_from(ZONES)
days = st.dates(date(2015, 1, 1), date(2035, 12, 31))
instants = st.datetimes(datetime(2015, 1, 1), datetime(2036, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is beside it


@pytest.mark.parametrize(
    ("day", "zone", "instant"),
    [
        (date(2026, 3, 1), "UTC", "2026-03-01T00:00Z"),
        (date(2026, 3, 1), "Europe/Berlin", "2026-02-28T23:00Z"),
        (date(2026, 7, 1), "Europe/Berlin", "2026-06-30T22:00Z"),
        # Clocks go forward at midnight, so there is none: the day begins at one.
        (date(2026, 4, 24), "Africa/Cairo", "2026-04-23T22:00Z"),
        (date(2018, 11, 4), "America/Sao_Paulo", "2018-11-04T03:00Z"),
        # Clocks go back at one to midnight, which comes twice: the first counts.
        (date(2026, 11, 1), "America/Havana", "2026-11-01T04:00Z"),
        (date(2026, 3, 1), "Pacific/Kiritimati", "2026-02-28T10:00Z"),
        (date(2026, 3, 1), "Pacific/Pago_Pago", "2026-03-01T11:00Z"),
    ],
)
def test_a_day_begins_in_its_time_zone(day: date, zone: str, instant: str) -> None:
    assert begins(day, zone) == datetime.fromisoformat(instant)


@given(days, zones)
def test_days_follow_each_other_without_a_gap_or_an_overlap(day: date, zone: str) -> None:
    first = license_(start_date=day, end_date=day, contact_time_zone=zone)
    second = license_(
        start_date=day + timedelta(days=1),
        end_date=day + timedelta(days=1),
        contact_time_zone=zone,
    )

    assert first.ends_at == second.begins_at
    last = first.ends_at - timedelta(microseconds=1)
    assert first.entitles(last)
    assert not second.entitles(last)
    assert second.entitles(first.ends_at)
    assert not first.entitles(first.ends_at)
    assert timedelta(hours=22) < first.ends_at - first.begins_at < timedelta(hours=26)


@given(days, st.integers(0, 400), zones, instants)
def test_a_licence_entitles_on_its_days_as_the_contacts_calendar_has_them(
    day: date, more: int, zone: str, at: datetime
) -> None:
    found = license_(start_date=day, end_date=day + timedelta(days=more), contact_time_zone=zone)

    local = at.astimezone(ZoneInfo(zone)).date()
    assert found.entitles(at) == (found.start_date <= local <= found.end_date)
    assert found.entitles(at) == (found.state(at) is LicenseState.ACTIVE)


@given(days, st.integers(0, 90), days, st.integers(0, 90))
def test_periods_overlap_when_they_share_a_day(
    start: date, length: int, other: date, other_length: int
) -> None:
    one = Period(start_date=start, end_date=start + timedelta(days=length))
    two = Period(start_date=other, end_date=other + timedelta(days=other_length))

    shared = {start + timedelta(days=n) for n in range(length + 1)} & {
        other + timedelta(days=n) for n in range(other_length + 1)
    }
    assert one.overlaps(two) == two.overlaps(one) == bool(shared)


def test_reminders_come_at_nine_of_the_contacts_day() -> None:
    """Clocks change in Berlin on 29 March 2026: before, nine is eight in UTC, then seven."""
    found = license_(end_date=date(2026, 4, 1)).scheduled(datetime(2026, 1, 1, tzinfo=UTC))
    told = []
    while notice := found.next_notice:
        told.append((notice.days, notice.at.isoformat()))
        found = found.noticed(notice, notice.at)

    assert told == [
        (30, "2026-03-02T08:00:00+00:00"),
        (7, "2026-03-25T08:00:00+00:00"),
        (1, "2026-03-31T07:00:00+00:00"),
        (0, "2026-04-01T22:00:00+00:00"),
    ]


def _run(found: License, seen: list[datetime]) -> list[tuple[int, datetime]]:
    """What is told by runs at these instants."""
    told = []
    for now in seen:
        if notice := found.notice_due(now):
            told.append((notice.days, now))
            found = found.noticed(notice, now)
    return told


@given(
    days,
    st.integers(0, 120),
    zones,
    instants,
    st.lists(st.integers(1, 24 * 45), min_size=1, max_size=60),
)
def test_each_reminder_is_told_once_in_order_and_never_early(
    day: date, length: int, zone: str, made: datetime, gaps: list[int]
) -> None:
    """Whenever the runs come, and however many of them are missed."""
    found = license_(
        start_date=day, end_date=day + timedelta(days=length), contact_time_zone=zone
    ).scheduled(made)
    runs = [made + timedelta(hours=sum(gaps[: n + 1])) for n in range(len(gaps))]

    told = _run(found, runs)

    order = [days for days, _ in told]
    assert order == sorted(set(order), reverse=True)
    for days_left, at in told:
        local = at.astimezone(ZoneInfo(zone))
        if days_left:
            assert at < found.ends_at
            assert local.date() >= found.end_date - timedelta(days=days_left)
        else:
            assert at >= found.ends_at
    if runs[-1] >= found.ends_at:
        assert order[-1:] == [0]


@settings(max_examples=30)
@given(days, zones)
def test_runs_every_hour_tell_everything_within_the_hour(day: date, zone: str) -> None:
    found = license_(start_date=day, end_date=day, contact_time_zone=zone)
    made = found.ends_at - timedelta(days=35)
    hours = [made + timedelta(minutes=17, hours=n) for n in range(24 * 36)]

    told = _run(found.scheduled(made), hours)

    assert [days for days, _ in told] == [*REMINDED, 0]
    for days_left, at in told:
        local = at.astimezone(ZoneInfo(zone))
        if days_left:
            assert (local.date(), local.hour) in {
                (day - timedelta(days=days_left), 9),
                (day - timedelta(days=days_left), 10),
            }
        else:
            assert at - found.ends_at < timedelta(hours=1)


def test_reminders_whose_time_has_passed_are_not_made_up_for() -> None:
    made = datetime(2026, 5, 25, 12, tzinfo=UTC)  # six days before the last one

    found = license_().scheduled(made)

    assert found.told == (30, 7)
    assert found.next_notice
    assert found.next_notice.days == 1


def test_of_reminders_that_are_late_the_latest_is_told() -> None:
    found = license_().scheduled(datetime(2026, 3, 1, tzinfo=UTC))

    late = found.notice_due(datetime(2026, 5, 26, tzinfo=UTC))

    assert late
    assert late.days == 7
    assert found.noticed(late, late.at).told == (30, 7)


def test_a_renewal_begins_the_reminders_anew() -> None:
    found = license_(told=(30, 7, 1))

    renewed = found.renewed(date(2026, 12, 31), datetime(2026, 5, 30, 12, tzinfo=UTC))

    assert renewed.told == ()
    assert renewed.entity_version == 2


@pytest.mark.parametrize(
    ("now", "end_date"),
    [
        (datetime(2026, 5, 31, 22, tzinfo=UTC), date(2026, 12, 31)),  # it has just ended
        (datetime(2026, 5, 1, tzinfo=UTC), date(2026, 5, 31)),
        (datetime(2026, 5, 1, tzinfo=UTC), date(2026, 5, 30)),
    ],
)
def test_what_has_ended_is_not_renewed_and_no_end_comes_sooner(
    now: datetime, end_date: date
) -> None:
    with pytest.raises(ConflictError):
        license_().renewed(end_date, now)


def test_a_revoked_licence_entitles_until_then_and_tells_no_more() -> None:
    at = datetime(2026, 4, 1, 12, tzinfo=UTC)
    found = license_().revoked(at)

    assert found.entitles(at - timedelta(microseconds=1))
    assert not found.entitles(at)
    assert found.next_notice is None
    assert found.state(at) is LicenseState.REVOKED
    assert found.revoked(at + timedelta(days=1)) is found


def test_a_ledger_drops_what_nothing_can_overlap_any_more() -> None:
    """So that it stays small; a new licence begins within the last year."""
    today = date(2026, 3, 2)
    old = Period(start_date=date(2023, 1, 1), end_date=date(2024, 2, 28))
    recent = Period(start_date=date(2024, 3, 1), end_date=date(2024, 12, 31))
    ledger = ServiceLedger(tenant_id="t-1", service_id="s-1")

    ledger = ledger.holding("old", old, date(2024, 1, 1)).holding("recent", recent, today)

    assert set(ledger.periods) == {"recent"}

"""Days are sealed once, in one chain, and late entries join the next seal."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry.audit.dynamodb_seals import DynamoDBChains
from tenantry.audit.sealing import MOST_STEPS, SealTask
from tenantry.audit.seals import GENESIS, open_day, seal_day, sealable_day
from tenantry.errors import ConflictError, CorruptDataError, ShreddedError
from tests.support.sealing import DAY, MORNING, SealedLog, envelope
from tests.support.streams import shuffled_with_duplicates

NEXT = DAY + timedelta(days=1)


def records(log: SealedLog, first: date = DAY, last: date = NEXT) -> list[Any]:
    chains = DynamoDBChains(log.table)
    return [each.statement for each in chains.records("t-1", first, 0, last, 100)]


def sealed(log: SealedLog, day: date) -> list[str]:
    """What the seals of a day hold, by their ids."""
    chains = DynamoDBChains(log.table)
    found = [chains.entries("t-1", day, None, 100)]
    return [str(entry["event_id"]) for entries in found for entry in entries]


@pytest.mark.parametrize(
    ("happened", "recorded", "joins"),
    [
        ("2026-03-02T09:00", "2026-03-02T09:00", "2026-03-02"),
        ("2026-03-02T23:59", "2026-03-03T00:59", "2026-03-02"),
        ("2026-03-02T23:59", "2026-03-03T01:00", "2026-03-03"),
        ("2026-03-02T09:00", "2026-03-05T00:30", "2026-03-04"),
        ("2026-03-02T09:00", "2026-03-05T09:00", "2026-03-05"),
        ("2026-03-03T00:01", "2026-03-02T23:59", "2026-03-03"),
        ("2026-03-02T09:00", None, "2026-03-02"),
    ],
)
def test_an_entry_joins_its_own_day_or_the_one_that_was_open_when_it_came(
    happened: str, recorded: str | None, joins: str
) -> None:
    came = datetime.fromisoformat(f"{recorded}:00+00:00") if recorded else None
    day = seal_day(datetime.fromisoformat(f"{happened}:00+00:00"), came)

    assert day.isoformat() == joins


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    st.timedeltas(timedelta(days=-1), timedelta(days=30)),
)
@settings(max_examples=200)
def test_no_entry_joins_a_day_that_may_be_sealed_when_it_comes(
    happened: datetime, delay: timedelta
) -> None:
    came = happened + delay

    assert seal_day(happened, came) > sealable_day(came)
    assert seal_day(happened, came) >= open_day(came)


def test_a_day_is_sealed_with_all_that_happened_on_it() -> None:
    log = SealedLog()
    log.record(*(envelope(n) for n in range(1, 6)))

    assert (log.seal().seals, log.seal().seals) == (1, 0)

    [said] = records(log)
    assert (said.sequence, said.part, said.is_last, said.entries) == (1, 1, True, 5)
    assert said.previous == GENESIS
    assert log.verify().is_verified
    assert log.verify().entries == 5


def test_a_day_that_is_not_over_is_not_sealed() -> None:
    log = SealedLog()
    log.record(envelope(1))
    log.at(datetime(2026, 3, 3, 1, 59, tzinfo=UTC))

    with pytest.raises(ConflictError):
        log.sealing().seal(SealTask(tenant_id="t-1", day=DAY))


def test_seals_are_chained_over_days_and_quiet_days_have_none() -> None:
    log = SealedLog()
    log.record(envelope(1))
    log.at(MORNING + timedelta(days=3))
    log.record(envelope(2, MORNING + timedelta(days=3)))

    log.seal(DAY + timedelta(days=3))

    first, second = records(log, last=DAY + timedelta(days=3))
    assert (first.day, second.day) == (DAY, DAY + timedelta(days=3))
    assert (second.sequence, second.previous) == (2, first.head)
    position = DynamoDBChains(log.table).position("t-1")
    assert (position.through, position.head) == (DAY + timedelta(days=3), second.head)


def test_a_late_entry_joins_the_next_seal() -> None:
    log = SealedLog()
    log.record(envelope(1))
    log.seal()
    log.record(envelope(2))  # of the day before, after it was sealed
    log.record(envelope(3, MORNING + timedelta(days=1)))

    log.seal(NEXT)

    assert [said.entries for said in records(log)] == [1, 2]
    assert sealed(log, NEXT) == ["e-00002", "e-00003"]
    verified = log.verify([DAY, NEXT])
    assert (verified.findings, verified.entries) == ((), 3)


def test_an_entry_that_came_between_a_days_end_and_its_seal_is_sealed_once() -> None:
    log = SealedLog()
    log.record(envelope(1))
    log.at(datetime(2026, 3, 3, 0, 30, tzinfo=UTC))
    log.record(envelope(2))
    log.at(datetime(2026, 3, 3, 1, 30, tzinfo=UTC))
    log.record(envelope(3))

    log.seal()
    log.seal(NEXT)

    assert [said.entries for said in records(log)] == [2, 1]
    assert log.verify([DAY, NEXT]).entries == 3


def test_a_busy_day_has_several_seals() -> None:
    log = SealedLog()
    log.record(*(envelope(n) for n in range(1, 8)))

    assert log.seal(most_entries=3).seals == 3

    said = records(log)
    assert [(each.part, each.entries, each.is_last) for each in said] == [
        (1, 3, False),
        (2, 3, False),
        (3, 1, True),
    ]
    assert log.verify().entries == 7


def test_late_entries_in_parts_come_before_the_days_own() -> None:
    log = SealedLog()
    log.seal()
    log.record(*(envelope(n) for n in range(1, 5)))
    log.record(*(envelope(n, MORNING + timedelta(days=1)) for n in range(5, 9)))

    log.seal(NEXT, most_entries=3)

    assert [said.entries for said in records(log)] == [3, 3, 2]
    assert log.verify([DAY, NEXT]).entries == 8


def test_organisations_without_a_log_are_not_sealed() -> None:
    log = SealedLog()

    assert log.seal(tenant_id="nobody").seals == 0
    assert not log.store.bodies


def test_a_task_that_has_no_time_left_says_so() -> None:
    log = SealedLog()
    log.record(envelope(1))
    log.after(DAY)

    assert not log.sealing().seal(SealTask(tenant_id="t-1", day=DAY), lambda: False).is_done


def test_long_quiet_times_are_passed_in_bounded_steps() -> None:
    log = SealedLog()
    log.record(envelope(1))
    long_after = DAY + timedelta(days=MOST_STEPS + 10)
    log.after(long_after)
    task = SealTask(tenant_id="t-1", day=long_after)

    assert not log.sealing().seal(task).is_done
    assert log.sealing().seal(task).is_done


@pytest.mark.parametrize("seed", range(5))
def test_whatever_the_order_and_number_of_events_the_seal_is_the_same(seed: int) -> None:
    dice = random.Random(seed)
    ordered, shuffled = SealedLog(), SealedLog()
    events = [envelope(n) for n in range(1, 200)]
    ordered.record(*events)
    shuffled.record(*shuffled_with_duplicates(events, 5, dice.randint))

    ordered.seal()
    shuffled.seal()

    assert records(ordered)[0].head == records(shuffled)[0].head


def test_a_seal_of_a_sealer_who_stopped_is_taken_over() -> None:
    log = SealedLog()
    log.record(envelope(1))

    class Stopped(BaseException):
        pass

    class StoppingChains(DynamoDBChains):
        def commit(self, *given: Any) -> bool:
            raise Stopped

    with pytest.raises(Stopped):
        log.seal(chains=StoppingChains(log.table))
    [(place, body)] = log.store.bodies.items()

    assert log.seal().seals == 1
    assert log.store.bodies == {place: body}
    assert log.verify().is_verified


def test_a_forged_seal_in_the_place_of_one_stops_the_sealer() -> None:
    log, forger = SealedLog(), SealedLog()
    for each in (log, forger):
        each.record(envelope(1))
    forger.keys = log.keys
    forger.seal()
    log.store.bodies = forger.store.bodies

    with pytest.raises(CorruptDataError):
        log.seal()

    assert records(log) == []


def test_a_destroyed_key_is_never_made_again() -> None:
    log = SealedLog()
    log.record(envelope(1))
    log.seal()
    log.keys.destroy("t-1")
    log.record(envelope(2, MORNING + timedelta(days=1)))

    with pytest.raises(ShreddedError):
        log.seal(NEXT)
    with pytest.raises(ShreddedError):
        log.verify()


def test_organisations_are_sealed_apart() -> None:
    log = SealedLog()
    log.record(envelope(1), envelope(2, tenant_id="t-2", entity_id="t-2"))

    log.seal()
    log.seal(tenant_id="t-2")

    assert sorted(place.split("/")[0] for place in log.store.bodies) == ["t-1", "t-2"]

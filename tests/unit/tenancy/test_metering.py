"""API calls are counted in memory, added up now and then, and refused when they are used up."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.tenancy.access import CallLimit
from tenantry.tenancy.metering import CallMeter, Unmetered, month_of, next_month
from tests.support.clock import START, FakeClock, FakeIds
from tests.support.fakes.organizations import InMemoryCalls

APRIL = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def store() -> InMemoryCalls:
    return InMemoryCalls()


@pytest.fixture
def meter(store: InMemoryCalls, clock: FakeClock, ids: FakeIds) -> CallMeter:
    return CallMeter(store, clock, ids, every=5, after=timedelta(minutes=1))


@pytest.fixture
def call(meter: CallMeter, store: InMemoryCalls) -> Callable[..., CallLimit | None]:
    """One request of an organisation, which reads what is stored before it counts."""

    def called(tenant_id: str = "t-1", limit: int | None = None) -> CallLimit | None:
        return meter.counted(store.stored(tenant_id, limit))

    return called


Call = Callable[..., CallLimit | None]


def test_calls_are_added_up_in_batches(call: Call, store: InMemoryCalls) -> None:
    for _ in range(4):
        call()
    assert store.batches == []

    call()

    assert [batch.calls for batch in store.batches] == [5]
    assert store.calls == {"t-1": ("2026-03", 5)}


def test_a_few_calls_are_added_with_the_next_call_after_a_time(
    call: Call, store: InMemoryCalls, clock: FakeClock
) -> None:
    call()
    clock.advance(timedelta(seconds=59))
    call()
    assert store.batches == []

    clock.advance(timedelta(seconds=1))
    call("t-2")

    assert store.calls == {"t-1": ("2026-03", 2)}


def test_a_call_adds_two_batches_at_most(
    call: Call, store: InMemoryCalls, clock: FakeClock
) -> None:
    for number in range(10):
        call(f"t-{number}")
    clock.advance(timedelta(minutes=2))

    for _ in range(3):
        before = len(store.batches)
        call("t-new")
        assert len(store.batches) - before <= 2


def test_what_is_used_up_is_refused_until_the_month_ends(
    call: Call, store: InMemoryCalls, clock: FakeClock
) -> None:
    answers = [call(limit=7) for _ in range(9)]

    used_up = CallLimit(7, APRIL)
    assert answers == [None] * 7 + [used_up] * 2

    clock.advance(APRIL - START - timedelta(microseconds=1))
    assert call(limit=7) == used_up
    clock.advance(timedelta(microseconds=1))
    assert call(limit=7) is None


def test_refused_calls_are_not_counted(call: Call, meter: CallMeter, store: InMemoryCalls) -> None:
    for _ in range(20):
        call(limit=7)
    meter.flush()

    assert store.calls == {"t-1": ("2026-03", 7)}


def test_organisations_are_counted_apart(
    call: Call, meter: CallMeter, store: InMemoryCalls
) -> None:
    for _ in range(4):
        call("t-1", limit=3)
    assert call("t-2", limit=3) is None
    meter.flush()

    assert store.calls == {"t-1": ("2026-03", 3), "t-2": ("2026-03", 1)}


def test_a_new_month_begins_at_zero_and_the_old_one_keeps_its_calls(
    call: Call, meter: CallMeter, store: InMemoryCalls, clock: FakeClock
) -> None:
    call()
    clock.advance(APRIL - START)
    call()
    call()
    meter.flush()

    assert store.calls == {"t-1": ("2026-04", 2)}
    assert sorted((batch.month, batch.calls) for batch in store.batches) == [
        ("2026-03", 1),
        ("2026-04", 2),
    ]


def test_a_batch_whose_answer_was_lost_goes_again_and_counts_once(
    call: Call, meter: CallMeter, store: InMemoryCalls, clock: FakeClock
) -> None:
    store.loses_answers = 1
    for _ in range(5):
        assert call() is None
    assert store.calls == {"t-1": ("2026-03", 5)}

    clock.advance(timedelta(minutes=1))
    call()
    meter.flush()

    assert store.calls == {"t-1": ("2026-03", 6)}


def test_were_it_given_another_token_it_would_count_twice(
    call: Call, meter: CallMeter, store: InMemoryCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above."""
    store.loses_answers = 1
    for _ in range(5):
        call()
    [unsure] = meter._unsure
    meter._unsure = [type(unsure)("another", unsure.tenant_id, unsure.month, 5, unsure.made_at)]

    meter.flush()

    assert store.calls == {"t-1": ("2026-03", 10)}


def test_a_store_that_does_not_answer_refuses_nobody(
    call: Call, meter: CallMeter, store: InMemoryCalls
) -> None:
    store.is_down = True
    assert [call(limit=100) for _ in range(20)] == [None] * 20

    store.is_down = False
    meter.flush()

    assert store.calls == {"t-1": ("2026-03", 20)}


def test_a_batch_older_than_its_token_is_given_up_and_reported(
    store: InMemoryCalls, clock: FakeClock, ids: FakeIds
) -> None:
    reported: list[tuple[str, str]] = []
    meter = CallMeter(
        store, clock, ids, every=2, report=lambda what, tenant: reported.append((what, tenant))
    )
    store.is_down = True
    for _ in range(2):
        meter.counted(store.stored("t-1"))
    store.is_down = False

    clock.advance(timedelta(minutes=9, seconds=1))
    meter.flush()

    assert store.calls == {}
    assert reported == [("API calls were counted and could not be added", "t-1")]


def test_without_a_meter_nothing_is_counted(store: InMemoryCalls) -> None:
    assert Unmetered().counted(store.stored("t-1", 0)) is None


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - the zone is beside it
def test_a_month_ends_where_the_next_begins(at: datetime) -> None:
    begins = next_month(at)

    assert at < begins <= at + timedelta(days=31)
    assert month_of(begins - timedelta(microseconds=1)) == month_of(at) < month_of(begins)


@given(
    calls=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 90)), max_size=200),
    every=st.integers(1, 9),
)
def test_the_stored_count_is_never_ahead_and_behind_by_less_than_a_batch(
    calls: list[tuple[int, int]], every: int
) -> None:
    store, clock = InMemoryCalls(), FakeClock()
    meter = CallMeter(store, clock, FakeIds(), every=every)
    made = [0, 0, 0, 0]
    for tenant, seconds in calls:
        clock.advance(timedelta(seconds=seconds))
        meter.counted(store.stored(f"t-{tenant}"))
        made[tenant] += 1
        for number, count in enumerate(made):
            assert 0 <= count - store.calls.get(f"t-{number}", ("", 0))[1] < every

"""An effect is done once, or again when nobody knows whether it was: on the local cloud."""

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tenantry.errors import UnavailableError
from tenantry.messaging.dynamodb import DynamoDBMarkers
from tenantry.messaging.once import KEPT, Once
from tenantry.persistence.table import Table
from tests.support.clock import FakeClock
from tests.support.faults import Stopped, injected, lose_answer, stop_after
from tests.support.ministack import MiniStack
from tests.support.tables import items

LEASE = timedelta(seconds=60)
EVENT = "0198f2a4-0000-7000-8000-000000000001"


@pytest.fixture
def effects() -> list[str]:
    return []


@pytest.fixture
def once(ministack: MiniStack, ministack_platform_table: Table, clock: FakeClock) -> Once:
    markers = DynamoDBMarkers(Table(ministack.client("dynamodb"), ministack_platform_table.name))
    return Once(markers, "notifier", LEASE, clock)


def test_an_effect_is_done_once(once: Once, effects: list[str]) -> None:
    done = [once.run(EVENT, lambda: effects.append("mail")) for _ in range(3)]
    assert done == [True, False, False]
    assert effects == ["mail"]


def test_each_consumer_does_its_own_effect(once: Once, effects: list[str]) -> None:
    other = Once(once.markers, "indexer", LEASE, once.now)
    assert once.run(EVENT, lambda: effects.append("mail"))
    assert other.run(EVENT, lambda: effects.append("index"))
    assert effects == ["mail", "index"]


def test_a_marker_without_its_effect_is_done_again_after_the_lease(
    once: Once, effects: list[str], clock: FakeClock
) -> None:
    def crash() -> None:
        raise Stopped("before the effect")

    with pytest.raises(Stopped):
        once.run(EVENT, crash)
    with pytest.raises(UnavailableError):
        once.run(EVENT, lambda: effects.append("too early"))
    clock.advance(LEASE)
    assert once.run(EVENT, lambda: effects.append("mail"))
    assert not once.run(EVENT, lambda: effects.append("again"))
    assert effects == ["mail"]


def test_a_worker_that_died_after_its_effect_has_it_done_twice_rather_than_never(
    once: Once, effects: list[str], clock: FakeClock
) -> None:
    with injected(stop_after(at=1)), pytest.raises(Stopped):
        once.run(EVENT, lambda: effects.append("never reached"))
    clock.advance(LEASE)
    with injected(stop_after(at=2)), pytest.raises(Stopped):
        once.run(EVENT, lambda: effects.append("mail"))
    assert not once.run(EVENT, lambda: effects.append("done is done"))
    assert effects == ["mail"]


@pytest.mark.parametrize("at", [1, 2])
def test_lost_answers_neither_lose_nor_double_the_effect(
    once: Once, effects: list[str], at: int
) -> None:
    with injected(lose_answer(at=at)):
        assert once.run(EVENT, lambda: effects.append("mail"))
    assert not once.run(EVENT, lambda: effects.append("again"))
    assert effects == ["mail"]


def test_of_many_workers_at_one_moment_one_does_it(once: Once, effects: list[str]) -> None:
    """The clock stands still: only the worker's own id tells their markers apart."""
    barrier = threading.Barrier(32)

    def work(_: int) -> str:
        barrier.wait()
        try:
            return str(once.run(EVENT, lambda: effects.append("mail")))
        except UnavailableError:
            return "later"

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(work, range(32)))
    assert effects == ["mail"]
    assert answers.count("True") == 1


def test_of_1000_events_each_four_times_at_once_each_is_done_once(
    once: Once, clock: FakeClock
) -> None:
    """A third are new, a third began and crashed, a third were done: 4,000 in all (14)."""
    events = [f"e-{number}" for number in range(1000)]
    crashed, done_before = set(events[0::3]), set(events[1::3])
    effects: Counter[str] = Counter()
    lock = threading.Lock()

    def crash() -> None:
        raise Stopped("before the effect")

    def begin(event: str) -> None:
        if event in crashed:
            with pytest.raises(Stopped):
                once.run(event, crash)
        elif event in done_before:
            assert once.run(event, lambda: None)

    def deliver(event: str) -> str:
        def effect() -> None:
            with lock:
                effects[event] += 1

        try:
            return str(once.run(event, effect))
        except UnavailableError:
            return "later"

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(begin, events))
        early = list(pool.map(deliver, sorted(crashed)[:20]))
        clock.advance(LEASE)
        deliveries = [event for event in events for _ in range(4)]
        random.Random(14).shuffle(deliveries)
        answers = Counter(pool.map(deliver, deliveries))

    assert early == ["later"] * 20
    assert effects == dict.fromkeys((e for e in events if e not in done_before), 1)
    assert answers["True"] == len(effects)
    assert sum(answers.values()) == 4000


def test_a_marker_is_purged_after_every_queue_has_given_up(
    once: Once, ministack: MiniStack, ministack_platform_table: Table, clock: FakeClock
) -> None:
    once.run(EVENT, lambda: None)
    (marker,) = items(ministack.client("dynamodb"), ministack_platform_table.name)
    assert marker["PK"] == {"S": f"EVENT#{EVENT}"}
    assert int(marker["purge_at"]["N"]) == int((clock() + KEPT).timestamp())

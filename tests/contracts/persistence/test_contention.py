"""Many writers at once, on the local cloud: limits hold, nothing acknowledged is lost (8, 17)."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tenantry.errors import UnavailableError
from tenantry.messaging.stamp import Stamp
from tenantry.persistence.table import ConditionFailedError, Table
from tenantry.persistence.writes import Change, Count, Create
from tests.support.faults import injected, refused, transaction_conflicts, unprocessed
from tests.support.things import made, retitled, thing_key

THREADS = 64
SEATS = 25
OWNER = {"PK": "ORG#acme", "SK": "ORGANIZATION"}


def _at_once[T](count: int, work: Callable[[int], T], threads: int = THREADS) -> list[T]:
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, range(count)))


def _seat(number: int) -> dict[str, str]:
    return {"PK": "ORG#acme", "SK": f"MEMBER#{number:04}"}


def _members(table: Table) -> int:
    return len(table.query("ORG#acme", prefix="MEMBER#", limit=1000).items)


def _used(table: Table) -> int:
    item = table.get(OWNER)
    assert item is not None
    used: int = item["used"]
    return used


def _join(table: Table, stamp: Stamp, number: int, limit: int | None) -> bool:
    try:
        table.transact([Create(_seat(number), {}), Count(OWNER, "used", 1, limit)])
    except ConditionFailedError:
        return False
    return True


def test_five_hundred_joins_never_take_a_seat_too_many(
    ministack_platform_table: Table, stamp: Stamp
) -> None:
    table = ministack_platform_table
    table.write(Create(OWNER, {"used": 0}))
    joined = _at_once(500, lambda number: _join(table, stamp, number, SEATS))
    assert sum(joined) == _members(table) == _used(table) == SEATS


def test_seats_that_are_left_are_taken_again_and_the_counter_equals_the_rows(
    ministack_platform_table: Table, stamp: Stamp
) -> None:
    table = ministack_platform_table
    table.write(Create(OWNER, {"used": 0}))
    most: list[int] = []

    def come_and_go(number: int) -> None:
        if not _join(table, stamp, number, SEATS):
            return
        if number % 10 == 0:
            most.append(_used(table))
        if number % 3:
            left = Change(_seat(number), 1, {"status": "REMOVED"}, ())
            table.transact([left, Count(OWNER, "used", -1)])

    _at_once(300, come_and_go)
    rows = table.query("ORG#acme", prefix="MEMBER#", limit=1000).items
    assert _used(table) == sum(1 for row in rows if "status" not in row) <= SEATS
    assert max(most) <= SEATS


def test_without_the_limit_there_would_be_seats_too_many(
    ministack_platform_table: Table, stamp: Stamp
) -> None:
    table = ministack_platform_table
    table.write(Create(OWNER, {"used": 0}))
    _at_once(60, lambda number: _join(table, stamp, number, None))
    assert _members(table) == 60


def test_of_sixty_four_that_change_one_version_one_succeeds(
    ministack_platform_table: Table, stamp: Stamp
) -> None:
    table = ministack_platform_table
    table.write(made(stamp))
    barrier = threading.Barrier(THREADS)

    def change(number: int) -> bool:
        barrier.wait()
        try:
            table.write(retitled(stamp, 1, f"by {number}"))
        except ConditionFailedError:
            return False
        return True

    assert sum(_at_once(THREADS, change)) == 1
    item = table.get(thing_key())
    assert item is not None
    assert item["entity_version"] == 2


def test_under_conflicts_and_throttling_nothing_acknowledged_is_lost(
    ministack_platform_table: Table, stamp: Stamp
) -> None:
    """Conflicts 30 %, throttling 20 %, half of every batch unprocessed; 80 % to one tenant."""
    table, seed, total = ministack_platform_table, 20260302, 600
    random_tenant = random.Random(seed)
    tenants = ["busy" if random_tenant.random() < 0.8 else f"t{n % 9}" for n in range(total)]
    for tenant in set(tenants):
        table.write(Create({"PK": f"ORG#{tenant}", "SK": "ORGANIZATION"}, {"used": 0}))

    def write(number: int) -> bool:
        tenant = tenants[number]
        owner = {"PK": f"ORG#{tenant}", "SK": "ORGANIZATION"}
        try:
            table.transact([made(stamp, str(number), tenant_id=tenant), Count(owner, "used", 1)])
        except UnavailableError:
            return False
        return True

    with injected(
        transaction_conflicts(0.3, seed),
        refused("ThrottlingException", share=0.2, seed=seed + 1),
        unprocessed(0.5, seed + 2),
    ):
        written = _at_once(total, write, threads=32)
        keys = [thing_key(str(n), tenants[n]) for n in range(total)]
        found = table.get_all(keys)
    assert [item is not None for item in found] == written, f"seed {seed}"
    assert sum(written) >= total * 0.99
    for tenant in set(tenants):
        owner = table.get({"PK": f"ORG#{tenant}", "SK": "ORGANIZATION"})
        assert owner is not None
        assert owner["used"] == sum(w for w, t in zip(written, tenants, strict=True) if t == tenant)


def test_a_batch_that_comes_in_pieces_would_be_lost_without_asking_again(
    platform_table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [thing_key(str(n)) for n in range(100)]
    for key in keys:
        platform_table.put(key)
    with injected(unprocessed(0.5, 1)) as calls:
        assert None not in platform_table.get_all(keys)
    assert len(calls) > 3
    answer = calls.of("BatchGetItem")[0].answer
    assert answer is not None
    assert len(answer["UnprocessedKeys"][platform_table.name]["Keys"]) > 20


def test_a_table_that_stays_busy_is_unavailable_after_a_bounded_number_of_calls(
    platform_table: Table, stamp: Stamp
) -> None:
    with injected(refused("ThrottlingException")) as calls, pytest.raises(UnavailableError):
        platform_table.transact([made(stamp)])
    assert len(calls) <= 8 * 4
    with injected(transaction_conflicts(1.0, 0)) as calls, pytest.raises(UnavailableError):
        platform_table.transact([made(stamp)])
    assert len(calls) == 8


def test_waits_grow_and_are_jittered(platform_table: Table) -> None:
    slept: list[float] = []
    dice = random.Random(7)
    table = Table(
        platform_table._client, platform_table.name, sleep=slept.append, jitter=dice.random
    )
    with injected(refused("TransactionConflictException")), pytest.raises(UnavailableError):
        table.put(thing_key())
    assert len(slept) == 7
    assert all(wait <= min(1.0, 0.02 * 2 ** (n + 1)) for n, wait in enumerate(slept))
    assert sum(slept) < 3
    assert len(set(slept)) == 7

"""A move on the local cloud while threads write: none of their writes is lost or done twice.

The wait after the fence takes no time here, so that nothing but the fence keeps writers out.
"""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tenantry.accounts.model import Names
from tenantry.errors import OrganizationMovingError
from tenantry.messaging.stamp import Stamp
from tenantry.persistence.table import ConditionFailedError
from tests.integration.accounts.test_moving import founded, settled
from tests.support.clock import FakeClock, FakeIds
from tests.support.ministack import MiniStack
from tests.support.tables import items
from tests.support.things import made, retitled, thing_key

WRITERS = 4
_LONGEST = 120


def test_writers_lose_and_double_nothing(ministack: MiniStack, clock: FakeClock) -> None:
    world = founded(clock, ministack.client("dynamodb"), ministack.client("s3"))
    account = settled(world)
    over, lock = threading.Event(), threading.Lock()
    acknowledged: Counter[str] = Counter()
    refused: list[str] = []

    def writes(writer: int) -> None:
        """Makes things, and gives a thing of its own the next title again and again."""
        stamp, number = Stamp(clock, FakeIds(f"{writer + 1}")), 0
        deadline = time.monotonic() + _LONGEST
        world.tenant_table().write(made(stamp, f"own-{writer}"))
        while not over.is_set() and time.monotonic() < deadline:
            name = f"{writer}-{number}"
            try:
                table = world.tenant_table()
                found = table.get(thing_key(f"own-{writer}"))
                assert found is not None
                change = retitled(stamp, found["entity_version"], name, f"own-{writer}")
                table.transact([made(stamp, name), change])
            except OrganizationMovingError:
                with lock:
                    refused.append(name)
                time.sleep(0.02)
                continue
            except ConditionFailedError as failure:
                raise AssertionError("a write was done twice, or its base was lost") from failure
            with lock:
                acknowledged[f"own-{writer}"] += 1
            number += 1

    with ThreadPoolExecutor(WRITERS) as pool:
        at_work = [pool.submit(writes, writer) for writer in range(WRITERS)]
        while sum(acknowledged.values()) < 5 * WRITERS:
            time.sleep(0.05)
        world.move(account, "private")
        world.goes_on()
        moved = Counter(acknowledged)
        deadline = time.monotonic() + _LONGEST
        while any(acknowledged[f"own-{w}"] <= moved[f"own-{w}"] for w in range(WRITERS)):
            assert time.monotonic() < deadline, "nobody writes after the move"
            time.sleep(0.05)
        over.set()
        for each in at_work:
            each.result()

    assert world.hosted().route["kind"] == "private"
    assert refused
    table = world.tenant_table()
    for writer in range(WRITERS):
        own, count = table.get(thing_key(f"own-{writer}")), acknowledged[f"own-{writer}"]
        assert own is not None
        assert own["entity_version"] == 1 + count
        for number in range(count):
            assert table.get(thing_key(f"{writer}-{number}")), f"{writer}-{number} is lost"
        assert table.get(thing_key(f"{writer}-{count}")) is None
    copied = items(world.dynamodb, Names("tenantry", account.account_id).table)
    untouched = [item for item in copied if item["SK"]["S"] in {f"THING#{n}" for n in range(12)}]
    assert len(untouched) == 12
    assert not [item for item in untouched if "events" in item]

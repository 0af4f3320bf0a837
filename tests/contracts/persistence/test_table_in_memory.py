"""The table in memory answers as the one on DynamoDB does, whatever is asked of the two."""

from collections.abc import Callable
from typing import Any

import boto3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenantry.bootstrap import SINGLE_ATTEMPT
from tenantry.messaging.stamp import Stamp
from tenantry.persistence.items import Item, to_wire
from tenantry.persistence.table import ConditionFailedError, Table
from tenantry.persistence.writes import (
    Assign,
    Change,
    Check,
    Copy,
    Count,
    Create,
    Fence,
    Remove,
    Step,
    Store,
    Write,
)
from tests.support.clock import FakeClock, FakeIds
from tests.support.fakes.table import InMemoryTable
from tests.support.tables import fresh_table
from tests.support.things import changed

type Work = Callable[[Table], Any]

PARTITIONS, NAMES = ("ORG#a", "ORG#b"), ("A", "AB", "B", "B~", "ü")
partitions, names = st.sampled_from(PARTITIONS), st.sampled_from(NAMES)
statuses = st.sampled_from(["ON", "OFF", None])
keys = st.builds(lambda pk, sk: {"PK": pk, "SK": sk}, partitions, names)


def _indexed(key: dict[str, str], status: str | None, index: bool) -> dict[str, Any]:
    values = {"status": status, "note": "x", "n": 1.5}
    return {**values, "GSI1PK": "USER#u", "GSI1SK": key["PK"]} if index else values


events = st.builds(
    lambda number, told: (
        (changed(Stamp(now=FakeClock(), new_id=FakeIds()), "x", f"e-{number}"),) if told else ()
    ),
    st.integers(0, 30),
    st.booleans(),
)
creations = st.builds(
    lambda key, status, index, event, over: Create(
        key, _indexed(key, status, index), event, {"status": over} if over else {}
    ),
    keys,
    statuses,
    st.booleans(),
    events,
    statuses,
)
alterations = st.builds(
    lambda key, version, status, event, require: Change(
        key, version, {"status": status, "size": version}, event, frozenset({"note"}), require
    ),
    keys,
    st.integers(1, 3),
    statuses,
    events,
    st.builds(lambda status: {"status": status}, statuses) | st.just({}),
)
steps = st.builds(
    Step,
    st.just("owners"),
    st.sampled_from([1, -1]),
    st.sampled_from([None, 1]),
    st.sampled_from([0, 1]),
)
counts = st.builds(
    lambda key, by, limit, floor, makes, also: Count(
        key, "used", by, limit, floor=floor, makes={"note": "made"} if makes else {}, also=also
    ),
    keys,
    st.sampled_from([1, 2, -1]),
    st.sampled_from([None, 1, 3]),
    st.sampled_from([0, 1]),
    st.booleans(),
    st.tuples(steps) | st.just(()),
)
checks = st.builds(lambda key, status: Check(key, {"status": status}), keys, statuses) | st.builds(
    lambda key, values: Check(key, one_of={"status": values}),
    keys,
    st.sampled_from([("ON",), ("ON", "OFF")]),
)
copies = st.builds(
    lambda key, name, version, off: Copy(
        key, {"name": name}, "seen", version, {"status": "OFF"} if off else {}
    ),
    keys,
    st.sampled_from(["Ada", None]),
    st.integers(1, 3),
    st.booleans(),
)
assignments = st.builds(
    lambda key, used, require: Assign(key, {"used": used, "note": None}, {"used": require}),
    keys,
    st.integers(0, 3),
    st.sampled_from([None, 0, 1, 2]),
)
fences = st.builds(
    lambda key, at, must_exist: Fence(key, "used", at, must_exist),
    keys,
    st.integers(0, 3),
    st.booleans(),
)
replicas = st.builds(
    lambda key, used: Store(key, to_wire({"used": used, "events": [{"id": "e-1"}]})),
    keys,
    st.integers(0, 3),
) | st.builds(
    lambda key, used: Remove(key, {} if used is None else {"used": used}),
    keys,
    st.sampled_from([None, 0, 1, 2]),
)


def _asked(
    pk: str, index: bool, prefix: str | None, between: bool, limit: int, newest_first: bool
) -> Work:
    def ask(table: Table) -> Any:
        pages, start = [], None
        while True:
            page = table.query(
                "USER#u" if index else pk,
                index="GSI1" if index else None,
                prefix=None if between else ("ORG#" if index else prefix),
                between=(("ORG#a", "ORG#a~") if index else ("A", "B")) if between else None,
                limit=limit,
                start=start,
                newest_first=newest_first,
            )
            pages.append(page.items)
            start = page.next_key
            if start is None:
                # An empty last page is DynamoDB's own affair.
                return [_seen(item) for items in pages for item in items]

    return ask


def _written(writes: list[Write]) -> Work:
    by_key = {(write.key["PK"], write.key["SK"]): write for write in writes}
    return lambda table: table.transact(list(by_key.values()))


works: st.SearchStrategy[Work] = st.one_of(
    st.builds(lambda write: lambda table: table.write(write), creations | alterations),
    st.builds(
        _written,
        st.lists(
            creations | alterations | counts | checks | assignments | fences | replicas, min_size=1
        ),
    ),
    st.builds(lambda copy: lambda table: table.copy(copy), copies),
    st.builds(lambda key: lambda table: table.put({**key, "put": 1, "gone": None}), keys),
    st.builds(lambda key: lambda table: table.add({**key, "added": 1}), keys),
    st.builds(lambda key: lambda table: table.delete(key), keys),
    st.builds(lambda key: lambda table: _seen(table.get(key)), keys),
    st.builds(
        lambda found: lambda table: [_seen(item) for item in table.get_all(found)],
        st.lists(keys, min_size=1),
    ),
    st.builds(
        _asked,
        partitions,
        st.booleans(),
        st.sampled_from([None, "A", "Z"]),
        st.booleans(),
        st.integers(1, 3),
        st.booleans(),
    ),
)


def _seen(item: Item | None) -> Item | None:
    """An item without the ids that a write without events gives itself."""
    return {n: v for n, v in item.items() if n != "event_ids"} if item else None


def _outcome(work: Work, table: Table) -> Any:
    try:
        return work(table)
    except ConditionFailedError as refused:
        return refused.failures, {n: _seen(item) for n, item in refused.items.items()}
    except Exception as error:  # a change of what was only put: refused by both, each in its way
        return "broken" if type(error).__name__ in ("ClientError", "KeyError") else error


@given(st.lists(works, min_size=1, max_size=40))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_table_in_memory_answers_as_dynamodb(moto: None, asked: list[Work]) -> None:
    real = fresh_table(boto3.client("dynamodb", config=SINGLE_ATTEMPT), "platform")
    fake = InMemoryTable()

    for work in asked:
        assert _outcome(work, fake) == _outcome(work, real)

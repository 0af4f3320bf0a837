"""From a table's writes, through its own stream, to the events that are published."""

import random

import pytest

from tenantry.messaging.publisher import ChangePublisher
from tenantry.messaging.stamp import Stamp
from tenantry.persistence.items import without_events
from tenantry.persistence.table import Table
from tenantry.persistence.writes import Change, Count, Create
from tests.support.clock import no_sleep
from tests.support.faults import injected, lose_answer
from tests.support.messages import FakeBus, FakeFailureQueue
from tests.support.ministack import MiniStack
from tests.support.streams import Record, Records, shuffled_with_duplicates
from tests.support.tables import fresh_table
from tests.support.things import made, retitled, thing_key

OWNER = {"PK": "ORG#acme", "SK": "ORGANIZATION"}


def _published(records: list[Record]) -> list[tuple[str, int]]:
    bus, failures = FakeBus(), FakeFailureQueue()
    ChangePublisher(bus, failures, sleep=no_sleep).publish(records)
    assert failures.kept == []
    return [(event.data["to"], event.entity_version) for event in bus.events]  # type: ignore[misc]


def _stream(ministack: MiniStack, table: Table) -> list[Record]:
    streams = ministack.client("dynamodbstreams")
    return Records().read(ministack.client("dynamodb"), table.name, streams)


def test_every_change_is_published_once_whatever_was_lost_and_counted_meanwhile(
    ministack: MiniStack, ministack_platform_table: Table, stamp: Stamp
) -> None:
    table = ministack_platform_table
    table.write(Create(OWNER, {"used": 0}))
    with injected(lose_answer(at=1)):
        table.write(made(stamp, title="one"))
    with injected(lose_answer(at=1)):
        table.transact([retitled(stamp, 1, "two"), Count(OWNER, "used", 1)])
    table.write(Change(thing_key(), 2, {"quiet": 1}, ()))
    table.write(retitled(stamp, 3, "four"))
    assert _published(_stream(ministack, table)) == [("one", 1), ("two", 2), ("four", 4)]


@pytest.mark.parametrize("kept_events", [False, True])
def test_moving_a_tenant_tells_nobody_anything(
    ministack: MiniStack, ministack_tenant_table: Table, stamp: Stamp, kept_events: bool
) -> None:
    """The twin keeps the events on the copies, and is heard."""
    old = ministack_tenant_table
    new = fresh_table(ministack.client("dynamodb"), "tenant")
    for n in range(5):
        old.write(made(stamp, str(n)))
    for item in old.query("ORG#acme", limit=100).items:
        new.put(item if kept_events else without_events(item))
    assert len(_published(_stream(ministack, new))) == (5 if kept_events else 0)


def test_a_copy_goes_on_telling_what_happens_to_it(
    ministack: MiniStack, ministack_tenant_table: Table, stamp: Stamp
) -> None:
    table = ministack_tenant_table
    table.write(made(stamp))
    (item,) = table.query("ORG#acme", limit=1).items
    copy = fresh_table(ministack.client("dynamodb"), "tenant")
    copy.put(without_events(item))
    copy.write(retitled(stamp, 1, "after the move"))
    assert _published(_stream(ministack, copy)) == [("after the move", 2)]


def test_records_twice_and_in_disorder_bring_no_event_that_did_not_happen(
    ministack: MiniStack, ministack_platform_table: Table, stamp: Stamp
) -> None:
    table = ministack_platform_table
    table.write(made(stamp, title="1"))
    for version in range(1, 10):
        table.write(retitled(stamp, version, str(version + 1)))
    records = _stream(ministack, table)
    dice = random.Random(13)
    published = _published(list(shuffled_with_duplicates(records, 5, dice.randint)))
    assert set(published) == {(str(n), n) for n in range(1, 11)}

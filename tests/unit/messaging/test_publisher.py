"""The publisher loses nothing: published, or kept whole with its cause (rows 15 and 16)."""

import random
from collections.abc import Mapping
from typing import Any

import pytest

from tenantry.messaging.changes import envelopes
from tenantry.messaging.event import Envelope
from tenantry.messaging.publisher import ChangePublisher
from tenantry.messaging.stamp import Stamp
from tests.support.clock import FakeClock, no_sleep
from tests.support.messages import FakeBus, FakeFailureQueue
from tests.support.streams import Record, Records, StreamDriver
from tests.support.things import changed, thing_key


def _records(stamp: Stamp, count: int, events: int = 1) -> list[Record]:
    records = Records()
    return [
        records.of(
            None,
            {
                **thing_key(str(n)),
                "tenant_id": "acme",
                "entity_type": "Thing",
                "entity_id": str(n),
                "entity_version": 1,
                "events": [changed(stamp, f"{n}.{e}").stored() for e in range(events)],
            },
        )
        for n in range(count)
    ]


def _poisoned(record: Record) -> Record:
    del record["dynamodb"]["NewImage"]["entity_type"]
    return record


def _publisher(bus: FakeBus, failures: FakeFailureQueue) -> ChangePublisher:
    return ChangePublisher(bus, failures, sleep=no_sleep)


def _through_lambda(publisher: ChangePublisher, records: list[Record]) -> StreamDriver:
    driver = StreamDriver(lambda event, _: publisher.publish(event["Records"]) and None)
    driver.run(records)
    return driver


def test_ten_poison_records_hold_up_nobody_and_are_kept_whole(stamp: Stamp) -> None:
    records = _records(stamp, 1000)
    poison = sorted(random.Random(15).sample(range(1000), 10))
    for n in poison:
        _poisoned(records[n])
    bus, failures = FakeBus(), FakeFailureQueue()
    driver = _through_lambda(_publisher(bus, failures), records)
    assert [e.entity_id for e in bus.events] == [str(n) for n in range(1000) if n not in poison]
    assert [record for record, _ in failures.kept] == [records[n] for n in poison]
    assert {cause for _, cause in failures.kept} == {
        "CORRUPT_DATA: a stamped event cannot be read: KeyError"
    }
    assert driver.invocations == [100] * 10
    assert driver.discarded == []


def test_without_isolation_a_poison_record_would_hold_up_its_neighbours(stamp: Stamp) -> None:
    records = _records(stamp, 100)
    _poisoned(records[50])
    bus = FakeBus()

    def publish_all(event: dict[str, Any], _: Any) -> None:
        bus.publish([each for record in event["Records"] for each in envelopes(record)])

    driver = StreamDriver(publish_all, bisect_batch_on_function_error=False)
    driver.run(records)
    assert bus.events == []
    assert len(driver.discarded[0].records) == 100


def test_mended_records_are_published_when_they_come_again(stamp: Stamp) -> None:
    records = _records(stamp, 3)
    healthy = {**records[1]["dynamodb"]["NewImage"]}
    _poisoned(records[1])
    bus, failures = FakeBus(), FakeFailureQueue()
    publisher = _publisher(bus, failures)
    publisher.publish(records)
    (kept, _cause), *_ = failures.kept
    mended = {**kept, "dynamodb": {**kept["dynamodb"], "NewImage": healthy}}
    publisher.publish([mended])
    assert [e.entity_id for e in bus.events] == ["0", "2", "1"]


@pytest.mark.parametrize("down_for", [10_000, 5])
def test_in_an_outage_everything_is_published_or_kept_without_a_storm(
    stamp: Stamp, down_for: int
) -> None:
    """Down for the first calls, then 30 % of the events refused."""
    dice = random.Random(16)
    bus, failures, clock = FakeBus(), FakeFailureQueue(), FakeClock()

    def refuse(_: Envelope) -> str | None:
        if bus.calls <= down_for:
            return "EndpointConnectionError: down"
        return "ThrottlingException: slower" if dice.random() < 0.3 else None

    bus._refuse = refuse
    publisher = ChangePublisher(bus, failures, sleep=clock.sleep, jitter=dice.random)
    _through_lambda(publisher, _records(stamp, 1000))
    published = {e.entity_id for e in bus.events}
    kept = {record["dynamodb"]["NewImage"]["entity_id"]["S"] for record, _ in failures.kept}
    assert len(bus.events) + len(failures.kept) == 1000
    assert published | kept == {str(n) for n in range(1000)}
    assert bus.calls <= 3 * 10
    assert len(set(clock.slept)) == len(clock.slept) > 0
    assert all(wait <= 0.4 for wait in clock.slept)


def test_a_record_of_which_one_event_is_refused_is_kept_and_both_are_counted(
    stamp: Stamp,
) -> None:
    bus = FakeBus(lambda e: "refused" if e.data["to"] == "1.1" else None)
    failures = FakeFailureQueue()
    published = _publisher(bus, failures).publish(_records(stamp, 3, events=2))
    assert (published.events, published.failed_records) == (5, 1)
    assert [e.data["to"] for e in bus.events] == ["0.0", "0.1", "1.0", "2.0", "2.1"]
    assert len(failures.kept) == 1


def test_when_nothing_can_be_kept_the_batch_comes_again(stamp: Stamp) -> None:
    class Broken(FakeFailureQueue):
        def keep(self, record: Mapping[str, Any], cause: str) -> None:
            raise ConnectionError("queue")

    with pytest.raises(ConnectionError):
        _publisher(FakeBus(lambda _: "refused"), Broken()).publish(_records(stamp, 1))
    assert _publisher(FakeBus(), Broken()).publish(_records(stamp, 1)).events == 1
    assert _publisher(FakeBus(), Broken()).publish([]).events == 0

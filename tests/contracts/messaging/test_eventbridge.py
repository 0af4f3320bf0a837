"""The bus adapter: entries within EventBridge's limits, refusals named one by one (row 16)."""

import json
import random
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from tenantry.bootstrap import SINGLE_ATTEMPT
from tenantry.messaging.event import Envelope
from tenantry.messaging.eventbridge import EventBridgeBus
from tenantry.messaging.publisher import ChangePublisher
from tenantry.messaging.sqs import SqsFailureQueue
from tenantry.messaging.stamp import Stamp
from tests.support.clock import FakeClock
from tests.support.faults import Calls, down, injected, partly_refused, recorded, refused
from tests.support.messages import FakeFailureQueue
from tests.support.streams import Record, Records, StreamDriver
from tests.support.things import changed, thing_key


@pytest.fixture
def bus(moto: None) -> EventBridgeBus:
    client: Any = boto3.client("events", config=SINGLE_ATTEMPT)
    client.create_event_bus(Name="things")
    return EventBridgeBus(client, "things")


def _envelopes(stamp: Stamp, *titles: str) -> list[Envelope]:
    return [
        Envelope(
            **changed(stamp, title).model_dump(),
            tenant_id="acme",
            entity_type="Thing",
            entity_id=str(n),
            entity_version=1,
        )
        for n, title in enumerate(titles)
    ]


def _entries(calls: Calls) -> list[list[dict[str, Any]]]:
    return [call.parameters["Entries"] for call in calls.of("PutEvents")]


def test_an_event_says_where_it_comes_from_and_what_it_is(
    bus: EventBridgeBus, stamp: Stamp
) -> None:
    (envelope,) = _envelopes(stamp, "größer")
    with recorded() as calls:
        assert bus.publish([envelope]) == {}
    ((entry,),) = _entries(calls)
    assert (entry["EventBusName"], entry["Source"]) == ("things", "tenantry.things")
    assert entry["DetailType"] == "ThingChanged"
    assert Envelope.model_validate_json(entry["Detail"]) == envelope


def test_ten_events_make_a_request(bus: EventBridgeBus, stamp: Stamp) -> None:
    with recorded() as calls:
        assert bus.publish(_envelopes(stamp, *("x" * 25))) == {}
    assert [len(entries) for entries in _entries(calls)] == [10, 10, 5]
    assert bus.publish([]) == {}


def test_no_request_is_larger_than_eventbridge_takes(bus: EventBridgeBus, stamp: Stamp) -> None:
    sizes = ["x" * 100_000] * 3 + ["é" * 120_000] + ["x"]
    with recorded() as calls:
        bus.publish(_envelopes(stamp, *sizes))
    assert [len(entries) for entries in _entries(calls)] == [2, 1, 2]
    for entries in _entries(calls):
        assert sum(len(e["Detail"].encode()) for e in entries) < 256 * 1024


def test_refused_entries_are_named_with_their_cause(bus: EventBridgeBus, stamp: Stamp) -> None:
    with injected(partly_refused(0.3, seed=3)) as calls:
        causes = bus.publish(_envelopes(stamp, *("x" * 40)))
    assert len(calls) == 4
    assert 0 < len(causes) < 40
    assert set(causes.values()) == {"ThrottlingException: injected"}


def test_a_refused_request_names_all_of_its_entries(bus: EventBridgeBus, stamp: Stamp) -> None:
    with injected(refused("InternalException", "PutEvents", first=1, status=500)):
        causes = bus.publish(_envelopes(stamp, *("x" * 15)))
    assert sorted(causes) == list(range(10))
    with injected(down("PutEvents")):
        causes = bus.publish(_envelopes(stamp, "x", "y"))
    assert sorted(causes) == [0, 1]
    assert all(cause.startswith("EndpointConnectionError") for cause in causes.values())


def _records(stamp: Stamp, count: int) -> Iterator[Record]:
    records = Records()
    for n in range(count):
        thing = {
            **thing_key(str(n)),
            "tenant_id": "acme",
            "entity_type": "Thing",
            "entity_id": str(n),
            "entity_version": 1,
            "events": [changed(stamp, "x").stored()],
        }
        yield records.of(None, thing)


@pytest.mark.parametrize("attempts", [1, 4])
def test_an_outage_takes_at_most_three_times_the_calls(
    bus: EventBridgeBus, stamp: Stamp, attempts: int
) -> None:
    """The twin with the SDK's own attempts shows why the bus's client makes a single one."""
    retries = {"mode": "standard", "total_max_attempts": attempts}
    config = SINGLE_ATTEMPT.merge(type(SINGLE_ATTEMPT)(retries=retries))  # type: ignore[arg-type]
    client = boto3.client("events", config=config)
    failures, clock, dice = FakeFailureQueue(), FakeClock(), random.Random(16)
    publisher = ChangePublisher(
        EventBridgeBus(client, "things"), failures, sleep=clock.sleep, jitter=dice.random
    )
    driver = StreamDriver(lambda event, _: publisher.publish(event["Records"]) and None)
    records = list(_records(stamp, 1000))
    with injected(down("PutEvents")) as calls:
        driver.run(records)
    assert len(failures.kept) == 1000
    assert (len(calls) <= 3 * 100) == (attempts == 1)


def test_what_cannot_be_published_is_kept_whole_in_the_queue(moto: None, stamp: Stamp) -> None:
    client: Any = boto3.client("sqs")
    url = client.create_queue(QueueName="failures")["QueueUrl"]
    (record,) = _records(stamp, 1)
    SqsFailureQueue(client, url).keep(record, "x" * 5000)
    (message,) = client.receive_message(QueueUrl=url)["Messages"]
    assert '"cause":"' + "x" * 1024 + '"' in message["Body"]
    assert json.loads(message["Body"])["record"] == record

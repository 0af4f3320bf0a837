"""From the table's stream to the bus: everything once, poison aside, copies silent (row 15)."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from functions.streams import publish_changes
from tenantry.errors import CorruptDataError
from tenantry.messaging.changes import envelopes
from tenantry.messaging.event import Actor, Envelope, Event
from tenantry.messaging.eventbridge import EventBridgeBus
from tenantry.persistence.items import stamped, without_events
from tests.support.clock import START
from tests.support.faults import (
    Calls,
    Stopped,
    down,
    injected,
    partly_refused,
    recorded,
    stop_after,
    stop_before,
)
from tests.support.invocations import forget, wire
from tests.support.lambda_context import lambda_context
from tests.support.streams import Records, StreamDriver


@dataclass
class Outside:
    """The bus and the failure queue, as they look from outside."""

    sqs: Any
    url: str

    def kept(self) -> list[dict[str, Any]]:
        """Everything in the failure queue."""
        found: list[dict[str, Any]] = []
        while True:
            answer = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
            if not answer.get("Messages"):
                return found
            for message in answer["Messages"]:
                found.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])


@pytest.fixture
def outside(moto: None, monkeypatch: pytest.MonkeyPatch) -> Outside:
    boto3.client("events").create_event_bus(Name="bus")
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="failures")["QueueUrl"]
    wire(monkeypatch, EVENT_BUS="bus", PUBLISHER_FAILURE_QUEUE_URL=url)
    return Outside(sqs, url)


def published(calls: Calls) -> Counter[str]:
    """How often each event id was taken by the bus."""
    found: Counter[str] = Counter()
    for call in calls.of("PutEvents"):
        if call.status != 200 or call.answer is None:
            continue
        entries = zip(call.parameters["Entries"], call.answer["Entries"], strict=True)
        found.update(
            json.loads(entry["Detail"])["id"]
            for entry, result in entries
            if not result.get("ErrorCode")
        )
    return found


def event(number: int) -> Event:
    return Event(
        id=f"e-{number}",
        type="OrganizationUpdated",
        context="organizations",
        occurred_at=START,
        actor=Actor(id="ada"),
        data={"organization_id": f"t-{number}", "fields": {}},
    )


def item(number: int, version: int = 1) -> dict[str, Any]:
    attributes = {
        "PK": f"ORG#t-{number}",
        "SK": "ORGANIZATION",
        "tenant_id": f"t-{number}",
        "entity_type": "Organization",
        "entity_id": f"t-{number}",
        "name": f"Acme {number}",
    }
    told = event(number * 10 + version)
    return stamped(attributes, version, (told,), [told.id])


def publish(records: list[dict[str, Any]]) -> Any:
    return publish_changes.handler({"Records": records}, lambda_context())


def test_an_events_whole_envelope_is_on_the_bus(outside: Outside) -> None:
    with recorded() as calls:
        answer = publish([Records().of(item(1), item(1, version=2))])

    [entry] = calls.of("PutEvents")[0].parameters["Entries"]
    assert answer == {"batchItemFailures": []}
    assert (entry["Source"], entry["DetailType"], entry["EventBusName"]) == (
        "tenantry.organizations",
        "OrganizationUpdated",
        "bus",
    )
    detail = json.loads(entry["Detail"])
    assert (detail["id"], detail["tenant_id"], detail["entity_version"]) == ("e-12", "t-1", 2)


def test_counters_deletions_and_old_events_are_silent(outside: Outside) -> None:
    records = Records()
    counted = {**item(1), "used_users": 2}

    with recorded() as calls:
        publish([records.of(item(1), counted), records.of(item(1), None)])

    assert published(calls) == Counter()


def test_copying_items_publishes_nothing(outside: Outside) -> None:
    records = Records()
    copies = [records.of(None, without_events(item(number))) for number in range(50)]

    with recorded() as calls:
        publish(copies)

    assert published(calls) == Counter()
    assert outside.kept() == []


def test_copying_items_with_their_events_would_publish_them_again(outside: Outside) -> None:
    """The twin of the test above."""
    records = Records()

    with recorded() as calls:
        publish([records.of(None, item(number)) for number in range(50)])

    assert len(published(calls)) == 50


def poisoned(records: Records, number: int) -> dict[str, Any]:
    """A record whose event has lost its actor."""
    broken = item(number)
    del broken["events"][0]["actor"]
    return records.of(None, broken)


def test_poison_does_not_hold_up_the_shard_and_is_kept_whole(outside: Outside) -> None:
    records, poison = Records(), range(37, 1000, 100)
    shard = [
        poisoned(records, number) if number in poison else records.of(None, item(number))
        for number in range(1000)
    ]
    driver = StreamDriver(publish_changes.handler)

    with recorded() as calls:
        driver.run(shard)

    expected = {f"e-{number * 10 + 1}" for number in range(1000) if number not in poison}
    assert published(calls) == Counter(expected)
    assert driver.discarded == []
    kept = outside.kept()
    by_number = {each["record"]["eventID"]: each for each in kept}
    assert len(kept) == 10
    for number in poison:
        found = by_number[shard[number]["eventID"]]
        assert found["record"] == shard[number]
        assert "cannot be read" in found["cause"]


def test_poison_that_was_not_set_aside_would_hold_up_its_batch(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above."""
    records = Records()
    shard = [poisoned(records, n) if n == 5 else records.of(None, item(n)) for n in range(10)]

    def unguarded(record: dict[str, Any]) -> list[Envelope]:
        try:
            return envelopes(record)
        except CorruptDataError as error:
            raise Stopped from error

    monkeypatch.setattr("tenantry.messaging.publisher.envelopes", unguarded)

    with recorded() as calls, pytest.raises(Stopped):
        publish(shard)

    assert published(calls) == Counter()


def test_what_the_bus_refuses_in_part_is_tried_again(outside: Outside) -> None:
    """Three times in all; the few that are still refused are kept, and none is told twice."""
    records = Records()

    with injected(partly_refused(0.3, seed=4)) as calls:
        publish([records.of(None, item(number)) for number in range(100)])

    kept = [each["record"]["dynamodb"]["NewImage"] for each in outside.kept()]
    ids = [image["events"]["L"][0]["M"]["id"]["S"] for image in kept]
    assert len(ids) < 10
    assert published(calls) + Counter(ids) == Counter(
        {f"e-{number * 10 + 1}": 1 for number in range(100)}
    )


def test_with_the_bus_down_every_record_is_kept(outside: Outside) -> None:
    records = Records()
    shard = [records.of(None, item(number)) for number in range(12)]

    with injected(down("PutEvents")):
        answer = publish(shard)

    assert answer == {"batchItemFailures": []}
    ids = sorted(each["record"]["eventID"] for each in outside.kept())
    assert ids == [record["eventID"] for record in shard]


def test_kept_records_are_published_once_they_are_sent_again(outside: Outside) -> None:
    records = Records()
    with injected(down("PutEvents")):
        publish([records.of(None, item(number)) for number in range(12)])

    with recorded() as calls:
        publish([each["record"] for each in outside.kept()])

    assert len(published(calls)) == 12


def test_with_bus_and_queue_down_the_batch_comes_again(outside: Outside) -> None:
    shard = [Records().of(None, item(1))]
    driver = StreamDriver(publish_changes.handler, maximum_retry_attempts=0)

    with injected(down("PutEvents", "SendMessage")):
        driver.run(shard)

    assert [each.records for each in driver.discarded] == [tuple(shard)]


@pytest.mark.parametrize("stop", [stop_before, stop_after])
def test_stopped_anywhere_a_batch_that_comes_again_is_published_whole(
    outside: Outside, stop: Callable[[int], Any]
) -> None:
    records = Records()
    shard = [records.of(None, item(number)) for number in range(25)]
    shard.insert(3, poisoned(records, 99))
    with recorded() as undisturbed:
        publish(shard)
    outside.kept()

    for at in range(1, len(undisturbed) + 1):
        with injected(stop(at)) as first, pytest.raises(Stopped):
            publish(shard)
        forget()
        with recorded() as second:
            publish(shard)

        together = published(first) + published(second)
        assert set(together) == {f"e-{number * 10 + 1}" for number in range(25)}
        assert {each["record"]["eventID"] for each in outside.kept()} == {shard[3]["eventID"]}


def test_a_publisher_that_survived_its_end_would_lose_events(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above: a batch is answered as done before it is."""
    original = EventBridgeBus.publish

    def careless(self: EventBridgeBus, events: Sequence[Envelope]) -> Mapping[int, str]:
        try:
            return original(self, events)
        except Stopped:
            return {}

    monkeypatch.setattr(EventBridgeBus, "publish", careless)
    records = Records()

    with injected(stop_before(2)) as calls:
        publish([records.of(None, item(number)) for number in range(25)])

    assert len(published(calls)) < 25
    assert outside.kept() == []


def test_what_happened_is_counted(outside: Outside, capsys: pytest.CaptureFixture[str]) -> None:
    records = Records()

    publish([records.of(None, item(1)), poisoned(records, 2)])

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [counted] = [line for line in lines if "EventsPublished" in line]
    assert (counted["EventsPublished"], counted["RecordsKept"]) == ([1.0], [1.0])
